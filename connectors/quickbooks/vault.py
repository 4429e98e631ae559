"""Keeps tokens encrypted at rest, each bound to its connection and kind.

Fernet (AES-CBC with HMAC) with a list of keys, newest first: new text is written with the first,
old text is read with any, and `rotate` moves it to the first. Fernet has no associated data, so the
connection and the kind are sealed inside the plain text: a ciphertext that was moved to another row
or column is refused. Source: reference reliability, section 5.2.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connectors.quickbooks.faults import local_error
from connectors.quickbooks.scrub import hide
from models.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class TokenKind(StrEnum):
    """Which of a connection's two tokens."""

    ACCESS = "access"
    REFRESH = "refresh"


class Vault:
    """Seals and opens tokens with the keys of QBSYNC_ENCRYPTION_KEYS, newest first."""

    def __init__(self, encryption_keys: Sequence[str]) -> None:
        if not encryption_keys:
            raise UsageError(f"QBSYNC_ENCRYPTION_KEYS is not set. {_HOW_TO_MAKE_A_KEY}")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])
        except ValueError:
            # the message of the library is dropped: it must not quote a key
            raise UsageError(
                f"QBSYNC_ENCRYPTION_KEYS holds something that is no key. {_HOW_TO_MAKE_A_KEY}"
            ) from None

    def __repr__(self) -> str:
        return "Vault()"

    def seal(self, connection_id: int, kind: TokenKind, token: str) -> str:
        """Encrypt a token for one place."""
        plain = json.dumps({"connection": connection_id, "kind": kind.value, "token": token})
        return self._fernet.encrypt(plain.encode()).decode("ascii")

    def open(self, connection_id: int, kind: TokenKind, sealed: str) -> str:
        """Decrypt a token that was sealed for this place.

        Raises:
            DisconnectedError: no key fits, or it was sealed for another place.
        """
        try:
            content = json.loads(self._fernet.decrypt(sealed.encode("ascii", errors="replace")))
        except InvalidToken:
            detail = f"connection {connection_id}, {kind.value} token: no key opens it"
            raise local_error("sealed_tokens", detail, write=False) from None
        if (content["connection"], content["kind"]) != (connection_id, kind.value):
            detail = f"connection {connection_id}, {kind.value} token: it belongs elsewhere"
            raise local_error("sealed_tokens", detail, write=False)
        token: str = content["token"]
        hide(token)
        return token

    def rotate(self, connection_id: int, kind: TokenKind, sealed: str) -> str:
        """Return the same token sealed with the newest key."""
        return self.seal(connection_id, kind, self.open(connection_id, kind, sealed))


def new_key() -> str:
    """Make a key for QBSYNC_ENCRYPTION_KEYS."""
    return Fernet.generate_key().decode("ascii")


_HOW_TO_MAKE_A_KEY = (
    "Make one with: python -c 'from cryptography.fernet import Fernet; "
    "print(Fernet.generate_key().decode())' and keep former keys after it, separated by commas."
)
