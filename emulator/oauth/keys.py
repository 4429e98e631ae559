"""The key that signs id tokens, and its public half as a JWKS.

The key is made on first use, once for the whole process: making one takes longer than a server
needs to start.
Source: dossier section 1.1 (RS256, jwks_uri) and 1.3 (what intuit-oauth checks).
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_ID = "r4p5SbL2qaFehFzhj8gI"
_EXPONENT = 65537
_KEY_BITS = 2048


@lru_cache(maxsize=1)
def _private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=_EXPONENT, key_size=_KEY_BITS)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _integer(value: int) -> str:
    return _encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def key_set() -> dict[str, Any]:
    """Return the public keys in JWKS form."""
    numbers = _private_key().public_key().public_numbers()
    key = {"kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256"}
    return {"keys": [{**key, "e": _integer(numbers.e), "n": _integer(numbers.n)}]}


def sign(claims: dict[str, Any]) -> str:
    """Return the claims as a signed JWT."""
    header = {"kid": KEY_ID, "alg": "RS256"}
    parts = [_encode(json.dumps(part).encode()) for part in (header, claims)]
    message = ".".join(parts)
    signature = _private_key().sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{message}.{_encode(signature)}"
