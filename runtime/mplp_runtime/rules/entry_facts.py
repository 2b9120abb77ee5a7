"""The facts of one entry of a document's lists, `steps` of plans apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.rules.lifecycle import is_terminal
from mplp_runtime.rules.world import EntryFacts

OWN_ENTRY_ID = {
    "segments": "segment_id",
    "decisions": "decision_id",
    "participants": "participant_id",
    "nodes": "node_id",
    "modules": "module_id",
    "events": "event_id",
}
"""The member that tells the entries of a list apart. Messages of a dialog have none."""

_LISTS = {
    "trace": ("segments", "events"),
    "confirm": ("decisions", "events"),
    "dialog": ("messages", "events"),
    "collab": ("participants", "events"),
    "network": ("nodes", "events"),
    "core": ("modules", "events"),
}
_EVENTS_ONLY = ("events",)
_MODULES_WITHOUT_LISTS = frozenset({"context", "plan", "role", "extension"})

Members = Mapping[str, object]


def entry_lists(kind: str) -> tuple[str, ...]:
    """The top-level lists of a kind of document whose entries have facts; () for kinds without any."""
    return _EVENTS_ONLY if kind in _MODULES_WITHOUT_LISTS else _LISTS.get(kind, ())


def entry_facts(field: str, entry: object) -> EntryFacts:
    """The facts of one entry of the top-level list `field`; empty ones where it is no object."""
    return _BUILDERS[field](entry) if isinstance(entry, Mapping) else NOTHING


NOTHING = EntryFacts()
"""Of an entry that says nothing."""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _id_in(members: object, name: str) -> str | None:
    """A member of an open object, where it is an id at all: nobody says that it must be one."""
    value = members.get(name) if isinstance(members, dict) else None
    return value if isinstance(value, str) and is_id(value) else None


def _segment(entry: Members) -> EntryFacts:
    get = entry.get
    status = _text(get("status"))
    is_over = status is not None and is_terminal("segment", status)
    return EntryFacts(
        _text(get("segment_id")),
        status,
        _text(get("parent_segment_id")),
        step=_id_in(get("attributes"), "step_id"),
        started=instant_of(get("started_at")),
        ended=instant_of(get("finished_at")),
        seal=_seal(entry) if is_over else None,
    )


def _decision(entry: Members) -> EntryFacts:
    return EntryFacts(
        _text(entry.get("decision_id")),
        _text(entry.get("status")),
        started=instant_of(entry.get("decided_at")),
        seal=_seal(entry),
    )


def _message(entry: Members) -> EntryFacts:
    return EntryFacts(started=instant_of(entry.get("timestamp")))


def _participant(entry: Members) -> EntryFacts:
    role = _text(entry.get("role_id"))
    lacks_role = "role_id" not in entry or (role is not None and not role.strip())
    return EntryFacts(
        _text(entry.get("participant_id")),
        role=role,
        lacks_role=lacks_role,
        kind=_text(entry.get("kind")),
        label=_text(entry.get("display_name")),
    )


def _node(entry: Members) -> EntryFacts:
    return EntryFacts(
        _text(entry.get("node_id")), _text(entry.get("status")), role=_text(entry.get("role_id"))
    )


def _module(entry: Members) -> EntryFacts:
    return EntryFacts(_text(entry.get("module_id")), _text(entry.get("status")))


def _event(entry: Members) -> EntryFacts:
    return EntryFacts(
        _text(entry.get("event_id")),
        parent=_text(entry.get("trace_id")),
        segment=_id_in(entry.get("data"), "segment_id"),
    )


def _seal(entry: Members) -> int:
    """A number that changes with the content; the order of members does not count."""
    return crc32(repr(sorted(entry.items())).encode("utf-8", "replace"))


_BUILDERS: Mapping[str, Callable[[Members], EntryFacts]] = {
    "segments": _segment,
    "decisions": _decision,
    "messages": _message,
    "participants": _participant,
    "nodes": _node,
    "modules": _module,
    "events": _event,
}
