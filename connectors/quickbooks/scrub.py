"""Takes token-like material out of text before it is stored, shown or logged.

QuickBooks quotes the access token in its own fault ("Token expired: AB01...", reference
quickbooks-api, section 8.2), and requests_oauthlib writes tokens to its debug log. Both stop here.
"""

from __future__ import annotations

import logging
import re

_MASK = "[hidden]"

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
# Intuit's classes (com.intuit.schema.finance.v3.Invoice) have dots and stay
_LONG = re.compile(r"(?=[\w~+=-]*\d)(?=[\w~+=-]*[A-Za-z])[\w~+=-]{32,}")


def scrub(text: str) -> str:
    """Return text with everything that looks like a token or a secret replaced."""
    text = _AUTHORIZATION.sub(lambda match: f"{match[1]} {_MASK}", text)
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
