"""Many entries of a list at once: whether there is nothing at all to be said against them.

Nearly all entries of a large document are sound. What the schema, the invariants and the advice ask of one
is put into a single schema that is at least as strict as they are together, and the compiled validator looks
at a whole run of entries in one call. Only where it finds something each entry is looked at by itself, and
told about in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import mplp_schemas
from mplp_runtime.rules import shape
from mplp_runtime.rules.advice import needs_role
from mplp_runtime.rules.contradictions import may_contradict_itself
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.invariants import plain_rules_of_entries
from mplp_runtime.rules.schema import entry_references
from mplp_runtime.rules.sense import texts_of_entries
from mplp_schemas import schema_id

# A sign that is blank to nobody. Texts without any such sign are merely looked at one by one.
_SAYS_SOMETHING = {"pattern": "[!-~\u00c0-\u167f\u3001-\ud7ff]"}
_ID = {"$ref": schema_id("common/identifiers.schema.json")}

_AT_ONCE = 5_000

_Schema = Mapping[str, Any]


def are_faultless(kind: str, field: str, schema: str, entries: Sequence[object]) -> bool:
    """Whether `check.own_element_findings` has nothing against any of these entries of the list `field`.

    `schema` is `schema_for(kind, header)`. False means that something may be wrong with one of them.
    """
    check = _check_of(kind, field, schema)
    if check is None:
        return False
    try:
        # In pieces: the validator makes values of its own of all that it is given.
        return all(
            check(list(entries[first : first + _AT_ONCE])) for first in range(0, len(entries), _AT_ONCE)
        )
    except ValueError:
        # Half characters, or nested too deep for the validator.
        return False


@cache
def _check_of(kind: str, field: str, schema: str) -> Callable[[list[object]], bool] | None:
    strict = _strict_schema(kind, field, schema)
    if strict is None:
        return None
    try:
        return mplp_schemas.rust_validator({"type": "array", "items": strict}).is_valid
    except ImportError:
        # The other validator takes longer for the whole than it takes to look at what is behind it.
        return None


def _strict_schema(kind: str, field: str, schema: str) -> _Schema | None:
    """One schema for all that is asked of an entry; None where something of it cannot be said in a schema."""
    rules = plain_rules_of_entries(kind, field)
    if rules is None or may_contradict_itself(kind, field):
        return None
    # One look at each member: what the schema of the entry asks for already is not asked again.
    entry: Pointer = (field, shape.ANY_INDEX)
    known = frozenset(shape.required_properties(schema, entry))
    members: dict[str, list[_Schema]] = {}
    required: set[str] = set()
    for key, rule, may_lack in rules:
        asked = _asked_by(rule)
        if asked is None:
            return None
        if not (asked is _ID and _is_id_already(schema, (*entry, key))):
            members.setdefault(key, []).append(asked)
        if not may_lack:
            required.add(key)
    for key in texts_of_entries(field):
        members.setdefault(key, []).append(_SAYS_SOMETHING)
    if needs_role(kind, field):
        required.add("agent_role")
    beyond: dict[str, Any] = {"type": "object", "properties": {key: _both(of) for key, of in members.items()}}
    if required - known:
        beyond["required"] = sorted(required - known)
    return {"allOf": [*({"$ref": reference} for reference in entry_references(schema, field)), beyond]}


def _both(parts: Sequence[_Schema]) -> _Schema:
    return parts[0] if len(parts) == 1 else {"allOf": list(parts)}


def _is_id_already(schema: str, pointer: Pointer) -> bool:
    """Whether the schema of documents takes ids only at `pointer`."""
    return any(node.schema.get("$id") == _ID["$ref"] for node in shape.nodes_at(schema, pointer))


def _asked_by(rule: str) -> _Schema | None:
    """A schema that takes nothing the rule would refuse."""
    if rule == "uuid-v4":
        return _ID
    if rule == "non-empty-string":
        return {"type": "string", **_SAYS_SOMETHING}
    if rule == "optional-string":
        return {"type": "string"}
    if rule.startswith("enum("):
        return {"enum": [option.strip() for option in rule[len("enum(") : -1].split(",")]}
    return None
