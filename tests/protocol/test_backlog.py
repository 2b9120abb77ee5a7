"""Changes that wait for each other."""

from __future__ import annotations

import asyncio
from typing import Any

from mplp_lsp.server.backlog import Backlog
from mplp_lsp.server.turns import SMALL_CHARACTERS
from mplp_lsp.text.edits import Change

URI = "file:///a.plan.json"
LIMIT_S = 20.0


def letter(text: str) -> Change:
    return ((0, 0), (0, 0)), text


class Desk:
    """What was applied, and a backlog in front of it; only URI is open, at version 1."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, int, list[Change]]] = []
        self.is_broken = False
        self.backlog = Backlog(asyncio.get_running_loop(), {URI: 1, URI + "2": 1}.get, self.apply)

    def apply(self, uri: str, version: int, changes: list[Change]) -> None:
        self.applied.append((uri, version, changes))
        if self.is_broken:
            raise ValueError(uri)


async def test_changes_are_applied_together_in_their_order_with_the_last_version() -> None:
    desk = Desk()
    assert desk.backlog.add(URI, 2, [letter("a"), letter("b")])
    assert desk.backlog.add(URI, 3, [letter("c")])
    assert not desk.applied
    desk.backlog.settle()
    desk.backlog.settle()
    assert desk.applied == [(URI, 3, [letter("a"), letter("b"), letter("c")])]


async def test_a_full_text_makes_what_came_before_it_needless() -> None:
    desk = Desk()
    desk.backlog.add(URI, 2, [letter("a")])
    desk.backlog.add(URI, 3, [letter("b"), (None, "{}"), letter("c")])
    desk.backlog.settle()
    assert desk.applied == [(URI, 3, [(None, "{}"), letter("c")])]


async def test_what_does_not_follow_or_is_large_or_not_open_is_not_taken() -> None:
    desk = Desk()
    assert not desk.backlog.add(URI, 1, [letter("a")])
    assert not desk.backlog.add("file:///unknown", 2, [letter("a")])
    assert desk.backlog.add(URI, 5, [letter("a")])
    assert not desk.backlog.add(URI, 5, [letter("b")])
    assert not desk.backlog.add(URI, 6, [letter("b" * SMALL_CHARACTERS)])
    desk.backlog.settle()
    assert desk.applied == [(URI, 5, [letter("a")])]


async def test_an_endless_flood_is_applied_now_and_then() -> None:
    desk = Desk()

    async def until_applied() -> int:
        version = 1
        while len(desk.applied) < 2:
            version += 1
            desk.backlog.add(URI, version, [letter("a")])
            await asyncio.sleep(0)
        return version

    sent = await asyncio.wait_for(until_applied(), LIMIT_S)
    assert sum(len(changes) for _, _, changes in desk.applied) <= sent - 1
    assert desk.applied[0][1] < desk.applied[1][1]


async def test_a_bug_with_one_document_leaves_the_others_their_changes(caplog: Any) -> None:
    desk = Desk()
    desk.is_broken = True
    desk.backlog.add(URI, 2, [letter("a")])
    desk.backlog.add(URI + "2", 2, [letter("b")])
    desk.backlog.settle()
    assert [uri for uri, _, _ in desk.applied] == [URI, URI + "2"]
    assert "A bug while applying changes." in caplog.text


async def test_what_is_forgotten_is_never_applied() -> None:
    desk = Desk()
    desk.backlog.add(URI, 2, [letter("a")])
    desk.backlog.forget()
    desk.backlog.settle()
    assert not desk.applied
