"""Reads: records of QuickBooks by id, the older of two readings, and links by what they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from connectors.ports import Payload
from connectors.state.port import Unit
from models.errors import OutdatedReadingError
from models.plan import Link
from models.record_type import RecordType
from tasks.context import Cycle

#: Ids in one IN list of a query.
IDS_IN_QUERY = 100
#: Fewer records than this are read one by one: a read is one metered call, and so is a query.
READ_SINGLY_MAX = 1
#: Links asked for at once, and references asked about at once.
PAGE = 500
REFERENCES_MAX = 50


def read_many(cycle: Cycle, record_type: RecordType, ids: Sequence[str]) -> dict[str, Payload]:
    """Records by id; those that are gone are left out, each confirmed by a read."""
    found: dict[str, Payload] = {}
    if len(ids) > READ_SINGLY_MAX:
        for start in range(0, len(ids), IDS_IN_QUERY):
            some = ids[start : start + IDS_IN_QUERY]
            listed = ", ".join(f"'{each}'" for each in some)
            records, _ = cycle.quickbooks.query(record_type.entity, f"Id IN ({listed})")
            found.update((str(each["Id"]), each) for each in records)
    for each in ids:
        if each not in found:
            cycle.keep_lease()
            record = cycle.quickbooks.read(record_type.entity, each)
            if record is not None:
                found[each] = record
    return found


def token_number(raw: Payload) -> int:
    """A record's SyncToken as a number, which rises with each change; -1 where it has none."""
    token = str(raw.get("SyncToken", ""))
    return int(token) if token.isdigit() else -1


def is_outdated(link: Link, record: Payload) -> bool:
    """Whether a reading is older than what we know: QuickBooks answers from copies at times.

    (reliability, fault 14)
    """
    known = (link.quickbooks_version or "").partition("|")[0]
    return known.isdigit() and -1 < token_number(record) < int(known)


def outdated(link: Link, record: Payload) -> OutdatedReadingError:
    """The error for such a reading: nothing may be merged with it."""
    return OutdatedReadingError(
        f"QuickBooks answered with version {token_number(record)} of {link.record_type} "
        f"{link.label}, which is older than what it said before",
        code="outdated_reading",
        fix="Nothing to do: it is read again.",
    )


def links_to(unit: Unit, references: Collection[str]) -> Iterator[Link]:
    """Live links whose base may refer to one of these, each once, page by page."""
    ordered, seen = sorted(references), set[int]()
    for start in range(0, len(ordered), REFERENCES_MAX):
        some, after = ordered[start : start + REFERENCES_MAX], 0
        while page := unit.links_referring(some, after, PAGE):
            yield from (each for each in page if each.id not in seen)
            seen.update(each.id for each in page)
            assert page[-1].id > after, "pages go forward"
            after = page[-1].id
