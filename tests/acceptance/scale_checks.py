"""What must hold when `scale` has come to rest; each check lists what is wrong.

The emulator's journal and what people entered are the witnesses; the platform's tables, and the
sync's own (runs, leases, audit log), are what is judged by them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from models.tables import sync as tables
from tests.acceptance.kill_checks import Memory, audit_against_journal, broken_chain
from tests.acceptance.kill_people import ENTITIES, TEXT_FIELDS, WORD
from tests.acceptance.scale_work import SIDES, Company, Scene
from tests.fixtures.company import FIGURES, Platform, _plain

#: What people enter in this run.
RECORD_TYPES = ("customer", "expense")


def all_wrong(scene: Scene) -> dict[str, list[str]]:
    """Check -> everything that does not hold."""
    memory = Memory.of(scene)  # type: ignore[arg-type]
    return {
        "each_text_once_on_each_side": not_once(scene),
        "both_sides_equal": unequal(scene),
        "writes_as_entered": not_as_entered(scene),
        "audit_log_and_journal": audit_against_journal(memory, journal_of(scene)),
        "audit_chain": broken_chain(scene),  # type: ignore[arg-type]
        "nothing_left_open": left_open(scene, memory),
    }


# -- both sides --


def booked_in(scene: Scene, company: Company, record_type: str) -> dict[str, dict[str, Any]]:
    """QuickBooks's id -> record."""
    with scene.emulator.emulator.lock:
        books = scene.emulator.emulator.companies[company.realm_id]
        return {each["Id"]: each for each in books.all(ENTITIES[record_type])}


def rows_by_company(scene: Scene, record_type: str) -> dict[int, dict[int, dict[str, Any]]]:
    """The platform's company -> id -> row, without deleted ones."""
    found: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in Platform(scene.engine).heads(record_type):
        found[row["company_id"]][row["id"]] = row
    return found


def not_once(scene: Scene) -> list[str]:
    """Texts that are lost or doubled on a side, or stand in another company's books."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record_type in RECORD_TYPES:
        field, column = TEXT_FIELDS[record_type]
        rows = rows_by_company(scene, record_type)
        for company in scene.companies:
            booked = booked_in(scene, company, record_type).values()
            texts = {
                "quickbooks": [str(each.get(field)) for each in booked],
                "platform": [str(each[column]) for each in rows[company.company_id].values()],
            }
            for side, listed in texts.items():
                for word in WORD.findall(" ".join(listed)):
                    places[side, word].append(company.connection_id)
    return [
        f"{each.word}, entered in {each.company.name} on {each.side}: stands in companies "
        f"{places[side, each.word]} on {side}"
        for each in scene.entered
        for side in SIDES
        if places[side, each.word] != [each.company.connection_id]
    ]


def unequal(scene: Scene) -> list[str]:
    """Records without a counterpart, or with other figures on the other side."""
    wrong = []
    for record_type in RECORD_TYPES:
        links = _links(scene, record_type)
        rows = rows_by_company(scene, record_type)
        for company in scene.companies:
            booked = booked_in(scene, company, record_type)
            mine = dict(rows[company.company_id])
            for quickbooks_id, row_id in links[company.connection_id]:
                record, row = booked.pop(quickbooks_id, None), mine.pop(row_id, None)
                if record is None or row is None or _differ(record_type, record, row):
                    wrong.append(
                        f"{company.name}: {record_type} {quickbooks_id} is {record}, {row}"
                    )
            wrong += [f"{company.name}: {record_type} {each} is alone" for each in (*booked, *mine)]
    return wrong


def _links(scene: Scene, record_type: str) -> dict[int, list[tuple[str, int]]]:
    links, found = tables.links, defaultdict(list)
    query = select(links).where(links.c.record_type == record_type, links.c.deleted_at.is_(None))
    with scene.engine.connect() as connection:
        for row in connection.execute(query):
            found[row.connection_id].append((row.quickbooks_id, int(row.platform_id or 0)))
    return found


def _differ(record_type: str, record: dict[str, Any], row: dict[str, Any]) -> bool:
    columns = FIGURES[ENTITIES[record_type]]
    return any(_plain(record.get(name)) != _plain(row[column]) for name, column in columns.items())


def not_as_entered(scene: Scene) -> list[str]:
    """Companies in which the application wrote more or less than people entered on the platform."""
    wanted: Counter[tuple[str, str, str]] = Counter()
    for each in scene.entered:
        if each.side == "platform":
            operation = "create" if each.created else "update"
            wanted[each.company.realm_id, ENTITIES[each.record_type], operation] += 1
    written = Counter((line.realm_id, line.entity, line.operation) for line in journal_of(scene))
    return [
        f"realm {realm_id}: {written[realm_id, entity, operation]} x {operation} {entity} "
        f"instead of {wanted[realm_id, entity, operation]}"
        for realm_id, entity, operation in sorted(wanted.keys() | written.keys())
        if written[realm_id, entity, operation] != wanted[realm_id, entity, operation]
    ]


def journal_of(scene: Scene) -> list[Any]:
    """All writes of the application, of all companies."""
    with scene.emulator.emulator.lock:
        return [
            line
            for each in scene.companies
            for line in scene.emulator.emulator.companies[each.realm_id].journal
            if line.client
        ]


def left_open(scene: Scene, memory: Memory) -> list[str]:
    """What still waits for somebody: intents, parked records, conflicts, alerts and leases."""
    leases, alerts = tables.leases, tables.alerts
    with scene.engine.connect() as connection:
        held = list(connection.execute(select(leases).where(leases.c.holder.is_not(None))))
        told = list(connection.execute(select(alerts).where(alerts.c.closed_at.is_(None))))
    return [
        *(f"intent {row.id} is open" for row in memory.intents.values() if row.closed_at is None),
        *(f"link {row.link_id} is parked: {row.code}" for row in memory.parked.values()),
        *(f"conflict {row.id}" for row in memory.conflicts),
        *(f"alert: {row.title}" for row in told),
        *(f"connection {row.connection_id} is held by {row.holder}" for row in held),
    ]


# -- one at a time --


def overlapping(runs: Iterable[Any], killed_at: datetime, leases: Iterable[Any]) -> list[str]:
    """Cycles of one company that ran at the same time, by the rows of their runs.

    A cycle that was killed lasted until then, and its company is kept until its lease ends.
    """
    kept_until = {each.connection_id: each.expires_at for each in leases}
    by_company: dict[int, list[Any]] = defaultdict(list)
    for run in sorted(runs, key=lambda each: each.started_at):
        by_company[run.connection_id].append(run)
    wrong = []
    for connection_id, mine in by_company.items():
        for run, following in pairwise(mine):
            ended = run.finished_at or max(killed_at, kept_until.get(connection_id, killed_at))
            if following.started_at < ended:
                wrong.append(
                    f"connection {connection_id}: run {following.id} began at "
                    f"{following.started_at}, run {run.id} ended at {ended}"
                )
    return wrong
