"""Whoever tries passwords is slowed down, and learns nothing by the answer nor by its time."""

from __future__ import annotations

import json
import statistics
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from sqlalchemy import Engine, func, select, update

from connectors.state import audit_verify, people, people_log
from connectors.state.people import add_user, change_user, set_password, signed_in
from connectors.state.tries import (
    FAILURES_KEPT_FOR,
    TRIES_FROM_ONE_PLACE_MAX,
    TRIES_MAX,
    TooManyTriesError,
    subject_of_place,
)
from dashboard.house import SIGN_IN_PATH
from models.errors import DecisionError, UsageError
from models.people import PASSWORD_CHARACTERS_MAX, Role, checked_password
from models.tables.people import sign_in_failures, users
from models.tables.sync import INSTALLATION, audit_entries
from tests.fixtures.guarded import Guarded
from tests.fixtures.pages import BY, PASSWORD

WRONG = "not the password at all"
NOBODY = "nobody@example.com"
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def tries(guarded: Guarded, name: str, password: str, count: int, place: str = "here") -> list[str]:
    """What comes of trying to sign in so often."""
    return [outcome_of(guarded, name, password, place) for _ in range(count)]


def outcome_of(guarded: Guarded, name: str, password: str, place: str = "here") -> str:
    """What comes of one try."""
    try:
        user = signed_in(guarded.engine, name, password, place, guarded.clock.now())
    except TooManyTriesError as error:
        is_bounded = 0 < error.seconds <= FAILURES_KEPT_FOR.total_seconds() + 1
        return "wait" if is_bounded else f"wait {error.seconds} s"
    return "wrong" if user is None else "in"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that take no time: for tests that try many."""

    def is_right(hashed: str, password: str) -> bool:
        return hashed != people._NOBODYS and password == PASSWORD

    monkeypatch.setattr(people, "_is_right", is_right)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", [Role.VIEWER, NOBODY, "no name, at all!"])
@pytest.mark.asvs("6.3.1")
def test_a_name_has_so_many_tries(guarded: Guarded, name: str) -> None:
    """From wherever they come; one that nobody has as many, so that it says nothing."""
    for number in range(TRIES_MAX):
        assert outcome_of(guarded, name, WRONG, f"place {number}") == "wrong"
    assert outcome_of(guarded, name, PASSWORD, "another place") == "wait"
    assert outcome_of(guarded, Role.ADMIN, PASSWORD, "another place") == "in"
    guarded.pass_time(FAILURES_KEPT_FOR)
    assert outcome_of(guarded, name, WRONG) == "wrong"


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1")
def test_a_place_has_so_many_tries(guarded: Guarded) -> None:
    """Whatever names are tried there; others are not held up."""
    for number in range(TRIES_FROM_ONE_PLACE_MAX):
        assert outcome_of(guarded, f"name{number}", WRONG) == "wrong"
    assert outcome_of(guarded, Role.ADMIN, PASSWORD) == "wait"
    assert outcome_of(guarded, Role.ADMIN, PASSWORD, "elsewhere") == "in"


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1")
def test_a_network_is_one_place(guarded: Guarded) -> None:
    """Who has one IPv6 address has 2^64 of them; the log has that of the last try."""
    for number in range(TRIES_FROM_ONE_PLACE_MAX):
        assert outcome_of(guarded, f"name{number}", WRONG, f"2001:db8:0:7::{number:x}") == "wrong"
    last = "2001:db8:0:7:ffff:ffff:ffff:ffff"
    assert outcome_of(guarded, Role.ADMIN, PASSWORD, last) == "wait"
    assert [each["address"] for each in told_of(guarded, people_log.BLOCKED)] == [last]
    assert outcome_of(guarded, Role.ADMIN, PASSWORD, "2001:db8:0:8::1") == "in"


@pytest.mark.parametrize(
    ("place", "other", "is_one"),
    [
        ("2001:db8::1", "2001:0DB8:0::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("198.51.100.7", "198.51.100.8", False),
        # an IPv4 address, as a socket for both kinds says it
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("::ffff:198.51.100.7", "::ffff:198.51.100.8", False),
        ("testclient", "testclient", True),
        ("", "::1", False),
        ("2001:db8::x", "2001:db8::y", False),
    ],
)
@pytest.mark.asvs("6.3.1")
def test_what_is_one_place(place: str, other: str, is_one: bool) -> None:
    """An IPv4 address, or the /64 of an IPv6 address."""
    assert (subject_of_place(place) == subject_of_place(other)) is is_one


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1")
def test_right_tries_count_as_none(guarded: Guarded) -> None:
    """An office behind one address may sign in as often as it likes."""
    outcomes = tries(guarded, Role.VIEWER, PASSWORD, TRIES_FROM_ONE_PLACE_MAX + 10)
    assert set(outcomes) == {"in"}
    assert set(tries(guarded, Role.VIEWER, WRONG, TRIES_MAX - 1)) == {"wrong"}
    assert outcome_of(guarded, Role.VIEWER, PASSWORD) == "in"
    assert set(tries(guarded, Role.VIEWER, WRONG, TRIES_MAX)) == {"wrong"}


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1", "15.4.2")
def test_tries_side_by_side_are_not_free(guarded_on_both: Guarded) -> None:
    """No more are looked at than one after the other, on both databases."""
    guarded = guarded_on_both
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(
            threads.map(
                lambda number: outcome_of(guarded, Role.VIEWER, WRONG, f"place {number % 5}"),
                range(4 * TRIES_MAX),
            )
        )
    assert outcomes.count("wrong") == TRIES_MAX
    assert outcomes.count("wait") == 3 * TRIES_MAX


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1")
def test_invented_names_do_not_fill_the_disk(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once so many failures are remembered nobody gets in until they are forgotten."""
    monkeypatch.setattr("connectors.state.tries._FAILURES_MAX", 20)
    for number in range(30):
        outcome_of(guarded, f"name{number}", WRONG, f"place {number}")
    with guarded.engine.connect() as connection:
        kept = connection.scalar(select(func.count()).select_from(sign_in_failures))
    assert kept == 20
    guarded.pass_time(FAILURES_KEPT_FOR)
    assert outcome_of(guarded, Role.VIEWER, PASSWORD) == "in"


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.1")
def test_another_password_lets_somebody_in_again(guarded: Guarded) -> None:
    """As the page says."""
    tries(guarded, Role.VIEWER, WRONG, TRIES_MAX)
    assert outcome_of(guarded, Role.VIEWER, PASSWORD) == "wait"
    set_password(guarded.engine, Role.VIEWER, PASSWORD + " of mine", actor=guarded.by)
    assert outcome_of(guarded, Role.VIEWER, PASSWORD) == "in"


