"""Going back: state, graph and files as they were, with history kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import RunInProgress, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import event_core
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.sessions.merging import SHARED_VALUE
from mplp_runtime.psg.graph import PSG_PATHS, Graph
from mplp_runtime.snapshots.one_at_a_time import alone
from mplp_runtime.snapshots.snapshots import FOLDER, Snapshots, SnapshotUnknown
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from tests.runtime.samples import plan_of, run_record, uuid


class Scene:
    """A project with a plan in its graph, a value in its state and two files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".mplp"
        self.store: ValueStateLayer = MemoryStore()
        self.bus = EventBus(self.store, clock=system_clock, new_id=new_uuid)
        self.graph = Graph(self.store, self.bus, clock=system_clock, new_id=new_uuid)
        self.snapshots = self.with_most_kept(20)
        self.store.transact_sync(self._begin)
        (root / "src").mkdir()
        (root / "src/a.py").write_text("a")
        (root / "b.sh").write_text("b")
        (root / "b.sh").chmod(0o755)

    def _begin(self, transaction: Any) -> None:
        transaction.set("steps/1", "pending")
        self.graph.put_plan(transaction, plan_of((1, ()), (2, (1,))))

    def with_most_kept(self, number: int) -> Snapshots:
        return Snapshots(
            self.root,
            self.store,
            self.bus,
            self.graph,
            clock=system_clock,
            new_id=new_uuid,
            folder=lambda: self.state,
            most_kept=lambda: number,
        )

    def files(self) -> list[str]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return [path.relative_to(self.root).as_posix() for path in found if self.state not in path.parents]

    def value(self, key: str) -> Any:
        return self.store.read(lambda reading: reading.get(key))

    def events(self) -> list[dict[str, Any]]:
        return [dict(stored.event) for stored in self.store.read(lambda reading: reading.events())]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_state_graph_and_files_are_what_they_were(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files(), "before the release")
    (scene.root / "src/a.py").write_text("broken")
    (scene.root / "b.sh").unlink()
    (scene.root / "new.py").write_text("new")

    def spoil(transaction: Any) -> None:
        transaction.set("steps/1", "failed")
        scene.graph.put_plan(transaction, plan_of((1, ()), (3, (1,))))

    scene.store.transact_sync(spoil)
    done = await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert (done.written, done.kept, done.failed) == (("b.sh", "src/a.py"), ("new.py",), ())
    assert (scene.root / "src/a.py").read_text() == "a"
    assert (scene.root / "b.sh").stat().st_mode & 0o777 == 0o755
    assert (scene.root / "new.py").read_text() == "new"
    assert scene.value("steps/1") == "pending"
    assert scene.graph.read("Step", uuid(2)) is not None
    assert scene.graph.read("Step", uuid(3)) is None


