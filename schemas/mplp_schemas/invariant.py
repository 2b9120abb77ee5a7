"""The 61 rules of the protocol that the schemas cannot state, as data.

Their language (`uuid-v4`, `enum(a,b)`, `eq(plan.plan_id)`, paths with `[*]`) is interpreted by
`mplp_runtime.rules.invariants`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from mplp_schemas.loader import data_file

Group = Literal["sa", "map", "observability", "integration", "learning"]
Moment = Literal["edit", "run", "end-of-trace"]

SCOPE_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "context": ("context",),
        "plan": ("plan",),
        "trace": ("trace",),
        "collab": ("collab",),
        # Single- and multi-agent events have no `event_family`, so these rules do not speak of them.
        "event": ("event", "pipeline-stage", "graph-update", "runtime-execution"),
        "tool_event": ("tool",),
        "file_update_event": ("file-update",),
        "git_event": ("git",),
        "ci_event": ("ci",),
        # The closed form, `sample-v2`, has none of the fields that these rules ask for.
        "learning_sample": ("sample", "sample-intent", "sample-delta"),
    }
)
"""Which kinds of document each scope means (the keys of `mplp_schemas.KINDS`)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule asks. All that is stated has to hold; nothing stated means always.

    `present`: only where the path leads somewhere, element by element; without it, something missing
    breaks the rule. `field` and `equals`: only if that top-level field of the document has that value.
    `events`: there is no path and no rule; it is decided from the multi-agent events of a session
    (`turns`: completions match dispatches; `broadcasts`: somebody received them).
    """

    present: bool = False
    field: str | None = None
    equals: str | None = None
    events: Literal["turns", "broadcasts"] | None = None


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule: its official id, where it looks, what it asks, when it applies, and why in a sentence.

    `path` and `rule` are None only where `when.events` is set. `moment` (D13): `edit` rules hold whenever
    the document is looked at; `run` rules while a plan runs and for what a run wrote; `end-of-trace` rules
    once a run is over.
    """

    id: str
    group: Group
    scope: str
    path: str | None
    rule: str | None
    when: Condition
    moment: Moment
    sentence: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of document that the scope means."""
        return SCOPE_KINDS[self.scope]


@cache
def invariants() -> tuple[Invariant, ...]:
    """The 61 rules: 9 single-agent, 9 multi-agent, 12 observability, 19 integration, 12 learning."""
    return tuple(
        Invariant(**{**row, "when": Condition(**row["when"])}) for row in data_file("invariants.json")
    )
