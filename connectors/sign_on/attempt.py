"""One try to sign in at the provider, bound to one browser by a number in a cookie.

State, nonce and PKCE verifier follow from the number, each by a hash of its own, so the database
keeps nothing until the try comes back. The state and the nonce that the provider sees say nothing
of the number, nor of the verifier. The number carries when it was made: it ends by itself, and
that it counts once is `connectors.state.sign_on`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: As long as somebody may take to sign in at the provider.
ATTEMPT_MAX: Final = timedelta(minutes=10)
#: 256 bits of chance behind the second at which it was made.
_NUMBER: Final = re.compile(r"([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Attempt:
    """A try; whoever holds the number is the browser that made it."""

    number: str = field(repr=False)

    @property
    def state(self) -> str:
        """What the provider gives back as it was."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the provider signs into the id token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What proves to the provider that its code comes from who asked for it (PKCE)."""
        return self._derived("verifier")

    def expects(self, state: str) -> bool:
        """Whether an answer with this state belongs to this try."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "replace"))

    def _derived(self, what: str) -> str:
        return hashlib.sha256(f"sign-on {what}:{self.number}".encode()).hexdigest()


def begin_attempt(now: datetime) -> Attempt:
    """A new try."""
    return Attempt(f"{int(now.timestamp())}.{secrets.token_urlsafe(32)}")


def attempt_of(number: str, now: datetime) -> Attempt | None:
    """The try with this number; None for what is none, or has taken too long."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        return None
    age_seconds = now.timestamp() - int(found[1])
    # one from the future would outlive the memory that it was used
    return Attempt(number) if -1 < age_seconds < ATTEMPT_MAX.total_seconds() else None
