"""What a browser is given: words as words, a way out on every page, fields that it may fill in."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import text, update

from dashboard.house import ROOT, SIGN_IN_PATH
from dashboard.shown import environment
from models.people import Role
from models.tables import sync as tables
from tests.fixtures.guarded import OWN, Guarded, listed_addresses
from tests.fixtures.pages import NO_PAGES

STATIC = Path(__file__).parents[2] / "dashboard" / "static"
TEMPLATES = STATIC.parent / "templates"
#: What makes a program of a text.
RUNS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'


class Elements(HTMLParser):
    """Names of the elements of a page, and attributes by which something would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """All elements of a page."""
    parser = Elements()
    parser.feed(page)
    return parser.found


def paths() -> list[str]:
    """All pages that somebody with a session can open, each about the one thing of its kind."""
    return [
        each.at()
        for each in listed_addresses()
        if each.method == "GET"
        and each.right
        and not each.is_api
        and not each.path.endswith(NO_PAGES)
    ]


@pytest.mark.asvs("3.2.2")
def test_what_others_have_written_is_shown_as_words(guarded: Guarded) -> None:
    """A company, a record and a message that are programs run on no page."""
    with guarded.engine.begin() as transaction:
        for column in (
            tables.connections.c.name,
            tables.links.c.label,
            tables.alerts.c.message,
            tables.parked.c.message,
            tables.conflicts.c.field,
        ):
            key = "id" if column.table is tables.connections else "connection_id"
            only = column.table.c[key] == OWN
            transaction.execute(update(column.table).where(only).values({column: HOSTILE}))
        transaction.execute(text("UPDATE runs SET error = :words"), {"words": HOSTILE})
    client, _ = guarded.begin(Role.ADMIN)
    shown = 0
    for path in paths():
        page = client.get(path).text
        shown += "&lt;script&gt;alert(2)" in page
        assert "49" not in re.findall(r"onerror=alert\(1\)\S*script&gt;(\d+)", page)
        for tag, attributes in elements(page):
            assert tag != "img" or attributes.get("src") != "x", path
            assert not [name for name in attributes if name.startswith("on")], path
            assert tag != "script" or attributes.get("src"), path
    assert shown >= 5


@pytest.mark.asvs("3.2.2")
def test_nothing_of_ours_makes_a_program_of_a_text() -> None:
    """Templates escape by themselves and are never told not to; scripts only set texts."""
    made = environment()
    assert made.from_string("{{ word }}").render(word="<b>") == "&lt;b&gt;"
    for path in [*TEMPLATES.glob("*.html"), *STATIC.glob("*.js")]:
        words = path.read_text(encoding="utf-8")
        assert not RUNS.search(words), path.name
        assert not re.search(r"\|\s*safe\b|autoescape", words), path.name
        assert "hx-on" not in words, path.name


@pytest.mark.asvs("7.4.4")
def test_every_page_has_a_way_out(guarded: Guarded) -> None:
    """A button that signs out, wherever somebody is."""
    client, _ = guarded.begin(Role.VIEWER)
    asked = 0
    for path in [ROOT, *paths()]:
        answer = client.get(path)
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        asked += 1
        forms = [each for tag, each in elements(answer.text) if tag == "form"]
        assert "/sign-out" in [each.get("action") for each in forms], path
    assert asked >= 10


@pytest.mark.asvs("6.2.6", "6.2.7")
def test_a_password_is_hidden_and_may_be_pasted(guarded: Guarded) -> None:
    """Password managers find the fields by what they say they are."""
    page = guarded.client().get(SIGN_IN_PATH).text
    fields = {each["name"]: each for tag, each in elements(page) if tag == "input"}
    assert fields["password"]["type"] == "password"
    assert fields["password"]["autocomplete"] == "current-password"
    assert fields["name"]["autocomplete"] == "username"
    assert "onpaste" not in page
    for path in STATIC.glob("*.js"):
        assert "paste" not in path.read_text(encoding="utf-8")