@pytest.mark.asvs("6.3.8")
def test_the_answer_does_not_say_who_is_there(guarded: Guarded) -> None:
    """Status, words and headers are the same for a wrong password, nobody, and who may not."""
    change_user(guarded.engine, Role.OPERATOR, is_active=False, actor=guarded.by)
    answers = []
    for name, password in (
        (Role.VIEWER, WRONG),
        (NOBODY, WRONG),
        (Role.OPERATOR, WRONG),
        (Role.OPERATOR, PASSWORD),
        (Role.VIEWER, WRONG * 5),
    ):
        form = {"name": name, "password": password}
        answer = guarded.client().post(SIGN_IN_PATH, data=form)
        headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
        answers.append((answer.status_code, answer.text.replace(name, ""), headers))
    assert all(each == answers[0] for each in answers)
    assert answers[0][0] == 401
    assert "set-cookie" not in answers[0][2]


@pytest.mark.usefixtures("quick")
@pytest.mark.asvs("6.3.8")
def test_nor_does_the_answer_to_one_try_too_many(guarded: Guarded) -> None:
    """It comes for names that nobody has, too."""
    answers = []
    for name in (Role.VIEWER, NOBODY):
        tries(guarded, name, WRONG, TRIES_MAX, f"of {name}")
        answer = guarded.client().post(SIGN_IN_PATH, data={"name": name, "password": PASSWORD})
        answers.append((answer.status_code, answer.text, answer.headers["retry-after"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 429


@pytest.mark.asvs("6.3.8")
def test_it_takes_as_long_for_nobody(guarded: Guarded) -> None:
    """Half as long at least, and twice at most: hashing the password is nearly all of it."""
    change_user(guarded.engine, Role.OPERATOR, is_active=False, actor=guarded.by)
    names = (Role.VIEWER, NOBODY, Role.OPERATOR, "no name, at all!")
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(9):
        for name in names:
            began = time.process_time()
            assert outcome_of(guarded, name, WRONG, f"place {number}") == "wrong"
            taken[name].append(time.process_time() - began)
    medians = {name: statistics.median(each) for name, each in taken.items()}
    assert max(medians.values()) < 2 * min(medians.values()), medians


@pytest.mark.asvs("11.2.1")
def test_passwords_are_hashed_slowly(guarded: Guarded) -> None:
    """argon2id with at least what OWASP asks for: 19 MiB, two passes (ASVS 11.4.2)."""
    with guarded.engine.connect() as connection:
        hashes = connection.scalars(select(users.c.password_hash)).all()
    assert len(set(hashes)) == len(hashes), "each has a salt of its own"
    for hashed in [*hashes, people._NOBODYS]:
        parameters = extract_parameters(hashed)
        assert parameters.type is Type.ID
        assert parameters.memory_cost >= 19 * 1024
        assert parameters.time_cost >= 2
        assert parameters.salt_len >= 16
        assert parameters.hash_len >= 32
        assert parameters == extract_parameters(people._NOBODYS)


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("correct horse battery staple", ""),
        # no rules of composition, and everything that can be typed
        ("aaaabbbbccccdddd", ""),
        ("пароль из слов", ""),
        ("🐎🔋📎✅🐎🔋📎🧷🐎🔋📎🧲", ""),
        ("  spaces at both ends  ", ""),
        ("x1Kd" * 32, ""),
        ("a" * 5, "5 characters"),
        ("eleven char", "11 characters"),
        ("x1Kd" * 32 + "a", "longer than 128"),
        ("aaaaaaaaaaaa", "tried first"),
        ("121212121212", "tried first"),
        ("passwordpassword", "tried first"),
        ("Password1234!", "tried first"),
        ("QuickBooks2026", "tried first"),
        ("ann@example.com", "tried first"),
        ("anna.nna.ann", "tried first"),
        ("INTUITintuit12", "tried first"),
        ("letmeinletmein", "tried first"),
        # characters count as a person counts them: e and its accent are one
        ("e\u0301" * 6, "6 characters"),
    ],
)
@pytest.mark.asvs("6.2.1", "6.2.5", "6.2.9", "6.2.11")
def test_what_a_password_has_to_be(password: str, refusal: str) -> None:
    """Long, and not what anybody would try first; the refusal does not repeat it."""
    if not refusal:
        assert checked_password(password, ["ann@example.com"])
        return
    with pytest.raises(UsageError, match=refusal) as raised:
        checked_password(password, ["ann@example.com"])
    assert password not in str(raised.value)


@pytest.mark.asvs("6.2.8")
def test_an_accent_may_be_typed_in_two_ways(guarded: Guarded) -> None:
    """One character on one keyboard, two on another: it is the same password."""
    spelt = "élève déjà là-bas"
    normal = unicodedata.normalize("NFC", spelt)
    set_password(guarded.engine, Role.VIEWER, normal, actor=guarded.by)
    for form in ("NFC", "NFD"):
        assert outcome_of(guarded, Role.VIEWER, unicodedata.normalize(form, spelt)) == "in"


@pytest.mark.parametrize(
    "password",
    ["", "\ud800" * 12, PASSWORD.upper(), PASSWORD + " ", PASSWORD[:-1], "x" * 1_000, "\0"],
)
@pytest.mark.asvs("6.2.8")
def test_anything_else_is_wrong(guarded: Guarded, password: str) -> None:
    """Also what no keyboard types; nothing is cut off or trimmed."""
    assert outcome_of(guarded, Role.VIEWER, password) == "wrong"


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 100, "' OR 1=1 --", "%", "viewer\n1"])
@pytest.mark.asvs("2.2.1")
def test_what_is_no_name_is_nobodys(database: Engine, name: str) -> None:
    """On both databases, of which one takes no NUL."""
    add_user(database, "viewer", PASSWORD, Role.VIEWER, actor=BY)
    assert signed_in(database, name, PASSWORD, "here", NOON) is None


