"""Secrets that are planted everywhere show on no page, in no log line, and in no database dump."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from connectors.database import create_database_engine
from connectors.logs import set_up
from connectors.quickbooks.scrub import hide
from connectors.state.people import change_user, set_password
from dashboard.house import SIGN_IN_PATH
from models.people import Role
from tests.fixtures.guarded import (
    COMPANIES,
    NOBODY,
    OWN,
    SECRET_OF_OTHER,
    Address,
    Guarded,
    addresses,
    copied,
    place_at,
)
from tests.fixtures.logged import everything_logged
from tests.fixtures.pages import BY, HOME

#: They look like nothing: only who knows them can hide them.
CLIENT_SECRET = "correct-horse"
VERIFIER = "horse-of-the-receiver"
SIGN_ON_SECRET = "staple-of-the-login"
ENCRYPTION_KEY = Fernet.generate_key().decode()
SIGNING_KEY = Fernet.generate_key().decode()
PASSWORD = "staple of somebody's own"
WRONG_PASSWORD = "battery of nobody at all"
#: Where each is allowed to be: what people type is theirs, and is in no place at all.
SETTINGS = {
    CLIENT_SECRET: "the app's secret",
    VERIFIER: "the verifier token",
    SIGN_ON_SECRET: "the secret of single sign-on",
    ENCRYPTION_KEY: "the tokens' key",
    SIGNING_KEY: "the log's key",
}
TOKENS = {
    f"{kind}-of-{word}-1234567": f"{kind} token of {word}"
    for kind in ("access", "refresh")
    for word in ("Plain", SECRET_OF_OTHER)
}


@pytest.fixture
def logs() -> Iterator[dict[str, io.StringIO]]:
    """Everything that is logged, as an installation sets it up; also each statement's values."""
    statements = logging.getLogger("sqlalchemy.engine")
    level = statements.level
    statements.setLevel(logging.INFO)
    with everything_logged() as outputs:
        set_up("text")
        yield outputs
    statements.setLevel(level)


@pytest.fixture
def planted(
    guarded_template: Path, tmp_path: Path, logs: dict[str, io.StringIO]
) -> Iterator[Guarded]:
    """Pages of an installation with these secrets, whose statements are logged, too."""
    url = copied(guarded_template, tmp_path)
    engine = create_database_engine(url)
    place = place_at(
        url,
        engine,
        intuit_client_secret=CLIENT_SECRET,
        webhook_verifier_tokens=VERIFIER,
        oidc_issuer=NOBODY,
        oidc_client_id="the-pages",
        oidc_client_secret=SIGN_ON_SECRET,
        dashboard_url=HOME,
        encryption_keys=ENCRYPTION_KEY,
        audit_signing_key=SIGNING_KEY,
        audit_checkpoints=str(tmp_path / "checkpoints.jsonl"),
    )
    hide(*place.settings.secrets)
    set_password(engine, Role.ADMIN, PASSWORD, actor=BY)
    yield Guarded(place)
    engine.dispose()


def sign_in(guarded: Guarded, password: str) -> str:
    """Try to; the session's number, or nothing."""
    form = {"name": Role.ADMIN, "password": password}
    answer = guarded.client().post(SIGN_IN_PATH, data=form)
    cookie = SimpleCookie(answer.headers.get("set-cookie", ""))
    return cookie["session"].value if cookie else ""


def visit(guarded: Guarded, number: str, token: str, address: Address) -> Iterator[str]:
    """All answers of an address, with its own and with foreign numbers, and what is typed there."""
    client = guarded.client(number)
    if address.is_api and token:
        client.headers["authorization"] = f"Bearer {token}"
    numbers = COMPANIES.values()
    for path in sorted({address.at(company, item) for company in numbers for item in numbers}):
        if address.method == "GET":
            queries = [{}, {"q": WRONG_PASSWORD, "form_token": WRONG_PASSWORD}]
            answers = [client.get(path, params=each) for each in queries]
        else:
            fields = [{}, {"password": WRONG_PASSWORD}, {"form_token": WRONG_PASSWORD}]
            sent = "json" if address.is_api else "data"
            headers = {"origin": HOME}
            answers = [
                client.request(address.method, path, headers=headers, **{sent: each})
                for each in fields
            ]
        for answer in answers:
            yield f"{path} {answer.headers} {answer.text}"


