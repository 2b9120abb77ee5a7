"""A process that writes to a store until it is killed, and says on standard output what was acknowledged.

Usage: python writer_process.py DATABASE NAME COUNT [early]

DATABASE is a file, or the address and the schema of a PostgreSQL state with a bar between them.

With `early` it lies: it says so before the commit. A test of the test uses that.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.postgres import PostgresStore
from mplp_runtime.vsl.sqlite import SqliteStore

CONCURRENT = 8


def opened(name: str) -> SqliteStore | PostgresStore:
    address, bar, schema = name.partition("|")
    return PostgresStore(address, schema) if bar else SqliteStore(Path(name))


async def main(path: str, name: str, count: int, *, is_early: bool) -> None:
    store = opened(path)
    numbers = iter(range(count))

    async def write() -> None:
        for number in numbers:

            def work(transaction: Transaction, number: int = number) -> int:
                transaction.write_node("Step", f"{name}-{number}", {"number": number, "padding": "x" * 200})
                transaction.set("count", (transaction.get("count") or 0) + 1)
                lamport = transaction.append_event(name, {"event_family": "intent", "number": number})
                if is_early:
                    os.write(1, f"{number} {lamport}\n".encode())
                return lamport

            lamport = await store.transact(work)
            if not is_early:
                os.write(1, f"{number} {lamport}\n".encode())

    await asyncio.gather(*[write() for _ in range(CONCURRENT)])
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), is_early="early" in sys.argv[4:]))
