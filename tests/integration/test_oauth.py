"""A company's permission survives crowds, lost answers and thieves, and never shows.

Method: the token store on both databases with a token service in memory that counts what it is
asked; the HTTP part against a small server on this machine. Invariants: fifty callers make one
request, what came back is stored before it is used, and no token is ever in plain sight.
"""

from __future__ import annotations

import base64
import json
import logging
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, text, update

from connectors.quickbooks.bounded_auth import AppKeys, OAuthTimeouts
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.connect import connect
from connectors.quickbooks.endpoints import endpoints
from connectors.quickbooks.faults import local_error
from connectors.quickbooks.oauth import IntuitOAuth, TokenSet
from connectors.quickbooks.tokens import TokenStore
from connectors.quickbooks.vault import TokenKind, Vault, new_key
from emulator.testing import RunningEmulator
from models.errors import DisconnectedError, RemoteError, RetryLaterError, UsageError
from models.tables.platform import companies
from models.tables.sync import connections
from models.tables.sync import tokens as token_rows
from tests.fixtures.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

KEY = new_key()
REALM = "4620816365"


# --- the store ------------------------------------------------------------------------------------


@dataclass
class Service:
    """A token service in memory: each renewal brings new values."""

    #: What happens on the coming renewals, in order; afterwards all goes well.
    troubles: list[RemoteError] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    prepared: int = 0
    access_seconds: int = 3_600
    lock: Lock = field(default_factory=Lock)
    during: Callable[[], None] = lambda: None

    def prepare(self) -> None:
        """Count."""
        self.prepared += 1

    def refresh(self, refresh_token: str) -> TokenSet:
        """Renew, or be in trouble."""
        with self.lock:
            self.asked.append(refresh_token)
            number = len(self.asked)
            trouble = self.troubles.pop(0) if self.troubles else None
        self.during()
        if trouble is not None:
            raise trouble
        return a_permission(number, self.access_seconds)

    def revoke(self, refresh_token: str) -> None:
        """Count."""
        self.revoked.append(refresh_token)


def a_permission(number: int, access_seconds: int = 3_600) -> TokenSet:
    """Tokens that name their number."""
    return TokenSet(
        access_token=f"access-canary-{number}",
        refresh_token=f"refresh-canary-{number}",
        access_seconds=access_seconds,
        refresh_seconds=8_726_400,
    )


def refusal() -> RemoteError:
    """What a refused refresh token looks like."""
    return local_error("invalid_grant", write=False)


@pytest.fixture
def clock() -> FakeClock:
    """Time."""
    return FakeClock()


@pytest.fixture
def service() -> Service:
    """The token service."""
    return Service()


def add_connection(database: Engine, name: str) -> int:
    """A connection to hold tokens for."""
    with database.begin() as connection:
        company_id = connection.scalar(
            companies.insert().values(name=name, currency="USD").returning(companies.c.id)
        )
        found: int | None = connection.scalar(
            connections.insert()
            .values(
                company_id=company_id,
                name=name,
                environment="sandbox",
                realm_id=f"realm-{name}",
                status="connected",
                settings="{}",
            )
            .returning(connections.c.id)
        )
        assert found is not None
        return found


@pytest.fixture
def connection_id(database: Engine) -> int:
    """A connection without tokens."""
    return add_connection(database, "Acme")


@pytest.fixture
def store(database: Engine, clock: FakeClock, service: Service, connection_id: int) -> TokenStore:
    """A store with tokens number 0, good for an hour."""
    made = TokenStore(database, [KEY], clock, service)
    made.save(connection_id, a_permission(0))
    return made


