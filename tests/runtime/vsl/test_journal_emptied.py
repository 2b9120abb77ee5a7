"""After a change of key nothing of what stood there before is left in the journal."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from mplp_runtime.vsl.sqlite import SqliteStore


def test_what_was_in_plain_text_leaves_the_journal_once_nobody_reads_it_any_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.transact_sync(lambda transaction: transaction.set("secret", "in plain text"))
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entries").fetchall()
        sealing = threading.Thread(
            target=store.transact_sync,
            args=(lambda transaction: transaction.reseal(lambda _form: ("sealed", "k"), "k"),),
        )
        sealing.start()
        with closing(sqlite3.connect(store.path)) as other:
            while other.execute("SELECT key_id FROM clock").fetchone() != ("k",):
                pass
        reader.execute("ROLLBACK")
        sealing.join()
    assert Path(f"{store.path}-wal").stat().st_size == 0
    assert b"in plain text" not in store.path.read_bytes()
    store.close()