@pytest.mark.asvs("2.2.1", "14.2.4")
def test_a_long_name_or_password_is_refused_unheard(guarded: Guarded) -> None:
    """Before anything is hashed, and without repeating what was typed."""
    secret = "horse-" * 30
    assert len(secret) > PASSWORD_CHARACTERS_MAX
    before = guarded.rows()
    for form in ({"name": "a", "password": secret}, {"name": secret, "password": PASSWORD}):
        answer = guarded.client().post(SIGN_IN_PATH, data=form)
        assert answer.status_code == 422
        assert PASSWORD not in answer.text
        assert ("horse-horse" in answer.text) is (form["name"] == secret)
    assert guarded.rows() == before


@pytest.mark.asvs("14.2.4")
def test_failures_are_kept_without_names(guarded: Guarded) -> None:
    """The table is no list of who was tried, or from where."""
    outcome_of(guarded, NOBODY, WRONG, "198.51.100.7")
    dump = guarded.dump()
    assert NOBODY not in dump
    assert "198.51.100.7" not in dump
    assert WRONG not in dump
    assert timedelta(minutes=15) == FAILURES_KEPT_FOR


def told_of(guarded: Guarded, kind: str) -> list[dict[str, object]]:
    """The particulars of the installation's entries of a kind."""
    table = audit_entries.c
    query = select(table.body).where(table.connection_id == INSTALLATION, table.kind == kind)
    with guarded.engine.connect() as connection:
        return [json.loads(body) for body in connection.scalars(query.order_by(table.number))]


