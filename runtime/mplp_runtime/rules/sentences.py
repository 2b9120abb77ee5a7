"""From a keyword that fails to a sentence for a person, a code, a place and the data of a fix."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mplp_runtime.rules import shape
from mplp_runtime.rules.choice import family_by_members
from mplp_runtime.rules.event_sense import family_of_type
from mplp_runtime.rules.explain import (
    Explanation,
    explain_email,
    explain_instant,
    explain_uri,
    explain_uuid,
    is_id,
)
from mplp_runtime.rules.findings import Finding, Part, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.meant_values import fits, meant_value, meant_version
from mplp_runtime.rules.misnamed import meant_by, misspelt_gap
from mplp_runtime.rules.synonyms import meant_option
from mplp_runtime.rules.validators import Fault
from mplp_runtime.rules.words import TYPE_NAMES, kind_of_value, label, listed, nearest, quoted, snake_case

# Patterns of the frozen schemas by a text that only they contain, with the form they ask for.
ID_PATTERN_MARK = "-4[0-9a-f]{3}-[89ab]"
EVENT_TYPE_PATTERN_MARK = "^[a-z][a-z0-9]*(?:"
SEMANTIC_VERSION_PATTERN_MARK = "(0|[1-9]"
_FORMS = (
    (
        EVENT_TYPE_PATTERN_MARK,
        "must be lower-case words joined by dots, as in `plan.created`; no capital, hyphen or underscore",
    ),
    (SEMANTIC_VERSION_PATTERN_MARK, "must be a semantic version, as in `1.4.0` or `2.0.0-beta.1`"),
    ("^[0-9]+", "must be three numbers joined by dots, as in `1.0.0`"),
)
_ON_ENVELOPES = frozenset(
    ("source", "signature", "content_hash", "editor_source", "file_paths", "duration_ms", "lamport_timestamp")
)
"""What other texts ask of integration events, and their closed schemas have no place for."""
_OTHER_FORM = "does not have the form that is asked for here"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Knows the schema, where the checked value stands in the document, and the value itself."""

    schema: str
    prefix: Pointer
    table: str | None
    value: object

    def findings(self, fault: Fault) -> Sequence[Finding]:
        """The findings for one fault: one per unknown key, one per repeated entry, else one."""
        return _BY_KEYWORD.get(fault.keyword, _other)(self, fault)

    def at(self, pointer: Pointer) -> object:
        """The value at `pointer` inside the checked value; None where there is none."""
        value = self.value
        for part in pointer:
            is_there = (isinstance(value, dict) and part in value) or (
                isinstance(value, list) and isinstance(part, int) and part < len(value)
            )
            if not is_there:
                return None
            value = value[part]  # type: ignore[index]
        return value

    def label(self, pointer: Pointer) -> str:
        if not pointer and self.table is None:
            return _root_label(self.schema)
        return label(pointer, self.table)

    def known(self, pointer: Pointer) -> tuple[str, ...]:
        return shape.known_properties(self.schema, self.prefix + pointer)


def _root_label(schema: str) -> str:
    """What the whole document is called: `This plan`; a line of a timeline is an event, no document."""
    folder, _, name = schema.rpartition("/")
    if folder in ("events", "integration") or name == "events.schema.json":
        return "This event"
    if "learning-sample" in name:
        return "This sample"
    return f"This {name.removeprefix('mplp-').removesuffix('.schema.json')}"


def _error(
    code: str,
    message: str,
    pointer: Pointer,
    part: Part = "value",
    data: Mapping[str, object] | None = None,
    related: tuple[Related, ...] = (),
) -> Finding:
    return Finding(
        code, message, Severity.ERROR, Stage.SCHEMA, Place(pointer, part), related, data=data or {}
    )


