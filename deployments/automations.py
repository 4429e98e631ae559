"""Automations of an installation: `python -m deployments.automations [--notify TYPE/NAME]`.

Makes them on the server that PREFECT_API_URL names, or brings them up to date; run again, nothing
is there twice. With --notify, alerts go to a notification block, such as slack-webhook/finance.

A worker that dies says nothing: its run would stay Running, and keep the one place of its
deployment, for ever. A run that has sent no heartbeat for some time is therefore marked as crashed;
the work pool tells runs to send them (`deployments.work_pools`; reference prefect, section 9). None
is started anew: the dispatcher comes again by itself, and settles what was under way.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from deployments.work_pools import HEARTBEAT_SECONDS
from models.errors import UsageError

#: Three heartbeats, and one to spare.
SILENT_FOR = timedelta(seconds=4 * HEARTBEAT_SECONDS)
HEARTBEAT = "prefect.flow-run.heartbeat"
TAG = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.quickbooks-sync"}


def crashed_workers() -> AutomationCore:
    """Runs that have fallen silent are marked as crashed."""
    return AutomationCore(
        name="quickbooks-sync: runs whose worker died",
        description="A run of ours that sends no heartbeat any more is marked as crashed.",
        enabled=True,
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={HEARTBEAT},
            # another heartbeat, or any state, whatever its name
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=TAG,
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENT_FOR,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message="no heartbeat: its worker or its process is gone",
            )
        ],
    )


def notices(block_id: str) -> AutomationCore:
    """What a person must know goes to a notification block."""
    return AutomationCore(
        name="quickbooks-sync: tell a person",
        description="A company that stopped, a record that was set aside, a conflict that waits.",
        enabled=True,
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={
                "quickbooks-sync.cycle.stopped",
                "quickbooks-sync.record.parked",
                "quickbooks-sync.conflict.waiting",
            },
            match={"prefect.resource.id": "quickbooks-sync.connection.*"},
            # at most one notice for a company in five minutes
            for_each={"prefect.resource.id"},
            threshold=1,
            within=timedelta(minutes=5),
        ),
        actions=[
            SendNotification(
                block_document_id=block_id,
                subject="QuickBooks sync: {{ event.payload.connection }}",
                body="{{ event.event }}: {{ event.payload.message }} {{ event.payload.fix }} "
                "{{ event.payload.page }}",
            )
        ],
    )


def make(wanted: Sequence[AutomationCore], client: SyncPrefectClient) -> None:
    """Create what is not there yet, and bring the rest up to date; by name.

    One that was switched off in the UI stays so.
    """
    for each in wanted:
        known = client.read_automations_by_name(each.name)
        if known:
            enabled = known[0].enabled
            client.update_automation(known[0].id, each.model_copy(update={"enabled": enabled}))
        else:
            client.create_automation(each)


def block_id(slug: str, client: SyncPrefectClient) -> str:
    """The notification block of TYPE/NAME.

    Raises:
        UsageError: there is none.
    """
    kind, _, name = slug.partition("/")
    for each in client.read_block_documents_by_type(kind) if name else ():
        if each.name == name:
            return str(each.id)
    raise UsageError(
        f"--notify {slug!r}: no such block; make one under Blocks in the Prefect UI, and give "
        "TYPE/NAME, such as slack-webhook/finance"
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m deployments.automations")
    parser.add_argument("--notify", default="", help="TYPE/NAME of a notification block")
    options = parser.parse_args(arguments)
    with get_client(sync_client=True) as client:
        wanted = [crashed_workers()]
        if options.notify:
            try:
                wanted.append(notices(block_id(options.notify, client)))
            except UsageError as error:
                parser.error(str(error))
        make(wanted, client)
    for each in wanted:
        print(each.name)  # noqa: T201 - it is the output


if __name__ == "__main__":
    main()
