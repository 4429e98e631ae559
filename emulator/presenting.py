"""How a stored record is shown: what is hidden, and what depends on who asks.

Almost every record is served as it is stored. An exchange rate has no Id, Sku is left out of items
where the switch says so and the statement does not ask for it, and a file's temporary address is
made anew each time.
Source: dossier sections 2 (download), 4 (`SELECT *, Sku`) and 10.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.attachments import temporary_url

if TYPE_CHECKING:
    from emulator.company import Company, Record
    from emulator.entities.declaration import Entity

_CHANGED = frozenset({"Attachable", "Item"})


def shown(
    company: Company, entity: Entity, record: Record, columns: frozenset[str] = frozenset()
) -> Record:
    """Return a record as a client sees it; `columns` are those a statement asks for by name."""
    if entity.hidden:
        return {name: value for name, value in record.items() if name not in entity.hidden}
    if entity.name not in _CHANGED:
        return record
    if entity.name == "Item":
        hides = company.options.sku_on_request and "sku" not in columns
        if not hides or "Sku" not in record:
            return record
        return {name: value for name, value in record.items() if name != "Sku"}
    if str(record.get("Id")) not in company.files:
        return record
    address = temporary_url(company, str(record["Id"]), company.base_url)
    return {**record, "TempDownloadUri": address}