def _required(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    name = str(fault.parameter)
    owner = speaker.label(fault.pointer)
    members = speaker.at(fault.pointer)
    if isinstance(members, Mapping):
        misspelt = misspelt_gap(speaker.schema, speaker.prefix + fault.pointer, members, name)
        if misspelt is not None:
            message = f"{owner} needs `{name}`, which {quoted(misspelt)} seems to be meant for."
            data: dict[str, object] = {"missing": name, "suggestion": name}
            return [_error("property-missing", message, (*fault.pointer, misspelt), "key", data)]
    data = {"missing": name} | shape.insertion_for(speaker.schema, (*speaker.prefix, *fault.pointer, name))
    if name == "event_family" and isinstance(members, Mapping):
        known = family_by_members(members) or family_of_type(members.get("event_type"))
        data["insert_default"] = known or data["insert_default"]
    return [_error("property-missing", f"{owner} needs `{name}`.", fault.pointer, "open", data)]


def _additional_properties(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    unknown = fault.parameter if isinstance(fault.parameter, list) else []
    return [_unknown_property(speaker, fault.pointer, str(key)) for key in unknown]


def _unknown_property(speaker: Speaker, pointer: Pointer, key: str) -> Finding:
    known = speaker.known(pointer)
    owner = speaker.at(pointer)
    members: Mapping[str, object] = owner if isinstance(owner, Mapping) else {key: None}
    meant = meant_by(speaker.schema, speaker.prefix + pointer, members, key)
    data: dict[str, object] = {"allowed": list(known)}
    if meant.name is not None:
        data["suggestion"] = meant.name
        hint = f" Did you mean `{meant.name}`?"
    elif meant.home is not None:
        data |= {"home": meant.home, "removable": True}
        is_bag = not shape.known_properties(speaker.schema, (*speaker.prefix, *pointer, meant.home))
        hint = f" It belongs into `{meant.home}`."
        if is_bag:
            hint = f" Known here: {listed(known, joiner='and')}. Anything else belongs into `{meant.home}`."
    else:
        data["removable"] = True
        hint = _why_unknown(key, known, speaker.schema)
    return _error("property-unknown", f"{quoted(key)} is not known here.{hint}", (*pointer, key), "key", data)


def _why_unknown(key: str, known: Sequence[str], schema: str) -> str:
    near = nearest(key, known)
    if near is not None:
        return f" `{near}` is there already."
    if key == "$schema":
        return " MPLP documents name no schema; remove it."
    if key == "$comment":
        return " A `$comment` is let pass only at the top of a document."
    if key == "event_family":
        return " Events of the profiles, and those embedded in documents, have no family."
    if key.startswith("x_"):
        return " Own data belongs into an open place: `meta.tags`, `root`, `constraints`, `attributes`."
    if schema.startswith("integration/") and key in _ON_ENVELOPES:
        return " It belongs onto the envelope, the event whose payload this is."
    return f" Known here: {listed(known, joiner='and')}." if known else ""


def _type(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    types = [str(name) for name in fault.parameter] if isinstance(fault.parameter, list) else []
    return [_wrong_type(speaker, fault.pointer, types)]


def _any_of(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    branches = shape.keyword(speaker.schema, speaker.prefix + fault.pointer, "anyOf") or []
    types = [str(branch["type"]) for branch in branches if "type" in branch]
    return [_wrong_type(speaker, fault.pointer, types)]


def _wrong_type(speaker: Speaker, pointer: Pointer, types: list[str]) -> Finding:
    value, place = speaker.at(pointer), speaker.prefix + pointer
    asked = " or ".join(TYPE_NAMES.get(name, name) for name in types)
    found = kind_of_value(value)
    if isinstance(value, bool) or (isinstance(value, float) and types == ["integer"]):
        found = quoted(value)
    data: dict[str, object] = {"expected": types}
    hint = ""
    meant = meant_value(speaker.schema, place, value, types)
    allowed = shape.keyword(speaker.schema, place, "enum")
    required = shape.required_properties(speaker.schema, place) if types == ["object"] else ()
    if meant is not None:
        data["suggestion"] = meant
        hint = f" Write {quoted(json.dumps(meant, ensure_ascii=False))}."
    elif allowed:
        data["allowed"] = list(allowed)
        hint = f" Allowed: {', '.join(map(str, allowed))}."
    elif value is None and place and _is_optional(speaker, place):
        data["removable"] = True
        hint = " Leave the key out where there is nothing to say."
    elif required and place:
        hint = f" It needs {listed(required, joiner='and')}."
    message = f"{speaker.label(pointer)} must be {asked}, but is {found}.{hint}"
    return _error("type-wrong", message, pointer, data=data)


def _is_optional(speaker: Speaker, place: Pointer) -> bool:
    if not isinstance(place[-1], str):
        return False
    return place[-1] not in shape.required_properties(speaker.schema, place[:-1])


def _enum(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    allowed = [str(option) for option in fault.parameter] if isinstance(fault.parameter, list) else []
    value = speaker.at(fault.pointer)
    name = speaker.label(fault.pointer)
    data: dict[str, object] = {"allowed": allowed}
    suggestion = meant_option(value, allowed) if isinstance(value, str) else None
    hint = ""
    if suggestion is not None:
        data["suggestion"] = suggestion
        hint = f" Did you mean `{suggestion}`?"
    message = f"{name} is {quoted(value)}. Allowed: {', '.join(allowed)}.{hint}"
    return [_error("value-not-allowed", message, fault.pointer, data=data)]


def _const(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    expected = fault.parameter
    message = f"{speaker.label(fault.pointer)} must be {quoted(expected)} here."
    return [_error("const-mismatch", message, fault.pointer, data={"suggestion": expected})]


def _explained(
    speaker: Speaker, pointer: Pointer, code: str, explain: Callable[[str], Explanation]
) -> Finding:
    value = speaker.at(pointer)
    name = speaker.label(pointer)
    if not isinstance(value, str) or not value:
        reason, suggestion = Explanation("is empty")
        message = f"{name} is empty."
    else:
        reason, suggestion = explain(value)
        message = f"{name} is {quoted(value)}, which {reason}."
    data: dict[str, object] = {"reason": reason}
    if suggestion is not None:
        data["suggestion"] = suggestion
    return _error(code, message, pointer, data=data)


def _pattern(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    pattern = str(fault.parameter)
    if ID_PATTERN_MARK in pattern:
        return [_explained(speaker, fault.pointer, "id-malformed", explain_uuid)]
    form = next((form for mark, form in _FORMS if mark in pattern), _OTHER_FORM)
    value = speaker.at(fault.pointer)
    data: dict[str, object] = {"pattern": pattern}
    if isinstance(value, str):
        is_type = EVENT_TYPE_PATTERN_MARK in pattern
        meant = snake_case(value).replace("_", ".") if is_type else meant_version(value)
        if meant is not None and fits(speaker.schema, speaker.prefix + fault.pointer, meant):
            data["suggestion"] = meant
    message = f"{speaker.label(fault.pointer)} is {quoted(value)}. It {form}."
    return [_error("pattern-mismatch", message, fault.pointer, data=data)]


def _explain_any_uuid(text: str) -> Explanation:
    if is_id(text):
        return Explanation("is no UUID")
    return explain_uuid(text)


_FORMATS: Mapping[str, tuple[str, Callable[[str], Explanation]]] = {
    "date-time": ("format-datetime", explain_instant),
    "email": ("format-email", explain_email),
    "uri": ("format-uri", explain_uri),
    "uuid": ("format-uuid", _explain_any_uuid),
}


def _format(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    name = str(fault.parameter)
    if name not in _FORMATS:
        return _other(speaker, fault)
    code, explain = _FORMATS[name]
    return [_explained(speaker, fault.pointer, code, explain)]


def _min_length(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    return [_error("text-empty", f"{speaker.label(fault.pointer)} must not be empty.", fault.pointer)]


def _min_items(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    message = f"{speaker.label(fault.pointer)} needs at least one entry."
    if isinstance(fault.parameter, int) and fault.parameter > 1:
        message = f"{speaker.label(fault.pointer)} needs at least {fault.parameter} entries."
    pointer = (*speaker.prefix, *fault.pointer, shape.ANY_INDEX)
    return [_error("list-empty", message, fault.pointer, data=shape.insertion_for(speaker.schema, pointer))]


def _unique_items(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    items = speaker.at(fault.pointer)
    if not isinstance(items, list):
        return []
    first: dict[str, int] = {}
    findings = []
    for index, item in enumerate(items):
        key = json.dumps(item, sort_keys=True)
        if key not in first:
            first[key] = index
            continue
        pointer = (*fault.pointer, index)
        related = (Related(Place((*fault.pointer, first[key])), "The same entry is here already."),)
        message = (
            f"{quoted(item)} stands twice in {speaker.label(fault.pointer)}; each entry may stand there once."
        )
        findings.append(
            _error("list-duplicates", message, pointer, data={"first": first[key]}, related=related)
        )
    if findings:
        return findings
    # The validator counts 1 and 1.0 as equal, which the texts above do not.
    message = f"{speaker.label(fault.pointer)} has the same entry twice."
    return [_error("list-duplicates", message, fault.pointer)]


def _minimum(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    found = quoted(speaker.at(fault.pointer))
    message = f"{speaker.label(fault.pointer)} is {found}; the least is {fault.parameter}."
    return [_error("number-too-small", message, fault.pointer, data={"suggestion": fault.parameter})]


def _maximum(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    found = quoted(speaker.at(fault.pointer))
    message = f"{speaker.label(fault.pointer)} is {found}; the most is {fault.parameter}."
    return [_error("number-too-large", message, fault.pointer, data={"suggestion": fault.parameter})]


def _other(speaker: Speaker, fault: Fault) -> Sequence[Finding]:
    message = f"{speaker.label(fault.pointer)} {_OTHER_FORM}."
    return [_error("pattern-mismatch", message, fault.pointer, data={"keyword": fault.keyword})]


_BY_KEYWORD: Mapping[str, Callable[[Speaker, Fault], Sequence[Finding]]] = {
    "required": _required,
    "additionalProperties": _additional_properties,
    "type": _type,
    "anyOf": _any_of,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "minLength": _min_length,
    "minItems": _min_items,
    "uniqueItems": _unique_items,
    "minimum": _minimum,
    "maximum": _maximum,
}
