"""The editor of one rule: a form and its YAML kept in step, and below what it would mean, tried as you type."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Label, TextArea

from app.console.modals.confirm import ConfirmScreen
from app.console.present.routing_checks import check_lines, has_mistake, trial_lines
from app.console.present.rule_form import FIELDS, fields_of, with_field
from app.console.ruling import RuleDesk
from config.editing.errors import EditRefused
from engine.errors import SyncdeckError
from engine.views_rules import DraftCheck, RuleDraft, RulesView
from widgets.text import Line, Span, Tone, plain
from widgets.text_view import TextView
from widgets.yaml_area import YamlArea

if TYPE_CHECKING:
    from app.console.app import SyncdeckApp

CHECK_PAUSE_SECONDS = 0.15
"""How long typing must rest before a draft is tried."""
TRIAL_SECONDS = 0.4
"""Between two looks at how far a long trial is."""


class RuleEditor(ModalScreen[bool]):
    """Edits one rule, or writes a new one (``replaces`` None); True when the file has it (or theirs) now."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it on instances
    AUTO_FOCUS = "#yaml"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,s", "save", "Save", show=False),
        Binding("f3", "form", "Form", show=False),
        Binding("escape", "leave", "Close", show=False),
    ]
    DEFAULT_CSS = """
    RuleEditor {
        background: $background;
        & > #box { width: 100%; height: 100%; border: round $primary; border-title-color: $text-primary;
                   border-title-style: bold; border-subtitle-color: $text-muted; background: $background; }
        #sides { height: 14; }
        #form { width: 46; height: 1fr; border: round $border-blurred; border-title-color: $text-primary;
                border-title-style: bold; padding: 0 1; background: $background; scrollbar-size-vertical: 1; }
        #form:focus-within { border: round $primary; }
        #form Horizontal { height: 1; }
        #form Label { width: 10; color: $text-muted; }
        #form Input { height: 1; border: none; padding: 0 1; background: $panel; width: 1fr; }
        #form Input:focus { background: $block-hover-background; }
        #yaml { width: 1fr; height: 1fr; }
        #meaning { height: 1fr; border: round $border-blurred; border-title-color: $text-primary;
                   border-title-style: bold; padding: 0 1; background: $background; }
        #meaning:focus { border: round $primary; }
        #meaning.-bad { border: round $error; border-title-color: $text-error; }
        &.-narrow #sides { height: 11; }
        &.-narrow #form { display: none; width: 1fr; }
        &.-narrow.-form #form { display: block; }
        &.-narrow.-form #yaml { display: none; }
        &:ansi > #box { border: round ansi_blue; }
        &:ansi #form, &:ansi #meaning { border: round ansi_bright_black; border-title-color: ansi_blue; }
        &:ansi #form:focus-within, &:ansi #meaning:focus { border: round ansi_blue; }
        &:ansi #meaning.-bad { border: round ansi_red; }
    }
    """

    def __init__(self, view: RulesView, yaml_text: str, replaces: str | None, position: int | None = None) -> None:
        super().__init__()
        self._view = view
        self._before = yaml_text if replaces is not None else ""
        self._start = yaml_text
        self._replaces = replaces
        self._position = position
        self._check: DraftCheck | None = None
        self._checked: RuleDraft | None = None
        self._delay: Timer | None = None
        self._saving = False

    @property
    def console(self) -> SyncdeckApp:
        """The app, by its own type."""
        return cast("SyncdeckApp", self.app)

    @property
    def settled(self) -> bool:
        """Whether what is shown is what the draft means."""
        return self._delay is None and not any(w.is_running for w in self.workers if w.group == "check")

    @property
    def draft(self) -> RuleDraft:
        """The edit as it stands."""
        return RuleDraft(self.query_one("#yaml", YamlArea).text, self._replaces, self._position)

    def compose(self) -> ComposeResult:
        """Return form beside YAML, and what it means below."""
        box = Vertical(id="box")
        box.border_title = f"Rule: {plain(self._replaces, 60)}" if self._replaces else "New rule"
        box.border_subtitle = "f2 save · f3 form · tab next field · esc close"
        fields = fields_of(self._start) or {}
        with box:
            with Horizontal(id="sides"):
                form = VerticalScroll(id="form", can_focus=False)
                form.border_title = "Form"
                with form:
                    for field in FIELDS:
                        with Horizontal():
                            yield Label(field.label)
                            value = fields.get(field.id, "")
                            yield Input(value, placeholder=field.example, id=f"field-{field.id}", compact=True)
                area = YamlArea(self._start, id="yaml")
                area.border_title = "YAML"
                yield area
            meaning = TextView(id="meaning")
            meaning.border_title = "What it would mean"
            yield meaning

    def on_mount(self) -> None:
        """Try what is there."""
        for field in self.query(Input):
            field.cursor_blink = False
        self._try()

    # -- form and YAML in step --------------------------------------------------------------------

    @on(Input.Changed)
    def _field_changed(self, event: Input.Changed) -> None:
        event.stop()
        area = self.query_one("#yaml", YamlArea)
        try:
            changed = with_field(area.text, (event.input.id or "").removeprefix("field-"), event.value)
        except EditRefused as error:
            self._tell(error.cause, error.remedy)
            return
        if changed != area.text:
            area.replace(changed, area.document.start, area.document.end)

    @on(TextArea.Changed)
    def _yaml_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        fields = fields_of(event.text_area.text)
        if fields is not None:
            for field in self.query(Input):
                value = fields[(field.id or "").removeprefix("field-")]
                if field.value != value and not field.has_focus:
                    with field.prevent(Input.Changed):
                        field.value = value
        if self._delay is not None:
            self._delay.stop()
        self._delay = self.set_timer(CHECK_PAUSE_SECONDS, self._try)

    # -- what it means ----------------------------------------------------------------------------

    def _try(self) -> None:
        self._delay = None
        self.run_worker(self._ask(self.draft), group="check", exclusive=True, exit_on_error=False)

    async def _ask(self, draft: RuleDraft) -> None:
        telling = asyncio.create_task(self._tell_so_far())
        try:
            check = await self.console.ask(self.console.client.check_rule(draft))
        finally:
            telling.cancel()
        if check is None:
            self._tell("the engine could not try it", "what is written here stays; change it to try again")
            return
        self._check, self._checked = check, draft
        bad = has_mistake(check)
        meaning = self.query_one("#meaning", TextView)
        meaning.set_class(bad, "-bad")
        meaning.border_title = "✗ A mistake" if bad else "What it would mean"
        calm: list[Line] = [(Span("✓ Nothing changes.", Tone.GOOD),)]
        meaning.show(check_lines(check, self.console.state.names) or calm)
        meaning.scroll_home(animate=False)
        lines = frozenset(note.line for note in check.notes if note.severity == "error")
        self.query_one("#yaml", YamlArea).mark_lines(lines)

    async def _tell_so_far(self) -> None:
        """Show how far a long trial is, until it is through."""
        meaning = self.query_one("#meaning", TextView)
        while True:
            await asyncio.sleep(TRIAL_SECONDS)
            try:
                trial = await self.console.client.rule_trial()
            except SyncdeckError:
                return  # What cannot be told here is told by the check itself.
            if trial is not None:
                meaning.remove_class("-bad")
                meaning.border_title = "What it would mean, so far"
                meaning.show(trial_lines(trial, self.console.state.names))

    def _tell(self, cause: str, remedy: str) -> None:
        meaning = self.query_one("#meaning", TextView)
        meaning.add_class("-bad")
        meaning.border_title = "✗ A mistake"
        meaning.show([(Span(f"✗ {plain(cause)}", Tone.BAD),), (Span(plain(remedy), Tone.MUTED),)])

    # -- saving and leaving -----------------------------------------------------------------------

    def action_form(self) -> None:
        """Go between form and YAML; where it is narrow only one of them is shown."""
        on_form = self.query_one("#form").has_pseudo_class("focus-within")
        self.set_class(not on_form, "-form")
        self.query_one("#yaml" if on_form else "#field-name").focus()

    def action_save(self) -> None:
        """Save what was tried, after a look at what changes."""
        if not self._saving and not RuleDesk(self.console).refused():
            self._saving = True
            self.run_worker(self._save(), group="save", exit_on_error=False)

    async def _save(self) -> None:
        desk, draft = RuleDesk(self.console), self.draft
        try:
            if self._check is None or self._checked != draft:
                check = await self.console.ask(self.console.client.check_rule(draft))
            else:
                check = self._check
            if check is None:
                return
            if has_mistake(check):
                self.console.tell("There is a mistake: it is marked, and told below.", warn=True)
            elif await desk.save(draft, check, self._view.file, self._view.digest, f"Save {self._called(draft)}"):
                self.dismiss(True)
        finally:
            self._saving = False

    def _called(self, draft: RuleDraft) -> str:
        fields = fields_of(draft.yaml)
        return plain(fields["name"], 60) if fields else "the rule"

    def action_leave(self) -> None:
        """Close; ask when something was written."""
        if self.draft.yaml == self._start:
            self.dismiss(False)
        else:
            self.run_worker(self._leave(), group="leave", exclusive=True, exit_on_error=False)

    async def _leave(self) -> None:
        lines: list[Line] = [(Span("What was written here is lost. The file stays as it is."),)]
        if await self.console.push_screen_wait(ConfirmScreen("Close without saving", lines, "Discard")):
            self.dismiss(False)
