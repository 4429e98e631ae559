"""The receiver on both databases: what it answers with 200 is stored, once, and makes due."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.event import listen

from connectors.state import webhooks as inbox
from connectors.state.schedules import make_due, take_due
from connectors.state.webhooks import forget_events
from dashboard import webhooks as receiving_webhooks
from emulator.webhooks.events import Event, body_of
from models.errors import UsageError
from models.record_type import catalog, of_entity
from models.tables.sync import connections, links
from models.tables.webhook import webhook_events
from models.words import DataType
from tests.fixtures.company import REPOSITORY
from tests.fixtures.webhooks import (
    BOTH_SHAPES,
    NOON,
    OLD_TOKEN,
    TOKEN,
    TOKENS,
    place_of,
    post,
    receiving,
    signed,
    told,
)
from tests.integration.test_schedules import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

#: Bodies of a burst, with an event of each company.
BODIES = 60
#: Companies are connected by their place: the first one's realm id is 0.
FIRST, SECOND = "0", "1"


class Receiver:
    """A running receiver with two companies that are not due."""

    def __init__(self, engine: Engine, url: str, woken: list[int]) -> None:
        self.engine, self.url, self.woken = engine, url, woken

    def stored(self) -> list[Any]:
        """The events in the database, oldest first."""
        with self.engine.connect() as connection:
            query = select(webhook_events).order_by(webhook_events.c.id)
            return list(connection.execute(query).all())

    def due(self) -> dict[int, set[DataType]]:
        """Who is due and with what; nobody is afterwards."""
        return {each.connection_id: each.data_types for each in take_due(self.engine, self.now())}

    @staticmethod
    def now() -> datetime:
        """As the receiver has it."""
        return datetime.now(NOON.tzinfo) + timedelta(seconds=5)


@pytest.fixture
def receiver(database: Engine) -> Iterator[Receiver]:
    """One that is served, as the command does."""
    connect(database, 2)
    woken: list[int] = []
    with receiving(place_of(database), lambda: woken.append(1)) as url:
        made = Receiver(database, url, woken)
        made.due()
        yield made


def counts(answer: httpx.Response) -> tuple[int, int, int, int]:
    """Stored, repeated, known and unknown events of an answer."""
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["stored"], found["repeated"], found["known"], found["unknown"]


@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_an_event_is_stored_and_makes_its_company_due(receiver: Receiver, shape: str) -> None:
    """With the data type that it is about; and the dispatcher is woken."""
    event = told(SECOND, "Invoice", "77", "create")
    assert counts(post(receiver.url, [event], shape)) == (1, 0, 0, 0)
    (row,) = receiver.stored()
    assert (row.entity.lower(), row.quickbooks_id, row.happened_at) == ("invoice", "77", NOON)
    assert row.operation in ("Create", "created")
    assert row.event_id == event.id or row.event_id.startswith("sha256:")
    assert not row.known
    ((number, data_types),) = receiver.due().items()
    assert number == row.connection_id
    assert data_types == {DataType.INVOICES}
    assert receiver.woken == [1]


@pytest.mark.parametrize(
    ("entities", "data_types"),
    [
        (["Customer"], {DataType.INVOICES}),
        (["Purchase", "BILL"], {DataType.EXPENSES}),
        (["account", "Payment"], {DataType.FINANCIALS, DataType.INVOICES}),
        # no record type of ours: it may be why others changed
        (["Preferences"], set(DataType)),
        (["Invoice", "TimeActivity"], set(DataType)),
    ],
)
def test_what_is_due_is_what_the_entities_are_about(
    receiver: Receiver, entities: list[str], data_types: set[DataType]
) -> None:
    """Together, for all events of a body."""
    post(receiver.url, [told(FIRST, name) for name in entities])
    ((_, due),) = receiver.due().items()
    assert due == data_types


def test_every_entity_that_is_synced_is_known_by_its_name() -> None:
    """In both spellings."""
    for each in catalog().values():
        assert each in of_entity(each.entity)
        assert each in of_entity(each.entity.lower())


@pytest.mark.parametrize("shape", BOTH_SHAPES)
@pytest.mark.asvs("webhooks")
def test_a_repeated_event_does_nothing(receiver: Receiver, shape: str) -> None:
    """Sent again, alone or among new ones, in whatever order: stored once, due once."""
    first, second = told(FIRST, record_id="1"), told(FIRST, record_id="2")
    assert counts(post(receiver.url, [first], shape)) == (1, 0, 0, 0)
    receiver.due()
    receiver.woken.clear()
    assert counts(post(receiver.url, [first], shape)) == (0, 1, 0, 0)
    assert (receiver.due(), receiver.woken) == ({}, [])
    assert counts(post(receiver.url, [second, first, second], shape)) == (1, 2, 0, 0)
    assert len(receiver.stored()) == 2


def test_a_company_that_is_not_connected_is_answered(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Or Intuit would send it for ever, and nothing else; the log names it."""
    assert counts(post(receiver.url, [told("987"), told("987"), told(FIRST)])) == (1, 0, 0, 2)
    assert len(receiver.stored()) == 1
    assert "2 events are about companies that are not connected: 987" in caplog.text
    receiver.woken.clear()
    assert counts(post(receiver.url, [told("987")])) == (0, 0, 0, 1)
    assert receiver.woken == []


