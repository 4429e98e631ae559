"""Retry: what a person lets be tried again, of all that is parked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connectors.state.port import Parked, Unit
from models.errors import UsageError, shorten
from models.record_type import catalog
from tasks.matching import COMMAND, MATCH_CODES


def retry_parked(unit: Unit, link_ids: Collection[int] = (), code: str = "") -> int:
    """Let parked records be tried again, all where none is named; how many there are.

    code is the reason for which they were set aside, such as "fault_6540"; "" for any.

    A record whose match is in doubt is none that another try could help: tried again it would be
    made a second time on the other side.

    Raises:
        UsageError: one that is named waits for a decision or is not parked, or none has the code.
    """
    parked = unit.parked(list(catalog()))
    _check(parked, link_ids, code)
    in_doubt = {
        each.link_id
        for each in parked
        if each.code in MATCH_CODES.values() and each.next_attempt_at is None
    }
    named = sorted(in_doubt & set(link_ids))
    if named:
        raise UsageError(
            f"link {named[0]} waits for a decision, which no retry takes: {COMMAND} --new "
            f"{named[0]} says that it is new, --accept that it is the same as another one"
        )
    return unit.release(
        [
            each.link_id
            for each in parked
            if each.link_id not in in_doubt
            and (not link_ids or each.link_id in link_ids)
            and code in ("", each.code)
        ]
    )


def _check(parked: Sequence[Parked], link_ids: Collection[int], code: str) -> None:
    """Refuse what would silently try nothing."""
    missing = sorted(set(link_ids) - {each.link_id for each in parked})
    if missing:
        raise UsageError(f"link {missing[0]} is not parked; `quickbooks-sync status` shows what is")
    codes = sorted({each.code for each in parked})
    if code and code not in codes:
        known = ", ".join(codes) or "nothing is parked"
        raise UsageError(f"no record is parked for {shorten(code)!r}; use one of: {known}")
