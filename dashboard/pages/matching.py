"""Matching: what both sides held before they were connected, and what of it is the same.

To compare reads both sides, so it is asked for by a button; neither side is written. Decisions take
effect in the next sync.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state.review_lists import parked_in
from dashboard.forms import Number, Plain
from dashboard.house import ROOT, Operate, See, Visit
from dashboard.mistakes import fix_of
from dashboard.shown import words
from models.errors import (
    BrakeError,
    DecisionError,
    DisconnectedError,
    SyncError,
    UsageError,
    shorten,
)
from models.matching import Kind
from models.record_type import RecordType, catalog, record_type_named
from models.words import Side
from tasks.bootstrap import open_cycle
from tasks.context import Cycle
from tasks.match_decisions import Decision, accept, accept_likely, declare_new
from tasks.match_survey import Survey, counts_of, rows_of, survey
from tasks.matching import MATCH_CODES

router = APIRouter()

#: Records in doubt that the page shows; the others come once these are decided.
ROWS_MAX: Final = 100
#: Pairs, and records that are new, that are decided at once.
AT_ONCE_MAX: Final = 100

_PATH: Final = ROOT + "/{connection_id}/matching"
#: RECORD_TYPE:QUICKBOOKS_ID=PLATFORM_ID
_PAIR: Final = re.compile(r"([a-z_]{1,40}):([0-9]{1,20})=([0-9]{1,20})")


class Compare(Plain):
    """Compare both sides; record_type says what is shown of it, "" for all."""

    record_type: str = Field(default="", max_length=40)


class Decide(Plain):
    """What a person ticked: pairs that are the same, and links of records that are new."""

    pair: list[Annotated[str, Field(max_length=90)]] = Field(default=[], max_length=AT_ONCE_MAX)
    new: list[Number] = Field(default=[], max_length=AT_ONCE_MAX)


class AcceptLikely(Compare):
    """Accept all pairs that are likely the same, as many as were shown."""

    count: int = Field(ge=1, le=10_000_000)
    confirmed: Literal["yes"]


@dataclass(frozen=True)
class Pair:
    """Two records that a person says are the same."""

    record_type: RecordType
    quickbooks_id: str
    platform_id: str


@dataclass(frozen=True)
class Result:
    """What became of one decision."""

    words: str
    #: What was wrong, and what to do; empty where it is decided.
    message: str = ""
    fix: str = ""


@router.get(_PATH)
def matching(visit: See) -> Response:
    """What waits for a decision, as far as it is known without reading either side."""
    waiting = parked_in(visit.place.engine, visit.company.id, MATCH_CODES.values())
    kinds = {code: kind for kind, code in MATCH_CODES.items()}
    counts: dict[str, dict[str, int]] = {}
    for (name, code), count in sorted(waiting.items()):
        counts.setdefault(name, dict.fromkeys(map(str, MATCH_CODES), 0))[kinds[code]] = count
    return visit.page("matching.html", counts=counts, record_types=list(catalog()), record_type="")


@router.post(_PATH + "/compare")
def compare(visit: Operate, form: Annotated[Compare, Form()]) -> Response:
    """Read both sides and show what may be the same.

    Raises:
        UsageError: no such record type, or the company cannot be read now.
        BrakeError: a sync of the company is under way.
        RemoteError: QuickBooks does not answer.
    """
    names = {each.name for each in _chosen(form.record_type)}
    with _surveyed(visit) as (cycle, found):
        counts = {name: row for name, row in counts_of(found).items() if name in names}
        rows = [
            row
            for row in rows_of(cycle, found)
            if row["record_type"] in names and row["match"] != Kind.CERTAIN.value
        ]
        first = sorted(found.first & names)
    return visit.page(
        "matching_survey.html",
        counts=counts,
        rows=[_shown(row) for row in rows[:ROWS_MAX]],
        more=max(0, len(rows) - ROWS_MAX),
        likely=_likely(counts),
        first=first,
        record_type=form.record_type,
        record_types=list(catalog()),
    )


@router.post(_PATH + "/decide")
def decide(visit: Operate, form: Annotated[Decide, Form()]) -> Response:
    """Carry out what was ticked, each by itself; what became of each.

    Raises:
        UsageError: nothing was ticked, or something that the form does not have.
        BrakeError: a sync of the company is under way.
        RemoteError: QuickBooks does not answer.
    """
    wanted: list[Pair | int] = [*map(_pair, form.pair), *form.new]
    if not wanted:
        raise UsageError("pair and new are empty: tick what is the same, or what is new")
    with _surveyed(visit) as (cycle, found):
        results = _carried_out(cycle, found, wanted, visit.user.name)
    return visit.page("matching_results.html", results=results)


def _carried_out(
    cycle: Cycle, found: Survey, wanted: Sequence[Pair | int], actor: str
) -> list[Result]:
    """Decide one after the other: one may make another possible, and none blocks another."""
    results: list[Result] = []
    for each in wanted:
        try:
            if isinstance(each, Pair):
                ids = each.quickbooks_id, each.platform_id
                made = accept(cycle, found, each.record_type, *ids, actor)
            else:
                made = declare_new(cycle, found, each, actor)
        except (BrakeError, DisconnectedError):
            raise  # the others would end alike; what was decided is decided
        except SyncError as error:
            results.append(Result(_named(each), str(error), fix_of(error)))
        else:
            results.append(Result(_told(made)))
    return results


def _pair(text: str) -> Pair:
    """A pair as the form has it.

    Raises:
        UsageError: it is none, or of no record type.
    """
    found = _PAIR.fullmatch(text)
    if found is None:
        raise UsageError(f"pair is {shorten(text)!r}: tick a pair of the page")
    name, theirs, ours = found.groups()
    return Pair(record_type_named(name), theirs, ours)


def _named(wanted: Pair | int) -> str:
    if isinstance(wanted, Pair):
        name = words(wanted.record_type.name)
        return f"{name}: QuickBooks {wanted.quickbooks_id} and platform {wanted.platform_id}"
    return f"Link {wanted}"


def _told(made: Decision) -> str:
    record = f"{words(made.record_type)} {made.label}"
    said = "is new" if made.decision == "new" else "is the same on both sides"
    return f"{record} {said}{'' if made.fresh else ', as was decided before'}"


@router.post(_PATH + "/accept-likely")
def accept_all_likely(visit: Operate, form: Annotated[AcceptLikely, Form()]) -> Response:
    """Accept all pairs that are likely the same.

    Raises:
        UsageError: no such record type.
        DecisionError: there are others than the person saw.
        BrakeError: a sync of the company is under way.
        RemoteError: QuickBooks does not answer.
    """
    chosen = _chosen(form.record_type)
    names = {each.name for each in chosen}
    with _surveyed(visit) as (cycle, found):
        likely = _likely({name: row for name, row in counts_of(found).items() if name in names})
        if likely != form.count:
            raise DecisionError(
                f"{likely} pairs are likely the same by now, and {form.count} were shown",
                code="moved_on",
                fix="Compare both sides again, and look at them.",
            )
        made = accept_likely(cycle, found, chosen, visit.user.name)
    left = likely - len(made)
    waits = f" {left} wait for what they refer to: decide that first." if left > 0 else ""
    said = f"{len(made)} pairs are accepted; the next sync merges them.{waits}"
    return visit.done(said, "matching")


# -- what all of them do --


@contextmanager
def _surveyed(visit: Visit) -> Iterator[tuple[Cycle, Survey]]:
    """Both sides compared, with the company for oneself, as long as it takes to decide."""
    with open_cycle(visit.place, visit.company.name) as cycle:
        cycle.renew_lease()
        try:
            yield cycle, survey(cycle)
        finally:
            cycle.state.release_lease()


def _chosen(record_type: str) -> list[RecordType]:
    """One record type, or all of them in the order in which they are decided."""
    return [record_type_named(record_type)] if record_type else list(catalog().values())


def _likely(counts: dict[str, dict[str, int]]) -> int:
    return sum(row[Kind.LIKELY.value] for row in counts.values())


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the survey with the pairs that can be ticked, and the records that may be new."""
    theirs, ours = row[Side.QUICKBOOKS.value], row[Side.PLATFORM.value]
    candidates = row.get("candidates", [])
    pairs = [
        {"pair": f"{row['record_type']}:{left['id']}={right['id']}", "left": left, "right": right}
        for left in ([theirs] if theirs else candidates)
        for right in ([ours] if ours else candidates)
    ]
    return {
        "record_type": row["record_type"],
        "match": row["match"],
        "reason": row["reason"],
        Side.QUICKBOOKS.value: theirs,
        Side.PLATFORM.value: ours,
        "candidates": candidates,
        "more": row.get("fitting", 0) - len(candidates),
        "pairs": pairs if theirs or ours else [],
    }
