"""Routing rules over the control socket: both ends' half of RulesClient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

from engine.client_levers import RulesClient
from engine.views_rules import DraftCheck, ExplainView, RuleDraft, RulesView, SaveResult, TrialView


class RulesCalls(ABC):
    """The methods of RulesClient as calls of a running engine."""

    @abstractmethod
    async def _call(self, name: str, params: Mapping[str, object]) -> object:
        """Return what the engine answers."""

    async def rules(self) -> RulesView:
        """See RulesClient."""
        return cast(RulesView, await self._call("rules", {}))

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """See RulesClient."""
        return cast(DraftCheck, await self._call("check_rule", {"draft": draft}))

    async def rule_trial(self) -> TrialView | None:
        """See RulesClient."""
        return cast(TrialView | None, await self._call("rule_trial", {}))

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """See RulesClient."""
        return cast(SaveResult, await self._call("save_rule", {"draft": draft, "digest": digest}))

    async def undo_rules(self) -> SaveResult:
        """See RulesClient."""
        return cast(SaveResult, await self._call("undo_rules", {}))

    async def explain(self, key: str, node: str) -> ExplainView:
        """See RulesClient."""
        return cast(ExplainView, await self._call("explain", {"key": key, "node": node}))


class RulesPassedOn(ABC):
    """The methods of RulesClient passed on to an engine in this process."""

    @property
    @abstractmethod
    def _engine(self) -> RulesClient:
        """Return the engine; raises SyncdeckError while there is none."""

    async def rules(self) -> RulesView:
        """See RulesClient."""
        return await self._engine.rules()

    async def check_rule(self, draft: RuleDraft) -> DraftCheck:
        """See RulesClient."""
        return await self._engine.check_rule(draft)

    async def rule_trial(self) -> TrialView | None:
        """See RulesClient."""
        return await self._engine.rule_trial()

    async def save_rule(self, draft: RuleDraft, digest: str) -> SaveResult:
        """See RulesClient."""
        return await self._engine.save_rule(draft, digest)

    async def undo_rules(self) -> SaveResult:
        """See RulesClient."""
        return await self._engine.undo_rules()

    async def explain(self, key: str, node: str) -> ExplainView:
        """See RulesClient."""
        return await self._engine.explain(key, node)
