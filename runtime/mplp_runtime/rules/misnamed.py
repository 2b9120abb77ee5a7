"""What an unknown key was meant to be: by its name, by what the object still lacks, or where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mplp_runtime.rules import shape
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.meant_values import fits
from mplp_runtime.rules.synonyms import meant_property
from mplp_runtime.rules.words import snake_case

_BAGS = ("payload", "data", "attributes")
"""The open members of events and spans, in which anything may stand."""


_NOWHERE = frozenset({"$schema", "$comment", "event_family"})
"""Keys that are to be removed rather than moved."""


class Meant(NamedTuple):
    """`name`: the key that was meant; `home`: the member of the object in which the key belongs."""

    name: str | None = None
    home: str | None = None


def meant_by(schema: str, pointer: Pointer, owner: Mapping[str, object], key: str) -> Meant:
    """What `key`, which the schema does not know in `owner` at `pointer`, stands for; empty if unclear."""
    known = shape.known_properties(schema, pointer)
    free = [name for name in known if name not in owner]
    by_name = meant_property(key, free)
    if by_name is not None:
        return Meant(by_name)
    home = next((name for name in known if _takes(schema, (*pointer, name), key)), None)
    if home is not None:
        return Meant(home=home)
    gap = _only_gap(schema, pointer, owner, known, key)
    if gap is not None or key in _NOWHERE:
        return Meant(gap)
    return Meant(home=next((name for name in _BAGS if name in known), None))


def _takes(schema: str, pointer: Pointer, key: str) -> bool:
    """Whether the closed object at `pointer` has a place for `key`: `created_at` belongs into `meta`."""
    return shape.is_closed(schema, pointer) and key in shape.known_properties(schema, pointer)


def _only_gap(
    schema: str, pointer: Pointer, owner: Mapping[str, object], known: tuple[str, ...], key: str
) -> str | None:
    """What the object lacks, if that is one thing only, nothing else is unknown in it, and the value fits.

    Then somebody wrote the right thing under a name of their own (`goals` for `objective`): one fault.
    """
    missing = [name for name in shape.required_properties(schema, pointer) if name not in owner]
    if len(missing) != 1 or any(name not in known and name != key for name in owner):
        return None
    return missing[0] if fits(schema, (*pointer, missing[0]), owner[key]) else None


def misspelt_gap(schema: str, pointer: Pointer, owner: Mapping[str, object], missing: str) -> str | None:
    """The key of an open object that was meant to be `missing`; None where no key resembles it.

    An open object may have any keys, so the schema says nothing about `enviroment`. Another spelling of the
    same word (`Environment`) is a habit, which has its own words.
    """
    if shape.is_closed(schema, pointer):
        return None
    known = shape.known_properties(schema, pointer)
    for key in owner:
        if key not in known and snake_case(key) != missing and meant_property(key, [missing]) == missing:
            return key
    return None
