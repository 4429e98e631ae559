"""One QuickBooks company in a simulation, whatever is behind it: people's hands and the oracle.

`SmallBooks` and `EmulatorBooks` implement it; `SmallQuickBooks` and `EmulatorQuickBooks` are the
ports over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.ports import Clock
from tests.simulation.small_state import Entry, Record


class Books(Protocol):
    """The company itself. What people do raises RemoteError where QuickBooks refuses it."""

    clock: Clock
    realm_id: str
    #: Most records that one CDC answer carries.
    cdc_cap: int
    #: Whether the cap counts for each entity, not for the whole answer.
    cdc_cap_per_entity: bool
    #: Whether the company numbers its invoices itself.
    custom_numbers: bool
    #: Books are closed up to and including this day (ISO date), or "".
    book_close_date: str
    #: False: a request id that was seen before is like a new one.
    honour_request_ids: bool

    @property
    def journal(self) -> list[Entry]:
        """Every write that took effect, in order."""
        ...

    def create(self, entity: str, body: Mapping[str, Any], who: str = ...) -> Record:
        """Enter a record."""
        ...

    def attach(self, body: Mapping[str, Any], content: bytes, who: str = ...) -> Record:
        """Enter an attachment with its file."""
        ...

    def file_of(self, record_id: str) -> bytes | None:
        """The file of an attachment; None where there is none."""
        ...

    def update(self, entity: str, record_id: str, who: str = ..., **fields: Any) -> Record:
        """Change fields of a record, whatever its version is."""
        ...

    def delete(self, entity: str, record_id: str, who: str = ...) -> None:
        """Delete a transaction."""
        ...

    def void(self, entity: str, record_id: str, who: str = ...) -> Record:
        """Void a transaction."""
        ...

    def all(self, entity: str) -> list[Record]:
        """Every record of an entity, inactive ones too."""
        ...

    def get(self, entity: str, record_id: str) -> Record | None:
        """One record."""
        ...

    def forget_request_ids(self) -> None:
        """Remember no answer any longer."""
        ...

    def snapshot(self) -> Any:
        """The books as they stand: records, journal, remembered answers."""
        ...

    def turn_back(self, kept: Any) -> None:
        """Put a snapshot back, and time with it: another history begins."""
        ...

    def restore(self, kept: Any) -> None:
        """Put a snapshot back; time goes on."""
        ...
