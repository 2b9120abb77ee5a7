"""PostgreSQL's errors as sentences a person can act on; none of them repeats the address or a password."""

from __future__ import annotations

import psycopg
from psycopg import errors

from mplp_runtime.errors import StoreError, StoreLocked


def store_error(error: psycopg.Error | UnicodeEncodeError, name: str) -> StoreError:
    """The same failure as an error for the user; `name` says which state is meant."""
    if isinstance(error, UnicodeEncodeError):
        return StoreError(f"A name with half of a surrogate pair cannot be kept in {name}: {error.object!r}.")
    said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if isinstance(error, errors.LockNotAvailable | errors.DeadlockDetected | errors.SerializationFailure):
        return StoreLocked(f"{name} is in use by another process; try again in a moment.")
    if isinstance(error, errors.DiskFull):
        return StoreError(f"The disk of the server is full: nothing was saved in {name}.")
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return StoreError(f"{name} cannot be written: {said}.")
    if isinstance(error, psycopg.OperationalError):
        return StoreError(f"{name} cannot be reached: {said}. What was not acknowledged may not be saved.")
    return StoreError(f"{name} failed: {said}.")
