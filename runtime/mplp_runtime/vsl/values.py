# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""What the back ends agree on: the stored form of values, the Lamport stamp, and the limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mplp_runtime.errors import NodeConflict, NodeMissing, StateDamaged, StoreError
from mplp_runtime.vsl.interface import Edge, Json, StoredForm

MISPLACED_TRANSACTION = (
    "a transaction cannot be started inside another, inside a read, nor in an after_commit callback"
)
"""A bug of the caller's: it would wait for itself."""

KEY_CHANGED = (
    "The encryption of the state was changed by another process since it was opened; nothing was saved. "
    "Start mplp-lsp again."
)


SCHEMA_VERSION_KEY = "psg_schema_version"
"""The key of the version of what is stored (seed 1, 7.1): every store answers it, none lists it."""

SCHEMA_VERSION = "1.1.0"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that was encrypted further up: a store keeps `text` as it stands and `key_id` beside it."""

    text: str
    key_id: str


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much a store takes before it says no, so that a flood costs time and never memory or the disk.

    `value_bytes`: one value, node or event. `pending`: units of work waiting for the writer; more wait.
    `batch`: units of work in one commit. `file_bytes`: size of the database file, None = as the disk allows.
    """

    value_bytes: int = 64 * 1024 * 1024
    pending: int = 10_000
    batch: int = 512
    file_bytes: int | None = None


def encoder(*, ascii_only: bool = True, spaced: bool = False) -> Callable[[Json], str]:
    """Writes JSON on one line; raises TypeError, ValueError or RecursionError for what is none.

    `spaced` puts a blank behind commas and colons. The encoder in C is made once, because
    `JSONEncoder.encode` makes one at each call, which costs as much as most values do.
    """
    comma, colon = (", ", ": ") if spaced else (",", ":")
    plain = json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False, separators=(comma, colon))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    quoted = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    # Without a memory of what is being written: what holds itself meets the recursion limit instead.
    in_c = make(None, plain.default, quoted, None, colon, comma, False, False, False)
    return lambda value: "".join(in_c(value, 0))


compact = encoder()
"""A value in the form that is stored. ASCII, because a lone surrogate in a tool's output has no UTF-8 form
and could not be written otherwise."""


def encoded(value: Json, limits: StoreLimits) -> str:
    """`value` as stored. Raises StoreError if it is no JSON value, too deep, or over the limit."""
    try:
        text = compact(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"This value cannot be stored: {error}.") from error
    if len(text) > limits.value_bytes:
        raise StoreError(_too_long(len(text), limits))
    return text


def refuse_texts(texts: Sequence[str], limits: StoreLimits, key_id: str | None) -> None:
    """Raises StoreError where ready texts may not be stored as they are: one is over the limit, or all others
    are sealed with `key_id`."""
    if key_id is not None:
        raise StoreError(KEY_CHANGED)
    longest = max(map(len, texts), default=0)
    if longest > limits.value_bytes:
        raise StoreError(_too_long(longest, limits))


def _too_long(length: int, limits: StoreLimits) -> str:
    return f"This value cannot be stored: it has {length:,} bytes, the limit is {limits.value_bytes:,}."


decoded = json.JSONDecoder().decode


def as_stored(value: Json) -> Json:
    """The value as a store would give it back: of its own, and a tuple is a list. Raises StoreError."""
    return decoded(encoded(value, StoreLimits()))


def stored_form(value: Json, limits: StoreLimits, key_id: str | None) -> StoredForm:
    """`value` as a store keeps it whose rows are all sealed with `key_id`, or all in plain text.

    Raises StoreError for what cannot be stored, and where the key changed since the caller opened the store.
    """
    if type(value) is Sealed:
        if value.key_id != key_id:
            raise StoreError(KEY_CHANGED)
        return value.text, value.key_id
    if key_id is not None:
        raise StoreError(KEY_CHANGED)
    return encoded(value, limits), None


