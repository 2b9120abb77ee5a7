"""How soon and how often a client is told to ask for lenses and hints again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from mplp_lsp.server.refresh import SOON_S, Refresh

LENSES = "workspace/codeLens/refresh"


class Clock:
    """What of an event loop `Refresh` uses, with a time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.new_event_loop()
        self._loop.close()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any) -> asyncio.TimerHandle:
        self.timers.append(asyncio.TimerHandle(when, callback, (), self._loop))
        return self.timers[-1]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer.when() <= self.now]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            if not timer.cancelled():
                timer._run()


def refreshing() -> tuple[Refresh, Clock, list[str]]:
    clock, sent = Clock(), list[str]()
    client = SimpleNamespace(
        pulls_diagnostics=False,
        refreshes_diagnostics=False,
        refreshes_inlay_hints=False,
        refreshes_code_lenses=True,
    )
    session = SimpleNamespace(
        client=client,
        process=SimpleNamespace(loop=clock),
        protocol=SimpleNamespace(send_request=sent.append),
    )
    return Refresh(SimpleNamespace(session=session)), clock, sent  # type: ignore[arg-type]


def test_changes_of_a_tenth_of_a_second_are_one_refresh() -> None:
    refresh, clock, sent = refreshing()
    for _ in range(5):
        refresh.soon()
        clock.pass_by(SOON_S / 10)
    assert sent == []
    clock.pass_by(SOON_S)
    assert sent == [LENSES]


def test_the_lenses_of_a_run_that_is_over_lose_their_count_at_once() -> None:
    refresh, clock, sent = refreshing()
    refresh.soon()
    clock.pass_by(SOON_S / 10)
    refresh.soon(at_once=True)
    clock.pass_by(0)
    assert sent == [LENSES], "what a step had asked for a moment before does not delay it"
    clock.pass_by(SOON_S * 2)
    assert sent == [LENSES], "and is told with it"


def test_runs_that_end_one_after_another_are_still_told_ten_times_a_second_at_most() -> None:
    refresh, clock, sent = refreshing()
    for _ in range(20):
        refresh.soon(at_once=True)
        clock.pass_by(SOON_S / 10)
    assert len(sent) in {2, 3}
    clock.pass_by(SOON_S)
    assert len(sent) == 3
