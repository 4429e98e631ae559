"""Figures for Prometheus: how far each company is behind, what waits, and what it costs.

Each scrape asks the database; nothing is kept in memory, so any number of these may run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.state.figures import Figures, figures
from tasks.bootstrap import Installation
from tasks.dispatch import forecast_of

PREFIX: Final = "quickbooks_sync"
#: Metrics of each company: name, meaning, and how it is read.
_SIMPLE: Final = (
    ("up", "1 where the company is connected and is synced.", lambda each, _: each.is_connected),
    (
        "lag_seconds",
        "Seconds since the last cycle that got through, or since the company was connected.",
        lambda each, now: _age(each.synced_at or each.connected_at, now),
    ),
    (
        "overdue_seconds",
        "Seconds by which the company's next cycle is late.",
        lambda each, now: _age(each.due_at, now) if each.is_connected else 0,
    ),
    (
        "parked_oldest_seconds",
        "Age of the oldest record that is set aside.",
        lambda each, now: _age(each.parked_since, now),
    ),
    (
        "conflicts_waiting",
        "Conflicts that wait for a person.",
        lambda each, _: each.conflicts,
    ),
    (
        "writes_unsettled",
        "Writes to QuickBooks whose outcome is not known yet.",
        lambda each, _: each.writes,
    ),
    (
        "writes_unsettled_oldest_seconds",
        "Age of the oldest write whose outcome is not known yet.",
        lambda each, now: _age(each.writes_since, now),
    ),
    (
        "metered_calls_this_month",
        "Metered calls of QuickBooks since the month began.",
        lambda each, _: each.metered,
    ),
)


class SyncCollector(Collector):
    """Reads all figures when it is asked."""

    def __init__(self, place: Installation) -> None:
        self._place = place

    def collect(self) -> Iterable[Metric]:
        """Every metric, with a line per company."""
        now = self._place.clock.now()
        found = figures(self._place.engine, f"{now:%Y-%m}")
        for name, meaning, value in _SIMPLE:
            family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["connection"])
            for each in found:
                family.add_metric([each.name], value(each, now))
            yield family
        yield _by("parked_records", "Records set aside, by reason.", "code", found)
        yield _by("alerts_open", "Open alerts, by cause.", "cause", found)
        yield from self._month()

    def _month(self) -> Iterable[Metric]:
        made = forecast_of(self._place)
        expected = "Metered calls of the whole month, as it will be."
        yield GaugeMetricFamily(f"{PREFIX}_metered_calls_expected", expected, value=made.total)
        if made.budget is not None:
            allowed = "Metered calls of the month that are allowed."
            yield GaugeMetricFamily(f"{PREFIX}_metered_calls_budget", allowed, value=made.budget)
        slowed = "By how many percent intervals are longer than chosen, to stay in the budget."
        percent = round(made.stretch * 100) - 100
        yield GaugeMetricFamily(f"{PREFIX}_slowed_down_percent", slowed, value=percent)


def registry_of(place: Installation) -> CollectorRegistry:
    """A registry with our figures and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SyncCollector(place))
    return registry


def _by(name: str, meaning: str, label: str, found: Iterable[Figures]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=["connection", label])
    for each in found:
        counts = each.parked if label == "code" else each.alerts
        for key, count in counts.items():
            family.add_metric([each.name, key], count)
    return family


def _age(since: datetime | None, now: datetime) -> int:
    """Whole seconds since an instant; 0 where it is to come, or there is none."""
    return max(0, int((now - since).total_seconds())) if since is not None else 0
