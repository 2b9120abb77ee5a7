"""Words for statuses and keys that guides and other tools use, and the protocol's word for each.

The protocol's own documents disagree among themselves; these are the spellings found there, besides
everyday ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from mplp_runtime.rules.words import distance, nearest, snake_case

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "active": ("in_progress", "running", "enabled"),
    "running": ("in_progress", "active"),
    "executing": ("in_progress", "running"),
    "started": ("in_progress", "running", "active"),
    "in_progress": ("running", "active"),
    "doing": ("in_progress", "running"),
    "ready": ("proposed", "pending"),
    "draft": ("pending", "registered"),
    "enabled": ("active",),
    "disabled": ("inactive", "suspended"),
    "archive": ("archived",),
    "close": ("closed",),
    "pending_approval": ("proposed", "pending"),
    "todo": ("pending",),
    "open": ("pending", "active"),
    "new": ("draft", "pending"),
    "queued": ("pending",),
    "waiting": ("pending", "blocked"),
    "confirmed": ("approved",),
    "accepted": ("approved",),
    "approve": ("approved",),
    "reject": ("rejected",),
    "declined": ("rejected",),
    "denied": ("rejected",),
    "override": ("approved",),
    "done": ("completed", "succeeded"),
    "finished": ("completed", "succeeded"),
    "complete": ("completed",),
    "success": ("succeeded", "completed", "success"),
    "succeeded": ("completed",),
    "completed": ("succeeded",),
    "ok": ("completed", "succeeded"),
    "passed": ("succeeded", "completed"),
    "cron": ("schedule",),
    "scheduled": ("schedule",),
    "pr": ("pull_request",),
    "merge_request": ("pull_request",),
    "error": ("failed",),
    "failure": ("failed",),
    "aborted": ("cancelled", "failed"),
    "canceled": ("cancelled", "skipped"),
    "cancelled": ("skipped", "failed"),
    "cancel": ("cancelled", "skipped"),
    "abort": ("cancelled", "failed"),
    "inprogress": ("in_progress", "running"),
    "wip": ("in_progress", "running"),
    "ongoing": ("in_progress", "running"),
    "skip": ("skipped",),
    "ignored": ("skipped",),
    "fail": ("failed",),
    "planned": ("pending", "draft"),
    "review": ("proposed", "pending"),
    "ended": ("completed", "closed"),
    "inactive": ("suspended", "archived"),
    "star": ("hub_spoke",),
    "human": ("user",),
    "test": ("test_runner",),
    "lint": ("linter",),
    "format": ("formatter",),
    "stopped": ("cancelled", "closed", "suspended"),
    "paused": ("suspended",),
    "suspended": ("paused",),
    "user": ("human",),
    "person": ("human",),
    "bot": ("agent",),
    "added": ("created",),
    "changed": ("modified",),
    "updated": ("modified",),
    "removed": ("deleted",),
    "moved": ("renamed",),
}


def meant_option(word: str, allowed: Sequence[str]) -> str | None:
    """The allowed word that `word` stands for: by spelling first, then by meaning; None if unclear."""
    near = nearest(word, allowed)
    if near is not None:
        return near
    spelled = snake_case(word)
    shorter = spelled.removesuffix("_event")
    if shorter != spelled and shorter in allowed:
        return shorter
    return next((meant for meant in _SYNONYMS.get(spelled, ()) if meant in allowed), None)


_KEY_SYNONYMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("depends_on", "depends", "needs", "requires", "deps", "after", "blocked_by", "waits_for"),
            *("prerequisites", "predecessors", "requirements"),
        ),
        ("dependencies",),
    ),
    **dict.fromkeys(
        ("assignee", "assigned_to", "agent", "owner", "role", "responsible", "executor", "worker"),
        ("agent_role", "owner_role", "role_id", "executor_role"),
    ),
    **dict.fromkeys(("goal", "goals", "purpose", "aim", "target"), ("objective", "purpose")),
    **dict.fromkeys(("time", "ts", "datetime", "date", "at", "when"), ("timestamp",)),
    **dict.fromkeys(("parent", "parent_id"), ("parent_span_id", "parent_segment_id")),
    **dict.fromkeys(("payload", "detail", "details", "body"), ("data", "payload")),
    **dict.fromkeys(("index", "position", "sequence", "number", "step_number"), ("order_index",)),
    **dict.fromkeys(("tasks", "stages", "items", "actions"), ("steps",)),
    **dict.fromkeys(("text", "message", "summary", "instruction"), ("description", "content", "summary")),
    **dict.fromkeys(("end", "ended_at", "end_time"), ("finished_at", "completed_at", "ended_at")),
    **dict.fromkeys(("finished_at", "completed_at"), ("completed_at", "finished_at", "ended_at")),
    **dict.fromkeys(("start", "start_time"), ("started_at",)),
    **dict.fromkeys(("agents", "members", "team"), ("participants",)),
    "enabled": ("status",),
    "session_id": ("collab_id",),
    "plan_id": ("pipeline_id",),
    "step_id": ("stage_id",),
    "data": ("payload",),
    "name": ("title", "module_id", "description"),
    "title": ("name", "description"),
    "label": ("title", "name", "description"),
    "description": ("objective", "summary", "purpose"),
    "task": ("description",),
    "state": ("status",),
    "version": ("protocol_version",),
    "type": ("event_type", "kind", "mode"),
    "kind": ("module", "event_kind", "tool_kind"),
    "metadata": ("meta",),
    "author": ("created_by", "author_name"),
    "env": ("environment",),
    "lang": ("language",),
    "old_path": ("previous_path",),
    "path": ("file_path",),
    "trigger_event": ("trigger_kind",),
    "trigger": ("trigger_kind",),
    "commit_sha": ("commit_id",),
    "commit": ("commit_id",),
    "sha": ("commit_id",),
    "branch": ("branch_name", "ref_name"),
    "ref": ("ref_name",),
    "repository": ("repo_url",),
    "repo": ("repo_url",),
    "build_url": ("run_url",),
    "url": ("run_url", "repo_url"),
    "output": ("output_summary",),
    "arguments": ("args",),
    "cwd": ("working_directory",),
    "family": ("event_family", "sample_family"),
    "component": ("source",),
    "created": ("created_at",),
    "updated": ("updated_at",),
    "events_log": ("events",),
}


def meant_property(key: str, free: Sequence[str]) -> str | None:
    """The key among `free` (those the object still lacks) that `key` stands for; None if unclear.

    By spelling first, then by meaning, then as the beginning or end of exactly one of them (`order` for
    `order_index`).
    """
    near = nearest(key, free)
    word = snake_case(key)
    meant = next((name for name in _KEY_SYNONYMS.get(word, ()) if name in free), None)
    # `agents` is a word of its own, though `events` is spelt nearly like it.
    if near is not None and (meant is None or distance(word, near, 1) <= 1):
        return near
    if meant is not None:
        return meant
    parts = [name for name in free if name.startswith(f"{word}_") or name.endswith(f"_{word}")]
    return parts[0] if len(parts) == 1 and word else None
