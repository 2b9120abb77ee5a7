"""What is handed in to be written together: whoever hands it in learns what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mplp_runtime.orchestrator.ledger import Entry, Ledger
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.interface import T, Transaction
from mplp_runtime.vsl.transaction_decorator import TransactionDecorator
from tests.runtime.orchestrator.projects import Project, plan, step, step_id

LIMIT_S = 20
NOT_DONE = "The store has acknowledged what it has not done."


class Forgetful(StoreDecorator):
    """Acknowledges each transaction, and calls nothing of what was to be called once it is durable."""

    class Kept(TransactionDecorator):
        def after_commit(self, callback: Callable[[], None]) -> None:
            """Is forgotten."""

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await super().transact(lambda transaction: work(self.Kept(transaction)))


@asynccontextmanager
async def forgetful_ledger(root: Path) -> AsyncIterator[tuple[Ledger, RunState, list[RunState]]]:
    """The ledger of a run of one step that was carried out once, and the states it showed."""
    project = Project(root, plan(step("a")))
    shown: list[RunState] = []
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        await runtime.runs.wait(run_id)
        state = runtime.vsl.read(lambda reading: load_state(reading, run_id))
        assert state is not None
        chronicle = runtime.runs.recovery.chronicle(state)
        yield Ledger(Forgetful(runtime.vsl), state, chronicle, shown.append), state, shown


def second_attempt(state: RunState) -> Record:
    known = state.attempts.get(step_id("a"))
    assert known is not None
    return {**known, "attempt": 2}


@pytest.mark.parametrize("hand_in", [Ledger.start, Ledger.end])
async def test_who_hands_in_what_a_store_acknowledges_and_does_not_do_is_told_that_it_failed(
    tmp_path: Path, hand_in: Callable[[Ledger, Entry], None]
) -> None:
    async with forgetful_ledger(tmp_path) as (ledger, state, shown):
        told: list[str] = []
        record = second_attempt(state)
        hand_in(ledger, Entry(record, lambda _: told.append("done"), lambda why: told.append(str(why))))
        await asyncio.wait_for(ledger.settled(), LIMIT_S)
        assert told == [NOT_DONE]
        assert (state.attempts.number(step_id("a")), shown) == (1, [])


class TwoRounds:
    """Plays two steps one after the other, and notes what it is told of them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.told: list[tuple[str, int]] = []

    def play(self) -> Sequence[Sequence[Record]]:
        return [[self.record], [{**self.record, "attempt": 3}]]

    def written(self, count: int) -> None:
        self.told.append(("written", count))

    def failed(self, problem: BaseException, count: int) -> None:
        self.told.append((str(problem), count))


async def test_steps_that_were_played_and_that_a_store_acknowledges_and_does_not_keep_have_all_failed(
    tmp_path: Path,
) -> None:
    async with forgetful_ledger(tmp_path) as (ledger, state, shown):
        ledger.player = player = TwoRounds(second_attempt(state))
        ledger.play_soon()
        await asyncio.wait_for(ledger.settled(), LIMIT_S)
        assert player.told == [(NOT_DONE, 2)]
        assert (state.attempts.number(step_id("a")), shown) == (1, [])
