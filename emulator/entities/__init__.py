"""Every entity the emulator knows, found by name in any case.

To add one: declare it in the file of its family, add it to that file's ENTITIES, and every verb,
the query language, CDC, batches and loading know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.entities import (
    activities,
    company,
    files,
    ledger,
    lists,
    people,
    purchases,
    sales,
    taxes,
)

if TYPE_CHECKING:
    from emulator.entities.declaration import Entity

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for module in (company, taxes, lists, people, sales, purchases, ledger, activities, files)
    for entity in module.ENTITIES
}

_BY_LOWER_NAME = {
    name.lower(): entity for entity in ENTITIES.values() for name in (entity.name, entity.key)
}


def find_entity(name: str) -> Entity | None:
    """Return the entity of that name, in any case, or None."""
    return _BY_LOWER_NAME.get(name.lower())
