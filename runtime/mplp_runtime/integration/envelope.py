"""Integration events in any of the three forms the sources show, normalised to one.

(a) an envelope: an EventCore of family external_integration whose payload is the frozen event; (b) the bare
frozen event; (c) the bare event as the seeds write it, with keys the frozen schema does not have. What leaves
here is (a).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import Event, IntegrationKind, Stamper, external_integration
from mplp_runtime.events.validate import event_errors
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Json

_KEYS: Mapping[IntegrationKind, frozenset[str]] = MappingProxyType(
    {
        "file_update": frozenset(
            {
                "file_path",
                "change_type",
                "workspace_root",
                "change_summary",
                "timestamp",
                "lines_added",
                "lines_removed",
                "previous_path",
                "encoding",
                "language",
            }
        ),
        "git_operation": frozenset(
            {
                "repo_url",
                "commit_id",
                "ref_name",
                "event_kind",
                "author_name",
                "author_email",
                "commit_message",
                "timestamp",
                "files_changed",
                "insertions",
                "deletions",
                "parent_commits",
            }
        ),
        "ci_pipeline": frozenset(
            {
                "ci_provider",
                "pipeline_id",
                "run_id",
                "status",
                "started_at",
                "completed_at",
                "branch_name",
                "commit_id",
                "run_url",
                "duration_ms",
                "stages",
                "trigger_kind",
            }
        ),
        "tool_execution": frozenset(
            {
                "tool_id",
                "tool_kind",
                "invocation_id",
                "status",
                "started_at",
                "completed_at",
                "exit_code",
                "output_summary",
                "args",
                "working_directory",
            }
        ),
    }
)
_TELLING: Mapping[IntegrationKind, frozenset[str]] = MappingProxyType(
    {
        "file_update": frozenset({"file_path", "change_type"}),
        "git_operation": frozenset({"repo_url", "ref_name", "event_kind"}),
        "ci_pipeline": frozenset({"ci_provider", "run_id"}),
        "tool_execution": frozenset({"tool_id", "tool_kind", "invocation_id"}),
    }
)
_ALIASES: Mapping[IntegrationKind, Mapping[str, str]] = MappingProxyType(
    {
        "file_update": {"old_path": "previous_path"},
        "git_operation": {},
        "ci_pipeline": {"trigger_event": "trigger_kind", "commit_sha": "commit_id", "build_url": "run_url"},
        "tool_execution": {"output": "output_summary"},
    }
)
_TRIGGERS = frozenset({"push", "pull_request", "schedule", "manual", "tag", "other"})
_CI_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "success": "succeeded",
        "neutral": "succeeded",
        "failure": "failed",
        "timed_out": "failed",
        "startup_failure": "failed",
        "action_required": "pending",
        "queued": "pending",
        "in_progress": "running",
        "skipped": "cancelled",
        "canceled": "cancelled",
    }
)
"""What CI services say of a job, in the words of the frozen schema (seed 2, 6.3)."""

_SUMMARY_CHARACTERS = 2_000
_ENVELOPE_ONLY = frozenset({"source", "signature", "project_id"})


@dataclass(frozen=True, slots=True)
class Normalised:
    """An envelope that is valid, and what had to be moved or renamed for it, each as a sentence."""

    envelope: Event
    notes: tuple[str, ...] = ()


def normalised(
    value: Mapping[str, Json],
    *,
    stamper: Stamper,
    source: str | None = None,
    kind: IntegrationKind | None = None,
    project_id: str | None = None,
) -> Normalised:
    """One integration event as a valid envelope.

    `source` names who delivered it, for forms that do not say so; `kind` is told by the content unless
    given. Raises EventRejected, in one sentence, for what is no integration event or breaks its schema.
    """
    value, notes = _stripped(value)
    if value.get("event_family") is not None:
        return _checked(_from_envelope(value, source, notes), notes)
    chosen = kind or kind_of(value)
    if chosen is None:
        raise EventRejected("This is no integration event: it is neither a file, git, CI nor tool event.")
    payload, extensions = _split(chosen, value, notes)
    named = value.get("source") or source or extensions.get("editor_source")
    envelope = external_integration(
        stamper,
        chosen,
        payload,
        source=named if isinstance(named, str) else "",
        signature=value.get("signature"),
        project_id=value.get("project_id") or project_id,
        extensions=extensions,
    )
    return _checked(envelope, notes)


def kind_of(value: Mapping[str, Json]) -> IntegrationKind | None:
    """Which of the four kinds a bare event is: the one with most of its telling keys; None if there is none.

    >>> kind_of({"file_path": "a.py", "change_type": "modified"})
    'file_update'
    """
    best = max(_TELLING, key=lambda kind: len(_TELLING[kind] & value.keys()))
    return best if _TELLING[best] & value.keys() else None


def _from_envelope(value: Mapping[str, Json], source: str | None, notes: list[str]) -> Event:
    kind = next((known for known in _KEYS if known == value.get("event_type")), None)
    payload = value.get("payload")
    is_external = value.get("event_family") == "external_integration"
    if kind is None or not is_external or not isinstance(payload, Mapping):
        raise EventRejected(
            "This envelope carries no integration event: event_family must be external_integration,"
            f" event_type one of {', '.join(_KEYS)}, and payload an object."
        )
    inner, extensions = _split(kind, payload, notes)
    envelope: Event = {**extensions, **value, "payload": inner}
    if not envelope.get("source") and (source or payload.get("source")):
        envelope["source"] = payload.get("source") or source
    if payload.get("signature") and not envelope.get("signature"):
        envelope["signature"] = payload["signature"]
    return envelope


def _split(
    kind: IntegrationKind, value: Mapping[str, Json], notes: list[str]
) -> tuple[dict[str, Json], dict[str, Json]]:
    """The frozen payload, and what only the envelope has room for. Seed keys are kept on the envelope too."""
    payload = {name: item for name, item in value.items() if name in _KEYS[kind]}
    extensions = {
        name: item for name, item in value.items() if name not in _KEYS[kind] and name not in _ENVELOPE_ONLY
    }
    for name, item in extensions.items():
        frozen = _ALIASES[kind].get(name)
        if frozen is None:
            notes.append(f"`{name}` is not part of the frozen event; it was moved to the envelope.")
        elif frozen in payload:
            notes.append(
                f"`{name}` says the same as `{frozen}`, which is there already; the frozen name counts."
            )
        else:
            payload[frozen] = _translated(name, item)
            notes.append(f"`{name}` is called `{frozen}` in the frozen event; it was copied there.")
    if kind == "tool_execution" and "completed_at" not in payload:
        completed = _end(payload.get("started_at"), extensions.get("duration_ms"))
        if completed is not None:
            payload["completed_at"] = completed
            notes.append("`completed_at` was computed from `started_at` and `duration_ms`.")
    if kind == "ci_pipeline":
        _say_status(payload, extensions, notes)
    moved = sorted(_ENVELOPE_ONLY & value.keys())
    notes.extend(f"`{name}` belongs to the envelope; it was moved there." for name in moved)
    return payload, extensions


def _say_status(payload: dict[str, Json], extensions: Mapping[str, Json], notes: list[str]) -> None:
    """A service that says that a job is completed says how in its `conclusion`."""
    said = payload.get("status")
    word = extensions.get("conclusion") if said in (None, "completed") else said
    frozen = _CI_WORDS.get(word, word) if isinstance(word, str) else None
    if frozen is not None and frozen != said:
        payload["status"] = frozen
        notes.append(f"The status `{word}` is called `{frozen}` in the frozen event.")


def _translated(name: str, value: Json) -> Json:
    if name == "trigger_event":
        return value if isinstance(value, str) and value in _TRIGGERS else "other"
    if name == "output" and isinstance(value, str) and len(value) > _SUMMARY_CHARACTERS:
        return value[: _SUMMARY_CHARACTERS - 1] + "…"
    return value


def _end(started_at: Json, duration_ms: Json) -> str | None:
    if not isinstance(started_at, str) or isinstance(duration_ms, bool) or not isinstance(duration_ms, int):
        return None
    try:
        started = datetime.fromisoformat(started_at)
        return timestamp(started + timedelta(milliseconds=duration_ms)) if started.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _stripped(value: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[str]]:
    """Keys without blanks around them: a sample of the seeds writes `" status"`."""
    notes: list[str] = []
    clean: dict[str, Json] = {}
    for name, item in value.items():
        bare = name.strip()
        if bare != name:
            if bare in value:
                continue
            notes.append(f"The key `{name}` had blanks around it; they were taken away.")
        clean[bare] = item
    return clean, notes


def _checked(envelope: Event, notes: list[str]) -> Normalised:
    errors = event_errors(envelope)
    if errors:
        raise EventRejected(f"This {envelope['event_type']} event is not valid: {'; '.join(errors)}.")
    return Normalised(envelope, tuple(notes))
