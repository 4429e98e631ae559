"""Every entity the emulator knows, found by name in any case.

To add one: declare it in the file of its family, add it to that file's ENTITIES, and every verb,
the query language, CDC, batches and loading know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.entities import company, ledger, lists, people, purchases, sales

if TYPE_CHECKING:
    from emulator.entities.declaration import Entity

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for module in (company, lists, people, sales, purchases, ledger)
    for entity in module.ENTITIES
}

_BY_LOWER_NAME = {name.lower(): entity for name, entity in ENTITIES.items()}


def find_entity(name: str) -> Entity | None:
    """Return the entity of that name, in any case, or None."""
    return _BY_LOWER_NAME.get(name.lower())
