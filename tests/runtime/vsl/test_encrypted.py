"""The stored form, keys that do not fit, and a change of key."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from mplp_runtime.errors import StoreError, StoreKeyWrong
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.encrypted import EncryptedStore, change_key, decrypt
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.keys import Key, keys_of_file, keys_of_text, keys_of_variable
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore
from mplp_runtime.vsl.values import StoreLimits

OLD, NEW = Key.of(b"\x01" * 32), Key.of(b"\x02" * 32)
SECRET = "the launch code \U0001f680"  # noqa: S105 - what is looked for
FORM = re.compile(r"[0-9a-f]{32}::[0-9a-f]{32}::(?:[0-9a-f]{2})+\Z")


def opened_as_the_seed_does(text: str, key: Key) -> object:
    """Seed 1, 8.2, word for word: split, decipher with the tag, parse."""
    iv, tag, ciphertext = (bytes.fromhex(part) for part in text.split("::"))
    decryptor = Primitive(algorithms.AES(key.secret), modes.GCM(iv, tag)).decryptor()
    return json.loads((decryptor.update(ciphertext) + decryptor.finalize()).decode("utf-8"))


def fill(transaction: Transaction) -> None:
    transaction.set("key", {"text": SECRET})
    transaction.write_node("Plan", "p", {"title": SECRET})
    transaction.write_node("Plan", "gone", {"title": SECRET})
    transaction.delete_node("Plan", "gone")
    transaction.append_event("run", {"event_family": "intent", "payload": {"text": SECRET}})
    transaction.create_snapshot("s")
    transaction.set("key", {"text": SECRET + "!"})


def texts_in(path: Path) -> list[tuple[str, str | None]]:
    connection = sqlite3.connect(path)
    queries = (
        "SELECT value, key_id FROM entries",
        "SELECT data, key_id FROM nodes",
        "SELECT event, key_id FROM events",
        "SELECT value, key_id FROM snapshot_entries",
        "SELECT data, key_id FROM snapshot_nodes",
    )
    rows = [row for query in queries for row in connection.execute(query)]
    connection.close()
    return rows


def state(path: Path, *keys: Key) -> EncryptedStore:
    backend = SqliteStore(path)
    try:
        return EncryptedStore(backend, Cipher(keys))
    except BaseException:
        backend.close()
        raise


def test_everything_is_stored_in_the_form_of_the_seed_with_the_key_id_beside_it(tmp_path: Path) -> None:
    store = state(tmp_path / "state.db", NEW)
    store.transact_sync(fill)
    store.close()
    rows = texts_in(tmp_path / "state.db")
    assert len(rows) == 7
    assert all(FORM.match(text) and key_id == NEW.id for text, key_id in rows)
    assert opened_as_the_seed_does(rows[0][0], NEW) == {"text": SECRET + "!"}
    ivs = [text.split("::")[0] for text, _ in rows]
    assert len(set(ivs)) == len(ivs) - 2, "16 fresh bytes for each write; a snapshot is a copy of two of them"


def test_the_random_bytes_are_a_parameter(tmp_path: Path) -> None:
    cipher = Cipher([NEW], random_bytes=lambda count: bytes(range(count)))
    assert cipher.seal("{}").text.startswith("000102030405060708090a0b0c0d0e0f::")


def test_the_file_holds_no_text_of_the_user_but_names(tmp_path: Path) -> None:
    store = state(tmp_path / "state.db", NEW)
    store.transact_sync(
        lambda tx: (tx.set("name of the key", SECRET), tx.write_node("Plan", "p", {"a": SECRET}))
    )
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    assert b"launch" not in written
    assert b"name of the key" in written, "keys, types and ids are found by what they are"


def test_a_wrong_key_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = state(path, OLD)
    store.transact_sync(fill)
    store.close()
    before = path.read_bytes()
    with pytest.raises(
        StoreKeyWrong, match=rf"key {OLD.id}; the keys at hand are {NEW.id}. Nothing was changed"
    ):
        state(path, NEW)
    assert path.read_bytes() == before
    store = state(path, OLD)
    assert store.read(lambda reading: reading.get("key")) == {"text": SECRET + "!"}
    store.close()


def test_without_a_key_an_encrypted_state_is_neither_read_nor_written(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = state(path, OLD)
    store.transact_sync(fill)
    store.close()
    bare = SqliteStore(path)
    with pytest.raises(StoreError, match="is encrypted with the key"):
        bare.read(lambda reading: reading.get("key"))
    with pytest.raises(StoreError, match="nothing was saved"):
        bare.transact_sync(lambda transaction: transaction.set("key", "plain"))
    bare.close()
    assert all(key_id == OLD.id for _, key_id in texts_in(path))


@pytest.mark.parametrize("before", [None, OLD])
def test_a_new_key_encrypts_everything_again_in_one_transaction(tmp_path: Path, before: Key | None) -> None:
    path = tmp_path / "state.db"
    backend = SqliteStore(path)
    (EncryptedStore(backend, Cipher([before])) if before else backend).transact_sync(fill)
    backend.close()
    store = state(path, NEW, *([before] if before else []))
    assert all(FORM.match(text) and key_id == NEW.id for text, key_id in texts_in(path))
    assert b"launch" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store.transact_sync(lambda transaction: transaction.restore_snapshot("s"))
    read = store.read(
        lambda reading: (reading.get("key"), reading.nodes("Plan", deleted=True), reading.events())
    )
    assert read[0] == {"text": SECRET}
    assert [(node.id, node.data, node.deleted) for node in read[1]] == [
        ("p", {"title": SECRET}, False),
        ("gone", {"title": SECRET}, True),
    ]
    assert read[2][0].event["payload"] == {"text": SECRET}
    store.close()


def test_a_change_of_key_that_meets_damage_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = state(path, OLD)
    store.transact_sync(fill)
    store.close()
    connection = sqlite3.connect(path)
    [[text]] = connection.execute("SELECT event FROM events")
    connection.execute("UPDATE events SET event = ?", (text[:-2] + ("00" if text[-2:] != "00" else "01"),))
    connection.commit()
    connection.close()
    before = texts_in(path)
    with pytest.raises(StoreError, match="damaged or changed"):
        state(path, NEW, OLD)
    assert texts_in(path) == before
    store = state(path, OLD)
    assert store.read(lambda reading: reading.get("key")) == {"text": SECRET + "!"}, "the rest is still there"
    store.close()


def test_a_process_that_still_has_the_old_key_can_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    late = state(path, OLD)
    late.transact_sync(fill)
    state(path, NEW, OLD).close()
    with pytest.raises(StoreError, match="Start mplp-lsp again"):
        late.transact_sync(lambda transaction: transaction.set("key", 1))
    with pytest.raises(StoreKeyWrong):
        late.read(lambda reading: reading.get("key"))
    late.close()
    assert all(key_id == NEW.id for _, key_id in texts_in(path))


def test_a_value_that_somebody_put_in_from_outside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = state(path, NEW)
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO entries (key, value) VALUES ('forged', '1')")
    connection.execute("INSERT INTO entries (key, value, key_id) VALUES ('garbled', 'a::b', ?)", (NEW.id,))
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="did not write"):
        store.read(lambda reading: reading.get("forged"))
    with pytest.raises(StoreError, match="damaged or changed"):
        store.read(lambda reading: reading.get("garbled"))
    store.close()


def test_encryption_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    backend = SqliteStore(path)
    EncryptedStore(backend, Cipher([NEW])).transact_sync(fill)
    backend.transact_sync(lambda transaction: decrypt(transaction, Cipher([NEW])))
    backend.close()
    plain = SqliteStore(path)
    assert plain.read(lambda reading: reading.get("key")) == {"text": SECRET + "!"}
    plain.close()


def test_a_change_of_key_that_is_undone_leaves_the_old_key_in_force() -> None:
    backend = MemoryStore()
    store = EncryptedStore(backend, Cipher([OLD]))
    store.transact_sync(fill)

    def work(transaction: Transaction) -> None:
        change_key(transaction, Cipher([NEW, OLD]))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        backend.transact_sync(work)
    assert backend.read(lambda reading: reading.key_id()) == OLD.id
    assert store.read(lambda reading: reading.get("key")) == {"text": SECRET + "!"}
    store.transact_sync(lambda transaction: transaction.set("key", 2))


def test_limits_hold_for_what_is_encrypted() -> None:
    store = EncryptedStore(MemoryStore(), Cipher([NEW]), limits=StoreLimits(value_bytes=10))
    with pytest.raises(StoreError, match="limit is 10"):
        store.transact_sync(lambda transaction: transaction.set("key", "x" * 11))


@pytest.mark.parametrize("text", ["", "  ", "abc", "0" * 63, "g" * 64, "0" * 64 + ",12"])
def test_what_is_no_key_is_told_without_being_repeated(text: str) -> None:
    with pytest.raises(StoreKeyWrong, match="64 hexadecimal digits") as told:
        keys_of_text(text, "the variable KEY")
    assert not text.strip() or text.rsplit(",", maxsplit=1)[-1] not in str(told.value).split()


def test_a_variable_may_hold_several_keys_the_newest_first() -> None:
    text = f"{NEW.secret.hex()}, {OLD.secret.hex()}"
    assert [key.id for key in keys_of_variable("KEY", {"KEY": text})] == [NEW.id, OLD.id]
    assert NEW.secret.hex() not in repr(NEW)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("mode", "is_taken"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_a_key_file_is_only_taken_if_nobody_else_may_read_it(
    tmp_path: Path, mode: int, is_taken: bool
) -> None:
    project, path = tmp_path / "project", tmp_path / "key"
    project.mkdir()
    path.write_text(NEW.secret.hex() + "\n")
    path.chmod(mode)
    if is_taken:
        assert [key.id for key in keys_of_file(path, project)] == [NEW.id]
    else:
        with pytest.raises(StoreKeyWrong, match="chmod 600"):
            keys_of_file(path, project)


def test_a_key_file_inside_the_project_is_refused_also_behind_a_link(tmp_path: Path) -> None:
    project, link = tmp_path / "project", tmp_path / "link"
    project.mkdir()
    (project / "key").write_text(NEW.secret.hex())
    (project / "key").chmod(0o600)
    link.symlink_to(project / "key")
    for path in (project / "key", link, Path("key")):
        with pytest.raises(StoreKeyWrong, match="inside the project"):
            keys_of_file(path, project)


def test_a_key_file_that_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    project, pipe = tmp_path / "project", tmp_path / "pipe"
    project.mkdir()
    os.mkfifo(pipe, 0o600)
    with pytest.raises(StoreKeyWrong, match="not a regular file"):
        keys_of_file(pipe, project)
    with pytest.raises(StoreKeyWrong, match="cannot be read"):
        keys_of_file(tmp_path / "none", project)
