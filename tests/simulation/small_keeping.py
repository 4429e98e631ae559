"""How the small company keeps its records: versions, times, names, balances and the journal.

Nothing here refuses anything; `small_books` decides, and this carries out. Every change stores a
new dictionary in place of the old one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.ports import Clock
from emulator.clock import PACIFIC
from emulator.entities import ENTITIES
from models.words import Operation
from tests.simulation.small_fields import ZERO, Table, table_of
from tests.simulation.small_postings import effects
from tests.simulation.small_rules import NAME_FIELDS, name_key
from tests.simulation.small_state import Entry, Key, Record, Stamps, State, new_state

_BALANCES = {"Customer": "Balance", "Vendor": "Balance", "Account": "CurrentBalance"}


class Keeping:
    """The state of one company, and every way to change it."""

    def __init__(self, clock: Clock, entities: tuple[str, ...]) -> None:
        self.clock = clock
        self.home_currency = "USD"
        self.multi_currency = False
        self.custom_numbers = True
        #: Books are closed up to and including this day.
        self.book_close_date = ""
        self.state: State = new_state(entities)
        self._stamps = Stamps()
        self._accounts: dict[str, str] | None = None
        self._day = (-1, "")

    def get(self, entity: str, record_id: str) -> Record | None:
        """One record."""
        return self.state.records[entity].get(record_id)

    # -- what rules ask --

    def table(self, entity: str) -> Table:
        """The fields of an entity."""
        return table_of(entity)

    def today(self) -> str:
        """The company's day, in its own zone."""
        hour = self.state.latest // 3_600
        if self._day[0] != hour:
            now = datetime.fromtimestamp(self.state.latest, PACIFIC)
            self._day = (hour, now.date().isoformat())
        return self._day[1]

    def account_of(self, subtype: str) -> str:
        """The first active account of a detail type, or ""."""
        if self._accounts is None:
            self._accounts = {}
            for record_id, record in self.state.records["Account"].items():
                if record.get("Active", True):
                    self._accounts.setdefault(record["AccountSubType"], record_id)
        return self._accounts.get(subtype, "")

    def draw(self, sequence: str) -> str:
        """The next number of a sequence."""
        number = self.state.sequences.get(sequence, 0) + 1
        self.state.sequences[sequence] = number
        return str(number)

    def bump(self, entity: str, record_id: str, **values: Any) -> None:
        """Put values on a record as an edit: its version and its time move."""
        token = str(int(self.state.records[entity][record_id]["SyncToken"]) + 1)
        self.change(entity, record_id, SyncToken=token, **values)

    def amend(self, entity: str, record_id: str, **values: Any) -> None:
        """Put values on a record without a trace."""
        records = self.state.records[entity]
        records[record_id] = {**records[record_id], **values}

    def note_name(self, entity: str, before: Record | None, after: Record) -> None:
        own, names = (entity, after["Id"]), self.state.names
        if before is not None:
            names.pop(name_key(entity, before), None)
            field = NAME_FIELDS[entity]
            if before[field] != after[field]:
                self._carry_name(own, after[field])
        names[name_key(entity, after)] = own

    def _carry_name(self, owner: Key, name: str) -> None:
        """Write a new name where the record is a payee, as a join on read would."""
        for record_id, record in self.state.records["Purchase"].items():
            payee = record.get("EntityRef")
            if payee and (payee.get("type"), payee["value"]) == owner:
                self.amend("Purchase", record_id, EntityRef={**payee, "name": name})

    def move(self, entity: str, record_id: str, after: Record | None) -> None:
        """Move balances from what the document had posted to what it posts now."""
        key, posted = (entity, record_id), self.state.posted
        new = effects(self, entity, after) if after is not None else {}
        old = posted.get(key, {})
        if after is None:
            posted.pop(key, None)
        else:
            posted[key] = new
        if old == new:
            return
        for target in [*old, *(each for each in new if each not in old)]:
            delta = new.get(target, ZERO) - old.get(target, ZERO)
            if delta:
                field = _BALANCES[target[0]]
                held = self.state.records[target[0]][target[1]][field]
                self.change(*target, **{field: held + delta})
                self._touch_parents(*target)

    def _touch_parents(self, entity: str, record_id: str) -> None:
        """Move the times of the records above: their balance counts those below."""
        records = self.state.records[entity]
        while parent := records[record_id].get("ParentRef"):
            record_id = parent["value"]
            self.change(entity, record_id)

    def change(self, entity: str, record_id: str, **values: Any) -> None:
        """Put derived values on a record: the time moves, the version does not."""
        record, stamp = self.state.records[entity][record_id], self._stamps.text(self.state.latest)
        meta = {"CreateTime": record["MetaData"]["CreateTime"], "LastUpdatedTime": stamp}
        self.put(entity, {**record, **values, "MetaData": meta})

    def put(self, entity: str, record: Record) -> None:
        record_id, state = record["Id"], self.state
        state.records[entity][record_id] = record
        if record_id not in state.created[entity]:
            state.created[entity][record_id] = state.latest
            if ENTITIES[entity].is_transaction:
                state.transactions[record_id] = entity
        touched = state.touched[entity]
        touched.pop(record_id, None)
        touched[record_id] = state.latest
        if entity == "Account":
            self._accounts = None

    def frame(self, record_id: str) -> Record:
        stamp = self._stamps.text(self.second())
        meta = {"CreateTime": stamp, "LastUpdatedTime": stamp}
        return {"Id": record_id, "SyncToken": "0", "domain": "QBO", "MetaData": meta}

    def second(self) -> int:
        """Look at the clock, once for each write; the books' time never goes back."""
        state = self.state
        state.latest = max(state.latest, int(self.clock.now().timestamp()))
        return state.latest

    def note(
        self,
        who: str,
        operation: Operation,
        entity: str,
        record_id: str,
        record: Record | None,
        request_id: str,
    ) -> None:
        state = self.state
        state.modified_by[entity, record_id] = who
        state.journal.append(
            Entry(
                sequence=len(state.journal) + 1,
                who=who,
                operation=str(operation),
                entity=entity,
                id=record_id,
                sync_token=record["SyncToken"] if record is not None else "",
                request_id=request_id,
                time=self._stamps.text(state.latest),
                record=record,
            )
        )
