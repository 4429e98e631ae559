"""A token opens what its person may, at most with its own role, until it ends."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from connectors.state.api_tokens import (
    DAYS_MAX,
    PREFIX,
    TOKENS_MAX,
    all_tokens,
    caller_of,
    make_token,
    revoke_token,
)
from connectors.state.people import change_user
from dashboard.api.calling import CALLS_MAX, WINDOW_SECONDS, Calls
from models.errors import UsageError
from models.people import Actor, Role
from models.tables.people import api_tokens
from tests.fixtures.guarded import OTHER, OWN, Guarded

ME = "/api/v1/me"


def program(guarded: Guarded, role: Role) -> TestClient:
    """A program with a token of somebody with this role."""
    client = guarded.client()
    client.headers["authorization"] = f"Bearer {guarded.token(role)}"
    return client


@pytest.mark.parametrize(
    "given",
    [
        [],
        [b""],
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer qbsync_"],
        [b"Bearer qbsync_" + b"a" * 43],
        [b"Bearer qbsync_" + b"a" * 5_000],
        [b"Bearer \xff\xfe"],
        [b"Basic {token}"],
        [b"{token}"],
        [b"Bearer {token}x"],
        [b"Bearer x{token}"],
        [b"Bearer {hash}"],
        [b"Bearer {token}, Bearer {token}"],
        [b"Bearer {token}", b"Bearer {token}"],
    ],
)
@pytest.mark.asvs("6.3.4", "8.3.1")
def test_nothing_else_opens_anything(guarded: Guarded, given: list[bytes]) -> None:
    """401 with how to ask; a signed-in browser's cookie is not looked at."""
    token = guarded.token(Role.ADMIN)
    hashed = PREFIX + hashlib.sha256(token.encode()).hexdigest()
    client, _ = guarded.begin(Role.ADMIN)
    shown = {b"{token}": token.encode(), b"{hash}": hashed.encode()}
    for place, value in shown.items():
        given = [each.replace(place, value) for each in given]
    headers = [(b"authorization", each) for each in given]
    answer = client.get(ME, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"error", "fix"}
    assert "set-cookie" not in answer.headers


@pytest.mark.asvs("14.2.1")
def test_no_address_takes_a_token(guarded: Guarded) -> None:
    """It would stand in logs and histories."""
    token = guarded.token(Role.ADMIN)
    for name in ("token", "access_token", "authorization"):
        assert guarded.client().get(ME, params={name: token}).status_code == 401
    assert program(guarded, Role.ADMIN).get(f"/settings/integrations/quickbooks/{OWN}").is_redirect


@pytest.mark.parametrize("theirs", Role)
@pytest.mark.parametrize("own", Role)
@pytest.mark.asvs("8.2.1", "8.2.2")
def test_a_token_may_no_more_than_its_person(guarded: Guarded, theirs: Role, own: Role) -> None:
    """Nor than its own role; a person who may less afterwards takes it along."""
    by = Actor(own, guarded.clock.now())
    _, token = make_token(guarded.engine, own, "their own", own, 1, actor=by)
    if own is not Role.ADMIN:
        change_user(guarded.engine, own, role=theirs, actor=guarded.by)
    caller = caller_of(guarded.engine, token, guarded.clock.now())
    assert caller is not None
    expected = own if own is Role.ADMIN else min(own, theirs, key=lambda each: len(each.rights))
    assert caller.user.role is expected
    assert caller.user.sees(OWN)
    assert not caller.user.sees(OTHER)


@pytest.mark.asvs("7.4.1", "7.4.2")
def test_a_token_ends(guarded: Guarded) -> None:
    """By its day, by being revoked, and with its person; at once."""
    client = program(guarded, Role.VIEWER)
    assert client.get(ME).json() == {"user": "viewer", "role": "viewer", "token_id": 1}
    change_user(guarded.engine, Role.VIEWER, is_active=False, actor=guarded.by)
    assert client.get(ME).status_code == 401
    change_user(guarded.engine, Role.VIEWER, is_active=True, actor=guarded.by)
    assert client.get(ME).status_code == 200
    guarded.pass_time(timedelta(days=1))
    assert client.get(ME).status_code == 401
    other = program(guarded, Role.OPERATOR)
    assert other.get(ME).status_code == 200
    revoke_token(guarded.engine, 2, actor=guarded.by)
    assert other.get(ME).status_code == 401
    with pytest.raises(UsageError, match="revoked already"):
        revoke_token(guarded.engine, 2, actor=guarded.by)


