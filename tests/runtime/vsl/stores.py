"""Every back end and every stack of decorators that the contract is tested on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from mplp_runtime.lazy_store import LazyStore
from mplp_runtime.vsl.cached import CachedStore
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.encrypted import EncryptedStore
from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.keys import Key
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore

CIPHER = Cipher([Key.of(bytes(range(32)))])

WITHOUT_SERVER = (
    "memory",
    "sqlite",
    "sqlite-rollback-journal",
    "lazy",
    "encrypted-memory",
    "encrypted-sqlite",
    "cached-memory",
    "cached-sqlite",
    "cached-encrypted-sqlite",
    "encrypted-cached-sqlite",
)
WITH_SERVER = (
    "postgres",
    "encrypted-postgres",
    "cached-postgres",
    "cached-encrypted-postgres",
)


def make_store(name: str, folder: Path, address: Callable[[], str]) -> ValueStateLayer:
    """The store of that name; `address` is only asked where a server is needed. A schema is a fresh one."""
    for decorator in ("cached", "encrypted"):
        if name.startswith(f"{decorator}-"):
            below = make_store(name.removeprefix(f"{decorator}-"), folder, address)
            return (
                CachedStore(below, look_every_s=0) if decorator == "cached" else EncryptedStore(below, CIPHER)
            )
    if name == "memory":
        return MemoryStore()
    if name == "lazy":
        return LazyStore(folder / "state.db")
    if name == "postgres":
        from mplp_runtime.vsl.postgres import PostgresStore

        return PostgresStore(address(), f"t_{uuid4().hex}")
    return SqliteStore(folder / "state.db", journal="wal" if name == "sqlite" else "delete")
