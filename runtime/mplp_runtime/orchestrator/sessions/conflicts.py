"""What the turns of a wave wrote, where two of them disagree, and what holds then: pure functions.

A turn writes graph keys by what its action returns: a JSON object with `writes`, whose members are keys and
values. It writes a file by a `file_operation`, or says so in `files` of what it returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from mplp_runtime.vsl.values import compact

Kind = Literal["graph_key", "file"]


@dataclass(frozen=True, slots=True)
class Write:
    """One thing that one turn wrote. `order` rises with the moment at which it was written.

    `value` of a graph key is JSON, of a file the SHA-256 of its content; None for a file that the turn only
    says it wrote.
    """

    kind: Kind
    name: str
    value: Any
    step_id: str
    participant: int
    order: int

    @property
    def mark(self) -> str:
        """Equal for equal values. What nobody can compare differs from everything."""
        return (
            f"unknown {self.step_id}" if self.kind == "file" and self.value is None else compact(self.value)
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """Different participants wrote the same differently in one wave; `writes` in the order of writing."""

    kind: Kind
    name: str
    writes: tuple[Write, ...]

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return f"the file {self.name}" if self.kind == "file" else f"the graph key `{self.name}`"


def claims(output: Any) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a result says that its turn wrote: graph keys with their values, and paths of files.

    A text counts if it is a JSON object, because programs can only print.

    >>> claims('{"writes": {"owner": "ana"}, "files": ["a.md"]}')
    ({'owner': 'ana'}, ('a.md',))
    >>> claims("done")
    ({}, ())
    """
    if isinstance(output, str) and output.lstrip().startswith("{"):
        try:
            output = json.loads(output)
        except (ValueError, RecursionError):
            return {}, ()
    if not isinstance(output, Mapping):
        return {}, ()
    writes, files = output.get("writes"), output.get("files")
    keys = writes if isinstance(writes, Mapping) else {}
    paths = files if isinstance(files, list) else []
    return (
        {name: value for name, value in keys.items() if isinstance(name, str) and name.strip()},
        tuple(path for path in paths if isinstance(path, str) and path.strip()),
    )


def conflicts(writes: Iterable[Write], are_ordered: Callable[[str, str], bool]) -> Iterator[Conflict]:
    """The disagreements among the writes of a wave, by kind and name.

    `are_ordered(a, b)`: one of two steps waits for the other, so that it knew what it wrote over.
    """
    by_name: dict[tuple[Kind, str], list[Write]] = {}
    for write in writes:
        by_name.setdefault((write.kind, write.name), []).append(write)
    for (kind, name), found in sorted(by_name.items()):
        if _disagree(found, are_ordered):
            yield Conflict(kind, name, tuple(sorted(found, key=lambda each: each.order)))


def _disagree(writes: Sequence[Write], are_ordered: Callable[[str, str], bool]) -> bool:
    return any(
        one.participant != other.participant
        and one.mark != other.mark
        and not are_ordered(one.step_id, other.step_id)
        for place, one in enumerate(writes)
        for other in writes[place + 1 :]
    )


def settled(conflict: Conflict, strategy: str) -> Write | None:
    """The write that holds; None where a person decides.

    `hierarchy`: of the participant who stands first in the Collab. `vote`: the value that the most
    participants wrote, among as many the one of the highest. `last-write`: the one that was written last.
    A file whose contents are not known cannot be put back, so what strategy would choose it asks as well;
    where they are known, whoever merges looks whether they can.
    """
    last = conflict.writes[-1]
    if strategy == "hierarchy":
        chosen = min(conflict.writes, key=lambda write: (write.participant, -write.order))
    elif strategy == "vote":
        chosen = _most_wanted(conflict.writes)
    elif strategy == "last-write":
        chosen = last
    else:
        return None
    is_lost = conflict.kind == "file" and chosen is not last and chosen.value is None
    return None if is_lost else chosen


def _most_wanted(writes: Sequence[Write]) -> Write:
    # Each participant has one vote: what it wrote last.
    votes = {write.participant: write for write in writes}
    counts: dict[str, int] = {}
    for write in votes.values():
        counts[write.mark] = counts.get(write.mark, 0) + 1
    return min(votes.values(), key=lambda write: (-counts[write.mark], write.participant))


def meant_by(answer: str, conflict: Conflict, names: Mapping[int, Iterable[str]]) -> Write | None:
    """The write that a person's answer names by its participant; None if it names none, or several.

    A name alone means who is called just so, also where others have longer names that begin with it.
    """
    said = answer.strip().casefold()
    for is_meant in (said.__eq__, partial(_names, said)):
        found = {
            write.participant: write
            for write in conflict.writes
            if any(is_meant(name.casefold()) for name in names[write.participant])
        }
        if found:
            return next(iter(found.values())) if len(found) == 1 else None
    return None


def _names(said: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None
