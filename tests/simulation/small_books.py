"""A small and fast QuickBooks company: the far side's truth in simulated schedules.

It follows the emulator in what the product can see: versions, names, references, numbers, totals,
open and party balances, links, closed books, CDC. What it leaves out is listed in
`tests/contract/differences.py`. No version of a record is ever changed: each change stores a new
dictionary, so that records are handed out without copying, and a snapshot is a shallow copy.

Another entity is data: a record type in the catalog, its declaration in `emulator/entities`, a
tuple of rules in one of the files `small_*.py`, and what it moves in `small_postings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.ports import Clock, CompanyFacts
from connectors.quickbooks.faults import fault_error, read_fault
from emulator import faults
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from emulator.writing.references import SHIPPING_ITEM, walk
from models.errors import RemoteError
from models.record_type import catalog
from models.words import Operation
from tests.simulation import small_ledger as ledger
from tests.simulation import small_links as links
from tests.simulation import small_voids as voids
from tests.simulation.small_documents import (
    DOCUMENT_RULES,
    note_number,
    refuse_closed,
    refuse_deposited,
)
from tests.simulation.small_fields import ZERO, Found, clean, table_of
from tests.simulation.small_keeping import Keeping
from tests.simulation.small_purchases import PURCHASE_RULES
from tests.simulation.small_rules import NAME_FIELDS, RULES, Draft, Rule
from tests.simulation.small_sales import SALES_RULES
from tests.simulation.small_state import Entry, Record, State

ENTITY_NAMES = tuple(each.entity for each in catalog().values())
#: Lists that the product knows by name only; nobody writes them here.
NAMED_LISTS: dict[str, tuple[tuple[str, Record], ...]] = {
    "Term": tuple(
        (str(number), {"Name": name, "Type": "STANDARD", "DueDays": days})
        for number, (name, days) in enumerate(
            (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60)), start=1
        )
    ),
    "TaxCode": (("TAX", {"Name": "TAX", "Taxable": True}), ("NON", {"Name": "NON"})),
    "PaymentMethod": tuple(
        (str(number), {"Name": name})
        for number, name in enumerate(("Cash", "Check", "Visa", "MasterCard"), start=1)
    ),
}
_RULES: dict[str, tuple[Rule, ...]] = {
    **RULES,
    **DOCUMENT_RULES,
    **SALES_RULES,
    **PURCHASE_RULES,
    **ledger.LEDGER_RULES,
}


#: The entity that has a file.
_FILE = "Attachable"


class SmallBooks(Keeping):
    """One company.

    Args:
        clock: the company's own time.
        custom_numbers: whether the company numbers its invoices itself.
        cdc_cap: most records that one CDC answer carries.
        cdc_cap_per_entity: whether the cap counts for each entity, not for the whole answer.
        page_rows: most records of one page of a query.
        multi_currency: whether foreign currencies are kept.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        custom_numbers: bool = True,
        cdc_cap: int = 1_000,
        cdc_cap_per_entity: bool = False,
        page_rows: int = 1_000,
        multi_currency: bool = False,
        realm_id: str = "9341450000000042",
    ) -> None:
        super().__init__(clock, (*ENTITY_NAMES, *NAMED_LISTS))
        self.custom_numbers = custom_numbers
        self.cdc_cap = cdc_cap
        self.cdc_cap_per_entity = cdc_cap_per_entity
        self.page_rows = page_rows
        self.multi_currency = multi_currency
        self.realm_id = realm_id
        #: False: a request id that was seen before is like a new one.
        self.honour_request_ids = True
        self.put("CompanyInfo", ledger.COMPANY)
        for entity, rows in NAMED_LISTS.items():
            for record_id, fields in rows:
                self.put(entity, {**fields, "Active": True, **self.frame(record_id)})

    # -- people who work in QuickBooks --

    def create(self, entity: str, body: Mapping[str, Any], who: str = "accountant") -> Record:
        """Enter a record.

        Raises:
            RemoteError: QuickBooks refuses it.
        """
        return self._by_hand(Operation.CREATE, entity, body, who)

    def attach(self, body: Mapping[str, Any], content: bytes, who: str = "accountant") -> Record:
        """Enter an attachment with its file.

        Raises:
            RemoteError: QuickBooks refuses it.
        """
        return self.keep_file(self.create(_FILE, body, who), content)

    def file_of(self, record_id: str) -> bytes | None:
        """The file of an attachment; None where there is none."""
        return self.state.files.get(record_id)

    def keep_file(self, record: Record, content: bytes) -> Record:
        """Keep the bytes of an attachment that was just made; the attachment as it is served."""
        self.state.files[record["Id"]] = content
        self.amend(_FILE, record["Id"], Size=len(content))
        return self.state.records[_FILE][record["Id"]]

    def update(self, entity: str, record_id: str, who: str = "accountant", **fields: Any) -> Record:
        """Change fields of a record, whatever its version is."""
        record = self.get(entity, record_id) or {}
        full = ENTITIES[entity].full_only
        always = record if full else {name: record.get(name) for name in table_of(entity).always}
        body = {**self._key(entity, record_id), **always, **fields}
        return self._by_hand(Operation.UPDATE, entity, body, who)

    def delete(self, entity: str, record_id: str, who: str = "accountant") -> None:
        """Delete a transaction."""
        self._by_hand(Operation.DELETE, entity, self._key(entity, record_id), who)

    def void(self, entity: str, record_id: str, who: str = "accountant") -> Record:
        """Void a document, also one that the application cannot void."""
        return self._by_hand(Operation.VOID, entity, self._key(entity, record_id), who)

    def all(self, entity: str) -> list[Record]:
        """Every record of an entity, inactive ones too, by id."""
        return list(self.state.records[entity].values())

    @property
    def journal(self) -> list[Entry]:
        """Every write that took effect, in order."""
        return self.state.journal

    def forget_request_ids(self) -> None:
        """Remember no answer any longer."""
        self.state.replays.clear()
        self.state.item_replays.clear()

    def snapshot(self) -> State:
        """The books as they stand."""
        return self.state.copied()

    def restore(self, kept: State) -> None:
        """Put the books back as they stood; time goes on."""
        latest = self.state.latest
        self.state = kept.copied()
        self.state.latest = max(latest, self.state.latest)
        self._accounts = None

    def turn_back(self, kept: State) -> None:
        """Put the books back as they stood, and their time too: another history begins."""
        self.state.latest = kept.latest
        self.restore(kept)

    def facts(self) -> CompanyFacts:
        """Who the company is."""
        return CompanyFacts(
            realm_id=self.realm_id,
            name=self.state.records["CompanyInfo"]["1"]["CompanyName"],
            country="US",
            home_currency=self.home_currency,
            multi_currency=self.multi_currency,
            custom_numbers=self.custom_numbers,
            book_close_date=self.book_close_date,
        )

    def _key(self, entity: str, record_id: str) -> Record:
        record = self.state.records[entity].get(record_id)
        return {"Id": record_id, "SyncToken": record["SyncToken"] if record else "0"}

    def _by_hand(
        self, operation: Operation, entity: str, body: Mapping[str, Any], who: str
    ) -> Record:
        try:
            return self.write(operation, entity, body, who, person=True)
        except QuickBooksFault as refusal:
            raise error_of(refusal) from refusal

    # -- reading --

    def find(self, entity: str, record_id: str) -> Record:
        """One record.

        Raises:
            QuickBooksFault: 610, or 2030 for what is no id.
        """
        record = self.state.records[entity].get(record_id)
        if record is not None:
            return record
        if entity not in NAMED_LISTS and not record_id.lstrip("-").isdecimal():
            raise faults.invalid_id(record_id)
        other = self.state.transactions.get(record_id) if ENTITIES[entity].is_transaction else None
        if other is not None:
            raise faults.wrong_transaction_type(ENTITIES[other].title, ENTITIES[entity].title)
        raise faults.not_found()

    # -- writing --

    def write(
        self,
        operation: Operation,
        entity: str,
        body: Mapping[str, Any],
        who: str,
        *,
        request_id: str = "",
        person: bool = False,
    ) -> Record:
        """Do one write; an update is a sparse one.

        Raises:
            QuickBooksFault: it is refused, and nothing has changed.
            RejectedError: a number in it is not exact.
        """
        assert entity in _RULES, f"nobody writes a {entity} here"
        self.second()
        if operation is Operation.DELETE:
            return self._delete(entity, body, who, request_id)
        if operation is Operation.VOID:
            return self._void(entity, body, who, request_id, person=person)
        if str(operation) not in ENTITIES[entity].verbs:
            raise faults.unsupported(f"{operation} {entity}")
        found: list[Found] = []
        sent = clean(table_of(entity), body, found)
        before = None if operation is Operation.CREATE else self._current(entity, body)
        whole = before is None or ENTITIES[entity].full_only
        self._require(entity, sent, whole=whole)
        for choices, reference, path in found:
            self._resolve(entity, before, choices, reference, path)
        sequences = dict(self.state.sequences)
        try:
            after = (
                self._new(entity, sent) if before is None else self._merged(entity, before, sent)
            )
            draft = Draft(self, entity, before, sent, after, person)
            for rule in _RULES[entity]:
                rule(draft)
            if before is not None and _substance(before) == _substance(after):
                return before
            return self._store(entity, before, after, operation, who, request_id)
        except QuickBooksFault:
            self.state.sequences = sequences
            raise

    def _require(self, entity: str, sent: Record, *, whole: bool) -> None:
        table = table_of(entity)
        for name in table.required if whole else table.always:
            if sent.get(name) is None:
                raise faults.missing(name)
        if not whole:
            for name in table.not_emptied.intersection(sent):
                if sent[name] is None:
                    raise faults.missing(name)

    def _resolve(
        self,
        entity: str,
        before: Record | None,
        choices: tuple[str, ...],
        reference: Record,
        path: str,
    ) -> None:
        """Check a reference; the payee of a purchase gets its name and kind."""
        kind = reference["type"].lower() if "type" in reference else ""
        for target in choices:
            if kind and target.lower() != kind:
                continue
            record = self.state.records.get(target, {}).get(reference["value"])
            if record is not None:
                break
        else:
            if "Item" in choices and reference["value"] == SHIPPING_ITEM:
                return
            code = reference["value"].upper()
            element = path.rpartition(".")[2]
            if "TaxCode" in choices and code in self.state.records["TaxCode"]:
                reference["value"] = code
                return
            detail = f"{ENTITIES[choices[0]].plural} element id {reference['value']} not found"
            raise faults.invalid_reference(detail, element)
        if record.get("Active") is False and not _held(entity, before, target, record["Id"]):
            raise faults.not_found(path.rpartition(".")[2])
        if path == "EntityRef":
            reference.update(name=record[NAME_FIELDS[target]], type=target)

    def _new(self, entity: str, sent: Record) -> Record:
        defaults = ENTITIES[entity].defaults
        after = {**defaults, **sent}
        for name in [name for name, value in sent.items() if value is None]:
            if name in defaults:
                after[name] = defaults[name]
            else:
                del after[name]
        own = "transactions" if ENTITIES[entity].is_transaction else entity
        if ENTITIES[entity].ids_after:
            self.state.sequences.setdefault(own, ENTITIES[entity].ids_after)
        after["Id"] = self.draw(own)
        return after

    def _merged(self, entity: str, before: Record, sent: Record) -> Record:
        table, after = table_of(entity), dict(before)
        if ENTITIES[entity].full_only:
            # what was left out becomes empty
            after = {name: each for name, each in before.items() if name in table.not_sent}
        merges = ENTITIES[entity].group == "single"
        for name, value in sent.items():
            if name in table.fixed or (value is None and name in table.keep):
                continue
            if value is None:
                after.pop(name, None)
            elif merges and isinstance(value, dict):
                after[name] = {**(before.get(name) or {}), **value}
            else:
                after[name] = value
        return after

    def _current(self, entity: str, body: Mapping[str, Any]) -> Record:
        """The stored record that a body means, if it knows the present version."""
        for name in ("Id", "SyncToken"):
            if body.get(name) in (None, ""):
                raise faults.missing(name)
        record = self.find(entity, str(body["Id"]))
        if str(body["SyncToken"]) != record["SyncToken"]:
            raise faults.stale(self.state.modified_by.get((entity, record["Id"]), "root"))
        return record

    def _delete(self, entity: str, body: Mapping[str, Any], who: str, request_id: str) -> Record:
        if "delete" not in ENTITIES[entity].verbs:
            raise faults.unsupported(f"Delete {entity}")
        before = self._current(entity, body)
        refuse_closed(self.book_close_date, before)
        refuse_deposited(before)
        links.refuse_linked(entity, before)
        record_id, state = before["Id"], self.state
        for change in links.planned(self, entity, before, None):
            self.bump(change.entity, change.id, **change.values)
        for each in ledger.planned(self, before, None) if entity == "Deposit" else ():
            self.bump(each.entity, each.id, **each.values)
        self.move(entity, record_id, None)
        note_number(state, entity, before, None)
        for held in (state.records[entity], state.created[entity], state.touched[entity]):
            held.pop(record_id)
        state.touched[entity][record_id] = state.latest
        state.transactions.pop(record_id, None)
        if entity == _FILE:
            state.files.pop(record_id, None)
        self.note(who, Operation.DELETE, entity, record_id, None, request_id)
        return {"status": "Deleted", "domain": "QBO", "Id": record_id}

    def _void(
        self, entity: str, body: Mapping[str, Any], who: str, request_id: str, *, person: bool
    ) -> Record:
        if not voids.may_void(entity, person=person):
            raise faults.unsupported(f"Void {entity}")
        before = self._current(entity, body)
        refuse_closed(self.book_close_date, before)
        refuse_deposited(before)
        if voids.is_void(before):
            return before
        if voids.is_by_hand_only(entity):
            links.refuse_linked(entity, before)
        for payer in links.payers(before):
            refuse_deposited(self.get(*payer) or {})
        after = voids.voided(entity, before)
        if entity not in links.HOLDERS:
            links.release(self, entity, before, None)
        return self._store(entity, before, after, Operation.VOID, who, request_id)

    def _store(
        self,
        entity: str,
        before: Record | None,
        after: Record,
        operation: Operation,
        who: str,
        request_id: str,
    ) -> Record:
        """Store a version, and carry it into links, balances, names and the journal."""
        # what can still be refused comes before the first change
        paid = links.planned(self, entity, before, after)
        taken = ledger.planned(self, before, after) if entity == "Deposit" else []
        record_id, second = after["Id"], self.state.latest
        stamp = self._stamps.text(second)
        created = stamp if before is None else before["MetaData"]["CreateTime"]
        after["SyncToken"] = "0" if before is None else str(int(before["SyncToken"]) + 1)
        after["MetaData"] = {"CreateTime": created, "LastUpdatedTime": stamp}
        after["domain"] = "QBO"
        after["sparse"] = False
        self.put(entity, after)
        for change in paid:
            self.bump(change.entity, change.id, **change.values)
        for each in taken:
            self.bump(each.entity, each.id, **each.values)
        freed = ZERO if operation is Operation.VOID else links.excess(entity, before, after)
        if freed:
            links.release(self, entity, after, freed)
        if entity in NAME_FIELDS:
            self.note_name(entity, before, after)
        else:
            note_number(self.state, entity, before, after)
            self.move(entity, record_id, after)
        stored = self.state.records[entity][record_id]
        self.note(who, operation, entity, record_id, stored, request_id)
        return stored


def error_of(refusal: QuickBooksFault, *, write: bool = True, status: int = 400) -> RemoteError:
    """The error that the real client raises for a refusal."""
    return fault_error(read_fault(refusal.body()), write=write, status=status)


_SERVER_FIELDS = ("MetaData", "SyncToken")


def _substance(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in _SERVER_FIELDS}


def _held(entity: str, before: Record | None, target: str, record_id: str) -> bool:
    """Whether the stored version refers to that record already."""
    if before is None:
        return False
    return any(
        target in declared.choices and holder[key].get("value") == record_id
        for declared, holder, key in walk(ENTITIES[entity].fields, before)
    )
