"""A session begins under a number that nobody knew, and ends when it should."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from connectors.state.people import all_users, change_user, set_password, signed_in
from connectors.state.sessions import (
    IDLE_MAX,
    LENGTH_MAX,
    SESSIONS_MAX,
    begin_session,
    end_other_sessions,
    session_of,
)
from dashboard.house import ROOT, SIGN_IN_PATH
from models.people import Role
from models.tables.people import sessions, users
from tests.fixtures.guarded import OWN, Guarded, place_at
from tests.fixtures.pages import PASSWORD

OTHER_PASSWORD = "another horse battery staple"
SECOND = timedelta(seconds=1)
HTTPS = "https://books.example.com"


def sign_in(client: TestClient, name: str = Role.VIEWER) -> str:
    """Sign in; the number that the browser has now."""
    answer = client.post(SIGN_IN_PATH, data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return SimpleCookie(answer.headers["set-cookie"])["session"].value


def is_in(guarded: Guarded, number: str) -> bool:
    """Whether a number opens the pages."""
    answer = guarded.client(number).get(f"{ROOT}/{OWN}")
    assert answer.status_code in (200, 303)
    assert answer.status_code == 200 or answer.headers["location"] == SIGN_IN_PATH
    return answer.status_code == 200


@pytest.mark.asvs("7.2.2", "7.2.3", "7.2.4", "7.4.1", "11.5.1")
def test_signing_in_makes_a_number_that_nobody_knew(guarded: Guarded) -> None:
    """Not one that was planted, and never the same twice; what was open in the browser ends."""
    planted = "a" * 43
    client = guarded.client(planted)
    first = sign_in(client)
    assert first != planted
    assert len(first) >= 43
    assert not is_in(guarded, planted)
    second = sign_in(client)
    assert second != first
    assert not is_in(guarded, first)
    assert is_in(guarded, second)
    assert guarded.sessions_of(Role.VIEWER) == 1


@pytest.mark.asvs("7.2.1", "7.4.1")
def test_signing_out_ends_it_in_the_database(guarded: Guarded) -> None:
    """A copy of the cookie opens nothing; the browser is told to forget it."""
    client, token = guarded.begin(Role.VIEWER)
    number = client.cookies["session"]
    answer = client.post("/sign-out", data={"form_token": token})
    assert answer.headers["location"] == SIGN_IN_PATH
    assert SimpleCookie(answer.headers["set-cookie"])["session"]["max-age"] == "0"
    assert not is_in(guarded, number)


@pytest.mark.parametrize(
    ("waits", "lives"),
    [
        ([IDLE_MAX], True),
        ([IDLE_MAX + SECOND], False),
        # each use counts, but not for ever
        ([IDLE_MAX] * int(LENGTH_MAX / IDLE_MAX), True),
        ([IDLE_MAX] * int(LENGTH_MAX / IDLE_MAX) + [SECOND], False),
        ([LENGTH_MAX + SECOND], False),
    ],
    ids=["idle", "idle too long", "used all day", "used too long", "slept"],
)
@pytest.mark.asvs("7.3.1", "7.3.2", "7.4.1")
def test_a_session_ends_by_itself(guarded: Guarded, waits: list[timedelta], lives: bool) -> None:
    """After 30 minutes without use, and after twelve hours in any case."""
    number = guarded.begin(Role.VIEWER)[0].cookies["session"]
    for wait in waits[:-1]:
        guarded.pass_time(wait)
        assert is_in(guarded, number)
    guarded.pass_time(waits[-1])
    assert is_in(guarded, number) is lives


@pytest.mark.asvs("7.4.1")
def test_what_has_ended_is_not_kept(guarded: Guarded) -> None:
    """The next one who signs in sweeps it out."""
    guarded.begin(Role.VIEWER)
    guarded.pass_time(IDLE_MAX + SECOND)
    guarded.begin(Role.ADMIN)
    assert guarded.sessions_of(Role.VIEWER) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda each: set_password(each.engine, Role.VIEWER, OTHER_PASSWORD, actor=each.by),
        lambda each: change_user(each.engine, Role.VIEWER, role=Role.OPERATOR, actor=each.by),
        lambda each: change_user(each.engine, Role.VIEWER, connections=[], actor=each.by),
        lambda each: change_user(each.engine, Role.VIEWER, is_active=False, actor=each.by),
    ],
    ids=["password", "role", "companies", "deactivated"],
)
@pytest.mark.asvs("7.4.2", "7.4.5")
def test_a_change_of_a_person_ends_all_their_sessions(
    guarded: Guarded, change: Callable[[Guarded], object]
) -> None:
    """Theirs, and nobody else's."""
    theirs = [guarded.begin(Role.VIEWER)[0].cookies["session"] for _ in range(3)]
    others = guarded.begin(Role.OPERATOR)[0].cookies["session"]
    change(guarded)
    assert not any(is_in(guarded, number) for number in theirs)
    assert is_in(guarded, others)


