"""kill -9 while events and timeline are written: nothing acknowledged is lost, the timeline is whole."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.events.sinks import lamport_of, repair
from mplp_runtime.events.validate import event_errors
from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check
from tests.runtime.killing import lines_until_killed

PROCESS = Path(__file__).parent / "emitting_process.py"


@pytest.mark.parametrize("seed", range(5))
def test_store_and_timeline_agree_after_kill_9(tmp_path: Path, seed: int) -> None:
    killed_after = random.Random(seed).randrange(1, 300)
    process = subprocess.Popen([sys.executable, str(PROCESS), str(tmp_path)], stdout=subprocess.PIPE)
    output = lines_until_killed(process, killed_after)
    acknowledged = {int(line) for line in output.decode().split("\n")[:-1]}
    path = tmp_path / "run.ndjson"
    written = path.read_bytes()
    in_file = {lamport_of(json.loads(line)) for line in written.split(b"\n")[:-1]}
    assert acknowledged <= in_file, "a line is there before its caller goes on"
    if seed % 2:
        path.write_bytes(written[: -random.Random(seed).randrange(1, 700)])
    assert integrity_check(tmp_path / "state.db") == []
    store = SqliteStore(tmp_path / "state.db")
    repair(path, store, "run")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    stored = [event.event for event in store.read(lambda reading: reading.events("run"))]
    assert lines == stored
    assert [lamport_of(line) for line in lines] == list(range(1, len(lines) + 1))
    assert all(event_errors(line) == [] for line in lines)
    store.close()
