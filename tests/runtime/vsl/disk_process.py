"""A process that meets a disk without room, or one that cannot be written, and says what it saw as JSON.

Usage: python disk_process.py full|full-by-limit|read-only STORE FOLDER

`full` and `read-only` mount a small disk of their own at FOLDER, so they run where that is allowed: as root,
in a mount namespace of their own. `full-by-limit` limits the size of files instead.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from mplp_runtime.errors import StoreError
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check
from tests.runtime.vsl.stores import make_store

SIZE = 1024 * 1024


def mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)


def no_server() -> str:
    raise AssertionError("only files are meant")


def full(name: str, folder: Path, *, by_limit: bool) -> dict[str, object]:
    if by_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, SIZE))
    else:
        mount(folder, "-o", f"size={SIZE}")
        (folder / "ballast").write_bytes(bytes(SIZE // 4))
    store = make_store(name, folder, no_server)
    acknowledged: list[str] = []
    errors: list[str] = []
    while len(errors) < 3:
        key = f"key/{len(acknowledged) + len(errors):06}"
        try:
            store.transact_sync(lambda transaction, key=key: transaction.set(key, "x" * 4000))
            acknowledged.append(key)
        except StoreError as error:
            errors.append(str(error))
    readable = store.read(lambda reading: list(reading.keys("key/"))) == acknowledged
    goes_on = by_limit
    if not by_limit:
        (folder / "ballast").unlink()
        store.transact_sync(lambda transaction: transaction.set("after", 1))
        goes_on = store.read(lambda reading: reading.get("after")) == 1
    store.close()
    again = make_store(name, folder, no_server)
    kept = again.read(lambda reading: list(reading.keys("key/")))
    again.close()
    return {
        "acknowledged": len(acknowledged),
        "errors": errors,
        "readable": readable,
        "kept": kept == acknowledged,
        "goes_on": goes_on,
        "integrity": integrity_check(folder / "state.db"),
    }


def read_only(folder: Path) -> dict[str, object]:
    mount(folder)
    (folder / "mplp.toml").write_text("")
    store = SqliteStore(folder / ".mplp" / "state.db")
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        SqliteStore(folder / ".mplp" / "state.db").transact_sync(
            lambda transaction: transaction.set("key", 2)
        )
        error = ""
    except StoreError as found:
        error = str(found)
    runtime = Runtime.open(folder)
    is_durable = runtime.vsl.is_durable
    runtime.vsl.transact_sync(lambda transaction: transaction.set("key", 3))
    runtime.vsl.close()
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    again = SqliteStore(folder / ".mplp" / "state.db")
    kept = again.read(lambda reading: reading.get("key"))
    again.close()
    return {"error": error, "is_durable": is_durable, "kept": kept}


if __name__ == "__main__":
    mode, name, place = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    result = read_only(place) if mode == "read-only" else full(name, place, by_limit=mode == "full-by-limit")
    print(json.dumps(result))  # noqa: T201
