"""The flow that compares the platform's books with QuickBooks's reports; it writes to neither."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from connectors.state.connections import all_connections
from flows.parameters import ConnectionOrAll
from models.errors import SyncError
from tasks.bootstrap import Installation, installation, open_cycle
from tasks.prefect_steps import ROWS_MAX
from tasks.reconcile import Reconciliation, reconcile


@flow(name="reconcile-books", flow_run_name="reconcile {connection}")
def reconcile_books(
    connection: ConnectionOrAll = "",
    as_of: Annotated[
        date | None,
        Field(title="As of", description="Balances at the end of this day; empty for today."),
    ] = None,
) -> State[dict[str, Any]]:
    """Compare a company's books on both sides, to the cent; every company's where none is named.

    Accounts by month, customers and vendors against QuickBooks's own reports, and every linked
    record. The run's artifacts name each difference and the records that make it up, and what
    QuickBooks holds outside of the sync.

    Args:
        connection: Name or realm id of the connection; empty for all.
        as_of: Balances at the end of this day; empty for today.
    """
    with installation() as place:
        if not connection and len(known := all_connections(place.engine)) > 1:
            return _all(place, [each.name for each in known if each.status == "connected"], as_of)
        found = _reconciled(place, connection, as_of)
    if found.is_clean:
        return Completed(message="both sides agree", data=found.as_json())
    return Completed(
        name="CompletedWithDifferences",
        message=f"{len(found.differences)} differences; see the artifact 'differences'",
        data=found.as_json(),
    )


def _reconciled(place: Installation, connection: str, as_of: date | None) -> Reconciliation:
    with open_cycle(place, connection, None, get_run_logger().info) as cycle:
        found = reconcile(cycle, as_of)
    _show(found)
    return found


def _all(place: Installation, names: Sequence[str], as_of: date | None) -> State[dict[str, Any]]:
    """One company after another; one that cannot be compared keeps no other."""
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            found = _reconciled(place, name, as_of)
        except Exception as error:  # noqa: BLE001 - told; the others are compared
            get_run_logger().warning("%s is not compared", name, exc_info=True)
            message = str(error) if isinstance(error, SyncError) else type(error).__name__
            rows.append({"connection": name, "differences": "not compared", "message": message})
        else:
            rows.append({"connection": name, "differences": len(found.differences), "message": ""})
    rows.sort(key=lambda row: row["differences"] == 0)
    create_table_artifact(
        key="companies",
        table=rows[:ROWS_MAX],
        description="How many differences each company has; those with any first.",
    )
    differing = sum(row["differences"] != 0 for row in rows)
    data = {"companies": len(rows), "to_look_at": differing}
    if not differing:
        return Completed(message=f"both sides agree in {len(rows)} companies", data=data)
    return Completed(
        name="CompletedWithDifferences",
        message=f"{differing} of {len(rows)} companies need a look; see the artifact 'companies'",
        data=data,
    )


def _show(found: Reconciliation) -> None:
    """What was compared always; differences and what lies outside where there are any."""
    create_markdown_artifact(
        key="reconciliation", markdown=summary(found), description="What was compared."
    )
    rows = difference_rows(found)
    if rows:
        create_table_artifact(
            key="differences",
            table=rows,
            description="What both sides do not agree on, and the records that make it up.",
        )
    if found.outside:
        create_table_artifact(
            key="outside",
            table=[each.as_json() for each in found.outside[:ROWS_MAX]],
            description="What QuickBooks's books hold outside of the sync.",
        )


def difference_rows(found: Reconciliation) -> list[dict[str, Any]]:
    """A row per difference, each followed by the records that make it up; at most 1,000 rows."""
    rows: list[dict[str, Any]] = []
    for each in found.differences:
        facts = each.as_json()
        parts = facts.pop("records")
        rows.append({**facts, "record": ""})
        for part in parts:
            shared = {"kind": each.kind.value, "subject": each.subject, "field": each.field}
            rows.append({**shared, **part})
    return rows[:ROWS_MAX]


def summary(found: Reconciliation) -> str:
    """What was compared, as Markdown."""
    lines = [
        f"{found.connection} at the end of {found.as_of.isoformat()}, in {found.currency}: "
        + (f"{len(found.differences)} differences." if found.differences else "no differences."),
        "",
        "| compared | number |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {count} |" for name, count in found.compared.items()),
    ]
    if found.not_synced:
        lines += ["", "Types that the sync does not know:", ""]
        lines += [
            f"- {name}: {'cannot be counted' if count is None else count}"
            for name, count in found.not_synced.items()
        ]
    return "\n".join(lines)
