"""Every answer says what a browser may do with it, whatever was asked and however it went."""

from __future__ import annotations

import re

import pytest
from starlette.exceptions import HTTPException

from dashboard.guard import _HEADERS, _POLICY, BODY_BYTES_MAX, TARGET_CHARACTERS_MAX
from dashboard.house import ROOT, SIGN_IN_PATH
from models.people import Role
from tests.fixtures.guarded import Guarded, listed_addresses, mounts, place_at

ADDRESSES = listed_addresses()
HTTPS = "https://books.example.com"
HASHED = re.compile(r"'(nonce|sha\d+)-")


def assert_guarded(headers: dict[str, str], *, is_file: bool = False) -> None:
    """All headers are there, each once, and say what they should."""
    for name, value in _HEADERS.items():
        assert headers[name.lower()] == value, name
    assert headers["cache-control"] == ("public, max-age=3600" if is_file else "no-store")
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy == _POLICY
    assert "server" not in headers
    assert "x-powered-by" not in headers
    # no other site is ever allowed to read an answer
    assert not [name for name in headers if name.startswith("access-control-")]
    if "content-type" in headers and headers["content-type"].startswith("text/"):
        assert "charset=utf-8" in headers["content-type"]


@pytest.mark.asvs("3.4.3", "3.4.6")
def test_the_policy_lets_nothing_run_but_our_own() -> None:
    """No inline script or style, no other host, nothing evaluated, nothing framed."""
    words = " ".join(_POLICY.values())
    assert "unsafe" not in words
    assert "*" not in words
    assert "http" not in words
    assert not HASHED.search(words)
    assert _POLICY["default-src"] == _POLICY["base-uri"] == _POLICY["frame-ancestors"] == "'none'"
    assert _POLICY["script-src"] == _POLICY["style-src"] == "'self'"


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
)
@pytest.mark.parametrize("who", [None, Role.ADMIN], ids=["nobody", "admin"])
@pytest.mark.asvs("3.4.2", "3.4.3", "3.4.4", "3.4.5", "3.4.6", "4.1.1", "14.3.2")
def test_every_address_answers_with_them(guarded: Guarded, method: str, who: Role | None) -> None:
    """With each method, also those that it does not take; the answer to HEAD has no body."""
    for address in ADDRESSES:
        client, _ = guarded.enter(address, who)
        answer = client.request(method, address.at())
        assert answer.status_code < 500, str(address)
        assert_guarded(dict(answer.headers))
        assert method != "HEAD" or not answer.content, str(address)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/nothing", 404),
        ("GET", f"{ROOT}/", 404),
        ("GET", "/sign-in/", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/static/", 404),
        ("GET", "/static/../house.py", 404),
        ("GET", "/static/%2e%2e/house.py", 404),
        ("GET", "/static/..%2f..%2fhouse.py", 404),
        ("GET", "/static/vendor/tabler/..%2f..%2f..%2f__init__.py", 404),
        ("POST", "/static/pages.css", 405),
        ("DELETE", SIGN_IN_PATH, 405),
        ("GET", "/nothing%00", 400),
        ("GET", "/" + "a" * TARGET_CHARACTERS_MAX, 414),
        ("GET", "/?" + "a" * TARGET_CHARACTERS_MAX, 414),
    ],
)
@pytest.mark.asvs("13.4.5")
def test_so_does_what_is_not_there(guarded: Guarded, method: str, path: str, status: int) -> None:
    """Addresses that are none, lead out of a folder, or are too long; nothing is redirected."""
    answer = guarded.client().request(method, path)
    assert answer.status_code == status
    assert_guarded(dict(answer.headers))
    assert "location" not in answer.headers


@pytest.mark.asvs("3.4.3", "4.1.1")
def test_so_do_long_bodies_and_other_kinds_of_them(guarded: Guarded) -> None:
    """413 and 415."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    long = guarded.client().post(SIGN_IN_PATH, content=b"a" * (BODY_BYTES_MAX + 1), headers=form)
    assert long.status_code == 413
    assert_guarded(dict(long.headers))
    other = guarded.client().post(SIGN_IN_PATH, json={"name": "a", "password": "b"})
    assert other.status_code == 415
    assert_guarded(dict(other.headers))


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("a secret"), 500), (HTTPException(418), 418)]
)
@pytest.mark.asvs("13.4.2", "16.5.1", "16.5.4")
def test_so_do_our_own_mistakes(guarded: Guarded, error: Exception, status: int) -> None:
    """The page of an error that nobody foresaw says nothing of it, and has all headers."""

    @guarded.app.get("/fails")
    def fail() -> None:
        raise error

    answer = guarded.client().get("/fails")
    assert answer.status_code == status
    assert_guarded(dict(answer.headers))
    assert "a secret" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.asvs("3.4.4", "14.3.2")
def test_files_may_be_kept(guarded: Guarded) -> None:
    """Style sheets and scripts, which are the same for all; a folder cannot be listed."""
    for path in ("pages.css", "pages.js", "theme.js", "htmx/htmx.min.js"):
        for method in ("GET", "HEAD"):
            answer = guarded.client().request(method, f"/static/{path}")
            assert answer.status_code == 200
            assert_guarded(dict(answer.headers), is_file=True)
    for path in mounts(guarded.app):
        assert guarded.client().get(path).status_code == 404


@pytest.mark.parametrize("url", ["", "http://localhost:8400", HTTPS])
@pytest.mark.asvs("3.4.1", "12.2.1")
def test_https_is_asked_for_where_people_use_it(guarded: Guarded, url: str) -> None:
    """And only there: on this machine it would lock people out of other programs."""
    place = place_at("", guarded.engine, dashboard_url=url)
    header = Guarded(place).client().get(SIGN_IN_PATH).headers.get("strict-transport-security")
    assert header == ("max-age=63072000; includeSubDomains" if url == HTTPS else None)
