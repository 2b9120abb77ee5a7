"""What the schema says about a place, in words: its meaning, what it asks for, and an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import mplp_schemas
from mplp_lsp.features.hover_markup import Card, Line, Piece, code, line, listing, strong, words
from mplp_runtime.rules.choice import has_schema, schema_for
from mplp_runtime.rules.findings import Pointer

_MOST_OPTIONS = 12

# Patterns by a text that only they contain, with the form they ask for.
_FORMS = (
    ("-4[0-9a-f]{3}-", "a lower-case UUID of version 4"),
    ("[a-z][a-z0-9]*", "lower-case words joined by dots, as in `plan.created`"),
    ("(0|[1-9]", "a semantic version, as in `1.4.0`"),
    ("[0-9]+\\.", "three numbers joined by dots, as in `1.0.0`"),
)
_FORMATS = {
    "date-time": "a moment with offset, as in `2026-03-14T09:26:53Z`",
    "uuid": "a UUID",
    "uri": "a URI with scheme",
    "email": "an e-mail address",
}
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "object": "an object",
    "array": "a list",
    "null": "`null`",
}


@cache
def _kinds_by_schema() -> Mapping[str, str]:
    return {name: kind for kind, name in mplp_schemas.KINDS.items()}


def schema_kind(kind: str, header: object) -> tuple[str, Pointer] | None:
    """What `mplp_schemas.describe` calls this document, and a pointer to put before those inside it.

    Events and samples are told apart by their content. None where no schema governs the kind.
    """
    if not has_schema(kind):
        return None
    known = _kinds_by_schema().get(schema_for(kind, header))
    # An event as modules keep it has no kind of its own; a plan's list describes it.
    return (known, ()) if known is not None else ("plan", ("events", 0))


def description(kind: str, header: object, pointer: Pointer) -> Mapping[str, Any] | None:
    """What the schema says about one place of a document; None where it says nothing."""
    found = schema_kind(kind, header)
    return None if found is None else mplp_schemas.describe(found[0], (*found[1], *pointer))


def is_required(kind: str, header: object, pointer: Pointer) -> bool:
    """Whether the object around must have this member."""
    if not pointer or not isinstance(pointer[-1], str):
        return False
    around = description(kind, header, pointer[:-1])
    return around is not None and pointer[-1] in around.get("required", ())


def schema_card(kind: str, header: object, pointer: Pointer) -> Card | None:
    """The card of a key, or of a value nothing better is known about."""
    said = description(kind, header, pointer)
    if said is None:
        return _open_card(kind, header, pointer)
    name = next((part for part in reversed(pointer) if isinstance(part, str)), None)
    title = str(said.get("title") or name or kind.capitalize())
    head: list[Piece | str] = [strong(title)]
    if name is not None and pointer[-1] == name:
        head += [" · ", code(name), ", required" if is_required(kind, header, pointer) else ", optional"]
    meaning = said.get("description")
    sentences = [line(meaning)] if isinstance(meaning, str) else []
    return Card(line(*head), sentences, list(facts(said)))


def _open_card(kind: str, header: object, pointer: Pointer) -> Card | None:
    """For what stands in an open object: whose it is, since nothing else is known about it."""
    for length in range(len(pointer) - 1, -1, -1):
        around = description(kind, header, pointer[:length])
        if around is None:
            continue
        name = next((part for part in reversed(pointer[:length]) if isinstance(part, str)), None)
        word = next((part for part in reversed(pointer) if isinstance(part, str)), None)
        # A closed object has no other members; a key that is not its own is a finding, and said as such.
        if name is None or word is None or around.get("additionalProperties") is False:
            return None
        meaning = around.get("description")
        sentences = [line(meaning)] if isinstance(meaning, str) else []
        return Card(line(code(word), " · free member of ", code(name)), sentences)
    return None


def facts(said: Mapping[str, Any]) -> Iterator[Line]:
    """What a value must be, and an example where the rule alone would not show it."""
    form = _form(said)
    if form is not None:
        yield form
    yield from _members(said)
    examples = said.get("examples")
    if isinstance(examples, list) and examples and "enum" not in said and "const" not in said:
        yield line("Example: ", code(json.dumps(examples[0], ensure_ascii=False)))


def _form(said: Mapping[str, Any]) -> Line | None:
    if "const" in said:
        return line("Always ", code(_json(said["const"])))
    if said.get("properties"):
        # The names of its members say more than that it is an object.
        return None
    options = said.get("enum")
    if isinstance(options, list):
        shown = (line(code(_json(option))) for option in options)
        return line("One of ", *listing(shown, len(options), _MOST_OPTIONS))
    kind = said.get("type")
    names = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    what = " or ".join(_TYPES.get(str(name), str(name)) for name in names)
    pattern, form = said.get("pattern"), said.get("format")
    if isinstance(pattern, str):
        what = next((text for mark, text in _FORMS if mark in pattern), f"{what} of a fixed form")
    elif isinstance(form, str):
        what = _FORMATS.get(form, what)
    bounds = ", ".join(_bounds(said))
    if not what:
        return line(bounds) if bounds else None
    whole = f"{what}, {bounds}" if bounds else what
    return (words(whole[0].upper() + whole[1:]),)


def _bounds(said: Mapping[str, Any]) -> Iterator[str]:
    least, most = said.get("minimum"), said.get("maximum")
    if least is not None and most is not None:
        yield f"from {least} to {most}"
    elif least is not None:
        yield f"at least {least}"
    elif most is not None:
        yield f"at most {most}"
    if said.get("minLength"):
        yield "not empty" if said["minLength"] == 1 else f"at least {said['minLength']} characters"
    if said.get("minItems"):
        yield f"at least {said['minItems']} {'entry' if said['minItems'] == 1 else 'entries'}"
    if said.get("uniqueItems"):
        yield "each entry once"


def _members(said: Mapping[str, Any]) -> Iterator[Line]:
    properties = said.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return
    required = [name for name in said.get("required", ()) if name in properties]
    others = [name for name in properties if name not in required]
    if required:
        yield line("Needs ", *listing((line(code(name)) for name in required), len(required), _MOST_OPTIONS))
    if others:
        yield line("May have ", *listing((line(code(name)) for name in others), len(others), _MOST_OPTIONS))
    if said.get("additionalProperties") is False:
        yield line("Nothing else is allowed")


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