@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_two_companies_in_one_body(receiver: Receiver, shape: str) -> None:
    """Each is due with its own."""
    events = [told(SECOND, "Bill"), told(FIRST, "Item"), told(SECOND, "Vendor")]
    assert counts(post(receiver.url, events, shape)) == (3, 0, 0, 0)
    assert sorted(receiver.due().values()) == [{DataType.INVOICES}, {DataType.EXPENSES}]


@pytest.mark.asvs("webhooks")
def test_the_answers(receiver: Receiver) -> None:
    """Status by what is wrong; nothing of it is stored."""
    body = body_of([told(FIRST)], "cloudevents")
    long = body + b" " * 2**20
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (body, {}, 401, "intuit-signature"),
        (body, {"intuit-signature": ""}, 401, "intuit-signature"),
        (body + b" ", signed(body), 401, "intuit-signature"),
        (body, signed(body, "another token"), 401, "intuit-signature"),
        (b"", signed(b""), 400, "the body"),
        (b"{}", signed(b"{}"), 400, "eventNotifications"),
        (long, signed(long), 413, "longer than"),
        # before the signature is looked at
        (long, {}, 413, "longer than"),
    ]
    with httpx.Client(timeout=10, verify=False) as client:
        for content, headers, status, words in cases:
            answer = client.post(receiver.url, content=content, headers=headers)
            assert (answer.status_code, words in answer.json()["error"]) == (status, True), words
        assert client.get(receiver.url).status_code == 405
        assert client.get(receiver.url + "x").status_code == 404
        for page in ("/docs", "/openapi.json"):
            assert client.get(f"http://{urlsplit(receiver.url).netloc}{page}").status_code == 404
    assert receiver.stored() == []


@pytest.mark.asvs("webhooks", "11.2.2")
def test_either_token_counts_while_one_replaces_the_other(receiver: Receiver) -> None:
    """Intuit may sign with the old one for a while."""
    for token in (OLD_TOKEN, TOKEN):
        body = body_of([told(FIRST)], "cloudevents")
        answer = httpx.post(receiver.url, content=body, headers=signed(body, token), verify=False)
        assert counts(answer) == (1, 0, 0, 0)


@pytest.mark.parametrize("tokens", ["", " , "])
@pytest.mark.asvs("webhooks")
def test_without_a_token_nothing_is_received(sqlite_engine: Engine, tokens: str) -> None:
    """The pages are there, the receiver is not: a signature could be anybody's."""
    place = place_of(sqlite_engine, webhook_verifier_tokens=tokens)
    body = body_of([told(FIRST)], "cloudevents")
    with receiving(place) as url:
        answer = httpx.post(url, content=body, headers=signed(body, ""), verify=False)
    assert answer.status_code == 404
    with pytest.raises(UsageError, match="QBSYNC_WEBHOOK_VERIFIER_TOKENS is not set; copy"):
        receiving_webhooks.Receiver(place, lambda: None)


# -- what comes back of our own writes --


@pytest.mark.parametrize(
    ("version", "deleted", "operation", "known"),
    [
        # as the link has it: whole seconds, with Pacific time
        ("3|2026-11-16T04:00:00-08:00", False, "update", True),
        ("3|2026-11-16T04:00:01-08:00", False, "update", True),
        # whatever is known of it is newer than its beginning
        ("0|2026-11-16T03:59:58-08:00", False, "create", True),
        (None, False, "create", False),
        # somebody has edited it since
        ("3|2026-11-16T03:59:59-08:00", False, "update", False),
        ("3|", False, "update", False),
        ("", False, "update", False),
        (None, False, "update", False),
        ("3|2026-11-16T04:00:00", False, "update", False),
        # gone, which the link knows or does not
        ("3|2026-11-16T04:00:00-08:00", False, "delete", False),
        ("3|2026-11-16T03:00:00-08:00", True, "delete", True),
    ],
)
@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_what_the_link_holds_makes_nothing_due(
    receiver: Receiver, shape: str, version: str | None, deleted: bool, operation: str, known: bool
) -> None:
    """It is stored all the same."""
    with receiver.engine.begin() as transaction:
        (first, second) = transaction.scalars(select(connections.c.id).order_by("id")).all()
        row = {"record_type": "invoice", "quickbooks_id": "5", "label": "Invoice 5"}
        version_of = {first: version, second: "9|2027-01-01T00:00:00Z"}
        for number, held in version_of.items():
            more = {"quickbooks_version": held, "deleted_at": NOON if deleted else None}
            transaction.execute(insert(links).values(connection_id=number, **row, **more))
    at = NOON + timedelta(milliseconds=900)
    answer = post(receiver.url, [told(FIRST, record_id="5", operation=operation, at=at)], shape)
    assert counts(answer) == (1, 0, int(known), 0)
    assert [each.known for each in receiver.stored()] == [known]
    assert (receiver.due() == {}) is known
    assert (receiver.woken == []) is known


