"""The OpenID provider: the way there, and who came back.

The authorization code flow with PKCE. The provider's description is asked for once an hour; its
keys at each sign-on, so one that it replaces needs no thought. The id token counts only with a
signature by one of these keys, for this installation, for this try, and while it lasts.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Final

from authlib.common.errors import AuthlibBaseError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from connectors.ports import Clock
from connectors.sign_on.attempt import Attempt
from connectors.sign_on.places import SignOn
from connectors.sign_on.wire import (
    OTHERS_WAIT,
    WAIT_SECONDS,
    BoundedSession,
    ProviderDownError,
    SignOnError,
)
from models.errors import UsageError, shorten
from models.people import Identity, checked_subject

#: Signatures by a key that only the provider has: none by a shared secret, nor without a key.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512")
#: What clocks of two machines may differ by.
LEEWAY_SECONDS: Final = 60
DESCRIPTION_SECONDS: Final = 3_600.0
#: After a failure nobody asks for so long: pages would all wait for a provider that hangs.
PAUSE_SECONDS: Final = 10.0
#: Characters of the modulus of an RSA key of 2,048 bits, in base64.
_MODULUS_CHARACTERS_MIN: Final = 342
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """The OpenID provider of an installation; safe to share between threads."""

    def __init__(self, places: SignOn, clock: Clock) -> None:
        self.places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._description: dict[str, Any] = {}
        #: When to ask for the description again, and what failed last; of a clock that never
        #: goes back.
        self._ask_at = -math.inf
        self._failure = ""

    def way_there(self, attempt: Attempt) -> str:
        """The address where somebody signs in for this try.

        Raises:
            SignOnError: the provider does not answer, or describes itself as another one.
        """
        found = self._described()
        with self._session() as session:
            address, _ = session.create_authorization_url(
                found["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address)

    def who_came_back(self, attempt: Attempt, code: str) -> Identity:
        """Who has signed in, by the code that the provider gave for this try.

        Raises:
            SignOnError: the provider does not take the code, or does not vouch for anybody.
            ProviderDownError: it does not answer.
        """
        found = self._described()
        method = _authentication(found.get("token_endpoint_auth_methods_supported"))
        with self._session(token_endpoint_auth_method=method) as session:
            try:
                token = session.fetch_token(
                    found["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    redirect_uri=self.places.redirect_url,
                )
                return self._identity(token, _keys(session, found["jwks_uri"]), attempt)
            except JoseError as error:
                # not after a colon, where a log hides what might be the token
                raise SignOnError(f"the provider's token is refused ({_said(error)})") from None
            except AuthlibBaseError as error:
                # its word alone: its description may quote what was sent
                raise SignOnError(f"the provider refuses: {_said(error.error)}") from None
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise SignOnError(
                    f"the provider's answer cannot be read: {type(error).__name__}"
                ) from None

    def _identity(self, token: dict[str, Any], keys: KeySet, attempt: Attempt) -> Identity:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        signed = jwt.decode(token["id_token"], keys, registry=registry)
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            {
                "iss": {"essential": True, "value": self.places.issuer},
                "aud": {"essential": True, "value": self.places.client_id},
                "sub": {"essential": True},
                "nonce": {"essential": True, "value": attempt.nonce},
            },
            {
                "nonce": attempt.nonce,
                "client_id": self.places.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_SECONDS)
        email = claims.get("email")
        try:
            subject = checked_subject(claims["sub"])
        except UsageError as error:
            raise SignOnError(str(error)) from error
        return Identity(
            issuer=self.places.issuer,
            subject=subject,
            email=email if isinstance(email, str) else "",
            # the word "true" is not it: only what the standard says counts
            is_verified=claims.get("email_verified") is True,
        )

    def _described(self) -> dict[str, Any]:
        """The provider's description of itself.

        Raises:
            SignOnError: there is none, or it is another provider's.
        """
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise ProviderDownError(OTHERS_WAIT)
        try:
            if self._clock.monotonic() >= self._ask_at:
                self._ask_again()
            elif self._failure:
                raise ProviderDownError(self._failure)
            return self._description
        finally:
            self._lock.release()

    def _ask_again(self) -> None:
        pause = PAUSE_SECONDS
        try:
            self._description, self._failure = self._ask_for_description(), ""
            pause = DESCRIPTION_SECONDS
        except SignOnError as error:
            self._failure = str(error)
            raise
        finally:
            self._ask_at = self._clock.monotonic() + pause

    def _ask_for_description(self) -> dict[str, Any]:
        with self._session() as session:
            found = _object(session, self.places.discovery_url)
        if found.get("issuer") != self.places.issuer:
            raise SignOnError(
                f"QBSYNC_OIDC_ISSUER is {self.places.issuer!r}, and what answers there calls "
                f"itself {shorten(repr(found.get('issuer')))}: set it to just that if it is right"
            )
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str) or not self.places.allows(found[name]):
                raise SignOnError(
                    f"{name} of the provider is {shorten(repr(found.get(name)))}: it is on none of "
                    "its hosts; name the host in QBSYNC_OIDC_HOSTS if it is the provider's"
                )
        return found

    def _session(self, **options: Any) -> BoundedSession:
        return BoundedSession(self.places, self._clock, **options)


def _object(session: BoundedSession, url: str) -> dict[str, Any]:
    """A JSON object of the provider's."""
    answer = session.request("GET", url)
    answer.raise_for_status()
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderDownError(f"{url} is no JSON object")
    return found


def _keys(session: BoundedSession, url: str) -> KeySet:
    """The provider's keys for signatures; weak ones, and shared secrets, are none."""
    given = _object(session, url).get("keys")
    kept = [each for each in given if _is_good(each)] if isinstance(given, list) else []
    if not kept:
        raise SignOnError(f"{url} has no key that a signature can be checked with")
    return KeySet.import_key_set({"keys": kept})


def _is_good(key: object) -> bool:
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return False
    if key.get("kty") == "RSA":
        return len(str(key.get("n", ""))) >= _MODULUS_CHARACTERS_MIN
    return key.get("kty") == "EC"


def _authentication(supported: object) -> str:
    """How the provider wants to be shown the secret; in a header unless it says otherwise."""
    if isinstance(supported, list) and "client_secret_basic" not in supported:
        return "client_secret_post"
    return "client_secret_basic"


def _said(what: object) -> str:
    """What was said, on one line of the log."""
    return shorten(str(what), characters_max=100)
