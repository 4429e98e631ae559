"""The interface as its own description has it: every operation, called in every way it allows and
in many that it does not; no answer is a mistake of ours, and none is other than described.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from connectors.clock import SystemClock
from connectors.state.api_tokens import make_token
from connectors.state.connections import connection_named
from connectors.state.people import add_user
from models.people import Actor, Role
from models.record_type import catalog
from models.tables.sync import INSTALLATION, audit_entries
from tests.acceptance.test_brakes import stopped
from tests.fixtures.api_walk import Walk
from tests.fixtures.company import Office, add_expense
from tests.fixtures.pages import PASSWORD, Pages

#: An admin who sees no company.
STRANGER = "stranger"
CALLERS = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, STRANGER)
#: What calls write to the audit log under who called, and what follows from a decision.
DONE = {
    "settings.changed", "override", "retry", "skipped", "done_by_hand", "approval.given",
}  # fmt: skip
FOLLOWS = {(kind, "sync") for kind in ("unparked", "write.quickbooks", "write.platform")}


class Unlimited:
    """Lets everybody call as often as they like."""

    def wait_seconds(self, _token_id: int, _now: float) -> int:
        return 0


def walk_of(pages: Pages, there: dict[str, int]) -> Walk:
    """A walk by an admin, an operator, a viewer, and an admin who sees no company."""
    engine, tokens = pages.place.engine, {}
    by = Actor("a test", SystemClock().now())
    people: dict[str, tuple[Role, set[int] | None]] = {each: (each, None) for each in Role}
    people[STRANGER] = (Role.ADMIN, set())
    for name in CALLERS:
        role, companies = people[name]
        add_user(engine, name, PASSWORD, role, companies, actor=by)
        tokens[name] = make_token(engine, name, "walk", role, 1, actor=by)[1]
    # whom a program may change, and who calls nothing
    person = add_user(engine, "clara", PASSWORD, Role.VIEWER, None, actor=by)
    pages.app.state.calls = Unlimited()
    return Walk(pages.app, tokens, {**there, "users number": person.id})


def busy(office: Office) -> dict[str, int]:
    """Something of each kind: a conflict, a record set aside, an alert, and a plan that waits."""
    engine = office.engine
    office.emulator.faults(
        entity="Vendor", verb="create", kind="fault", code="2050", message="too long", count=None
    )
    for name in ("Refused Ltd", "Refused & Co", "Refused Inc"):
        office.platform.add("vendor", name=name)
    row_id = office.platform.id_of("Invoice", "7")
    office.books.update("Invoice", "7", PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.run("sync", code=None)
    office.platform.choose(approval_amount_max=1)
    add_expense(office, 100)
    plan = int(stopped(office, "amount")["plan"])
    (conflict,) = office.conflicts()
    retried, skipped, done = (each["link"] for each in office.status()["parked"])
    return {
        "connection_id": connection_named(engine).id,
        "number": conflict["id"],
        "approve number": plan,
        "link": next(iter(office.platform.links("invoice"))),
        "retry links": retried,
        "skip links": skipped,
        "done links": done,
    }


def links_of(office: Office) -> dict[str, Any]:
    """All links."""
    return {name: office.platform.links(name) for name in catalog()}


def log_of(office: Office) -> list[tuple[str, str]]:
    """Kind and actor of each entry of the company's audit log, oldest first."""
    entries = audit_entries.c
    with office.engine.connect() as connection:
        query = select(entries.kind, entries.actor).order_by(entries.number)
        rows = connection.execute(query.where(entries.connection_id != INSTALLATION))
        return [(row.kind, row.actor) for row in rows]


def people_log_of(office: Office) -> set[tuple[str, str]]:
    """Kind and actor of what is in the log of people."""
    entries = audit_entries.c
    mine = select(entries.kind, entries.actor).where(entries.connection_id == INSTALLATION)
    with office.engine.connect() as connection:
        return {(row.kind, row.actor) for row in connection.execute(mine)}


def assert_stands(office: Office, before: list[tuple[str, str]]) -> None:
    """The log is whole, and what was added to it was done by who may, or by a cycle of theirs."""
    office.run("audit", "verify")
    after = log_of(office)
    assert after[: len(before)] == before
    added = after[len(before) :]
    may_decide = {"admin by token 1", "operator by token 2"}
    done = {kind for kind, actor in added if actor in may_decide}
    assert DONE <= done <= DONE | {"policy.changed"}
    assert {each for each in added if each[1] not in may_decide} <= FOLLOWS


@pytest.mark.asvs("2.2.1", "2.2.2", "4.1.1", "4.1.4", "15.3.1", "16.5.3")
def test_it_is_as_described(
    office: Office, pages: Pages, capsys: pytest.CaptureFixture[str]
) -> None:
    """Goal: no 500, and no answer that its description does not have. Method: all operations, each
    bound met and missed, then drawn calls by four people; afterwards the company is as whole as
    before, and what its log got names who called."""
    walk = walk_of(pages, busy(office))
    links, log, people = links_of(office), log_of(office), people_log_of(office)
    operations = walk.operations()
    walk.by_rule(operations)
    walk.by_chance(operations)
    statuses = Counter[int]()
    for (_, status), count in walk.calls.items():
        statuses[status] += count
    with capsys.disabled():
        print(f"\n{walk.calls.total()} calls of {len(operations)} operations: {dict(statuses)}")  # noqa: T201
    assert not walk.findings, "\n\n".join(str(each) for each in walk.findings)
    succeeded = {label for label, status in walk.calls if status < 300}
    assert succeeded == {each.label for each in operations}, "each has succeeded at least once"
    assert links_of(office) == links
    assert_stands(office, log)
    by_program = {("user.added", "admin by token 1"), ("user.changed", "admin by token 1")}
    assert people_log_of(office) - people == by_program
