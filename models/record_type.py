"""What a record type declares, and the catalog of all of them.

One file in `models/record_types` per record type; from it follow both codecs, the query, the
checks, the merge rules and the order of parents. A new record type is a new file there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from graphlib import TopologicalSorter

from models.checks import Check, length_check
from models.errors import UsageError, shorten
from models.fields import Currency, Field, Raw, Reader, Text, readers_of
from models.file_rules import FileRules
from models.lines import Lines
from models.marker import Marking, marker_in
from models.postings import Rule
from models.records import Content
from models.reference_fields import Named, Reference, named_among, references_among
from models.words import DataType, Owner, Side

#: A longer label names nothing better, and tables, logs and pages show it.
LABEL_CHARACTERS_MAX = 200


class DeleteMeans(StrEnum):
    """What QuickBooks can do when a record goes away (quickbooks-api 3.6)."""

    #: Name lists cannot be deleted; they become inactive.
    DEACTIVATE = "deactivate"
    #: Transactions are deleted for good.
    DELETE = "delete"
    #: It cannot go away: QuickBooks leads, and nothing is ever written there.
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A platform status that decides whether a record is ready for the books."""

    column: str
    #: Statuses whose records go to QuickBooks.
    forwarded: tuple[str, ...]
    #: Status of a record that stands in the books.
    posted: str
    #: Statuses that may not follow on posted: such a record waits for a person.
    withdrawn: tuple[str, ...] = ()
    #: Column that names the bill which stands for the record in the books; "" where there is none.
    billed_as: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RecordType:
    """One kind of record, declared."""

    name: str
    #: Plural for people: "invoices".
    plural: str
    data_type: DataType
    #: QuickBooks entity name.
    entity: str
    #: Platform table.
    table: str
    fields: tuple[Field, ...]
    checks: tuple[Check, ...]
    #: Field that people call the record by; the id stands in where it is empty.
    label: str
    delete_means: DeleteMeans
    #: Keys that say two unlinked records are the same: each a tuple of fields that must be equal.
    match_keys: tuple[tuple[str, ...], ...] = ()
    #: Where its QuickBooks records carry the marker; None: its name, the first match key, is
    #: unique in QuickBooks, so that a record of unknown outcome is found by it.
    marking: Marking | None = None
    #: Whether it can be voided in QuickBooks, if only by people in its own pages (section 3.4).
    voidable: bool = False
    #: Status word that means void, where the sync can void it in QuickBooks.
    void_status: str = ""
    #: Body parts that QuickBooks demands on every write (section 3.2), by path.
    always_sent: tuple[str, ...] = ()
    #: QuickBooks takes full updates only (section 3.6): what is mapped is sent whole.
    full_updates: bool = False
    #: Whether a QuickBooks record that is not linked yet belongs to this record type at all.
    takes: Callable[[Raw], bool] = lambda _raw: True
    workflow: Workflow | None = None
    #: Where it says what its file is; None where it has none. Its creates are uploads.
    file: FileRules | None = None
    #: Field with the amount that the record is about; "" where it is about none.
    amount: str = ""
    #: Field with the day on which it counts in the books; "" where it has none. QuickBooks refuses
    #: to write what counts on a closed day (fault 6210).
    booked_on: str = ""
    #: What it debits and credits; None where it moves no money.
    postings: Rule | None = None
    #: Where one record is in QuickBooks's own pages, up to its id: "invoice?txnId="; "" where it
    #: has no page of its own.
    web_page: str = ""
    #: What QuickBooks's reports call it.
    report_titles: tuple[str, ...] = ()
    #: One sentence for the docs.
    meaning: str = ""

    def __repr__(self) -> str:
        return f"RecordType({self.name})"

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by canonical name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def names(self) -> frozenset[str]:
        """Canonical names of all fields."""
        return frozenset(self.by_name)

    @cached_property
    def names_sent_on_create(self) -> frozenset[str]:
        """Names of the fields that a create in QuickBooks sends."""
        return frozenset(field.name for field in self.fields if field.sent_on_create)

    @cached_property
    def readers(self) -> dict[Side, tuple[Reader, ...]]:
        """How each side's fields are read, the currency first: amounts are read in it."""
        order = sorted(self.fields, key=lambda each: not isinstance(each, Currency))
        return readers_of(order)

    @cached_property
    def currency(self) -> Currency | None:
        """The field with the record's currency, if it may have another one than the company."""
        return next((field for field in self.fields if isinstance(field, Currency)), None)

    @cached_property
    def every_check(self) -> tuple[Check, ...]:
        """The declared checks, and the length that QuickBooks takes of each text that is sent."""
        lengths = (
            length_check(field.name, field.length_max)
            for field in self.fields
            if isinstance(field, Text) and field.sent_on_create
        )
        return (*self.checks, *lengths)

    @cached_property
    def lines(self) -> Lines | None:
        """The lines field, if the record type has one."""
        return next((field for field in self.fields if isinstance(field, Lines)), None)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The fields that refer to other records, those of lines left out."""
        return references_among(self.fields)

    @cached_property
    def reference_names(self) -> tuple[str, ...]:
        """Names of those fields."""
        return tuple(field.name for field in self.references)

    @cached_property
    def named(self) -> tuple[Named, ...]:
        """The fields that name entries of lists, those of lines left out."""
        return named_among(self.fields)

    @cached_property
    def own_parent(self) -> tuple[str, ...]:
        """Fields that refer to a record of this type, such as a sub-account's account."""
        return tuple(field.name for field in self.references if self.name in field.to)

    @cached_property
    def parents(self) -> frozenset[str]:
        """Record types that this one refers to, itself left out."""
        return self.refers_to - {self.name}

    @cached_property
    def refers_to(self) -> frozenset[str]:
        """Record types that this one refers to."""
        fields = list(self.references)
        if self.lines:
            fields += [field for shape in self.lines.shapes for field in shape.references]
        return frozenset(name for field in fields for name in field.to)

    @cached_property
    def read_only(self) -> bool:
        """Whether QuickBooks leads: what the platform changes never goes there."""
        return self.delete_means is DeleteMeans.KEEP

    @cached_property
    def is_list(self) -> bool:
        """Whether the entity is a name list, which has an Active flag."""
        return self.delete_means is DeleteMeans.DEACTIVATE

    @cached_property
    def shared_objects(self) -> frozenset[str]:
        """Objects in QuickBooks's JSON that several fields are part of: replaced whole."""
        sharing = Counter(field.root for field in self.fields if "." in field.quickbooks)
        return frozenset(root for root, count in sharing.items() if count > 1)

    @cached_property
    def figures(self) -> tuple[Field, ...]:
        """The fields that QuickBooks computes."""
        return tuple(field for field in self.fields if field.owner is Owner.QUICKBOOKS)

    def marker_in(self, raw: Raw) -> str | None:
        """The marker that a QuickBooks record carries, if any."""
        if self.marking is None:
            return None
        number, note = self.marking_fields
        return marker_in(raw, number, note)

    @cached_property
    def marking_fields(self) -> tuple[Field | None, Field]:
        """The fields of the number, where it has one, and of the note that carry the marker."""
        assert self.marking is not None, f"{self.name} carries no marker"
        return self.by_name.get(self.marking.number), self.by_name[self.marking.note]

    def label_of(self, content: Content | None, fallback: str) -> str:
        """What people call a record with this content."""
        value = content.get(self.label) if content else None
        return shorten(value, characters_max=LABEL_CHARACTERS_MAX) if value else fallback


