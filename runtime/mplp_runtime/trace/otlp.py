"""Spans on their way to a collector: OTLP over HTTP, with OpenTelemetry's own exporter (extra `otel`)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mplp_runtime.errors import MplpError
from mplp_runtime.trace.spans import Span
from mplp_runtime.version import runtime_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

DEFAULT_ENDPOINT = "http://127.0.0.1:4318/v1/traces"
SERVICE = "mplp-lsp"
_AT_ONCE = 512


class ExportFailed(MplpError):
    """A trace could not be sent; it is still in the project."""


def send(spans: Sequence[Span], *, endpoint: str = DEFAULT_ENDPOINT, timeout_s: float = 10.0) -> None:
    """Sends the spans and returns once the collector has taken them.

    Raises ExportFailed where nobody takes them, or where the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as problem:
        raise ExportFailed("Sending traces needs OpenTelemetry: pip install 'mplp-lsp[otel]'.") from problem
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=timeout_s)
    try:
        with _quiet():
            for first in range(0, len(spans), _AT_ONCE):
                batch = [_readable(span) for span in spans[first : first + _AT_ONCE]]
                if exporter.export(batch) is not SpanExportResult.SUCCESS:
                    raise ExportFailed(f"No collector at {shown_endpoint(endpoint)} takes the trace.")
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def shown_endpoint(endpoint: str) -> str:
    """An address as it may be shown: without the name and password that it may carry.

    >>> shown_endpoint("https://me:secret@example.com/v1/traces")
    'https://example.com/v1/traces'
    """
    return re.sub(r"(?<=//)[^/]*@", "", endpoint)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter logs each try with a traceback; what failed is said once, by us."""
    logger = logging.getLogger("opentelemetry")
    before, logger.disabled = logger.level, False
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _readable(span: Span) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    def context(span_id: int) -> SpanContext:
        return SpanContext(
            span.trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
        )

    return ReadableSpan(
        span.name,
        context(span.span_id),
        None if span.parent_id is None else context(span.parent_id),
        Resource.create({"service.name": SERVICE, "service.version": runtime_version()}),
        dict(span.attributes),
        kind=SpanKind.CLIENT if span.is_client else SpanKind.INTERNAL,
        status=Status(StatusCode.OK) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.started_ns,
        end_time=span.ended_ns,
        instrumentation_scope=InstrumentationScope(SERVICE, runtime_version()),
    )
