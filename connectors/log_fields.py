"""What is known of where the program stands: which connection, run, record and call.

Set once per level (a cycle, a record, a call) and read by whatever tells of it, log lines and
spans, so that no log call names these by hand. Threads that are given a copy of the context
(`contextvars.copy_context`) stand where the one that started them stood.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a log line may carry, in this order.
NAMES: Final = ("connection", "run", "record_type", "record", "intuit_tid", "trace")

_FIELDS: ContextVar[Mapping[str, str | int]] = ContextVar(
    "log_fields",
    default=MappingProxyType({}),
)


@contextmanager
def known(**fields: str | int) -> Iterator[None]:
    """These fields are known inside, beside those that are known already."""
    assert set(fields) <= set(NAMES), fields
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def note_call(intuit_tid: str) -> None:
    """The last call to QuickBooks has this transaction id, until the level that made it ends.

    Outside of any level nobody would take it back, so nothing is noted.
    """
    here = _FIELDS.get()
    if here:
        _FIELDS.set({**here, "intuit_tid": intuit_tid})


def fields() -> Mapping[str, str | int]:
    """What is known here; an empty value says that nothing is."""
    return _FIELDS.get()
