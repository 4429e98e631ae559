"""Single sign-on as people meet it: by the command line, by pages, and in a real browser."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from typer.testing import CliRunner

from cli import app
from connectors.clock import SystemClock
from dashboard.app import create_app
from tasks.bootstrap import installation
from tests.fixtures.browser import DESKTOP, window
from tests.fixtures.company import ENCRYPTION_KEY
from tests.fixtures.openid import CLIENT_ID, CLIENT_SECRET, OpenId, open_id
from tests.fixtures.pages import HOME, PASSWORD, Browser, Pages
from tests.fixtures.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")
ANN = "ann@example.com"


@pytest.fixture
def provider(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenId]:
    """A provider, and an installation that lets people in by it alone."""
    path = tmp_path / "sync.db"
    path.write_bytes(sqlite_template.read_bytes())
    monkeypatch.chdir(tmp_path)
    with open_id(SystemClock()) as provider:
        for name, value in {
            "DATABASE_URL": f"sqlite:///{path}",
            "ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "DASHBOARD_URL": HOME,
            "OIDC_ISSUER": provider.address,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "Example Login",
            "OIDC_ONLY": "true",
        }.items():
            monkeypatch.setenv(f"QBSYNC_{name}", value)
        yield provider


def users(*arguments: str, code: int = 0) -> str:
    """Run `quickbooks-sync users`; what it said."""
    result = CliRunner().invoke(app, ["users", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def listed() -> dict[str, dict[str, Any]]:
    """The users, by name."""
    return {each["name"]: each for each in json.loads(users("list", "--json"))["users"]}


def sign_on(browser: Browser, status: int = 200) -> Browser:
    """Press the button, sign in at the provider, and come back."""
    browser.open("/sign-in")
    assert "Sign in with Example Login" in browser.words
    (link,) = [each for each in browser.links if each.startswith("/sign-in")]
    there = browser.client.get(link, follow_redirects=False).headers["location"]
    back = requests.get(there, allow_redirects=False, timeout=5).headers["location"]
    assert back.startswith(HOME)
    return browser.open(back).send("/sign-in/sso/callback", status)


def test_people_come_in_without_any_password(provider: OpenId) -> None:
    """The first admin by their address; somebody else by their number; and out again."""
    users("add", ANN, "--role", "admin", "--no-password")
    with installation() as place:
        pages = Pages(place)
        ann = sign_on(Browser(pages.client()))
        assert ANN in ann.words
        assert listed()[ANN]["identity"] == f"{provider.address} subject-1"

        provider.subject, provider.email = "number-of-eve", "eve@elsewhere.example.com"
        eve = sign_on(Browser(pages.client()), 403)
        assert "give them your number there: number-of-eve" in eve.words
        assert list(listed()) == [ANN]

        users("add", "eve", "--role", "viewer", "--no-password")
        users("change", "eve", "--subject", "number-of-eve")
        assert "eve" in sign_on(eve).words

        users("change", "eve", "--inactive")
        assert "Sign in" in eve.open("/").words
        sign_on(eve, 403)
        assert ann.open("/").page.status_code == 200


def test_passwords_open_nothing_then(provider: OpenId) -> None:
    """Not on the pages; the command line still makes and changes people."""
    answer = CliRunner().invoke(app, ["users", "add", "bob", "--password-stdin"], input=PASSWORD)
    assert answer.exit_code == 0, answer.output
    with installation() as place:
        browser = Browser(Pages(place).client()).open("/sign-in")
        assert "Password" not in browser.words
        form = {"name": "bob", "password": PASSWORD}
        assert browser.client.post("/sign-in", data=form).status_code == 403


def test_what_the_command_line_refuses(provider: OpenId, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do instead, and nothing changed."""
    users("add", ANN, "--no-password")
    users("add", "bob", "--no-password")
    users("change", ANN, "--subject", "s1")
    before = listed()
    for arguments, words in (
        (("add", "eve", "--no-password", "--generate"), "give one of"),
        (("change", "bob", "--subject", "s1"), "is ann@example.com already"),
        (("change", "bob", "--subject", " s"), "without spaces"),
        (("change", "bob", "--subject", "s" * 256), "255 characters"),
        (("change", "bob", "--subject", "s", "--forget-subject"), "give one of them"),
    ):
        assert words in " ".join(users(*arguments, code=2).split())
    assert listed() == before
    users("change", ANN, "--forget-subject")
    assert listed()[ANN]["identity"] == ""
    for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"QBSYNC_OIDC_{name}", "")
    monkeypatch.setenv("QBSYNC_OIDC_ONLY", "false")
    words = " ".join(users("change", "bob", "--subject", "s", code=2).split())
    assert "set QBSYNC_OIDC_ISSUER" in words


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_in_a_real_browser(
    provider: OpenId, monkeypatch: pytest.MonkeyPatch, chromium: Chromium, scripts: bool
) -> None:
    """One click leads in; without scripts a second one. Nobody is kept from using the pages."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("QBSYNC_DASHBOARD_URL", f"http://127.0.0.1:{port}")
    users("add", ANN, "--role", "admin", "--no-password")
    with (
        installation() as place,
        served(create_app(place, lambda: None), port) as address,
        window(chromium, DESKTOP, java_script_enabled=scripts) as (page, complaints),
    ):
        page.goto(f"{address}/sign-in")
        if scripts:
            assert graves(page) == []
        page.get_by_role("link", name="Sign in with Example Login").click()
        if not scripts:
            page.get_by_role("button", name="Go on").click()
        page.get_by_text(ANN).first.wait_for()
        assert page.url.startswith(f"{address}/settings/integrations/quickbooks")
        assert complaints == []


def graves(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using a page."""
    found = Axe().run(page).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]
