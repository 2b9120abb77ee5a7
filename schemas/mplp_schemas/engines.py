"""Validators of both engines, `jsonschema_rs` and `jsonschema`, that agree on every document.

Both get the same registry and the same format functions, and patterns mean the same in both: what ECMA-262
means by them (`$` is the end of the text, `\\d` is an ASCII digit). The first is for speed; the second is the
oracle of the tests, and the fallback where the first has no wheel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from mplp_schemas.formats import FORMATS
from mplp_schemas.loader import followed, names, read, schema_id

if TYPE_CHECKING:
    import jsonschema
    import jsonschema_rs
    import referencing


class PythonValidator(Protocol):
    """What we use of a `jsonschema` validator."""

    def is_valid(self, instance: object) -> bool: ...
    def iter_errors(self, instance: object) -> Iterator[jsonschema.ValidationError]: ...


@cache
def registry() -> referencing.Registry[Any]:
    """All 29 schemas for `jsonschema`, by `$id`; nothing is ever fetched."""
    return _registry_of(read(name) for name in names())


def _registry_of(schemas: Iterable[dict[str, Any]]) -> referencing.Registry[Any]:
    import referencing
    import referencing.jsonschema

    resources = [(schema["$id"], referencing.jsonschema.DRAFT7.create_resource(schema)) for schema in schemas]
    empty: referencing.Registry[Any] = referencing.Registry()
    return empty.with_resources(resources).crawl()


@cache
def rust_registry() -> jsonschema_rs.Registry:
    """All 29 schemas for `jsonschema_rs`, by `$id`; nothing is ever fetched."""
    import jsonschema_rs

    return jsonschema_rs.Registry(
        [(schema_id(name), read(name)) for name in names()], draft=jsonschema_rs.Draft7
    )


def _as_schema(schema: str | Mapping[str, Any]) -> dict[str, Any]:
    """The schema that a file name means; `name#/$defs/part` means a part of one."""
    if not isinstance(schema, str):
        return dict(schema)
    name, _, fragment = schema.partition("#")
    if not fragment:
        return read(name)
    followed("#" + fragment, name)
    return {"$ref": f"{schema_id(name)}#{fragment}"}


def rust_validator(schema: str | Mapping[str, Any], **options: Any) -> jsonschema_rs.Validator:
    """A draft-07 validator of `jsonschema_rs` with our formats asserted.

    `schema` is a file name of `names()`, optionally with a fragment (`mplp-plan.schema.json#/$defs/
    plan_step_core`), or a schema whose references lead to ours by `$id`. `options` go to `jsonschema_rs`
    as they are; with none, the validator of a name is compiled once and shared. Raises KeyError for a name
    or fragment that does not exist.
    """
    if isinstance(schema, str) and not options:
        return _named_rust_validator(schema)
    return _new_rust_validator(schema, options)


@cache
def _named_rust_validator(name: str) -> jsonschema_rs.Validator:
    return _new_rust_validator(name, {})


def _new_rust_validator(
    schema: str | Mapping[str, Any], options: Mapping[str, Any]
) -> jsonschema_rs.Validator:
    import jsonschema_rs

    settings: dict[str, Any] = {
        "formats": dict(FORMATS),
        "validate_formats": True,
        "registry": rust_registry(),
        "offline": True,
        **options,
    }
    return jsonschema_rs.Draft7Validator(_as_schema(schema), **settings)


def python_validator(schema: str | Mapping[str, Any], **options: Any) -> PythonValidator:
    """A draft-07 validator of `jsonschema` with the same verdicts and (path, keyword) pairs as the other.

    Takes the same `schema`; `options` go to the validator class of `jsonschema`. A fallback, hundreds of
    times slower on large documents. Raises KeyError for a name or fragment that does not exist.
    """
    settings: dict[str, Any] = {
        "registry": _registry_without_dialects(),
        "format_checker": python_format_checker(),
        **options,
    }
    validator: PythonValidator = _ecma_validator_class()(_as_schema(schema), **settings)
    return validator


@cache
def _registry_without_dialects() -> referencing.Registry[Any]:
    """The same registry with each `$schema` left out.

    `jsonschema` changes to its own stock class for a referenced schema that names a dialect, and would
    then read patterns as Python does.
    """
    return _registry_of(
        {key: value for key, value in read(name).items() if key != "$schema"} for name in names()
    )


@cache
def python_format_checker() -> jsonschema.FormatChecker:
    """Our four formats for `jsonschema`, and none of its own."""
    import jsonschema

    class OurFormats(jsonschema.FormatChecker):
        checkers: dict[str, Any] = {}  # noqa: RUF012  # the base class shares one table; this empties it

    checker = OurFormats(formats=())
    checker.checkers = {name: (_for_any_value(is_valid), (ValueError,)) for name, is_valid in FORMATS.items()}
    return checker


def _for_any_value(is_valid: Any) -> Any:
    """`jsonschema` asks about every value; a format speaks of strings only."""
    return lambda value: not isinstance(value, str) or is_valid(value)


@cache
def _ecma_validator_class() -> Any:
    import jsonschema

    extend: Callable[..., Any] = jsonschema.validators.extend
    return extend(jsonschema.Draft7Validator, {"pattern": _pattern})


def _pattern(_validator: object, pattern: str, instance: object, _schema: object) -> Iterator[Any]:
    import jsonschema

    if isinstance(instance, str) and not ecma_regex(pattern).search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


@cache
def ecma_regex(pattern: str) -> re.Pattern[str]:
    """A pattern of a schema with its ECMA-262 meaning, as a Python regular expression to `search` with.

    Python lets `$` match before a final line end and `\\d` match every digit of Unicode; ECMA does neither.
    """
    translated: list[str] = []
    in_class = False
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\":
            translated.append(pattern[index : index + 2])
            index += 2
            continue
        if character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        translated.append(r"\Z" if character == "$" and not in_class else character)
        index += 1
    return re.compile("".join(translated), re.ASCII)
