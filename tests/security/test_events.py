"""What a security officer looks for is in the log; where something fails, nobody gets in."""

from __future__ import annotations

import ast
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from connectors.database import create_database_engine
from connectors.state.people import signed_in
from connectors.state.tries import TRIES_MAX
from dashboard.api.calling import CALLS_MAX
from dashboard.house import ROOT, SIGN_IN_PATH
from models.people import Role
from models.tables.people import api_tokens, sessions, users
from tests.fixtures.guarded import OWN, Guarded, changed
from tests.fixtures.pages import HOME, PASSWORD
from tests.security.test_code import FILES

ME = "/api/v1/me"
PAGE = f"{ROOT}/{OWN}"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged about security."""
    return [
        f"{each.levelname} {each.getMessage()}"
        for each in caplog.records
        if each.name == "dashboard.security"
    ]


@pytest.mark.asvs("16.3.1", "16.3.3")
def test_each_try_to_get_in_is_a_line(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    """Signing in and out, failing, one try too many, a bad token; each with where from or who."""
    caplog.set_level(logging.INFO, "dashboard.security")
    client, token = guarded.begin(Role.VIEWER)
    form = {"name": Role.ADMIN, "password": PASSWORD}
    guarded.client().post(SIGN_IN_PATH, data=form)
    client.post("/sign-out", data={"form_token": token}, headers={"origin": HOME})
    guarded.client().post(SIGN_IN_PATH, data=form, headers={"origin": "https://evil.example.com"})
    for _ in range(TRIES_MAX + 1):
        guarded.client().post(SIGN_IN_PATH, data={**form, "password": "x"})
    guarded.client().get(ME, headers={"authorization": "Bearer qbsync_nothing"})
    assert lines(caplog) == [
        "INFO admin has signed in from testclient",
        "INFO viewer has signed out",
        "WARNING refused: a form to sign in that is not ours, from testclient",
        *["WARNING signing in failed from testclient"] * TRIES_MAX,
        "WARNING refused: too many failed tries, from testclient",
        "WARNING refused: no token that is good, from testclient",
    ]


@pytest.mark.asvs("16.3.2", "16.3.3")
def test_each_way_around_is_a_line(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    """A form of somebody else's, a right that a role has not, and too many calls."""
    caplog.set_level(logging.INFO, "dashboard.security")
    client, token = guarded.begin(Role.VIEWER)
    client.post(f"{PAGE}/sync", data={"form_token": "x"}, headers={"origin": HOME})
    client.post(f"{PAGE}/sync", data={"form_token": token}, headers={"origin": HOME})
    program = guarded.client()
    program.headers["authorization"] = f"Bearer {guarded.token(Role.VIEWER)}"
    program.post(f"/api/v1/companies/{OWN}/sync")
    for _ in range(CALLS_MAX):
        guarded.app.state.calls.wait_seconds(1, guarded.clock.monotonic())
    program.get(ME)
    assert lines(caplog) == [
        "WARNING refused: a form of viewer that is not ours",
        f"WARNING refused: viewer (viewer) may not operate at {PAGE}/sync",
        f"WARNING refused: viewer by token 1 may not operate at /api/v1/companies/{OWN}/sync",
        "WARNING refused: too many calls by viewer by token 1",
    ]


@pytest.mark.asvs("16.5.3", "16.3.4", "7.2.1")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_gets_in_while_the_database_fails(
    guarded: Guarded,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    """Whoever asks is told to come again, and the log says why; nothing is done for them."""

    def fail(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("disk I/O error"))

    client, token = guarded.begin(Role.ADMIN)
    key = guarded.token(Role.ADMIN)
    before = guarded.rows()
    monkeypatch.setattr("dashboard.house.session_of", fail)
    monkeypatch.setattr("dashboard.api.calling.caller_of", fail)
    path = PAGE if method == "GET" else f"{PAGE}/sync"
    sent = {} if method == "GET" else {"data": {"form_token": token}}
    page = client.request(method, path, **sent)
    address = "/api/v1/me" if method == "GET" else f"/api/v1/companies/{OWN}/sync"
    told = guarded.client().request(method, address, headers={"authorization": f"Bearer {key}"})
    for answer in (page, told):
        assert answer.status_code == 503
        assert "SELECT" not in answer.text
        assert "Plain Company" not in answer.text
    assert changed(before, guarded.rows()) == set()
    assert not guarded.woken
    assert caplog.text.count("OperationalError") >= 2


@pytest.mark.asvs("16.5.3", "2.3.1")
def test_what_fails_on_the_way_begins_no_session(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right password does not help where the session cannot be kept."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("dashboard.pages.signing_in.begin_session", fail)
    form = {"name": Role.ADMIN, "password": PASSWORD}
    answer = guarded.client().post(SIGN_IN_PATH, data=form)
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers
    assert guarded.sessions_of(Role.ADMIN) == 0


@pytest.mark.asvs("6.3.2", "7.2.2")
def test_a_new_installation_lets_nobody_in(sqlite_template: Path, tmp_path: Path) -> None:
    """There is no user, session or token from the beginning, whatever it is called."""
    path = tmp_path / "new.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = create_database_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        for table in (users, sessions, api_tokens):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
    engine.dispose()


@pytest.mark.asvs("6.2.10")
def test_a_password_is_good_until_it_is_changed(guarded: Guarded) -> None:
    """Nobody is made to think of another one, which would be the old one and a digit."""
    later = guarded.clock.now() + timedelta(days=3_650)
    assert signed_in(guarded.engine, Role.VIEWER, PASSWORD, "here", later) is not None


@pytest.mark.asvs("16.2.3")
def test_lines_go_to_standard_error_alone() -> None:
    """No handler of ours writes a file, mails, or sends anything anywhere."""
    wanted = {"FileHandler", "SocketHandler", "SysLogHandler", "HTTPHandler", "SMTPHandler"}
    wanted |= {f"{kind}FileHandler" for kind in ("Rotating", "TimedRotating", "Watched")}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Attribute) and node.attr in wanted), path.name
            assert not (isinstance(node, ast.Name) and node.id in wanted), path.name
