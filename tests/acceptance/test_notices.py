"""New alerts are told on the channels that people have chosen: once each, and never to a harm.

Method: the demo company, a receiver on this machine behind apprise, cycles by the command line and
by the dispatcher, choices by the page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from connectors.channels import parts_to_hide, send
from connectors.database import database_time
from connectors.settings import read_settings
from connectors.state.connections import connection_named
from connectors.state.notices import CLAIM, causes_condition, claim, claim_trial, note_failed
from dashboard.pages.notices import CHOICES
from models.errors import UsageError
from models.notices import TRIES_MAX, Message, Severity
from models.people import Role
from tasks.bootstrap import Installation, installation
from tasks.dispatch import dispatch
from tasks.notify import CHANNEL_FAILED, alerts_told, channel_rows, tell_alerts
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_retry_queue import REFUSED, refused
from tests.fixtures.company import Office, add_expense
from tests.fixtures.logged import everything_logged
from tests.fixtures.pages import Pages
from tests.fixtures.receiver import Receiver, receiving

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's import
on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
SECRET = "sparrow-lamp"
HOME = "http://127.0.0.1:8400"


@pytest.fixture
def finance(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """What stands behind the channel "finance"."""
    monkeypatch.setenv("QBSYNC_DASHBOARD_URL", HOME)
    with receiving() as receiver:
        monkeypatch.setenv("QBSYNC_NOTIFY_FINANCE", receiver.address(SECRET))
        yield receiver


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """What stands behind the channel "board"."""
    with receiving() as receiver:
        monkeypatch.setenv("QBSYNC_NOTIFY_BOARD", receiver.address())
        yield receiver


@pytest.fixture
def place(finance: Receiver, office: Office) -> Iterator[Installation]:
    """The installation, with the channel."""
    assert finance.port
    assert office
    with installation() as opened:
        yield opened


def choose(office: Office, *chosen: str) -> None:
    """Choose who is told, by the command line."""
    office.run("settings", "--set", f"notify={','.join(chosen)}")


def more_refused(office: Office) -> int:
    """Another invoice that QuickBooks refuses; its row."""
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(7)}
    customer = office.platform.id_of("Customer", "5")
    return office.platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 2), lines=[line]
    )


def try_again(office: Office) -> None:
    """As if the wait after a failed try were over."""
    office.platform.sql("UPDATE notice_channels SET next_try_at = NULL")


def alerts(office: Office) -> list[dict[str, Any]]:
    """Open alerts."""
    found: list[dict[str, Any]] = office.status()["alerts"]
    return found


@on_both
def test_new_alerts_are_told_once_in_one_message(finance: Receiver, office: Office) -> None:
    """Goal: one message names company, what happened, what to do and the page; nothing twice,
    after a restart neither; an alert that comes back is told again."""
    choose(office, "finance:warning")
    more_refused(office)
    office.emulator.faults(REFUSED)
    office.sync(code=3)
    refused_too = office.parked()[0]["link"]
    ((title, body),) = finance.new()
    (alert,) = alerts(office)
    with installation() as place:
        company = connection_named(place.engine)
    assert title == f"{company.name}: 1 new alert"
    for words in (
        alert["title"],
        alert["fix"],
        f"{HOME}/settings/integrations/quickbooks/1/alerts",
    ):
        assert words in body
    office.sync(code=3)
    assert finance.new() == []
    for _ in range(2):
        more_refused(office)
    office.sync(code=3)
    ((title, body),) = finance.new()
    assert title == f"{company.name}: 2 new alerts"
    assert body.count("What to do:") == 2
    office.emulator.clear_faults()
    office.run("retry")
    office.sync()
    assert alerts(office) == []
    assert finance.new() == []
    office.emulator.faults(REFUSED)
    row_id = more_refused(office)
    office.sync(code=3)
    assert len(finance.new()) == 1
    assert refused_too
    assert row_id


def test_each_channel_is_told_from_its_severity_on(
    finance: Receiver, board: Receiver, office: Office
) -> None:
    """Goal: a record that was set aside is nothing for who wants to know of standstills only."""
    choose(office, "finance:notice", "board:critical")
    refused(office)
    assert (len(finance.new()), board.new()) == (1, [])
    office.emulator.clear_faults()
    office.run("settings", "--set", "approval_amount_max=1")
    add_expense(office, 100)
    office.run("sync", code=4)
    ((title, body),) = board.new()
    assert "1 new alert" in title
    assert "plan --approve" in body
    assert len(finance.new()) == 1


@on_both
def test_a_channel_that_fails_harms_no_cycle_and_becomes_visible(
    finance: Receiver, board: Receiver, office: Office
) -> None:
    """Goal: it is tried a few times, then is an alert that the other channel is told of; once a
    test message arrives, what is still open is told and the alert closes."""
    choose(office, "finance:warning", "board:warning")
    finance.status = 500
    refused(office)
    assert len(board.new()) == 1
    for _ in range(TRIES_MAX + 2):
        office.sync(code=3)  # not before its time
        try_again(office)
        office.sync(code=3)
    assert finance.asked == TRIES_MAX
    (failed,) = [each for each in alerts(office) if each["cause"] == CHANNEL_FAILED]
    assert "finance: it answered 500; 1 alert was not told" in failed["message"]
    assert "QBSYNC_NOTIFY_FINANCE" in failed["fix"]
    ((_, body),) = board.new()
    assert "nobody is told of alerts on finance" in body
    office.run("channels", "--test", "finance", code=1)
    finance.status = 200
    office.run("channels", "--test", "finance")
    assert [each["cause"] for each in alerts(office)] != [CHANNEL_FAILED]
    assert [title.partition(": ")[2] for title, _ in finance.new()] == ["test message"]
    office.sync(code=3)
    assert len(finance.new()) == 1
    assert CHANNEL_FAILED not in {each["cause"] for each in alerts(office)}
    (row,) = [
        each
        for each in office.run("channels", "--json").json["channels"]
        if each["channel"] == "finance"
    ]
    assert (row["failures"], row["error"], row["not_told"]) == (0, "", 0)


def test_a_channel_that_failed_for_good_is_left_for_a_while(
    finance: Receiver, office: Office
) -> None:
    """Goal: a new alert makes no cycle wait for it; later it is tried again, once."""
    choose(office, "finance:warning")
    finance.status = 500
    refused(office)
    for _ in range(TRIES_MAX - 1):
        try_again(office)
        office.sync(code=3)
    assert finance.asked == TRIES_MAX
    for tries in (TRIES_MAX, TRIES_MAX + 1):
        more_refused(office)
        office.sync(code=3)
        assert finance.asked == tries
        try_again(office)
        office.sync(code=3)
        assert finance.asked == tries + 1


def test_all_channels_share_one_time(
    finance: Receiver, board: Receiver, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: two that hang cost a company no more than one, and keep a third one from nothing."""
    refused(office)
    finance.seconds = board.seconds = 10
    monkeypatch.setattr("tasks.notify.SECONDS_MAX", 2)
    with receiving() as well:
        monkeypatch.setenv("QBSYNC_NOTIFY_WELL", well.address())
        choose(office, "board:warning", "finance:warning", "well:warning")
        with installation() as place:
            began = time.monotonic()
            tell_alerts(place)
            assert time.monotonic() - began < 3.5
            rows = channel_rows(place, connection_named(place.engine))
        assert len(well.new()) == 1
    assert [each.fares.error for each in rows if each.fares is not None] == [
        "no answer within 2 seconds", "no answer within 2 seconds", "",
    ]  # fmt: skip


