"""`[state]` of mplp.toml says where and how a project's state is kept: whole runs, and what lies on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from mplp_runtime.errors import StoreError, StoreKeyWrong
from mplp_runtime.runtime import Runtime
from mplp_runtime.state_opening import has_state
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.file_protection import read_sealed
from mplp_runtime.vsl.keys import keys_of_text
from tests.runtime.orchestrator.projects import Project, errors, plan, role, step, timeline_of, trace_of

OLD, NEW = "11" * 32, "22" * 32
SECRET = "the-launch-code"  # noqa: S105 - what a step prints
WORKER = role("worker", f"print('{SECRET}')")
PRIVATE = '[state]\nencryption_key_env = "MPLP_TEST_KEY"\n'
SHARED = '[state]\nurl_env = "MPLP_TEST_URL"\n'


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def project_with(folder: Path, state: str) -> Project:
    return Project(folder, plan(step("a"), step("b", "a"), title="Release"), WORKER + state)


async def runs_known(root: Path) -> list[str]:
    runtime = Runtime.open(root)
    try:
        return [view.run_id for view in runtime.runs.all()]
    finally:
        await runtime.close()


async def test_an_encrypted_project_leaves_nothing_readable_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLP_TEST_KEY", NEW)
    view = await project_with(tmp_path, PRIVATE).run()
    assert view.status == "completed"
    assert SECRET.encode() not in bytes_below(tmp_path / ".mplp")
    assert NEW.encode() not in bytes_below(tmp_path / ".mplp")
    names = {path.name.split(".", 1)[1] for path in (tmp_path / ".mplp/traces").iterdir()}
    assert names == {"trace.json.sealed", "events.ndjson.sealed"}
    assert await runs_known(tmp_path) == [view.run_id]


async def test_who_has_the_key_reads_encrypted_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLP_TEST_KEY", NEW)
    view = await project_with(tmp_path, PRIVATE).run()
    assert view.trace_path is None, "no editor can show an encrypted trace"
    [trace] = (tmp_path / ".mplp/traces").glob("*.trace.json.sealed")
    [timeline] = (tmp_path / ".mplp/traces").glob("*.events.ndjson.sealed")
    cipher = Cipher(keys_of_text(NEW, "the test"))
    assert SECRET in read_sealed(trace, cipher)
    assert "SACompleted" in read_sealed(timeline, cipher).splitlines()[-1]
    with pytest.raises(StoreKeyWrong):
        read_sealed(trace, Cipher(keys_of_text(OLD, "the test")))
    with pytest.raises(StoreError, match="cannot be read"):
        read_sealed(tmp_path / "release.plan.json", cipher)


async def test_a_wrong_or_missing_key_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLP_TEST_KEY", NEW)
    project = project_with(tmp_path, PRIVATE)
    await project.run()
    before = (tmp_path / ".mplp/state.db").read_bytes()
    monkeypatch.setenv("MPLP_TEST_KEY", OLD)
    with pytest.raises(StoreKeyWrong, match="Nothing was changed"):
        Runtime.open(tmp_path)
    monkeypatch.delenv("MPLP_TEST_KEY")
    with pytest.raises(StoreKeyWrong, match="MPLP_TEST_KEY is not set"):
        Runtime.open(tmp_path)
    (tmp_path / "mplp.toml").write_text(WORKER)
    with pytest.raises(StoreKeyWrong, match="name that key"):
        Runtime.open(tmp_path)
    assert (tmp_path / ".mplp/state.db").read_bytes() == before


async def test_a_state_in_plain_text_is_encrypted_when_a_key_is_named_and_again_with_the_next_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with(tmp_path, "")
    view = await project.run()
    state = tmp_path / ".mplp/state.db"
    assert SECRET.encode() in state.read_bytes()
    project.toml = WORKER + PRIVATE
    (tmp_path / "mplp.toml").write_text(project.toml)
    for keys in (OLD, f"{NEW},{OLD}", NEW):
        monkeypatch.setenv("MPLP_TEST_KEY", keys)
        assert await runs_known(tmp_path) == [view.run_id]
        files = list((tmp_path / ".mplp").glob("state.db*"))
        assert not any(SECRET.encode() in file.read_bytes() for file in files), "no old page is left over"
    monkeypatch.setenv("MPLP_TEST_KEY", OLD)
    with pytest.raises(StoreKeyWrong):
        Runtime.open(tmp_path)


async def test_redacted_files_are_valid_documents_that_tell_nothing(tmp_path: Path) -> None:
    view = await project_with(tmp_path, '[state]\nfiles = "redacted"\n').run()
    trace, events = trace_of(tmp_path, view), timeline_of(tmp_path, view)
    written = bytes_below(tmp_path / ".mplp/traces")
    assert SECRET.encode() not in written
    assert b"[redacted]" in written
    assert trace["status"] == "completed"
    assert [segment["status"] for segment in trace["segments"]] == ["completed", "completed"]
    assert events[-1]["event_type"] == "SACompleted"
    assert all(errors("event", event) == [] for event in events)
    assert SECRET.encode() in (tmp_path / ".mplp/state.db").read_bytes()


async def test_a_timeline_of_an_encrypted_project_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLP_TEST_KEY", NEW)
    project = project_with(tmp_path, PRIVATE)
    for _ in range(2):
        async with project.runtime() as runtime:
            await runtime.approvals.reject(project.path, project.plan, reason=SECRET)
    path = tmp_path / ".mplp/timeline.events.ndjson.sealed"
    lines = read_sealed(path, Cipher(keys_of_text(NEW, "the test"))).splitlines()
    runtime = Runtime.open(tmp_path)
    stored = runtime.vsl.read(lambda reading: reading.events("project"))
    await runtime.close()
    assert len(lines) == len(stored) > 1
    assert not list(path.parent.glob("older-*"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ('encryption_key_env = "A"\nencryption_key_file = "/b"\n', "two places"),
        ('files = "encrypted"\n', "needs a key"),
        ('encryption_key_file = "key"\n', "inside the project"),
        ('encryption_key_file = "/no/such/file"\n', "cannot be read"),
        ('url_env = "MPLP_TEST_NO_URL"\n', "MPLP_TEST_NO_URL is not set"),
    ],
)
def test_what_cannot_be_meant_is_told_and_makes_no_state(tmp_path: Path, state: str, words: str) -> None:
    project_with(tmp_path, f"[state]\n{state}")
    with pytest.raises(StoreError, match=words):
        Runtime.open(tmp_path)
    assert not (tmp_path / ".mplp/state.db").exists()


async def test_a_slip_in_the_settings_never_begins_a_state_in_plain_text(tmp_path: Path) -> None:
    project = project_with(tmp_path, '[state]\nencryption_key_evn = "MPLP_TEST_KEY"\n')
    runtime = Runtime.open(tmp_path)
    assert not runtime.vsl.is_durable
    with pytest.raises(StoreError, match="does not say where"):
        runtime.persist()
    await runtime.close()
    assert not (project.root / ".mplp/state.db").exists()


async def test_the_state_may_lie_elsewhere_in_the_project(tmp_path: Path) -> None:
    project = project_with(tmp_path, '[state]\nurl = "sqlite:///build/plans.db"\n')
    assert not has_state(tmp_path)
    view = await project.run()
    assert has_state(tmp_path)
    assert (tmp_path / "build/plans.db").exists()
    assert not (tmp_path / ".mplp/state.db").exists()
    assert await runs_known(tmp_path) == [view.run_id]


def test_the_command_line_finds_a_state_that_lies_elsewhere(tmp_path: Path) -> None:
    import asyncio

    from mplp_lsp.cli.trace import known_runs

    project = project_with(tmp_path, '[state]\nurl = "sqlite:///build/plans.db"\n')
    view = asyncio.run(project.run())
    assert [known.run_id for known in known_runs(tmp_path)] == [view.run_id]


@pytest.mark.parametrize("is_private", [False, True])
async def test_a_project_runs_on_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: Callable[[], str], is_private: bool
) -> None:
    monkeypatch.setenv("MPLP_TEST_URL", address())
    monkeypatch.setenv("MPLP_TEST_KEY", NEW)
    state = f'{SHARED}schema_name = "run_{uuid4().hex}"\n' + PRIVATE.removeprefix("[state]\n") * is_private
    view = await project_with(tmp_path, state).run()
    assert view.status == "completed"
    assert not (tmp_path / ".mplp/state.db").exists()
    assert has_state(tmp_path)
    if not is_private:
        assert trace_of(tmp_path, view)["status"] == "completed"
    assert await runs_known(tmp_path) == [view.run_id]


async def test_two_checkouts_of_one_project_share_a_named_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: Callable[[], str]
) -> None:
    monkeypatch.setenv("MPLP_TEST_URL", address())
    state = f'{SHARED}schema_name = "run_{uuid4().hex}"\n'
    view = await project_with(tmp_path / "one", state).run()
    project_with(tmp_path / "two", state)
    assert await runs_known(tmp_path / "two") == [view.run_id]
    project_with(tmp_path / "three", SHARED)
    assert await runs_known(tmp_path / "three") == [], "without a name each folder has a schema of its own"
