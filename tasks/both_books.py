"""Both books: every record of both sides in canonical form, and what it posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.ports import Payload
from connectors.state.platform_port import Row
from connectors.state.port import Parked
from models.codecs import decode
from models.fields import Money
from models.money import currency_decimals
from models.plan import Link
from models.postings import Books, Posted
from models.record_type import RecordType
from models.records import Content, reference
from models.words import Side
from tasks.context import Cycle
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.names import learn_names
from tasks.parents import load_parents

#: Digits of an account's id in QuickBooks, for sorting: ids are text.
_ID_DIGITS = 24


@dataclass(frozen=True)
class SideRecord:
    """A record as one side holds it."""

    #: Canonical reference such as "invoice:12"; "invoice@quickbooks:145" where it has no link.
    key: str
    record_type: RecordType
    side_id: str
    link: Link | None
    content: Content
    raw: Mapping[str, Any]
    #: Why it cannot be read; "" where it can.
    error: str = ""

    @property
    def label(self) -> str:
        """What people call it."""
        fallback = self.link.label if self.link else self.side_id
        return self.record_type.label_of(self.content, fallback)

    @property
    def day(self) -> date | None:
        """The day on which it counts in the books."""
        return self.content.get(self.record_type.booked_on) if self.record_type.booked_on else None


@dataclass
class SideBooks:
    """All records of one side, and what they post."""

    books: Books
    records: dict[str, SideRecord]
    posted: dict[str, Posted] = field(default_factory=dict)

    def post(self, as_of: date) -> None:
        """Work out what every record up to a day posts."""
        for key, each in self.records.items():
            rule = each.record_type.postings
            if rule is not None and not each.error and each.day and each.day <= as_of:
                self.posted[key] = rule(each.content, self.books)


@dataclass(frozen=True)
class BothBooks:
    """The two sides, and what is known of what stands between them."""

    quickbooks: SideBooks
    platform: SideBooks
    #: Link -> why it is parked.
    parked: Mapping[int, Parked]
    #: Platform records that are not for the books yet, such as expenses that nobody approved.
    not_ready: int
    home_currency: str

    def minor(self, amount: Decimal) -> int:
        """An amount of the home currency in its minor unit."""
        scaled = amount.scaleb(currency_decimals(self.home_currency))
        assert scaled == scaled.to_integral_value(), f"{amount} {self.home_currency} is not exact"
        return int(scaled)

    def amount(self, minor: int) -> Decimal:
        """An amount from its minor units."""
        return Decimal(int(minor)).scaleb(-currency_decimals(self.home_currency))


def compared_types(cycle: Cycle) -> list[RecordType]:
    """Record types that post or carry figures, with what they refer to; parents first."""
    types = cycle.record_types
    return [each for each in types if each.postings or figures_of(each) or each.name == "item"]


def figures_of(record_type: RecordType) -> list[str]:
    """Fields whose values both sides must hold alike: amounts of the whole record, and status."""
    if record_type.read_only:
        return []
    return [
        each.name
        for each in record_type.fields
        if isinstance(each, Money) or (each.name == "status" and record_type.workflow is None)
    ]


def read_both(cycle: Cycle) -> BothBooks:
    """Read both sides whole: QuickBooks by pages, the platform in one transaction.

    Raises:
        RetryLaterError: QuickBooks cannot be read.
    """
    record_types = compared_types(cycle)
    raws: dict[str, list[Payload]] = {}
    for record_type in record_types:
        cycle.progress(f"reading QuickBooks's {record_type.plural}")
        raws[record_type.name] = cycle.quickbooks.query(record_type.entity)[0]
    cycle.progress("reading the platform")
    rows, links, parked = _platform(cycle, record_types, raws)
    learn_names(cycle, QuickBooksExtract(raws, {}, {}), PlatformExtract(rows=rows))
    quickbooks, platform, not_ready = {}, {}, 0
    for record_type in record_types:
        for raw in raws[record_type.name]:
            link = links.get((record_type.name, Side.QUICKBOOKS, str(raw["Id"])))
            if link is not None or record_type.takes(raw):
                each = _record(cycle, record_type, Side.QUICKBOOKS, str(raw["Id"]), raw, link)
                quickbooks[each.key] = each
        for row in rows[record_type.name]:
            if not _is_ready(record_type, row):
                not_ready += 1
                continue
            link = links.get((record_type.name, Side.PLATFORM, row.id))
            each = _record(cycle, record_type, Side.PLATFORM, row.id, row.values, link)
            platform[each.key] = each
    home = cycle.facts.home_currency
    return BothBooks(
        SideBooks(_books(home, quickbooks), quickbooks),
        SideBooks(_books(home, platform), platform),
        parked,
        not_ready,
        home,
    )


_Links = dict[tuple[str, Side, str], Link]


def _platform(
    cycle: Cycle, record_types: Sequence[RecordType], raws: Mapping[str, list[Payload]]
) -> tuple[dict[str, list[Row]], _Links, dict[int, Parked]]:
    """The platform's live rows, the links of both sides, and what is parked: one moment."""
    rows: dict[str, list[Row]] = {}
    links: _Links = {}
    with cycle.state.begin() as unit:
        for record_type in record_types:
            name = record_type.name
            found = unit.platform.rows(record_type, unit.platform.ids(record_type))
            rows[name] = list(found.values())
            ids = {
                Side.QUICKBOOKS: [str(each["Id"]) for each in raws[name]],
                Side.PLATFORM: list(found),
            }
            for side, side_ids in ids.items():
                known = unit.links_of(name, side, side_ids)
                cycle.references.learn(known.values())
                links |= {(name, side, side_id): link for side_id, link in known.items()}
            load_parents(
                cycle, unit, record_type, raws[name], [row.values for row in found.values()]
            )
        parked = {each.link_id: each for each in unit.parked([each.name for each in record_types])}
    return rows, links, parked


def _is_ready(record_type: RecordType, row: Row) -> bool:
    """Whether a platform record is for the books itself, by its workflow, not by a bill."""
    workflow = record_type.workflow
    if workflow is None:
        return True
    is_billed = bool(workflow.billed_as) and row.values.get(workflow.billed_as) is not None
    return not is_billed and row.values.get(workflow.column) in workflow.forwarded


def _record(
    cycle: Cycle, record_type: RecordType, side: Side, side_id: str, raw: Any, link: Link | None
) -> SideRecord:
    decoded = decode(record_type, side, raw, cycle.references)
    key = reference(record_type.name, link.id) if link else f"{record_type.name}@{side}:{side_id}"
    error = "; ".join(str(each) for each in decoded.errors)
    return SideRecord(key, record_type, side_id, link, decoded.content, raw, error)


def _books(home_currency: str, records: Mapping[str, SideRecord]) -> Books:
    """What postings refer to, accounts in QuickBooks's order."""

    def place(each: SideRecord) -> str:
        quickbooks_id = (each.link.quickbooks_id if each.link else "") or each.side_id
        return quickbooks_id.rjust(_ID_DIGITS)

    return Books(
        home_currency,
        {each.key: each.content for each in sorted(records.values(), key=place)},
    )
