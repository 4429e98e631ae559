"""Deciding conflicts from the pages: one decision, or many of which each stands by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.state.review_lists import decision_of_row
from dashboard.house import Visit
from dashboard.mistakes import fix_of
from models.errors import BrakeError, DisconnectedError, SyncError, UsageError, shorten
from models.merge import DELETE_AGAINST_EDIT
from models.words import Side
from tasks.bootstrap import open_cycle
from tasks.override import Overridden, override

#: Conflicts that are decided at once.
AT_ONCE_MAX: Final = 50
#: After so long no further one is begun: a browser, or what stands before us, does not wait longer.
SECONDS_MAX: Final = 40

#: Conflict, as it is listed -> the side whose version is to count.
Takes = Mapping[int, Side]


@dataclass(frozen=True)
class Result:
    """What became of one decision."""

    #: Its conflicts, as they are listed.
    rows: Sequence[dict[str, Any]]
    state: str
    message: str = ""
    fix: str = ""


def decide(visit: Visit, rows: Sequence[dict[str, Any]], takes: Takes) -> Overridden:
    """Let sides' versions of conflicts of one decision count.

    Raises:
        UsageError: what an override refuses as wrong.
        DecisionError: as things stand it cannot be done; nothing was written.
        DisconnectedError: no call can work.
    """
    first, *others = takes
    named = {row["id"]: row["field"] for row in rows}
    fields: dict[str, Side | None] = {named[each]: takes[each] for each in others}
    with open_cycle(visit.place, visit.company.name) as cycle:
        return override(cycle, first, takes[first], fields, visit.user.name)


def decide_each(visit: Visit, rows: Sequence[dict[str, Any]], take: Side) -> list[Result]:
    """Decide conflicts for one side, a record at a time; one that fails leaves the others alone."""
    clock = visit.place.clock
    ends_at = clock.monotonic() + SECONDS_MAX
    results: list[Result] = []
    stopped = ""
    for together in _decisions(rows):
        if not stopped and clock.monotonic() > ends_at:
            stopped = "Deciding the others has taken too long."
        if stopped:
            fix = "Nothing was changed. Choose it again."
            results.append(Result(together, "not tried", stopped, fix))
            continue
        try:
            results.append(_decided(visit, together, take))
        except SyncError as error:
            results.append(Result(together, "not decided", str(error), fix_of(error)))
            if isinstance(error, BrakeError | DisconnectedError):
                stopped = "What stopped the one before would stop this one, too."
    return results


def _decided(visit: Visit, together: Sequence[dict[str, Any]], take: Side) -> Result:
    # a delete is decided for the record as a whole: one of its conflicts stands for all
    named = together[:1] if is_of_delete(together[0]) else together
    done = decide(visit, together, {row["id"]: take for row in named})
    if done.waiting is None:
        return Result(together, "decided", "Both sides hold it now.")
    return Result(together, "under way", done.waiting.message, done.waiting.fix)


def _decisions(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The conflicts that are decided together, oldest first."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        found.setdefault(decision_of_row(row), []).append(row)
    return list(found.values())


def is_of_delete(row: Mapping[str, Any]) -> bool:
    """Whether a conflict is about a record that one side has deleted."""
    return bool(row["rule"] == DELETE_AGAINST_EDIT)


def takes_of(rows: Sequence[dict[str, Any]], given: Sequence[str]) -> dict[int, Side]:
    """What a form chose for conflicts of one decision, as NUMBER=SIDE; "" leaves one as it is.

    Raises:
        UsageError: a choice that the form does not have, two for one conflict, or none at all.
    """
    numbers = {str(row["id"]): row["id"] for row in rows}
    takes: dict[int, Side] = {}
    for text in filter(None, given):
        number, _, side = text.partition("=")
        if number not in numbers or side not in set(Side) or numbers[number] in takes:
            raise UsageError(
                f"take is {shorten(text)!r}: choose QuickBooks's or the platform's version of a "
                "field of this record, once"
            )
        takes[numbers[number]] = Side(side)
    if not takes:
        raise UsageError("take is empty: choose whose version of at least one field is to count")
    return takes
