"""Random sequences of calls have equal answers in memory and on SQLite, ids and errors included.

Method: Hypothesis draws transactions, edits by people and steps of the clock; each call is made on
both worlds and its answer compared, and at the end all that is stored. Numbers in a call are taken
round the few links, rows and intents that there are, so that calls meet each other often.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from connectors.database import create_database_engine
from connectors.state.platform_port import PlatformWrite, Row
from connectors.state.port import LinkUpdate, NewLink, State, Unit
from models.approval import ApprovalState
from models.audit import AuditNote
from models.errors import CorruptStateError, RecordError, SyncError, UsageError
from models.intent import ATTEMPTS_MAX, Attempt
from models.record_type import catalog
from models.retry_queue import SKIPPED
from models.words import IntentState, Operation, Side
from tests.contract.state_samples import (
    LEAST,
    Crash,
    approval,
    conflict,
    dump,
    intent,
    parked,
    shown,
)
from tests.contract.state_worlds import MemoryWorld, SqlWorld, World

TYPES = ("customer", "item", "invoice", "payment")
SIDES = (Side.QUICKBOOKS, Side.PLATFORM)
#: A call by its name, with three small numbers that say what it is about.
Call = tuple[str, int, int, int]


def record_type(number: int) -> str:
    """One of the few record types."""
    return TYPES[number % len(TYPES)]


def new_link(a: int, b: int) -> NewLink:
    """A record seen for the first time."""
    return NewLink(record_type(a), SIDES[b % 2], f"{b % 5}", f"label {a}")


def lines_of(a: int, b: int) -> list[dict[str, Any]]:
    """Lines, of which some are refused: two at one position, an item that may not exist."""
    lines: list[dict[str, Any]] = [
        {"position": n % 3, "kind": f"k{b}", "amount": Decimal(b) / 4} for n in range(a)
    ]
    return lines


def update_link(unit: Unit, a: int, b: int, c: int) -> object:
    """Change a link; moving it may clash with another one."""
    update = LinkUpdate(
        a,
        label=f"L{b}" if b else None,
        quickbooks_id=f"{c % 5}" if b % 3 == 1 else None,
        platform_id=f"{c % 5}" if b % 3 == 2 else None,
        base={"name": f"n{c}", "balance": Decimal(c)} if c % 2 else None,
        platform_version=c or None,
        deleted=b == 5,
    )
    return unit.save_links([update])


def stored_intents(unit: Unit, number: int) -> list[Any]:
    """The open intent with a number, or one that is not open."""
    found = [each for each in unit.open_intents() if each.id == f"intent-{number}"]
    return [each for each in found if each.attempts < ATTEMPTS_MAX] or [intent(number, 1)]


def platform_write(unit: Unit, a: int, b: int, c: int) -> object:
    """A write of any kind, with the version that the row has or another one."""
    name = record_type(a)
    rows = unit.platform.rows(catalog()[name], [str(b)])
    version = rows[str(b)].version if rows else 1
    values: dict[str, Any] = {} if c == 0 else {"created_at": MOMENT}
    if name in {"invoice", "payment"} and c > 1:
        values["lines"] = lines_of(c, b)
        values["customer_id"] = c
    operation = (Operation.UPDATE, Operation.CREATE, Operation.DELETE)[c % 3]
    if operation is Operation.CREATE:
        values = {**LEAST[name], **values}
    expected = version + (b + c == 7)
    return unit.platform.write(PlatformWrite(catalog()[name], operation, str(b), expected, values))


def platform_write_all(unit: Unit, a: int, b: int, c: int) -> object:
    """Rows of different record types and columns at once, some of which may be refused.

    Then updates of two rows, or of one twice, some of which may come too late.
    """
    names = [record_type(a), record_type(a), record_type(b)]
    writes = [
        PlatformWrite(catalog()[name], Operation.CREATE, None, None, {**LEAST[name], **values})
        for name, values in zip(names, ({}, {"created_at": MOMENT}, {}), strict=True)
    ]
    if c % 2:
        update = PlatformWrite(catalog()[names[0]], Operation.UPDATE, str(b), c, {})
        writes.insert(c % 3, update)
    rows = unit.platform.rows(catalog()[names[0]], [str(b), str(c)])
    writes += [
        PlatformWrite(catalog()[names[0]], Operation.UPDATE, row.id, row.version + late, values)
        for row in rows.values()
        for late, values in ((0, {"created_at": MOMENT}), (c // 4, {}))
    ]
    return [
        each.code if isinstance(each, RecordError) else each
        for each in unit.platform.write_all(writes)
    ]


MOMENT = MemoryWorld().clock.now()
APPROVALS = tuple(ApprovalState)
STATES = tuple(IntentState)

REASONS = ("code0", "code1", SKIPPED)

CALLS: dict[str, Callable[[Unit, int, int, int], object]] = {
    "add_links": lambda u, a, b, c: u.add_links([new_link(a, b), new_link(a + c, b + 1)]),
    "complete_link": lambda u, a, b, c: u.complete_link(a, SIDES[b % 2], f"{c % 5}"),
    "save_links": update_link,
    "join_links": lambda u, a, b, *_: u.join_links(a, b),
    "links_of": lambda u, a, b, c: u.links_of(record_type(a), SIDES[b % 2], ["0", "1", f"{c}"]),
    "links": lambda u, a, b, c: u.links([a, b, c]),
    "half_links": lambda u, a, b, *_: u.half_links(record_type(a), SIDES[b % 2]),
    "live_ids": lambda u, a, b, *_: u.live_ids(record_type(a), SIDES[b % 2]),
    "linked_counts": lambda u, *_: u.linked_counts(),
    "add_intents": lambda u, a, b, c: u.add_intents(
        [intent(a, b, operation=Operation.UPDATE if c == 1 else Operation.CREATE)],
        {f"intent-{a}": f"{c}"},
    ),
    "mark_sent": lambda u, a, _b, c: u.mark_sent(
        [replace(each, attempts=each.attempts + (c == 1)) for each in stored_intents(u, a)]
    ),
    "close_intent": lambda u, a, b, c: u.close_intent(
        f"intent-{a}", STATES[b % len(STATES)], Attempt("", f"o{c}", "t" * c, "f" * b)
    ),
    "open_intents": lambda u, *_: u.open_intents(),
    "intents_marked": lambda u, a, b, *_: u.intents_marked([f"m{a}", f"m{b}"]),
    "park": lambda u, a, b, c: u.park(parked(a, REASONS[b % 3], attempts=c)),
    "unpark": lambda u, a, b, *_: u.unpark([a, b]),
    "parked_record": lambda u, a, *_: u.parked_record(a),
    "release": lambda u, a, b, c: u.release([a, b] if c else None),
    "add_conflicts": lambda u, a, b, c: [
        u.add_conflicts(link, [conflict(winner=(*SIDES, None)[c % 3])], {SIDES[b % 2]: u.now})
        for link in u.links([a]).values()
    ],
    "set_cursors": lambda u, a, b, c: u.set_cursors({(record_type(a), SIDES[b % 2]): f"0:{c}"}),
    "add_approval": lambda u, a, *_: u.add_approval(approval(writes=a)),
    "set_approval": lambda u, a, b, c: u.set_approval(
        a, APPROVALS[b % len(APPROVALS)], APPROVALS[c % len(APPROVALS)], "Ada"
    ),
    "save_named_references": lambda u, a, b, c: u.save_named_references(
        f"e{a % 2}", {f"{n}": f"{c}" for n in range(b % 3)}
    ),
    "alert": lambda u, a, b, *_: u.alert(f"cause{a % 2}", f"t{b}", "m", "f"),
    "close_alerts": lambda u, a, *_: u.close_alerts([f"cause{a % 2}"]),
    "audit": lambda u, a, b, c: u.audit([AuditNote(f"k{a}", {"b": b})] * (c % 3)),
    "finish_run": lambda u, a, *_: u.finish_run("completed", {"a": a}, None),
    "platform.position": lambda u, *_: u.platform.position(),
    "platform.changes": lambda u, a, b, c: u.platform.changes([record_type(a)], f"0:{b * c}"),
    "platform.taken": lambda u, a, *_: u.platform.taken(
        catalog()[record_type(a % 2)], "name", ["ADA", "hour", "x"]
    ),
    "platform.rows": lambda u, a, b, c: u.platform.rows(
        catalog()[record_type(a)], [f"{b}", f"{c}"]
    ),
    "platform.write": platform_write,
    "platform.write_all": platform_write_all,
}
#: Most calls are those that other calls build on.
NAMES = [*CALLS, *["add_links", "add_intents", "mark_sent"] * 2, *["platform.write"] * 5]

EDITS: dict[str, Callable[[World, int, int, int], object]] = {
    "insert": lambda w, a, b, c: w.people.insert(
        record_type(a), LEAST[record_type(a)], lines_of(b % 4, c) if a % 4 > 1 else ()
    ),
    "update": lambda w, a, b, c: w.people.update(
        record_type(a),
        f"{b}",
        ({}, {"version": c}, {"deleted_at": None}, {"created_at": MOMENT})[c % 4],
    ),
    "replace_lines": lambda w, a, b, c: w.people.replace_lines(
        record_type(2 + a % 2), f"{b}", lines_of(c % 4, a)
    ),
    "delete": lambda w, a, b, *_: w.people.delete(record_type(a), f"{b}"),
    "mark_deleted": lambda w, a, b, *_: w.people.mark_deleted(record_type(a), f"{b}"),
    "tick": lambda w, a, *_: setattr(w.clock, "seconds", w.clock.seconds + a),
}

numbers = st.integers(0, 5)
calls = st.tuples(st.sampled_from(NAMES), numbers, numbers, numbers)
edits = st.tuples(st.sampled_from(list(EDITS)), numbers, numbers, numbers)
#: Whether it ends in a crash, and its calls.
transactions = st.tuples(
    st.booleans() | st.just(value=False), st.lists(calls, min_size=1, max_size=6)
)
sequences = st.lists(transactions | edits, min_size=1, max_size=10)


def plain(answer: object) -> object:
    """An answer that can be compared: rows without the database's own times."""
    if isinstance(answer, Row):
        return shown(answer)
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    return answer


