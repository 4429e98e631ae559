"""One QuickBooks company: its records, id sequences, name indexes and the journal of writes.

Records are dictionaries in wire form and are replaced, never changed in place, so that a write that
fails half way can be undone by putting the old ones back. All transactions draw their ids from one
sequence; each name list has its own.
Source: dossier sections 3.3 (ids), 3.5 (names) and 13.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.clock import Clock, parse_instant, stamp
from emulator.entities import ENTITIES
from emulator.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from emulator.entities.declaration import Entity
    from emulator.options import Options

Record = dict[str, Any]

#: Sales forms count in one sequence, estimates and purchase orders each in their own.
NUMBER_FAMILIES = {
    "Invoice": "sales",
    "SalesReceipt": "sales",
    "CreditMemo": "sales",
    "RefundReceipt": "sales",
    "Estimate": "estimate",
    "PurchaseOrder": "order",
}
_FIRST_NUMBER = 1000
_PEOPLE = frozenset({"Customer", "Vendor", "Employee"})
_BY_QUALIFIED_NAME = frozenset({"Account", "Item", "Class", "Department"})


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the connected application, or a person in QuickBooks."""

    #: The name shown in stale-object faults and in the journal.
    who: str
    #: What MetaData.LastModifiedByRef carries.
    user_id: str
    #: The client id of the application, empty for a person.
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One write that took effect."""

    sequence: int
    who: str
    client: str
    realm_id: str
    entity: str
    id: str
    operation: str
    request_id: str
    time: str
    body: Any


class Company:
    """The books of one realm."""

    #: A slot, so that it is not in `vars` and thus not in snapshots: it follows from the records.
    __slots__ = ("__dict__", "__weakref__", "ledger")

    def __init__(self, realm_id: str, clock: Clock, options: Options, name: str = "") -> None:
        """Start with empty books."""
        self.realm_id = realm_id
        self.clock = clock
        self.options = options
        self.name = name
        self.records: dict[str, dict[str, Record]] = {name: {} for name in ENTITIES}
        self.tombstones: dict[str, dict[str, datetime]] = {name: {} for name in ENTITIES}
        self.transaction_types: dict[str, str] = {}
        self.modified_by: dict[tuple[str, str], str] = {}
        self.journal: list[JournalLine] = []
        self.ledger = Ledger()
        #: The bytes of attached files, by the attachment's id.
        self.files: dict[str, bytes] = {}
        #: Where clients reach the emulator, for links to files.
        self.base_url = ""
        self._sequences: dict[str, int] = {}
        self._index: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
        self._highest_numbers: dict[str, int] = {}
        self._undo: list[tuple[str, str, Record | None]] | None = None
        #: Told of every write that took effect, with the (entity, id) pairs it touched.
        self.listeners: list[Callable[[Company, set[tuple[str, str]]], None]] = []

    # Reading

    def get(self, entity: str, record_id: str) -> Record | None:
        """Return one record, or None."""
        return self.records[entity].get(record_id)

    def all(self, entity: str) -> list[Record]:
        """Return every record of an entity, inactive ones too."""
        return list(self.records[entity].values())

    def single(self, entity: str) -> Record:
        """Return the only record of an entity that exists once."""
        return next(iter(self.records[entity].values()))

    def preference(self, group: str, name: str) -> Any:
        """Return one preference, None when it is not set."""
        preferences = self.records["Preferences"].values()
        return next((record.get(group, {}).get(name) for record in preferences), None)

    @property
    def home_currency(self) -> str:
        """Return the code of the currency the books are kept in."""
        currency = self.preference("CurrencyPrefs", "HomeCurrency") or {}
        return str(currency.get("value", "USD"))

    def account_by_subtype(self, subtype: str, currency: str | None = None) -> str | None:
        """Return the id of the first active account of that kind."""
        for account in self.records["Account"].values():
            if account.get("AccountSubType") == subtype and account.get("Active", True):
                held = account.get("CurrencyRef", {}).get("value", self.home_currency)
                if currency is None or held == currency:
                    return str(account["Id"])
        return None

    def holders(self, space: str, key: str) -> list[tuple[str, str]]:
        """Return the (entity, id) pairs that hold a name or number."""
        return list(self._index.get((space, key.lower()), ()))

    def next_document_number(self, entity: str) -> str:
        """Return the next automatic number of the entity's family."""
        highest = self._highest_numbers.get(NUMBER_FAMILIES[entity], _FIRST_NUMBER)
        return str(highest + 1)

    # Writing

    def next_id(self, entity: Entity) -> str:
        """Draw the next id of the entity's sequence."""
        if entity.ids_after:
            self.reserve(entity.name, str(entity.ids_after))
        return self.draw("transactions" if entity.is_transaction else entity.name)

    def draw(self, sequence: str) -> str:
        """Draw the next number of a sequence."""
        self._sequences[sequence] = self._sequences.get(sequence, 0) + 1
        return str(self._sequences[sequence])

    def reserve(self, sequence: str, used: str) -> None:
        """Note that an id is taken, so that the sequence goes on after it."""
        if used.isdecimal():
            self._sequences[sequence] = max(self._sequences.get(sequence, 0), int(used))

    def put(self, entity: str, record: Record) -> None:
        """Store a record, new or in place of the old one."""
        record_id = str(record["Id"])
        before = self.records[entity].get(record_id)
        self._remember(entity, record_id, before)
        self._unindex(entity, before)
        self.records[entity][record_id] = record
        self.tombstones[entity].pop(record_id, None)
        if ENTITIES[entity].is_transaction:
            self.transaction_types[record_id] = entity
            self.reserve("transactions", record_id)
        else:
            self.reserve(entity, record_id)
        self._reindex(entity, record)

    def remove(self, entity: str, record_id: str) -> None:
        """Delete a record for good, leaving a tombstone for CDC."""
        self._take_out(entity, record_id)
        if entity == "Attachable":
            self.files.pop(record_id, None)
        self.tombstones[entity][record_id] = self.clock.now()

    def change(self, entity: str, record_id: str, **values: Any) -> None:
        """Put derived values on a record: the time moves, the SyncToken does not."""
        record = self.records[entity][record_id]
        meta = {**record.get("MetaData", {})}
        meta["LastUpdatedTime"] = later_stamp(meta, self.clock.now())
        self.put(entity, {**record, **values, "MetaData": meta})

    def bump(self, entity: str, record_id: str, **values: Any) -> None:
        """Put values on a record as an edit: both the time and the SyncToken move."""
        token = str(int(self.records[entity][record_id].get("SyncToken", "0")) + 1)
        self.change(entity, record_id, **values, SyncToken=token)

    def amend(self, entity: str, record_id: str, **values: Any) -> None:
        """Put values on a record without a trace, such as a renamed customer's new name."""
        self.put(entity, {**self.records[entity][record_id], **values})

    def write_journal(
        self,
        author: Author,
        owner: tuple[str, str],
        operation: str,
        *,
        request_id: str,
        body: Any,
    ) -> None:
        """Note a write that took effect."""
        entity, record_id = owner
        self.modified_by[owner] = author.who
        self.journal.append(
            JournalLine(
                sequence=len(self.journal) + 1,
                who=author.who,
                client=author.client_id,
                realm_id=self.realm_id,
                entity=entity,
                id=record_id,
                operation=operation,
                request_id=request_id,
                time=stamp(self.clock.now()),
                body=body,
            )
        )

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Run a write as a whole: an exception inside puts every record back as it was."""
        assert self._undo is None, "writes do not nest"
        self._undo = []
        self.ledger.begin()
        tombstones = {name: dict(ids) for name, ids in self.tombstones.items() if ids}
        journal_length = len(self.journal)
        counters = (dict(self._sequences), dict(self._highest_numbers))
        try:
            yield
        except BaseException:
            steps, self._undo = self._undo, None
            for entity, record_id, before in reversed(steps):
                self._take_out(entity, record_id)
                if before is not None:
                    self.put(entity, before)
            self.ledger.take_back()
            self.tombstones.update({name: tombstones.get(name, {}) for name in self.tombstones})
            del self.journal[journal_length:]
            self._sequences, self._highest_numbers = counters
            raise
        else:
            touched = {(entity, record_id) for entity, record_id, _ in self._undo}
            self._undo = None
            for listener in self.listeners:
                listener(self, touched)
        finally:
            self._undo = None

    def _take_out(self, entity: str, record_id: str) -> None:
        before = self.records[entity].pop(record_id, None)
        self._remember(entity, record_id, before)
        self._unindex(entity, before)
        if ENTITIES[entity].is_transaction:
            self.transaction_types.pop(record_id, None)

    def _remember(self, entity: str, record_id: str, before: Record | None) -> None:
        if self._undo is not None:
            self._undo.append((entity, record_id, before))

    # Indexes of names and numbers

    def _reindex(self, entity: str, record: Record) -> None:
        owner = (entity, str(record["Id"]))
        for key in index_keys(entity, record):
            self._index.setdefault(key, {})[owner] = None
        number = str(record.get("DocNumber", ""))
        family = NUMBER_FAMILIES.get(entity)
        if family is not None and number.isdecimal() and len(number) < 10:
            highest = self._highest_numbers.get(family, _FIRST_NUMBER)
            self._highest_numbers[family] = max(highest, int(number))

    def _unindex(self, entity: str, record: Record | None) -> None:
        if record is None:
            return
        owner = (entity, str(record["Id"]))
        for key in index_keys(entity, record):
            self._index.get(key, {}).pop(owner, None)


def new_frame(company: Company) -> Record:
    """Return what every new record carries."""
    now = stamp(company.clock.now())
    meta = {"CreateTime": now, "LastUpdatedTime": now}
    return {"domain": "QBO", "sparse": False, "SyncToken": "0", "MetaData": meta}


def later_stamp(meta: Record, now: datetime) -> str:
    """Return the time of an edit made now, never earlier than the one already noted.

    Recorded companies may carry times in the future.
    """
    noted = parse_instant(str(meta.get("LastUpdatedTime", "")))
    return stamp(now if noted is None else max(now, noted))


def name_space(entity: str) -> str:
    """Return the space in which the entity's names must be unique."""
    return "people" if entity in _PEOPLE else entity


def index_keys(entity: str, record: Record) -> list[tuple[str, str]]:
    """Return the (space, key) pairs under which a record can be found."""
    keys = []
    field = "FullyQualifiedName" if entity in _BY_QUALIFIED_NAME else ENTITIES[entity].name_field
    if field is not None and record.get(field):
        keys.append((name_space(entity), str(record[field]).lower()))
    if record.get("DocNumber"):
        keys.append((f"number:{entity}", str(record["DocNumber"]).lower()))
    return keys