def crowd(count: int, call: Callable[[], Any]) -> list[Any]:
    """Make the same call from many threads at once; errors are results too."""
    barrier, results = Barrier(count), []

    def work() -> None:
        barrier.wait()
        try:
            results.append(call())
        except RemoteError as error:
            results.append(error)

    threads = [Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_good_token_is_handed_out_without_asking(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600 - 301)
    assert store.fresh_access_token(connection_id) == "access-canary-0"
    assert service.asked == []
    assert service.prepared == 0


def test_a_token_is_renewed_when_less_than_five_minutes_are_left(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600 - 299)
    assert store.fresh_access_token(connection_id) == "access-canary-1"
    assert store.fresh_access_token(connection_id) == "access-canary-1"
    assert service.asked == ["refresh-canary-0"]


def test_the_rotated_refresh_token_is_stored_and_used_next(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock, database: Engine
) -> None:
    for _ in range(3):
        clock.sleep(3_600)
        store.fresh_access_token(connection_id)
    assert service.asked == ["refresh-canary-0", "refresh-canary-1", "refresh-canary-2"]
    with database.connect() as connection:
        row = connection.execute(select(token_rows)).one()
    assert row.generation == 4
    assert row.refreshed_at == clock.now()
    assert row.access_expires_at == clock.now() + timedelta(hours=1)
    permission = store.permission(connection_id)
    assert permission.refreshed_at == clock.now()
    assert permission.unused_ends_at == clock.now() + timedelta(seconds=8_726_400)
    assert permission.hard_ends_at is None  # this service does not say


@pytest.mark.parametrize("separate_processes", [False, True])
@pytest.mark.asvs("15.4.2", "tokens")
def test_fifty_callers_make_one_request(
    store: TokenStore,
    service: Service,
    connection_id: int,
    clock: FakeClock,
    database: Engine,
    *,
    separate_processes: bool,
) -> None:
    """With a store each, only the database's lock stands between them, as between processes."""
    clock.sleep(3_600)
    stores = [TokenStore(database, [KEY], clock, service) for _ in range(50)]

    def call() -> str:
        mine = stores.pop() if separate_processes else store
        return mine.fresh_access_token(connection_id)

    assert crowd(50, call) == ["access-canary-1"] * 50
    assert service.asked == ["refresh-canary-0"]


def test_fifty_callers_whose_token_was_refused_make_one_request(
    store: TokenStore, service: Service, connection_id: int
) -> None:
    provider = store.provider(connection_id)

    def call() -> str:
        assert provider() == "access-canary-0"
        waiting.wait()
        return provider(force=True)

    waiting = Barrier(50)
    assert crowd(50, call) == ["access-canary-1"] * 50
    assert service.asked == ["refresh-canary-0"]


def test_a_late_caller_with_a_refused_token_gets_the_one_that_replaced_it(
    store: TokenStore, service: Service, connection_id: int
) -> None:
    early, late = store.provider(connection_id), store.provider(connection_id)
    early(), late()
    assert early(force=True) == "access-canary-1"
    assert late(force=True) == "access-canary-1"
    assert late(force=True) == "access-canary-2"
    assert len(service.asked) == 2


def test_tokens_that_live_shorter_than_five_minutes_do_not_set_off_a_storm(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    service.access_seconds = 60
    clock.sleep(3_600)
    assert set(crowd(20, lambda: store.fresh_access_token(connection_id))) == {"access-canary-1"}


@pytest.mark.parametrize("code", ["timeout", "unsent", "5xx", "unreadable"])
@pytest.mark.asvs("tokens")
def test_a_lost_answer_keeps_the_old_permission(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock, code: str
) -> None:
    clock.sleep(3_600)
    service.troubles = [local_error(code, write=False)]
    with pytest.raises(RetryLaterError):
        store.fresh_access_token(connection_id)
    assert store.fresh_access_token(connection_id) == "access-canary-2"
    assert service.asked == ["refresh-canary-0", "refresh-canary-0"]


@pytest.mark.asvs("tokens")
def test_a_crash_between_answer_and_store_leaves_the_row_as_it_was(
    store: TokenStore,
    connection_id: int,
    clock: FakeClock,
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.sleep(3_600)

    class PowerCutError(BaseException):
        """The process is gone."""

    def cut(*_: object) -> dict[str, Any]:
        raise PowerCutError

    monkeypatch.setattr(store, "_values", cut)
    with pytest.raises(PowerCutError):
        store.fresh_access_token(connection_id)
    monkeypatch.undo()
    with database.connect() as connection:
        assert connection.scalar(select(token_rows.c.generation)) == 1
    assert store.fresh_access_token(connection_id) == "access-canary-2"


def test_one_refusal_may_be_an_outage_and_is_tried_once_more(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600)
    service.troubles = [refusal()]
    assert store.fresh_access_token(connection_id) == "access-canary-2"
    assert clock.sleeps[1:] == [3.0]


@pytest.mark.asvs("tokens")
def test_two_refusals_end_the_connection_without_a_storm(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600)
    service.troubles = [refusal() for _ in range(100)]
    results = crowd(50, lambda: store.fresh_access_token(connection_id))
    assert len(service.asked) == 2
    assert all(type(result) is DisconnectedError for result in results)
    assert "Reconnect" in results[0].fault.fix


def test_after_a_rest_and_after_reconnecting_it_works_again(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600)
    service.troubles = [refusal(), refusal()]
    with pytest.raises(DisconnectedError):
        store.fresh_access_token(connection_id)
    with pytest.raises(DisconnectedError):
        store.fresh_access_token(connection_id)
    assert len(service.asked) == 2
    clock.sleep(61)
    assert store.fresh_access_token(connection_id) == "access-canary-3"
    store.save(connection_id, a_permission(70))
    assert store.fresh_access_token(connection_id) == "access-canary-70"


@pytest.mark.asvs("tokens", "15.4.2")
def test_a_loser_of_the_race_between_processes_uses_the_winners_tokens(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock, database: Engine
) -> None:
    """Intuit refuses the slower one; by then the row holds what the faster one got."""
    clock.sleep(3_600)
    service.troubles = [refusal()]
    other = TokenStore(database, [KEY], clock, Service())
    wait = clock.sleep

    def other_is_faster(seconds: float) -> None:
        wait(seconds)
        other.save(connection_id, a_permission(50))

    clock.sleep = other_is_faster  # type: ignore[method-assign]
    assert store.fresh_access_token(connection_id) == "access-canary-50"
    assert len(service.asked) == 1


def test_wrong_app_keys_are_not_tried_twice(
    store: TokenStore, service: Service, connection_id: int, clock: FakeClock
) -> None:
    clock.sleep(3_600)
    service.troubles = [local_error("invalid_client", write=False)]
    with pytest.raises(DisconnectedError) as caught:
        store.fresh_access_token(connection_id)
    assert "QBSYNC_INTUIT_CLIENT_ID" in caught.value.fault.fix
    assert len(service.asked) == 1


def test_a_connection_without_tokens_says_so(store: TokenStore) -> None:
    with pytest.raises(DisconnectedError, match="connection 999") as caught:
        store.fresh_access_token(999)
    assert "quickbooks-sync connect" in caught.value.fault.fix


@pytest.mark.asvs("11.3.3", "tokens")
def test_a_ciphertext_moved_to_another_row_or_column_is_refused(
    store: TokenStore, service: Service, connection_id: int, database: Engine
) -> None:
    other = add_connection(database, "Other")
    store.save(other, a_permission(1))
    row = token_rows.c
    with database.begin() as connection:
        mine = connection.execute(
            select(token_rows).where(row.connection_id == connection_id)
        ).one()
        connection.execute(
            update(token_rows)
            .where(row.connection_id == other)
            .values(
                access_token_encrypted=mine.access_token_encrypted,
                refresh_token_encrypted=mine.refresh_token_encrypted,
            )
        )
        connection.execute(
            update(token_rows)
            .where(row.connection_id == connection_id)
            .values(access_token_encrypted=mine.refresh_token_encrypted)
        )
    for one in (connection_id, other):
        with pytest.raises(DisconnectedError, match="belongs elsewhere"):
            store.fresh_access_token(one)
    with pytest.raises(DisconnectedError, match="belongs elsewhere"):
        store.fresh_access_token(other, force=True)
    assert service.asked == []


@pytest.mark.asvs("11.3.3", "tokens")
def test_an_altered_ciphertext_or_another_key_is_refused_with_a_way_out(
    store: TokenStore, connection_id: int, database: Engine, clock: FakeClock, service: Service
) -> None:
    stranger = TokenStore(database, [new_key()], clock, service)
    with pytest.raises(DisconnectedError, match="no key opens it") as caught:
        stranger.fresh_access_token(connection_id)
    assert "QBSYNC_ENCRYPTION_KEYS" in caught.value.fault.fix
    with database.begin() as connection:
        connection.execute(update(token_rows).values(access_token_encrypted="gAAAAA☕"))
    with pytest.raises(DisconnectedError, match="no key opens it"):
        store.fresh_access_token(connection_id)


@pytest.mark.asvs("11.2.2", "tokens")
def test_keys_are_rotated_and_the_old_one_can_go(
    store: TokenStore, connection_id: int, database: Engine, clock: FakeClock, service: Service
) -> None:
    other = add_connection(database, "Other")
    store.save(other, a_permission(1))
    newest = new_key()
    assert TokenStore(database, [newest, KEY], clock, service).rotate() == 2
    rotated = TokenStore(database, [newest], clock, service)
    assert rotated.fresh_access_token(connection_id) == "access-canary-0"
    assert rotated.fresh_access_token(other, force=True) == "access-canary-1"
    assert service.asked == ["refresh-canary-1"]


@pytest.mark.asvs("tokens")
def test_disconnecting_revokes_and_forgets(
    store: TokenStore, service: Service, connection_id: int
) -> None:
    store.disconnect(connection_id)
    assert service.revoked == ["refresh-canary-0"]
    with pytest.raises(DisconnectedError, match="No permission"):
        store.fresh_access_token(connection_id)


@pytest.mark.asvs("2.3.3")
def test_saving_joins_the_callers_transaction(
    store: TokenStore, connection_id: int, database: Engine
) -> None:
    with database.connect() as connection, connection.begin() as transaction:
        store.save(connection_id, a_permission(9), transaction=connection)
        transaction.rollback()
    assert store.fresh_access_token(connection_id) == "access-canary-0"


@pytest.mark.asvs("10.1.1", "tokens")
def test_tokens_are_nowhere_in_plain_sight(
    store: TokenStore,
    service: Service,
    connection_id: int,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = store.provider(connection_id)
    shown = [repr(store), repr(provider), repr(a_permission(0)), str(a_permission(0))]
    shown.append(repr(Vault([KEY])))
    clock.sleep(3_600)
    provider()
    service.troubles = [refusal(), refusal()]
    with pytest.raises(DisconnectedError) as caught:
        provider(force=True)
    shown.append("".join(traceback.format_exception(caught.value)))
    with store._engine.connect() as connection:
        dumped = connection.execute(text("SELECT * FROM tokens")).all()
    shown.append(str(dumped))
    decoded = [base64.urlsafe_b64decode(value) for value in dumped[0][1:3]]
    assert "canary" not in "".join(shown) + caplog.text
    assert not any(b"canary" in value for value in decoded)
    assert KEY not in "".join(shown) + caplog.text
    assert "permission renewed" in caplog.text


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, "not a key"], [""]])
@pytest.mark.asvs("13.3.1")
def test_unusable_keys_are_refused_with_how_to_make_one(keys: list[str]) -> None:
    with pytest.raises(UsageError, match="QBSYNC_ENCRYPTION_KEYS") as caught:
        Vault(keys)
    assert "generate_key" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.asvs("11.3.4")
def test_sealing_the_same_token_twice_shows_no_pattern() -> None:
    vault = Vault([KEY])
    sealed = [vault.seal(1, TokenKind.ACCESS, "x" * 4_096) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert vault.open(1, TokenKind.ACCESS, sealed[0]) == "x" * 4_096


# --- the HTTP part --------------------------------------------------------------------------------


@dataclass
class Intuit:
    """A token service over HTTP that plays one answer."""

    url: str = ""
    answer: Any = None
    discovery: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    #: Seconds between two bytes of an answer for tokens, and how many went out.
    drips: float = 0.0
    dripped: int = 0

    def places(self) -> Any:
        """Its addresses."""
        return endpoints("sandbox", self.url, f"{self.url}/openid")

    def oauth(self, **limits: float) -> IntuitOAuth:
        """A client of it."""
        keys = AppKeys("client-id", "secret-canary", "https://sync.example/callback")
        return IntuitOAuth(self.places(), keys, OAuthTimeouts(**limits))


GOOD = {
    "token_type": "bearer",
    "access_token": "access-canary",
    "refresh_token": "refresh-canary",
    "expires_in": 3600,
    "x_refresh_token_expires_in": 8726400,
}


@pytest.fixture
def intuit() -> Iterator[Intuit]:
    """The token service."""
    with serving() as played:
        yield played


@contextmanager
def serving() -> Iterator[Intuit]:
    """Run the token service."""
    played = Intuit()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = urlsplit(self.path).path
            played.got.append((path, headers, body))
            answer = (200, played.discovery) if path == "/openid" else played.answer
            if answer is None:
                self.close_connection = True
                return
            status, content = answer
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("intuit_tid", "1-oauth")
            if status == 302:
                self.send_header("Location", f"{played.url}/elsewhere")
            self.end_headers()
            if played.drips and path == "/token":
                self.drip(raw)
            else:
                self.wfile.write(raw)

        def drip(self, raw: bytes) -> None:
            with suppress(ConnectionError):
                for byte in raw:
                    self.wfile.write(bytes([byte]))
                    played.dripped += 1
                    time.sleep(played.drips)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = played.url = f"http://127.0.0.1:{server.server_port}"
    played.answer = (200, GOOD)
    played.discovery = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "revocation_endpoint": f"{url}/revoke",
        "userinfo_endpoint": f"{url}/userinfo",
        "jwks_uri": f"{url}/jwks",
    }
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.asvs("10.1.2", "10.2.3", "11.5.1")
def test_the_authorisation_address_asks_for_least_and_its_state_is_never_the_same(
    intuit: Intuit,
) -> None:
    oauth = intuit.oauth()
    seen = set()
    for _ in range(20):
        url, state = oauth.authorization_url()
        query = parse_qs(urlsplit(url).query)
        assert query["scope"] == ["com.intuit.quickbooks.accounting"]
        assert query["state"] == [state]
        assert query["redirect_uri"] == ["https://sync.example/callback"]
        assert query["response_type"] == ["code"]
        assert "canary" not in url
        seen.add(state)
    assert len(seen) == 20
    assert min(len(state) for state in seen) >= 43
    assert [path for path, _, _ in intuit.got] == ["/openid"]


def test_a_renewal_is_one_request_and_brings_the_new_tokens(intuit: Intuit) -> None:
    oauth = intuit.oauth()
    oauth.prepare()
    intuit.got.clear()
    found = oauth.refresh("refresh-old")
    assert found == TokenSet("access-canary", "refresh-canary", 3_600, 8_726_400)
    ((path, headers, body),) = intuit.got
    assert path == "/token"
    assert parse_qs(body) == {"grant_type": ["refresh_token"], "refresh_token": ["refresh-old"]}
    expected = base64.b64encode(b"client-id:secret-canary").decode()
    assert headers["authorization"] == f"Basic {expected}"


def test_a_code_is_exchanged(intuit: Intuit) -> None:
    assert intuit.oauth().exchange_code("code-1").refresh_token == "refresh-canary"
    assert parse_qs(intuit.got[-1][2])["code"] == ["code-1"]


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        ((400, {"error": "invalid_grant"}), DisconnectedError, "invalid_grant"),
        ((401, {"error": "invalid_client"}), DisconnectedError, "invalid_client"),
        ((400, {"error": "invalid_client"}), DisconnectedError, "invalid_client"),
        ((401, b"<html>"), DisconnectedError, "invalid_client"),
        ((400, {"error": "unsupported_grant_type"}), DisconnectedError, "oauth_refused"),
        ((429, b""), RetryLaterError, "3001"),
        ((500, b"<html>oops refresh-canary</html>"), RetryLaterError, "5xx"),
        ((503, b""), RetryLaterError, "5xx"),
        ((302, b""), RetryLaterError, "5xx"),
        ((200, b"<html>"), RetryLaterError, "unreadable"),
        ((200, b""), RetryLaterError, "unreadable"),
        ((200, []), RetryLaterError, "unreadable"),
        ((200, {**GOOD, "access_token": None}), RetryLaterError, "unreadable"),
        ((200, {**GOOD, "refresh_token": "a\nb"}), RetryLaterError, "unreadable"),
        ((200, {**GOOD, "access_token": "x" * 9_000}), RetryLaterError, "unreadable"),
        ((200, b" " * (2**20 + 1)), RetryLaterError, "timeout"),
        (None, RetryLaterError, "timeout"),
    ],
)
@pytest.mark.asvs("15.3.2", "16.5.2")
def test_each_refusal_says_what_to_do(
    intuit: Intuit, answer: Any, expected: type[RemoteError], code: str
) -> None:
    intuit.answer = answer
    # the traceback's source lines must not hold it
    old = f"refresh-old-{REALM}"
    with pytest.raises(RemoteError) as caught:
        intuit.oauth().refresh(old)
    assert type(caught.value) is expected
    assert caught.value.fault.code == code
    assert caught.value.fault.fix
    assert old not in "".join(traceback.format_exception(caught.value))
    assert all(path != "/elsewhere" for path, _, _ in intuit.got)


