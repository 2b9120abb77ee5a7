"""SQLite's error codes as sentences a person can act on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mplp_runtime.errors import StoreError, StoreLocked

_SENTENCES = {
    sqlite3.SQLITE_FULL: "The disk is full, or the state's limit is reached: nothing was saved in {path}.",
    sqlite3.SQLITE_READONLY: "The state {path} cannot be written: the folder or the file is read-only.",
    sqlite3.SQLITE_CANTOPEN: "The state {path} cannot be opened: is its folder there, and writable?",
    sqlite3.SQLITE_PERM: "The state {path} cannot be opened: permission denied.",
    sqlite3.SQLITE_CORRUPT: "The state {path} is damaged; move it away, and a new one is made.",
    sqlite3.SQLITE_NOTADB: "The state {path} is not a database; move it away, and a new one is made.",
    sqlite3.SQLITE_IOERR: "The disk reported an error for {path}: nothing was saved.",
}


_LONGEST = 200
_NO_UTF_8 = "Could not decode to UTF-8"


def store_error(error: sqlite3.Error | UnicodeError, path: Path) -> StoreError:
    """The same failure as an error for the user. Extended codes count as their primary one."""
    if isinstance(error, UnicodeEncodeError):
        return StoreError(f"A name with half of a surrogate pair cannot be kept in {path}: {error.object!r}.")
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, UnicodeError) or (code is None and str(error).startswith(_NO_UTF_8)):
        # Of a text in the file, or of what SQLite quotes from it in an error of its own.
        code = sqlite3.SQLITE_CORRUPT
    primary = None if code is None else code & 0xFF
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreLocked(f"The state {path} is in use by another process; try again in a moment.")
    sentence = _SENTENCES.get(primary) if primary is not None else None
    return StoreError(sentence.format(path=path) if sentence else f"The state {path} failed: {told(error)}.")


def told(error: Exception) -> str:
    """What an error says, on one line and in bounds: it may quote a file that anybody may have made."""
    return "".join(each if each.isprintable() else "?" for each in str(error)[:_LONGEST])
