"""Records, intents and plans to try the state's port with, and a look at all that is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.ports import CompanyFacts
from connectors.state.platform_port import PlatformWrite, Row
from connectors.state.port import Parked, State, Unit
from models.approval import Approval, ApprovalState
from models.fields import Choice, Field, Text
from models.intent import Intent
from models.merge import Conflict
from models.policy import Verdict
from models.record_type import catalog
from models.revision import Revision, RevisionKind, RevisionState
from models.tables.record_tables import RECORD_TABLES, RecordTable
from models.words import IntentState, Operation, Side
from tests.contract.state_worlds import HOME_CURRENCY, SHOWN, World

FACTS = CompanyFacts("9", "Acme", "US", HOME_CURRENCY, multi_currency=False, custom_numbers=True)


def _least(place: RecordTable) -> dict[str, Any]:
    """A value for each column that must have one and gets none by itself."""
    fields = {each.column: each for each in catalog()[place.record_type].fields}
    return {
        column.name: _sample(fields[column.name])
        for column in place.table.columns
        if not column.nullable and column.server_default is None and column.name in fields
    }


def _sample(field: Field) -> str:
    """The first word of a choice, or a text."""
    if isinstance(field, Choice):
        return next(iter(field.words))
    assert isinstance(field, Text), f"no sample for {field.name}"
    return "Bank"


#: The least that a record of each type needs.
LEAST: dict[str, dict[str, Any]] = {name: _least(each) for name, each in RECORD_TABLES.items()}
#: By the database's own clock where nobody sets them.
TIMES = ("created_at", "updated_at", "deleted_at")


class Crash(Exception):  # noqa: N818 - it is no error of the product
    """A worker dies at this point."""


def crash_after(state: State, *calls: Callable[[Unit], object]) -> None:
    """A transaction that makes calls and dies before its end."""
    with state.begin() as unit:
        for call in calls:
            call(unit)
        raise Crash


def shown(row: Row) -> dict[str, Any]:
    """A row without the times that the database sets by its own clock."""
    values = {name: value for name, value in row.values.items() if name not in TIMES}
    return {**values, "live": row.live, "version": row.version, "row": (row.record_type, row.id)}


def dump(world: World, record_types: Sequence[str] = tuple(RECORD_TABLES)) -> dict[str, Any]:
    """All that is stored, by what the port and people see of it."""
    found: dict[str, Any] = {}
    with world.state().begin() as unit:
        found["links"] = unit.links(range(1, 100))
        found["counts"] = unit.linked_counts()
        found["open"] = unit.open_intents()
        found["parked"] = unit.parked(list(catalog()))
        found["approvals"] = unit.approvals(list(ApprovalState))
        found["names"] = unit.named_references()
        found["marked"] = unit.intents_marked(["", "m0", "m1", "m2"])
        found["changes"] = unit.platform.changes(list(catalog()), "0:0").ids
        for name in record_types:
            record_type = catalog()[name]
            found[name] = [
                *((side, unit.cursors().get((name, side))) for side in Side),
                *((side, unit.live_ids(name, side)) for side in Side),
                *((side, unit.half_links(name, side)) for side in Side),
                unit.platform.ids(record_type),
                {key: shown(row) for key, row in unit.platform.rows(record_type, IDS).items()},
            ]
    found |= {table: world.stored(table) for table in SHOWN}
    found["audit"], found["findings"] = world.audit()
    found["log"], found["facts"] = world.log(), world.facts()
    return found


IDS = [str(number) for number in range(1, 30)]


def intent(number: int, link_id: int, **others: Any) -> Intent:
    """An intent to create, with its own marker."""
    given: dict[str, Any] = {
        "id": f"intent-{number}",
        "link_id": link_id,
        "record_type": "customer",
        "operation": Operation.CREATE,
        "state": IntentState.PLANNED,
        "payload": f'{{"n":{number}}}',
        "payload_hash": "0" * 64,
        "fields": frozenset({"name", "email"}),
        "marker": f"m{number % 3}",
        "far_since": datetime(2026, 9, 30, 12, tzinfo=UTC),
        "created_at": datetime(2020, 1, 1, tzinfo=UTC),
    }
    return Intent(**{**given, **others})


def parked(link_id: int, code: str = "missing", **others: Any) -> Parked:
    """A record set aside."""
    given: dict[str, Any] = {
        "link_id": link_id,
        "record_type": "customer",
        "side": Side.PLATFORM,
        "code": code,
        "field": "name",
        "value": "x" * 150,
        "message": "name is\nmissing",
        "fix": "Enter it.",
        "attempts": 1,
        "since": datetime(2026, 9, 30, tzinfo=UTC),
        "next_attempt_at": None,
    }
    return Parked(**{**given, **others})


def approval(**others: Any) -> Approval:
    """A plan that a brake stopped."""
    given: dict[str, Any] = {
        "number": 0,
        "brake": "many_deletes",
        "message": "too many",
        "subjects": frozenset({"b", "a"}),
        "rows": ({"record": "Ada", "amount": Decimal("1.50")},),
        "writes": 7,
        "state": ApprovalState.WAITING,
        "created_at": datetime(2020, 1, 1, tzinfo=UTC),
    }
    return Approval(**{**given, **others})


def conflict(field_name: str = "email", winner: Side | None = Side.PLATFORM) -> Conflict:
    """Both sides changed one field."""
    return Conflict(field_name, None, "theirs", Decimal("2.0"), Verdict(winner, "latest"))


def create(record_type: str, **values: Any) -> PlatformWrite:
    """A write that adds a row."""
    values = {**LEAST[record_type], **values}
    return PlatformWrite(catalog()[record_type], Operation.CREATE, None, None, values)


def revision(**others: Any) -> Revision:
    """A person's wish for one field."""
    given: dict[str, Any] = {
        "number": 0,
        "link_id": 1,
        "record_type": "customer",
        "kind": RevisionKind.SET,
        "field": "email",
        "side": Side.PLATFORM,
        "expected": ("theirs", None),
        "value": "ours",
        "state": RevisionState.PENDING,
        "actor": "Ada",
        "entry": 5,
    }
    return Revision(**{**given, **others})