# -- bursts --


def send_all(url: str, bodies: Sequence[list[Event]], senders: int = 8) -> Counter[int]:
    """Send bodies side by side; how often each status was answered."""
    with (
        httpx.Client(timeout=10, verify=False) as client,
        ThreadPoolExecutor(max_workers=senders) as threads,
    ):

        def send(number: int) -> int:
            body = body_of(bodies[number], BOTH_SHAPES[number % 2])
            return client.post(url, content=body, headers=signed(body)).status_code

        return Counter(threads.map(send, range(len(bodies))))


@pytest.mark.asvs("webhooks")
def test_a_burst_is_stored_whole(receiver: Receiver) -> None:
    """Events of two companies from eight senders, while a dispatcher takes companies up and
    somebody makes them due: nothing is lost, nothing is doubled, nobody waits for ever."""
    companies = (FIRST, SECOND)
    bodies = [
        [told(companies[(number + each) % 2], record_id=f"{number}-{each}") for each in (1, 2)]
        for number in range(BODIES)
    ]
    ended = threading.Event()

    def beside() -> None:
        while not ended.is_set():
            receiver.due()
            with receiver.engine.begin() as transaction:
                ids = select(connections.c.id).order_by(connections.c.id)
                for number in transaction.scalars(ids).all():
                    make_due(transaction, number, receiver.now())
            ended.wait(0.02)

    thread = threading.Thread(target=beside)
    thread.start()
    answers = send_all(receiver.url, bodies)
    ended.set()
    thread.join(timeout=60)
    assert answers == {200: BODIES}
    assert len(receiver.stored()) == 2 * BODIES
    post(receiver.url, [told(FIRST)])
    assert receiver.due()


@pytest.mark.asvs("webhooks")
def test_what_waits_is_stored_together(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has the company: what comes meanwhile takes a transaction or two, not one each.

    Each is answered for itself: of one that came twice, the second is the repeated one.
    """
    monkeypatch.setattr("dashboard.webhooks.ANSWER_SECONDS_MAX", 20)
    events = [told(FIRST), told(SECOND), told("987")] * 4 + [told(FIRST) for _ in range(8)]
    commits: list[object] = []
    with ThreadPoolExecutor(len(events)) as threads:
        with receiver.engine.begin() as transaction:
            transaction.execute(update(connections).values(name=connections.c.name))
            answers = [threads.submit(post, receiver.url, [each]) for each in events]
            time.sleep(1)
        listen(receiver.engine, "commit", commits.append)
        found = Counter(counts(each.result()) for each in answers)
    assert found == {(1, 0, 0, 0): 10, (0, 1, 0, 0): 6, (0, 0, 0, 1): 4}
    assert len(receiver.stored()) == 10
    assert len(commits) < len(events) / 2


@pytest.mark.asvs("webhooks", "16.5.3")
def test_what_cannot_be_stored_in_time_is_not_acknowledged(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the database: 503 well before Intuit gives up, and once more it is stored."""
    monkeypatch.setattr("dashboard.webhooks.ANSWER_SECONDS_MAX", 0.2)
    connect(sqlite_engine, 1)
    under_way, waiting = told(FIRST), told(FIRST)
    with receiving(place_of(sqlite_engine)) as url:
        with sqlite_engine.begin():
            started = time.monotonic()
            refused = [post(url, [each]).status_code for each in (under_way, waiting)]
            # as long as the database waits for a lock, at most
            assert time.monotonic() - started < 30
        assert refused == [503, 503]
        monkeypatch.setattr("dashboard.webhooks.ANSWER_SECONDS_MAX", 10)
        stored, repeated, *_ = counts(post(url, [under_way]))
        assert stored + repeated == 1
        # it was still in the queue, and nobody waited for its answer any more
        assert counts(post(url, [waiting])) == (1, 0, 0, 0)
    with sqlite_engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(webhook_events)) == 2


