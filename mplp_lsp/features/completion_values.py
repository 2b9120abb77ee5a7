"""Values that fit at the cursor: words, ids, roles, fresh ids and times, whole objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from lsprotocol import types

from mplp_lsp.features.completion_dependencies import NEAREST, dependency_offers, id_offer, is_dependency
from mplp_lsp.features.completion_events import event_type_offers
from mplp_lsp.features.completion_ids import id_choices, matches
from mplp_lsp.features.completion_items import MOST_ITEMS, Offer
from mplp_lsp.features.completion_keys import about
from mplp_lsp.features.completion_place import Place
from mplp_lsp.features.completion_samples import object_sample, sample
from mplp_lsp.features.completion_status import status_offers
from mplp_lsp.features.completion_text import Hole, plain
from mplp_lsp.features.skeletons import skeleton_offers
from mplp_runtime.rules.choice import SAMPLE_FAMILIES
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.names import ANY, ROLE_NAME, Name

_Kind = types.CompletionItemKind
_LAST = 10_000
# Nothing has to declare these: what first names one makes it.
_MAY_BE_NEW = frozenset({"trace", "span", "thread"})
_SINGULAR = {"by_agent": "agent", "dependencies": "dependency"}


def value_offers(place: Place) -> tuple[list[Offer], bool]:
    """What may stand at the cursor, and whether other letters would find more."""
    pointer = place.cursor.pointer
    if not pointer:
        return skeleton_offers(place), False
    if is_dependency(place.kind, pointer):
        return dependency_offers(place)
    states = status_offers(place)
    if states is not None:
        return states, False
    types_of_events = event_type_offers(place)
    if types_of_events:
        return types_of_events, False
    said = place.describe(pointer)
    if place.kind == "sample" and pointer == ("sample_family",):
        return _words(place, (*SAMPLE_FAMILIES, "pipeline_outcome")), False
    if isinstance(said.get("enum"), list):
        return _words(place, said["enum"]), False
    if "const" in said:
        return [_plain(place, said["const"], "the only value here")], False
    name = place.meaning(pointer)
    if name is not None and said.get("type", "string") == "string":
        named, is_cut = _named(place, name, said)
        if named or is_cut:
            return named, is_cut
    return _of_type(place, said), False


def _plain(
    place: Place, value: object, detail: str, *, label: str = "", rank: int = 0, words: str = ""
) -> Offer:
    return Offer(
        label or str(value).lower() if isinstance(value, bool) else label or str(value),
        value,
        _Kind.Value,
        detail=detail,
        rank=rank,
        words=words,
        about=about(place, place.cursor.pointer),
    )


def _words(place: Place, allowed: Sequence[str]) -> list[Offer]:
    """The words of an enum; in a list those that stand there already are left out."""
    pointer = place.cursor.pointer
    taken: set[object] = set()
    if isinstance(pointer[-1], int):
        listed = place.value(pointer[:-1])
        entries = listed if isinstance(listed, list) else []
        taken = {
            each for at, each in enumerate(entries) if isinstance(each, str) and each != place.cursor.written
        }
    return [
        Offer(word, word, _Kind.EnumMember, rank=rank, about=about(place, pointer))
        for rank, word in enumerate(allowed)
        if word not in taken
    ]


def _named(place: Place, name: Name, said: Mapping[str, object]) -> tuple[list[Offer], bool]:
    """Ids and role names; a place that declares an id gets a fresh one."""
    wants_id = "-4[0-9a-f]{3}-" in str(said.get("pattern", "")) or said.get("format") == "uuid"
    if not wants_id and ("format" in said or "pattern" in said):
        return [], False
    if name.kind == ANY and place.cursor.pointer[-1] != "target_id":
        # Nothing is known of it but that it is an id.
        return ([_fresh_id(place)] if wants_id else []), False
    if name.is_declaration:
        return ([_fresh_id(place)] if wants_id else []), False
    if name.kind in ("role", ROLE_NAME):
        return _roles(place), False
    pointer, typed = place.cursor.pointer, place.cursor.typed
    found = list(islice(id_choices(place, name.kind, pointer), MOST_ITEMS + 1))
    is_cut = len(found) > MOST_ITEMS
    if is_cut:
        fitting = (each for each in id_choices(place, name.kind, pointer) if matches(each, typed))
        found = list(islice(fitting, NEAREST))
    offers = [id_offer(choice, rank) for rank, choice in enumerate(found)]
    if wants_id and (name.kind in _MAY_BE_NEW or (name.kind in OWN_ID and not offers)):
        offers.append(_fresh_id(place))
    return offers, is_cut


def _roles(place: Place) -> list[Offer]:
    """Names of roles; where the member is a `role_id`, those with a document by their id as well."""
    offers = []
    for rank, role in enumerate(place.roles):
        more = {"role": role.name}
        if place.cursor.pointer[-1] == "role_id" and role.id is not None:
            words = f"{role.name} {role.id}"
            detail = f"{role.id[:8]} · the id of its document"
            offers.append(Offer(role.name, role.id, _Kind.Reference, detail, None, words, rank, more))
            continue
        offers.append(Offer(role.name, role.name, _Kind.Constant, role.why, None, "", rank, more))
    return offers


def _fresh_id(place: Place) -> Offer:
    fresh = place.fresh.id()
    return _plain(place, fresh, "a fresh id", label="new id", rank=_LAST, words=f"new id {fresh}")


def _of_type(place: Place, said: Mapping[str, object]) -> list[Offer]:
    """What follows from the type alone. Free text is the author's: nothing is offered for it."""
    pointer, kind = place.cursor.pointer, said.get("type")
    if kind == "boolean":
        return [_plain(place, value, "", rank=rank) for rank, value in enumerate((True, False))]
    if kind == "object":
        return [_object(place)]
    if "anyOf" in said:
        return [
            _plain(place, Hole({}), "an object", label="{}"),
            _plain(place, None, "", label="null", rank=1),
        ]
    if kind == "array":
        value = sample(place, pointer)
        items = place.describe((*pointer, 0))
        detail = "an empty list" if isinstance(value, Hole) else f"a list with one {_noun(pointer)}"
        offers = [_plain(place, value, detail, label="[]")] if isinstance(value, Hole) else []
        if items.get("type") == "object":
            filled = [object_sample(place, (*pointer, 0))]
            label = f"[ new {_noun(pointer)} ]"
            offers.append(
                Offer(label, filled, _Kind.Snippet, detail=f"a list with one {_noun(pointer)}", rank=1)
            )
        elif not offers:
            offers.append(_plain(place, value, detail, label="[…]"))
        return offers
    if kind in ("integer", "number"):
        value = plain(sample(place, pointer))
        return [_plain(place, value, "its place in the list" if pointer[-1] == "order_index" else "")]
    return _text(place, said)


