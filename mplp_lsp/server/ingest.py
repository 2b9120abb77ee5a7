"""What the runtime does with a session's file changes. Runs on the runtime's loop, touches no session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from mplp_lsp.workspace.changes import FileChange
from mplp_runtime.errors import StoreError
from mplp_runtime.events.families import Stamper
from mplp_runtime.integration.files import file_update_event
from mplp_runtime.psg.baselines import baseline, record_baseline
from mplp_runtime.rules.history import baseline_after_save
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.runtime import SETTINGS_FILE, Runtime

logger = logging.getLogger(__name__)


async def settle(runtime: Runtime, *, is_trusted: bool) -> None:
    """Moves the state to disk once the project is trusted and has mplp.toml or a state (D23)."""
    if is_trusted and runtime.folder is None:
        has_reason = runtime.vsl.path.exists() or (runtime.root / SETTINGS_FILE).exists()
        if has_reason:
            # In a thread: the state may be locked, and other projects share this loop.
            await asyncio.to_thread(runtime.persist)


async def ingest_changes(
    runtime: Runtime,
    root: Path,
    changes: Iterable[FileChange],
    *,
    editor: str | None,
    is_trusted: bool,
    has_lost: bool = False,
) -> None:
    """Offers each change as a file-update event, to be taken in behind our back (seed 1, 4.3: one door).

    A change that no event can tell is logged, and the others are offered all the same. Nothing is waited for:
    a state that is locked gets what waits once it opens. `has_lost` says that others could not be kept, so
    that all files are looked at.
    """
    try:
        await settle(runtime, is_trusted=is_trusted)
    except StoreError as error:
        # What is told meanwhile is kept in memory, and moves along when that works out.
        logger.warning("The state of %s stays in memory: %s", root, error)
    stamper = Stamper(runtime.clock, runtime.new_id)
    for change in changes:
        previous = change.previous_path
        source = "editor" if change.source == "editor" else "file_watcher"
        event = file_update_event(
            stamper,
            file_path=change.path.relative_to(root).as_posix(),
            change_type=change.change_type,
            source=source,
            workspace_root=str(root),
            previous_path=previous.relative_to(root).as_posix()
            if previous is not None and previous.is_relative_to(root)
            else None,
            lines_added=change.lines_added,
            lines_removed=change.lines_removed,
            encoding=change.encoding,
            language=change.language,
            content_hash=change.content_hash,
            editor_source=editor if change.source == "editor" else None,
        )
        refusal = runtime.intake.offer(event, source=source, is_told_once=True).error
        if refusal is not None:
            logger.warning("The change of %s was not recorded: %s", change.path, refusal)
    if has_lost:
        runtime.intake.look_again()
    runtime.settling.wake()


async def keep_baseline(runtime: Runtime, facts: DocumentFacts, *, is_save: bool) -> Baseline | None:
    """What later edits are measured against: this save, or the last one that was seen."""
    if facts.id is None:
        return None
    kind, document_id = facts.kind, facts.id
    before = baseline(runtime.vsl, kind, document_id)
    if before is None or is_save:
        wanted = baseline_after_save(before, facts)
        await runtime.vsl.transact(
            lambda transaction: record_baseline(transaction, kind, document_id, wanted)
        )
    return baseline(runtime.vsl, kind, document_id)
