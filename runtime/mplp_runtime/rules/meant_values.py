"""Which value was certainly meant where one of a wrong type or form stands: the repair a fix can write.

`1` for a version is `"1.0.0"`, a single id where a list is asked for is a list of it, seconds since 1970 are
an instant. A value is only offered if it fits: a repair that leaves another fault is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from mplp_runtime.rules import shape
from mplp_runtime.rules.explain import is_id, meant_instant
from mplp_runtime.rules.findings import Pointer
from mplp_schemas.formats import is_date_time, is_email, is_uri, is_uuid

_FORMATS = {"date-time": is_date_time, "email": is_email, "uri": is_uri, "uuid": is_uuid}
_WORDS_FOR_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "1", "y"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n"), False),
}
_VERSION = re.compile(r"\s*[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-+ ].*)?\s*", re.ASCII)

_IS_TYPE: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def fits(name: str, pointer: Pointer, value: object) -> bool:
    """Whether `value` could stand at `pointer` in a document of schema `name`; what is inside it not counted.

    False where the schema does not look, for nothing is known of such a place.
    """
    nodes = shape.nodes_at(name, pointer)
    return bool(nodes) and all(_satisfies(node.schema, value) for node in nodes)


def _satisfies(schema: Mapping[str, object], value: object) -> bool:
    kinds = schema.get("type")
    if kinds is not None and not _is_of(kinds if isinstance(kinds, list) else [kinds], value):
        return False
    options = schema.get("enum")
    if isinstance(options, list) and value not in options:
        return False
    if not isinstance(value, str):
        return "pattern" not in schema and "format" not in schema and "const" not in schema
    pattern, form = schema.get("pattern"), schema.get("format")
    if isinstance(pattern, str) and re.search(pattern, value, re.ASCII) is None:
        return False
    if isinstance(form, str) and form in _FORMATS and not _FORMATS[form](value):
        return False
    return schema.get("const", value) == value and not (schema.get("minLength") and not value)


def _is_of(kinds: Sequence[object], value: object) -> bool:
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, _IS_TYPE.get(str(kind), ())) for kind in kinds)


def meant_value(name: str, pointer: Pointer, value: object, types: Sequence[str]) -> object | None:
    """The value of one of `types` that `value` certainly stands for; None where that is unclear."""
    for kind in types:
        for candidate in _candidates(name, pointer, value, kind):
            if fits(name, pointer, candidate):
                return candidate
    return None


def _candidates(name: str, pointer: Pointer, value: object, kind: str) -> Iterator[object]:
    if kind == "string":
        # The entries of a top-level list are looked at one by one, so nobody sees how many there are.
        if len(pointer) > 1 or not isinstance(value, list):
            yield from _texts(value)
    elif kind in ("integer", "number", "boolean"):
        yield from _numbers_and_truths(value, kind)
    elif kind == "array" and value is not None:
        yield from _lists(name, pointer, value)
    elif kind == "object" and is_id(value) and pointer and str(pointer[-1]) == "lastConfirmRef":
        yield {"id": value, "module": "confirm"}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)
        yield from filter(None, (meant_version(json.dumps(value)), meant_instant(value)))
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        yield value[0]
    elif isinstance(value, Mapping):
        texts = [member for member in value.values() if isinstance(member, str)]
        if len(texts) == 1 and len(value) == 1:
            yield texts[0]


def _numbers_and_truths(value: object, kind: str) -> Iterator[object]:
    if kind == "boolean":
        word = str(value).casefold().strip() if isinstance(value, str | int) else ""
        if word in _WORDS_FOR_TRUTH:
            yield _WORDS_FOR_TRUTH[word]
    elif isinstance(value, str):
        try:
            number: object = json.loads(value)
        except ValueError:
            return
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield number


def _lists(name: str, pointer: Pointer, value: object) -> Iterator[list[object]]:
    item = (*pointer, shape.ANY_INDEX)
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    if len(parts) > 1 and all(part and fits(name, item, part) for part in parts):
        yield list(parts)
    elif fits(name, item, value) and _is_whole(name, item, value):
        yield [value]


def _is_whole(name: str, pointer: Pointer, value: object) -> bool:
    """Whether an object has all it needs to be an entry; one that is keyed by ids is something else."""
    required = shape.required_properties(name, pointer)
    return not isinstance(value, Mapping) or all(key in value for key in required)


def meant_version(text: str) -> str | None:
    """`1`, `v1.0` and `1.0.0-beta` as three numbers; None for a text that is no version at all."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    return ".".join((number or "").lstrip("0") or "0" for number in match.groups())
