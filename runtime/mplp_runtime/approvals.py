"""Approvals of plans: Confirm documents beside the plan, and what they still cover (D14, D18)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mplp_runtime.approval_judgement import (
    ApprovalState,
    age_of,
    approval_of,
    is_about,
    step_approvals,
    target_of,
)
from mplp_runtime.approval_record import ApprovalRecord, is_valid
from mplp_runtime.approval_scope import ApprovalScope, approval_scope
from mplp_runtime.confirm_files import ConfirmFiles, Look
from mplp_runtime.errors import DocumentInvalid
from mplp_runtime.kinds import confirm_path
from mplp_runtime.orchestrator.bindings import resolved_bindings
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.schema import schema_findings
from mplp_runtime.settings import Settings
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.trace.files import write_atomically

__all__ = ["Approvals", "confirm_path"]

Document = dict[str, Any]


class Approvals:
    """Writes Confirm documents and tells what they are worth. Every decision is an act of a person."""

    def __init__(
        self,
        record: ApprovalRecord,
        *,
        clock: Clock,
        new_id: NewId,
        settings: Callable[[], Settings],
        files: ConfirmFiles,
        before_write: Callable[[], None],
    ) -> None:
        self._record = record
        self._clock = clock
        self._new_id = new_id
        self._settings = settings
        self._files = files
        self._before_write = before_write

    async def propose(
        self,
        plan_path: Path,
        plan: Mapping[str, Any],
        *,
        role: str = "human",
        reason: str = "",
        anywhere: bool = False,
    ) -> Path:
        """Asks for an approval: the Confirm is `pending` afterwards. Decisions that are there stay.

        With `anywhere` it gets a number in its name where its place is taken by something else. Raises
        DocumentInvalid where the plan is not valid, or the file is a Confirm of something else.
        """
        path = self._free_place(plan_path, plan) if anywhere else confirm_path(plan_path)
        confirm, now = await self._begin(path, plan)
        if confirm is None:
            confirm = self._fresh(plan, role, now)
        else:
            confirm["status"] = "pending"
            confirm["requested_by_role"] = role
            confirm["requested_at"] = now
            confirm.pop("reason", None)
        if reason:
            confirm["reason"] = reason
        await self._write(path, confirm, plan, "confirm_pending")
        return path

    async def approve(
        self, plan_path: Path, plan: Mapping[str, Any], *, reason: str = "", role: str = "human"
    ) -> Path:
        """Appends the decision `approved`, which covers this plan and today's bindings (D18).

        Raises DocumentInvalid as `propose` does.
        """
        return await self._decide(plan_path, plan, "approved", reason, role)

    async def reject(
        self, plan_path: Path, plan: Mapping[str, Any], *, reason: str, role: str = "human"
    ) -> Path:
        """Appends the decision `rejected`. Raises DocumentInvalid as `propose` does, and without a reason."""
        if not reason.strip():
            raise DocumentInvalid("A rejection needs a reason, so that the plan can be reworked.")
        return await self._decide(plan_path, plan, "rejected", reason, role)

    def state(
        self,
        plan_path: Path,
        plan: Mapping[str, Any],
        settings: Settings | None = None,
        *,
        confirms: Iterable[Any] | None = None,
        unreadable: Iterable[str] = (),
    ) -> ApprovalState:
        """How the plan stands by `confirms`; without them by the Confirms of the project, which are read.

        `unreadable` are files of which `confirms` has nothing. `path` of the answer is where the Confirm lies
        that the other methods write.
        """
        path = confirm_path(plan_path)
        if confirms is None:
            look = self._files.everywhere(path)
            confirms = look.values
            unreadable = [each.name for each in look.unreadable(plan["plan_id"], {path})]
        return approval_of(plan, confirms, settings or self._settings(), path=path, unreadable=unreadable)

    async def _decide(
        self, plan_path: Path, plan: Mapping[str, Any], word: str, reason: str, role: str
    ) -> Path:
        path = confirm_path(plan_path)
        confirm, now = await self._begin(path, plan)
        if confirm is None:
            confirm = self._fresh(plan, role, now)
        self._add_decision(confirm, word, reason, role, now)
        await self._write(path, confirm, plan, "confirm_resolved")
        return path

    async def decide_step(
        self, path: Path, plan: Mapping[str, Any], step_id: str, may_start: bool, reason: str = ""
    ) -> None:
        """Appends a person's decision to the Confirm at `path`, which is about a step of `plan`.

        One that somebody has decided meanwhile stays as it is. The graph knows of it in either case. Raises
        DocumentInvalid where the file is no valid Confirm of the step, OSError and StoreError.
        """
        # In a thread: somebody may be looking at all files of the project.
        look = await asyncio.to_thread(self._files.known)
        await asyncio.to_thread(self._before_write)
        confirm = self._files.read(path)
        known = step_approvals({step_id}, [confirm]).get(step_id)
        if confirm is None or known is None or not is_valid("confirm", confirm):
            raise DocumentInvalid(f"{path.name} is no valid Confirm of this step any more.")
        if known.word == "pending":
            others = [value for value in look.values if target_of(value) == step_id]
            now = _after([confirm, *others], self._clock())
            self._add_decision(confirm, "approved" if may_start else "rejected", reason, "human", now)
            self._save(path, confirm)

        await self._record.tell_of_step(confirm, plan, step_id)

    def _add_decision(self, confirm: Document, word: str, reason: str, role: str, now: str) -> None:
        decision: Document = {
            "decision_id": self._new_id(),
            "status": word,
            "decided_by_role": role,
            "decided_at": now,
        }
        if reason.strip():
            decision["reason"] = reason.strip()
        confirm["decisions"] = [*confirm.get("decisions", ()), decision]
        confirm["status"] = word

    def confirms(self, plan_paths: Iterable[Path] = ()) -> Look:
        """All Confirms of the project, and those beside the plans; every file is looked at."""
        return self._files.everywhere(*map(confirm_path, plan_paths))

    def _free_place(self, plan_path: Path, plan: Mapping[str, Any]) -> Path:
        beside = confirm_path(plan_path)
        stem, number, path = beside.name.removesuffix(".confirm.json"), 2, beside
        while True:
            with suppress(DocumentInvalid):
                self._known(path, plan)
                return path
            path, number = beside.with_name(f"{stem}.{number}.confirm.json"), number + 1

    async def _begin(self, path: Path, plan: Mapping[str, Any]) -> tuple[Document | None, str]:
        """The Confirm that is there, and an instant after all that was said about the plan.

        Between this and the next `await` nobody else here writes it.
        """
        _refuse_invalid("plan", plan)
        self._known(path, plan)
        # In a thread: the state may be locked.
        await asyncio.to_thread(self._before_write)
        about = [
            value
            for value in (await asyncio.to_thread(self._files.everywhere, path)).values
            if is_about(value, plan)
        ]
        await self._record.catch_up(plan, about)
        confirm = self._known(path, plan)
        return confirm, _after(about if confirm is None else [*about, confirm], self._clock())

    def _known(self, path: Path, plan: Mapping[str, Any]) -> Document | None:
        if not os.path.lexists(path):
            return None
        confirm = self._files.read(path)
        if confirm is None or not is_about(confirm, plan) or not is_valid("confirm", confirm):
            raise DocumentInvalid(
                f"{path.name} is there already and is not a valid approval of this plan. Move it away first."
            )
        return confirm

    def _fresh(self, plan: Mapping[str, Any], role: str, now: str) -> Document:
        return {
            "meta": {
                "protocol_version": "1.0.0",
                "schema_version": "1.0.0",
                "created_at": timestamp(self._clock()),
                "created_by": "mplp-lsp",
            },
            "confirm_id": self._new_id(),
            "target_type": "plan",
            "target_id": plan["plan_id"],
            "status": "pending",
            "requested_by_role": role,
            "requested_at": now,
            "decisions": [],
            "trace": {
                "trace_id": self._new_id(),
                "span_id": self._new_id(),
                "context_id": plan["context_id"],
            },
        }

    def _scope(self, plan: Mapping[str, Any]) -> ApprovalScope:
        return approval_scope(plan, resolved_bindings(plan, self._settings()))

    async def _write(self, path: Path, confirm: Document, plan: Mapping[str, Any], word: str) -> None:
        trace = confirm.setdefault("trace", {"trace_id": self._new_id(), "span_id": self._new_id()})
        trace["attributes"] = {**_mapping(trace.get("attributes")), **self._scope(plan).attributes()}
        self._save(path, confirm)
        await self._record.tell(confirm, plan, word)

    def _save(self, path: Path, confirm: Document) -> None:
        confirm["meta"] = {
            **confirm["meta"],
            "updated_at": timestamp(self._clock()),
            "updated_by": "mplp-lsp",
        }
        _refuse_invalid("confirm", confirm)
        # Through a link, which stays one.
        write_atomically(path.resolve(), [json.dumps(confirm, ensure_ascii=False, indent=2), "\n"])


def _after(confirms: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """`now`, or right after the newest of the Confirms: one dated by a clock ahead of ours is overruled."""
    told = datetime.fromisoformat(timestamp(now))
    latest = max((age_of(each) for each in confirms), default=None)
    if latest is not None and latest >= told:
        # At the end of time nothing is later.
        with suppress(OverflowError):
            told = latest.astimezone(UTC) + timedelta(milliseconds=1)
    return timestamp(told)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _refuse_invalid(kind: str, value: Mapping[str, Any]) -> None:
    errors = [finding for finding in schema_findings(kind, value) if finding.severity == Severity.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise DocumentInvalid(f"The {kind} is not valid: {errors[0].message}{more}")
