"""Reads the schema files, and finds the part of a schema that governs one place in a document."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` itself would cost more than this whole package.
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_NAMES = (
    "mplp-collab.schema.json",
    "mplp-confirm.schema.json",
    "mplp-context.schema.json",
    "mplp-core.schema.json",
    "mplp-dialog.schema.json",
    "mplp-extension.schema.json",
    "mplp-network.schema.json",
    "mplp-plan.schema.json",
    "mplp-role.schema.json",
    "mplp-trace.schema.json",
    "common/common-types.schema.json",
    "common/events.schema.json",
    "common/identifiers.schema.json",
    "common/learning-sample.schema.json",
    "common/metadata.schema.json",
    "common/trace-base.schema.json",
    "events/mplp-event-core.schema.json",
    "events/mplp-graph-update-event.schema.json",
    "events/mplp-map-event.schema.json",
    "events/mplp-pipeline-stage-event.schema.json",
    "events/mplp-runtime-execution-event.schema.json",
    "events/mplp-sa-event.schema.json",
    "integration/mplp-ci-event.schema.json",
    "integration/mplp-file-update-event.schema.json",
    "integration/mplp-git-event.schema.json",
    "integration/mplp-tool-event.schema.json",
    "learning/mplp-learning-sample-core.schema.json",
    "learning/mplp-learning-sample-delta.schema.json",
    "learning/mplp-learning-sample-intent.schema.json",
)

_DATA = __file__[: -len("loader.py")] + "data/"
_read: dict[str, dict[str, Any]] = {}
_described: dict[tuple[str | int, ...], dict[str, Any]] = {}


def names() -> tuple[str, ...]:
    """The 29 official file names, relative to the schema folder, with `/` on every system."""
    return _NAMES


def read(name: str) -> dict[str, Any]:
    """The schema with this file name, parsed once; KeyError for a name that is not among `names()`."""
    schema = _read.get(name)
    if schema is None:
        if name not in _NAMES:
            raise KeyError(name)
        schema = _read[name] = data_file(name)
    return schema


def data_file(name: str) -> Any:
    """A file of the data folder, parsed anew."""
    import json

    with open(_DATA + name, "rb") as file:  # noqa: PTH123  # pathlib would double the import time
        return json.loads(file.read())


def schema_id(name: str) -> str:
    """The official `$id` of the schema with this file name."""
    ident: str = read(name)["$id"]
    return ident


def name_of(ident: str) -> str | None:
    """The file name of the schema with this `$id`; None when it is not one of ours."""
    tail = ident.rpartition("/v1.0/")[2]
    if tail.startswith("integration/"):
        tail = tail.removesuffix(".json") + ".schema.json"
    return tail if tail in _NAMES and schema_id(tail) == ident else None


def followed(reference: str, base: str) -> tuple[str, dict[str, Any]]:
    """Where a `$ref` in the schema file `base` leads: the file name and the schema there.

    References stay between our files, by relative path or by fragment; anything else is a KeyError.
    """
    path, _, fragment = reference.partition("#")
    if path.startswith("https://"):
        target = name_of(path)
        if target is None:
            raise KeyError(reference)
    elif path:
        target = base.rpartition("/")[0] + "/" + path if "/" in base else path
    else:
        target = base
    schema: Any = read(target)
    for part in _parts(fragment):
        schema = schema[part]
    return target, schema


def _parts(pointer: str | Sequence[str | int]) -> list[str | int]:
    """The tokens of a JSON pointer, given as RFC 6901 text or as a sequence; KeyError for other text."""
    if not isinstance(pointer, str):
        return list(pointer)
    if pointer and not pointer.startswith("/"):
        raise KeyError(pointer)
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _applying(base: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All the schemas that hold at one place, `$ref`, `allOf` and `anyOf` opened; the special one last."""
    if "$ref" in schema:
        yield from _applying(*followed(schema["$ref"], base))
        # Draft-07 ignores what stands beside a `$ref`, save for people: title, description, examples.
        yield base, {key: value for key, value in schema.items() if key != "$ref"}
        return
    for branch in schema.get("allOf", ()):
        yield from _applying(base, branch)
    yield base, {key: value for key, value in schema.items() if key != "allOf"}


def _below(base: str, schema: dict[str, Any], part: str | int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas that one of `_applying` states for a member or an element."""
    branches = [schema, *schema.get("anyOf", ())]
    for branch in branches:
        properties = branch.get("properties", {})
        if part in properties:
            yield base, properties[part]
        elif "items" in branch and str(part).isdecimal():
            yield base, branch["items"]


def describe(kind: str, pointer: str | Sequence[str | int]) -> dict[str, Any] | None:
    """What the schema says about one place in a document of a kind, as one subschema.

    `pointer` is a JSON pointer, as text (`/steps/0/status`) or as a sequence (`("steps", 0, "status")`).
    `$ref`s are followed and `allOf`s merged, so that `title`, `description`, `examples`, `type`, `enum`,
    `pattern`, `properties`, `required` and the like stand at the top of the result; the words nearest to
    the place win. The result is shared: treat it as immutable.

    None where the schema says nothing: in an open object, at a key that is not allowed, and for a kind
    without a schema. Raises KeyError for a text that is no JSON pointer.
    """
    # Every element of an array is described alike, so one answer serves them all.
    key = (kind, *(0 if str(part).isdecimal() else part for part in _parts(pointer)))
    known = _described.get(key)
    if known is None:
        known = _described_anew(kind, _parts(pointer))
        if known is not None:
            _described[key] = known
    return known


def _described_anew(kind: str, pointer: Sequence[str | int]) -> dict[str, Any] | None:
    from mplp_schemas import KINDS

    name = KINDS.get(kind)
    if name is None:
        return None
    here = list(_applying(name, read(name)))
    for part in pointer:
        here = [
            applying
            for base, schema in here
            for below in _below(base, schema, part)
            for applying in _applying(*below)
        ]
    return _merged([schema for _, schema in here]) if here else None


def _merged(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema that says what all of these say; later words replace earlier ones."""
    merged: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items():
            if key in {"$schema", "$id", "$comment", "$defs", "definitions"}:
                continue
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [
                    *merged.get(key, []),
                    *(one for one in value if one not in merged.get(key, [])),
                ]
            else:
                merged[key] = value
    return merged
