"""What the runtime itself has written is no drift: the graph learns of it from us, not by looking later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from mplp_runtime.drift.looks import Drifted, look_closely
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event
from mplp_runtime.integration.files import ChangeType, FileIngest, file_update_event
from mplp_runtime.psg.files import FILE
from mplp_runtime.psg.graph import Graph
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer


def own_writes(root: Path, paths: Iterable[str]) -> list[Drifted]:
    """How the files at these paths are, with hashes; `deleted` where none is; of folders, what they hold."""
    every = (each for path in dict.fromkeys(paths) for each in files_at(root, path))
    found = (look_closely(root, path) for path in dict.fromkeys(every))
    return [each for each in found if each is not None]


def take_over(
    transaction: Transaction,
    store: ValueStateLayer,
    bus: EventBus,
    graph: Graph,
    root: Path,
    observed: Iterable[Drifted],
    *,
    source: str,
    streams: tuple[str, ...] = ("project",),
    only_known: bool = False,
) -> None:
    """Tells the graph of each file that is not what it knows, with one file event each (seed 2, 4.1).

    With `only_known` these are files that somebody else has written: nothing is said about those that the
    graph has never heard of, and the others have drifted.
    """
    files = FileIngest(store, bus, graph, root=root)
    for each in observed:
        node = transaction.read_node(FILE, each.path)
        if node is None and only_known:
            continue
        is_gone = each.drift == "deleted"
        if node is None if is_gone else node is not None and _is_known(node.data, each):
            continue
        change: ChangeType = "deleted" if is_gone else "created" if node is None else "modified"
        event = _event(bus, root, each, change, source)
        files.ingest_in(transaction, event, streams=streams, is_ours=not only_known)


def _event(bus: EventBus, root: Path, each: Drifted, change: ChangeType, source: str) -> Event:
    return file_update_event(
        bus.stamper,
        file_path=each.path,
        change_type=change,
        source=source,
        changed_at=None if each.changed_at is None else datetime.fromisoformat(each.changed_at),
        workspace_root=str(root),
        content_hash=each.content_hash,
        size_bytes=each.size_bytes,
    )


def tell_again(
    transaction: Transaction,
    bus: EventBus,
    root: Path,
    observed: Iterable[Drifted],
    *,
    source: str,
    stream: str,
    since: str,
) -> None:
    """Says in `stream` what is no news to the graph, so that `take_over` will not: a file written as it was.

    What the graph has heard after `since` (a timestamp) was told in the streams of all runs under way.
    """
    for each in observed:
        node = transaction.read_node(FILE, each.path)
        is_gone = each.drift == "deleted"
        if node is None:
            is_untold = is_gone
        else:
            is_old = str(node.data.get("last_modified", "")) < since
            is_untold = not is_gone and is_old and _is_known(node.data, each)
        if is_untold:
            bus.record(
                transaction, stream, _event(bus, root, each, "deleted" if is_gone else "modified", source)
            )


def files_at(root: Path, path: str) -> Iterator[str]:
    """The path itself; of a folder, all files in it. All are relative to `root`."""
    place = root / path
    if place.is_dir() and not place.is_symlink():
        yield from (each.relative_to(root).as_posix() for each in place.rglob("*") if not each.is_dir())
    else:
        yield path


def _is_known(data: Mapping[str, object], each: Drifted) -> bool:
    is_there = data.get("missing_since") is None
    return is_there and each.content_hash is not None and data.get("content_hash") == each.content_hash
