"""From what the log says that a run wrote to what undoing it comes to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.audit import AuditEntry, AuditNote, chained
from models.undo import Does, wishes, written_by
from models.words import Operation, Side


def logged(*bodies: tuple[str, dict[str, Any]], record_type: str = "invoice") -> list[AuditEntry]:
    """Entries of a run about one record."""
    notes = [AuditNote(kind, body, record_type=record_type, link_id=7) for kind, body in bodies]
    return chained(
        notes, connection_id=1, after_number=10, after_hash="0" * 64, at="", run_id="run"
    )


def write(side: str, operation: str, **body: Any) -> tuple[str, dict[str, Any]]:
    """A write entry."""
    return f"write.{side}", {"operation": operation, "label": "1042", **body}


def changed(**fields: tuple[Any, Any]) -> dict[str, Any]:
    """The part of a write entry that tells fields before and after."""
    return {"changed": {name: list(each) for name, each in fields.items()}}


COMPUTED = write("platform", "update", **changed(total=("1", "2")))
DELETED = write("quickbooks", "delete", **changed())
INACTIVE = write("quickbooks", "update", **changed())


def test_values_come_back_from_the_log_as_they_were() -> None:
    fields = changed(
        issued_on=(date(2026, 1, 2), date(2026, 1, 3)), shipping=(Decimal("1.50"), None)
    )
    (told,) = written_by(logged(write("platform", "update", **fields)))
    assert (told.entry, told.link_id, told.side) == (11, 7, Side.PLATFORM)
    assert (told.operation, told.label, told.unsettled) == (Operation.UPDATE, "1042", "")
    assert told.changed is not None
    assert told.changed["issued_on"] == (date(2026, 1, 2), date(2026, 1, 3))


def test_only_writes_of_record_types_that_there_are_count() -> None:
    entries = logged(("conflict", {"field": "memo"}), ("parked", {}))
    assert written_by(entries + logged(write("platform", "update"), record_type="gone")) == []


@pytest.mark.parametrize(
    ("record_type", "bodies", "does", "side", "words"),
    [
        (
            "invoice",
            [write("platform", "update", **changed(memo=("a", "b")))],
            Does.PUT_BACK,
            None,
            "",
        ),
        (
            "invoice",
            [write("platform", "update", **changed(total=("1", "2")))],
            Does.NOTHING,
            None,
            "",
        ),
        (
            "invoice",
            [write("quickbooks", "create", **changed(memo=(None, "b")))],
            Does.REMOVE,
            Side.QUICKBOOKS,
            "",
        ),
        (
            "invoice",
            [
                write("platform", "create", **changed(memo=(None, "a"))),
                write("platform", "update", **changed(memo=("a", "b"))),
            ],
            Does.REMOVE,
            Side.PLATFORM,
            "",
        ),
        ("invoice", [write("platform", "delete", **changed())], Does.BRING_BACK, Side.PLATFORM, ""),
        (
            "invoice",
            [write("quickbooks", "delete", **changed())],
            Does.IMPOSSIBLE,
            None,
            "bring back",
        ),
        # a name list's entry was made inactive
        (
            "customer",
            [write("quickbooks", "update", **changed())],
            Does.IMPOSSIBLE,
            None,
            "bring back",
        ),
        (
            "invoice",
            [write("quickbooks", "void", **changed(status=("open", "voided")))],
            Does.IMPOSSIBLE,
            None,
            "void",
        ),
        # entries of older programs
        ("invoice", [write("quickbooks", "update")], Does.IMPOSSIBLE, None, "does not say"),
        (
            "invoice",
            [write("quickbooks", "update", unsettled="the row moved", **changed(memo=("a", "b")))],
            Does.IMPOSSIBLE,
            None,
            "the row moved",
        ),
        (
            "invoice",
            [
                write("platform", "create", **changed(memo=(None, "a"))),
                write("platform", "delete", **changed()),
            ],
            Does.IMPOSSIBLE,
            None,
            "deleted it again",
        ),
    ],
)
def test_what_undoing_does(
    record_type: str, bodies: list[Any], does: Does, side: Side | None, words: str
) -> None:
    (wish,) = wishes(written_by(logged(*bodies, record_type=record_type)))
    assert (wish.does, wish.side) == (does, side)
    assert words in wish.reason


def test_a_field_goes_back_to_before_its_first_write() -> None:
    entries = logged(
        write("quickbooks", "update", **changed(memo=("a", "b"), total=("1", "2"))),
        write("platform", "update", **changed(email=("x@x.example", None))),
        write("platform", "update", **changed(memo=("b", "c"))),
    )
    (wish,) = wishes(written_by(entries))
    assert wish.values == {"memo": ("a", "c"), "email": ("x@x.example", None)}
    assert (wish.entry_of("memo"), wish.entry_of("email")) == (13, 12)