async def test_the_log_tells_what_was_turned_back_and_its_deltas_stay_true(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    scene.store.transact_sync(lambda tx: scene.graph.put_plan(tx, plan_of((1, ()), (3, (1,)), (4, ()))))
    before = len(scene.events())
    done = await scene.snapshots.restore(made.snapshot_id, scene.files())
    events = scene.events()
    assert [event["event_type"] for event in events[before:]] == [
        "rollback_planned",
        "graph_restored",
        "rollback_executed",
    ]
    assert events[before]["payload"]["snapshot_before"] == done.before_id
    nodes = scene.store.read(lambda reading: sum(len(reading.nodes(type_)) for type_ in PSG_PATHS))
    assert sum(event.get("node_delta", 0) for event in events) == nodes
    edges = len(scene.store.read(lambda reading: reading.edges()))
    assert sum(event.get("edge_delta", 0) for event in events) == edges


async def test_a_restore_can_itself_be_undone(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    (scene.root / "src/a.py").write_text("mine")
    done = await scene.snapshots.restore(made.snapshot_id, scene.files())
    await scene.snapshots.restore(done.before_id, scene.files())
    assert (scene.root / "src/a.py").read_text() == "mine"


async def test_records_of_runs_are_history_and_stay(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    scene.store.transact_sync(lambda tx: tx.create_node(records.RUN, "r", run_record("r", status="failed")))
    await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert scene.store.read(lambda reading: reading.read_node(records.RUN, "r")) is not None


async def test_a_session_that_took_place_is_history_and_what_it_wrote_is_turned_back(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())

    def take_place(transaction: Any) -> None:
        scene.graph.put(transaction, "Session", "run", {"status": "completed"})
        scene.graph.put(transaction, "Trace", "trace", {"status": "completed"})
        scene.graph.put(transaction, "Segment", "segment", {"status": "completed"})
        scene.graph.put(transaction, SHARED_VALUE, "colour", {"key": "colour", "value": "blue"})

    scene.store.transact_sync(take_place)
    await scene.snapshots.restore(made.snapshot_id, scene.files())
    history = [("Session", "run"), ("Trace", "trace"), ("Segment", "segment")]
    assert all(scene.graph.read(*each) is not None for each in history)
    assert scene.graph.read(SHARED_VALUE, "colour") is None
    restored = next(each for each in scene.events() if each["event_type"] == "graph_restored")
    assert restored["node_delta"] == -1


async def test_nothing_is_turned_back_under_a_run(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    scene.store.transact_sync(lambda tx: tx.set(f"{records.OWNERS}x", {"run_id": "r"}))
    (scene.root / "src/a.py").write_text("mine")
    with pytest.raises(RunInProgress):
        await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert (scene.root / "src/a.py").read_text() == "mine"


async def test_a_damaged_copy_is_told_before_anything_is_turned_back(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    (scene.root / "src/a.py").write_text("mine")
    [copy] = [
        path
        for path in (scene.state / FOLDER / "objects").rglob("*")
        if path.is_file() and path.read_text() == "b"
    ]
    copy.write_text("not b")
    with pytest.raises(StoreError, match="damaged"):
        await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert (scene.root / "src/a.py").read_text() == "mine"


async def test_a_folder_that_became_a_link_is_not_written_through(scene: Scene, tmp_path: Path) -> None:
    made = await scene.snapshots.create(scene.files())
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (scene.root / "src/a.py").unlink()
    (scene.root / "src").rmdir()
    (scene.root / "src").symlink_to(outside)
    done = await scene.snapshots.restore(made.snapshot_id, ["b.sh"])
    assert [each.path for each in done.failed] == ["src/a.py"]
    assert list(outside.iterdir()) == []


async def test_large_files_are_left_out_and_it_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mplp_runtime.snapshots.objects.LARGEST_FILE_BYTES", 1_048_576)
    (scene.root / "big.bin").write_bytes(b"x" * 1_048_577)
    made = await scene.snapshots.create(scene.files())
    assert [(each.path, each.why) for each in made.left_out] == [("big.bin", "larger than 1 MiB")]
    done = await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert done.kept == ()


async def test_a_file_that_did_not_change_is_kept_once_and_goes_with_its_last_snapshot(scene: Scene) -> None:
    first = await scene.snapshots.create(scene.files(), "first")
    (scene.root / "b.sh").write_text("bb")
    second = await scene.snapshots.create(scene.files(), "second")
    objects = scene.state / FOLDER / "objects"
    assert sum(path.is_file() for path in objects.rglob("*")) == 3
    assert [each.label for each in scene.snapshots.all()] == ["first", "second"]
    await scene.snapshots.delete(first.snapshot_id)
    assert sum(path.is_file() for path in objects.rglob("*")) == 2
    assert scene.snapshots.all() == [second]
    index = json.loads((scene.state / FOLDER / "index.json").read_text())
    assert [(each["snapshot_id"], each["modules_captured"]) for each in index["snapshots"]] == [
        (second.snapshot_id, ["Plan", "Step"])
    ]


@pytest.mark.parametrize("snapshot_id", ["nothing", "../../etc/passwd", ""])
async def test_a_snapshot_that_nobody_made_is_unknown(scene: Scene, snapshot_id: str) -> None:
    with pytest.raises(SnapshotUnknown):
        await scene.snapshots.restore(snapshot_id, scene.files())


async def test_where_no_state_is_kept_there_are_no_snapshots(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    bare = Snapshots(
        tmp_path,
        scene.store,
        scene.bus,
        scene.graph,
        clock=system_clock,
        new_id=new_uuid,
        folder=lambda: None,
    )
    with pytest.raises(StoreError, match="no place for snapshots"):
        await bare.create([])
    assert bare.all() == []


async def test_snapshots_that_are_made_at_the_same_time_are_all_listed(scene: Scene) -> None:
    made = await asyncio.gather(*(scene.snapshots.create(scene.files(), str(each)) for each in range(5)))
    assert {each.snapshot_id for each in scene.snapshots.all()} == {each.snapshot_id for each in made}
    index = json.loads((scene.state / FOLDER / "index.json").read_text())
    assert len(index["snapshots"]) == 5


async def test_a_copy_that_another_process_is_about_to_need_is_not_removed(scene: Scene) -> None:
    first = await scene.snapshots.create(scene.files(), "first")
    # The other process has seen that the copies are there, and has not written down that it needs them.
    async with alone(scene.state / FOLDER):
        deleting = asyncio.ensure_future(scene.snapshots.delete(first.snapshot_id))
        with pytest.raises(StoreError, match="Another process is busy"):
            async with alone(scene.state / FOLDER, limit_s=0.1):
                pass
        assert scene.snapshots.all() == [first]
        assert any(path.is_file() for path in (scene.state / FOLDER / "objects").rglob("*"))
    await deleting
    assert scene.snapshots.all() == []


async def test_a_snapshot_that_another_process_left_out_of_the_index_is_still_there(scene: Scene) -> None:
    first = await scene.snapshots.create(scene.files(), "first")
    (scene.state / FOLDER / "index.json").write_text('{"snapshots": []}')
    assert scene.snapshots.all() == [first]
    second = await scene.snapshots.create(scene.files(), "second")
    index = json.loads((scene.state / FOLDER / "index.json").read_text())
    assert [each["snapshot_id"] for each in index["snapshots"]] == [first.snapshot_id, second.snapshot_id]


@pytest.mark.parametrize("form", ["absolute", "upwards"])
async def test_a_snapshot_document_that_somebody_changed_does_not_write_outside_the_project(
    scene: Scene, tmp_path: Path, form: str
) -> None:
    made = await scene.snapshots.create(scene.files())
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    document = scene.state / FOLDER / f"{made.snapshot_id}.json"
    value = json.loads(document.read_text())
    value["files"][0]["path"] = str(outside) if form == "absolute" else f"../{outside.name}"
    document.write_text(json.dumps(value))
    done = await scene.snapshots.restore(made.snapshot_id, scene.files())
    assert [each.path for each in done.failed] == [value["files"][0]["path"]]
    assert not outside.exists()


async def test_a_snapshot_document_that_is_not_one_is_told_as_such(scene: Scene) -> None:
    made = await scene.snapshots.create(scene.files())
    (scene.state / FOLDER / f"{made.snapshot_id}.json").write_text('{"snapshot_id": "x"}')
    with pytest.raises(StoreError, match="not what a snapshot left there"):
        await scene.snapshots.restore(made.snapshot_id, scene.files())


async def test_a_damaged_snapshot_does_not_hide_the_others(scene: Scene) -> None:
    (scene.state / FOLDER).mkdir(parents=True)
    (scene.state / FOLDER / "broken.json").write_text("{")
    (scene.state / FOLDER / "other.json").write_text("{}")
    made = await scene.snapshots.create(scene.files())
    assert scene.snapshots.all() == [made]


async def test_the_oldest_snapshots_go_but_none_that_a_run_needs_which_is_not_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.snapshots = scene.with_most_kept(2)
    needed = await scene.snapshots.create(["b.sh"], "needed")
    run = run_record("run", status="interrupted", snapshot_before=["deployer"])
    scene.store.transact_sync(lambda transaction: transaction.create_node(records.RUN, "run", run))
    made = event_core(
        scene.bus.stamper,
        "snapshot_created",
        "compensation_plan",
        payload={"snapshot_id": needed.snapshot_id},
    )
    await scene.bus.emit("run", made)
    for label in ("one", "two", "three"):
        (tmp_path / "b.sh").write_text(label)
        await scene.snapshots.create(["b.sh"], label)
    assert [each.label for each in scene.snapshots.all()] == ["needed", "three"]
    kept = list((scene.state / FOLDER / "objects").glob("??/*"))
    assert len(kept) == 2, "the copies that only the others needed are gone"
    scene.store.transact_sync(
        lambda transaction: transaction.write_node(records.RUN, "run", {**run, "status": "failed"})
    )
    await scene.snapshots.create(["b.sh"], "four")
    assert [each.label for each in scene.snapshots.all()] == ["three", "four"]


async def test_a_new_snapshot_stands_where_the_oldest_cannot_be_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path)
    scene.snapshots = scene.with_most_kept(1)
    oldest = await scene.snapshots.create(["b.sh"], "oldest")
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == f"{oldest.snapshot_id}.json":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        newest = await scene.snapshots.create(["b.sh"], "newest")
    assert "The old snapshot “oldest” could not be removed" in caplog.text
    assert scene.snapshots.all() == [oldest, newest]
    (tmp_path / "b.sh").write_text("spoilt")
    assert (await scene.snapshots.restore(oldest.snapshot_id, ["b.sh"])).written == ("b.sh",)