@on_both
def test_two_workers_and_one_that_dies(
    finance: Receiver, office: Office, place: Installation
) -> None:
    """Goal: who sends has the channel for itself; where it dies, another one tells after a while,
    and one that comes back late changes nothing."""
    refused(office)
    company, now = connection_named(place.engine), place.clock.now()
    every = causes_condition(None, frozenset())
    first = claim(place.engine, company.id, "finance", every, now)
    assert first is not None
    assert claim(place.engine, company.id, "finance", every, now) is None
    choose(office, "finance:warning")
    office.sync(code=3)
    assert finance.new() == []
    later = claim(place.engine, company.id, "finance", every, now + CLAIM + timedelta(seconds=1))
    assert later is not None
    assert [row.id for row in later.alerts] == [row.id for row in first.alerts]
    assert note_failed(place.engine, first, "too late", now) is False
    office.platform.sql("UPDATE notice_channels SET claimed_until = NULL")
    office.sync(code=3)
    assert len(finance.new()) == 1


def test_the_dispatcher_tells_and_nothing_harms_it(
    finance: Receiver, office: Office, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: as a cycle by hand; whatever goes wrong with telling stays in there."""
    choose(office, "finance:warning")
    more_refused(office)
    office.emulator.faults(REFUSED)
    assert len(dispatch(place).runs) == 1
    assert len(finance.new()) == 1

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tasks.notify.channels_of", broken)
    with alerts_told(place):
        pass
    with pytest.raises(UsageError, match="as before"), alerts_told(place):
        raise UsageError("as before")


def test_the_address_is_seen_nowhere(finance: Receiver, office: Office) -> None:
    """Goal: in no log, answer, error, audit entry or row, whether messages arrive or not."""
    with everything_logged() as outputs:
        choose(office, "finance:notice")
        answers = []
        for finance.status in (200, 500):
            refused(office) if finance.status == 200 else more_refused(office)
            office.sync(code=3)
            answers.append(office.run("channels", "--test", "finance", "--json", code=None))
        answers.append(office.run("settings", "--set", "notify=nobody:warning", code=2))
        with installation() as place:
            browser = Pages(place).browser(Role.ADMIN)
            page = browser.open(Pages(place).path("settings/notices"))
            texts = [page.text, repr(place.settings)]
            with place.engine.connect() as connection:
                for table in ("audit_entries", "alerts", "notice_channels", "runs", "sessions"):
                    texts += [
                        str(row) for row in connection.execute(text(f"SELECT * FROM {table}"))
                    ]
    assert finance.asked == 4
    texts += [each.getvalue() for each in outputs.values()]
    texts += [f"{each.stdout}{each.stderr}" for each in answers]
    assert not [each for each in texts if SECRET in each]
    assert not [each for each in texts if "sync:" in each and "@127" in each]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("json://127.0.0.1:1/nobody", "it cannot be reached, or refused the message"),
        ("nonsense://x", "its address is none that apprise knows"),
        ("", "its address is none that apprise knows"),
    ],
)
def test_why_a_message_did_not_arrive(address: str, words: str) -> None:
    """In our own words."""
    assert send(SecretStr(address), Message("title", "body")) == words


def test_a_channel_that_hangs_is_left() -> None:
    """Goal: sending ends in time, whatever the other end does."""
    with receiving() as receiver:
        receiver.seconds = 3
        found = send(SecretStr(receiver.address()), Message("title", "body"), seconds_max=0.5)
    assert found == "no answer within 0.5 seconds"


@on_both
def test_people_choose_on_the_page(finance: Receiver, office: Office, pages: Pages) -> None:
    """Goal: among the names that the operator has given, with what each means; logged with who."""
    assert office
    path = pages.path("settings/notices")
    browser = pages.browser(Role.ADMIN, name="ann").open(path)
    for words in ("finance", "no message yet", *CHOICES.values()):
        assert words in browser.words
    assert str(finance.port) not in browser.text
    browser.send(path, least="critical")
    assert "finance is told only when nothing is synced" in browser.words
    assert stored(pages) == {"finance": Severity.CRITICAL}
    (entry,) = office.platform.audit("settings.changed")
    assert entry["changed"] == {"notify": [{}, {"finance": "critical"}]}
    browser.send(path + "/test")
    assert "finance: The message was taken." in browser.words
    ((title, body),) = finance.new()
    assert title.endswith(": test message")
    assert "ann" in body
    assert "last message" in browser.words
    assert office.platform.audit("channel.tried") == [{"channel": "finance", "error": ""}]
    browser.send(path, least="")
    assert stored(pages) == {}
    viewer = pages.browser(Role.VIEWER).open(path)
    assert not [each for each in viewer.forms if "settings/notices" in each.action]


@on_both
def test_a_test_message_a_minute(
    finance: Receiver,
    board: Receiver,
    office: Office,
    pages: Pages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: for each channel; who comes too soon reads when again, and nobody is called."""
    assert office
    path = pages.path("settings/notices")
    browser = pages.browser(Role.ADMIN).open(path)
    browser.send(path + "/test", channel="finance")
    for finance.status in (200, 500):
        browser.open(path).send(path + "/test", 409, channel="finance")
        assert "finance was sent a test message at" in browser.words
        assert re.search(r"Send a test message after \d\d:\d\d:\d\d, UTC", browser.words)
    browser.open(path).send(path + "/test", channel="board")
    assert (finance.asked, board.asked) == (1, 1)
    monkeypatch.setattr("dashboard.pages.notices.TRIAL_APART", timedelta(0))
    for _ in range(2):  # one that failed frees the channel, too
        browser.open(path).send(path + "/test", channel="finance")
        assert "it answered 500" in browser.words
    engine, company = pages.place.engine, connection_named(pages.place.engine).id
    now = database_time(engine, pages.place.clock.now())
    claim_trial(engine, company, "finance", now, timedelta(0))
    browser.open(path).send(path + "/test", 409, channel="finance")
    assert "a message is on its way to finance just now" in browser.words
    assert finance.asked == 3


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"channel": "nobody"}, 422, "QBSYNC_NOTIFY_NOBODY is not set here; channels are: finance"),
        ({"channel": "json://127.0.0.1"}, 422, "channel is 'json://127.0.0.1'"),
        ({"least": "loud"}, 422, "least"),
        ({"address": "json://127.0.0.1"}, 422, "address: Extra inputs are not permitted"),
        ({"based_on": "notice"}, 409, "was changed by somebody else meanwhile"),
    ],
)
def test_what_cannot_be_chosen(
    finance: Receiver, pages: Pages, fields: dict[str, str], status: int, words: str
) -> None:
    """Goal: the page says what and why; nothing is stored, and nobody is called."""
    path = pages.path("settings/notices")
    browser = pages.browser(Role.ADMIN).open(path)
    browser.send(path, status, **{"least": "warning", **fields})
    assert words in browser.words
    assert stored(pages) == {}
    assert finance.asked == 0


