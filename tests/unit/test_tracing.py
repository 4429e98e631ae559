"""When spans are made, and what may be told of a call in them."""

from __future__ import annotations

import pytest

from connectors.quickbooks.transport import Call
from connectors.tracing import exporting, is_wanted, span
from models.errors import UsageError

HERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{HERE}/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        # figures alone
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": HERE}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "false"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "console"}, False),
        # nowhere to
        ({"OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_the_environment_switches_traces_on_and_off(
    environment: dict[str, str], *, wanted: bool
) -> None:
    assert is_wanted(environment) is wanted


def test_a_span_that_nobody_wants_says_nothing() -> None:
    with span("cycle", flow="sync") as current:
        current.tell(created=1)
        current.failed("RejectedError", code="fault_2050")
        assert current.trace_id == ""


def test_a_variable_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", HERE)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(UsageError, match=r"OTEL_\* variables cannot be used.*queue"), exporting():
        pass


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("invoice", "invoice"),
        ("invoice/1042", "invoice/{id}"),
        ("companyinfo/9130357849012345", "companyinfo/{id}"),
        ("download/5/more", "download/{id}"),
        # a report's name is one of a few
        ("reports/ProfitAndLoss", "reports/ProfitAndLoss"),
        ("query", "query"),
    ],
)
def test_a_path_is_told_without_ids(path: str, template: str) -> None:
    assert Call("read", "GET", path).template == template
