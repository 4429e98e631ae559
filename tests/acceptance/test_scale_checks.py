"""The checks of `make scale` see what they must, so that its empty lists mean something.

The run itself takes minutes and servers: `make scale`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from models.tables import sync as tables
from tasks.bootstrap import installation
from tasks.dispatch import CycleEnd, dispatch
from tests.acceptance.scale_checks import all_wrong, overlapping
from tests.acceptance.scale_work import Realm, Scene, connected, emulator_of, settle
from tests.fixtures.company import ENCRYPTION_KEY, SIGNING_KEY, Books, Office, Platform, purchase

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds past noon."""
    return NOON + timedelta(seconds=seconds)


def run_of(company: int, since: float, until: float | None) -> SimpleNamespace:
    """The row of a cycle; without an end it was killed."""
    finished_at = None if until is None else at(until)
    return SimpleNamespace(
        id=f"{company}-{since}",
        connection_id=company,
        started_at=at(since),
        finished_at=finished_at,
    )


@pytest.mark.parametrize(
    ("runs", "count"),
    [
        ([(1, 0, 10), (1, 10, 20)], 0),  # one after the other
        ([(1, 0, 10), (2, 5, 15)], 0),  # two companies
        ([(1, 0, 10), (1, 9, 20)], 1),  # at once
        ([(1, 40, None), (1, 90, 95)], 0),  # killed at 50, and its lease ended at 90
        ([(1, 40, None), (1, 89, 95)], 1),  # taken over too early
        ([(2, 40, None), (2, 50, 95)], 0),  # killed without a lease
        ([(2, 40, None), (2, 49, 95)], 1),  # begun while the other one lived
    ],
)
def test_cycles_that_overlap_are_named(
    runs: list[tuple[int, float, float | None]], count: int
) -> None:
    """By the rows of runs, the instant of the kill and the leases that were held then."""
    leases = [SimpleNamespace(connection_id=1, expires_at=at(90))]
    assert len(overlapping([run_of(*each) for each in runs], at(50), leases)) == count


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Iterator[Scene]:
    """Two companies at rest, with work in the first of them that was synced."""
    monkeypatch.chdir(tmp_path)
    with emulator_of(tmp_path, 2) as emulator:
        office = Office(emulator, sqlite_url)
        settings = office.environment() | {
            "QBSYNC_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "QBSYNC_AUDIT_SIGNING_KEY": SIGNING_KEY,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        office.clock.install(monkeypatch)
        with installation() as place:
            made = connected(place, emulator, 2)
            settle(made)
            made.work_in(made.companies[:1])
            for _ in range(3):
                made.make_due(made.companies)
                done = dispatch(place)
            # one that is due again right after its cycle is looked at again
            assert {each.connection_id: each.end for each in done.runs} == {
                each.connection_id: CycleEnd.IDLE for each in made.companies
            }
            yield made
        office.close()


def doubled_in_quickbooks(scene: Scene) -> None:
    """The same text again."""
    enter(scene, 0, scene.entered[0].word)


def entered_elsewhere(scene: Scene) -> None:
    """A text of one company in the books of another one."""
    enter(scene, 1, scene.entered[0].word)


def enter(scene: Scene, number: int, word: str) -> None:
    """Somebody enters an expense in a company's QuickBooks."""
    realm: Any = Realm(scene.emulator, scene.companies[number].realm_id)
    books = Books(realm)
    books.create("Purchase", purchase(7, PrivateNote=word))
    books.close()


def lost_on_the_platform(scene: Scene) -> None:
    """A row is gone."""
    row = next(iter(Platform(scene.engine).heads("expense")))
    Platform(scene.engine).edit("expense", row["id"], deleted_at=NOON)


def written_without_an_intent(scene: Scene) -> None:
    """The application wrote something that nobody knows of."""
    scene.emulator.save("Purchase", purchase(7, PrivateNote="nobody's"))


def kept_by_a_dead_worker(scene: Scene) -> None:
    """A lease that nobody gave back."""
    with scene.engine.begin() as transaction:
        transaction.execute(update(tables.leases).values(holder="machine:1", expires_at=NOON))


def forgotten_by_the_log(scene: Scene) -> None:
    """An intent that was never closed."""
    with scene.engine.begin() as transaction:
        transaction.execute(update(tables.intents).values(closed_at=None))


@pytest.mark.parametrize(
    ("sabotage", "seen"),
    [
        (doubled_in_quickbooks, {"each_text_once_on_each_side", "both_sides_equal"}),
        (entered_elsewhere, {"each_text_once_on_each_side", "both_sides_equal"}),
        (lost_on_the_platform, {"each_text_once_on_each_side", "both_sides_equal"}),
        (
            written_without_an_intent,
            {"writes_as_entered", "audit_log_and_journal", "both_sides_equal"},
        ),
        (kept_by_a_dead_worker, {"nothing_left_open"}),
        (forgotten_by_the_log, {"nothing_left_open"}),
    ],
)
def test_what_is_wrong_is_seen(
    scene: Scene, sabotage: Callable[[Scene], None], seen: set[str]
) -> None:
    """Nothing is wrong at first; afterwards just the checks that should say so do."""
    assert {name: listed for name, listed in all_wrong(scene).items() if listed} == {}
    sabotage(scene)
    assert {name for name, listed in all_wrong(scene).items() if listed} == seen
