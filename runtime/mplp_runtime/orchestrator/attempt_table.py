"""The newest attempt at each step of a run, in little room: a run of 100,000 steps keeps as many of them.

What goes on is a record as it is stored. What has ended is read seldom and changes no more: it is kept as the
values that are its own, beside what it has in common with thousands of others, which is there once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from operator import itemgetter
from typing import Any, TypeVar, overload

from mplp_runtime.orchestrator.records import Record
from mplp_runtime.trace.recorder import segment_text
from mplp_runtime.vsl.values import compact, decoded

COMMON = frozenset(
    {
        "run_id",
        "attempt",
        "action",
        "status",
        "step_status",
        "segment_status",
        "simulated",
        "exit_code",
        "tool",
        "model",
        "error_type",
        "output_in_tail",
        "answered_by",
        "interrupted",
    }
)
"""Members with few values, all of them words, numbers or truth values."""

T = TypeVar("T")
_Form = tuple[dict[str, Any], tuple[str, ...]]
"""What many attempts have in common, and the names of what each has of its own."""
_Values = Callable[[Record], tuple[Any, ...]]
_Own = tuple[Any, ...] | str
"""The values of those names; as text where one of them could be changed by whoever reads it."""
_UNCHANGING = frozenset({str, int, float, bool, type(None)})


class EndedAttempt:
    """An attempt that is over; in a trace it is a line that knows its own text."""

    __slots__ = ("_form", "_own", "step")

    def __init__(self, form: _Form, own: _Own, step: Mapping[str, Any]) -> None:
        self._form = form
        self._own = own
        self.step = step

    @property
    def number(self) -> int:
        """Which attempt at its step it was, from 1."""
        number: int = self._form[0]["attempt"]
        return number

    @property
    def step_status(self) -> str:
        """The status that it left its step in."""
        status: str = self._form[0]["step_status"]
        return status

    @property
    def started_at(self) -> str:
        """When it began, in RFC 3339."""
        names = self._form[1]
        if type(self._own) is tuple and "started_at" in names:
            return str(self._own[names.index("started_at")])
        return str(self.record()["started_at"])

    def record(self) -> Record:
        """The attempt as it is stored; the caller's own."""
        common, names = self._form
        own = self._own if type(self._own) is tuple else decoded(str(self._own))
        return {"step_id": self.step["step_id"], **common, **dict(zip(names, own, strict=True))}

    def text(self, *, readable: bool) -> str:
        """The attempt's segment as it stands in a trace document."""
        return segment_text(self.record(), self.step, readable=readable)


class AttemptTable(MutableMapping[str, Record]):
    """By the ids of steps. A record that is read here may be a copy: what changes is put in again."""

    def __init__(self) -> None:
        self._kept: dict[str, Record | EndedAttempt] = {}
        self._forms: dict[object, _Form] = {}
        # By the names of a record's members: what takes its common values out, and its own ones.
        self._shapes: dict[tuple[str, ...], tuple[_Values, _Values]] = {}

    def put(self, record: Record, step: Mapping[str, Any]) -> Record | EndedAttempt | None:
        """Keeps an attempt at `step`, the newest there; returns what is kept of it.

        None where the same attempt had ended before: only its step may still be tried once more.
        """
        step_id = record["step_id"]
        before = self._kept.get(step_id)
        kept: Record | EndedAttempt = record
        if record["status"] != "running":
            kept = self._ended(record, step)
        self._kept[step_id] = kept
        is_same = isinstance(before, EndedAttempt) and before.number == record["attempt"]
        return None if is_same else kept

    def number(self, step_id: str) -> int:
        """The number of the newest attempt at a step; 0 where there was none."""
        kept = self._kept.get(step_id)
        if kept is None:
            return 0
        number: int = kept.number if isinstance(kept, EndedAttempt) else kept["attempt"]
        return number

    def copy(self) -> AttemptTable:
        """The attempts as they are now, at the cost of a dictionary."""
        copied = AttemptTable()
        copied._kept = self._kept.copy()
        return copied

    def step_status(self, step_id: str) -> str | None:
        """The status of a step by its newest attempt; None where there was none."""
        kept = self._kept.get(step_id)
        if kept is None:
            return None
        return kept.step_status if isinstance(kept, EndedAttempt) else str(kept["step_status"])

    def under_way(self) -> list[Record]:
        """Attempts that have not ended."""
        return [
            kept
            for kept in self._kept.values()
            if not isinstance(kept, EndedAttempt) and kept["step_status"] == "in_progress"
        ]

    def __getitem__(self, step_id: str) -> Record:
        kept = self._kept[step_id]
        return kept.record() if isinstance(kept, EndedAttempt) else kept

    @overload
    def get(self, step_id: str, /) -> Record | None: ...
    @overload
    def get(self, step_id: str, /, default: Record | T) -> Record | T: ...
    def get(self, step_id: str, /, default: Any = None) -> Any:
        kept = self._kept.get(step_id)
        if kept is None:
            return default
        return kept.record() if isinstance(kept, EndedAttempt) else kept

    def __setitem__(self, step_id: str, record: Record) -> None:
        self._kept[step_id] = record

    def __delitem__(self, step_id: str) -> None:
        del self._kept[step_id]

    def __contains__(self, step_id: object) -> bool:
        return step_id in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _ended(self, record: Record, step: Mapping[str, Any]) -> EndedAttempt:
        names = tuple(record)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = (_taking(_common_names(names)), _taking(_own_names(names)))
        common, own = shape[0](record), shape[1](record)
        # The kinds of values count too: in Python 0 is False.
        key = (names, common, *map(type, common))
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = (
                dict(zip(_common_names(names), common, strict=True)),
                _own_names(names),
            )
        return EndedAttempt(form, own if _UNCHANGING.issuperset(map(type, own)) else compact(own), step)


def _common_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in COMMON)


def _own_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in COMMON and name != "step_id")


def _taking(names: tuple[str, ...]) -> _Values:
    """What takes the values of these names out of a record, as a tuple."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda record: tuple(record[name] for name in names)