@pytest.mark.parametrize(
    "extra",
    [
        {"headers": {"X": "1"}, "auth": ["a", "b"], "request": "x", "trust_env": True},
        {"id_token": "a.b.c", "token_endpoint": "https://example.org/steal", "adapters": None},
        {"expires_in": "3600", "x_refresh_token_expires_in": "8726400"},
    ],
)
def test_an_answer_cannot_reach_into_the_client(intuit: Intuit, extra: dict[str, Any]) -> None:
    intuit.answer = (200, {**GOOD, **extra})
    oauth = intuit.oauth()
    for _ in range(2):
        assert oauth.refresh("refresh-old").access_seconds == 3_600
    assert {path for path, _, _ in intuit.got} == {"/openid", "/token"}


@pytest.mark.parametrize(
    "elsewhere",
    ["https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer", "http://192.0.2.7/token", ""],
)
@pytest.mark.parametrize(
    "name", ["token_endpoint", "revocation_endpoint", "authorization_endpoint"]
)
@pytest.mark.asvs("10.1.1", "13.2.4")
def test_the_secret_is_not_sent_where_the_discovery_document_has_no_say(
    intuit: Intuit, name: str, elsewhere: str
) -> None:
    intuit.discovery[name] = elsewhere
    with pytest.raises(UsageError, match="QBSYNC_QUICKBOOKS_DISCOVERY_URL"):
        intuit.oauth().refresh("refresh-old")
    assert [path for path, _, _ in intuit.got] == ["/openid"]


