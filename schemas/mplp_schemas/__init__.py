"""The MPLP protocol as data, and its loader.

Importing this package reads no file and costs about a millisecond; each schema is read when it is first
asked for. What is returned is shared: treat it as immutable.
"""

from __future__ import annotations

from types import MappingProxyType

from mplp_schemas.loader import describe, names, read, schema_id

TYPE_CHECKING = False  # `typing` itself would cost more than this whole package.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import jsonschema_rs
    import referencing

    from mplp_schemas import engines
    from mplp_schemas.invariant import Condition, Invariant
    from mplp_schemas.profile import Phase, Profile

__all__ = [
    "KINDS",
    "Condition",
    "Invariant",
    "Phase",
    "Profile",
    "describe",
    "invariants",
    "names",
    "profiles",
    "python_validator",
    "read",
    "registry",
    "rust_registry",
    "rust_validator",
    "schema_id",
]

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "context": "mplp-context.schema.json",
        "plan": "mplp-plan.schema.json",
        "confirm": "mplp-confirm.schema.json",
        "trace": "mplp-trace.schema.json",
        "role": "mplp-role.schema.json",
        "extension": "mplp-extension.schema.json",
        "dialog": "mplp-dialog.schema.json",
        "collab": "mplp-collab.schema.json",
        "core": "mplp-core.schema.json",
        "network": "mplp-network.schema.json",
        "event": "events/mplp-event-core.schema.json",
        "pipeline-stage": "events/mplp-pipeline-stage-event.schema.json",
        "graph-update": "events/mplp-graph-update-event.schema.json",
        "runtime-execution": "events/mplp-runtime-execution-event.schema.json",
        "sa-event": "events/mplp-sa-event.schema.json",
        "map-event": "events/mplp-map-event.schema.json",
        "file-update": "integration/mplp-file-update-event.schema.json",
        "git": "integration/mplp-git-event.schema.json",
        "ci": "integration/mplp-ci-event.schema.json",
        "tool": "integration/mplp-tool-event.schema.json",
        "sample": "learning/mplp-learning-sample-core.schema.json",
        "sample-intent": "learning/mplp-learning-sample-intent.schema.json",
        "sample-delta": "learning/mplp-learning-sample-delta.schema.json",
        "sample-v2": "common/learning-sample.schema.json",
    }
)
"""Which schema governs a document of a kind. `event` and `sample` name the general schema of each."""


def registry() -> referencing.Registry[Any]:
    """All 29 schemas for `jsonschema`; nothing is ever fetched."""
    from mplp_schemas import engines

    return engines.registry()


def rust_registry() -> jsonschema_rs.Registry:
    """All 29 schemas for `jsonschema_rs`; nothing is ever fetched."""
    from mplp_schemas import engines

    return engines.rust_registry()


def rust_validator(schema: str | Mapping[str, Any], **options: Any) -> jsonschema_rs.Validator:
    """A `jsonschema_rs` validator with our formats asserted; see `engines.rust_validator`."""
    from mplp_schemas import engines

    return engines.rust_validator(schema, **options)


def python_validator(schema: str | Mapping[str, Any], **options: Any) -> engines.PythonValidator:
    """A `jsonschema` validator with the same verdicts; see `engines.python_validator`."""
    from mplp_schemas import engines

    return engines.python_validator(schema, **options)


def invariants() -> tuple[Invariant, ...]:
    """The 61 rules beyond the schemas, in their official order."""
    from mplp_schemas import invariant

    return invariant.invariants()


def profiles() -> Mapping[str, Profile]:
    """The single-agent profile under `sa` and the multi-agent profile under `map`."""
    from mplp_schemas import profile

    return profile.profiles()


def __getattr__(name: str) -> object:
    """The record types, imported when first asked for: `dataclasses` costs more than the rest together."""
    if name in {"Invariant", "Condition"}:
        from mplp_schemas import invariant

        return getattr(invariant, name)
    if name in {"Profile", "Phase"}:
        from mplp_schemas import profile

        return getattr(profile, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
