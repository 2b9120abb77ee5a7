"""A state that is looked at and not touched: no file is made, written, repaired, migrated or removed."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from mplp_runtime.disk import Stamp, stamp_of
from mplp_runtime.errors import StoreError, StoreKeyWrong, StoreLocked
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.encrypted import EncryptedStore
from mplp_runtime.vsl.foreign_state import refuse_special_files, version_of_ours
from mplp_runtime.vsl.interface import Reading, T, Transaction, ValueStateLayer
from mplp_runtime.vsl.operations import StoreOperations
from mplp_runtime.vsl.schema import VERSION, database_uri
from mplp_runtime.vsl.sqlite import SqliteStore
from mplp_runtime.vsl.sqlite_errors import store_error, told
from mplp_runtime.vsl.sqlite_transaction import SqliteReading

_HEADER = b"SQLite format 3\x00"
_WRITE_AHEAD_LOG = b"\x02"
_COPY = "state.db"
_LOOKS = 5
_BUSY_TIMEOUT_S = 10.0


def read_only_store(path: Path) -> ValueStateLayer:
    """The state at `path` for reading; what would change it raises StoreError.

    The state of an older version, and one that a process left half-way without its index, are read from a
    copy in the system's folder for such, which goes when the store is closed. Raises StoreTooNew for a later
    version, and StoreError for what is no state of ours (`foreign_state`).
    """
    path = path.absolute()
    refuse_special_files(path)
    for _ in range(_LOOKS):
        if not _is_without_index(path):
            break
        with suppress(_WrittenMeanwhile):
            return _copied(path, lambda target: _copy_files(path, target))
    store = ReadOnlyStore(path)
    try:
        if store.is_of_this_version():
            return store
        older = _copied(path, store.copy_to)
    except BaseException:
        store.close()
        raise
    store.close()
    return older


class ReadOnlyStore(StoreOperations):
    """Reads one SQLite file of this version, whether or not another process is writing to it.

    While there is a write-ahead log with its index, SQLite reads along with the writers, and keeps them from
    nothing but folding the log away. Without a log, nobody writes: the file is read as one that does not
    change, and a look during which it did is taken again.
    """

    def __init__(self, path: Path, copy: TemporaryDirectory[str] | None = None) -> None:
        """`copy`: the folder with what is read in the place of `path`, which goes with this store."""
        self.path = path
        self._copy = copy
        self._file = path if copy is None else Path(copy.name) / _COPY
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._openings = 0
        self._stamp: Stamp | None = None
        self._shows_sealed = False
        self._is_closed = False

    def is_of_this_version(self) -> bool:
        """False for an older one. Raises StoreError as `version_of_ours`."""
        return self._look(lambda connection: version_of_ours(connection, self.path), is_one=True) == VERSION

    def copy_to(self, target: Path) -> None:
        """Makes a copy that may be changed."""

        def copied(connection: sqlite3.Connection) -> None:
            target.unlink(missing_ok=True)
            with closing(sqlite3.connect(target)) as copy:
                connection.backup(copy)

        self._look(copied)

    def read(self, work: Callable[[Reading], T]) -> T:
        return self._look(
            lambda connection: work(SqliteReading(connection, shows_sealed=self._shows_sealed)), is_one=True
        )

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return self.transact_sync(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:  # noqa: ARG002 - nothing is begun
        """Refuses."""
        raise only_read(self.path)

    def data_version(self) -> int:
        """A number that changes when another process has committed."""
        # Each connection counts anew.
        return self._look(
            lambda connection: (self._openings << 32) + _number(connection, "PRAGMA data_version")
        )

    def show_sealed(self) -> None:
        """From now on encrypted rows are handed out as they stand."""
        self._shows_sealed = True

    def close(self) -> None:
        """Later calls raise StoreError. Closing twice is fine."""
        with self._lock:
            self._is_closed = True
            self._let_go()
            if self._copy is not None:
                self._copy.cleanup()

    def _look(self, work: Callable[[sqlite3.Connection], T], *, is_one: bool = False) -> T:
        """What `work` says of the file as it was at one moment; `is_one`: also over several statements."""
        with self._lock:
            if self._connection is not None and self._connection.in_transaction:
                # A read inside another one: whether the file has changed is looked at by that.
                return work(self._connection)
            for looks_left in reversed(range(_LOOKS)):
                try:
                    connection = self._opened()
                    if is_one:
                        connection.execute("BEGIN")
                    found = work(connection)
                except Exception as error:
                    if self._is_as_it_was() and not (looks_left and _is_in_the_way(error)):
                        if isinstance(error, sqlite3.Error | UnicodeError):
                            raise _unreadable(error, self.path) from error
                        raise
                else:
                    if self._is_as_it_was():
                        return found
                finally:
                    self._end()
                self._let_go()
        raise StoreLocked(f"The state {self.path} changes all the time; try again in a moment.")

    def _opened(self) -> sqlite3.Connection:
        if self._is_closed:
            raise StoreError("The state is closed.")
        if self._connection is None:
            refuse_special_files(self._file)
            stamp = stamp_of(self._file)
            has_writers = _log(self._file).exists() and _index(self._file).exists()
            is_still = _is_log_kept(self._file) and not has_writers
            how = "&immutable=1" if is_still else "&readonly_shm=1"
            self._stamp = stamp if is_still else None
            self._connection = sqlite3.connect(
                database_uri(self._file, "ro") + how,
                uri=True,
                timeout=_BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._openings += 1
            self._connection.execute("PRAGMA query_only = ON")
            self._connection.execute("PRAGMA trusted_schema = OFF")
        return self._connection

    def _is_as_it_was(self) -> bool:
        return self._stamp is None or (self._stamp == stamp_of(self._file) and not _size(_log(self._file)))

    def _end(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class EncryptedToRead(EncryptedStore):
    """Opens what any of the keys opens, and encrypts nothing anew. Raises StoreKeyWrong."""

    def __init__(self, backend: ValueStateLayer, cipher: Cipher) -> None:
        key_id = backend.read(lambda reading: reading.key_id())
        if key_id not in cipher.key_ids:
            raise StoreKeyWrong(
                f"The state is encrypted with the key {key_id}; the keys at hand are "
                f"{', '.join(cipher.key_ids)}."
            )
        StoreDecorator.__init__(self, backend)
        self._cipher = cipher
        backend.show_sealed()


def only_read(path: Path) -> StoreError:
    """What is said to whoever wants to change a state that is only looked at."""
    return StoreError(f"The state {path} is only looked at, so nothing is kept in it.")


def _copied(path: Path, copy_to: Callable[[Path], None]) -> ValueStateLayer:
    folder = TemporaryDirectory(prefix="mplp-state-")
    try:
        target = Path(folder.name) / _COPY
        copy_to(target)
        with closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            version_of_ours(connection, path)
        # Brought to this version, and its log folded in.
        SqliteStore(target).close()
        return ReadOnlyStore(path, folder)
    except (OSError, sqlite3.Error, UnicodeError) as error:
        folder.cleanup()
        raise StoreError(f"The state {path} cannot be copied to be read: {told(error)}.") from error
    except BaseException:
        folder.cleanup()
        raise


class _WrittenMeanwhile(Exception):
    """The files that were copied are no longer what they were when it began."""


def _is_without_index(path: Path) -> bool:
    """Whether a log was left without what it is read with, or its writer is just about to remove it."""
    return bool(_size(_log(path))) and not _index(path).exists()


def _copy_files(path: Path, target: Path) -> None:
    """Both files as they lie there: without an index nobody has them open. Raises _WrittenMeanwhile."""
    before = stamp_of(path), stamp_of(_log(path))
    try:
        for source, copy in ((path, target), (_log(path), _log(target))):
            shutil.copyfile(source, copy)
    except FileNotFoundError as error:
        raise _WrittenMeanwhile from error
    if before != (stamp_of(path), stamp_of(_log(path))) or not _is_without_index(path):
        raise _WrittenMeanwhile


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(pragma).fetchone()[0])


def _is_in_the_way(error: Exception) -> bool:
    """Whether a writer may just have been about to begin its log, or to take it away; or it was left so."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def _unreadable(error: sqlite3.Error | UnicodeError, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_READONLY_CANTLOCK:
        return StoreLocked(f"The state {path} changes all the time; try again in a moment.")
    if _is_in_the_way(error) or code == sqlite3.SQLITE_PROTOCOL:
        return StoreError(
            f"The state {path} was left half-way by a process, and reading it would change it. If you trust "
            "the folder (mplp-lsp trust DIR), that is put right at the next look."
        )
    return store_error(error, path)


def _is_log_kept(path: Path) -> bool:
    """Whether SQLite would make a write-ahead log for it. Raises StoreError for what is no database."""
    try:
        with path.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        raise StoreError(f"The state {path} cannot be read: {error.strerror}.") from error
    if not header.startswith(_HEADER):
        raise StoreError(f"The state {path} is not a database.")
    # How it is read decides for SQLite, whatever stands there of how it is written.
    return header[19:20] == _WRITE_AHEAD_LOG


def _log(path: Path) -> Path:
    return Path(f"{path}-wal")


def _index(path: Path) -> Path:
    return Path(f"{path}-shm")


def _size(path: Path) -> int:
    found = stamp_of(path)
    return 0 if found is None else found.size_bytes
