"""One line of the fault table: what a fault code means and what the sync does about it."""

from __future__ import annotations

from dataclasses import dataclass

from models.errors import RejectedError, RemoteError


@dataclass(frozen=True)
class FaultRow:
    """What one fault means, in plain words, and how the sync reacts."""

    #: The fault code, such as "6240", or a word for answers without one, such as "timeout".
    code: str
    #: QuickBooks' own name for it, or what was seen.
    name: str
    #: Why it happens.
    cause: str
    #: What a person can do, as a sentence.
    fix: str
    #: The error that a write gets.
    on_write: type[RemoteError] = RejectedError
    #: The error that a read gets, where it differs.
    on_read: type[RemoteError] | None = None
    #: Seconds to wait before trying again; 0 where nothing was said.
    wait_seconds: int = 0

    def error(self, *, write: bool) -> type[RemoteError]:
        """The error class for a write or for a read."""
        return self.on_write if write or self.on_read is None else self.on_read
