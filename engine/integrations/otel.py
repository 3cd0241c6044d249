"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, with the standard variables as its settings."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from engine.core.traces import Span
from jobfile import __version__

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class SpanSender:
    """Sends spans in the calling thread, which may take as long as OTEL_EXPORTER_OTLP_TIMEOUT says."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        """`exporter` is another receiver, for tests."""
        # The library logs each failure with the address, which may be a secret; the engine reports it itself.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = exporter or OTLPSpanExporter()
        self._resource = Resource.create({SERVICE_NAME: "jobfile", SERVICE_VERSION: __version__})
        self._scope = InstrumentationScope("jobfile", __version__)

    def send(self, spans: Sequence[Span]) -> bool:
        """Send spans; whether the collector has taken them."""
        found = [self._readable(span) for span in spans]
        return self._exporter.export(found) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.id),
            parent=_context(span.trace_id, span.parent) if span.parent else None,
            resource=self._resource,
            attributes=dict(span.attributes),
            kind=SpanKind.INTERNAL,
            status=_status(span),
            start_time=_nanoseconds(span.start),
            end_time=_nanoseconds(span.end),
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))


def _status(span: Span) -> Status:
    if span.is_good is None:
        return Status(StatusCode.UNSET)
    return Status(StatusCode.OK) if span.is_good else Status(StatusCode.ERROR, span.error or None)


def _nanoseconds(at: datetime) -> int:
    return (at - _BEGINNING) // _MICROSECOND * 1_000
