"""Codes and tokens: five minutes, one hour, a hundred days, and the daily change of value.

An authorisation code is used once and dies after five minutes; using it again revokes what it
brought. A refresh token's value changes on the first refresh after 24 hours, and the old value
then dies at once (strict) or a day later; trying a dead value again and again ends the connection.
Revoking either token ends it too. An outage answers `invalid_grant` and changes nothing.
Source: dossier section 1.2.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.company import Author

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.clock import Clock
    from emulator.options import Options

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE_SECONDS = 8_726_400
HARD_LIFE = timedelta(days=5 * 365)
ROTATION = timedelta(hours=24)
#: Real access tokens are long; a column that is too short should be found here.
_ACCESS_TOKEN_BYTES = 720
_APPLICATION_USER = "9341450000000001"
_PERSON_USER_BASE = 9_130_350_000_000_000


class OAuthError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        """Hold the error code, its optional description and the HTTP status."""
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status

    def body(self) -> dict[str, str]:
        """Return the error as it travels."""
        if self.description:
            return {"error": self.error, "error_description": self.description}
        return {"error": self.error}


@dataclass
class Connection:
    """One consent: a client allowed into a realm, and the refresh token it holds now."""

    client_id: str
    realm_id: str
    scopes: tuple[str, ...]
    refresh_token: str
    value_since: datetime
    expires_at: datetime
    hard_expires_at: datetime
    revoked: bool = False
    #: Former values and until when they still work; empty in strict mode.
    former: dict[str, datetime] = field(default_factory=dict)
    #: When a refresh last succeeded.
    refreshed_at: datetime | None = None
    #: How often a dead value was tried since then.
    misuses: int = 0


@dataclass
class AccessToken:
    """A bearer token: of the application, or of a person working in QuickBooks."""

    value: str
    realm_id: str
    expires_at: datetime
    author: Author
    connection: Connection | None = None
    scopes: tuple[str, ...] = ()


@dataclass
class _Code:
    client_id: str
    redirect_uri: str
    realm_id: str
    scopes: tuple[str, ...]
    expires_at: datetime
    connection: Connection | None = None


def person(name: str) -> Author:
    """Return the author that stands for a person in QuickBooks."""
    number = _PERSON_USER_BASE + zlib.crc32(name.encode())
    return Author(who=name, user_id=str(number))


def application(client_id: str) -> Author:
    """Return the author that stands for the connected application."""
    return Author(who="application", user_id=_APPLICATION_USER, client_id=client_id)


class TokenStore:
    """Every client, code and token of one emulator."""

    def __init__(self, clock: Clock, options: Options) -> None:
        """Start with no clients."""
        self._clock = clock
        self._options = options
        self.clients: dict[str, str] = {}
        #: Redirect URIs a client has registered; without any, all are taken.
        self.redirects: dict[str, set[str]] = {}
        #: Told after every change.
        self.listeners: list[Callable[[], None]] = []
        self._codes: dict[str, _Code] = {}
        self._connections: list[Connection] = []
        self._by_refresh: dict[str, Connection] = {}
        self._access: dict[str, AccessToken] = {}

    def authenticate(self, client_id: str, secret: str) -> None:
        """Refuse a client that does not know its secret."""
        known = self.clients.get(client_id)
        if known is None or not secrets.compare_digest(known.encode(), secret.encode()):
            raise OAuthError("invalid_client", status=401)

    def issue_code(
        self, client_id: str, redirect_uri: str, realm_id: str, scopes: tuple[str, ...]
    ) -> str:
        """Return a fresh authorisation code."""
        code = "AB11" + secrets.token_urlsafe(36)
        expires_at = self._clock.now() + CODE_LIFE
        self._codes[code] = _Code(client_id, redirect_uri, realm_id, scopes, expires_at)
        return code

    def exchange(self, client_id: str, code_text: str, redirect_uri: str) -> AccessToken:
        """Turn a code into tokens, once."""
        self._refuse_in_outage()
        code = self._codes.get(code_text)
        if code is None or code.client_id != client_id:
            raise OAuthError("invalid_grant", "Invalid authorization code")
        if code.connection is not None:
            code.connection.revoked = True
            self._changed()
            raise OAuthError("invalid_grant", "Authorization code already used")
        if self._clock.now() > code.expires_at:
            raise OAuthError("invalid_grant", "Authorization code expired")
        if code.redirect_uri != redirect_uri:
            raise OAuthError("invalid_grant", "Redirect URI mismatch")
        code.connection = self.connect(client_id, code.realm_id, code.scopes)
        return self._issue_access(code.connection)

    def connect(
        self,
        client_id: str,
        realm_id: str,
        scopes: tuple[str, ...] = ("com.intuit.quickbooks.accounting",),
        refresh_token: str | None = None,
    ) -> Connection:
        """Make a connection, with a given first refresh token or a fresh one."""
        now = self._clock.now()
        connection = Connection(
            client_id=client_id,
            realm_id=realm_id,
            scopes=scopes,
            refresh_token=refresh_token or _refresh_value(),
            value_since=now,
            expires_at=now + timedelta(seconds=REFRESH_LIFE_SECONDS),
            hard_expires_at=now + HARD_LIFE,
        )
        self._connections.append(connection)
        self._by_refresh[connection.refresh_token] = connection
        self._changed()
        return connection

    def open_connection(
        self, client_id: str, realm_id: str, refresh_token: str | None = None
    ) -> Connection:
        """Return the living connection of a client to a realm, or make one.

        A refresh token that was given before, and has changed since, still names its connection.
        """
        for connection in reversed(self._connections):
            alive = not connection.revoked and self._clock.now() <= connection.expires_at
            asked = refresh_token is None or self._by_refresh.get(refresh_token) is connection
            owner = (connection.client_id, connection.realm_id)
            if alive and asked and owner == (client_id, realm_id):
                return connection
        return self.connect(client_id, realm_id, refresh_token=refresh_token)

    def refresh(self, client_id: str, refresh_token: str) -> AccessToken:
        """Return a new access token; the refresh token's value changes once a day."""
        self._refuse_in_outage()
        connection = self._by_refresh.get(refresh_token)
        now = self._clock.now()
        if connection is None or connection.client_id != client_id or connection.revoked:
            raise _bad_refresh_token()
        if now > min(connection.expires_at, connection.hard_expires_at):
            raise _bad_refresh_token()
        if not self._is_alive(connection, refresh_token, now):
            self._misused(connection)
            raise _bad_refresh_token()
        current = refresh_token == connection.refresh_token
        if current and now - connection.value_since >= ROTATION:
            self._rotate(connection, now)
        connection.expires_at = now + timedelta(seconds=REFRESH_LIFE_SECONDS)
        connection.refreshed_at, connection.misuses = now, 0
        return self._issue_access(connection)

    def _is_alive(self, connection: Connection, value: str, now: datetime) -> bool:
        if value != connection.refresh_token:
            return now <= connection.former.get(value, connection.value_since)
        race = timedelta(seconds=self._options.refresh_race_seconds)
        return connection.refreshed_at is None or now - connection.refreshed_at >= race

    def _misused(self, connection: Connection) -> None:
        connection.misuses += 1
        most = self._options.misuses_revoke_after
        if most and connection.misuses >= most:
            connection.revoked = True
            self._changed()

    def _refuse_in_outage(self) -> None:
        if self._options.oauth_outage:
            raise OAuthError("invalid_grant")

    def _rotate(self, connection: Connection, now: datetime) -> None:
        if not self._options.strict_refresh:
            connection.former[connection.refresh_token] = now + ROTATION
        connection.refresh_token = _refresh_value()
        connection.value_since = now
        self._by_refresh[connection.refresh_token] = connection

    def revoke(self, token: str) -> None:
        """End the connection that an access or refresh token belongs to."""
        access = self._access.get(token)
        connection = self._by_refresh.get(token) or (access.connection if access else None)
        if connection is None:
            raise OAuthError("invalid_request", "Token is not known")
        connection.revoked = True
        self._changed()

    def person_token(self, realm_id: str, name: str) -> AccessToken:
        """Return a bearer token for somebody who works in QuickBooks itself."""
        return self._keep(realm_id, person(name), None, ())

    def again(self, access: AccessToken) -> AccessToken:
        """Return a fresh bearer token for whoever holds this one."""
        return self._keep(access.realm_id, access.author, access.connection, access.scopes)

    def find(self, value: str) -> AccessToken | None:
        """Return the access token of that value if it is known and its connection lives."""
        access = self._access.get(value)
        if access is None or (access.connection is not None and access.connection.revoked):
            return None
        return access

    def expired(self, access: AccessToken) -> bool:
        """Say whether an access token's hour is over."""
        return self._clock.now() >= access.expires_at

    def expire(self, realm_id: str) -> None:
        """Let every access token of a realm expire now."""
        for access in self._access.values():
            if access.realm_id == realm_id:
                access.expires_at = self._clock.now()
        self._changed()

    def _issue_access(self, connection: Connection) -> AccessToken:
        author = application(connection.client_id)
        return self._keep(connection.realm_id, author, connection, connection.scopes)

    def _keep(
        self,
        realm_id: str,
        author: Author,
        connection: Connection | None,
        scopes: tuple[str, ...],
    ) -> AccessToken:
        value = "eyJ" + secrets.token_urlsafe(_ACCESS_TOKEN_BYTES)
        expires_at = self._clock.now() + ACCESS_LIFE
        access = AccessToken(value, realm_id, expires_at, author, connection, scopes)
        self._access[value] = access
        self._changed()
        return access

    # Keeping tokens over a restart

    def state(self) -> dict[str, Any]:
        """Return everything as plain data; expired access tokens are left out."""
        numbers = {id(connection): place for place, connection in enumerate(self._connections)}
        alive = [access for access in self._access.values() if not self.expired(access)]
        return {
            "clients": dict(self.clients),
            "redirects": {client: sorted(uris) for client, uris in self.redirects.items()},
            "connections": [vars(connection).copy() for connection in self._connections],
            "by_refresh": {value: numbers[id(held)] for value, held in self._by_refresh.items()},
            "access": [
                {
                    **vars(access),
                    "author": asdict(access.author),
                    "connection": numbers.get(id(access.connection)),
                }
                for access in alive
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.clients = dict(state["clients"])
        self.redirects = {client: set(uris) for client, uris in state["redirects"].items()}
        self._connections = [Connection(**values) for values in state["connections"]]
        self._by_refresh = {
            value: self._connections[number] for value, number in state["by_refresh"].items()
        }
        self._access = {}
        for values in state["access"]:
            number = values["connection"]
            held = None if number is None else self._connections[number]
            author = Author(**values["author"])
            access = AccessToken(**{**values, "author": author, "connection": held})
            self._access[access.value] = access

    def _changed(self) -> None:
        for listener in self.listeners:
            listener()

    def describe(self, access: AccessToken, *, hard_expiry: bool) -> dict[str, Any]:
        """Return the token answer for an access token just issued."""
        connection = access.connection
        assert connection is not None, "only an application gets a token answer"
        now = self._clock.now()
        answer: dict[str, Any] = {
            "x_refresh_token_expires_in": round((connection.expires_at - now).total_seconds()),
            "refresh_token": connection.refresh_token,
            "access_token": access.value,
            "token_type": "bearer",
            "expires_in": int(ACCESS_LIFE.total_seconds()),
        }
        if hard_expiry:
            left = connection.hard_expires_at - now
            answer["x_refresh_token_hard_expires_in"] = round(left.total_seconds())
        return answer


def _bad_refresh_token() -> OAuthError:
    return OAuthError("invalid_grant", "Incorrect or invalid refresh token")


def _refresh_value() -> str:
    return "AB11" + secrets.token_urlsafe(34)
