"""The four integration events: closed payloads, carried by an envelope that names their source."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Count, Email, Id, Integer, ProtocolObject, Text, Timestamp, Uri

RunStatus = Literal["pending", "running", "succeeded", "failed", "cancelled"]


class FileUpdateEvent(ProtocolObject):
    """A file was created, modified, deleted or renamed."""

    file_path: Text
    change_type: Literal["created", "modified", "deleted", "renamed"]
    workspace_root: str | None = None
    change_summary: str | None = None
    timestamp: Timestamp
    lines_added: Count | None = None
    lines_removed: Count | None = None
    previous_path: str | None = None
    encoding: str | None = None
    language: str | None = None


class GitEvent(ProtocolObject):
    """Something happened in a repository; `commit_id` is any text."""

    repo_url: Text
    commit_id: Text
    ref_name: Text
    event_kind: Literal["commit", "push", "merge", "tag", "branch_create", "branch_delete"]
    author_name: str | None = None
    author_email: Email | None = None
    commit_message: str | None = None
    timestamp: Timestamp
    files_changed: Count | None = None
    insertions: Count | None = None
    deletions: Count | None = None
    parent_commits: list[str] | None = None


class CiStage(ProtocolObject):
    """One stage of a CI run."""

    stage_name: str
    status: Literal["pending", "running", "succeeded", "failed", "cancelled", "skipped"]
    duration_ms: Count | None = None


class CiEvent(ProtocolObject):
    """A CI run changed its status; it has no `timestamp`."""

    ci_provider: Text
    pipeline_id: Text
    run_id: Text
    status: RunStatus
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    branch_name: str | None = None
    commit_id: str | None = None
    run_url: Uri | None = None
    duration_ms: Count | None = None
    stages: list[CiStage] | None = None
    trigger_kind: Literal["push", "pull_request", "schedule", "manual", "tag", "other"] | None = None


class ToolEvent(ProtocolObject):
    """A tool was run; it has no duration and no list of files."""

    tool_id: Text
    tool_kind: Literal["formatter", "linter", "test_runner", "generator", "other"]
    invocation_id: Id
    status: RunStatus
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    exit_code: Integer | None = None
    output_summary: str | None = None
    args: list[str] | None = None
    working_directory: str | None = None
