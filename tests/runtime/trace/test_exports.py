"""A run for other tools: OpenTelemetry spans for a real collector's wire format, and evidence files."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from mplp_runtime.events.validate import PAYLOAD_SCHEMAS, event_errors
from mplp_runtime.rules.validators import validator_for
from mplp_runtime.trace.evidence import EVIDENCE, write_evidence
from mplp_runtime.trace.otlp import ExportFailed, send
from mplp_runtime.trace.spans import spans_of
from tests.runtime.ael.model_server import chunk, model_server, sends
from tests.runtime.orchestrator.projects import (
    Project,
    plan,
    role,
    step,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.samples import uuid


def segment(number: int, status: str, step_id: str, begin: int, **attributes: Any) -> dict[str, Any]:
    return {
        "segment_id": uuid(number),
        "label": "Build",
        "status": status,
        "started_at": f"2026-01-01T00:00:{begin:02}.000Z",
        "finished_at": f"2026-01-01T00:00:{begin + 1:02}.500Z",
        "attributes": {"step_id": step_id, "agent_role": "builder", "action": "tool_call", **attributes},
    }


def trace(*segments: dict[str, Any], status: str = "completed", **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": uuid(1),
        "context_id": uuid(2),
        "plan_id": uuid(3),
        "root_span": {
            "trace_id": uuid(1),
            "span_id": uuid(4),
            "attributes": {"plan_title": "Release", "run_id": uuid(5), **attributes},
        },
        "status": status,
        "started_at": "2026-01-01T00:00:00.000Z",
        "finished_at": "2026-01-01T00:01:00.000Z",
        "segments": list(segments),
    }


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector that speaks OTLP over HTTP on loopback; its address, and what it was sent."""
    taken: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            taken.append(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sent_spans(taken: list[ExportTraceServiceRequest]) -> dict[str, Any]:
    return {
        span.name: span
        for request in taken
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def attributes_of(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}


def test_a_plan_its_steps_and_their_attempts_are_spans_within_each_other() -> None:
    failed = segment(10, "failed", uuid(6), 1, attempt=1, error="exit code 1")
    again = segment(11, "completed", uuid(6), 5, attempt=2)
    root, one_step, first, second = spans_of(trace(failed, again))
    assert [span.name for span in (root, one_step, first)] == [
        "invoke_workflow Release",
        "step Build",
        "execute_tool builder",
    ]
    assert [span.parent_id for span in (root, one_step, first, second)] == [
        None,
        root.span_id,
        one_step.span_id,
        one_step.span_id,
    ]
    assert (one_step.started_ns, one_step.ended_ns) == (first.started_ns, second.ended_ns)
    assert first.ended_ns - first.started_ns == 1_500_000_000
    assert (first.error, one_step.error, one_step.attributes["mplp.step.attempts"]) == (
        "exit code 1",
        None,
        2,
    )
    assert len({span.span_id for span in (root, one_step, first, second)}) == 4


def test_a_call_of_a_model_says_which_model_and_how_many_tokens_its_attempt_took() -> None:
    asked = segment(10, "completed", uuid(6), 1, attempt=2, action="llm_call")
    spent = {"step_id": uuid(6), "attempt": 2, "model": "small", "prompt_tokens": 7, "completion_tokens": 9}
    [*_, call] = spans_of(trace(asked), [{"event_family": "cost_budget", "payload": spent}])
    assert (call.name, call.is_client) == ("chat small", True)
    assert call.attributes["gen_ai.usage.input_tokens"] == 7
    assert call.attributes["gen_ai.usage.output_tokens"] == 9
    assert call.attributes["gen_ai.request.model"] == "small"


def test_a_span_names_the_tool_or_the_model_that_was_used_and_what_kind_of_error_it_was() -> None:
    tool = segment(
        10, "failed", uuid(6), 1, tool="pytest", error="Ended.", error_type="exit_code", retry_count=2
    )
    model = segment(11, "failed", uuid(7), 3, action="llm_call", model="small")
    [root, tool_step, tool_call, _, model_call] = spans_of(trace(tool, model, status="failed"))
    assert (tool_call.name, model_call.name) == ("execute_tool pytest", "chat small")
    assert tool_call.attributes["gen_ai.tool.name"] == "pytest"
    assert tool_call.attributes["mplp.step.role"] == "builder"
    assert tool_call.attributes["mplp.step.retry_count"] == 2
    assert model_call.attributes["gen_ai.request.model"] == "small"
    kinds = [span.attributes["error.type"] for span in (root, tool_step, tool_call, model_call)]
    assert kinds == ["failed", "exit_code", "exit_code", "failed"]


def test_what_has_not_ended_ends_where_the_trace_is_now() -> None:
    running = segment(10, "running", uuid(6), 1)
    del running["finished_at"]
    open_trace = trace(running, segment(11, "completed", uuid(7), 7), status="running")
    del open_trace["finished_at"]
    spans = spans_of(open_trace)
    assert all(span.ended_ns >= span.started_ns for span in spans)
    assert spans[0].ended_ns == max(span.ended_ns for span in spans)


def test_a_collector_gets_the_spans_as_opentelemetry_writes_them() -> None:
    spans = spans_of(
        trace(segment(10, "failed", uuid(6), 1, error="exit code 1"), status="failed", error="no")
    )
    with collector() as (endpoint, taken):
        send(spans, endpoint=endpoint)
    found = sent_spans(taken)
    assert found.keys() == {"invoke_workflow Release", "step Build", "execute_tool builder"}
    call, root = found["execute_tool builder"], found["invoke_workflow Release"]
    assert root.trace_id.hex() == uuid(1).replace("-", "")
    assert call.parent_span_id == found["step Build"].span_id
    assert (call.status.code, call.status.message) == (2, "exit code 1")
    assert attributes_of(call)["gen_ai.tool.name"] == "builder"
    assert attributes_of(root)["mplp.plan.id"] == uuid(3)
    resource = taken[0].resource_spans[0].resource
    assert attributes_of(resource)["service.name"] == "mplp-lsp"


def test_a_long_trace_is_sent_in_parts_and_whole() -> None:
    segments = [segment(100 + number, "completed", uuid(5_000 + number), 1) for number in range(600)]
    with collector() as (endpoint, taken):
        send(spans_of(trace(*segments)), endpoint=endpoint)
    assert len(taken) == 3
    count = sum(len(scope.spans) for each in taken for r in each.resource_spans for scope in r.scope_spans)
    assert count == 1 + 2 * 600


def test_a_collector_that_refuses_is_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    with collector(status=400) as (endpoint, _), pytest.raises(ExportFailed, match="takes the trace"):
        send(spans_of(trace()), endpoint=endpoint)
    assert caplog.records == []


async def test_the_spans_of_a_real_run_name_the_program_and_the_model_though_no_tokens_were_told(
    tmp_path: Path,
) -> None:
    toml = role("worker", "import sys; sys.exit(3)", retries=1)
    project = Project(
        tmp_path,
        plan(step("a"), step("b", role="writer")),
        toml + '[run]\non_failure="continue-independent"\n',
    )
    choice = {"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}
    text = f"data: {json.dumps(chunk([choice]))}\n\ndata: [DONE]\n\n"
    async with model_server(sends(text)) as server:
        model = {"base_url": server.base_url, "model": "small", "prompt": "p"}
        toml = project.toml + table("roles.writer", action="llm_call", **model)
        (tmp_path / "mplp.toml").write_text(toml)
        view = await project.run()
    document = trace_of(tmp_path, view)
    failed = [each["attributes"] for each in document["segments"] if each["label"] == "a"]
    assert [(each["error_type"], each["retry_count"]) for each in failed] == [
        ("exit_code", 0),
        ("exit_code", 1),
    ]
    (answered,) = [each["attributes"] for each in document["segments"] if each["label"] == "b"]
    assert answered["model"] == "small"
    assert answered.keys().isdisjoint({"error_type", "retry_count", "tool"})
    assert {span.name for span in spans_of(document, timeline_of(tmp_path, view))} >= {
        f"execute_tool {Path(sys.executable).name}",
        "chat small",
    }


async def test_the_evidence_of_a_real_run_fits_the_frozen_schemas(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    view = await project.run()
    assert view.trace_path is not None
    assert view.timeline_path is not None
    events = [json.loads(line) for line in (tmp_path / view.timeline_path).read_text().splitlines()]
    text = (tmp_path / view.trace_path).read_text()
    counts = write_evidence(tmp_path / "evidence", text, events)
    assert counts.keys() == EVIDENCE.keys()
    assert counts["sa-events.ndjson"] > 5
    assert counts["execution.ndjson"] >= 2
    assert counts["tool-events.ndjson"] == 2
    assert (tmp_path / "evidence/trace.json").read_text() == text
    for name in ("execution.ndjson", "sa-events.ndjson"):
        for line in (tmp_path / "evidence" / name).read_text().splitlines():
            assert event_errors(json.loads(line)) == []
    for line in (tmp_path / "evidence/tool-events.ndjson").read_text().splitlines():
        assert validator_for(PAYLOAD_SCHEMAS["tool_execution"])(json.loads(line)) == []


def test_the_password_of_a_collector_is_not_shown() -> None:
    spans = spans_of(trace(segment(1, "completed", uuid(9), 1)))
    with collector(status=400) as (address, _), pytest.raises(ExportFailed) as failed:
        send(spans, endpoint=address.replace("http://", "http://me:geheim@"))
    assert "geheim" not in str(failed.value)
