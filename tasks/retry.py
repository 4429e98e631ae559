"""Retry: what a person decides about records that are set aside: try again, skip, settled by hand.

What a person skips or has settled by hand stays in the queue: it is left alone, whatever is edited,
until a person retries it, and is never taken for a record that both sides agree on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from connectors.state.port import Parked, Unit
from models.audit import AuditNote
from models.errors import DecisionError, UsageError, shorten
from models.merge import DELETE_AGAINST_EDIT
from models.record_type import catalog
from models.retry_queue import ATTEMPTS_MAX, DONE_BY_HAND, LEFT_BY_PERSON, SKIPPED
from models.revision import REVISING
from tasks.matching import AFTER_RESTORE, COMMAND, MATCH_CODES
from tasks.recover import OUTCOME_UNKNOWN, PERSON_DECIDES

#: What a person can make of a record that is set aside: the reason it has from then on, in words.
_WORDS = {SKIPPED: "skipped", DONE_BY_HAND: "settled by hand"}
_DID = {SKIPPED: "skipped it", DONE_BY_HAND: "settled it by hand"}
_OVERRIDE = "decide its conflict with `quickbooks-sync override` (`conflicts` shows it)"
_IN_HAND = "nothing to do: the next sync goes on with it"
#: Reasons of which a person must be rid otherwise -> how.
_NOT_SETTLED = {
    **dict.fromkeys(MATCH_CODES.values(), f"decide with `{COMMAND}`"),
    DELETE_AGAINST_EDIT: _OVERRIDE,
    REVISING: _IN_HAND,
    OUTCOME_UNKNOWN: _IN_HAND,
    **dict.fromkeys(PERSON_DECIDES, "look at both sides, then retry it"),
    **dict.fromkeys(LEFT_BY_PERSON, "it is left alone already; `retry` takes that back"),
}
#: Reasons for which a record is tried again only where somebody names it.
NAMED_ONLY: Final = LEFT_BY_PERSON | PERSON_DECIDES | {AFTER_RESTORE}


@dataclass(frozen=True)
class Chosen:
    """Records of the queue that a person means."""

    #: Only these; all where none is named.
    link_ids: Collection[int] = ()
    #: Only those set aside for this reason, such as "fault_6540"; "" for any.
    code: str = ""


def retry_parked(unit: Unit, chosen: Chosen, actor: str) -> int:
    """Let parked records be tried again in the next cycle; how many there are.

    What was skipped or settled by hand is tried again only where it is named, by its link or its
    reason. So is what a person has to look at first: to try it again says that what may have been
    made is not there, or that nobody else means it. A record whose match is in doubt is none that
    another try could help: tried again it would be made a second time on the other side.

    Raises:
        UsageError: one that is named waits for a decision or is not parked, or none has the code.
        DecisionError: one that is named has another code by now.
    """
    parked = _found(unit, chosen)
    in_doubt = {
        each.link_id
        for each in parked
        if each.code in MATCH_CODES.values() and each.next_attempt_at is None
    }
    named = sorted(in_doubt & set(chosen.link_ids))
    if named:
        raise UsageError(
            f"link {named[0]} waits for a decision, which no retry takes: {COMMAND} --new "
            f"{named[0]} says that it is new, --accept that it is the same as another one"
        )
    everything = not chosen.link_ids and not chosen.code
    wanted = [
        each
        for each in parked
        if each.link_id not in in_doubt and not (everything and each.code in NAMED_ONLY)
    ]
    for each in wanted:
        if each.attempts >= ATTEMPTS_MAX:  # else it would be given up after one more
            unit.park(replace(each, attempts=0, next_attempt_at=unit.now))
    unit.audit(_retries(wanted, chosen, actor))
    return unit.release([each.link_id for each in wanted])


def settle_parked(unit: Unit, chosen: Chosen, decision: str, actor: str, why: str) -> int:
    """Leave parked records alone because a person says so; how many there are.

    decision is SKIPPED, or DONE_BY_HAND where the person has put both sides right.

    Raises:
        UsageError: none is named, one is not parked, or one waits for something else.
    """
    if not chosen.link_ids and not chosen.code:
        raise UsageError(
            f"name the records that are {_WORDS[decision]}: their links, or the reason they have"
        )
    parked = _found(unit, chosen)
    for each in parked:
        otherwise = _NOT_SETTLED.get(each.code)
        if otherwise is not None:
            raise UsageError(
                f"link {each.link_id} is parked as {each.code} and cannot be {_WORDS[decision]}: "
                f"{otherwise}"
            )
    for each in parked:
        unit.park(_settled(each, decision, actor, why))
    unit.audit([_entry(each, decision, actor, why) for each in parked])
    return len(parked)


def settled_otherwise(code: str) -> str:
    """How to be rid of a record that can be neither skipped nor settled; "" where it can."""
    return _NOT_SETTLED.get(code, "")


def _found(unit: Unit, chosen: Chosen) -> list[Parked]:
    """The records that are meant; what would silently mean nothing, or another case, is refused."""
    parked = unit.parked(list(catalog()))
    missing = sorted(set(chosen.link_ids) - {each.link_id for each in parked})
    if missing:
        raise UsageError(f"link {missing[0]} is not parked; `quickbooks-sync queue` shows what is")
    for each in parked:
        if chosen.code and each.link_id in chosen.link_ids and each.code != chosen.code:
            raise DecisionError(
                f"link {each.link_id} is parked as {each.code} by now, not as "
                f"{shorten(chosen.code)}",
                code="changed_meanwhile",
                fix="Look at it again, then decide.",
            )
    codes = sorted({each.code for each in parked})
    if chosen.code and chosen.code not in codes:
        known = ", ".join(codes) or "nothing is parked"
        raise UsageError(f"no record is parked for {shorten(chosen.code)!r}; use one of: {known}")
    return [
        each
        for each in parked
        if (not chosen.link_ids or each.link_id in chosen.link_ids)
        and chosen.code in ("", each.code)
    ]


def _settled(each: Parked, decision: str, actor: str, why: str) -> Parked:
    reason = f": {why}" if why else ""
    return replace(
        each,
        code=decision,
        message=f"{actor} {_DID[decision]}{reason}. Before: {each.message}",
        fix=f"Nothing to do; `quickbooks-sync retry {each.link_id}` tries it again.",
        next_attempt_at=None,
    )


def _retries(parked: Sequence[Parked], chosen: Chosen, actor: str) -> list[AuditNote]:
    """An entry for each record that was named, else one for all of them."""
    if not parked:
        return []
    if chosen.link_ids:
        return [
            AuditNote("retry", {"was": each.code, "message": each.message}, actor, *_record(each))
            for each in parked
        ]
    return [AuditNote("retry", {"records": len(parked), "code": chosen.code}, actor)]


def _entry(each: Parked, decision: str, actor: str, why: str) -> AuditNote:
    body: dict[str, object] = {"was": each.code, "message": each.message, "why": why}
    return AuditNote(decision, body, actor, *_record(each))


def _record(each: Parked) -> tuple[str, int]:
    return each.record_type, each.link_id
