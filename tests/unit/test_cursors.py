"""Names among the cursors: what is kept beside them must not be taken for a record type's own."""

from __future__ import annotations

from connectors.state.port import COMPANY_CURSOR, restored_cursor
from models.record_type import catalog


def test_no_record_type_shares_its_cursor_with_something_else() -> None:
    """A shared one would be there before the first full read, which would then never come."""
    beside = {COMPANY_CURSOR, *(restored_cursor(name) for name in catalog())}
    assert not beside & set(catalog())
    assert len(beside) == len(catalog()) + 1
