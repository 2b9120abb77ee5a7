"""`mplp.createSnapshot` and `mplp.restoreSnapshot`: going back to how the project was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.check_drift import project_of
from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.services import Services
from mplp_lsp.workspace.scan import project_files
from mplp_runtime.errors import MplpError, WorkspaceNotTrusted

if TYPE_CHECKING:
    from pathlib import Path

    from mplp_runtime.runtime import Runtime
    from mplp_runtime.snapshots.snapshots import Restored, SnapshotRecord

_MOST_OFFERED = 5


async def create_snapshot(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps state, graph and files; what is too large is left out and named."""
    root = _trusted_project(services, arguments)
    label = arguments.get("label") or ""

    async def create(runtime: Runtime) -> SnapshotRecord:
        await asyncio.to_thread(runtime.persist)
        return await runtime.snapshots.create(await _files(root), label)

    made = await services.on_runtime(root, create)
    return {**_described(made), "left_out": [{"path": each.path, "why": each.why} for each in made.left_out]}


async def restore_snapshot(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Without `snapshot` the newest ones are offered, where the editor can ask. Nothing is lost by it."""
    root = _trusted_project(services, arguments)
    kept = await services.on_runtime(root, _all)
    named = arguments.get("snapshot")
    listed = {"restored": None, "snapshots": [_described(each) for each in reversed(kept)]}
    if arguments.get("list"):
        return listed
    chosen = await _asked_for(services, kept) if named is None else _one(kept, named)
    if chosen is None:
        return listed

    async def restore(runtime: Runtime) -> Restored:
        return await runtime.snapshots.restore(chosen.snapshot_id, await _files(root))

    restored = await services.on_runtime(root, restore)
    services.look_again()
    return {
        "restored": restored.snapshot_id,
        "before": restored.before_id,
        "written": list(restored.written),
        "kept": list(restored.kept),
        "failed": [{"path": each.path, "why": each.why} for each in restored.failed],
        "taken_back": list(restored.taken_back),
        "left": [{"path": each.path, "why": each.why} for each in restored.left],
        "runs_undone": list(restored.runs_undone),
    }


async def _files(root: Path) -> Sequence[str]:
    # git is asked, or the folder walked: not on the loop that answers the editor.
    return await asyncio.to_thread(lambda: project_files(root).files)


async def _all(runtime: Runtime) -> Sequence[SnapshotRecord]:
    return runtime.snapshots.all()


async def _asked_for(services: Services, kept: Sequence[SnapshotRecord]) -> SnapshotRecord | None:
    if not kept:
        raise MplpError("This project has no snapshots yet.")
    if not services.can_ask:
        raise MplpError("Name the snapshot: mplp.restoreSnapshot takes {snapshot}.")
    offered = {_title(each): each for each in list(reversed(kept))[:_MOST_OFFERED]}
    answer = await services.ask(
        "Which snapshot shall come back? State, graph and files become what they were; "
        "a snapshot of how they are now is made first.",
        list(offered),
    )
    return offered.get(answer) if answer is not None else None


def _one(kept: Sequence[SnapshotRecord], named: str) -> SnapshotRecord:
    found = [each for each in kept if named and each.snapshot_id.startswith(named)]
    if len(found) == 1:
        return found[0]
    raise MplpError(
        f"No snapshot of this project begins with {named}."
        if not found
        else f"{len(found)} snapshots begin with {named}; write more of the id."
    )


def _title(record: SnapshotRecord) -> str:
    when = record.captured_at[:19].replace("T", " ")
    return f"{record.label or 'Snapshot'} ({when}, {record.snapshot_id[:8]})"


def _described(record: SnapshotRecord) -> dict[str, Any]:
    return {
        "snapshot_id": record.snapshot_id,
        "label": record.label,
        "captured_at": record.captured_at,
        "files": len(record.files),
    }


def _trusted_project(services: Services, arguments: Mapping[str, Any]) -> Path:
    root = project_of(services, arguments)
    if not services.is_trusted(root):
        raise WorkspaceNotTrusted("This folder is not trusted, so nothing is written in it. Trust it first.")
    return root


_URI = Parameter(str, required=False, about="a document of the project")

CREATE_SNAPSHOT = Command(
    "mplp.createSnapshot",
    "Create a snapshot",
    "Keeps the project's state, graph and files as they are now. "
    "Answers `{snapshot_id, label, captured_at, files, left_out}`.",
    create_snapshot,
    {"uri": _URI, "label": Parameter(str, required=False, about="a few words to know it by")},
)
RESTORE_SNAPSHOT = Command(
    "mplp.restoreSnapshot",
    "Restore a snapshot",
    "Brings state, graph and files back, after a snapshot of how they are now. What file operations of runs "
    "did since is taken back, and these runs count as rolled back; other files made since stay. "
    "Answers `{restored, before, written, kept, failed, taken_back, left, runs_undone}`.",
    restore_snapshot,
    {
        "uri": _URI,
        "snapshot": Parameter(
            str, required=False, about="a snapshot's id, or its beginning; asked for without"
        ),
        "list": Parameter(bool, required=False, about="only answer `{snapshots}`, the newest first"),
    },
)
