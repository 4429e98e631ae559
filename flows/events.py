"""Events that automations can act on, under names of our own.

quickbooks-sync.cycle.finished     something was written or set aside
quickbooks-sync.cycle.stopped      a brake, a permission that ended, or a failure stopped a company
quickbooks-sync.record.parked      a record was set aside
quickbooks-sync.conflict.waiting   a conflict waits for a person
quickbooks-sync.conflict.decided   the policy has decided one
quickbooks-sync.conflict.resolved  a person has decided one

The resource of each is its company, quickbooks-sync.connection.NUMBER; `page` is the address of
what a person should look at, where QBSYNC_DASHBOARD_URL says where the pages are. Events are a
notice, not the record of what happened: Prefect may lose some; the audit log has everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prefect.events import emit_event

from connectors.state.port import Connection
from models.errors import shorten
from tasks.report import Report

PREFIX: Final = "quickbooks-sync"
#: Events of one kind in one cycle; more have one cause, and `cycle.finished` has their number.
EVENTS_MAX: Final = 20
#: Characters of one text in an event.
CHARACTERS_MAX: Final = 500


@dataclass(frozen=True)
class Company:
    """Of a connection what an event names."""

    id: int
    name: str

    @classmethod
    def of(cls, connection: Connection) -> Company:
        """The same of a connection that was read."""
        return cls(connection.id, connection.name)


def tell(name: str, company: Company, facts: Mapping[str, Any], page: str) -> None:
    """Emit one event about a company, with the page on which a person sees more of it."""
    resource = {
        "prefect.resource.id": f"{PREFIX}.connection.{company.id}",
        "prefect.resource.name": company.name,
    }
    shown = {key: _short(value) for key, value in facts.items()}
    payload = {"connection": company.name, **shown, "page": page}
    emit_event(event=f"{PREFIX}.{name}", resource=resource, payload=payload)


def tell_finished(
    company: Company,
    report: Report,
    conflicts: Iterable[Mapping[str, Any]],
    pages_url: str,
) -> None:
    """What a cycle that got through has to tell; nothing where both sides agreed already."""
    some = list(conflicts)
    if not (report.moved or report.parked or some):
        return
    for parked in report.parked[:EVENTS_MAX]:
        tell("record.parked", company, parked, page_url(pages_url, f"records/{parked['link']}"))
    for row in some[:EVENTS_MAX]:
        kind = "waiting" if row["state"] == "review" else "decided"
        page = "conflicts" if kind == "waiting" else f"records/{row['link']}"
        tell(f"conflict.{kind}", company, _of_conflict(row), page_url(pages_url, page))
    counts = {
        "written": report.moved,
        "parked": len(report.parked),
        "parked_open": report.parked_open,
        "conflicts": len(some),
        "metered_calls": report.metered,
        "run": report.run_ids[0] if report.run_ids else "",
    }
    tell("cycle.finished", company, counts, pages_url)


def tell_stopped(company: Company, reason: str, message: str, pages_url: str) -> None:
    """A company's cycle did not get through."""
    fix = "The company's alert says what to do: quickbooks-sync status."
    facts = {"reason": reason, "message": message, "fix": fix}
    tell("cycle.stopped", company, facts, page_url(pages_url, "alerts"))


def page_url(pages_url: str, page: str) -> str:
    """Address of a company's page; "" where it is not known where the pages are."""
    return f"{pages_url}/{page}" if pages_url else ""


def _of_conflict(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was changed on both sides, who won, and how a person decides otherwise."""
    winner = row["winner"]
    named = {key: row[key] for key in ("id", "record_type", "record", "field", "winner")}
    return {
        **named,
        "message": f"{row['field']} of {row['record_type']} {row['record']} was changed on both "
        f"sides; {'nobody has decided' if winner == 'person' else winner + ' counts'}",
        "fix": f"To decide it otherwise run resolve-conflict with conflict {row['id']}.",
    }


def _short(value: Any) -> Any:
    plain = isinstance(value, int | float | bool) or value is None
    return value if plain else shorten(value, characters_max=CHARACTERS_MAX)
