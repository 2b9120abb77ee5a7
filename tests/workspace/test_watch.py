from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mplp_lsp.workspace.watch import Batch, Watcher, folder_appeared

LIMIT_S = 20.0


class Seen:
    """Collects batches and lets a test wait for one that fits."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._changed = threading.Condition()

    def __call__(self, batch: Batch) -> None:
        with self._changed:
            self.batches.append(batch)
            self._changed.notify_all()

    def wait_for(self, fits: Callable[[Batch], bool]) -> Batch:
        def first() -> Batch | None:
            return next((batch for batch in self.batches if fits(batch)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: first() is not None, LIMIT_S), self.batches
            found = first()
        assert found is not None
        return found

    @property
    def paths(self) -> set[Path]:
        return {path for batch in self.batches for path in batch.paths}


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[..., tuple[Path, Seen]]]:
    watchers: list[Watcher] = []

    def start(**options: object) -> tuple[Path, Seen]:
        seen = Seen()
        watcher = Watcher(tmp_path, seen, debounce_ms=50, **options)  # type: ignore[arg-type]
        watcher.start()
        watchers.append(watcher)
        assert watcher.wait_until_watching(LIMIT_S)
        return tmp_path, seen

    yield start
    for watcher in watchers:
        watcher.stop()


def test_a_changed_file_is_told_and_ignored_folders_are_silent(
    watching: Callable[..., tuple[Path, Seen]],
) -> None:
    root, seen = watching()
    for folder in (".mplp", "node_modules", ".git"):
        (root / folder).mkdir()
        (root / folder / "x.plan.json").write_text("{}")
    (root / "a.plan.json").write_text("{}")
    seen.wait_for(lambda batch: root / "a.plan.json" in batch.paths)
    assert all(not {".mplp", "node_modules", ".git"} & set(path.parts) for path in seen.paths)


def test_deletions_are_told(watching: Callable[..., tuple[Path, Seen]], tmp_path: Path) -> None:
    (tmp_path / "a.plan.json").write_text("{}")
    root, seen = watching()
    (root / "a.plan.json").unlink()
    seen.wait_for(lambda batch: root / "a.plan.json" in batch.paths)


def test_files_in_a_folder_that_appears_later_are_seen(watching: Callable[..., tuple[Path, Seen]]) -> None:
    root, seen = watching()
    (root / "new").mkdir()
    (root / "new" / "a.plan.json").write_text("{}")
    seen.wait_for(lambda batch: batch.must_rescan)
    # Only now is the new folder watched by itself.
    (root / "new" / "b.plan.json").write_text("{}")
    seen.wait_for(lambda batch: root / "new/b.plan.json" in batch.paths or batch.must_rescan)


def test_a_flood_is_told_file_by_file_and_asks_for_a_rescan(
    watching: Callable[..., tuple[Path, Seen]],
) -> None:
    root, seen = watching(rescan_above=1)
    files = {root / f"{number}.json" for number in range(200)}
    for file in files:
        file.write_text("{}")
    seen.wait_for(lambda batch: batch.must_rescan and len(batch.paths) > 1)
    seen.wait_for(lambda _: files <= seen.paths)


def test_a_flood_that_is_too_large_to_be_told_becomes_a_rescan(
    watching: Callable[..., tuple[Path, Seen]],
) -> None:
    root, seen = watching(rescan_above=0, most_told=0)
    for number in range(20):
        (root / f"{number}.json").write_text("{}")
    batch = seen.wait_for(lambda batch: batch.must_rescan)
    assert not batch.paths


def test_now_and_then_everything_is_compared_because_lost_events_are_silent(
    watching: Callable[..., tuple[Path, Seen]],
) -> None:
    _, seen = watching(recheck_every_s=0.1)
    seen.wait_for(lambda batch: batch.must_rescan)


def test_a_callback_that_fails_does_not_end_the_watching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()

    def fail_first(batch: Batch) -> None:
        seen(batch)
        if len(seen.batches) == 1:
            raise RuntimeError("a bug of the caller")

    watcher = Watcher(tmp_path, fail_first, debounce_ms=50)
    watcher.start()
    assert watcher.wait_until_watching(LIMIT_S)
    try:
        (tmp_path / "a.json").write_text("{}")
        seen.wait_for(lambda batch: tmp_path / "a.json" in batch.paths)
        (tmp_path / "b.json").write_text("{}")
        seen.wait_for(lambda batch: tmp_path / "b.json" in batch.paths)
    finally:
        watcher.stop()
    assert "A batch of file changes was lost" in caplog.text


def test_names_that_are_not_utf8_do_not_end_the_watching(watching: Callable[..., tuple[Path, Seen]]) -> None:
    root, seen = watching()
    (root / os.fsdecode(b"\xff.json")).write_text("{}")
    (root / "a.json").write_text("{}")
    seen.wait_for(lambda batch: root / "a.json" in batch.paths or batch.must_rescan)


def test_a_root_that_is_deleted_and_made_again_is_watched_again(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    seen = Seen()
    watcher = Watcher(root, seen, debounce_ms=50)
    watcher.start()
    assert watcher.wait_until_watching(LIMIT_S)
    try:
        root.rmdir()
        root.mkdir()
        (root / "a.json").write_text("{}")
        seen.wait_for(lambda batch: batch.must_rescan or root / "a.json" in batch.paths)
        seen.batches.clear()
        (root / "b.json").write_text("{}")
        seen.wait_for(lambda batch: batch.must_rescan or root / "b.json" in batch.paths)
    finally:
        watcher.stop()


def test_nothing_is_told_after_stop(tmp_path: Path) -> None:
    seen = Seen()
    watcher = Watcher(tmp_path, seen, debounce_ms=50)
    watcher.start()
    assert watcher.wait_until_watching(LIMIT_S)
    watcher.stop()
    watcher.stop()
    told = len(seen.batches)
    (tmp_path / "a.json").write_text("{}")
    assert len(seen.batches) == told


def test_a_watcher_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    Watcher(tmp_path, Seen()).stop()


def test_files_that_git_ignores_are_silent(
    watching: Callable[..., tuple[Path, Seen]], tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    (tmp_path / "build").mkdir()
    root, seen = watching()
    (root / "run.log").write_text("x")
    (root / "build/out.json").write_text("{}")
    (root / "a.json").write_text("{}")
    seen.wait_for(lambda batch: root / "a.json" in batch.paths)
    assert seen.paths == {root / "a.json"}


def test_a_folder_that_was_empty_is_watched_too(
    watching: Callable[..., tuple[Path, Seen]], tmp_path: Path
) -> None:
    (tmp_path / "empty/inner").mkdir(parents=True)
    root, seen = watching()
    (root / "empty/inner/a.json").write_text("{}")
    seen.wait_for(lambda batch: root / "empty/inner/a.json" in batch.paths)


def test_a_link_to_a_folder_is_no_folder_to_watch(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert folder_appeared(tmp_path / "real", set())
    assert not folder_appeared(tmp_path / "real", {str(tmp_path / "real")})
    assert not folder_appeared(tmp_path / "link", set())
