"""Secrets that are planted in an installation show in no log line: as text, JSON or traceback."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli_shared import translated_errors
from connectors.quickbooks.scrub import hide
from emulator.testing import RunningEmulator
from models.errors import DecisionError, DisconnectedError, Fault
from tasks.bootstrap import installation, open_cycle
from tests.fixtures.company import ENCRYPTION_KEY, SIGNING_KEY, Office, opened
from tests.fixtures.logged import everything_logged

#: They look like nothing: only who knows them can hide them.
CLIENT_SECRET = "correct-horse"
REFRESH_TOKEN = "battery-staple"
PASSWORD = "p@ss word"
PASSWORD_IN_URL = "p%40ss%20word"

LOG = logging.getLogger("tasks.canary")


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Iterator[Office]:
    """A company that is not connected yet, of an app with these keys."""
    with (
        RunningEmulator(client_secret=CLIENT_SECRET, refresh_token=REFRESH_TOKEN) as emulator,
        opened(emulator, sqlite_url, monkeypatch, tmp_path) as made,
    ):
        yield made


def canaries(office: Office) -> dict[str, str]:
    """Every secret of this installation, and what it is."""
    tokens = office.emulator.emulator.tokens
    with office.emulator.emulator.lock:
        state = tokens.state()
    refresh = dict.fromkeys(state["by_refresh"], "a refresh token")
    with installation() as place:
        access = place.tokens(place.settings.default_environment).fresh_access_token(1)
    return {
        **refresh,
        access: "the access token",
        CLIENT_SECRET: "the app's secret",
        ENCRYPTION_KEY: "the tokens' key",
        SIGNING_KEY: "the log's key",
    }


def tell(secret: str) -> None:
    """Log a secret in every way in which a mistake could."""
    LOG.info("it is %s", secret)
    LOG.info("it is %(secret)s", {"secret": secret})
    LOG.info(f"it is {secret}")  # noqa: G004
    LOG.info("%s: %r of %d", secret, [secret], 1, stack_info=True)
    try:
        refuse(secret)
    except ValueError:
        LOG.exception("it ended with %s", secret)


def refuse(secret: str) -> None:
    """Fail with an error that quotes a secret, caused by another one that does."""
    cause = DisconnectedError(Fault("3200", f"Token expired: {secret}", detail=secret))
    raise ValueError(f"{secret} is refused") from cause


@pytest.mark.asvs("14.2.4", "16.2.5", "tokens")
def test_no_secret_of_a_cycle_is_logged(office: Office) -> None:
    """Connecting, renewing a refused token and syncing, with every library's debug lines; then
    each secret is logged on purpose."""
    with everything_logged() as outputs:
        office.connect()
        office.emulator.emulator.tokens.expire(office.emulator.realm_id)
        office.sync()
        held = canaries(office)
        with installation() as place, open_cycle(place):
            for secret in held:
                tell(secret)
    assert len(held) >= 5
    for form, output in outputs.items():
        written = output.getvalue()
        assert "Traceback" in written
        assert "[hidden] is refused" in written
        shown = {what for secret, what in held.items() if secret in written}
        assert not shown, f"{form}: {shown}"
    lines = [json.loads(line) for line in outputs["json"].getvalue().splitlines()]
    ours = [line for line in lines if line["logger"] == LOG.name]
    assert {line["connection"] for line in ours} == {office.status()["connection"]}


@pytest.mark.asvs("16.2.5")
def test_an_error_that_ends_a_command_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    """What a person reads, too; and what stands in brackets is read as it is."""
    hide(CLIENT_SECRET)
    with pytest.raises(typer.Exit), translated_errors():
        raise DecisionError(f"[{CLIENT_SECRET}] is no key", code="x", fix=f"Not {CLIENT_SECRET}.")
    assert capsys.readouterr().err == "[[hidden]] is no key\nNot [hidden].\n"


@pytest.mark.asvs("16.2.5")
def test_the_password_of_the_database_is_hidden_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it stands in the URL, and as the server gets it; although nothing answers there."""
    monkeypatch.chdir(tmp_path)
    url = f"postgresql://books:{PASSWORD_IN_URL}@127.0.0.1:1/books"
    monkeypatch.setenv("QBSYNC_DATABASE_URL", url)
    monkeypatch.setenv("QBSYNC_ENCRYPTION_KEYS", ENCRYPTION_KEY)
    with everything_logged() as outputs:
        with pytest.raises(Exception, match="127") as raised, installation():
            pass
        LOG.error("%s: %s", url, PASSWORD, exc_info=raised.value)
    for output in outputs.values():
        assert "127.0.0.1" in output.getvalue()
        assert PASSWORD not in output.getvalue()
        assert PASSWORD_IN_URL not in output.getvalue()
