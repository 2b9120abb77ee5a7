"""The default store: one SQLite file, every acknowledged write on disk, many units of work in one commit."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.filesystems import supports_write_ahead_log
from mplp_runtime.vsl.group_commit import Unit, commit_together
from mplp_runtime.vsl.interface import Json, Reading, T, Transaction
from mplp_runtime.vsl.journal_room import JournalRoom
from mplp_runtime.vsl.operations import StoreOperations
from mplp_runtime.vsl.patience import is_busy
from mplp_runtime.vsl.schema import database_uri, migrate, refuse_newer
from mplp_runtime.vsl.sqlite_errors import store_error
from mplp_runtime.vsl.sqlite_transaction import SqliteReading
from mplp_runtime.vsl.transaction_handle import TransactionHandle
from mplp_runtime.vsl.values import MISPLACED_TRANSACTION, StoreLimits
from mplp_runtime.vsl.writer_thread import WriterThread
from mplp_runtime.vsl.writer_turn import WriterTurn

Journal = Literal["wal", "delete"]
_PAGE_BYTES = 4096
_JOURNAL_BYTES_KEPT = 64 * 1024 * 1024
_PAGES_IN_JOURNAL = 4000
"""What a run writes again and again goes into the file once for so many."""
_PAGES_KEPT_FOR_ONE_COMMIT = 2000
"""A plan with a hundred thousand steps comes into the graph in one transaction, and an index is written in
the order of its random ids: without room for it, each page would go to disk and come back a dozen times."""


class SqliteStore(StoreOperations):
    """A ValueStateLayer in one file that several processes may share (D19).

    `transact` returns after COMMIT with `synchronous=FULL`: what was acknowledged survives kill -9 and power
    loss. Writers of other processes are waited for up to `busy_timeout_s`, then StoreLocked is raised. Raises
    StoreTooNew for a file of a later version and StoreError for one that cannot be opened. The
    file system decides on `journal` unless it is given.

    >>> import tempfile
    >>> store = SqliteStore(Path(tempfile.mkdtemp()) / "state.db")
    >>> store.transact_sync(lambda transaction: transaction.set("answer", 42))
    >>> store.read(lambda reading: reading.get("answer"))
    42
    >>> store.close()
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float = 10.0,
        limits: StoreLimits | None = None,
        journal: Journal | None = None,
    ) -> None:
        # Connections are opened later too, when the working folder may be another one.
        self.path = path = path.absolute()
        self._busy_timeout_s = busy_timeout_s
        self._limits = limits or StoreLimits()
        refuse_newer(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
        wanted = journal or ("wal" if supports_write_ahead_log(path.parent) else "delete")
        self._writer = self._open_writer(wanted)
        self._identity = _identity_of(path)
        self._readers: deque[sqlite3.Connection] = deque()
        self._reads = threading.local()
        self._shows_sealed = False
        room = JournalRoom(path, _PAGES_IN_JOURNAL * _PAGE_BYTES)
        self._turn = WriterTurn(self._writer, room.make)
        self._thread = WriterThread(self._commit, self._limits)

    async def get(self, key: str, transaction: TransactionHandle | None = None) -> Json | None:
        if transaction is not None:
            return await transaction.get(key)
        # One statement is a consistent view by itself.
        with self._reader() as connection:
            return SqliteReading(connection, shows_sealed=self._shows_sealed).get(key)

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await self._thread.run(work)

    async def transact_each(self, works: Sequence[Callable[[Transaction], None]]) -> None:
        await self._thread.run_each(works)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        # With a rollback journal a commit waits until nobody reads.
        if self._thread.is_current or self._read_depth() > 0:
            raise RuntimeError(MISPLACED_TRANSACTION)
        return self._thread.run_sync(work)

    def read(self, work: Callable[[Reading], T]) -> T:
        with self._reader() as connection:
            connection.execute("BEGIN")
            self._reads.depth = self._read_depth() + 1
            try:
                return work(SqliteReading(connection, shows_sealed=self._shows_sealed))
            finally:
                self._reads.depth -= 1
                connection.execute("ROLLBACK")

    def data_version(self) -> int:
        with self._errors():
            self._refuse_if_closed()
            return self._turn.data_version()

    def show_sealed(self) -> None:
        self._shows_sealed = True

    def close(self) -> None:
        """Commits what is waiting, then closes. Later calls raise StoreError. Closing twice is fine."""
        if self._thread.close():
            self._close_readers()
            self._turn.close()

    def _connect(self, mode: Literal["rwc", "rw"]) -> sqlite3.Connection:
        # Only the writer may make the file: a reader that did would find an empty state in it.
        return sqlite3.connect(
            database_uri(self.path, mode),
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )

    def _open_writer(self, journal: Journal) -> sqlite3.Connection:
        with self._errors():
            connection = self._connect("rwc")
            try:
                self._journal = chosen = self._choose_journal(connection, journal)
                # Deleting a rollback journal is the commit; EXTRA brings that to disk as well.
                connection.execute(f"PRAGMA synchronous = {'FULL' if chosen == 'wal' else 'EXTRA'}")
                # On macOS an ordinary fsync may leave the data in the drive's own cache.
                connection.execute("PRAGMA fullfsync = ON")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_JOURNAL}")
                connection.execute(f"PRAGMA cache_spill = {_PAGES_KEPT_FOR_ONE_COMMIT}")
                connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES_KEPT}")
                if self._limits.file_bytes is not None:
                    connection.execute(f"PRAGMA max_page_count = {self._limits.file_bytes // _PAGE_BYTES}")
                migrate(connection, self.path)
                # From now on `commit_together` waits: in SQLite's own wait nobody could ask `data_version`.
                connection.execute("PRAGMA busy_timeout = 0")
            except BaseException:
                connection.close()
                raise
            return connection

    def _choose_journal(self, connection: sqlite3.Connection, journal: Journal) -> Journal:
        """Asks until nobody else is switching: SQLite does not wait by itself for a change of journal."""
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0] == journal:
                    return journal
                chosen = connection.execute(f"PRAGMA journal_mode = {journal}").fetchone()[0]
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
                continue
            if journal == "wal" and chosen != "wal":
                connection.execute("PRAGMA journal_mode = DELETE")
                return "delete"
            return journal

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise store_error(error, self.path) from error

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A read connection of the pool. A connection is used by one thread at a time."""
        if self._thread.is_current and self._writer.in_transaction:
            raise RuntimeError("inside a transaction, read through it")
        with self._errors():
            self._refuse_if_closed()
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect("rw")
                connection.execute("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                self._readers.append(connection)
                # Whichever of the two comes second, `close` or this, finds the connection.
                if not self._is_open():
                    self._close_readers()

    def _close_readers(self) -> None:
        while self._readers:
            with suppress(IndexError):
                self._readers.pop().close()

    def _is_open(self) -> bool:
        return not self._thread.is_closed

    def _refuse_if_closed(self) -> None:
        if self._thread.is_closed:
            raise StoreError("The state is closed.")

    def _read_depth(self) -> int:
        """How many reads the calling thread is inside of."""
        depth: int = getattr(self._reads, "depth", 0)
        return depth

    def _commit(self, units: Sequence[Unit]) -> Sequence[Unit]:
        return commit_together(
            self._turn,
            units,
            self._limits,
            self.path,
            self._loss(),
            shows_sealed=self._shows_sealed,
            patience_s=self._busy_timeout_s,
        )

    def _loss(self) -> StoreError | None:
        """Why nothing more can be kept: SQLite would go on writing to a file that no longer has a name."""
        found = _identity_of(self.path)
        if found is None:
            return StoreError(f"The state {self.path} was removed while it was in use; start mplp-lsp again.")
        if found != self._identity and self._journal == "wal":
            # Without shared memory, on network folders, the numbers of a file may change by themselves.
            return StoreError(
                f"The state {self.path} was replaced while it was in use; start mplp-lsp again."
            )
        return None


def _identity_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def integrity_check(path: Path) -> list[str]:
    """What SQLite finds wrong with the file; an empty list for a sound one. Opens it read-only.

    Raises StoreError if the file cannot be read at all.
    """
    try:
        connection = sqlite3.connect(database_uri(path, "ro"), uri=True)
        try:
            rows: list[tuple[Any, ...]] = connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    return [row[0] for row in rows if row[0] != "ok"]