@cache
def catalog() -> dict[str, RecordType]:
    """All record types by name, parents before children.

    A record type may refer to itself (a sub-account); records then go parents first.
    """
    from models import record_types

    found: dict[str, RecordType] = {}
    for module in pkgutil.iter_modules(record_types.__path__):
        declared = importlib.import_module(f"{record_types.__name__}.{module.name}")
        found[declared.RECORD_TYPE.name] = declared.RECORD_TYPE
    order = TopologicalSorter({name: sorted(found[name].parents) for name in sorted(found)})
    return {name: found[name] for name in order.static_order()}


def record_type_named(name: str) -> RecordType:
    """The record type of that name.

    Raises:
        UsageError: for an unknown name.
    """
    try:
        return catalog()[name]
    except KeyError:
        raise UsageError(
            f"record type {name!r} is not known; use one of: {', '.join(catalog())}"
        ) from None


@cache
def _by_entity() -> dict[str, list[RecordType]]:
    found: dict[str, list[RecordType]] = {}
    for each in catalog().values():
        found.setdefault(each.entity.lower(), []).append(each)
    return found


def of_entity(entity: str) -> list[RecordType]:
    """Record types of a QuickBooks entity, however it is spelt; none where it is not synced."""
    return _by_entity().get(entity.lower(), [])


def in_data_types(data_types: Iterable[DataType]) -> list[RecordType]:
    """Record types of these data types, parents first."""
    return list(_in_data_types(frozenset(data_types)))


@lru_cache(16)  # every cycle asks: there are as many as sets of data types
def _in_data_types(wanted: frozenset[DataType]) -> tuple[RecordType, ...]:
    return tuple(each for each in catalog().values() if each.data_type in wanted)


def with_parents(
    record_types: Iterable[RecordType], on: Collection[DataType] = frozenset(DataType)
) -> list[RecordType]:
    """These record types and all they refer to, directly or not, parents first.

    Entries of lists come along whatever is switched on; documents only where their data type is.
    """
    return list(_with_parents(frozenset(each.name for each in record_types), frozenset(on)))


@lru_cache(256)  # every cycle asks, and companies switch on the same few data types
def _with_parents(names: frozenset[str], on: frozenset[DataType]) -> tuple[RecordType, ...]:
    needed: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            parents = (catalog()[parent] for parent in catalog()[name].parents)
            waiting.extend(each.name for each in parents if each.is_list or each.data_type in on)
    return tuple(each for each in catalog().values() if each.name in needed)
