"""Nobody is let in by a provider that lies, hangs, or leads elsewhere.

Each lie is a row: what is done to an honest provider. After it, nobody has a session.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, RSAKey

from connectors.quickbooks.scrub import scrub
from connectors.sign_on.places import SIGN_ON_PATH
from connectors.sign_on.provider import DESCRIPTION_SECONDS, LEEWAY_SECONDS, PAUSE_SECONDS
from tests.fixtures.guarded import Guarded
from tests.fixtures.openid import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenId,
    altered,
    critical,
    key,
    signed_with_public_key,
    unsigned,
)
from tests.fixtures.signing_on import (
    DISCOVERY,
    assert_refused,
    leave,
    now_of,
    sign_on,
)


def publish(provider: OpenId, kid: str) -> None:
    provider.published.append(key(kid).as_dict(private=False))


def sign_as(provider: OpenId, signer: RSAKey, kid: str | None = None) -> None:
    """Sign with a key under this name."""
    provider.signed_with = signer
    provider.header["kid"] = kid


def sign_with_own_key(provider: OpenId) -> None:
    """With a key that nobody knows, which the token brings along."""
    own = ECKey.generate_key("P-256")
    provider.signed_with = own
    provider.header = {"alg": "ES256", "kid": "first", "jwk": own.as_dict(private=False)}


#: What is wrong with what the provider says, and the log's word for it.
LIES: dict[str, tuple[str, Callable[[OpenId], object]]] = {
    "wrong nonce": ("nonce", lambda it: it.claims.update(nonce="another")),
    "no nonce": ("nonce", lambda it: it.claims.update(nonce=None)),
    "nonce in a list": ("nonce", lambda it: it.claims.update(nonce=["another"])),
    "expired": ("expired", lambda it: it.claims.update(exp=now_of(it) - LEEWAY_SECONDS)),
    "no expiry": ("exp", lambda it: it.claims.update(exp=None)),
    "expiry that is no time": ("exp", lambda it: it.claims.update(exp="never")),
    "expiry that is not a number": ("exp", lambda it: it.claims.update(exp=float("nan"))),
    "issued tomorrow": ("future", lambda it: it.claims.update(iat=now_of(it) + 86_400)),
    "not yet": ("not yet valid", lambda it: it.claims.update(nbf=now_of(it) + 3_600)),
    "other audience": ("aud", lambda it: it.claims.update(aud="another app")),
    "other audiences": ("aud", lambda it: it.claims.update(aud=["one", "two"], azp=CLIENT_ID)),
    "no audience": ("aud", lambda it: it.claims.update(aud=None)),
    "for somebody else's use": (
        "azp",
        lambda it: it.claims.update(aud=[CLIENT_ID, "two"], azp="two"),
    ),
    "for several, by nobody": ("azp", lambda it: it.claims.update(aud=[CLIENT_ID, "two"])),
    "other issuer": ("iss", lambda it: it.claims.update(iss="https://login.example.org")),
    "issuer with a slash": ("iss", lambda it: it.claims.update(iss=f"{it.address}/")),
    "no issuer": ("iss", lambda it: it.claims.update(iss=None)),
    "no subject": ("sub", lambda it: it.claims.update(sub=None)),
    "empty subject": ("sub", lambda it: it.claims.update(sub="")),
    "subject that is a number": ("sub", lambda it: it.claims.update(sub=1)),
    "endless subject": ("the subject is", lambda it: it.claims.update(sub="s" * 256)),
    "subject on two lines": ("the subject is", lambda it: it.claims.update(sub="a\nb")),
    "of another access token": (
        "at_hash",
        lambda it: it.claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    ),
    "unsigned": ("Algorithm of 'none' is not allowed", lambda it: setattr(it, "forge", unsigned)),
    "signed with the public key": (
        "Algorithm of 'HS256' is not allowed",
        lambda it: setattr(it, "forge", signed_with_public_key),
    ),
    "altered": ("signature", lambda it: setattr(it, "forge", altered)),
    "no token at all": ("decode", lambda it: setattr(it, "forge", lambda *_: "")),
    "a token that is none": ("decode", lambda it: setattr(it, "forge", lambda *_: "a.b.c")),
    "a token that is no text": ("decode", lambda it: setattr(it, "forge", lambda *_: 7)),
    "key that is not published": (
        "No key for kid",
        lambda it: setattr(it, "signed_with", key("second")),
    ),
    "other key of a published name": ("signature", lambda it: sign_as(it, key("second"), "first")),
    "no key named, several there": (
        "No key for kid",
        lambda it: (publish(it, "second"), sign_as(it, key("first"))),
    ),
    "key in the token itself": ("requires 'EC' key", sign_with_own_key),
    "key for encryption": ("has no key", lambda it: it.published[0].update(use="enc")),
    "critical header that nobody knows": ("new", lambda it: setattr(it, "forge", critical)),
    "no key published": ("has no key", lambda it: it.published.clear()),
    "keys that are none": (
        "has no key",
        lambda it: it.published.__setitem__(slice(None), [7, {}, {"kty": "RSA"}]),
    ),
    "weak key": ("has no key", lambda it: it.published[0].update(n="AQAB" * 32)),
    "shared secret published": (
        "has no key",
        lambda it: it.published.__setitem__(0, {"kty": "oct", "k": "AAAA"}),
    ),
}


@pytest.mark.asvs("10.5.1", "10.5.3", "10.5.4")
@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_trusted_lets_nobody_in(
    pages: Guarded, provider: OpenId, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One page that says no more than that; the log says what was wrong."""
    why, tell_lie = LIES[lie]
    tell_lie(provider)
    assert_refused(pages, provider, 403, "gave no answer that can be trusted")
    (entry,) = [each.getMessage() for each in caplog.records if "failed" in each.getMessage()]
    assert why in scrub(entry), "as a log shows it"
    assert CLIENT_SECRET not in caplog.text


