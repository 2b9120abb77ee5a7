"""Both schema validators behind one answer: which keyword fails where.

`jsonschema-rs` does the work; where no wheel of it exists `jsonschema` gives the same answers, slower.
Nothing here knows words for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import mplp_schemas
from mplp_runtime.rules.findings import Pointer


class Fault(NamedTuple):
    """One keyword of one value that does not hold. `parameter` is what the keyword asks for."""

    keyword: str
    pointer: Pointer
    parameter: object


MOST_LEVELS = 64
"""How deep a value is looked at; the deepest place any schema speaks of is about ten levels down."""

Validate = Callable[[object], list[Fault]]


@cache
def validator_for(reference: str) -> Validate:
    """The compiled check of one schema or part of one, by its `$id` and JSON pointer; [] means sound."""
    try:
        return rust_validator(reference)
    except ImportError:
        return python_validator(reference)


def rust_validator(reference: str) -> Validate:
    """The check by `jsonschema-rs`. Raises ImportError where it is not installed."""
    validator = mplp_schemas.rust_validator({"$ref": reference})
    is_valid = validator.is_valid

    def faults(value: object) -> list[Fault]:
        if is_valid(value):
            return []
        return [_from_rust(error) for error in validator.iter_errors(value)]

    def validate(value: object) -> list[Fault]:
        try:
            return faults(value)
        except ValueError:
            # It takes neither half characters nor values that are nested more than 255 levels deep.
            return faults(without_lone_surrogates(flattened(value)))

    return validate


def _from_rust(error: Any) -> Fault:
    keyword, details = error.kind.name, error.kind.as_dict()
    parameter: object = next(iter(details.values()), None)
    return Fault(keyword, tuple(error.instance_path), parameter)


def python_validator(reference: str) -> Validate:
    """The same check by `jsonschema`: the fallback, and the oracle of the tests."""
    validator = mplp_schemas.python_validator({"$ref": reference})

    def validate(value: object) -> list[Fault]:
        plain = without_lone_surrogates(flattened(value))
        return [fault for error in validator.iter_errors(plain) for fault in _from_python(error)]

    return validate


def _from_python(error: Any) -> Iterable[Fault]:
    pointer = tuple(error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield Fault("required", pointer, name)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        yield Fault(error.validator, pointer, [key for key in error.instance if key not in known])
    elif error.validator == "type":
        types = error.validator_value
        yield Fault(error.validator, pointer, [types] if isinstance(types, str) else list(types))
    else:
        yield Fault(error.validator, pointer, error.validator_value)


def flattened(value: object, levels: int = MOST_LEVELS) -> object:
    """A copy in which lists and objects that many levels down are empty; no schema looks that far."""
    if isinstance(value, Mapping):
        return {key: flattened(item, levels - 1) for key, item in value.items()} if levels else {}
    if isinstance(value, list):
        return [flattened(item, levels - 1) for item in value] if levels else []
    return value


def without_lone_surrogates(value: object) -> object:
    """A copy in which every half of a character pair is replaced; the text layer reports the halves."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {without_lone_surrogates(key): without_lone_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_lone_surrogates(item) for item in value]
    return value
