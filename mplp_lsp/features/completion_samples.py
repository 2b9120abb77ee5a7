"""What a new value looks like: of the right type, sound by itself, with holes where the author decides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import islice

import mplp_schemas
from mplp_lsp.features.completion_ids import id_choices
from mplp_lsp.features.completion_place import Place
from mplp_lsp.features.completion_text import Hole, plain
from mplp_lsp.features.status_places import lifecycle_of
from mplp_runtime.kinds import MODULES
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.lifecycle import TRANSITIONS
from mplp_runtime.rules.names import ANY, ROLE_NAME

_NOT_REQUIRED_BUT_USUAL: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("plan", "steps"): ("dependencies", "agent_role"),
    ("collab", "participants"): ("role_id",),
    ("trace", "segments"): ("started_at",),
    ("network", "nodes"): ("name",),
}
_CHOSEN: Mapping[str, str] = {
    "target_type": "plan",
    "event_family": "intent",
    "module": "confirm",
}


def sample(place: Place, pointer: Pointer, *, is_required: bool = False) -> object:
    """A template for the value at a place; sound wherever the schema can say what is sound."""
    said = place.describe(pointer)
    if "const" in said:
        return said["const"]
    if "enum" in said:
        return Hole(_word(place, pointer, said["enum"]))
    kind = said.get("type")
    if kind == "object":
        return object_sample(place, pointer)
    if kind == "array":
        return [sample(place, (*pointer, 0), is_required=True)] if said.get("minItems") else Hole([])
    if kind == "boolean":
        return Hole(False)
    if kind in ("integer", "number"):
        return Hole(_number(pointer, said))
    if kind == "string":
        return _text(place, pointer, said, is_required=is_required)
    return Hole({})


def object_sample(place: Place, pointer: Pointer) -> object:
    """A template for an object: what it must have, and for entries of lists what they usually have too."""
    said = place.describe(pointer)
    names = list(said.get("required", ()))
    if len(pointer) == 2 and isinstance(pointer[1], int):
        names += [
            name
            for name in _NOT_REQUIRED_BUT_USUAL.get((place.kind, str(pointer[0])), ())
            if name != "agent_role" or place.roles
        ]
    if not names:
        return Hole({})
    return {name: _member(place, (*pointer, name)) for name in names}


def _member(place: Place, pointer: Pointer) -> object:
    """A member of a new object: its first state is no question, so it needs no hole."""
    value = sample(place, pointer, is_required=True)
    is_settled = lifecycle_of(place.kind, pointer) is not None
    return plain(value) if is_settled else value


def _word(place: Place, pointer: Pointer, allowed: list[str]) -> str:
    lifecycle = lifecycle_of(place.kind, pointer)
    if lifecycle is not None:
        return next(iter(TRANSITIONS[lifecycle]))
    chosen = place.text_at(*pointer) or _CHOSEN.get(str(pointer[-1]))
    return chosen if chosen in allowed else str(allowed[0])


def _number(pointer: Pointer, said: Mapping[str, object]) -> int | float:
    if pointer[-1] == "order_index" and len(pointer) == 3 and isinstance(pointer[1], int):
        return pointer[1]
    if pointer[-1] == "node_delta":
        # Goes with the first `update_kind`, which adds a node.
        return 1
    least = said.get("minimum", 0)
    return least if isinstance(least, int | float) else 0


def _text(place: Place, pointer: Pointer, said: Mapping[str, object], *, is_required: bool) -> object:
    if said.get("format") == "date-time":
        return place.fresh.now
    pattern, form = str(said.get("pattern", "")), said.get("format")
    name = place.meaning(pointer)
    if "-4[0-9a-f]{3}-" in pattern or form == "uuid":
        if name is None or name.is_declaration or (name.kind == ANY and pointer[-1] != "target_id"):
            return place.fresh.id()
        found = list(islice(id_choices(place, name.kind, pointer), 2))
        if not found:
            return place.fresh.id()
        return Hole(found[0].id) if len(found) > 1 else found[0].id
    if name is not None and name.kind in (ROLE_NAME, "role") and not name.is_declaration:
        return Hole(place.roles[0].name if place.roles else "human")
    examples = said.get("examples")
    example = examples[0] if isinstance(examples, list) and examples else ""
    key = str(pointer[-1])
    if key in ("protocol_version", "schema_version"):
        return example
    if key == "source" and place.kind in MODULES:
        return Hole(place.kind)
    if pattern:
        return Hole(example)
    if form is not None or key.endswith(("version", "_path", "_url", "_id")):
        return Hole(example)
    if is_required or said.get("minLength") or (place.kind, key) in _never_blank():
        return Hole(key.replace("_", " ").capitalize())
    return Hole("")


@cache
def _never_blank() -> frozenset[tuple[str, str]]:
    """Kind and key of the texts that a rule beyond the schema wants to say something."""
    return frozenset(
        (kind, str(rule.path).rpartition(".")[2])
        for rule in mplp_schemas.invariants()
        for kind in rule.kinds
        if rule.path and rule.rule in ("non-empty-string", "optional-string")
    )
