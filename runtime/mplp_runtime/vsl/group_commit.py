"""Many units of work in one COMMIT: each in its own savepoint, all answered once they are on disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.callbacks import run_callback
from mplp_runtime.vsl.patience import execute_patiently
from mplp_runtime.vsl.sqlite_errors import store_error
from mplp_runtime.vsl.sqlite_transaction import SqliteTransaction
from mplp_runtime.vsl.values import StoreLimits
from mplp_runtime.vsl.writer_turn import WriterTurn

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Unit:
    """One call of `transact`: the work, and where its result goes. `loop` is set for callers that await.

    `others` are works that follow, each in a commit of its own; the result is that of the last.
    """

    work: Callable[[Any], Any]
    future: asyncio.Future[Any] | Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    result: Any = None
    error: BaseException | None = None
    others: Sequence[Callable[[Any], Any]] = ()

    def take_next(self) -> bool:
        """Whether there is another work to be done, which is the unit's from now on."""
        if self.error is not None or not self.others:
            return False
        self.work, self.others = self.others[0], self.others[1:]
        return True


def commit_together(
    turn: WriterTurn,
    units: Sequence[Unit],
    limits: StoreLimits,
    path: Path,
    refusal: BaseException | None = None,
    *,
    shows_sealed: bool = False,
    patience_s: float = 0.0,
) -> Sequence[Unit]:
    """Runs all units in one transaction and returns them with their results or errors.

    With a `refusal`, none is run, and that is the error of each. Locks of others are waited for up to
    `patience_s`, and no longer than somebody waits for one of the units.

    A unit that raises is undone alone. If the whole transaction is lost (full disk, locked file), every unit
    of it fails: nothing is acknowledged that is not on disk. A unit whose caller has given up is left out.
    """
    units = [unit for unit in units if not unit.future.cancelled()]
    if not units:
        return units

    def is_given_up() -> bool:
        return all(unit.future.cancelled() for unit in units)

    if refusal is not None:
        for unit in units:
            unit.error = refusal
        return units
    connection = turn.connection
    with turn.taken():
        try:
            execute_patiently(connection, "BEGIN IMMEDIATE", patience_s, is_given_up, turn.sleep)
            turn.begun()
            transaction = SqliteTransaction(connection, limits, shows_sealed=shows_sealed)
            if len(units) > 1:
                for unit in units:
                    _run(unit, transaction, path)
            elif not _is_done_alone(units[0], transaction, path):
                _roll_back(connection)
                return units
            # Without a write-ahead log, a commit waits until nobody reads.
            execute_patiently(connection, "COMMIT", patience_s, is_given_up, turn.sleep)
        except Exception as error:
            _roll_back(connection)
            reason = _reason(error, path)
            for unit in units:
                unit.error = reason
            return units
        for callback in transaction.in_turn:
            run_callback(callback)
    for callback in transaction.callbacks:
        run_callback(callback)
    return units


class _TransactionLost(Exception):
    """SQLite rolled the whole transaction back by itself, as it does on a full disk."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        # The next BEGIN fails with the same reason and says it.
        logger.debug("A transaction could not be rolled back.", exc_info=True)


def _reason(error: BaseException, path: Path) -> BaseException:
    """What the callers are told; what is no SQLite error is our bug, and they must not wait for ever."""
    if isinstance(error, _TransactionLost):
        return error.reason
    return store_error(error, path) if isinstance(error, sqlite3.Error | UnicodeEncodeError) else error


def _work(unit: Unit, transaction: SqliteTransaction, path: Path) -> None:
    unit.result = unit.work(transaction)
    if not transaction.connection.in_transaction:
        # The work has kept the error to itself; whatever comes now would be a commit of its own.
        raise StoreError(f"The disk reported an error for {path}: nothing was saved.")
    transaction.insert_pending()


def _run(unit: Unit, transaction: SqliteTransaction, path: Path) -> None:
    connection = transaction.connection
    clock, callbacks = transaction.clock, len(transaction.callbacks)
    connection.execute("SAVEPOINT unit")
    try:
        _work(unit, transaction, path)
    except BaseException as error:
        unit.error = _reason(error, path)
        if not connection.in_transaction:
            raise _TransactionLost(unit.error) from error
        connection.execute("ROLLBACK TO unit")
        transaction.undo(clock, callbacks)
    connection.execute("RELEASE unit")


def _is_done_alone(unit: Unit, transaction: SqliteTransaction, path: Path) -> bool:
    """The same for the only unit, without a savepoint, which copies every page that is changed inside it."""
    try:
        _work(unit, transaction, path)
    except BaseException as error:
        unit.error = _reason(error, path)
    return unit.error is None


def settle(units: Sequence[Unit]) -> None:
    """Hands every unit's outcome to its caller; one wake-up per event loop, however many units it awaits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        if unit.loop is not None:
            by_loop.setdefault(unit.loop, []).append(unit)
        else:
            _complete(unit)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_complete_all, waiting)
        except RuntimeError:
            logger.debug("An event loop closed before %d commits were acknowledged to it.", len(waiting))


def _complete_all(units: Sequence[Unit]) -> None:
    for unit in units:
        _complete(unit)


def _complete(unit: Unit) -> None:
    if unit.future.done():
        return
    if unit.error is None:
        unit.future.set_result(unit.result)
    else:
        unit.future.set_exception(unit.error)
