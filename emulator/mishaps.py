"""Mishaps that outlast a call: what CDC hides or gets wrong, and links that were not kept.

CDC may show a change late, and may say Deleted of a record that was only updated; both have been
reported of the real service. A write may also be kept without its links, and answered with 200: the
payment exists and settles nothing.
Source: dossier sections 3.2 ("200 does not mean as asked") and 5 ("Known faults").
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.clock import stamp
from emulator.exact_json import dumps
from emulator.injection import WRITE_KINDS, Injection, Occasion
from emulator.writing import links
from emulator.writing.draft import amount

if TYPE_CHECKING:
    from emulator.company import Company, JournalLine, Record

#: A record of a realm: realm, entity, id.
Place = tuple[str, str, str]
Row = dict[str, Any]


class Mishaps:
    """What CDC does not tell as it is."""

    def __init__(self) -> None:
        """Start with an honest CDC."""
        self._hidden_until: dict[Place, datetime] = {}
        self._said_deleted: dict[Place, datetime] = {}

    def clear(self) -> None:
        """Let CDC be honest again."""
        self._hidden_until.clear()
        self._said_deleted.clear()

    def note(self, injection: Injection, line: JournalLine, now: datetime) -> None:
        """Let the rules that wait for writes strike one that took effect."""
        place = (line.realm_id, line.entity, line.id)
        self._said_deleted.pop(place, None)
        if not any(rule.kind in WRITE_KINDS for rule in injection.rules):
            return
        occasion = Occasion(line.operation, line.entity, dumps(line.body).decode())
        for rule in injection.strike_each([occasion], WRITE_KINDS):
            if rule.kind == "late_cdc":
                self._hidden_until[place] = now + timedelta(seconds=rule.seconds)
            elif line.operation != "delete":
                self._said_deleted[place] = now

    def distort(self, realm_id: str, answer: dict[str, Any], now: datetime) -> bool:
        """Change a CDC answer as ordered, in place; say whether there was anything to change."""
        if not self._hidden_until and not self._said_deleted:
            return False
        for part in answer.get("CDCResponse") or []:
            blocks = part.get("QueryResponse") or []
            part["QueryResponse"] = [self._block(realm_id, block, now) for block in blocks]
        return True

    def _block(self, realm_id: str, block: Row, now: datetime) -> Row:
        entity = next((name for name, rows in block.items() if isinstance(rows, list)), None)
        if entity is None:
            return block
        rows = [
            self._row((realm_id, entity, str(row["Id"])), row)
            for row in block[entity]
            if self._hidden_until.get((realm_id, entity, str(row["Id"])), now) <= now
        ]
        if not rows:
            return {}
        counts: Row = {name: len(rows) for name in ("maxResults", "totalCount") if name in block}
        return {**block, entity: rows, **counts}

    def _row(self, place: Place, row: Row) -> Row:
        said_at = self._said_deleted.get(place)
        if said_at is None:
            return row
        times = {"LastUpdatedTime": stamp(said_at)}
        return {"domain": "QBO", "status": "Deleted", "Id": row["Id"], "MetaData": times}


def drop_links(company: Company, entity: str, record_id: str) -> Record | None:
    """Take the links off a record just written; return it as it now stands, None if it is gone."""
    record = company.get(entity, record_id)
    if record is None:
        return None
    bare: Record = {**record}
    if "Line" in record:
        without = [{**line, "LinkedTxn": []} for line in record["Line"]]
        # A payment's lines are nothing but links.
        bare["Line"] = [] if entity in {"Payment", "BillPayment"} else without
    if record.get("LinkedTxn"):
        bare["LinkedTxn"] = []
    if "UnappliedAmt" in record:
        bare["UnappliedAmt"] = amount(record, "TotalAmt")
    with company.atomic():
        links.relink(company, entity, record, bare)
        company.put(entity, bare)
    return bare


def shift_times(value: Any, shift: Callable[[str, Any], Any]) -> Any:
    """Return a JSON value with every member of MetaData, and the envelope's time, shifted."""
    if isinstance(value, list):
        return [shift_times(member, shift) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        name: shift(name, member)
        if name in {"time", "CreateTime", "LastUpdatedTime"} and isinstance(member, str)
        else shift_times(member, shift)
        for name, member in value.items()
    }
