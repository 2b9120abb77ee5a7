"""The store for more than one machine: PostgreSQL, through psycopg 3, many units of work in one commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.callbacks import run_callback
from mplp_runtime.vsl.group_commit import Unit
from mplp_runtime.vsl.interface import Reading, T, Transaction
from mplp_runtime.vsl.operations import StoreOperations
from mplp_runtime.vsl.values import MISPLACED_TRANSACTION, StoreLimits
from mplp_runtime.vsl.writer_thread import WriterThread

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    from mplp_runtime.vsl.postgres_errors import store_error
    from mplp_runtime.vsl.postgres_schema import prepare, use_schema
    from mplp_runtime.vsl.postgres_transaction import PostgresReading, PostgresTransaction
except ImportError as _error:
    raise StoreError(
        "A state in PostgreSQL needs the package psycopg: pip install 'mplp-lsp[postgres]'."
    ) from _error

_IDLE_LIMIT = "120s"
"""How long a writer may do nothing inside a transaction: a stopped process must not lock others out."""


class PostgresStore(StoreOperations):
    """A ValueStateLayer in one schema of a PostgreSQL database that processes of many machines may share.

    `transact` returns after COMMIT with `synchronous_commit` on. Writers take turns: each commit holds the
    lock of one row, which is what makes two owners of a run impossible. Others are waited for up to
    `busy_timeout_s`, then StoreLocked is raised. A lost connection is made anew with the next call. Raises
    StoreTooNew for a schema of a later version and StoreError where the server cannot be used.
    """

    def __init__(
        self,
        address: str,
        schema: str,
        *,
        busy_timeout_s: float = 10.0,
        limits: StoreLimits | None = None,
    ) -> None:
        """`address` is what libpq takes, as a URL or as `key=value` words; it is never repeated anywhere."""
        _refuse_unreadable(address)
        self.schema = schema
        self._name = f"The state in PostgreSQL (schema {schema})"
        self._address = address
        self._busy_timeout_s = busy_timeout_s
        self._limits = limits or StoreLimits()
        self._shows_sealed = False
        self._is_working = False
        self._own_commits = 0
        self._version_lock = threading.Lock()
        self._readers: deque[psycopg.Connection] = deque()
        self._reads = threading.local()
        with self._errors():
            self._writer = self._connect(is_writer=True)
            try:
                prepare(self._writer, schema, self._name)
            except BaseException:
                self._writer.close()
                raise
        self._thread = WriterThread(self._commit, self._limits)

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await self._thread.run(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        if self._thread.is_current or self._read_depth() > 0:
            raise RuntimeError(MISPLACED_TRANSACTION)
        return self._thread.run_sync(work)

    def read(self, work: Callable[[Reading], T]) -> T:
        if self._thread.is_current and self._is_working:
            raise RuntimeError("inside a transaction, read through it")
        with self._errors(), self._reader() as connection:
            self._reads.depth = self._read_depth() + 1
            try:
                return work(PostgresReading(connection, shows_sealed=self._shows_sealed))
            finally:
                self._reads.depth -= 1

    def data_version(self) -> int:
        # Own commits do not count. The lock keeps one from falling between the two numbers.
        with self._errors(), self._version_lock, self._reader() as connection:
            [commits] = connection.execute("SELECT commits FROM clock").fetchone() or (0,)
            return int(commits) - self._own_commits

    def show_sealed(self) -> None:
        self._shows_sealed = True

    def close(self) -> None:
        """Commits what is waiting, then closes. Later calls raise StoreError. Closing twice is fine."""
        if self._thread.close():
            self._close_readers()
            self._writer.close()

    def _connect(self, *, is_writer: bool) -> psycopg.Connection:
        connection = psycopg.connect(
            self._address,
            autocommit=True,
            connect_timeout=max(2, int(self._busy_timeout_s)),
            application_name="mplp-lsp",
            client_encoding="UTF8",
        )
        try:
            if is_writer:
                # Whatever the server's own setting: what is acknowledged is on disk.
                connection.execute("SET synchronous_commit = on")
                connection.execute(f"SET lock_timeout = {int(self._busy_timeout_s * 1000)}")
                connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_LIMIT}'")
            use_schema(connection, self.schema)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise store_error(error, self._name) from error

    @contextmanager
    def _reader(self) -> Iterator[psycopg.Connection]:
        """A read connection of the pool, in a transaction that sees one moment."""
        if self._thread.is_closed:
            raise StoreError("The state is closed.")
        connection = self._begun_reader()
        try:
            yield connection
        finally:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            if connection.broken:
                connection.close()
            else:
                self._readers.append(connection)
            # Whichever of the two comes second, `close` or this, finds the connection.
            if not self._is_open():
                self._close_readers()

    def _is_open(self) -> bool:
        return not self._thread.is_closed

    def _begun_reader(self) -> psycopg.Connection:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        while True:
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect(is_writer=False)
                connection.execute(begin)
                return connection
            try:
                connection.execute(begin)
            except psycopg.OperationalError:
                # The server was started anew since; a fresh connection shows whether it is there.
                connection.close()
            else:
                return connection

    def _close_readers(self) -> None:
        while self._readers:
            with suppress(IndexError):
                self._readers.pop().close()

    def _read_depth(self) -> int:
        depth: int = getattr(self._reads, "depth", 0)
        return depth

    def _commit(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Runs all units in one transaction; one that raises is undone alone."""
        units = [unit for unit in units if not unit.future.cancelled()]
        if not units:
            return units
        callbacks: list[Callable[[], None]] = []
        self._is_working = True
        try:
            callbacks = self._committed(units)
        except Exception as error:
            with suppress(psycopg.Error):
                self._writer.execute("ROLLBACK")
            reason = self._reason(error)
            for unit in units:
                unit.error = reason
        finally:
            self._is_working = False
        for callback in callbacks:
            run_callback(callback)
        return units

    def _committed(self, units: Sequence[Unit]) -> list[Callable[[], None]]:
        transaction = self._begun()
        clock = transaction.clock
        for unit in units:
            self._run(unit, transaction)
        if not transaction.has_written:
            self._writer.execute("ROLLBACK")
            return transaction.callbacks
        if transaction.clock != clock:
            self._writer.execute("UPDATE clock SET lamport = %s, commits = commits + 1", (transaction.clock,))
        else:
            self._writer.execute("UPDATE clock SET commits = commits + 1")
        with self._version_lock:
            self._writer.execute("COMMIT")
            self._own_commits += 1
        return transaction.callbacks

    def _begun(self) -> PostgresTransaction:
        """A transaction that holds the one lock; with a fresh connection if the old one is lost."""
        try:
            if self._writer.closed:
                self._writer = self._connect(is_writer=True)
            row = self._locked_clock()
        except psycopg.OperationalError:
            if not self._writer.broken:
                raise
            self._writer.close()
            self._writer = self._connect(is_writer=True)
            row = self._locked_clock()
        return PostgresTransaction(self._writer, self._limits, row, shows_sealed=self._shows_sealed)

    def _locked_clock(self) -> tuple[int, str | None]:
        self._writer.execute("BEGIN")
        row = self._writer.execute("SELECT lamport, key_id FROM clock FOR UPDATE").fetchone()
        if row is None:
            raise StoreError(f"{self._name} is damaged: its clock is gone.")
        return row[0], row[1]

    def _run(self, unit: Unit, transaction: PostgresTransaction) -> None:
        clock, callbacks = transaction.clock, len(transaction.callbacks)
        self._writer.execute("SAVEPOINT unit")
        try:
            unit.result = unit.work(transaction)
            transaction.flush()
        except BaseException as error:
            unit.error = self._reason(error)
            if self._writer.broken:
                raise
            self._writer.execute("ROLLBACK TO unit")
            transaction.forget(clock, callbacks)
        self._writer.execute("RELEASE unit")

    def _reason(self, error: BaseException) -> BaseException:
        if isinstance(error, psycopg.Error | UnicodeEncodeError):
            return store_error(error, self._name)
        return error


def _refuse_unreadable(address: str) -> None:
    try:
        conninfo_to_dict(address)
    except psycopg.Error:
        # Not even as a cause: libpq repeats the whole address, password and all.
        raise StoreError(
            "The address of the state in PostgreSQL cannot be read; it looks like "
            "postgresql://user@host:port/database."
        ) from None
