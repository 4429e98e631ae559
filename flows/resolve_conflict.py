"""Resolve a conflict in the Prefect UI: the run pauses with both versions and takes the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from prefect import flow, get_run_logger, pause_flow_run
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import Field, create_model

from flows.events import Company, page_url, tell
from flows.parameters import OneConnection
from models.errors import UsageError
from models.numbers import NUMBER_MAX
from models.records import canonical_json
from models.revision import StoredConflict
from models.words import Side
from tasks.bootstrap import installation, open_cycle
from tasks.override import Overridden, override
from tasks.override_choice import decided_together
from tasks.waiting import LET_GO, when_free

#: Characters of one version that the form shows; the artifact and the audit log have all.
VERSION_CHARACTERS_MAX = 400
MINUTE_SECONDS = 60
#: How often a paused run looks whether somebody has answered.
POLL_SECONDS = 5
#: The form's field for the person.
DECIDED_BY = "decided_by"


class Take(StrEnum):
    """Whose version of a field is to count."""

    LEAVE = "leave it as it is"
    QUICKBOOKS = "QuickBooks's version"
    PLATFORM = "the platform's version"


_SIDES = {Take.QUICKBOOKS: Side.QUICKBOOKS, Take.PLATFORM: Side.PLATFORM}


@flow(name="resolve-conflict", flow_run_name="resolve conflict {conflict}")
def resolve_conflict(
    conflict: Annotated[
        int,
        Field(
            title="Conflict",
            description="Number of the conflict, as the artifact 'conflicts' shows it.",
            ge=1,
            le=NUMBER_MAX,
        ),
    ],
    connection: OneConnection = "",
    wait_minutes: Annotated[
        int,
        Field(
            title="Wait",
            description="Minutes after which the run ends if nobody answers.",
            ge=1,
            le=1440,
        ),
    ] = 60,
) -> State[dict[str, Any]]:
    """Let a person decide a conflict otherwise than the policy did, or one that waits.

    The run pauses; its Resume button opens a form with both versions of each field. What is chosen
    is written to both sides, once, and is in the audit log under the person's name. If nobody
    answers, the run fails and everything stays as it is.

    Args:
        conflict: Number of the conflict, as the artifact 'conflicts' shows it.
        connection: Name or realm id of the connection; empty where there is only one.
        wait_minutes: Minutes after which the run ends if nobody answers.

    Raises:
        UsageError: there is no such conflict.
        DecisionError: as things stand it cannot be done; nothing was written.
    """
    together, label = _conflicts(connection, conflict)
    given = _asked_for(together, label, wait_minutes)
    takes = chosen(together, given)
    if not takes:
        return Completed(name="LeftAsItIs", message="nothing was chosen", data={})
    return _ended(_carried_out(connection, takes, given[DECIDED_BY]), together, label)


def _conflicts(connection: str, number: int) -> tuple[list[StoredConflict], str]:
    """What is decided together, and what people call the record."""
    with (
        installation() as place,
        open_cycle(place, connection) as cycle,
        cycle.state.begin() as unit,
    ):
        together = decided_together(unit, number)
        return together, unit.links([together[0].link_id])[together[0].link_id].label


def _asked_for(together: Sequence[StoredConflict], label: str, wait_minutes: int) -> dict[str, Any]:
    """Pause until a person has answered the form; where nobody does, Prefect fails the run."""
    words = shown(together, label, VERSION_CHARACTERS_MAX)
    answer: RunInput = pause_flow_run(
        wait_for_input=form(together).with_initial_data(description=words),
        timeout=wait_minutes * MINUTE_SECONDS,
        poll_interval=POLL_SECONDS,
    )
    return answer.model_dump()


def _carried_out(
    connection: str, takes: Mapping[StoredConflict, Side], decided_by: str
) -> Overridden:
    """Write it, as soon as no other run has the company: nobody is asked for an answer twice."""
    first, *others = takes
    fields: dict[str, Side | None] = {each.conflict.field: takes[each] for each in others}
    told = get_run_logger().info

    def decided() -> tuple[Overridden, Company, str]:
        with open_cycle(place, connection, progress=told) as cycle:
            done = override(cycle, first.number, takes[first], fields, decided_by)
            return done, Company.of(cycle.connection), cycle.pages_url

    with installation() as place:
        done, company, pages_url = when_free(
            place.clock, decided, told, what="the decision", fix=LET_GO
        )
    for number, side in done.conflicts.items():
        facts = {"id": number, "record_type": done.record_type, "record": done.record, "take": side}
        facts |= {"decided_by": decided_by}
        tell("conflict.resolved", company, facts, page_url(pages_url, "conflicts"))
    return done


# -- the form --


def form(together: Sequence[StoredConflict]) -> type[RunInput]:
    """A choice for each field; one for the record where a side has deleted it."""
    choices: dict[str, Any] = {
        _key(each): (
            Take,
            Field(Take.LEAVE, title=each.conflict.field, json_schema_extra={"position": place}),
        )
        for place, each in enumerate(_asked(together))
    }
    choices[DECIDED_BY] = (
        str,
        Field(
            title="Decided by",
            description="Your name, for the audit log.",
            min_length=1,
            max_length=100,
            json_schema_extra={"position": len(choices)},
        ),
    )
    return create_model("Choice", __base__=RunInput, **choices)


def _asked(together: Sequence[StoredConflict]) -> Sequence[StoredConflict]:
    """The conflicts that are chosen for one by one; a delete is decided for the whole record."""
    return together[:1] if together[0].is_of_delete else together


def _key(each: StoredConflict) -> str:
    return f"take_{each.conflict.field}"


def chosen(together: Sequence[StoredConflict], given: dict[str, Any]) -> dict[StoredConflict, Side]:
    """Conflict -> side whose version is to count, without those that stay as they are.

    Raises:
        UsageError: an answer that no form gives.
    """
    takes = {}
    for each in _asked(together):
        try:
            take = Take(given[_key(each)])
        except (KeyError, ValueError) as error:
            raise UsageError(f"{each.conflict.field}: {given.get(_key(each))!r} is none") from error
        if take is not Take.LEAVE:
            takes[each] = _SIDES[take]
    return takes


def shown(together: Sequence[StoredConflict], label: str, characters_max: int) -> str:
    """Both versions of each field and what they were before, as Markdown."""
    first = together[0]
    decided_at = f"{first.decided_at:%Y-%m-%d %H:%M} UTC"
    lines = [
        f"**{first.record_type} {label}**, conflict {first.number} of {decided_at}",
        "",
        "| field | before | QuickBooks | platform | counts now |",
        "|---|---|---|---|---|",
    ]
    for each in together:
        conflict = each.conflict
        winner = conflict.verdict.winner
        cells = [
            conflict.field,
            *(
                _cell(value, characters_max)
                for value in (conflict.base, conflict.quickbooks, conflict.platform)
            ),
            f"{winner} ({conflict.verdict.reason})" if winner else "nobody's yet",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Any, characters_max: int) -> str:
    """A value in one cell of a table, whatever characters it has."""
    plain = "" if value is None else str(value)
    text = canonical_json(value) if isinstance(value, tuple) else plain
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
    text = " ".join(text.split())
    return text if len(text) <= characters_max else text[:characters_max] + " ..."


def _ended(
    done: Overridden, together: Sequence[StoredConflict], label: str
) -> State[dict[str, Any]]:
    by_number = {each.number: each.conflict.field for each in together}
    taken = [f"- {by_number[number]}: {side}" for number, side in done.conflicts.items()]
    waiting = done.waiting
    end = "Both sides hold it now." if waiting is None else f"{waiting.message}. {waiting.fix}"
    create_markdown_artifact(
        key="resolution",
        markdown="\n".join([shown(together, label, 10_000), "", "Taken:", *taken, "", end]),
        description="What was decided, and what became of it.",
    )
    data = {
        "record_type": done.record_type,
        "record": done.record,
        "conflicts": {str(number): side.value for number, side in done.conflicts.items()},
    }
    if waiting is not None:
        return Completed(name="CompletedWithErrors", message=f"decided, but {end}", data=data)
    return Completed(message=f"{done.record_type} {done.record} is decided", data=data)