@pytest.mark.asvs("10.1.1", "14.2.1", "14.2.4", "15.3.1", "16.2.5", "16.5.1")
def test_no_secret_is_shown(planted: Guarded, logs: dict[str, io.StringIO]) -> None:
    """All addresses, by nobody and by an admin; then an error that quotes every secret."""
    wrong, number = sign_in(planted, WRONG_PASSWORD), sign_in(planted, PASSWORD)
    assert not wrong
    assert number
    token = planted.token(Role.ADMIN)
    secrets = {
        token: "a program's token",
        **SETTINGS,
        **TOKENS,
        PASSWORD: "a password",
        WRONG_PASSWORD: "what somebody typed",
        number: "a session's number",
    }
    told = "it failed with " + ", ".join([*SETTINGS, number])

    @planted.app.get("/fails")
    def fail() -> None:
        raise RuntimeError(told)

    seen = 0
    for who in (number, ""):
        for address in addresses(planted.app):
            for page in visit(planted, who, token if who else "", address):
                seen += 1
                shown = {what for secret, what in secrets.items() if secret in page}
                assert not shown, f"{address} shows {shown}"
                assert SECRET_OF_OTHER not in page
        hide(number)  # as whatever holds a secret does: the error below quotes it
        assert told not in planted.client(who).get("/fails").text
    assert seen > 100
    for form, output in logs.items():
        written = output.getvalue()
        assert "it failed with [hidden]" in written
        assert "INSERT INTO sessions" in written
        shown = {what for secret, what in secrets.items() if secret in written}
        assert not shown, f"{form}: {shown}"


@pytest.mark.asvs("13.3.1", "14.2.4", "tokens")
def test_what_is_made_is_on_one_answer_alone(
    planted: Guarded, logs: dict[str, io.StringIO]
) -> None:
    """Passwords and tokens that pages and the interface make: on no page, in no row, in no log."""
    change_user(planted.engine, Role.ADMIN, sees_all=True, actor=BY)
    client, form_token = planted.begin(Role.ADMIN)

    def made_by(path: str, **fields: str | int) -> str:
        data = {"form_token": form_token, **fields}
        answer = client.post(path, data=data, headers={"origin": HOME})
        found = re.search(r'id="secret" value="([^"]+)"', answer.text)
        assert found, answer.text
        return found[1]

    someone = {"name": "bea", "role": "viewer", "companies": OWN}
    token = {"name": "x", "user": "bea", "role": "viewer", "days": 1}
    secrets = [made_by("/settings/people/add", **someone), made_by("/settings/tokens/add", **token)]
    secrets.append(made_by("/settings/people/1/password"))
    program = planted.client()
    program.headers["authorization"] = f"Bearer {planted.token(Role.ADMIN)}"
    assert len({*secrets}) == 3
    everything = [planted.dump(), *(output.getvalue() for output in logs.values())]
    for address in addresses(planted.app):
        if address.method == "GET":
            asking = program if address.is_api else client
            everything.append(asking.get(address.at()).text)
    for secret in secrets:
        assert not any(secret in each for each in everything)


@pytest.mark.asvs("13.3.1", "14.2.4", "tokens")
def test_no_secret_is_in_the_database(planted: Guarded) -> None:
    """Passwords and numbers are hashes there, tokens are encrypted, and keys are elsewhere."""
    sign_in(planted, WRONG_PASSWORD)
    number = sign_in(planted, PASSWORD)
    token = planted.token(Role.ADMIN)
    assert number
    dump = planted.dump()
    assert "$argon2id$" in dump
    secrets = (*SETTINGS, *TOKENS, PASSWORD, WRONG_PASSWORD, number, token)
    for secret in secrets:
        assert secret not in dump
    for path in Path(str(planted.engine.url.database)).parent.glob("guarded.db*"):
        raw = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in raw, path.name


@pytest.mark.asvs("16.2.1", "16.3.1")
def test_what_is_signed_in_is_logged(planted: Guarded, logs: dict[str, io.StringIO]) -> None:
    """Who came in and who did not, where from; not what they typed (ASVS 16.3.1)."""
    sign_in(planted, WRONG_PASSWORD)
    sign_in(planted, PASSWORD)
    written = logs["text"].getvalue()
    assert "WARNING dashboard.security signing in failed from testclient" in written
    assert "INFO dashboard.security admin has signed in from testclient" in written
