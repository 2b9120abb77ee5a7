"""The 61 invariants as codes, with examples made from what each rule asks."""

from __future__ import annotations

import json

import mplp_schemas
from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, Document, Entry, Example, Section
from mplp_runtime.rules.invariants import code_of
from mplp_runtime.rules.rule_language import EVERY, parse_path

_MOMENTS = {
    "edit": "always",
    "run": "while a plan runs, and for what a run wrote",
    "end-of-trace": "when a run is over",
}
_SOUND: dict[str, object] = {
    "uuid-v4": FIRST,
    "non-empty-string": "something",
    "iso-datetime": "2025-12-06T12:00:00Z",
    "exists": {},
    "optional-string": "reviewer",
}
_FAULTY: dict[str, object] = {
    "uuid-v4": "not-an-id",
    "non-empty-string": " ",
    "iso-datetime": "yesterday",
    "exists": None,
    "optional-string": 7,
}
_EVENT_LISTS = {
    "turns": (("MAPTurnDispatched",), ("MAPTurnDispatched", "MAPTurnCompleted")),
    "broadcasts": (("MAPBroadcastSent",), ("MAPBroadcastSent", "MAPBroadcastReceived")),
}


def invariant_section() -> Section:
    """One entry per invariant."""
    return Section(
        "Invariants",
        "The protocol's 61 rules beyond the schemas. The code is the official id with hyphens. Where the "
        "schema or "
        "an earlier rule has spoken about the same place, these are silent.",
        tuple(_entry(invariant) for invariant in mplp_schemas.invariants()),
    )


def _entry(invariant: mplp_schemas.Invariant) -> Entry:
    where = "the events of a session" if invariant.path is None else f"`{invariant.path}`"
    asks = "" if invariant.rule is None else f": `{invariant.rule}`"
    failing, passing = _examples(invariant)
    return Entry(
        code_of(invariant.id),
        "error",
        f"{invariant.sentence} Looks at {where} of a {invariant.scope}{asks}; applies "
        f"{_MOMENTS[invariant.moment]}.",
        "Write what the rule asks for.",
        failing,
        passing,
    )


def _examples(invariant: mplp_schemas.Invariant) -> tuple[Example, Example]:
    if invariant.when.events is not None or invariant.path is None or invariant.rule is None:
        faulty, sound = _EVENT_LISTS[invariant.when.events or "turns"]
        return _events(*faulty), _events(*sound)
    name, _, rest = invariant.rule.partition("(")
    argument = rest.removesuffix(")")
    others: tuple[Document, ...] = ()
    faulty_value, sound_value = _FAULTY.get(name), _SOUND.get(name)
    if name == "enum":
        faulty_value, sound_value = "something-else", argument.split(",")[0]
    elif name == "min-length":
        faulty_value, sound_value = [], [{}] * int(argument)
    elif name == "eq":
        kind, _, key = argument.partition(".")
        faulty_value, sound_value = SECOND, FIRST
        others = (Document(json.dumps({key: FIRST}), kind),)
    return (
        Example(_document(invariant, faulty_value), others),
        Example(_document(invariant, sound_value), others),
    )


def _document(invariant: mplp_schemas.Invariant, value: object) -> Document:
    for part in reversed(parse_path(invariant.path or "")):
        value = [value] if part == EVERY else {part: value}
    if invariant.when.field is not None and isinstance(value, dict):
        value = {invariant.when.field: invariant.when.equals} | value
    return Document(json.dumps(value), invariant.kinds[0])


def _events(*event_types: str) -> Example:
    lines = [
        {"event_type": event_type, "session_id": FIRST, "payload": {"role_id": SECOND}}
        for event_type in event_types
    ]
    return Example(Document("\n".join(json.dumps(line) for line in lines), "lines"))
