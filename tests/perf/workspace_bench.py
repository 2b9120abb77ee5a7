"""A project of 1,000 documents, alone and beside 50,000 JSON files that are not ours.

The clock starts when a plan is opened, right after `initialized`, and so counts what the server imports and
lists before it reads. "All documents known" is the moment when that plan is told that another document has
its id, which nobody can tell who has not read that other one; "nothing left to look into" the moment when a
plan is told that its context is nowhere, which takes every file whose name leaves open what it holds. All
the while, hovers are asked one after the other.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.perf.lsp_bench import Server
from tests.perf.plans import ROLES, SETTINGS, context_and_plan, new_id, text_of

PLANS = 200
STEPS = 100
FOREIGN_FILES = 50_000
LIMIT_S = 60.0
ASK_AGAIN_S = 0.02
"""Fifty times a second: a client that asks without a pause takes half of what it measures for itself."""
MOST_SWITCHED = 500
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def write_project(root: Path) -> None:
    """200 plans of 100 steps, of contexts, confirms, traces and roles 200 each, in folders of 5 plans."""
    source = random.Random("workspace")
    for number in range(PLANS):
        folder = root / f"part-{number // 5:03}"
        folder.mkdir(parents=True, exist_ok=True)
        context, plan = context_and_plan(STEPS, f"{number}")
        trace_id = new_id(source)
        documents: dict[str, dict[str, Any]] = {
            "context": context,
            "plan": plan,
            "confirm": {
                "meta": META,
                "confirm_id": new_id(source),
                "target_type": "plan",
                "target_id": plan["plan_id"],
                "status": "pending",
                "requested_by_role": ROLES[0],
                "requested_at": "2026-01-01T00:00:00Z",
            },
            "trace": {
                "meta": META,
                "trace_id": trace_id,
                "context_id": context["context_id"],
                "plan_id": plan["plan_id"],
                "root_span": {"trace_id": trace_id, "span_id": new_id(source)},
                "status": "pending",
            },
            "role": {
                "meta": META,
                "role_id": new_id(source),
                "name": ROLES[number] if number < len(ROLES) else f"helper-{number}",
            },
        }
        for kind, document in documents.items():
            (folder / f"{number:03}.{kind}.json").write_text(text_of(document), encoding="utf-8")
    # Whoever knows all documents knows that two of them have one id.
    last = root / f"part-{(PLANS - 1) // 5:03}"
    (last / "copy.plan.json").write_text((root / "part-000" / "000.plan.json").read_text(), encoding="utf-8")
    _, lost = context_and_plan(1, "lost")
    (last / "lost.plan.json").write_text(text_of(lost), encoding="utf-8")
    (root / "mplp.toml").write_text(SETTINGS, encoding="utf-8")


def write_foreign(root: Path) -> None:
    """Files as a program's data folder has them."""
    for number in range(FOREIGN_FILES):
        folder = root / "data" / f"{number // 500:03}"
        if not number % 500:
            folder.mkdir(parents=True)
        (folder / f"{number:05}.json").write_text(json.dumps({"id": number, "name": "thing", "steps": [1]}))


