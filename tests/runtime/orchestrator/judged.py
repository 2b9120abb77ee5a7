"""What runs put out, judged by the schemas and by all rules of the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mplp_schemas
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.rules.invariants import can_check, evaluate
from mplp_runtime.runtime import Runtime
from mplp_schemas.invariant import Invariant
from tests.runtime.orchestrator.projects import errors

PAYLOADS = {
    "file_update": "file_update_event",
    "git_operation": "git_event",
    "ci_pipeline": "ci_event",
    "tool_execution": "tool_event",
}
"""The type of an integration event, and the scope of the rules about its payload."""


class Judge:
    """`faults` are what is wrong with all that was seen; `evaluated` the ids of the rules that were asked."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.evaluated: set[str] = set()

    def see_run(self, runtime: Runtime, view: RunView, others: Mapping[str, Any]) -> None:
        """Everything that is there after a run. `others`: the Collab that it ran with, if any."""
        trace = runtime.trace(view.run_id)
        plan = runtime.documents.read("plan", view.plan_id)
        context = runtime.documents.read("context", str(trace["context_id"]))
        for kind, value in (("trace", trace), ("plan", plan), ("context", context)):
            self.faults += [f"{kind}: {fault}" for fault in errors(kind, value)]
        told = [event for event in runtime.timeline(view.run_id) if event["event_type"].startswith("MAP")]
        session = {"events": told} if told else {}
        self._ask({"trace": trace, "plan": plan, "context": context, **others, **session})
        for stored in runtime.vsl.read(lambda reading: reading.events()):
            self._see_event(dict(stored.event))

    def see_files(self, root: Path, view: RunView) -> None:
        """The trace, timelines and samples on disk."""
        assert view.trace_path is not None
        assert view.timeline_path is not None
        trace = json.loads((root / view.trace_path).read_text(encoding="utf-8"))
        self.faults += [f"trace on disk: {fault}" for fault in errors("trace", trace)]
        for path in (root / view.timeline_path, root / ".mplp" / "timeline.events.ndjson"):
            for event in _lines(path):
                self._see_event(event)
        for sample in _lines(root / ".mplp" / "learning" / "samples.ndjson"):
            self.faults += [f"sample: {fault}" for fault in errors("sample", sample)]
            self._ask({"learning_sample": sample})

    def _see_event(self, event: dict[str, Any]) -> None:
        self.faults += [f"{event.get('event_type')}: {fault}" for fault in errors("event", event)]
        if "event_family" in event:
            self._ask({"event": event})
        if scope := PAYLOADS.get(str(event["event_type"])):
            self._ask({scope: event["payload"]})

    def _ask(self, objects: Mapping[str, Any]) -> None:
        for rule in mplp_schemas.invariants():
            if rule.scope in objects and can_check(rule, objects) and _is_about(rule, objects[rule.scope]):
                self.evaluated.add(rule.id)
                self.faults += [f"{rule.id}: {found.reason}" for found in evaluate(rule, objects)]


def _is_about(rule: Invariant, value: Mapping[str, Any]) -> bool:
    """Whether the rule's own condition holds: of other families of events and samples it says nothing."""
    return rule.when.field is None or value.get(rule.when.field) == rule.when.equals


def _lines(path: Path) -> list[Any]:
    # Not `splitlines`, which also splits at characters that stand inside of texts.
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n") if line]
