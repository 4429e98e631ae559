"""Only our own pages can send a form, only the fields that it has, and looking changes nothing."""

from __future__ import annotations

import pytest

from connectors.state.people import change_user
from dashboard.house import FORM_HEADER, SIGN_IN_PATH
from models.people import Role
from tests.fixtures.guarded import Address, Guarded, changed, listed_addresses, place_at
from tests.fixtures.pages import HOME, PASSWORD

ADDRESSES = listed_addresses()
PAGES = [each for each in ADDRESSES if not each.is_api]
FORMS = [each for each in PAGES if each.method == "POST" and each.right is not None]
LOOKS = [each for each in ADDRESSES if each.method == "GET"]


@pytest.mark.asvs("3.5.3", "4.1.4")
def test_pages_are_read_or_sent() -> None:
    """No page takes any other method: the check of forms looks at what is sent."""
    assert {each.method for each in PAGES} == {"GET", "POST"}
    assert FORMS
    assert LOOKS


@pytest.mark.parametrize(
    "trick",
    [
        "no token",
        "empty token",
        "token of another session",
        "token of another person",
        "foreign origin",
        "no origin of its own",
        "another port",
        "foreign origin, token in the header",
    ],
)
@pytest.mark.asvs("3.5.1")
def test_a_form_that_is_not_ours_does_nothing(guarded: Guarded, trick: str) -> None:
    """By every address: 403, and no row is another one."""
    client, token = guarded.begin(Role.ADMIN)
    given = {
        "no token": None,
        "empty token": "",
        "token of another session": guarded.begin(Role.ADMIN)[1],
        "token of another person": guarded.begin(Role.VIEWER)[1],
    }.get(trick, token)
    origin = {
        "foreign origin": "https://evil.example.com",
        "no origin of its own": "null",
        "another port": "http://localhost:8401",
        "foreign origin, token in the header": f"{HOME}.evil.example.com",
    }.get(trick, HOME)
    headers = {"origin": origin}
    if "header" in trick:
        headers[FORM_HEADER] = token
    before = guarded.rows()
    data = {} if given is None else {"form_token": given}
    for address in FORMS:
        answer = client.post(address.at(), data=data, headers=headers)
        assert answer.status_code == 403, str(address)
        assert changed(before, guarded.rows()) == set(), str(address)
    assert not guarded.woken


@pytest.mark.parametrize("of_all", [False, True])
@pytest.mark.asvs("2.2.1", "2.2.2", "8.2.3", "15.3.3")
def test_an_unknown_field_is_refused(guarded: Guarded, of_all: bool) -> None:
    """By every address, whatever else is in the form."""
    if of_all:
        change_user(guarded.engine, Role.ADMIN, sees_all=True, actor=guarded.by)
    client, token = guarded.begin(Role.ADMIN)
    before = guarded.rows()
    data = {"form_token": token, "is_admin": "true"}
    for address in FORMS:
        if address.of_all is of_all:
            answer = client.post(address.at(), data=data, headers={"origin": HOME})
            assert answer.status_code == 422, str(address)
            assert changed(before, guarded.rows()) == set(), str(address)


@pytest.mark.asvs("8.3.1")
def test_a_form_without_a_session_does_nothing(guarded: Guarded) -> None:
    """At no address, not even with somebody's token."""
    token = guarded.begin(Role.ADMIN)[1]
    before = guarded.rows()
    for address in FORMS:
        answer = guarded.client().post(address.at(), data={"form_token": token})
        assert answer.status_code == 403, str(address)
        assert changed(before, guarded.rows()) == set(), str(address)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.asvs("3.5.3")
def test_looking_changes_nothing(guarded: Guarded, method: str) -> None:
    """By anybody, whatever is asked for; also with the fields of a form in the address."""
    for address in LOOKS:
        _look(guarded, address, method)
    assert not guarded.woken


def _look(guarded: Guarded, address: Address, method: str) -> None:
    browsers = {role: guarded.enter(address, role) for role in Role}
    for client, _ in browsers.values():
        client.get("/api/v1/me")  # when a token was used is noted once a minute
    before = guarded.rows()
    guarded.client().request(method, address.at())
    for client, token in browsers.values():
        query = {"form_token": token, "state": "x", "code": "x"}
        for answer in (
            client.request(method, address.at()),
            client.request(method, address.at(), params=query),
        ):
            assert answer.status_code < 500, str(address)
    assert changed(before, guarded.rows()) == set(), str(address)


@pytest.mark.parametrize(
    ("url", "origin", "status"),
    [
        ("", HOME, 303),
        ("", "", 303),
        ("", "https://evil.example.com", 403),
        ("", "null", 403),
        ("https://books.example.com", "https://books.example.com", 303),
        ("https://books.example.com", "http://books.example.com", 403),
        ("https://books.example.com", "https://books.example.com:8443", 403),
        ("https://books.example.com", HOME, 403),
        ("https://books.example.com", "null", 403),
    ],
)
@pytest.mark.asvs("3.5.1")
def test_no_other_site_signs_somebody_in(
    guarded: Guarded, url: str, origin: str, status: int
) -> None:
    """Into an account of its own, to see what they enter there."""
    other = Guarded(place_at("", guarded.engine, dashboard_url=url))
    headers = {"origin": origin} if origin else {}
    form = {"name": Role.ADMIN, "password": PASSWORD}
    answer = other.client().post(SIGN_IN_PATH, data=form, headers=headers)
    assert answer.status_code == status
    assert guarded.sessions_of(Role.ADMIN) == (status == 303)


@pytest.mark.asvs("15.3.3")
def test_signing_in_takes_no_other_field(guarded: Guarded) -> None:
    """An unknown one is refused before the password is looked at."""
    form = {"name": Role.ADMIN, "password": PASSWORD, "role": "admin"}
    before = guarded.rows()
    assert guarded.client().post(SIGN_IN_PATH, data=form).status_code == 422
    assert changed(before, guarded.rows()) == set()
