"""The flow that looks after the permissions of all companies."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from connectors.state.webhooks import forget_events
from tasks.bootstrap import installation
from tasks.keep_connected import Kept, keep_connected
from tasks.notify import tell_all_alerts
from tasks.prefect_steps import ROWS_MAX


@flow(name="keep-connected")
def keep_connected_flow() -> State[dict[str, Any]]:
    """Renew the permissions that nobody used, say in time which of them end, forget old webhooks.

    Intuit ends a permission after 100 days without a renewal, which is what happens to a paused
    company, and five years after it was given. A person is told 30 days before.
    """
    log = get_run_logger()
    with installation() as place:
        kept = keep_connected(place, log.info)
        tell_all_alerts(place)
        forgotten = forget_events(place.engine, place.clock.now())
    if forgotten:
        log.info("%d old webhook events forgotten", forgotten)
    asked = [each for each in kept if each.needs_a_look]
    rows = [each.as_row() for each in [*asked, *(each for each in kept if each not in asked)]]
    if rows:
        create_table_artifact(
            key="permissions",
            table=rows[:ROWS_MAX],
            description="When each company's permission ends; those that need a person first.",
        )
    if asked:
        return Completed(
            name="CompletedWithErrors",
            message=f"{len(asked)} of {len(kept)} companies have to be connected again",
            data=_figures(kept),
        )
    return Completed(message=f"{len(kept)} companies are let in", data=_figures(kept))


def _figures(kept: list[Kept]) -> dict[str, Any]:
    return {"companies": [each.as_row() for each in kept[:ROWS_MAX]]}
