"""What a schema says about one place: known properties, defaults, the item schema of a list.

Read from the schemas of `mplp_schemas` by following `$ref` and `allOf`; nothing here is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin

import mplp_schemas
from mplp_runtime.rules.findings import Pointer

_DEEP = 32
ANY_INDEX = 0


class Node(NamedTuple):
    """One subschema, with the `$id` of the schema file in which it stands (refs are relative to it)."""

    base: str
    schema: Mapping[str, Any]


@cache
def _by_id() -> dict[str, Mapping[str, Any]]:
    return {schema["$id"]: schema for schema in map(mplp_schemas.read, mplp_schemas.names())}


@cache
def root(name: str) -> Node:
    """The whole schema called `name` by `mplp_schemas`."""
    schema = mplp_schemas.read(name)
    return Node(schema["$id"], schema)


def _referred(node: Node) -> tuple[Node, str] | None:
    """What the `$ref` of a node names, and the fragment that leads there; None where it has none."""
    reference = node.schema.get("$ref")
    if reference is None:
        return None
    base, fragment = urldefrag(urljoin(node.base, reference))
    target: Any = _by_id()[base]
    for part in fragment.split("/")[1:]:
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return Node(base, target), fragment


def expanded(node: Node) -> Iterator[Node]:
    """`node` itself or what its `$ref` names, and every branch of its `allOf`, flattened."""
    if (named := _referred(node)) is not None:
        yield from expanded(named[0])
        return
    yield node
    for branch in node.schema.get("allOf", ()):
        yield from expanded(Node(node.base, branch))


def _children(node: Node, part: str | int) -> Iterator[Node]:
    for found in expanded(node):
        if isinstance(part, str):
            child = found.schema.get("properties", {}).get(part)
        else:
            child = found.schema.get("items")
        if isinstance(child, Mapping):
            yield from expanded(Node(found.base, child))


@lru_cache(maxsize=8_192)
def _at(name: str, pointer: Pointer) -> tuple[Node, ...]:
    if not pointer:
        return tuple(expanded(root(name)))
    return tuple(child for parent in _at(name, pointer[:-1]) for child in _children(parent, pointer[-1]))


def nodes_at(name: str, pointer: Pointer) -> tuple[Node, ...]:
    """Every subschema that the value at `pointer` must satisfy; none where the schema does not look."""
    plain: Pointer = tuple(ANY_INDEX if isinstance(part, int) else part for part in pointer)
    # Documents may be nested deeper than calls may be; no schema looks that far.
    for length in range(_DEEP, len(plain), _DEEP):
        if not _at(name, plain[:length]):
            return ()
    return _at(name, plain)


def known_properties(name: str, pointer: Pointer) -> tuple[str, ...]:
    """The property names the schema knows for the object at `pointer`, in the schema's order."""
    return tuple(
        dict.fromkeys(key for node in nodes_at(name, pointer) for key in node.schema.get("properties", ()))
    )


def required_properties(name: str, pointer: Pointer) -> tuple[str, ...]:
    """The property names without which the object at `pointer` is not complete, in the schema's order."""
    return tuple(
        dict.fromkeys(key for node in nodes_at(name, pointer) for key in node.schema.get("required", ()))
    )


def is_closed(name: str, pointer: Pointer) -> bool:
    """Whether the object at `pointer` may have no other keys than the known ones."""
    return any(node.schema.get("additionalProperties") is False for node in nodes_at(name, pointer))


def keyword(name: str, pointer: Pointer, word: str) -> Any:
    """The value of a keyword at `pointer`, from the first subschema that has it; None where none has."""
    return next((node.schema[word] for node in nodes_at(name, pointer) if word in node.schema), None)


@cache
def item_references(name: str) -> Mapping[str, tuple[str, ...]]:
    """For each top-level list the references (`$id#/…`) that each of its entries must satisfy."""
    found: dict[str, list[str]] = {}
    for base, path, schema in _located(root(name), ""):
        for key, member in schema.get("properties", {}).items():
            for list_base, list_path, list_schema in _located(
                Node(base, member), f"{path}/properties/{key.replace('~', '~0').replace('/', '~1')}"
            ):
                if isinstance(list_schema.get("items"), Mapping):
                    found.setdefault(key, []).append(f"{list_base}#{list_path}/items")
    return {key: tuple(references) for key, references in found.items()}


def _located(node: Node, path: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if (named := _referred(node)) is not None:
        yield from _located(*named)
        return
    yield node.base, path, node.schema
    for index, branch in enumerate(node.schema.get("allOf", ())):
        yield from _located(Node(node.base, branch), f"{path}/allOf/{index}")


def insertion_for(name: str, pointer: Pointer) -> dict[str, object]:
    """What a fix may write at `pointer`: `insert_default` (a JSON value) and, where a value must be made
    fresh, `insert_format` (`"uuid"` or `"date-time"`, the default being a sample)."""
    if keyword(name, pointer, "pattern") is not None or keyword(name, pointer, "format") is not None:
        return _text_insertion(name, pointer)
    options = keyword(name, pointer, "enum")
    constant = keyword(name, pointer, "const")
    kind = keyword(name, pointer, "type")
    if constant is not None or options:
        return {"insert_default": constant if constant is not None else options[0]}
    if kind == "object":
        return {"insert_default": _object_sample(name, pointer)}
    if kind == "array":
        minimum = keyword(name, pointer, "minItems") or 0
        return {
            "insert_default": [insertion_for(name, (*pointer, ANY_INDEX))["insert_default"]]
            if minimum
            else []
        }
    samples: dict[str, object] = {"integer": 0, "number": 0, "boolean": False}
    return {"insert_default": samples.get(str(kind), "")}


def _text_insertion(name: str, pointer: Pointer) -> dict[str, object]:
    pattern = keyword(name, pointer, "pattern")
    form = keyword(name, pointer, "format")
    if form == "date-time":
        return {"insert_default": "2025-01-01T00:00:00Z", "insert_format": "date-time"}
    if form == "uuid" or (pattern is not None and "-4" in pattern):
        return {"insert_default": "00000000-0000-4000-8000-000000000000", "insert_format": "uuid"}
    if pattern is not None and "[a-z]" in pattern:
        return {"insert_default": "event"}
    if pattern is not None:
        return {"insert_default": "1.0.0"}
    return {"insert_default": ""}


def _object_sample(name: str, pointer: Pointer) -> dict[str, object]:
    return {
        key: insertion_for(name, (*pointer, key))["insert_default"]
        for key in required_properties(name, pointer)
    }
