"""The official data files beside the checkout; tests that need them are skipped where they are absent."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "../shared/mplp-v1.0.0"

needs_official = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="../shared with the official data is not there"
)


@cache
def validator(name: str) -> Any:
    """A `jsonschema` validator of the official schema file `name`, formats asserted."""
    from jsonschema import Draft7Validator, FormatChecker
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    from mplp_schemas.formats import FORMATS

    schemas = {path: json.loads(path.read_text()) for path in (FOLDER / "schemas").rglob("*.schema.json")}
    registry: Any = Registry().with_resources(
        (schema["$id"], Resource(schema, DRAFT7)) for schema in schemas.values()
    )
    checker = FormatChecker(formats=())
    for format_name, is_sound in FORMATS.items():
        checker.checks(format_name)(
            lambda value, is_sound=is_sound: not isinstance(value, str) or is_sound(value)
        )
    schema = schemas[FOLDER / "schemas" / name]
    return Draft7Validator(schema, registry=registry, format_checker=checker)


def official_errors(name: str, value: object) -> list[str]:
    """What the official schema has against `value`."""
    return [error.message for error in validator(name).iter_errors(value)]


def documents(kind: str) -> list[Path]:
    """Official documents of a kind: the examples and both sides of the golden flows."""
    if not FOLDER.is_dir():
        return []
    return sorted([*FOLDER.glob(f"examples/{kind}.*.json"), *FOLDER.glob(f"golden/*/*/{kind}.json")])
