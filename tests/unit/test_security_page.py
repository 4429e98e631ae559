"""docs/security.md says what the tests show: each requirement, its tests, and the figures."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from connectors import channels, database
from connectors.quickbooks import bounded_auth, limits, transport
from connectors.quickbooks.webhooks import BODY_BYTES_MAX as WEBHOOK_BYTES_MAX
from connectors.sign_on import wire
from connectors.state import api_tokens, people, sessions, tries
from dashboard import dispatcher, guard, serving, webhooks
from dashboard.api import calling
from models import intent, notices, retry_queue
from models.people import (
    _GUESSED,
    _OWN_CHARACTERS_MIN,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
)

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+\.\d+\.\d+")


def rows(heading: str) -> list[list[str]]:
    """The rows of all tables below a heading of the page."""
    _, _, part = PAGE.partition(f"\n## {heading}\n")
    assert part, heading
    lines = part.partition("\n## ")[0].splitlines()
    cells = [
        [cell.strip() for cell in each.strip("|").split("|")] for each in lines if each[:1] == "|"
    ]
    return [each for each in cells if not set(each[0]) <= set("-")]


def expanded(text: str) -> list[str]:
    """6.2.1-6.2.3 as its three numbers."""
    found = []
    for first, last in re.findall(r"(\d+\.\d+\.\d+)(?:-(\d+\.\d+\.\d+))?", text):
        chapter, number = first.rsplit(".", 1)
        end = int(last.rsplit(".", 1)[1]) if last else int(number)
        found += [f"{chapter}.{each}" for each in range(int(number), end + 1)]
    return found


@cache
def marked() -> dict[str, set[str]]:
    """Requirement -> the files with tests that say that they show it."""
    found: dict[str, set[str]] = {}
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.asvs" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.asvs":
                for each in node.args:
                    name = path.relative_to(REPOSITORY).as_posix()
                    found.setdefault(ast.literal_eval(each), set()).add(name)
    return found


def test_the_table_and_the_tests_agree() -> None:
    """Each row names exactly the files with tests that are marked with its number."""
    shown = [each for each in rows("Requirements, and the tests that show them") if len(each) == 3]
    table = {each[0]: each for each in shown if each[1] != "what we do"}
    assert len(table) == len(shown) - 2, "a row is there twice"
    assert {each: set(re.findall(r"`([^`]+)`", row[2])) for each, row in table.items()} == marked()
    for row in table.values():
        assert row[1].endswith("."), row[0]


def test_no_requirement_is_missing() -> None:
    """Each of the list is in the table, or among those that do not hold, with the reason."""
    listed = expanded(PAGE.partition("The list: ")[2].partition("\n\n")[0])
    assert len(listed) == len(set(listed))
    broken = {each[0] for each in rows("What does not hold") if NUMBER.fullmatch(each[0])}
    shown = {each for each in marked() if NUMBER.fullmatch(each)}
    assert shown | broken == set(listed)
    assert not shown & broken


def test_every_test_of_security_says_what_it_shows() -> None:
    """So that none is there that nobody can find by its number."""
    bare = [
        f"{path.name}: {node.name}"
        for path in sorted((REPOSITORY / "tests" / "security").glob("test_*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not any("mark.asvs" in ast.unparse(each) for each in node.decorator_list)
    ]
    assert bare == []


@pytest.mark.asvs("6.1.1", "13.1.3")
def test_the_figures_are_those_of_the_code() -> None:
    """What the page says of tries, time-outs and bounds is what counts."""
    figures = {each[0]: each[1:] for each in rows("Figures")}
    assert {name: each[0] for name, each in figures.items() if len(each) == 1} == {
        "what": "figure",
        "tries with one name within 15 minutes": str(tries.TRIES_MAX),
        "tries from one address within 15 minutes": str(tries.TRIES_FROM_ONE_PLACE_MAX),
        "hashes of passwords side by side": str(people._HASHES_AT_A_TIME._initial_value),
        f"calls of one token in {calling.WINDOW_SECONDS} seconds": str(calling.CALLS_MAX),
        "a session without use, in minutes": f"{sessions.IDLE_MAX.total_seconds() / 60:.0f}",
        "a session in all, in hours": f"{sessions.LENGTH_MAX.total_seconds() / 3_600:.0f}",
        "sessions of one person; the oldest ends": str(sessions.SESSIONS_MAX),
        "tokens of one person": str(api_tokens.TOKENS_MAX),
        "tokens that one person has made for others": str(api_tokens.MADE_FOR_OTHERS_MAX),
        "bytes of a form or a body": f"{guard.BODY_BYTES_MAX:,}",
        "bytes of a webhook": f"{WEBHOOK_BYTES_MAX:,}",
        "connections to the server at a time; more are 503": str(serving.CONNECTIONS_MAX),
    }
    assert tries.FAILURES_KEPT_FOR.total_seconds() == 15 * 60
    waits = [each[0] for name, each in figures.items() if len(each) == 2]
    database_waits = ", ".join(
        str(each)
        for each in (
            database.CONNECT_SECONDS_MAX,
            database.LOCK_WAIT_SECONDS_MAX,
            database.STATEMENT_SECONDS_MAX,
        )
    )
    call, auth = transport.TransportLimits(), bounded_auth.OAuthTimeouts()
    # whoever waits for the row of the tokens outlasts whoever renews them
    assert auth.total_seconds + auth.read_seconds < database.LOCK_WAIT_SECONDS_MAX
    assert waits[1:] == [
        f"{call.connect_seconds:.0f}, {call.read_seconds:.0f}, {call.total_seconds:.0f}",
        f"{auth.connect_seconds:.0f}, {auth.read_seconds:.0f}, {auth.total_seconds:.0f}",
        f"{wire.CONNECT_SECONDS:.0f}, {wire.READ_SECONDS:.0f}, {wire.TOTAL_SECONDS:.0f}",
        str(channels.SECONDS_MAX),
        f"{limits.Limits().wait_seconds_max:.0f}",
        database_waits,
        str(webhooks.ANSWER_SECONDS_MAX),
        f"{dispatcher.API_SECONDS_MAX:.0f}",
    ]
    assert f"writes: {intent.ATTEMPTS_MAX} at most" in PAGE
    assert f"({retry_queue.ATTEMPTS_MAX} at most)" in PAGE
    assert notices.TRIES_MAX == 5, "channels: five of one message"
    assert f"{notices.wait_after(notices.TRIES_MAX).seconds // 60} minutes apart" in PAGE


@pytest.mark.asvs("6.2.11")
def test_the_words_are_those_of_the_code() -> None:
    """Lengths of passwords, and what they may not be made of."""
    assert f"{PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters" in PAGE
    assert f"At least {_OWN_CHARACTERS_MIN} must be left" in PAGE
    assert ", ".join(f'"{each}"' for each in _GUESSED) in " ".join(PAGE.split())


@pytest.mark.asvs("16.1.1")
def test_the_logs_are_those_of_the_code() -> None:
    """Each logger that is named is in the inventory, which says what, in which form, and where."""
    named = {
        name
        for folder in ("models", "connectors", "tasks", "flows", "dashboard")
        for path in (REPOSITORY / folder).rglob("*.py")
        for name in re.findall(r'getLogger\("(dashboard\.[\w.]+)"\)', path.read_text())
    }
    inventory = rows("Logs")
    assert named == {"dashboard.security"}
    assert all(len(each) == 4 and all(each) for each in inventory)
    assert "`dashboard.security`" in [each[0] for each in inventory]
    assert "QBSYNC_AUDIT_CHECKPOINTS" in str(inventory)
