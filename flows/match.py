"""Match: what both sides held before they were connected, and what is the same."""

from __future__ import annotations

import json
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.parameters import OneConnection
from models.record_type import catalog
from tasks.bootstrap import installation, open_cycle
from tasks.context import Cycle
from tasks.match_decisions import accept_likely
from tasks.match_survey import counts_of, rows_of, survey
from tasks.prefect_steps import ROWS_MAX
from tasks.waiting import LET_GO, when_free

#: Who decided, where a person starts a run with a decision in it.
ACTOR = "prefect"


@flow(name="match", flow_run_name="match {connection}")
def match(
    connection: OneConnection = "",
    *,
    take_likely: Annotated[
        bool,
        Field(
            title="Accept what is likely the same",
            description="Links all pairs that are likely the same; the next sync merges them.",
        ),
    ] = False,
) -> State[dict[str, Any]]:
    """Show which records both sides hold already, before the first sync and after.

    Neither side is written. The artifact 'matches' lists what is in doubt with the reason; single
    pairs are decided by `quickbooks-sync match`.

    Args:
        connection: Name or realm id of the connection; empty where there is only one.
        take_likely: Links all pairs that are likely the same; the next sync merges them.
    """
    told = get_run_logger().info
    with installation() as place:

        def surveyed() -> _Surveyed:
            with open_cycle(place, connection, progress=told) as cycle:
                return _surveyed(cycle, take_likely=take_likely)

        counts, rows, accepted = when_free(
            place.clock, surveyed, told, what="the survey", fix=LET_GO
        )
    _show(counts, [row for row in rows if row["match"] != "certain"])
    return Completed(
        message=f"{len(rows)} records may be on both sides, {accepted} pairs were accepted",
        data={"counts": counts, "accepted": accepted},
    )


#: Counts by record type, a row for each match, and how many pairs were accepted.
_Surveyed = tuple[dict[str, dict[str, int]], list[dict[str, Any]], int]


def _surveyed(cycle: Cycle, *, take_likely: bool) -> _Surveyed:
    cycle.renew_lease()
    try:
        found = survey(cycle)
        accepted = 0
        if take_likely:
            accepted = len(accept_likely(cycle, found, list(catalog().values()), ACTOR))
        return counts_of(found), rows_of(cycle, found), accepted
    finally:
        cycle.state.release_lease()


def _show(counts: dict[str, dict[str, int]], in_doubt: list[dict[str, Any]]) -> None:
    if counts:
        create_table_artifact(
            key="match-counts",
            table=[{"record_type": name, **row} for name, row in counts.items()],
            description="Records that both sides may hold: pairs that are certain and likely.",
        )
    if in_doubt:
        create_table_artifact(
            key="matches",
            table=[_flat(row) for row in in_doubt[:ROWS_MAX]],
            description="What is in doubt, and why.",
        )


def _flat(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, default=str)
        for name, value in row.items()
    }
