"""What no schema says about one event: its payload, its family, and whether its members agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from mplp_runtime.kinds import FAMILIES
from mplp_runtime.rules.choice import EVENT_FAMILIES, family_by_members
from mplp_runtime.rules.event_facts import LAMPORT
from mplp_runtime.rules.event_types import FAMILIES_OF_TYPES, INTEGRATION_KINDS
from mplp_runtime.rules.explain import is_count, is_id
from mplp_runtime.rules.findings import Finding, Part, Place, Pointer, Severity, Stage
from mplp_runtime.rules.synonyms import meant_option
from mplp_runtime.rules.words import kind_of_value, listed, quoted

Members = Mapping[str, object]

# What the last word of an event type says about the state that the event tells.
_STATES_OF_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "_started": ("pending", "running"),
    "_completed": ("completed", "failed", "skipped", "cancelled"),
    "_failed": ("failed",),
}

_ENDS = ("completed", "failed")
_Check = Callable[[object], str | None]


def _an_id(value: object) -> str | None:
    return None if is_id(value) else f"must be the id of a step, but is {_shown(value)}"


def _a_word(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else f"must be a text, but is {_shown(value)}"


def _a_number(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return None if is_number else f"must be a whole number, but is {_shown(value)}"


def _an_end(value: object) -> str | None:
    return None if value in _ENDS else f"is {_shown(value)}. Allowed: {', '.join(_ENDS)}"


def _shown(value: object) -> str:
    """Texts with their quotes, so that "1" is not taken for 1."""
    if isinstance(value, str):
        return quoted(json.dumps(value, ensure_ascii=False))
    return quoted(value) if isinstance(value, int | float) else kind_of_value(value)


def _meant(value: object, check: _Check) -> dict[str, object]:
    """The value that was meant where one of another form stands, as the data of a fix."""
    if check is _an_end:
        meant = meant_option(value, _ENDS) if isinstance(value, str) else None
        return {"allowed": list(_ENDS)} | ({"suggestion": meant} if meant is not None else {})
    if check is _a_number and isinstance(value, str) and is_count(value):
        return {"suggestion": int(value)}
    return (
        {"suggestion": value.lower()}
        if check is _an_id and isinstance(value, str) and is_id(value.lower())
        else {}
    )


# The payloads that the profiles' schemas describe without asking for them.
_PAYLOADS: Mapping[str, Mapping[str, _Check]] = {
    "SAStepStarted": {"step_id": _an_id},
    "SAStepCompleted": {"step_id": _an_id, "status": _an_end},
    "SAStepFailed": {"step_id": _an_id},
    "MAPTurnDispatched": {"role_id": _a_word, "turn_number": _a_number},
    "MAPTurnCompleted": {"role_id": _a_word, "turn_number": _a_number},
    "MAPBroadcastSent": {"broadcaster_role_id": _a_word, "target_count": _a_number},
    "MAPBroadcastReceived": {"receiver_role_id": _a_word},
}

# From where on an event of a run knows what the run is about.
_KNOWN_FROM: Mapping[str, str] = {
    "SAContextLoaded": "context_id",
    "SAPlanEvaluated": "plan_id",
    "SATraceEmitted": "trace_id",
}


def family_of_type(event_type: object) -> str | None:
    """The family in which the protocol sends events of a type; None if it names none, or several."""
    families = FAMILIES_OF_TYPES.get(event_type, ()) if isinstance(event_type, str) else ()
    return families[0] if len(families) == 1 else None


def event_sense(event: Members) -> Iterator[Finding]:
    """What is odd about one event of any kind but those embedded in a document; places inside it."""
    kind = event.get("event_type")
    word = kind if isinstance(kind, str) else ""
    yield from _lamport(event)
    if "event_family" in event:
        yield from _family(word, event)
        yield from _status(word, event)
        if event.get("event_family") == "graph_update":
            yield from _deltas(event)
        if event.get("event_family") == "external_integration" and word in INTEGRATION_KINDS:
            yield from _integration(event)
        return
    yield from _payload(word, event)
    name = _KNOWN_FROM.get(word)
    if name is not None and name not in event:
        message = f"`{word}` says nothing of `{name}`, though it is known by then."
        yield _finding(
            "event-payload-incomplete", message, (), "open", Severity.INFORMATION, {"missing": name}
        )


def _lamport(event: Members) -> Iterator[Finding]:
    payload = event.get("payload")
    for pointer, owner in (((), event), (("payload",), payload)):
        if not isinstance(owner, Mapping) or LAMPORT not in owner:
            continue
        value = owner[LAMPORT]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            message = f"`{LAMPORT}` must be a whole number of 0 or more, but is {_shown(value)}."
            data = {"suggestion": int(value)} if isinstance(value, str) and is_count(value) else {}
            yield _finding("event-lamport-invalid", message, (*pointer, LAMPORT), data=data)


def _family(word: str, event: Members) -> Iterator[Finding]:
    family, by_members = event.get("event_family"), family_by_members(event)
    families = FAMILIES_OF_TYPES.get(word)
    if re.fullmatch("(SA|MAP)[A-Z][A-Za-z]+", word):
        profile = "single-agent" if word.startswith("SA") else "multi-agent"
        message = f"`{word}` is an event of the {profile} profile, and those have no `event_family`."
        yield _finding("event-family-unlikely", message, ("event_family",), "key", data={"removable": True})
    elif not isinstance(family, str) or family not in FAMILIES:
        return
    elif by_members is not None:
        # An event that has nothing of the family it names does not satisfy that family's schema.
        severity = Severity.ERROR if family in EVENT_FAMILIES else Severity.WARNING
        message = f"`event_family` is {quoted(family)}, but this event has the members of a `{by_members}`."
        if families is not None and by_members in families and by_members not in EVENT_FAMILIES:
            message = (
                f"`{word}` is an event of the family `{by_members}`, and has nothing of a {quoted(family)}."
            )
        data: dict[str, object] = {"suggestion": by_members}
        yield _finding("event-family-unlikely", message, ("event_family",), severity=severity, data=data)
    elif families is not None and family not in families:
        message = f"`{word}` is an event of the family {listed(families)}, not of {quoted(family)}."
        data = {"suggestion": families[0]} if len(families) == 1 else {}
        severity = Severity.INFORMATION  # the protocol gives these types as examples only
        yield _finding("event-family-unlikely", message, ("event_family",), severity=severity, data=data)


def _status(word: str, event: Members) -> Iterator[Finding]:
    name = "stage_status" if event.get("event_family") == "pipeline_stage" else "status"
    if event.get("event_family") not in ("pipeline_stage", "runtime_execution"):
        return
    status = event.get(name)
    for ending, states in _STATES_OF_ENDINGS.items():
        if word.endswith(ending) and isinstance(status, str) and status not in states:
            known = ("pending", "running", "completed", "failed", "skipped", "cancelled")
            if status in known:
                message = f"`{word}` says {quoted(status)}; with that type it is {listed(states)}."
                yield _finding("event-status-contradicts", message, (name,), stage=Stage.LIFECYCLE)


def _deltas(event: Members) -> Iterator[Finding]:
    kind = str(event.get("update_kind"))
    broken: list[tuple[str, str]] = []
    for name in ("node_delta", "edge_delta"):
        delta = event.get(name)
        wanted = _wanted_delta(kind, name.removesuffix("_delta"))
        if wanted is None or not isinstance(delta, int) or isinstance(delta, bool):
            continue
        asked, is_kept = wanted
        if not is_kept(delta):
            broken.append((name, f"`{name}` is {delta}, but `{kind}` {asked}."))
    if len(broken) == 1:
        yield _finding("graph-delta-contradicts", broken[0][1], (broken[0][0],))
    elif broken:
        # Where both numbers contradict the kind, the kind is the one that is wrong.
        message = f"`{kind}` fits neither number of this update: {broken[0][1]}"
        yield _finding("graph-delta-contradicts", message, ("update_kind",))


def _wanted_delta(update_kind: str, what: str) -> tuple[str, Callable[[int], bool]] | None:
    """What an update of that kind does to the number of nodes (`node`) or edges; None where it is open."""
    other = "edge" if what == "node" else "node"
    if update_kind == f"{what}_add":
        return f"adds at least one {what}", lambda delta: delta > 0
    if update_kind == f"{what}_delete":
        return f"takes away at least one {what}", lambda delta: delta < 0
    if update_kind in ("node_update", "edge_update"):
        return f"leaves the number of {what}s as it is", lambda delta: delta == 0
    if what == "node" and update_kind in (f"{other}_add", f"{other}_delete"):
        return "leaves the number of nodes as it is", lambda delta: delta == 0
    return None


def _integration(event: Members) -> Iterator[Finding]:
    if "payload" not in event:
        kind = INTEGRATION_KINDS[str(event["event_type"])]
        message = f"This event has no `payload`; the {kind} event itself stands there."
        data = {"missing": "payload"}
        yield _finding("event-payload-incomplete", message, (), "open", Severity.WARNING, data)
    source = event.get("source")
    if not isinstance(source, str) or not source.strip():
        message = "This event does not say where it comes from: it has no `source`."
        yield _finding(
            "event-source-missing", message, (), "open", Severity.INFORMATION, {"missing": "source"}
        )


def _payload(word: str, event: Members) -> Iterator[Finding]:
    checks = _PAYLOADS.get(word)
    if checks is None:
        return
    payload = event.get("payload", {})
    if not isinstance(payload, Mapping):
        return
    missing = [name for name in checks if name not in payload]
    if missing:
        where: Pointer = ("payload",) if "payload" in event else ()
        message = f"The payload of `{word}` needs {listed(missing, joiner='and')}."
        data: dict[str, object] = {"missing": missing[0] if where else "payload"}
        yield _finding("event-payload-incomplete", message, where, "open", Severity.WARNING, data)
    for name, check in checks.items():
        reason = check(payload[name]) if name in payload else None
        if reason is not None:
            data = _meant(payload[name], check)
            yield _finding("event-payload-invalid", f"`{name}` {reason}.", ("payload", name), data=data)


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    part: Part = "value",
    severity: Severity = Severity.WARNING,
    data: Mapping[str, object] | None = None,
    *,
    stage: Stage = Stage.INVARIANT,
) -> Finding:
    return Finding(code, message, severity, stage, Place(pointer, part), data=data or {})