@pytest.mark.asvs("16.5.2")
def test_silence_is_not_waited_for() -> None:
    """A socket that accepts and says nothing."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        played = Intuit(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(RetryLaterError):
            played.oauth(read_seconds=0.1).refresh("refresh-old")
    with pytest.raises(RetryLaterError, match="No connection"):
        played.oauth(read_seconds=0.1).refresh("refresh-old")


@pytest.mark.asvs("16.5.2")
def test_an_answer_that_drips_is_not_waited_for(intuit: Intuit) -> None:
    """The row of the tokens is locked meanwhile, and no byte comes too late by itself."""
    intuit.drips = 0.02
    with pytest.raises(RetryLaterError) as caught:
        intuit.oauth(total_seconds=0.2).refresh("refresh-old")
    assert caught.value.fault.code == "timeout"
    assert 0 < intuit.dripped < len(json.dumps(GOOD)), "it was waited for to the end"


def test_revoking_what_has_ended_is_no_error(intuit: Intuit) -> None:
    intuit.answer = (200, b"")
    intuit.oauth().revoke("refresh-old")
    assert json.loads(intuit.got[-1][2]) == {"token": "refresh-old"}
    intuit.answer = (400, {"error": "invalid_request"})
    intuit.oauth().revoke("refresh-old")
    intuit.answer = (401, {"error": "invalid_client"})
    with pytest.raises(DisconnectedError):
        intuit.oauth().revoke("refresh-old")


def test_missing_keys_are_named() -> None:
    with pytest.raises(UsageError, match="QBSYNC_INTUIT_CLIENT_ID"):
        IntuitOAuth(endpoints("sandbox"), AppKeys("", "secret"))


def test_app_keys_do_not_show() -> None:
    keys = AppKeys("client-id", "secret-canary")
    assert "canary" not in repr(keys) + repr(IntuitOAuth(endpoints("sandbox"), keys))


def test_connecting_hands_the_tokens_over_before_anything_can_fail(intuit: Intuit) -> None:
    kept: list[TokenSet] = []
    intuit.answer = (200, {**GOOD, "access_token": "access-canary-2"})
    oauth = intuit.oauth()
    oauth.prepare()
    with pytest.raises(RemoteError):
        # this server answers the company's address with tokens
        connect(
            intuit.places(),
            oauth,
            FakeClock(),
            REALM,
            refresh_token="refresh-old",
            keep=kept.append,
        )
    assert [one.access_token for one in kept] == ["access-canary-2"]
    with pytest.raises(UsageError):
        connect(intuit.places(), oauth, FakeClock(), REALM)
    with pytest.raises(UsageError):
        connect(intuit.places(), oauth, FakeClock(), REALM, refresh_token="a", code="b")


# --- all of it, against the emulator --------------------------------------------------------------


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """A QuickBooks in a box that refuses a former refresh token at once."""
    with RunningEmulator() as running:
        yield running


@dataclass
class EmulatorClock:
    """The emulator's clock, so that tokens age on both sides."""

    running: RunningEmulator

    def now(self) -> datetime:
        """The instant."""
        return self.running.clock.now()

    def monotonic(self) -> float:
        """Seconds so far."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Move the emulator on."""
        self.running.clock.advance(seconds)


