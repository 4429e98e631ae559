"""A record that needs a look in a cycle, and what was read of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from connectors.ports import Payload
from connectors.state.platform_port import Row
from connectors.state.port import Parked
from models.errors import RecordError
from models.plan import Link
from models.record_type import RecordType
from models.retry_queue import LEFT_BY_PERSON
from models.words import Side

#: One set for all records, and not one for each: a first sync holds them all.
_FROM_QUICKBOOKS: Final = frozenset({Side.QUICKBOOKS})
_FROM_BOTH: Final = frozenset(Side)


@dataclass(frozen=True)
class Candidate:
    """A record that needs a look, with what was read of it."""

    record_type: RecordType
    link: Link
    #: QuickBooks's record, where it was read.
    quickbooks: Payload | None = None
    #: QuickBooks says it is gone.
    gone_in_quickbooks: bool = False
    #: The platform's row, where it was read.
    platform: Row | None = None
    #: The platform's row is gone for good.
    gone_on_platform: bool = False
    #: Sides whose change made us look.
    read_from: frozenset[Side] = field(default_factory=frozenset)
    #: Why it was parked before.
    parked: Parked | None = None
    #: The link whose QuickBooks record carries the same marker; this one is a copy.
    twin_of: Link | None = None
    #: It may be the same as one that is on the other side only: why a person has to decide.
    doubt: RecordError | None = None

    @property
    def left_alone(self) -> RecordError | None:
        """What a person undid, skipped or settled by hand stays so until a person retries it.

        What was skipped goes when it is deleted on the only side that holds it.
        """
        parked = self.parked
        if parked is None or not parked.is_left_alone:
            return None
        if parked.code in LEFT_BY_PERSON and self.is_gone:
            return None
        return RecordError(parked.message, code=parked.code, fix=parked.fix)

    @property
    def is_gone(self) -> bool:
        """Whether a person deleted the record on the only side that held it."""
        if self.link.platform_id is None:
            return self.gone_in_quickbooks
        row_is_gone = self.platform is not None and not self.platform.live
        return self.link.quickbooks_id is None and (self.gone_on_platform or row_is_gone)


def add_side(
    found: dict[int, Candidate],
    record_type: RecordType,
    link: Link,
    *,
    quickbooks: Payload | None = None,
    gone_in_quickbooks: bool = False,
) -> None:
    """Note what QuickBooks says of a record, beside what the platform says."""
    known = found.get(link.id)
    if known is None:
        known = Candidate(
            record_type, link, quickbooks, gone_in_quickbooks, read_from=_FROM_QUICKBOOKS
        )
    else:
        known = replace(
            known,
            link=link,
            quickbooks=quickbooks,
            gone_in_quickbooks=gone_in_quickbooks,
            read_from=_FROM_BOTH if Side.PLATFORM in known.read_from else _FROM_QUICKBOOKS,
        )
    found[link.id] = known
