"""Takes secrets, and what looks like one, out of text before it is stored, shown or logged.

QuickBooks quotes the access token in its own fault ("Token expired: AB01...", reference
quickbooks-api, section 8.2), and requests_oauthlib writes tokens to its debug log. Both stop here.
What this process itself holds (`hide`) is known by its text, whatever it looks like.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Final

_MASK = "[hidden]"
#: Secrets that are remembered; those that were used last stay.
_HIDDEN_MAX: Final = 4_096
#: A shorter text cannot be told from a word.
_HIDDEN_CHARACTERS_MIN: Final = 6

# what follows the word Bearer or Basic
_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
# what follows a name such as refresh_token or client_secret, or the words "Token expired"
_NAMED = re.compile(
    r"(?i)((?:access_?token|refresh_?token|id_?token|client_?secret|\btokens?(?:\s+\w+){0,3})"
    r"[\"']?\s*[:=]\s*[\"']?)([\w.~+/=-]{4,})"
)
# how Intuit's access and refresh tokens begin
_INTUIT = re.compile(r"\b(?:eyJ|AB\d\d)[\w.~+/=-]{6,}")
# a long run of letters and digits together, as tokens, keys and ciphertexts are; the names of
# Intuit's classes (com.intuit.schema.finance.v3.Invoice) have dots and stay, and so do the ids of
# Prefect's runs (4-2-2-2-6 bytes), by which a person finds them
_LONG = re.compile(
    r"(?<![\w~+=-])(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w~+=-]))"
    r"(?=[\w~+=-]*\d)(?=[\w~+=-]*[A-Za-z])[\w~+=-]{32,}"
)


class _Hidden:
    """The secrets of this process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, None] = {}
        #: Longest first: one may be a part of another.
        self.longest_first: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Remember a secret as the one that was used last; the oldest is forgotten for it."""
        with self._lock:
            is_new = secret not in self._used
            self._used.pop(secret, None)
            self._used[secret] = None
            if is_new:
                if len(self._used) > _HIDDEN_MAX:
                    del self._used[next(iter(self._used))]
                self.longest_first = tuple(sorted(self._used, key=len, reverse=True))


_HIDDEN = _Hidden()


def hide(*secrets: str) -> None:
    """Let no text with one of these through from now on; what is too short is no secret."""
    for secret in secrets:
        if len(secret) >= _HIDDEN_CHARACTERS_MIN:
            _HIDDEN.add(secret)


def without_hidden(text: str) -> str:
    """Return text without the secrets of this process; what only looks like one stays."""
    for secret in _HIDDEN.longest_first:
        if secret in text:
            text = text.replace(secret, _MASK)
    return text


def scrub(text: str) -> str:
    """Return text with everything replaced that is a secret, or looks like a token or one."""
    text = _AUTHORIZATION.sub(lambda match: f"{match[1]} {_MASK}", without_hidden(text))
    text = _NAMED.sub(lambda match: f"{match[1]}{_MASK}", text)
    return _LONG.sub(_MASK, _INTUIT.sub(_MASK, text))


class NoDebug(logging.Filter):
    """Drops a library's debug records: requests_oauthlib writes headers and tokens there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything from INFO up pass."""
        return record.levelno > logging.DEBUG


class NoSignedAddress(logging.Filter):
    """Drops records with the signed address of a file, which lets anybody fetch it for minutes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else pass."""
        return "signature=" not in record.getMessage().lower()


def silence_token_logs() -> None:
    """Keep what libraries log of tokens and signed addresses out of every handler.

    Whatever a logger's level is: requests_oauthlib writes tokens, urllib3 paths with their queries.
    """
    for name, kept in (
        ("requests_oauthlib.oauth2_session", NoDebug()),
        ("urllib3.connectionpool", NoSignedAddress()),
    ):
        logger = logging.getLogger(name)
        if not any(type(one) is type(kept) for one in logger.filters):
            logger.addFilter(kept)
