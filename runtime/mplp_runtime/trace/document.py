"""A run's trace as a Trace document: a pure function of the run's head, its segments and its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring as quoted
from typing import Any, Protocol

from mplp_runtime.vsl.values import encoder

PROTOCOL_VERSION = "1.0.0"
SCHEMA_VERSION = "1.0.0"
_READABLE_ITEMS = 200
one_line = encoder(ascii_only=False, spaced=True)
"""A value as it stands on one line of a document."""


class Line(Protocol):
    """An item of a list that knows its own text, perhaps from an earlier look."""

    @property
    def started_at(self) -> str: ...
    def text(self, *, readable: bool) -> str: ...


Item = Mapping[str, Any] | Line


@dataclass(frozen=True, slots=True)
class TraceHead:
    """Everything of a Trace but its segments and events. Instants are RFC 3339 texts.

    `attributes` go to the root span, the one open object at the top of the frozen schema.
    """

    trace_id: str
    span_id: str
    context_id: str
    plan_id: str
    status: str
    started_at: str
    updated_at: str
    finished_at: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The Trace without segments and events, valid as it is."""
        head: dict[str, Any] = {
            "meta": {
                "protocol_version": PROTOCOL_VERSION,
                "schema_version": SCHEMA_VERSION,
                "created_at": self.started_at,
                "created_by": "mplp-lsp",
                "updated_at": self.updated_at,
            },
            "trace_id": self.trace_id,
            "context_id": self.context_id,
            "plan_id": self.plan_id,
            "root_span": {
                "trace_id": self.trace_id,
                "span_id": self.span_id,
                "context_id": self.context_id,
                "attributes": dict(self.attributes),
            },
            "status": self.status,
            "started_at": self.started_at,
        }
        if self.finished_at is not None:
            head["finished_at"] = self.finished_at
        return head


def item_text(item: Mapping[str, Any], *, readable: bool) -> str:
    """One segment or event as it stands in the document."""
    if readable:
        return indented(dict(item), "\n    ")
    return one_line(dict(item))


def indented(value: Any, line_end: str = "\n") -> str:
    """JSON over several lines, two blanks deeper inside each bracket, as `json.dumps` with `indent=2` has it.

    `line_end` is the line end with the blanks that the value itself is indented by. The standard library's
    writer of this form is in Python and makes a generator for each bracket, which takes twice as long.
    """
    kind = type(value)
    if kind is str:
        return quoted(value)
    deeper = line_end + "  "
    if isinstance(value, dict):
        members = [f"{quoted(name)}: {indented(each, deeper)}" for name, each in value.items()]
        return "{" + deeper + f",{deeper}".join(members) + line_end + "}" if members else "{}"
    if isinstance(value, list | tuple):
        entries = [indented(each, deeper) for each in value]
        return "[" + deeper + f",{deeper}".join(entries) + line_end + "]" if entries else "[]"
    return str(value) if kind is int else one_line(value)


def trace_text(head: Mapping[str, Any], segments: Iterable[Item], events: Iterable[Item]) -> Iterator[str]:
    """The document's text in pieces, so that a large trace is never in memory as a whole.

    The first items of a list are indented for reading; the rest stand one on a line, which is ten times
    quicker to write because only the compact encoder is in C.
    """
    # Without its closing brace, so that the two lists can follow.
    yield indented(head)[:-2]
    for name, items in (("segments", segments), ("events", events)):
        yield f',\n  "{name}": ['
        separator = "\n    "
        for number, item in enumerate(items):
            readable = number < _READABLE_ITEMS
            if isinstance(item, Mapping):
                yield separator + item_text(item, readable=readable)
            else:
                yield separator + item.text(readable=readable)
            separator = ",\n    "
        yield "]" if separator == "\n    " else "\n  ]"
    yield "\n}\n"
