"""Has the client ask again for what no edit of its own changed: findings, hints, lenses, virtual texts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lsprotocol import types

from mplp_lsp.workspace.store import Update
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.world import DocumentFacts

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk

SOON_S = 0.1
CONTENTS_S = 0.5
MOST_CONTENTS = 20

_IN_LENSES = frozenset({"confirm", SETTINGS})
_IN_CONTENTS = frozenset({"plan"})


class Refresh:
    """Has the client ask again, at most ten times a second; only where it said that it can.

    Virtual documents (`mplp-graph:`, `mplp-trace:`) are asked for again twice a second at most, and only the
    last `MOST_CONTENTS` that the client has read: nobody tells when one is closed.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at = 0.0
        self._contents_timer: asyncio.TimerHandle | None = None
        self._wanted: set[str] = set()
        self._contents: dict[str, None] = {}

    def soon(
        self, *, diagnostics: bool = True, hints: bool = True, lenses: bool = True, at_once: bool = False
    ) -> None:
        """Everything that shows runs, trust or other documents, or the parts named.

        `at_once`: what is shown is final, and an instant in which it says otherwise would be seen.
        """
        client = self._desk.session.client
        if diagnostics and client.pulls_diagnostics and client.refreshes_diagnostics:
            self._wanted.add(types.WORKSPACE_DIAGNOSTIC_REFRESH)
        if hints and client.refreshes_inlay_hints:
            self._wanted.add(types.WORKSPACE_INLAY_HINT_REFRESH)
        if lenses and client.refreshes_code_lenses:
            self._wanted.add(types.WORKSPACE_CODE_LENS_REFRESH)
        loop = self._desk.session.process.loop
        due = max(loop.time(), self._sent_at + SOON_S) if at_once else loop.time() + SOON_S
        if self._wanted and (self._timer is None or due < self._timer.when()):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(due, self._send)
        if hints or lenses:
            self._contents_soon()

    def after(self, updates: Iterable[Update]) -> None:
        """What documents show of others: lenses follow approvals and settings, hints after ids the names."""
        changed = list(updates)
        # The kind first: whether a long text has changed takes long to say.
        lenses = any(update.kinds & _IN_LENSES and update.has_new_text for update in changed)
        hints = any(_is_called_differently(update) for update in changed)
        if lenses or hints:
            self.soon(diagnostics=False, hints=hints, lenses=lenses)
        if any(update.kinds & _IN_CONTENTS for update in changed):
            self._contents_soon()

    def content_read(self, uri: str) -> None:
        """The client shows this virtual document now."""
        self._contents.pop(uri, None)
        self._contents[uri] = None
        while len(self._contents) > MOST_CONTENTS:
            del self._contents[next(iter(self._contents))]

    def close(self) -> None:
        """Nothing is asked any more."""
        for timer in (self._timer, self._contents_timer):
            if timer is not None:
                timer.cancel()
        self._wanted.clear()
        self._contents.clear()

    def _contents_soon(self) -> None:
        if self._contents and self._contents_timer is None:
            loop = self._desk.session.process.loop
            self._contents_timer = loop.call_later(CONTENTS_S, self._send_contents)

    def _send(self) -> None:
        self._timer = None
        self._sent_at = self._desk.session.process.loop.time()
        wanted, self._wanted = self._wanted, set()
        for method in sorted(wanted):
            self._desk.session.protocol.send_request(method)

    def _send_contents(self) -> None:
        self._contents_timer = None
        for uri in self._contents:
            self._desk.session.protocol.send_request(
                types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, {"uri": uri}
            )


def _is_called_differently(update: Update) -> bool:
    """Whether hints in other documents name it otherwise now. One that only comes or goes is told by others:
    a document that opens was known before, and at the start everything comes at once."""
    before = update.before.facts if update.before is not None else None
    after = update.after.facts if update.after is not None else None
    return before is not None and before is not after and _called(before) != _called(after)


def _called(facts: DocumentFacts | None) -> object:
    return None if facts is None else (facts.id, facts.title, facts.status)
