"""Traces: spans for OpenTelemetry, exported where the environment names a collector.

    with exporting():
        with span("cycle", flow="sync") as current: ...

Only the standard variables count: OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) switches it
on, OTEL_SDK_DISABLED and OTEL_TRACES_EXPORTER=none off; time-outs, headers, sampling and queues are
the SDK's own. Where it is off nothing of OpenTelemetry is loaded and a span costs a look at a
context variable.

The provider is our own, not the process's: what Prefect or a library would add to a trace, such as
the words of an exception, has not been cleaned of secrets.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from connectors import log_fields
from connectors.quickbooks.scrub import without_hidden
from models.errors import UsageError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer

#: What attributes of our own begin with; others have the names of OpenTelemetry's conventions.
PREFIX: Final = "quickbooks_sync"
SERVICE: Final = "quickbooks-sync"
#: Characters of one attribute.
CHARACTERS_MAX: Final = 200

_WHERE: Final = frozenset({"connection", "run", "record_type", "record"})
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


class Watched:
    """A span while it lasts; says nothing where nobody listens."""

    def __init__(self, span: Span | None) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        """By which a collector finds the trace, 32 hexadecimal digits; "" where there is none."""
        return f"{self._span.get_span_context().trace_id:032x}" if self._span else ""

    def tell(self, **facts: str | int) -> None:
        """Add facts of our own; empty ones are left out."""
        self.tell_as({f"{PREFIX}.{name}": value for name, value in facts.items()})

    def tell_as(self, facts: Mapping[str, str | int]) -> None:
        """Add facts under the names of OpenTelemetry's conventions."""
        if self._span is None:
            return
        for name, value in facts.items():
            if value != "":
                self._span.set_attribute(name, _clean(value))

    def failed(self, kind: str, **facts: str | int) -> None:
        """It failed, with this class of error; its words are in the log and the audit trail."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.set_status(StatusCode.ERROR, kind)
        self.tell_as({"error.type": kind})
        self.tell(**facts)


_NOBODY: Final = Watched(None)


@contextmanager
def span(name: str, *, is_call: bool = False, **facts: str | int) -> Iterator[Watched]:
    """What happens inside is one span, with what is known there (`log_fields`) and these facts.

    An error that passes through is noted by its class. is_call: another system is asked.
    """
    tracer = _TRACER.get()
    if tracer is None:
        yield _NOBODY
        return
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if is_call else SpanKind.INTERNAL
    with tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False
    ) as made:
        watched = Watched(made)
        # the last call is another one
        where = {name: value for name, value in log_fields.fields().items() if name in _WHERE}
        watched.tell(**{**where, **facts})
        try:
            yield watched
        except BaseException as error:
            watched.failed(type(error).__name__)
            raise


@contextmanager
def exporting(processor: SpanProcessor | None = None) -> Iterator[None]:
    """Export the spans made inside, where the environment wants it; what is left goes at the end.

    processor: takes the spans instead of a collector.

    Raises:
        UsageError: a variable that the SDK cannot use.
    """
    if _TRACER.get() is not None or not (processor or is_wanted(os.environ)):
        yield
        return
    from opentelemetry.sdk.trace import TracerProvider

    processor = processor or _to_collector()
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    token = _TRACER.set(provider.get_tracer(SERVICE))
    try:
        yield
    finally:
        _TRACER.reset(token)
        # bounded: each batch by the exporter's time-out (10 s), all of it by the processor's (30 s)
        provider.shutdown()


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether these variables ask for traces, as OpenTelemetry's specification reads them."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    named = any(environment.get(name, "").strip() for name in _ENDPOINTS)
    return named and not is_off and exporter in ("", "otlp")


def _to_collector() -> SpanProcessor:
    """What sends spans in batches; OTEL_EXPORTER_OTLP_* and OTEL_BSP_* say how."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    try:
        return BatchSpanProcessor(OTLPSpanExporter())
    except ValueError as error:
        raise UsageError(f"the OTEL_* variables cannot be used: {error}") from error


def _resource() -> Resource:
    """Who sends the spans: as the environment says, or by our own name."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: SERVICE}))
    return found


def _clean(value: str | int) -> str | int:
    if isinstance(value, int):
        return value
    return shorten(without_hidden(value), characters_max=CHARACTERS_MAX)