@pytest.mark.asvs("16.2.1")
def test_a_use_is_noted_once_a_minute(guarded: Guarded) -> None:
    """Not each call is a write."""
    token, used = guarded.token(Role.VIEWER), []
    for seconds in (0, 30, 29, 1):
        guarded.pass_time(timedelta(seconds=seconds)) if seconds else None
        assert caller_of(guarded.engine, token, guarded.clock.now())
        used.append(all_tokens(guarded.engine)[0].last_used_at)
    assert used[0] == used[1] == used[2]
    assert isinstance(used[3], datetime)
    assert used[3] > used[2]


@pytest.mark.asvs("11.5.1", "13.3.1", "14.2.4")
def test_the_database_holds_the_hash(guarded: Guarded) -> None:
    """A copy of it opens nothing."""
    token = guarded.token(Role.ADMIN)
    with guarded.engine.connect() as connection:
        stored = connection.scalars(select(api_tokens.c.token_hash)).all()
    assert stored == [hashlib.sha256(token.encode()).hexdigest()]
    assert token not in guarded.dump()
    assert len(token) >= len(PREFIX) + 43


@pytest.mark.parametrize(
    ("user", "name", "role", "days", "says"),
    [
        ("nobody", "x", Role.VIEWER, 1, "nobody who may sign in"),
        ("viewer", "x", Role.OPERATOR, 1, "viewer is viewer"),
        ("operator", "x", Role.ADMIN, 1, "cannot be admin"),
        ("viewer", "", Role.VIEWER, 1, "say what it is for"),
        ("viewer", "a\nb", Role.VIEWER, 1, "say what it is for"),
        ("viewer", "x" * 101, Role.VIEWER, 1, "up to 100"),
        ("viewer", "x", Role.VIEWER, 0, "use 1 to 365"),
        ("viewer", "x", Role.VIEWER, DAYS_MAX + 1, "use 1 to 365"),
    ],
)
@pytest.mark.asvs("2.2.3", "8.2.1")
def test_what_cannot_be_a_token(
    guarded: Guarded, user: str, name: str, role: Role, days: int, says: str
) -> None:
    """Each refusal says what is wrong, and nothing is made."""
    with pytest.raises(UsageError, match=says):
        make_token(guarded.engine, user, name, role, days, actor=guarded.by)
    assert all_tokens(guarded.engine) == []


@pytest.mark.asvs("2.3.4", "15.4.2")
def test_a_person_has_so_many_tokens(guarded_on_both: Guarded) -> None:
    """Also where they are made side by side."""
    guarded = guarded_on_both

    def make(_: int) -> bool:
        try:
            make_token(guarded.engine, "viewer", "x", Role.VIEWER, 1, actor=guarded.by)
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(make, range(TOKENS_MAX + 5))) == TOKENS_MAX


@pytest.mark.asvs("6.3.1")
def test_a_token_has_so_many_calls(guarded: Guarded) -> None:
    """Then 429 for the rest of the minute; other tokens are not held up."""
    client, other = program(guarded, Role.VIEWER), program(guarded, Role.ADMIN)
    calls: Calls = guarded.app.state.calls
    for _ in range(CALLS_MAX - 1):
        assert calls.wait_seconds(1, guarded.clock.monotonic()) == 0
    assert client.get(ME).status_code == 200
    answer = client.get(ME)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= WINDOW_SECONDS + 1
    assert other.get(ME).status_code == 200
    guarded.pass_time(timedelta(seconds=WINDOW_SECONDS))
    assert client.get(ME).status_code == 200


@pytest.mark.asvs("6.3.1")
def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens there are."""
    from dashboard.api import calling

    monkeypatch.setattr(calling, "_COUNTED_MAX", 5)
    calls = Calls()
    for number in range(50):
        assert calls.wait_seconds(number, number / 100) == 0
    assert len(calls._windows) == 5


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b'{"take": "nobody"}', b'{"take": "platform", "x": 1}',
        b'{"take": "platform", "fields": {"a\\u0000": null}}', b'{"take": "\\ud800"}', b"\xff",
        b'{"take": NaN}', b"[" * 20_000, b'{"take": ' + b"9" * 10_000 + b"}",
    ],
)  # fmt: skip
@pytest.mark.asvs("2.2.1", "15.3.3")
def test_broken_json_is_refused(guarded: Guarded, body: bytes) -> None:
    """422, or 400, as JSON with what is wrong; nothing changes."""
    client = program(guarded, Role.OPERATOR)
    client.get(ME)
    before = guarded.rows()
    path = f"/api/v1/companies/{OWN}/conflicts/{OWN}/decide"
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert set(answer.json()) == {"error", "fix"}
    assert guarded.rows() == before


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "after=-1", "after=99999999999", "record_type=nothing"],
)
@pytest.mark.asvs("2.2.1")
def test_what_is_out_of_bounds_is_refused(guarded: Guarded, query: str) -> None:
    """And said."""
    answer = program(guarded, Role.VIEWER).get(f"/api/v1/companies/{OWN}/conflicts?{query}")
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "fix"}