@pytest.mark.asvs("16.3.3", "6.3.1")
@pytest.mark.usefixtures("quick")
def test_what_is_tried_too_often_is_logged_once(guarded: Guarded) -> None:
    """Whose name it is, if it is somebody's, and where from; not what was typed as a name."""
    for name in (Role.VIEWER, NOBODY):
        tries(guarded, name, WRONG, TRIES_MAX + 20, "198.51.100.7")
    told = [
        {"user": name, "address": "198.51.100.7", "last_of_the_day": False}
        for name in (Role.VIEWER, "")
    ]
    assert told_of(guarded, people_log.BLOCKED) == told
    guarded.pass_time(FAILURES_KEPT_FOR)
    tries(guarded, Role.VIEWER, WRONG, TRIES_MAX + 1, "198.51.100.7")
    assert told_of(guarded, people_log.BLOCKED) == [*told, told[0]]


@pytest.mark.asvs("16.3.3")
@pytest.mark.usefixtures("quick")
def test_whoever_tries_passwords_does_not_fill_the_log(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many entries a day, of which the last one says so; the day after there are others."""
    monkeypatch.setattr(people_log, "BLOCKED_MAX", 3)
    for number in range(6):
        tries(guarded, f"name{number}", WRONG, TRIES_MAX + 1, f"place {number}")
    told = told_of(guarded, people_log.BLOCKED)
    assert [each["last_of_the_day"] for each in told] == [False, False, True]
    guarded.pass_time(timedelta(days=1, seconds=1))
    tries(guarded, "name7", WRONG, TRIES_MAX + 1)
    assert len(told_of(guarded, people_log.BLOCKED)) == 4


@pytest.mark.asvs("16.3.1")
@pytest.mark.usefixtures("quick")
def test_admins_who_sign_in_are_logged(guarded: Guarded) -> None:
    """Of others the process's log tells."""
    for role in Role:
        assert outcome_of(guarded, role, PASSWORD, "198.51.100.7") == "in"
        assert outcome_of(guarded, role, WRONG, "198.51.100.7") == "wrong"
    told = told_of(guarded, people_log.SIGNED_IN)
    assert told == [{"user": Role.ADMIN, "address": "198.51.100.7"}]


@pytest.mark.asvs("15.4.2")
@pytest.mark.usefixtures("quick")
def test_people_are_changed_one_after_the_other(guarded_on_both: Guarded) -> None:
    """Of two admins of all companies who take away each other, one is left; the log is whole."""
    guarded = guarded_on_both
    with guarded.engine.begin() as transaction:
        transaction.execute(update(users).where(users.c.name != Role.VIEWER).values(sees_all=True))
        transaction.execute(update(users).where(users.c.name != Role.VIEWER).values(role="admin"))

    def take_away(name: str) -> bool:
        try:
            change_user(guarded.engine, name, is_active=False, actor=guarded.by)
        except DecisionError as error:
            return error.code != "last_admin"
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(take_away, [Role.ADMIN, Role.OPERATOR])) == [False, True]
    assert audit_verify.verify(guarded.engine, None).findings == []


@pytest.mark.asvs("15.4.2")
def test_a_log_that_two_begin_is_one(database: Engine) -> None:
    """Nobody has locked a head that is not there yet."""

    def add(number: int) -> None:
        add_user(database, f"viewer{number}", PASSWORD, Role.VIEWER, actor=BY)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(8)))
    verdict = audit_verify.verify(database, None)
    assert (verdict.entries, verdict.findings) == (8, [])
