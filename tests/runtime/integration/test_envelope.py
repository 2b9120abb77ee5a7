"""Integration events in every form the sources show come out as one: a valid envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import external_integration
from mplp_runtime.events.validate import PAYLOAD_SCHEMAS, event_errors
from mplp_runtime.integration.envelope import Normalised, normalised
from mplp_runtime.model import CiEvent, FileUpdateEvent, GitEvent, ToolEvent
from tests.runtime.official import FOLDER, needs_official, official_errors
from tests.runtime.samples import stamper, uuid

SCHEMA_FILES = {
    "file_update": "integration/mplp-file-update-event.schema.json",
    "git_operation": "integration/mplp-git-event.schema.json",
    "ci_pipeline": "integration/mplp-ci-event.schema.json",
    "tool_execution": "integration/mplp-tool-event.schema.json",
}
MODELS = {
    "file_update": FileUpdateEvent,
    "git_operation": GitEvent,
    "ci_pipeline": CiEvent,
    "tool_execution": ToolEvent,
}
FILE = {"file_path": "src/a.ts", "change_type": "modified", "timestamp": "2025-12-06T14:32:15.789Z"}
GIT = {
    "repo_url": "git@example.org:a/b.git",
    "commit_id": "1a2b3c4d5e6f7g8h9i0j",
    "ref_name": "refs/heads/main",
    "event_kind": "merge",
    "timestamp": "2025-12-06T15:45:00.000Z",
    "parent_commits": ["a", "b"],
}
CI = {"ci_provider": "jenkins", "pipeline_id": "build", "run_id": "42", "status": "failed"}
TOOL = {"tool_id": "prettier", "tool_kind": "formatter", "invocation_id": uuid(1), "status": "succeeded"}
SEED_STYLE = [
    ("file_update", {**FILE, "content_hash": "sha256:abc", "editor_source": "cursor-0.42"}),
    ("file_update", {**FILE, "change_type": "renamed", "old_path": "src/b.ts"}),
    ("git_operation", {**GIT, "source": "github-webhook", "signature": "sha256=00"}),
    (
        "ci_pipeline",
        {
            **CI,
            "started_at": "2025-12-06T16:00:00.000Z",
            "duration_ms": 330000,
            "trigger_event": "push",
            "branch_name": "feature/x",
            "commit_sha": "abc123",
            "build_url": "https://ci.example.org/42",
        },
    ),
    (
        "tool_execution",
        {
            **{(" status" if key == "status" else key): value for key, value in TOOL.items()},
            "started_at": "2025-12-06T17:00:00.000Z",
            "duration_ms": 1250,
            "exit_code": 0,
            "output": "x" * 5000,
            "file_paths": ["src/a.ts"],
        },
    ),
]


def taken(value: dict[str, Any], **options: Any) -> Normalised:
    return normalised(value, stamper=stamper(), source=options.pop("source", "test"), **options)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("file_update", FILE), ("git_operation", GIT), ("ci_pipeline", CI), ("tool_execution", TOOL)],
)
def test_a_bare_frozen_event_is_wrapped_without_a_note(kind: str, value: dict[str, Any]) -> None:
    result = taken(value)
    assert result.notes == ()
    assert result.envelope["payload"] == value
    assert (result.envelope["event_type"], result.envelope["source"]) == (kind, "test")
    assert event_errors(result.envelope) == []


@needs_official
@pytest.mark.parametrize(("kind", "value"), SEED_STYLE)
def test_a_seed_style_event_becomes_valid_for_the_official_schemas(kind: str, value: dict[str, Any]) -> None:
    envelope = taken(value).envelope
    assert envelope["event_type"] == kind
    assert official_errors("events/mplp-event-core.schema.json", envelope) == []
    assert official_errors(SCHEMA_FILES[kind], envelope["payload"]) == []
    assert MODELS[kind].model_validate(envelope["payload"]).document() == envelope["payload"]


@pytest.mark.parametrize(("kind", "value"), SEED_STYLE)
def test_normalising_what_was_normalised_changes_nothing(kind: str, value: dict[str, Any]) -> None:
    envelope = taken(value).envelope
    again = taken(envelope)
    assert (again.envelope, again.notes) == (envelope, ())


def test_aliases_go_to_the_frozen_name_and_stay_on_the_envelope() -> None:
    result = taken(dict(SEED_STYLE[3][1]))
    payload = result.envelope["payload"]
    assert (payload["trigger_kind"], payload["commit_id"]) == ("push", "abc123")
    assert payload["run_url"] == result.envelope["build_url"] == "https://ci.example.org/42"
    assert payload["duration_ms"] == 330000
    assert len(result.notes) == 3
    assert "`trigger_event` is called `trigger_kind`" in result.notes[0]


def test_a_trigger_without_a_word_is_other_and_the_word_is_kept() -> None:
    envelope = taken({**CI, "trigger_event": "cron nightly"}).envelope
    assert (envelope["payload"]["trigger_kind"], envelope["trigger_event"]) == ("other", "cron nightly")


@pytest.mark.parametrize("trigger", [["push"], {"kind": "push"}, 3, None])
def test_a_trigger_that_is_no_word_is_other(trigger: object) -> None:
    assert taken({**CI, "trigger_event": trigger}).envelope["payload"]["trigger_kind"] == "other"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
KEYS = sorted(
    {key for _, value in SEED_STYLE for key in value} | {"source", "signature", "payload", "event_family"}
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([value for _, value in SEED_STYLE]),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3),
)
def test_whatever_is_delivered_ends_as_a_valid_envelope_or_in_one_sentence(
    event: dict[str, Any], changes: dict[str, Any]
) -> None:
    try:
        envelope = taken({**event, **changes}).envelope
    except EventRejected:
        return
    assert event_errors(envelope) == []
    assert isinstance(envelope.get("signature", ""), str)


def test_a_tool_event_gets_its_end_from_start_and_duration_and_a_short_output() -> None:
    result = taken(dict(SEED_STYLE[4][1]))
    payload = result.envelope["payload"]
    assert payload["completed_at"] == "2025-12-06T17:00:01.250Z"
    assert len(payload["output_summary"]) == 2000
    assert len(result.envelope["output"]) == 5000
    assert "args" not in payload, "a file list is no argument list"
    assert any("blanks" in note for note in result.notes)


def test_a_frozen_name_wins_over_its_alias() -> None:
    result = taken({**CI, "commit_sha": "seed", "commit_id": "frozen"})
    assert result.envelope["payload"]["commit_id"] == "frozen"
    assert "there already" in result.notes[0]


def test_the_source_in_the_event_wins_and_the_editor_counts_as_one() -> None:
    assert taken({**FILE, "source": "vscode"}).envelope["source"] == "vscode"
    assert taken({**FILE, "editor_source": "cursor"}, source=None).envelope["source"] == "cursor"
    with pytest.raises(EventRejected, match="`source` is missing or blank"):
        taken(FILE, source=None)


def test_a_source_inside_the_payload_of_an_envelope_moves_out() -> None:
    envelope = external_integration(stamper(), "file_update", {**FILE, "source": "inner"}, source="")
    result = taken(envelope, source=None)
    assert result.envelope["source"] == "inner"
    assert result.envelope["payload"] == FILE


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "neither a file, git, CI nor tool event"),
        ({"file_path": "a"}, "`payload.change_type` is missing"),
        ({**FILE, "change_type": "touched"}, "must be one of created"),
        ({**GIT, "author_email": "nobody"}, "must be a valid email"),
        ({**TOOL, "invocation_id": "uuid-v4"}, "invocation_id"),
        ({**CI, "build_url": "not a uri"}, "run_url"),
        ({"event_family": "external_integration", "event_type": "weather"}, "carries no integration event"),
        (
            {"event_family": "intent", "event_type": "file_update", "payload": FILE},
            "carries no integration event",
        ),
        ({"event_family": 3, "event_type": ["x"], "payload": 1}, "carries no integration event"),
    ],
)
def test_what_is_not_valid_is_refused_in_one_sentence(value: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EventRejected, match=sentence) as caught:
        taken(value)
    assert str(caught.value).endswith(".")


@needs_official
def test_the_official_examples_are_understood() -> None:
    paths = sorted((FOLDER / "examples/integration").glob("*.json"))
    assert len(paths) == 4
    kinds = set()
    for path in paths:
        value = json.loads(path.read_text())
        value.pop("$comment", None)
        result = taken(value)
        kinds.add(result.envelope["event_type"])
        assert official_errors("events/mplp-event-core.schema.json", result.envelope) == []
    assert kinds == PAYLOAD_SCHEMAS.keys()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "success"}, "succeeded"),
        ({"status": "in_progress", "conclusion": None}, "running"),
        ({"status": "completed", "conclusion": "timed_out"}, "failed"),
        ({"conclusion": "cancelled"}, "cancelled"),
        ({"status": "failed", "conclusion": "success"}, "failed"),
    ],
)
def test_the_words_of_ci_services_are_understood(said: dict[str, Any], status: str) -> None:
    native = {"ci_provider": "github-actions", "pipeline_id": "build", "run_id": "42", **said}
    envelope = normalised(native, stamper=stamper(), source="github-actions").envelope
    assert envelope["payload"]["status"] == status


def test_a_job_that_is_completed_without_saying_how_is_refused() -> None:
    with pytest.raises(EventRejected, match="status"):
        normalised({**CI, "status": "completed"}, stamper=stamper(), source="jenkins")
