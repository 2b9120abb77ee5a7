"""The two profiles: which modules a run needs, through which phases it goes, which events it must send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from mplp_schemas.loader import data_file


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a run, the events that belong to it, and whether a run may go without it."""

    id: str
    events: tuple[str, ...]
    optional: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a run of this sort has to bring along and to say.

    `modules` are the kinds this profile asks for itself; those of the profile it `extends` come on top.
    `mandatory_events` stand in the order of a run.
    """

    id: str
    title: str
    sentence: str
    extends: str | None
    modules: tuple[str, ...]
    event_kind: str
    mandatory_events: tuple[str, ...]
    recommended_events: tuple[str, ...]
    phases: tuple[Phase, ...]


@cache
def profiles() -> Mapping[str, Profile]:
    """The single-agent profile under `sa` and the multi-agent profile under `map`."""
    found: dict[str, Profile] = {}
    for name, row in data_file("profiles.json").items():
        phases = tuple(Phase(**{**phase, "events": tuple(phase["events"])}) for phase in row.pop("phases"))
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        found[name] = Profile(**{**row, **lists, "phases": phases})
    return MappingProxyType(found)
