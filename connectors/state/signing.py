"""The keys that sign the audit log's checkpoints: Ed25519, outside of the database.

Whoever verifies needs the public half only. A key is 32 random bytes in base64, the form that
`QBSYNC_ENCRYPTION_KEYS` has too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.checkpoint import Checkpoint, signed_bytes
from models.errors import UsageError

SIGNING_SETTING = "QBSYNC_AUDIT_SIGNING_KEY"
PUBLIC_SETTING = "QBSYNC_AUDIT_PUBLIC_KEYS"
#: How to make a key, for messages.
MAKE_KEY = (
    "make one with `python -c 'import base64, os; "
    "print(base64.urlsafe_b64encode(os.urandom(32)).decode())'`"
)
KEY_BYTES = 32
#: Characters of a key's name, which is the beginning of its public half's SHA-256.
_KEY_ID_CHARACTERS = 16


class Signer:
    """Signs checkpoints. Its text form gives nothing away."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        public = private_key.public_key().public_bytes_raw()
        self.key_id = _key_id(public)
        #: The half that verifies; it may be given to anybody.
        self.public_key = base64.urlsafe_b64encode(public).decode()

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    def signed(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with this key's name and signature."""
        named = replace(checkpoint, key=self.key_id)
        return replace(named, signature=self._private_key.sign(signed_bytes(named)).hex())


class Verifier:
    """Tells whether one of the trusted keys made a signature."""

    def __init__(self, public_keys: Iterable[str]) -> None:
        self._keys = {}
        for raw in (_raw(PUBLIC_SETTING, each) for each in public_keys):
            self._keys[_key_id(raw)] = Ed25519PublicKey.from_public_bytes(raw)

    def check(self, key_id: str, message: bytes, signature: str) -> bool:
        """Whether the key of this name is trusted and signed this message."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            return False
        # One text for one signature: fromhex would take capitals and spaces as well
        return bytes.fromhex(signature).hex() == signature


def signer_of(key: str) -> Signer:
    """The signer with this private key.

    Raises:
        UsageError: it is no key; the message says how long it is, never what it is.
    """
    return Signer(Ed25519PrivateKey.from_private_bytes(_raw(SIGNING_SETTING, key, is_secret=True)))


def _raw(setting: str, key: str, *, is_secret: bool = False) -> bytes:
    try:
        raw = base64.b64decode(key.strip(), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        shown = f"a text of {len(key)} characters" if is_secret else repr(key[:80])
        fix = MAKE_KEY if is_secret else "`audit checkpoint` prints the public half of the key"
        raise UsageError(f"{setting} is {shown}, not {KEY_BYTES} bytes in base64; {fix}")
    return raw


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:_KEY_ID_CHARACTERS]