def test_a_name_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the operator reads which variable is meant, and not what it holds."""
    monkeypatch.setenv("QBSYNC_NOTIFY_TWO-WORDS", f"json://x:{SECRET}@127.0.0.1")
    with pytest.raises(UsageError, match="QBSYNC_NOTIFY_TWO-WORDS: name a channel by") as error:
        read_settings()
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("is_in_file", [False, True], ids=["environment", ".env"])
@pytest.mark.parametrize(
    "value",
    [
        f"slack://{SECRET}",
        f'["{SECRET}"]',
        f'{{"two words": "{SECRET}"}}',
        f'{{"finance": ["{SECRET}"]}}',
        f'{{"finance": "json://x:{SECRET}@127.0.0.1"}}',
    ],
)
def test_an_address_without_a_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, is_in_file: bool
) -> None:
    """Goal: the operator reads what to write instead, and not what is set."""
    monkeypatch.chdir(tmp_path)
    if is_in_file:
        (tmp_path / ".env").write_text(f"QBSYNC_NOTIFY='{value}'\n")
    else:
        monkeypatch.setenv("QBSYNC_NOTIFY", value)
    with pytest.raises(UsageError, match=r"QBSYNC_NOTIFY is set.*QBSYNC_NOTIFY_<NAME>") as error:
        read_settings()
    assert SECRET not in str(error.value)


def test_all_secrets_of_all_addresses_are_known() -> None:
    """Goal: passwords and options of each address of a list, however short."""
    address = "json://a:first1@one.example, mailtos://b:se%2Fond@two.example?pass=third3&x=f%20four"
    hidden = parts_to_hide(SecretStr(address))
    for secret in ("first1", "se%2Fond", "se/ond", "third3", "f%20four", "f four", address):
        assert secret in hidden
    assert "json://a:first1@one.example" in hidden
    with_comma = "json://a:pass,word@one.example"
    assert "pass,word" in parts_to_hide(SecretStr(f"{with_comma},{with_comma}"))


def stored(pages: Pages) -> dict[str, Severity]:
    """What the company has chosen."""
    return connection_named(pages.place.engine).settings.notify
