"""The official data files, where they are at hand, and validators of them with our formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import referencing
import referencing.jsonschema

from mplp_schemas import engines, names

SHARED = Path(__file__).resolve().parents[2] / "../shared/mplp-v1.0.0"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/mplp-v1.0.0, the official files, is not here"
)


@cache
def official(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SHARED / "schemas" / name).read_bytes())
    return schema


@cache
def rust_official(name: str) -> jsonschema_rs.Validator:
    registry = jsonschema_rs.Registry(
        [(official(each)["$id"], official(each)) for each in names()], draft=jsonschema_rs.Draft7
    )
    return engines.rust_validator(_whole_or_part(name), registry=registry)


def _whole_or_part(name: str) -> dict[str, Any]:
    file, _, fragment = name.partition("#")
    return {"$ref": f"{official(file)['$id']}#{fragment}"} if fragment else official(file)


@cache
def python_official(name: str) -> engines.PythonValidator:
    # Without `$schema`, or jsonschema leaves our pattern keyword behind at the first reference.
    resources = [
        ({key: value for key, value in official(each).items() if key != "$schema"}) for each in names()
    ]
    registry: referencing.Registry[Any] = referencing.Registry().with_resources(
        (each["$id"], referencing.jsonschema.DRAFT7.create_resource(each)) for each in resources
    )
    return engines.python_validator(_whole_or_part(name), registry=registry)


Fault = tuple[tuple[str | int, ...], str]


def rust_faults(validator: jsonschema_rs.Validator, document: object) -> set[Fault]:
    """(instance path, keyword) of everything wrong."""
    return {(tuple(error.instance_path), error.kind.name) for error in validator.iter_errors(document)}


def python_faults(validator: engines.PythonValidator, document: object) -> set[Fault]:
    """The same, by the oracle."""
    return {(tuple(error.absolute_path), str(error.validator)) for error in validator.iter_errors(document)}


def document(path: Path) -> Any:
    """An official document, with the top-level `$comment` dropped that closed schemas would refuse."""
    value = json.loads(path.read_bytes())
    value.pop("$comment", None)
    return value


def documents_below(*folders: str) -> Iterable[Path]:
    return sorted(path for folder in folders for path in (SHARED / folder).rglob("*.json"))
