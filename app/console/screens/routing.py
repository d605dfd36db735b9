"""Screen 6: the rules in the order of deciding, what is wrong with them, and changing them safely."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from app.console.actions import BY_ID, ROUTING, bindings_for
from app.console.explaining import explain
from app.console.modals.detail import DetailScreen
from app.console.present.routing import RULE_COLUMNS, notes_model, rule_lines, severity_mark
from app.console.present.routing_checks import diff_lines
from app.console.ruling import RuleDesk
from app.console.screens.list_screen import ListScreen
from app.console.sources_rules import RuleNumbers, RuleSource
from engine.views_rules import FixView, RuleDraft, RuleRow, RulesView
from widgets.line_list import LineList
from widgets.notes_panel import NotesModel, NotesPanel
from widgets.paged_table import PagedTable
from widgets.panel import Panel
from widgets.table_columns import TableRow
from widgets.text import Line, Span, Tone, plain
from widgets.text_view import TextView

MOST_NOTE_LINES = 16


class RoutingScreen(ListScreen):
    """The rules. Enter edits the one under the cursor; every change is tried and shown before it is saved."""

    NAME = ROUTING
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(ROUTING)]
    COLUMNS = RULE_COLUMNS

    DEFAULT_CSS = """
    RoutingScreen {
        #notes { height: 5; }
        &.-narrow #split { height: 1fr; }
        &.-narrow #detail { display: none; }
        &.-narrow #notes { height: 8; }
        &.-narrow #notes:focus { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = RuleNumbers()
        self._rules: RulesView | None = None
        self._source: RuleSource | None = None

    def compose_body(self) -> Iterable[Widget]:
        """Return filter, rules beside the detail, and what is wrong."""
        yield Input(id="filter", placeholder="filter, enter keeps it, esc clears it", select_on_focus=False)
        with Container(id="split"):
            yield PagedTable(RULE_COLUMNS, "No rule is known yet.", id="table")
            yield TextView(id="detail")
        yield NotesPanel(id="notes")

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def settled(self) -> bool:
        """Whether everything that was asked for is shown."""
        loading = any(worker.group == "rules" and worker.is_running for worker in self.workers)
        return not loading and (super().settled or (self._rules is None and not self._delays))

    def apply_query(self) -> None:
        """Ask for the rules again, or filter those that are known."""
        if self._rules is None:
            self._load_rules()
        else:
            self._show(self._rules)

    def _follow(self) -> None:
        view = self.console.state.view
        if view is not None and view.revision != self._shown_revision:
            self._shown_revision = view.revision
            self._shown_at = self.console.clock.monotonic()
            self._load_rules()

    def _load_rules(self) -> None:
        self.load(self._fill_rules, "rules")

    async def _fill_rules(self) -> None:
        view = await self.console.ask(self.console.client.rules())
        if view is not None:
            self._rules = view
            self._show(view)

    def _show(self, view: RulesView) -> None:
        self._source = RuleSource(view, self._numbers, self.filter_text)
        self.table.set_empty("No rule matches. esc shows all." if self.filter_text else "No rule is known yet.")
        self.table.set_source(self._source)
        action = BY_ID["rule_fix"]
        key = "" if self.console.is_refused(action) else f"{self.console.state.keys.shown(action)} {action.label}:"
        model = notes_model(view, key) if view.rules or view.notes or view.fixes else NotesModel()
        self.query_one(NotesPanel).show(model)
        self.refresh_title()
        self._load_detail()

    def title_words(self) -> str:
        """Return the file, and what undo would take back."""
        view = self._rules
        if view is None:
            return ""
        action = BY_ID["undo"]
        offered = bool(view.undo) and not self.console.is_refused(action)
        undo = f" · {self.console.state.keys.shown(action)} undoes {view.undo}" if offered else ""
        return plain(f"{view.file.rsplit('/', 1)[-1]}{undo}", 100).replace("[", "(")

    async def detail_lines(self, row: TableRow) -> list[Line]:
        """Return the rule in full."""
        rule = self._source.row(row.id) if self._source is not None else None
        if rule is None:
            return [(Span("This rule is gone.", Tone.WARN),)]
        return rule_lines(rule, self.console.state.keys.shown(BY_ID["rule_restore"]))

    @on(Panel.Laid)
    def _fit_notes(self) -> None:
        notes = self.query_one(NotesPanel)
        if not self.has_class("-narrow"):
            notes.styles.height = min(MOST_NOTE_LINES, notes.wanted_height())
        else:
            notes.styles.clear_rule("height")

    @on(LineList.Edge)
    def _left_notes(self, event: LineList.Edge) -> None:
        if event.direction < 0:
            self.table.focus()

    # -- what is selected -------------------------------------------------------------------------

    def _rule(self) -> tuple[int, RuleRow] | None:
        """Return position and rule under the cursor."""
        row, source = self.table.row, self._source
        position = source.position(row.id) if row is not None and source is not None else None
        return None if position is None or source is None else (position, source.view.rules[position])

    def _file_rule(self) -> tuple[int, RuleRow] | None:
        """Return the rule under the cursor when it can be edited; else say why not."""
        chosen = self._rule()
        if chosen is None or chosen[1].vanished or not chosen[1].yaml:
            key = self.console.state.keys.shown(BY_ID["rule_new"])
            gone = chosen is not None and chosen[1].vanished
            back = self.console.state.keys.shown(BY_ID["rule_restore"])
            words = (
                f"It is gone from the file; {back} puts it back." if gone else f"It is built in; {key} writes a rule."
            )
            self.console.tell(words if chosen is not None else "No rule is selected.")
            return None
        return chosen

    def _fix(self) -> FixView | None:
        """Return the finding under the cursor when it can be mended, else the worst one that can."""
        view = self._rules
        fixes = {f"fix:{fix.id}": fix for fix in view.fixes} if view is not None else {}
        notes = self.query_one(NotesPanel)
        if notes.has_focus:
            return fixes.get(notes.cursor_key or "")
        first = next((row.key for row in notes.sheet.rows if row.key in fixes), None)
        return fixes.get(first or "")

    def _act(self, act: Coroutine[Any, Any, Any]) -> None:
        self.run_worker(act, group="act", exit_on_error=False)

    # -- acts -------------------------------------------------------------------------------------

    @on(PagedTable.Chosen)
    async def _open_rule(self, event: PagedTable.Chosen) -> None:
        chosen, view = self._rule(), self._rules
        if chosen is None or view is None:
            return
        if chosen[1].vanished or not chosen[1].yaml:
            lines = await self.detail_lines(event.row)
            self.console.push_screen(DetailScreen(lambda: lines, "rule_restore" if chosen[1].vanished else None))
            return
        self._act(self._edit(view, chosen[1].yaml, chosen[1].name))

    async def _edit(self, view: RulesView, yaml: str, replaces: str | None, position: int | None = None) -> None:
        # Not with the console: its text area brings a parser, which the first paint need not wait for.
        from app.console.modals.rule_editor import RuleEditor

        if await self.console.push_screen_wait(RuleEditor(view, yaml, replaces, position)):
            self._load_rules()

    async def _review(self, draft: RuleDraft, title: str, verb: str) -> None:
        view = self._rules
        if view is not None and await RuleDesk(self.console).review(draft, view.file, view.digest, title, verb):
            self._load_rules()

    def do_rule_new(self) -> None:
        """Write a new rule before the one under the cursor."""
        view, chosen = self._rules, self._rule()
        if view is None:
            self.console.tell("The rules are still being asked for.")
            return
        position = chosen[0] if chosen is not None and chosen[1].yaml and not chosen[1].vanished else None
        names = {row.name for row in view.rules}
        name = next(n for n in ("new rule", *(f"new rule {i}" for i in range(2, len(names) + 3))) if n not in names)
        from app.console.present.rule_form import NEW_RULE

        self._act(self._edit(view, NEW_RULE.replace("new rule", name), None, position))

    def do_rule_up(self) -> None:
        """Let the rule decide one place earlier."""
        self._move(-1)

    def do_rule_down(self) -> None:
        """Let the rule decide one place later."""
        self._move(1)

    def _move(self, step: int) -> None:
        chosen, view = self._file_rule(), self._rules
        if chosen is None or view is None:
            return
        position, rule = chosen
        other = view.rules[position + step] if 0 <= position + step < len(view.rules) else None
        if other is None or other.origin != rule.origin or not other.yaml:
            self.console.tell(f"It decides {'first' if step < 0 else 'last'} of its file already.")
            return
        earlier, at = (rule, position - 1) if step < 0 else (other, position)
        draft = RuleDraft(earlier.yaml, replaces=earlier.name, position=at)
        words = "before" if step < 0 else "after"
        self._act(self._review(draft, f"Let {plain(rule.name, 40)} decide {words} {plain(other.name, 40)}", "Move"))

    def do_rule_remove(self) -> None:
        """Remove the rule after a look at what changes."""
        chosen = self._file_rule()
        if chosen is not None:
            draft = RuleDraft("", replaces=chosen[1].name)
            self._act(self._review(draft, f"Remove {plain(chosen[1].name, 60)}", "Remove"))

    def do_rule_restore(self) -> None:
        """Put back the vanished rule under the cursor, else the first one."""
        chosen, view = self._rule(), self._rules
        gone = [row for row in view.rules if row.vanished] if view is not None else []
        if not gone:
            self.console.tell("No rule has vanished.")
            return
        rule = chosen[1] if chosen is not None and chosen[1].vanished else gone[0]
        self._act(self._review(RuleDraft(rule.yaml), f"Put back {plain(rule.name, 60)}", "Put back"))

    async def put_vanished_back(self) -> None:
        """Look at the rules anew, then put back the first that vanished."""
        await self._fill_rules()
        self.do_rule_restore()

    def do_rule_fix(self) -> None:
        """Preview what mends the finding, and apply it."""
        fix = self._fix()
        if fix is None:
            self.console.tell("Nothing here can be mended by a key; its remedy says what to edit.")
            return
        self._act(self._review(RuleDraft(fix_id=fix.id), f"Mend: {plain(fix.description, 70)}", "Apply"))

    @on(LineList.Chosen, "#notes")
    def _open_note(self, event: LineList.Chosen) -> None:
        view = self._rules
        if view is None:
            return
        kind, _, name = event.key.partition(":")
        lines: list[Line]
        if kind == "fix":
            fix = next(item for item in view.fixes if item.id == name)
            glyph, tone = severity_mark(fix.severity)
            lines = [
                (Span(f"{glyph} ", tone), Span(plain(fix.message, 1000), tone)),
                (Span(plain(fix.description)),),
                (),
            ]
            self.console.push_screen(DetailScreen(lambda: [*lines, *diff_lines(fix.diff)], self._offered("rule_fix")))
            return
        note = view.notes[int(name)]
        glyph, tone = severity_mark(note.severity)
        lines = [(Span(f"{glyph} line {note.line}  ", tone), Span(plain(note.message, 1000), tone)), ()]
        self.console.push_screen(DetailScreen(lambda: [*lines, (Span(plain(note.remedy, 1000), Tone.MUTED),)]))

    def _offered(self, action_id: str) -> str | None:
        return None if self.console.is_refused(BY_ID[action_id]) else action_id

    def do_undo(self) -> None:
        """Take the last edit of the rules back."""
        self._act(self._undo())

    async def _undo(self) -> None:
        await RuleDesk(self.console).undo()
        self._load_rules()

    def do_explain(self) -> None:
        """Ask for a file and a node, and say why."""
        self._act(explain(self.console))
