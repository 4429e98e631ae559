"""The fields that point at something else: at a synced record, or at a list entry by its name.

Both sides number their records differently, so a reference is canonical as the link's id
(`models.records.reference`), and an entry of a list that is not synced as its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from models.errors import MissingParentError, shorten
from models.fields import Field, MutableRaw, Raw, Text, column_value, put_at, value_at
from models.records import References, Value, link_in, reference
from models.words import Side


@dataclass(frozen=True, kw_only=True)
class Reference(Field):
    """A reference to another synced record, in canonical form "record_type:link".

    quickbooks is the path of the ReferenceType object; its `value` is the id (section 10.1).
    """

    #: Record types it may point to; the first is meant where QuickBooks does not say.
    to: tuple[str, ...]
    #: Path of QuickBooks's word for the type, where it may be several (Purchase.EntityRef.type).
    type_path: str = ""
    #: Record type -> QuickBooks's word for it, with type_path.
    type_words: Mapping[str, str] = field(default_factory=dict)
    #: Record type -> platform column, where it may be several.
    columns: Mapping[str, str] = field(default_factory=dict)
    #: QuickBooks's flag that must say whether the reference is set (SubAccount, Job).
    flag: str = ""
    #: The id stands at the path itself, not at its `value` (LinkedTxn.0.TxnId).
    bare: bool = False
    kind: ClassVar[str] = "reference"

    @cached_property
    def id_path(self) -> str:
        """Path of the id in QuickBooks's JSON."""
        return self.quickbooks if self.bare else f"{self.quickbooks}.value"

    def key(self, side: Side) -> str | None:
        """As any field's; on the platform there may be a column for each record type."""
        return None if side is Side.PLATFORM and self.columns else super().key(side)

    def target_in_quickbooks(self, raw: Raw) -> tuple[str, str] | None:
        """Record type and QuickBooks id that the JSON refers to."""
        side_id = value_at(raw, self.id_path)
        if side_id in (None, ""):
            return None
        if not self.type_path:
            return self.to[0], str(side_id)
        word = str(value_at(raw, self.type_path)).casefold()  # seen in capitals too (10.5)
        matching = [name for name, known in self.type_words.items() if known.casefold() == word]
        return (matching[0], str(side_id)) if matching else None

    def target_on_platform(self, row: Raw) -> tuple[str, str] | None:
        """Record type and platform id that the row refers to."""
        for record_type in self.to:
            side_id = column_value(row, self.columns.get(record_type, self.column))
            if side_id is not None:
                return record_type, str(side_id)
        return None

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """Read the reference; its parent must be known."""
        return self._resolved(self.target_in_quickbooks(raw), Side.QUICKBOOKS, references)

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """Read the reference; its parent must be known."""
        return self._resolved(self.target_on_platform(row), Side.PLATFORM, references)

    def _resolved(
        self, target: tuple[str, str] | None, side: Side, references: References
    ) -> Value:
        if target is None:
            return None
        record_type, side_id = target
        link_id = references.link_of(record_type, side, side_id)
        if link_id is None:
            raise MissingParentError(
                f"{self.name} refers to {record_type} {shorten(side_id)}, which does not exist "
                f"on {side}",
                code="missing_parent",
                field=self.name,
                value=side_id,
                fix=f"Create the {record_type} or choose another one for {self.name}.",
            )
        return reference(record_type, link_id)

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Write the id that the parent has in QuickBooks."""
        if self.flag:
            put_at(body, self.flag, value is not None)
        if value is None:
            if not self.flag:
                put_at(body, self.id_path, "")
            return
        record_type, side_id = self._target(value, Side.QUICKBOOKS, references)
        put_at(body, self.id_path, side_id)
        if self.type_path:
            put_at(body, self.type_path, self.type_words[record_type])

    def into_platform(self, row: MutableRaw, value: Value, references: References) -> None:
        """Write the id that the parent has on the platform."""
        for column in self.columns.values() or (self.column,):
            row[column] = None
        if value is not None:
            record_type, side_id = self._target(value, Side.PLATFORM, references)
            row[self.columns.get(record_type, self.column)] = int(side_id)

    def _target(self, value: str, side: Side, references: References) -> tuple[str, str]:
        record_type, link_id = link_in(value)
        side_id = references.side_id_of(link_id, side)
        if side_id is None:
            label = references.label_of(link_id)
            raise MissingParentError(
                f"{self.name} is {record_type} {label}, which is not on {side} yet",
                code="waits_for_parent",
                field=self.name,
                value=label,
                fix=f"It goes on by itself when {record_type} {label} has been synced; see there.",
            )
        return record_type, side_id


@dataclass(frozen=True, kw_only=True)
class Named(Text):
    """The name of a QuickBooks list entry that is not synced itself (Term, TaxCode ...).

    quickbooks is the path of the ReferenceType object. On US sales lines the ids TAX and NON
    stand for themselves (section 10.7).
    """

    entity: str
    #: Ids that are their own names.
    literal: tuple[str, ...] = ()
    kind: ClassVar[str] = "name"

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """The name as QuickBooks spells it, which does not tell capitals apart."""
        name = super().from_platform(row, references, currency)
        if name is None or name in self.literal:
            return name
        found = references.id_of_name(self.entity, name)
        return (references.name_of(self.entity, found) if found else None) or name

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The entry's name; an entry that QuickBooks no longer lists keeps its id as name."""
        quickbooks_id = value_at(raw, f"{self.quickbooks}.value")
        if quickbooks_id in (None, ""):
            return None
        if quickbooks_id in self.literal:
            return quickbooks_id
        known = references.name_of(self.entity, str(quickbooks_id))
        name = known or value_at(raw, f"{self.quickbooks}.name") or quickbooks_id
        return self.checked(name, currency)

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Write the id of the entry with this name."""
        if value is None:
            put_at(body, f"{self.quickbooks}.value", "")
            return
        found = value if value in self.literal else references.id_of_name(self.entity, value)
        if found is None:
            raise self.wrong(
                value,
                f"is {value!r}, which QuickBooks does not have in its list of {self.entity}",
                code="unknown_name",
                fix=f"Use the name of an active {self.entity} in QuickBooks, or add it there.",
            )
        put_at(body, f"{self.quickbooks}.value", found)


def references_among(fields: Iterable[Field]) -> tuple[Reference, ...]:
    """The fields that refer to other records."""
    return tuple(each for each in fields if isinstance(each, Reference))


def named_among(fields: Iterable[Field]) -> tuple[Named, ...]:
    """The fields that name entries of lists that are not synced."""
    return tuple(each for each in fields if isinstance(each, Named))
