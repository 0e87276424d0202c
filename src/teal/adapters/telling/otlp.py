"""Exports traces by OTLP over HTTP, where OpenTelemetry's own variables say; the SDK is an extra."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from teal.core.telling.spans import Span, Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT = 5.0  # seconds


def export(traces: Iterable[Trace]) -> str:
    """Export *traces*; return why that failed, "" where it did not. No address is in a reason: it may hold a token."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        return "the SDK is not installed: pip install 'teal-deploy[otel]'"
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    spans = [_readable(trace, span, first=at == 0) for trace in traces for at, span in enumerate(trace.spans)]
    exporter = OTLPSpanExporter(timeout=_TIMEOUT)
    try:
        done = exporter.export(spans) is SpanExportResult.SUCCESS
    except (OSError, ValueError) as error:
        return type(error).__name__
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return "" if done else "the collector did not take it"


def _readable(trace: Trace, span: Span, *, first: bool) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    def context(id_: int, *, remote: bool = False) -> SpanContext:
        return SpanContext(trace.id, id_, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        span.name,
        context(span.id),
        parent=context(span.parent, remote=first) if span.parent else None,
        resource=Resource.create({"service.name": "teal"}),
        attributes=span.attributes,
        kind=SpanKind.SERVER if first else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
        start_time=round(span.start * 1e9),
        end_time=round(span.end * 1e9),
        instrumentation_scope=InstrumentationScope("teal"),
    )
