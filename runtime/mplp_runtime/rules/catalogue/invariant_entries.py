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
_FIX_BY_RULE = {
    "uuid-v4": "Give {member} a UUID of version 4 in lower case, such as `" + FIRST + "`; a fix makes one.",
    "non-empty-string": "Write a text into {member}; blanks alone say nothing.",
    "iso-datetime": "Write {member} as in `2025-12-06T12:00:00Z`. A fix adds what is missing if that is "
    "certain.",
    "exists": "Add {member}, an object. A fix adds an empty one to fill in.",
    "min-length": "Add an entry to {member}. A fix adds one to fill in.",
    "optional-string": "Write {member} as text, or leave it out.",
}
_FIXES = {
    "sa_context_must_be_active": "Set the `status` of the context to `active` before the plan runs.",
    "sa_steps_agent_role_if_present": "Write the name of the role, or remove `agent_role`.",
    "sa_trace_not_empty": "Record what happened in `events`, at least that the run is over.",
    "map_participants_have_role_ids": "Give the participant the `role_id` of a Role document, or its name.",
    "map_turn_completion_matches_dispatch": "Add the `MAPTurnCompleted` (or the `MAPTurnDispatched`) that is "
    "missing, with the same `role_id` and `turn_number` and in the right order of time.",
    "map_broadcast_has_receivers": "Add a `MAPBroadcastReceived` for each role that got the broadcast, "
    "behind it.",
    "learning_sample_source_flow_non_empty": "Write the name of the flow, or remove `source_flow_id`.",
}
_APPLIES = {"map_participants_have_role_ids": "once the session has begun, and to a blank one always"}
_SEVERITIES = {
    "map_participants_have_role_ids": "error; warning for a blank one while the session is a draft or "
    "cancelled",
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
    scope = invariant.scope.replace("_", " ").replace("ci ", "CI ").replace("git ", "Git ")
    article = "an" if scope.startswith("e") else "a"
    failing, passing = _examples(invariant)
    return Entry(
        code_of(invariant.id),
        _SEVERITIES.get(invariant.id, "error"),
        f"{invariant.sentence} Looks at {where} of {article} {scope}{asks}; applies "
        f"{_APPLIES.get(invariant.id, _MOMENTS[invariant.moment])}{_condition(invariant)}.",
        _FIXES.get(invariant.id) or _fix(invariant),
        failing,
        passing,
    )


def _condition(invariant: mplp_schemas.Invariant) -> str:
    """When a rule speaks at all."""
    when = invariant.when
    family = f", if `{when.field}` is `{when.equals}`" if when.field is not None else ""
    return f"{family}, where it is there" if when.present else family


def _fix(invariant: mplp_schemas.Invariant) -> str:
    """What to write, by the kind of rule."""
    name, _, rest = (invariant.rule or "").partition("(")
    argument = rest.removesuffix(")")
    member = f"`{(invariant.path or '').rpartition('.')[2]}`"
    if name == "enum":
        words = [f"`{word}`" for word in argument.split(",")]
        return f"Write one of {', '.join(words)}. A fix offers the one that was probably meant."
    if name == "eq":
        return f"Write the id that `{argument}` has. A fix does it where both documents are at hand."
    return _FIX_BY_RULE[name].format(member=member)


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