@pytest.mark.asvs("16.5.2")
@pytest.mark.parametrize(
    "manner", ["slow", "dripping", "huge", "nonsense", "deep", "list", "error"]
)
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
def test_a_provider_that_does_not_answer_holds_nobody_up(
    pages: Guarded, provider: OpenId, path: str, manner: str
) -> None:
    """Each of its addresses: it is given up, and no try is counted against who made it."""
    provider.manner[path] = manner
    is_down = path != "/token" or manner not in ("nonsense", "deep", "list")
    words = "does not answer" if is_down else "no answer that can be trusted"
    assert_refused(pages, provider, 503 if is_down else 403, words)
    provider.manner.clear()
    pages.pass_time(timedelta(seconds=PAUSE_SECONDS))
    assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("15.3.2")
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
def test_no_redirect_is_followed(pages: Guarded, provider: OpenId, path: str) -> None:
    """Not even to its own host."""
    provider.manner[path] = "redirect"
    assert_refused(pages, provider, 403, "no answer that can be trusted")
    assert "/elsewhere" not in provider.asked


#: Where a description could lead to.
ELSEWHERE: list[object] = [
    "https://evil.example.com/x",
    "http://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:1/x",
    "http://localhost:1/x",
    "http://user:word@127.0.0.1/x",
    "https://oauth.platform.intuit.com/x",
    "file:///etc/passwd",
    "//evil.example.com",
    "http://[",
    "",
    None,
    7,
]


@pytest.mark.asvs("13.2.4")
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_no_other_host_is_asked(pages: Guarded, provider: OpenId, name: str) -> None:
    """Whatever the provider's description names: nothing is sent, and nobody is sent there."""
    for url in ELSEWHERE:
        provider.description[name] = url
        assert_refused(pages, provider, 403, "no answer that can be trusted")
        pages.pass_time(timedelta(seconds=PAUSE_SECONDS))
    assert provider.asked == [DISCOVERY] * len(ELSEWHERE)


@pytest.mark.asvs("10.5.3")
def test_a_description_of_another_provider_is_refused(
    pages: Guarded, provider: OpenId, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what to write into the setting."""
    provider.description["issuer"] = f"{provider.address}/"
    assert_refused(pages, provider, 403, "no answer that can be trusted")
    assert f"calls itself '{provider.address}/'" in caplog.text


@pytest.mark.asvs("16.5.2")
def test_a_provider_that_is_down_is_asked_once_in_a_while(pages: Guarded, provider: OpenId) -> None:
    """However many people ask; and one that is well, once an hour."""
    provider.manner[DISCOVERY] = "slow"
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: pages.client().get(SIGN_ON_PATH).status_code, range(8))
        assert set(answers) == {503}
    assert provider.asked == [DISCOVERY]
    provider.manner.clear()
    pages.pass_time(timedelta(seconds=PAUSE_SECONDS))
    for _ in range(3):
        leave(pages.client())
    assert provider.asked == [DISCOVERY] * 2
    pages.pass_time(timedelta(seconds=DESCRIPTION_SECONDS))
    leave(pages.client())
    assert provider.asked == [DISCOVERY] * 3


@pytest.mark.asvs("11.2.2")
def test_keys_may_change_and_be_of_another_kind(pages: Guarded, provider: OpenId) -> None:
    """At once; and what is not understood stands beside them."""
    elliptic = ECKey.generate_key("P-256", {"kid": "third"})
    for signer, alg in ((key("second"), "PS256"), (elliptic, "ES256")):
        provider.published[:] = [{"kty": "ML-DSA", "kid": "new"}, signer.as_dict(private=False)]
        provider.signed_with, provider.header = signer, {"alg": alg, "x5t": "abc"}
        assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("13.3.1")
def test_the_secret_goes_as_the_provider_wants_it(pages: Guarded, provider: OpenId) -> None:
    """In the form, where it takes no header."""
    provider.description["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert sign_on(pages, provider).status_code == 303
