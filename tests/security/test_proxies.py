"""Only a proxy that the operator names is believed when it says where a request comes from."""

from __future__ import annotations

import logging

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from connectors.state import people
from connectors.state.tries import TRIES_FROM_ONE_PLACE_MAX
from dashboard.app import create_app
from dashboard.house import SIGN_IN_PATH
from models.errors import UsageError
from models.people import Role
from tests.fixtures.browsing import browser_of
from tests.fixtures.guarded import Guarded, place_at, settings_of
from tests.fixtures.pages import HOME, PASSWORD

PROXY, INNER_PROXY = "10.0.0.5", "172.18.3.4"
TRUSTED = f"{PROXY}, 172.18.0.0/16, 2001:db8::/32"
ANN, EVE = "198.51.100.7", "203.0.113.9"
WRONG = "not the password at all"


@pytest.fixture
def behind(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """Pages behind proxies, with passwords that take no time."""
    monkeypatch.setattr(
        people,
        "_is_right",
        lambda hashed, password: hashed != people._NOBODYS and password == PASSWORD,
    )
    return Guarded(place_at("", guarded.engine, trusted_proxies=TRUSTED))


def asks_from(pages: Guarded, peer: str) -> TestClient:
    """Whoever opens a connection from this address."""
    return browser_of(pages.app, base_url=HOME, follow_redirects=False, client=(peer, 50_000))


def try_to(client: TestClient, said: str, password: str, name: str = Role.VIEWER) -> int:
    """The status of a try to sign in, with what is said of where it comes from."""
    headers = {"x-forwarded-for": said} if said else {}
    form = {"name": name, "password": password}
    return client.post(SIGN_IN_PATH, data=form, headers=headers).status_code


@pytest.mark.asvs("6.3.1")
def test_one_who_guesses_does_not_keep_everybody_out(behind: Guarded) -> None:
    """A hundred wrong tries through the proxy close it for where they came from, and no others."""
    proxy = asks_from(behind, PROXY)
    for number in range(TRIES_FROM_ONE_PLACE_MAX):
        assert try_to(proxy, EVE, WRONG, f"name{number}") == 401
    assert try_to(proxy, EVE, PASSWORD) == 429
    assert try_to(proxy, ANN, PASSWORD) == 303


@pytest.mark.asvs("4.1.3", "6.3.1")
def test_who_forges_the_header_is_counted_where_they_are(behind: Guarded) -> None:
    """With another address in each try: sent to the pages themselves, and through the proxy."""
    for peer, said in ((EVE, "192.0.2.{}"), (PROXY, f"192.0.2.{{}}, {EVE}")):
        client = asks_from(behind, peer)
        for number in range(TRIES_FROM_ONE_PLACE_MAX // 2):
            assert try_to(client, said.format(number), WRONG, f"{peer}{number}") == 401
    assert try_to(asks_from(behind, EVE), "192.0.2.200", PASSWORD) == 429
    assert try_to(asks_from(behind, PROXY), f"192.0.2.200, {EVE}", PASSWORD) == 429


@pytest.mark.asvs("4.1.3")
def test_without_the_setting_nobody_is_believed(guarded: Guarded) -> None:
    """What the header says then changes neither the address nor the scheme."""
    for peer in (PROXY, "127.0.0.1", EVE):
        assert seen_by(guarded, peer, [("x-forwarded-for", ANN)]) == (peer, "http")


#: Who asks, with which headers, and who that is taken for.
BELIEVED: list[tuple[str, dict[str, str], tuple[str, str]]] = [
    (PROXY, {"x-forwarded-for": ANN}, (ANN, "http")),
    (PROXY, {"x-forwarded-for": ANN, "x-forwarded-proto": "https"}, (ANN, "https")),
    # the right-most that is no proxy: what stands left of it, anybody can have written
    (PROXY, {"x-forwarded-for": f"{EVE}, {ANN}"}, (ANN, "http")),
    (PROXY, {"x-forwarded-for": f"{EVE}, {ANN}, {INNER_PROXY}"}, (ANN, "http")),
    (INNER_PROXY, {"x-forwarded-for": f"{PROXY}, {ANN}, {PROXY}"}, (ANN, "http")),
    ("2001:db8::5", {"x-forwarded-for": "2001:dba::1"}, ("2001:dba::1", "http")),
    # some write the port, too
    (PROXY, {"x-forwarded-for": f"{ANN}:4711"}, (ANN, "http")),
    (PROXY, {"x-forwarded-for": "[2001:dba::1]:4711"}, ("2001:dba::1", "http")),
    # nothing that can be used
    (PROXY, {}, (PROXY, "http")),
    (PROXY, {"x-forwarded-for": ""}, (PROXY, "http")),
    (PROXY, {"x-forwarded-proto": "gopher"}, (PROXY, "http")),
    (PROXY, {"x-forwarded-proto": "https, http"}, (PROXY, "http")),
    # other headers of this kind are nothing to us
    (PROXY, {"x-real-ip": ANN, "forwarded": f"for={ANN}", "x-client-ip": ANN}, (PROXY, "http")),
    # who is no proxy
    (EVE, {"x-forwarded-for": ANN, "x-forwarded-proto": "https"}, (EVE, "http")),
    (EVE, {"x-forwarded-for": f"{ANN}, {PROXY}"}, (EVE, "http")),
    ("10.0.0.6", {"x-forwarded-for": ANN}, ("10.0.0.6", "http")),
    ("172.19.0.1", {"x-forwarded-for": ANN}, ("172.19.0.1", "http")),
]


@pytest.mark.asvs("4.1.3")
def test_who_is_believed(behind: Guarded) -> None:
    """Each row of the table above."""
    for peer, headers, seen in BELIEVED:
        assert seen_by(behind, peer, list(headers.items())) == seen, (peer, headers)


@pytest.mark.asvs("4.1.3")
def test_a_header_in_two_lines_is_one_list(behind: Guarded) -> None:
    """Proxies that add a line of their own add it at the end."""
    lines = [("x-forwarded-for", EVE), ("x-forwarded-for", ANN), ("x-forwarded-for", PROXY)]
    assert seen_by(behind, PROXY, lines) == (ANN, "http")


def seen(request: Request) -> list[str]:
    """Address and scheme, as the application sees them."""
    assert request.client is not None
    return [request.client.host, request.url.scheme]


def seen_by(pages: Guarded, peer: str, headers: list[tuple[str, str]]) -> tuple[str, str]:
    """Address and scheme that a request is taken for."""

    if "/seen" not in {getattr(each, "path", "") for each in pages.app.routes}:
        pages.app.add_api_route("/seen", seen)
    address, scheme = asks_from(pages, peer).get("/seen", headers=headers).json()
    return address, scheme


@pytest.mark.asvs("16.2.1")
def test_the_log_names_where_it_came_from(
    behind: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """The person's address, not the proxy's."""
    with caplog.at_level(logging.INFO, logger="dashboard.security"):
        try_to(asks_from(behind, PROXY), f"{EVE}, {ANN}", WRONG)
    assert [each.getMessage() for each in caplog.records] == [f"signing in failed from {ANN}"]


@pytest.mark.asvs("4.1.3")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("proxy.example.com", ["'proxy.example.com'", "10.0.0.5"]),
        ("10.0.0.5 10.0.0.6", ["'10.0.0.5 10.0.0.6'", "by commas"]),
        ("10.0.0.256", ["10.0.0.256"]),
        ("10.0.0.5/33", ["10.0.0.5/33"]),
        ("10.0.0.5/24", ["10.0.0.5/24 has host bits set"]),
        ("http://10.0.0.5", ["http://10.0.0.5"]),
        ("*", ["'*'", "give addresses"]),
        ("10.0.0.5,0.0.0.0/0", ["0.0.0.0/0 is too large", "of the proxies only"]),
        ("0.0.0.0/1,128.0.0.0/1", ["0.0.0.0/1 is too large", "networks of /8 and smaller"]),
        ("10.0.0.0/7", ["10.0.0.0/7 is too large"]),
        ("::/0", ["::/0 is too large"]),
        ("2000::/15", ["2000::/15 is too large", "networks of /16 and smaller"]),
    ],
)
def test_a_proxy_that_is_none_stops_the_start(
    guarded: Guarded, value: str, words: list[str]
) -> None:
    """With the setting, its value and what to write instead."""
    with pytest.raises(UsageError) as caught:
        create_app(place_at("", guarded.engine, trusted_proxies=value), lambda: None)
    for word in ("QBSYNC_TRUSTED_PROXIES is ", *words):
        assert word in str(caught.value)


@pytest.mark.asvs("4.1.3")
def test_nothing_set_is_nobody() -> None:
    assert settings_of("").proxies == []
    assert settings_of("", trusted_proxies=" , ").proxies == []
    assert settings_of("", trusted_proxies=TRUSTED).proxies == [
        "10.0.0.5/32",
        "172.18.0.0/16",
        "2001:db8::/32",
    ]
    largest = ["10.0.0.0/8", "2001::/16"]
    assert settings_of("", trusted_proxies=",".join(largest)).proxies == largest