@pytest.mark.asvs("webhooks", "16.5.3")
def test_what_the_database_refuses_is_not_acknowledged(sqlite_engine: Engine) -> None:
    """503 to each that waits for it; what comes after it is mended is stored."""
    connect(sqlite_engine, 1)
    events = [told(FIRST) for _ in range(4)]
    with receiving(place_of(sqlite_engine)) as url:
        with sqlite_engine.begin() as transaction:
            transaction.execute(text("ALTER TABLE webhook_events RENAME TO away"))
        assert send_all(url, [[each] for each in events]) == {503: 4}
        with sqlite_engine.begin() as transaction:
            transaction.execute(text("ALTER TABLE away RENAME TO webhook_events"))
        assert counts(post(url, events)) == (4, 0, 0, 0)


def test_a_body_that_never_ends_is_given_up(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A sender that stops half way gets an answer and keeps nobody else waiting."""
    monkeypatch.setattr("dashboard.webhooks.ANSWER_SECONDS_MAX", 0.1)
    connect(sqlite_engine, 1)
    with receiving(place_of(sqlite_engine)) as url:
        with httpx.Client(verify=False, timeout=5) as client:

            def half() -> Iterator[bytes]:
                yield b"["
                deadline = time.monotonic() + 4
                while "not stored in time" not in caplog.text and time.monotonic() < deadline:
                    time.sleep(0.01)
                yield b"]"

            answer = client.post(url, content=half(), headers=signed(b"[]"))
        assert answer.status_code == 503
        monkeypatch.setattr("dashboard.webhooks.ANSWER_SECONDS_MAX", 10)
        assert counts(post(url, [])) == (0, 0, 0, 0)


@pytest.mark.asvs("webhooks")
def test_a_killed_receiver_has_what_it_acknowledged(database: Engine, database_url: str) -> None:
    """Killed with -9 while eight senders are at it: every event that was answered 200 is there."""
    connect(database, 2)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "--port", "0"],
        env={
            **os.environ,
            "QBSYNC_DATABASE_URL": database_url,
            "QBSYNC_WEBHOOK_VERIFIER_TOKENS": TOKENS,
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_API_URL": "",
            "PYTHONPATH": str(REPOSITORY),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    url = next(line for line in lines if "webhooks:" in line).split()[-1]
    answered: list[str] = []
    enough = threading.Event()

    def sender() -> None:
        with httpx.Client(timeout=5, verify=False) as client:
            while True:
                event = told(FIRST)
                body = body_of([event], "cloudevents")
                try:
                    answer = client.post(url, content=body, headers=signed(body))
                except httpx.HTTPError:
                    return  # it is dead
                if answer.status_code == 200:
                    answered.append(event.id)
                if len(answered) >= 100:
                    enough.set()

    threads = [threading.Thread(target=sender) for _ in range(8)]
    for each in threads:
        each.start()
    got_enough = enough.wait(60)
    process.send_signal(signal.SIGKILL)  # also where it did not answer: nothing is left behind
    assert got_enough
    for each in threads:
        each.join(timeout=30)
    process.wait(timeout=10)
    process.stderr.close()
    with database.connect() as connection:
        stored = set(connection.scalars(select(webhook_events.c.event_id)))
    assert len(answered) >= 100
    assert set(answered) <= stored


# -- what is forgotten --


def test_old_events_are_forgotten(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 30 days, or beyond a number; in several steps where there are many."""
    monkeypatch.setattr(inbox, "_FORGOTTEN_AT_ONCE", 7)
    monkeypatch.setattr(inbox, "KEPT_MAX", 20)
    connect(database, 1)
    for day in range(40):
        inbox.store_events(
            database,
            [
                [inbox.WebhookEvent(f"{day}-{each}", FIRST, "invoice", "1", "updated", NOON)]
                for each in range(2)
            ],
            NOON + timedelta(days=day),
        )
    assert forget_events(database, NOON + timedelta(days=35)) == 60
    with database.connect() as connection:
        left = connection.scalars(select(webhook_events.c.event_id)).all()
    assert sorted(left) == sorted(f"{day}-{each}" for day in range(30, 40) for each in range(2))
    assert forget_events(database, NOON + timedelta(days=63)) == 6
    with database.begin() as transaction:
        transaction.execute(update(webhook_events).values(received_at=NOON))
    assert forget_events(database, NOON + timedelta(days=31)) == 14
    assert forget_events(database, NOON) == 0
