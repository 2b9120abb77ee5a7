"""What only a server can do to a store: being shared, going away, being somebody else's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from mplp_runtime.errors import StoreError, StoreLocked, StoreTooNew
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.postgres import PostgresStore
from mplp_runtime.vsl.schema import VERSION
from mplp_runtime.vsl.values import StoreLimits
from tests.runtime.vsl.postgres_server import Server

WRITER = Path(__file__).parent / "writer_process.py"


@pytest.fixture
def schema() -> str:
    return f"t_{uuid4().hex}"


@pytest.fixture
def store(address: Callable[[], str], schema: str) -> Iterator[PostgresStore]:
    made = PostgresStore(address(), schema, busy_timeout_s=5)
    yield made
    made.close()


def administrator(server: Server) -> psycopg.Connection:
    return psycopg.connect(server.address, autocommit=True)


def writer(server: Server, schema: str, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WRITER), f"{server.address}|{schema}", name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_two_processes_write_at_once_and_share_one_clock(postgres: Server, schema: str) -> None:
    processes = [writer(postgres, schema, name, 60) for name in ("left", "right")]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    times = sorted(int(line.split()[1]) for output in outputs for line in output.splitlines())
    assert times == list(range(1, 121)), "each event has a time of its own"
    store = PostgresStore(postgres.address, schema)
    assert store.read(lambda reading: (reading.get("count"), reading.lamport())) == (120, 120)
    store.close()


def test_kill_9_loses_nothing_that_was_acknowledged(postgres: Server, schema: str) -> None:
    process = writer(postgres, schema, "victim", 1_000_000)
    assert process.stdout is not None
    output = b""
    while output.count(b"\n") < 25:
        output += process.stdout.read1()
    process.kill()
    output += process.stdout.read()
    process.wait(10)
    process.stdout.close()
    known = [line.split() for line in output.decode().split("\n")[:-1]]
    store = PostgresStore(postgres.address, schema)
    stored = {
        row.event["number"]: row.lamport for row in store.read(lambda reading: reading.events("victim"))
    }
    assert {int(number): int(lamport) for number, lamport in known}.items() <= stored.items()
    nodes = store.read(lambda reading: len(reading.nodes("Step")))
    assert store.read(lambda reading: (reading.get("count"), reading.lamport())) == (nodes, len(stored))
    assert nodes == len(stored), "all or nothing"
    store.transact_sync(lambda transaction: transaction.set("after", 1))
    store.close()


def test_two_that_want_to_own_the_same_thing_never_both_get_it(postgres: Server, schema: str) -> None:
    stores = [PostgresStore(postgres.address, schema) for _ in range(4)]

    def claim(transaction: Transaction, owner: int, number: int) -> bool:
        key = f"run_owner/{number}"
        if transaction.get(key) is not None:
            return False
        transaction.set(key, owner)
        return True

    won: list[tuple[int, int]] = []

    def claim_all(owner: int) -> None:
        won.extend(
            (number, owner)
            for number in range(20)
            if stores[owner].transact_sync(lambda tx, number=number: claim(tx, owner, number))
        )

    threads = [threading.Thread(target=claim_all, args=(owner,)) for owner in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in won) == list(range(20))
    owners = stores[0].read(lambda reading: [reading.get(f"run_owner/{number}") for number in range(20)])
    assert owners == [owner for _, owner in sorted(won)]
    for each in stores:
        each.close()


def test_commits_of_others_change_the_data_version_and_own_ones_do_not(
    store: PostgresStore, postgres: Server, schema: str
) -> None:
    other = PostgresStore(postgres.address, schema)
    before = store.data_version()
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    assert store.data_version() == before
    other.transact_sync(lambda transaction: transaction.get("key"))
    assert store.data_version() == before, "nothing was written"
    other.transact_sync(lambda transaction: transaction.set("key", 2))
    assert store.data_version() != before
    assert store.read(lambda reading: reading.get("key")) == 2
    other.close()


async def test_many_units_of_work_share_a_commit(store: PostgresStore, postgres: Server, schema: str) -> None:
    await asyncio.gather(*[store.set(f"{number}", number) for number in range(200)])
    with administrator(postgres) as connection:
        [commits] = connection.execute(f'SELECT commits FROM "{schema}".clock').fetchone() or (0,)  # noqa: S608
    assert commits < 100
    assert len(store.read(lambda reading: reading.keys())) == 200


async def test_more_callers_than_fit_into_the_queue_are_all_served(postgres: Server, schema: str) -> None:
    store = PostgresStore(postgres.address, schema, limits=StoreLimits(pending=4, batch=2))
    await asyncio.gather(*[store.set(f"{number}", number) for number in range(60)])
    assert len(store.read(lambda reading: reading.keys())) == 60
    store.close()


def test_an_unfinished_read_sees_one_moment(store: PostgresStore) -> None:
    store.transact_sync(lambda transaction: transaction.set("key", "before"))

    def read_twice(reading: object) -> tuple[object, object]:
        first = reading.get("key")  # type: ignore[attr-defined]
        thread = threading.Thread(target=lambda: store.transact_sync(lambda tx: tx.set("key", "after")))
        thread.start()
        thread.join()
        return first, reading.get("key")  # type: ignore[attr-defined]

    assert store.read(read_twice) == ("before", "before")
    assert store.read(lambda reading: reading.get("key")) == "after"


def test_a_state_that_somebody_keeps_locked_is_told(postgres: Server, schema: str) -> None:
    store = PostgresStore(postgres.address, schema, busy_timeout_s=0.2)
    with psycopg.connect(postgres.address) as other:
        other.execute(f'SELECT 1 FROM "{schema}".clock FOR UPDATE')  # noqa: S608
        with pytest.raises(StoreLocked, match="another process"):
            store.transact_sync(lambda transaction: transaction.set("key", 1))
        other.rollback()
    store.transact_sync(lambda transaction: transaction.set("key", 2))
    assert store.read(lambda reading: reading.get("key")) == 2
    store.close()


def test_a_lost_connection_is_made_anew(store: PostgresStore, postgres: Server) -> None:
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    with administrator(postgres) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mplp-lsp'"
        ).fetchall()
    store.transact_sync(lambda transaction: transaction.set("other", 2))
    assert store.read(lambda reading: (reading.get("key"), reading.get("other"))) == (1, 2)


def test_a_connection_lost_in_the_middle_undoes_the_work_and_is_told(
    store: PostgresStore, postgres: Server
) -> None:
    def work(transaction: Transaction) -> None:
        transaction.set("key", 1)
        with administrator(postgres) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'mplp-lsp' AND state LIKE 'idle in transaction%'"
            ).fetchall()
        transaction.set("key", 2)

    with pytest.raises(StoreError, match="cannot be reached"):
        store.transact_sync(work)
    assert store.read(lambda reading: reading.get("key")) is None
    store.transact_sync(lambda transaction: transaction.set("key", 3))


def test_a_schema_of_a_newer_version_is_refused_and_left_as_it_is(postgres: Server, schema: str) -> None:
    PostgresStore(postgres.address, schema).close()
    with administrator(postgres) as connection:
        connection.execute(f'UPDATE "{schema}".clock SET schema_version = {VERSION + 1}')  # noqa: S608
        with pytest.raises(StoreTooNew, match="newer mplp-lsp"):
            PostgresStore(postgres.address, schema)
        found = connection.execute(f'SELECT schema_version FROM "{schema}".clock').fetchone()  # noqa: S608
    assert found == (VERSION + 1,)


def test_many_may_make_a_schema_at_the_same_moment(postgres: Server, schema: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: PostgresStore(postgres.address, schema), range(4)))
        list(pool.map(lambda store: store.transact_sync(lambda tx: tx.append_event("s", {})), stores))
    assert stores[0].read(lambda reading: reading.lamport()) == 4
    for store in stores:
        store.close()


def test_a_server_that_is_not_there_is_told_without_the_password(schema: str) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as told:
        PostgresStore("host=127.0.0.1 port=1 user=me password=hunter2 dbname=x", schema, busy_timeout_s=2)
    assert "hunter2" not in str(told.value)
    with pytest.raises(StoreError) as told:
        PostgresStore("postgresql://me:hunter2@[broken", schema, busy_timeout_s=2)
    assert "hunter2" not in str(told.value)


def test_a_user_who_may_not_write_is_told(postgres: Server, schema: str) -> None:
    PostgresStore(postgres.address, schema).close()
    with administrator(postgres) as connection:
        connection.execute(f"CREATE ROLE {schema} LOGIN")
        connection.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO {schema}')
        connection.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO {schema}')
    with pytest.raises(StoreError, match="cannot be written: permission denied"):
        PostgresStore(postgres.address.replace("user=postgres", f"user={schema}"), schema)


@pytest.mark.parametrize("key", ["odd\udcff", "nul\x00"])
def test_a_name_that_no_database_can_hold_is_refused_in_words(store: PostgresStore, key: str) -> None:
    with pytest.raises(StoreError):
        store.transact_sync(lambda transaction: transaction.set(key, 1))
    with pytest.raises(StoreError):
        store.read(lambda reading: reading.get(key))
    store.transact_sync(lambda transaction: transaction.set("even", "nul \x00 inside"))
    assert store.read(lambda reading: (reading.keys(), reading.get("even"))) == (["even"], "nul \x00 inside")
