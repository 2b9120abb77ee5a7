"""What holds for the entries of a list together: ids that tell them apart, and the order of their times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from mplp_runtime.rules.entry_facts import NOTHING, OWN_ENTRY_ID
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.words import ENTRY_NAMES
from mplp_runtime.rules.world import DocumentFacts, EntryFacts

_IN_ORDER = {"decisions": "decided_at", "messages": "timestamp"}
"""Lists that only ever grow at their end, and the member that tells when an entry was added."""

_NAMED_BY_WORDS = ("participants", "modules")

FEWEST_REVERSED = 3


def list_findings(facts: DocumentFacts) -> list[Finding]:
    """What is wrong with the lists of one document, each looked at by itself."""
    found: list[Finding] = []
    for field, entries in facts.entries.items():
        if field in OWN_ENTRY_ID:
            found += _duplicates(field, entries)
        if field in _IN_ORDER and facts.kind != "dialog":
            found += _order(field, entries)
    if facts.kind == "dialog":
        outside = list(_outside_dialog(facts))
        found += outside
        told = {each.place.pointer[1] for each in outside if len(each.place.pointer) == 3}
        # What is told already cannot be right; the order of the others is what counts.
        messages = facts.entries.get("messages", ())
        found += _order("messages", [NOTHING if at in told else each for at, each in enumerate(messages)])
    return found


def _duplicates(field: str, entries: Sequence[EntryFacts]) -> Iterator[Finding]:
    member = OWN_ENTRY_ID[field]
    first_with: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.id is None:
            continue
        first = first_with.setdefault(entry.id, index)
        if first == index:
            continue
        name = ENTRY_NAMES[field]
        # Ids of our own making tell things apart wherever they are named; the others are words people chose.
        is_word = field in _NAMED_BY_WORDS
        yield Finding(
            "entry-repeated" if is_word else "entry-id-duplicate",
            f"This {name} has the same `{member}` as {name} {first + 1}.",
            Severity.WARNING if is_word else Severity.ERROR,
            Stage.GRAPH,
            Place((field, index, member)),
            (Related(Place((field, first, member)), f"{name.capitalize()} {first + 1} has it too."),),
            data={} if is_word else {"insert_format": "uuid"},
        )


def out_of_order(entries: Sequence[EntryFacts]) -> list[int]:
    """Positions of the fewest entries without which the times of the others never go back."""
    times = [(index, entry.started) for index, entry in enumerate(entries) if entry.started is not None]
    if all(one[1] <= other[1] for one, other in pairwise(times)):
        return []
    # From the end, so that of two entries in the wrong order the later one is the one to be told; unless that
    # would keep one that is far from all others.
    last = len(times) - 1
    late = {last - at for at in _longest_rising([-instant.timestamp() for _, instant in reversed(times)])}
    early = set(_longest_rising([instant.timestamp() for _, instant in times]))
    kept = early if _span(times, early) * FAR < _span(times, late) else late
    return [index for number, (index, _) in enumerate(times) if number not in kept]


FAR = 10
"""An instant that makes what is kept so many times as long is taken for the wrong one."""


def _span(times: Sequence[tuple[int, datetime]], kept: set[int]) -> float:
    return (times[max(kept)][1] - times[min(kept)][1]).total_seconds()


def _longest_rising(keys: Sequence[float]) -> list[int]:
    """Positions of a longest part of `keys` that never falls; of several the one with the least last key."""
    tails: list[float] = []
    tail_at: list[int] = []
    before: list[int] = []
    for position, key in enumerate(keys):
        slot = bisect_right(tails, key)
        before.append(tail_at[slot - 1] if slot else -1)
        tails[slot : slot + 1] = [key]
        tail_at[slot : slot + 1] = [position]
    kept: list[int] = []
    position = tail_at[-1]
    while position >= 0:
        kept.append(position)
        position = before[position]
    return kept


def _order(field: str, entries: Sequence[EntryFacts]) -> Iterator[Finding]:
    astray = out_of_order(entries)
    name = ENTRY_NAMES[field]
    if len(astray) >= FEWEST_REVERSED and len(astray) * 2 >= len(entries):
        yield _out_of_order(
            f"The {field} are not in the order of their times; the oldest {name} stands first.",
            (field,),
            (),
            Place((field,), "open"),
        )
        return
    sound = set(range(len(entries))) - set(astray)
    for index in astray:
        own = entries[index].started
        before = _nearest_timed(entries, (other for other in range(index - 1, -1, -1) if other in sound))
        is_early = before is not None and own is not None and own < before[1]
        after = _nearest_timed(entries, (other for other in range(index + 1, len(entries)) if other in sound))
        neighbour = before if is_early else after
        if neighbour is None:
            continue
        number, when = neighbour[0] + 1, "earlier" if is_early else "later"
        yield _out_of_order(
            f"This {name} is {when} than {name} {number}, "
            f"which stands {'before' if is_early else 'after'} it.",
            (field, index, _IN_ORDER[field]),
            (Related(Place((field, number - 1, _IN_ORDER[field])), f"{name.capitalize()} {number}."),),
        )


def _nearest_timed(entries: Sequence[EntryFacts], positions: Iterable[int]) -> tuple[int, datetime] | None:
    return next(((at, time) for at in positions if (time := entries[at].started) is not None), None)


def _out_of_order(
    message: str, pointer: Pointer, related: tuple[Related, ...], place: Place | None = None
) -> Finding:
    return Finding(
        "entry-out-of-order", message, Severity.WARNING, Stage.GRAPH, place or Place(pointer), related
    )


def _outside_dialog(dialog: DocumentFacts) -> Iterator[Finding]:
    """Messages before the dialog began or after it ended; one of a kind where all of them are."""
    messages = dialog.entries.get("messages", ())
    if dialog.started is not None and dialog.ended is not None and dialog.ended < dialog.started:
        return
    timed = [(index, each.started) for index, each in enumerate(messages) if each.started is not None]
    early = [index for index, at in timed if dialog.started is not None and at < dialog.started]
    late = [index for index, at in timed if dialog.ended is not None and at > dialog.ended]
    for indexes, member, word in (
        (early, "started_at", "before it began"),
        (late, "ended_at", "after it ended"),
    ):
        if len(indexes) == len(timed) and len(indexes) > 1:
            yield Finding(
                "message-outside-dialog",
                f"All messages of this dialog are from {word}.",
                Severity.WARNING,
                Stage.GRAPH,
                Place((member,)),
                (Related(Place(("messages", indexes[0], "timestamp")), f"Message {indexes[0] + 1}."),),
            )
            continue
        for index in indexes:
            yield Finding(
                "message-outside-dialog",
                f"This message is from {word.replace('it', 'the dialog')}.",
                Severity.WARNING,
                Stage.GRAPH,
                Place(("messages", index, "timestamp")),
                (Related(Place((member,)), f"The dialog's `{member}`."),),
            )
