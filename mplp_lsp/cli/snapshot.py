"""`mplp-lsp snapshot`: keeps a project's state, graph and files, lists what is kept, and brings one back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import complain
from mplp_lsp.cli.opening import opened_to_look, opened_with_trust
from mplp_lsp.cli.style import MOST_NAMED, counted_files, printable, write
from mplp_lsp.cli.terminal import COMPLETED, FAILED, REFUSED
from mplp_lsp.cli.trust import complain_of_trust
from mplp_runtime.errors import MplpError, RunRefused, WorkspaceNotTrusted

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime
    from mplp_runtime.snapshots.objects import LeftOut
    from mplp_runtime.snapshots.snapshots import SnapshotRecord


def snapshot_command(
    *,
    root: str,
    label: str = "",
    restore: str | None = None,
    all_kept: bool = False,
    trust: bool = False,
    out: TextIO | None = None,
) -> int:
    """0 done, 1 where a restore had to leave something, 3 refused. Raises MplpError."""
    from mplp_lsp.workspace.projects import root_of

    project = root_of(Path(root).absolute())
    try:
        return asyncio.run(_done(project, label, restore, out or sys.stdout, all_kept=all_kept, trust=trust))
    except WorkspaceNotTrusted as error:
        complain_of_trust(error)
    except RunRefused as error:
        complain(str(error))
    return REFUSED


_NONE = "This project has no snapshots yet."


async def _done(
    project: Path, label: str, restore: str | None, out: TextIO, *, all_kept: bool, trust: bool
) -> int:
    from mplp_runtime.state_opening import has_state

    if not has_state(project):
        if all_kept:
            write(out, f"{_NONE}\n")
            return COMPLETED
        if restore is not None:
            raise MplpError(_NONE)
    if all_kept:
        async with opened_to_look(project) as runtime:
            return _listed(runtime, out)
    refusal = "This folder is not trusted, so nothing is written in it."
    async with opened_with_trust(project, trust=trust, refusal=refusal) as runtime:
        return await (_made(runtime, label, out) if restore is None else _restored(runtime, restore, out))


def _listed(runtime: Runtime, out: TextIO) -> int:
    kept = runtime.snapshots.all()
    if not kept:
        write(out, f"{_NONE}\n")
    for each in reversed(kept):
        when = each.captured_at[:19].replace("T", " ")
        files = counted_files(len(each.files))
        write(out, f"{each.snapshot_id}  {when}  {files}  {printable(each.label)}\n")
    return COMPLETED


async def _made(runtime: Runtime, label: str, out: TextIO) -> int:
    made = await runtime.take_snapshot(label)
    write(out, f"Snapshot {made.snapshot_id}: state, graph and {counted_files(len(made.files))} are kept.\n")
    _name(out, "Left out", made.left_out)
    return COMPLETED


async def _restored(runtime: Runtime, named: str, out: TextIO) -> int:
    done = await runtime.restore_snapshot(_chosen(runtime.snapshots.all(), named).snapshot_id)
    again = len(set(done.written) | set(done.taken_back))
    write(out, f"State and graph are as they were, and {counted_files(again)} with them.\n")
    _name(out, "Not restored", done.failed)
    _name(out, "Left as found", done.left)
    for path in done.kept[:MOST_NAMED]:
        write(out, f"Made since, and still there: {printable(path)}\n")
    if len(done.kept) > MOST_NAMED:
        write(out, f"Made since, and still there: {len(done.kept) - MOST_NAMED} more\n")
    for run_id in done.runs_undone[:MOST_NAMED]:
        write(out, f"Run {run_id[:8]} counts as rolled back: what it did was taken back.\n")
    write(out, f"How it was before is kept: mplp-lsp snapshot --restore {done.before_id[:8]}\n")
    return FAILED if done.failed or done.left else COMPLETED


def _chosen(kept: Sequence[SnapshotRecord], named: str) -> SnapshotRecord:
    """The snapshot whose id begins so; `last` is the newest. Raises MplpError."""
    if not named:
        raise MplpError("The id of the snapshot is empty; see mplp-lsp snapshot --list.")
    if named == "last" and kept:
        return kept[-1]
    found = [each for each in kept if each.snapshot_id.startswith(named)]
    if len(found) == 1:
        return found[0]
    raise MplpError(
        f"No snapshot of this project begins with {named}; see mplp-lsp snapshot --list."
        if not found
        else f"{len(found)} snapshots begin with {named}; write more of the id."
    )


def _name(out: TextIO, word: str, files: Iterable[LeftOut]) -> None:
    named = list(files)
    for each in named[:MOST_NAMED]:
        write(out, f"{word}: {printable(each.path)} ({printable(each.why)})\n")
    if len(named) > MOST_NAMED:
        write(out, f"{word}: {len(named) - MOST_NAMED} more\n")
