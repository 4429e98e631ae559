"""One write in the making: what was there, what was sent, what it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.company import Author, Company, Record
    from emulator.entities.declaration import Entity

CENT = Decimal("0.01")
ZERO = Decimal(0)


def cents(value: Decimal | int) -> Decimal:
    """Round to two decimals, halves away from zero, as money settles."""
    return Decimal(value).quantize(CENT, rounding=ROUND_HALF_UP)


def amount(record: Record, name: str) -> Decimal:
    """Return an amount of a record, zero when it is absent."""
    return Decimal(record.get(name) or 0)


def reference(record: Record, name: str) -> str:
    """Return the id a reference points to, empty when it is absent."""
    value = record.get(name) or {}
    return str(value.get("value", ""))


@dataclass
class Draft:
    """A create, update or void on its way into the books."""

    entity: Entity
    company: Company
    author: Author
    #: The stored record, None for a create.
    before: Record | None
    #: What the client sent, cleaned; None as a value means "empty this field".
    sent: Record
    #: What will be stored; behaviours change it.
    after: Record
    sparse: bool = False
    #: Words of the `include` query parameter.
    include: frozenset[str] = frozenset()
    #: By how much a lowered total fell below what is already applied to it.
    excess: Decimal = ZERO
    #: Further writes to make once this one is stored, as (entity, body).
    followers: list[tuple[str, Record]] = field(default_factory=list)

    @property
    def creating(self) -> bool:
        """Say whether this is a new record."""
        return self.before is None

    @property
    def whole(self) -> bool:
        """Say whether everything the client wants was sent: a create or a full update."""
        return not self.sparse

    def gave(self, *names: str) -> bool:
        """Say whether any of these fields was sent with a value."""
        return any(self.sent.get(name) is not None for name in names)

    def touched(self, *names: str) -> bool:
        """Say whether any of these fields must be derived again."""
        return self.whole or any(name in self.sent for name in names)

    def default(self, name: str, value: Any) -> None:
        """Set a field unless it has a value."""
        if self.after.get(name) is None:
            self.after[name] = value

    def old(self, name: str) -> Any:
        """Return the stored value of a field, None on a create."""
        return None if self.before is None else self.before.get(name)