def answer_of(world: World, call: Callable[[], object]) -> object:
    """What a call gives, or the kind of error that it ends in."""
    try:
        return plain(call())
    except RecordError as error:
        return type(error).__name__, error.code
    except LookupError as error:
        return "LookupError", str(error)


def crash_if(crashes: bool) -> None:
    """Die where it is asked for."""
    if crashes:
        raise Crash


def run_transaction(world: World, state: State, crashes: bool, made: list[Call]) -> list[object]:
    """Answers of a transaction; an error that the steps do not expect ends it."""
    answers: list[object] = []
    try:
        with state.begin() as unit:
            for name, a, b, c in made:
                call = CALLS[name]
                answers.append(answer_of(world, lambda: call(unit, a, b, c)))  # noqa: B023
            crash_if(crashes)
    except (CorruptStateError, UsageError, world.constraint, Crash) as error:
        known = str(error) if isinstance(error, SyncError) else type(error) is Crash
        answers.append(("ended", known))
    return answers


def run_sequence(world: World, sequence: list[Any]) -> list[object]:
    """All answers of a sequence, and what is stored at its end."""
    answers: list[object] = []
    state = world.state()
    with state.begin() as unit:
        unit.start_run("sync")
    for each in sequence:
        if len(each) == 2:
            answers.append(run_transaction(world, state, *each))
        else:
            name, a, b, c = each
            answers.append(answer_of(world, lambda: EDITS[name](world, a, b, c)))  # noqa: B023
    return [*answers, dump(world, TYPES)]


@pytest.fixture(scope="module")
def sqlite_again(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Engine]]:
    """Gives an engine on a new, empty file each time, which ends the one before."""
    path = tmp_path_factory.mktemp("sequences") / "qbsync.db"
    shutil.copyfile(sqlite_template, path)
    engine = create_database_engine(f"sqlite:///{path}")

    def again() -> Engine:
        # Closing the last connection folds the write-ahead log away
        engine.dispose()
        shutil.copyfile(sqlite_template, path)
        return engine

    yield again
    engine.dispose()


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=sequences)
def test_memory_answers_as_sqlite_does(
    sqlite_again: Callable[[], Engine], sequence: list[Any]
) -> None:
    expected = run_sequence(SqlWorld(sqlite_again()), sequence)
    assert run_sequence(MemoryWorld(), sequence) == expected