class Opened:
    """A server in the project, with one plan open."""

    def __init__(self, command: list[str], root: Path) -> None:
        self.root = root
        self.server = Server(command, root, pull=True, options={})
        self.hovers_s: list[float] = []
        began = time.perf_counter()
        self.plan = self.open(root / "part-000" / "000.plan.json")
        self.hover_s = self.hover()
        self.hovers_s.clear()
        self.until(self.plan, "document-id-duplicate")
        self.known_s = time.perf_counter() - began
        self.lost = self.open(root / f"part-{(PLANS - 1) // 5:03}" / "lost.plan.json")
        self.until(self.lost, "plan-context-unknown")
        self.looked_into_s = time.perf_counter() - began

    def hover(self) -> float:
        """Seconds that a hover at the open plan takes."""
        began = time.perf_counter()
        place = {"position": {"line": 5, "character": 4}}
        _, moment = self.server.request("textDocument/hover", {"textDocument": {"uri": self.plan}, **place})
        self.hovers_s.append(moment - began)
        return moment - began

    def hover_p95_s(self) -> float:
        """Of all hovers since the first."""
        return sorted(self.hovers_s)[round((len(self.hovers_s) - 1) * 0.95)]

    def open(self, path: Path) -> str:
        document = {"uri": path.as_uri(), "languageId": "json", "version": 1, "text": path.read_text()}
        self.server.notify("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def findings(self, uri: str) -> list[dict[str, Any]]:
        answer, _ = self.server.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        found: list[dict[str, Any]] = answer["items"]
        return found

    def until(self, uri: str, code: str) -> None:
        """Returns when a document has a finding of this code, for a client that asks again and again."""
        deadline = time.perf_counter() + LIMIT_S
        while all(one["code"] != code for one in self.findings(uri)):
            assert time.perf_counter() < deadline, f"{uri} has no {code}"
            self.hover()
            time.sleep(ASK_AGAIN_S)

    def cross_file_edit_s(self) -> float:
        """Another id for the context: its plan and its trace name one that nobody has, and are told so."""
        folder = self.root / "part-000"
        context = folder / "000.context.json"
        uri, trace = self.open(context), self.open(folder / "000.trace.json")
        lines = context.read_text().splitlines()
        line = next(number for number, one in enumerate(lines) if '"context_id"' in one)
        last = len(lines[line].rstrip(",")) - 2
        digit = "0" if lines[line][last] != "0" else "1"
        self.findings(trace)
        began = time.perf_counter()
        place = {"start": {"line": line, "character": last}, "end": {"line": line, "character": last + 1}}
        self.server.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": 2},
                "contentChanges": [{"range": place, "text": digit}],
            },
        )
        self.findings(uri)
        self.until(self.plan, "plan-context-unknown")
        self.until(trace, "context-unknown")
        return time.perf_counter() - began

    def branch_switch_s(self) -> float:
        """500 documents are written anew, as git does; among them the open plan's trace gets another plan."""
        folder = self.root / "part-000"
        trace = self.open(folder / "001.trace.json")
        plan = folder / "001.plan.json"
        paths = sorted(self.root.glob("part-*/*.json"))[:MOST_SWITCHED]
        self.hovers_s.clear()
        began = time.perf_counter()
        for path in paths:
            lines = path.read_text(encoding="utf-8").replace('"title": "', '"title": "Other ').splitlines()
            if path == plan:
                lines = [line.replace('"plan_id": "', '"plan_id": "f') for line in lines]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        changes = [{"uri": path.as_uri(), "type": 2} for path in paths]
        self.server.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        self.until(trace, "trace-plan-unknown")
        return time.perf_counter() - began

    def not_ours(self) -> int:
        """Documents with findings that no rule is for."""
        answer, _ = self.server.request("workspace/diagnostic", {"previousResultIds": []})
        return sum(1 for one in answer["items"] if "/data/" in one["uri"] and one.get("items"))


def run(command: list[str]) -> dict[str, float]:
    """Milliseconds by figure; memory in MiB."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="mplp-workspace-") as folder:
        root = Path(folder).resolve()
        write_project(root)
        alone = Opened(command, root)
        figures["all documents known"] = alone.known_s * 1000
        figures["first hover"] = alone.hover_s * 1000
        figures["hover while documents are read, p95"] = alone.hover_p95_s() * 1000
        figures["one edit: every affected document"] = alone.cross_file_edit_s() * 1000
        figures["500 documents changed at once: the affected one"] = alone.branch_switch_s() * 1000
        figures["longest hover meanwhile"] = max(alone.hovers_s) * 1000
        figures["memory"] = alone.server.memory_mib()
        alone.server.close()
        write_foreign(root)
        beside = Opened(command, root)
        figures["all documents known, 50,000 foreign files beside them"] = beside.known_s * 1000
        figures["nothing left to look into"] = beside.looked_into_s * 1000
        figures["hover while foreign files are looked into, p95"] = beside.hover_p95_s() * 1000
        figures["memory beside foreign files"] = beside.server.memory_mib()
        figures["documents with findings that are not ours"] = beside.not_ours()
        beside.server.close()
    return figures