@dataclass
class Wired:
    """Everything between the database and the emulator."""

    running: RunningEmulator
    clock: EmulatorClock
    oauth: IntuitOAuth
    store: TokenStore
    connection_id: int

    @property
    def places(self) -> Any:
        """Where the emulator is."""
        return endpoints("sandbox", self.running.base_url, self.running.discovery_url)

    def renewals(self) -> int:
        """How often a token was asked for."""
        return self.running.emulator.meter.by_class["token"]


@pytest.fixture
def wired(emulator: RunningEmulator, sqlite_engine: Engine) -> Wired:
    """A connected company."""
    clock = EmulatorClock(emulator)
    places = endpoints("sandbox", emulator.base_url, emulator.discovery_url)
    keys = AppKeys(emulator.client_id, emulator.client_secret, "https://sync.example/callback")
    oauth = IntuitOAuth(places, keys)
    connected = connect(
        places, oauth, clock, emulator.realm_id, refresh_token=emulator.refresh_token
    )
    assert connected.company.name
    store = TokenStore(sqlite_engine, [KEY], clock, oauth)
    connection_id = add_connection(sqlite_engine, "Acme")
    store.save(connection_id, connected.tokens)
    return Wired(emulator, clock, oauth, store, connection_id)


def test_a_connection_lives_on_for_months_by_itself(wired: Wired) -> None:
    provider = wired.store.provider(wired.connection_id)
    with QuickBooksClient(wired.places, wired.running.realm_id, provider, wired.clock) as client:
        for _ in range(30):
            assert client.company().realm_id == wired.running.realm_id
            wired.clock.sleep(4 * 24 * 3_600)
    # one renewal for each pause, and one at the beginning
    assert wired.renewals() == 30


