"""Single sign-on as people meet it: by the command line, by pages, and in a real browser."""

from __future__ import annotations

import html
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select
from typer.testing import CliRunner

from cli import app
from connectors.clock import SystemClock
from connectors.state.people import change_user
from dashboard.app import create_app
from models.people import Role
from models.tables.sync import audit_entries
from tasks.bootstrap import Installation, installation
from tests.fixtures.browser import DESKTOP, window
from tests.fixtures.company import ENCRYPTION_KEY
from tests.fixtures.openid import CLIENT_ID, CLIENT_SECRET, OpenId, open_id
from tests.fixtures.pages import BY, HOME, PASSWORD, Browser, Pages
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


def test_an_admin_binds_a_number_on_the_page(provider: OpenId) -> None:
    """The one that the refusing page showed, until it is forgotten; of whom it is, is logged."""
    for name, role in ((ANN, "admin"), ("eve", "viewer"), ("bob", "viewer")):
        users("add", name, "--role", role, "--no-password")
    with installation() as place:
        pages = Pages(place)
        ann = sign_on(Browser(pages.client()))
        here, bobs = (f"/settings/people/{number}" for number in (2, 3))
        assert "Not known by a number yet" in ann.open(here).words
        provider.subject, provider.email = "number-of-eve", "eve@elsewhere.example.com"
        eve = sign_on(Browser(pages.client()), 403)
        ann.send(f"{here}/identity", subject="number-of-eve")
        assert "eve has the number number-of-eve now, and was signed out." in ann.words
        assert f"Known by the number number-of-eve at {provider.address}." in ann.words
        assert "eve" in sign_on(eve).words
        for subject, words in (
            (
                "number-of-eve",
                "is eve already; let it be forgotten there first, on the page of eve",
            ),
            (" s", "without spaces around it"),
            ("\u0663", "the subject is"),
            ("", "subject: Field required"),
            ("s" * 256, "at most 255 characters"),
        ):
            ann.open(bobs).send(f"{bobs}/identity", 422, subject=subject)
            assert words in html.unescape(ann.words), subject
            if 0 < len(subject) <= 255:  # no browser sends the others from the form
                assert ann.form(f"{bobs}/identity").fields["subject"] == subject
        assert listed()["bob"]["identity"] == ""

        ann.open(here).send(f"{here}/identity/forget")
        assert "The number of eve is forgotten" in ann.words
        assert "Sign in" in eve.open("/").words
        sign_on(eve, 403)
        identity = f"{provider.address} number-of-eve"
        told = [json.loads(each.body) for each in logged(place, ANN) if each.kind == "user.changed"]
        assert [each["changed"] for each in told if each["user"] == "eve"] == [
            {"identity": ["", identity]},
            {"identity": [identity, ""]},
        ]


def logged(place: Installation, actor: str) -> list[Any]:
    """What somebody has done to people, oldest first."""
    table = audit_entries.c
    query = select(table.kind, table.body).where(table.actor == actor).order_by(table.number)
    with place.engine.connect() as connection:
        return list(connection.execute(query))


def test_numbers_are_for_admins_of_all_companies(provider: OpenId) -> None:
    """An admin of one neither sees nor sets what lets somebody in."""
    users("add", ANN, "--no-password")
    users("add", "eve", "--no-password")
    users("change", "eve", "--subject", "number-of-eve")
    with installation() as place:
        change_user(place.engine, ANN, role=Role.ADMIN, connections=[], actor=BY)
        change_user(place.engine, "eve", connections=[], actor=BY)
        ann, here = sign_on(Browser(Pages(place).client())), "/settings/people/2"
        ann.open(here)
        assert "number-of-eve" not in ann.text
        assert "identity" not in ann.text
        token = ann.form(f"{here}/end-sessions").fields["form_token"]
        for action, fields in (("", {"subject": "s"}), ("/forget", {})):
            form = {"form_token": token, **fields}
            answer = ann.client.post(f"{here}/identity{action}", data=form)
            assert answer.status_code == 403
            assert "for all companies" in answer.text
    assert listed()["eve"]["identity"] == f"{provider.address} number-of-eve"


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
