"""What each transaction posted, remembered so that it can be taken back exactly.

The ledger follows from the records and is no part of a company's state: when the books are put back
from a snapshot it starts anew, and a transaction it does not know counts as posting what it would
post now.
Source: dossier section 13 (derived balances).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.company import Company
    from emulator.writing.entries import Entry

Entries = tuple["Entry", ...]


class Ledger:
    """The entries of one company's transactions, by transaction id."""

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._entries: dict[str, Entries] = {}
        self._undo: list[tuple[str, Entries | None]] = []
        self._books: object = None

    def get(self, company: Company, key: str) -> Entries | None:
        """Return what a transaction posted, None if that is not known."""
        self._refresh(company)
        return self._entries.get(key)

    def others(self, company: Company) -> dict[str, Entries]:
        """Return what was posted without a transaction: the quantities items started with."""
        self._refresh(company)
        return {key: entries for key, entries in self._entries.items() if ":" in key}

    def book(self, company: Company, key: str, entries: Entries) -> None:
        """Remember what a transaction posts, in place of what it posted before."""
        self._refresh(company)
        self._undo.append((key, self._entries.get(key)))
        self._entries[key] = entries

    def begin(self) -> None:
        """Start a write that may have to be taken back."""
        self._undo.clear()

    def take_back(self) -> None:
        """Forget what was booked since `begin`."""
        for key, entries in reversed(self._undo):
            if entries is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = entries
        self._undo.clear()

    def _refresh(self, company: Company) -> None:
        """Start anew if the books are others than before."""
        books = company.records["Invoice"]
        if self._books is not books:
            self._entries.clear()
            self._books = books