def test_a_token_that_ends_early_is_renewed_once_for_many_threads(wired: Wired) -> None:
    provider = wired.store.provider(wired.connection_id)
    with QuickBooksClient(wired.places, wired.running.realm_id, provider, wired.clock) as client:
        client.read("Customer", "1")
        before = wired.renewals()
        wired.running.emulator.tokens.expire(wired.running.realm_id)
        found = crowd(10, lambda: client.read("Customer", "1"))
    assert [one["Id"] for one in found] == ["1"] * 10
    assert wired.renewals() == before + 1


def test_a_person_who_ends_the_connection_in_quickbooks_ends_it(wired: Wired) -> None:
    wired.running.emulator.tokens.revoke(wired.running.refresh_token)
    provider = wired.store.provider(wired.connection_id)
    with QuickBooksClient(wired.places, wired.running.realm_id, provider, wired.clock) as client:
        before = wired.renewals()
        with pytest.raises(DisconnectedError) as caught:
            client.read("Customer", "1")
        assert wired.renewals() == before + 2
    assert "Reconnect" in caught.value.fault.fix


def test_a_code_connects_once_and_another_company_is_noticed(wired: Wired) -> None:
    running = wired.running
    scopes = ("com.intuit.quickbooks.accounting",)

    def code() -> str:
        return running.emulator.tokens.issue_code(
            running.client_id, "https://sync.example/callback", running.realm_id, scopes
        )

    first = code()
    connected = connect(wired.places, wired.oauth, wired.clock, running.realm_id, code=first)
    assert connected.company.realm_id == running.realm_id
    with pytest.raises(DisconnectedError) as caught:
        connect(wired.places, wired.oauth, wired.clock, running.realm_id, code=first)
    assert caught.value.fault.code == "invalid_grant"
    running.emulator.add_company("9341450000009999")
    with pytest.raises(DisconnectedError) as caught:
        connect(wired.places, wired.oauth, wired.clock, "9341450000009999", code=code())
    assert "another QuickBooks company" in caught.value.fault.cause


def test_disconnecting_ends_the_permission_at_intuit(wired: Wired) -> None:
    wired.store.disconnect(wired.connection_id)
    with pytest.raises(DisconnectedError):
        wired.oauth.refresh(wired.running.refresh_token)


@pytest.mark.asvs("16.5.2")
def test_an_outage_of_the_token_service_passes(wired: Wired) -> None:
    wired.clock.sleep(3_600)
    wired.running.faults(kind="status", verb="token", status=503)
    with pytest.raises(RetryLaterError):
        wired.store.fresh_access_token(wired.connection_id)
    assert wired.store.fresh_access_token(wired.connection_id)
