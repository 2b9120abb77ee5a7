"""What a folder that nobody trusts has in the place of a state: a look at it ends, and with a sentence."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mplp_runtime.vsl.schema import VERSION
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.cli.process import mplp, runs_python, write_project
from tests.runtime.test_read_only_state import on_disk
from tests.runtime.vsl.test_migrations import copy_of

LIMIT_S = 30.0
"""After this a look is one that would not have ended."""

LOOKS = """
import sys
from pathlib import Path
from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.read_only import read_only_store
try:
    store = read_only_store(Path(sys.argv[1]))
    print("read:", store.read(lambda reading: reading.get("answer")))
    store.close()
except StoreError as error:
    print(error)
"""

CHANGES_AND_DIES = """
import os, sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])
os._exit(9)
"""

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def said_of(path: Path) -> str:
    """What a process says that looks at the state at `path`; fails where it does not end."""
    looked = subprocess.run(
        [sys.executable, "-c", LOOKS, str(path)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert not looked.stderr
    return looked.stdout


def changed(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def state(path: Path) -> None:
    store = SqliteStore(path)
    store.transact_sync(lambda transaction: transaction.set("answer", 42))
    store.close()


def pipe_beside(*endings: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        state(path)
        for ending in endings:
            os.mkfifo(f"{path}{ending}")

    return make


def pipe_as_the_index_of_a_log(path: Path) -> None:
    state(path)
    Path(f"{path}-wal").write_bytes(b"x" * 100)
    os.mkfifo(f"{path}-shm")


def pipe_as_the_journal_of_a_state_without_a_log(path: Path) -> None:
    state(path)
    changed(path, "PRAGMA journal_mode = DELETE")
    os.mkfifo(f"{path}-journal")


def pipe_as_the_state(path: Path) -> None:
    os.mkfifo(path)


@needs_pipes
@pytest.mark.parametrize(
    "make",
    [
        pipe_as_the_state,
        pipe_beside("-wal", "-shm"),
        pipe_beside("-wal"),
        pipe_beside("-journal"),
        pipe_as_the_index_of_a_log,
        pipe_as_the_journal_of_a_state_without_a_log,
    ],
)
def test_a_named_pipe_in_the_place_of_a_state_file_is_refused_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "state.db")
    assert "is not a regular file" in said_of(tmp_path / "state.db")


@needs_pipes
def test_the_trace_of_a_folder_with_a_named_pipe_beside_its_state_does_not_hang(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"worker": runs_python("pass")})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    log = tmp_path / "p" / ".mplp" / "state.db-wal"
    os.mkfifo(log)
    looked = mplp(tmp_path, "trace", "--root", "p")
    assert looked.code not in {0, 70}
    assert f"The state {log} is not a regular file." in looked.err


@needs_pipes
def test_a_named_pipe_in_the_place_of_mplp_toml_is_told_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    os.mkfifo(tmp_path / "p" / "mplp.toml")
    looked = mplp(tmp_path, "trace", "--root", "p")
    assert looked.code not in {0, 70}
    assert "it is not a regular file" in looked.err


ENDLESS = "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT {} FROM x WHERE n < 0"
ENTRIES = f"""
DROP TABLE entries;
CREATE VIEW entries (key, value, key_id) AS {ENDLESS.format("'a', n, NULL")};
"""


@pytest.mark.parametrize(
    "strange",
    [
        ENTRIES,
        "DROP TABLE clock; CREATE VIEW clock (id, lamport, key_id) AS SELECT 1, 1, NULL;",
        f"DROP VIEW edges; CREATE VIEW edges AS {ENDLESS.format('n')};",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN SELECT 1; END;",
        "ALTER TABLE entries ADD COLUMN more TEXT AS (value || value);",
        "DROP TABLE entries;",
    ],
    ids=["endless", "view", "edges", "trigger", "column", "missing"],
)
def test_a_state_with_tables_of_another_maker_is_refused_and_not_read_for_ever(
    tmp_path: Path, strange: str
) -> None:
    path = tmp_path / "state.db"
    state(path)
    changed(path, strange)
    before = on_disk(tmp_path)
    assert "is not one that mplp-lsp made" in said_of(path)
    assert on_disk(tmp_path) == before


def test_an_older_state_with_tables_of_another_maker_is_not_migrated_in_its_copy(tmp_path: Path) -> None:
    path = copy_of(VERSION - 1, tmp_path)
    columns = "n AS place, n AS kind, n, n, n, n"
    changed(path, f"DROP TABLE edges; CREATE VIEW edges AS {ENDLESS.format(columns)};")
    assert "is not one that mplp-lsp made" in said_of(path)


def test_a_state_left_half_way_with_tables_of_another_maker_is_not_read_from_its_copy(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    state(path)
    subprocess.run([sys.executable, "-c", CHANGES_AND_DIES, str(path), ENTRIES], check=False, timeout=LIMIT_S)
    Path(f"{path}-shm").unlink()
    assert "is not one that mplp-lsp made" in said_of(path)


def test_a_state_that_somebody_has_analyzed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state(path)
    changed(path, "ANALYZE")
    assert said_of(path) == "read: 42\n"


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_a_look_makes_no_log_for_a_state_whose_two_words_about_it_differ(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state(path)
    content = bytearray(path.read_bytes())
    assert content[18:20] == b"\x02\x02"
    content[18] = 0x21
    path.write_bytes(content)
    before = on_disk(tmp_path)
    said_of(path)
    assert on_disk(tmp_path) == before


def test_tables_whose_names_are_no_utf_8_are_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state(path)
    rewritten(path, b"events_by_stream", b"events_by_\xbbtream")
    assert "is damaged" in said_of(path)


def test_what_is_said_of_a_damaged_text_is_short_and_has_nothing_in_it_that_a_terminal_obeys(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    state(path)
    odd = b'"\x1b[31m' + b"A" * 10_000 + b'\xff"'
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entries SET value = CAST(? AS TEXT)", (odd,))
    said = said_of(path)
    assert "is damaged" in said
    assert len(said) < 300 + len(str(path))
    assert "\x1b" not in said


def test_the_names_of_strange_tables_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state(path)
    changed(path, f'CREATE TABLE "{"x" * 10_000}" (a)')
    said = said_of(path)
    assert "is not one that mplp-lsp made" in said
    assert len(said) < 400 + len(str(path))