def kept(text: str) -> Json:
    """The value of a stored text. Raises StateDamaged where the text is not one that a store has written."""
    try:
        return decoded(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise StateDamaged(f"The state is damaged: a value in it cannot be read ({error}).") from error


def kept_mapping(text: str) -> Mapping[str, Json]:
    """The members of a stored node or event. Raises StateDamaged as `kept`."""
    value = kept(text)
    if not isinstance(value, dict):
        raise StateDamaged("The state is damaged: a node or an event in it is no JSON object.")
    return value


def shown(text: str, key_id: str | None, shows_sealed: bool) -> Json:
    """A stored text as whoever reads gets it. Raises StoreError for an encrypted one that nobody opens."""
    if key_id is None:
        return kept(text)
    if not shows_sealed:
        raise StoreError(f"The state is encrypted with the key {key_id}; name that key in mplp.toml.")
    return Sealed(text, key_id)


def shown_mapping(text: str, key_id: str | None, shows_sealed: bool) -> Json:
    """The same for a node or an event. Raises StoreError also for what is no JSON object."""
    return kept_mapping(text) if key_id is None else shown(text, key_id, shows_sealed)


def mapping_of(data: Mapping[str, Json]) -> Json:
    """The data of a node as a value that can be stored."""
    return data if isinstance(data, Sealed) else dict(data)


def timed(event: Mapping[str, Json], lamport: int) -> Json:
    """The event with its logical time; an encrypted one got it before it was encrypted."""
    return event if isinstance(event, Sealed) else stamped(event, lamport)


def can_be_a_name(*names: str) -> bool:
    """Whether every store can keep something under these names.

    Half of a surrogate pair has no UTF-8 form, and PostgreSQL keeps no NUL. Python reads a file name that is
    no UTF-8 with such halves, so that people do ask about them.

    >>> can_be_a_name("File", "cafe.py"), can_be_a_name("File", "caf\\udce9.py"), can_be_a_name("a\\x00b")
    (True, False, False)
    """
    if any("\x00" in name for name in names):
        return False
    try:
        for name in names:
            name.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_half_characters(*names: str) -> None:
    """Raises StoreError for a name that a store on disk cannot keep: what is in memory may move there."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as problem:
            raise StoreError(f"A name with half of a surrogate pair cannot be kept: {name!r}.") from problem


def refuse_schema_key(key: str) -> None:
    """Raises StoreError for the one key that a store answers by itself."""
    if key == SCHEMA_VERSION_KEY:
        raise StoreError(
            f"`{SCHEMA_VERSION_KEY}` tells how the state is stored; only a migration changes it."
        )


def refuse_other_version(type: str, id: str, stored: int, expected: int) -> None:
    """Raises NodeConflict where not the expected version of a node is stored (0: none is)."""
    if expected != stored:
        raise NodeConflict(f"{type} {id} changed meanwhile: version {stored} is stored, not {expected}.")


def missing_end(edge: Edge, type: str, id: str) -> NodeMissing:
    """What is raised where an end of an edge is not in the graph."""
    return NodeMissing(
        f"The edge `{edge.kind}` from {edge.source_type} {edge.source_id} to {edge.target_type} "
        f"{edge.target_id} cannot be added: there is no {type} {id} in the graph."
    )


def stamped(event: Mapping[str, Json], lamport: int) -> dict[str, Json]:
    """A copy of `event` with its logical time where its schema has room for it.

    EventCore objects are open and carry it at the top (seed 1, 6.3); SA and MAP events are closed, but their
    `payload` is open.

    >>> stamped({"event_family": "intent"}, 7)
    {'event_family': 'intent', 'lamport_timestamp': 7}
    >>> stamped({"sa_id": "a", "payload": {"step_id": "b"}}, 8)
    {'sa_id': 'a', 'payload': {'step_id': 'b', 'lamport_timestamp': 8}}
    """
    if "event_family" in event:
        return {**event, "lamport_timestamp": lamport}
    payload = event.get("payload")
    inner = dict(payload) if isinstance(payload, Mapping) else {}
    return {**event, "payload": {**inner, "lamport_timestamp": lamport}}


def unstamped(event: Mapping[str, Json]) -> dict[str, Json]:
    """The event as it was before `stamped` gave it its logical time.

    >>> unstamped({"sa_id": "a", "payload": {"step_id": "b", "lamport_timestamp": 8}})
    {'sa_id': 'a', 'payload': {'step_id': 'b'}}
    """
    if "event_family" in event:
        return {name: value for name, value in event.items() if name != "lamport_timestamp"}
    inner = {name: value for name, value in event["payload"].items() if name != "lamport_timestamp"}
    return {**event, "payload": inner}