def _text(place: Place, said: Mapping[str, object]) -> list[Offer]:
    if said.get("format") == "date-time":
        return [_plain(place, place.fresh.now, "now", label="now", words=f"now {place.fresh.now}")]
    if said.get("format") == "uuid" or "-4[0-9a-f]{3}-" in str(said.get("pattern", "")):
        return [_fresh_id(place)]
    if str(place.cursor.pointer[-1]).endswith("version"):
        examples = said.get("examples")
        return [
            _plain(place, each, "for example") for each in (examples if isinstance(examples, list) else ())
        ]
    return []


def _object(place: Place) -> Offer:
    """A whole object with all it needs: a new step, a decision, a segment."""
    pointer = place.cursor.pointer
    value = object_sample(place, pointer)
    noun = _noun(pointer[:-1]) if isinstance(pointer[-1], int) else str(pointer[-1])
    members = value.values() if isinstance(value, Mapping) else ()
    has_ids = any(isinstance(each, str) and is_id(each) for each in members)
    return Offer(
        f"new {noun}",
        value,
        _Kind.Snippet,
        detail="with a fresh id" if has_ids else "with all it needs",
        words=f"new {noun}",
        about=about(place, pointer),
    )


def _noun(pointer: Sequence[str | int]) -> str:
    """What one entry of a list is called."""
    name = next((part for part in reversed(pointer) if isinstance(part, str)), "entry")
    return _SINGULAR.get(name, name.removesuffix("s").replace("_", " "))
