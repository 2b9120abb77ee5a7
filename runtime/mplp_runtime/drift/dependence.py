"""What a run relied on and left behind, and whether that is still so (seed 1, 5.1: drift).

A run expects the documents it was started with to stay as they are, and the files that its file operations
wrote to stay as they were at its end. What is known of files comes from the graph, so that every way in which
it learns of a change (the editor, the watcher, a look in turns) shows here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from mplp_runtime.ael.undo import UndoNote
from mplp_runtime.drift.looks import Drifted
from mplp_runtime.drift.own_writes import own_writes
from mplp_runtime.psg.files import FILE
from mplp_runtime.rules.world import World
from mplp_runtime.vsl.interface import Json, Reading

EXPECTS = "expects"
"""The member of a run's record: by path, `hash`, and of what the run wrote `step` (the step's id)."""
_MOST_FILES = 200
_SETTINGS = "mplp.toml"


@dataclass(frozen=True, slots=True)
class RunDrift:
    """A file that is no longer what a run relied on. `step_id` is the step that wrote it, if one did."""

    path: str
    change: Literal["modified", "deleted"]
    step_id: str | None = None


def relied_on(root: Path, world: World, context_id: str) -> list[Drifted]:
    """The context and the bindings that a run begins with, as they are now."""
    documents = [path_within(facts.uri, root) for facts in world.declarations("context", context_id)]
    paths = [path for path in (*documents, _SETTINGS) if path is not None]
    return own_writes(root, paths)


def written_by(root: Path, notes: Iterable[UndoNote]) -> tuple[list[Drifted], dict[str, str]]:
    """Where the file operations of a run have been, as it is now, and which step wrote each file last.

    `notes` are the newest first.
    """
    writer: dict[str, str] = {}
    places: dict[str, None] = {}
    for note in notes:
        for change in note.changes:
            writer.setdefault(change.path, note.step_id)
            places.update({place: None for place in (change.path, change.moved_from) if place is not None})
    return own_writes(root, [path for path in places if not (root / path).is_dir()]), writer


def expectations(observed: Iterable[Drifted], writer: Mapping[str, str] | None = None) -> dict[str, Json]:
    """What a run's record keeps of these files, by path; of those alone that are there."""
    kept = [each for each in observed if each.content_hash is not None][:_MOST_FILES]
    if writer is None:
        return {each.path: {"hash": each.content_hash} for each in kept}
    return {
        each.path: {"hash": each.content_hash, "step": writer[each.path]}
        for each in kept
        if each.path in writer
    }


def run_drift(reading: Reading, run: Mapping[str, Any]) -> tuple[RunDrift, ...]:
    """Where files have come apart from what a run expects of them, by path.

    Of what it wrote and was taken back since, by a rollback or a restored snapshot, it expects nothing.
    """
    found = []
    rolled_back = run.get("rolled_back")
    for path, expected in sorted(run.get(EXPECTS, {}).items()):
        step_id = expected.get("step")
        if step_id is not None and rolled_back is not None and path not in rolled_back["files_left"]:
            continue
        node = reading.read_node(FILE, path)
        if node is None:
            # The graph learns of what a run wrote at its end; of a document it may never have heard.
            change: Literal["modified", "deleted"] | None = "deleted" if step_id is not None else None
        elif node.data.get("missing_since") is not None:
            change = "deleted"
        else:
            # The hash of a text that an editor holds is that of the file only where it is plain UTF-8.
            is_plain = node.data.get("encoding") in {None, "utf-8"}
            known = node.data.get("content_hash") if is_plain else None
            change = "modified" if known is not None and known != expected["hash"] else None
        if change is not None:
            found.append(RunDrift(path, change, step_id))
    return tuple(found)


def path_within(uri: str, root: Path) -> str | None:
    """The path of a document below `root`, with `/`; None for one that lies elsewhere."""
    path = Path(unquote(urlsplit(uri).path))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