@pytest.mark.asvs("7.4.2")
def test_somebody_who_may_not_sign_in_has_no_session(guarded: Guarded) -> None:
    """Even where one was left behind."""
    number = guarded.begin(Role.VIEWER)[0].cookies["session"]
    with guarded.engine.begin() as transaction:
        transaction.execute(users.update().values(is_active=False))
    assert not is_in(guarded, number)


@pytest.mark.asvs("15.4.2")
def test_a_password_that_changes_while_it_is_checked_is_wrong(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who signs in with the old one just then would stay signed in."""
    from connectors.state import people

    is_right = people._is_right

    def change_meanwhile(hashed: str, password: str) -> bool:
        found = is_right(hashed, password)
        set_password(guarded.engine, Role.VIEWER, OTHER_PASSWORD, actor=guarded.by)
        return found

    monkeypatch.setattr(people, "_is_right", change_meanwhile)
    now = guarded.clock.now()
    assert signed_in(guarded.engine, Role.VIEWER, PASSWORD, "here", now) is None


@pytest.mark.asvs("7.4.5")
def test_other_sessions_of_a_person_can_be_ended(guarded: Guarded) -> None:
    """All but the one that asks."""
    numbers = [guarded.begin(Role.VIEWER)[0].cookies["session"] for _ in range(3)]
    session = session_of(guarded.engine, numbers[0], guarded.clock.now())
    assert session is not None
    assert end_other_sessions(guarded.engine, session) == 2
    assert [is_in(guarded, number) for number in numbers] == [True, False, False]


@pytest.mark.asvs("15.4.2")
def test_a_person_has_so_many_sessions_at_most(guarded_on_both: Guarded) -> None:
    """The oldest ends, also where several begin side by side."""
    guarded = guarded_on_both
    user = next(each for each in all_users(guarded.engine) if each.name == Role.VIEWER)
    first = begin_session(guarded.engine, user, guarded.clock.now())
    guarded.pass_time(SECOND)
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda _: begin_session(guarded.engine, user, guarded.clock.now()),
                range(SESSIONS_MAX + 10),
            )
        )
    assert guarded.sessions_of(Role.VIEWER) == SESSIONS_MAX
    assert session_of(guarded.engine, first, guarded.clock.now()) is None


@pytest.mark.parametrize(
    ("url", "name", "is_secure"),
    [
        ("", "session", False),
        ("http://localhost:8400", "session", False),
        ("http://127.0.0.1:8400", "session", False),
        (HTTPS, "__Host-session", True),
        # plain http to elsewhere: nobody gets a cookie that others on the way could read
        ("http://books.example.com", "__Host-session", True),
    ],
)
@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4")
def test_the_cookie_is_for_this_host_alone(
    guarded: Guarded, url: str, name: str, is_secure: bool
) -> None:
    """Out of reach of scripts and of other sites, and gone when the browser is closed."""
    client = Guarded(place_at("", guarded.engine, dashboard_url=url)).client()
    answer = client.post(SIGN_IN_PATH, data={"name": Role.VIEWER, "password": PASSWORD})
    (line,) = answer.headers.get_list("set-cookie")
    cookie = SimpleCookie(line)[name]
    assert cookie["httponly"]
    assert cookie["samesite"] == "lax"
    assert cookie["path"] == "/"
    assert bool(cookie["secure"]) is is_secure
    assert not cookie["domain"]
    assert not cookie["max-age"]
    assert not cookie["expires"]


@pytest.mark.asvs("7.2.1", "11.4.1")
def test_the_database_holds_the_hash_of_the_number(guarded: Guarded) -> None:
    """A copy of the database opens no session."""
    number = sign_in(guarded.client())
    with guarded.engine.connect() as connection:
        stored = connection.scalars(select(sessions.c.number_hash)).all()
    assert list(stored) == [hashlib.sha256(number.encode()).hexdigest()]
    assert number not in guarded.dump()
    assert not is_in(guarded, stored[0])


@pytest.mark.parametrize("number", ["", "x", "a" * 43, "a" * 101, "é" * 20, '"', "a;b", "\\\\"])
@pytest.mark.asvs("7.2.1")
def test_what_is_no_number_opens_nothing(guarded: Guarded, number: str) -> None:
    """Too long, not there, or not even text."""
    answer = guarded.client().get(ROOT, headers={"cookie": f"session={number}".encode()})
    assert answer.headers["location"] == SIGN_IN_PATH


@pytest.mark.asvs("7.4.2")
def test_a_session_goes_with_its_person(guarded: Guarded) -> None:
    """Nobody's session is left behind; the database takes it along or refuses."""
    number = guarded.begin(Role.VIEWER)[0].cookies["session"]
    try:
        with guarded.engine.begin() as transaction:
            transaction.execute(delete(users).where(users.c.name == Role.VIEWER))
    except DBAPIError:
        pytest.fail("a person cannot be removed")
    assert not is_in(guarded, number)
