"""Who may sign in to the pages, and who has: what the dashboard keeps.

users             people, with the argon2id hash of their password, and who they are at an OpenID
                  provider
user_connections  the companies of people who do not see all of them
sessions          who has signed in; a session's number is kept as its hash only
sign_in_failures  what slows down whoever tries passwords, and single sign-ons that were tried
api_tokens        programs that may use the interface; a token is kept as its hash only
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, text

from models.people import ISSUER_CHARACTERS_MAX, NAME_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from models.tables.shapes import connection_column, created_at, instant, metadata
from models.tables.types import UTCDateTime

#: A SHA-256 hash in hexadecimal.
_HASH_CHARACTERS = 64
#: What a page says once after something was done.
NOTICE_CHARACTERS_MAX = 500


def _user_column(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "user_id",
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
    )


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME_CHARACTERS_MAX), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200), nullable=False),
    #: Whether they see all companies, also those that are connected later.
    Column("sees_all", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    created_at(),
    #: Who they are at the OpenID provider: its issuer, a space, and its number of them.
    Column("identity", String(ISSUER_CHARACTERS_MAX + 1 + SUBJECT_CHARACTERS_MAX)),
    Index(None, "identity", unique=True),
    sqlite_autoincrement=True,
)

user_connections = Table(
    "user_connections",
    metadata,
    _user_column(primary_key=True),
    connection_column(primary_key=True, ondelete="CASCADE"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("number_hash", String(_HASH_CHARACTERS), primary_key=True),
    _user_column(),
    #: What each form of the session carries, so that no other site can send one.
    Column("form_token", String(_HASH_CHARACTERS), nullable=False),
    #: State of the consent that is under way; "" for none.
    Column("consent_state", String(_HASH_CHARACTERS), nullable=False),
    Column("notice", String(NOTICE_CHARACTERS_MAX), nullable=False),
    instant("created_at"),
    instant("seen_at"),
    Index(None, "user_id"),
    Index(None, "seen_at"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    #: Hash of the name that was tried, or of the address it came from.
    Column("subject", String(_HASH_CHARACTERS), primary_key=True),
    Column("failures", Integer, nullable=False),
    instant("first_at"),
    Index(None, "first_at"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME_CHARACTERS_MAX), nullable=False),
    Column("token_hash", String(_HASH_CHARACTERS), nullable=False, unique=True),
    #: A token may do what this person may, at most with the rights of its own role.
    _user_column(),
    Column("role", String(20), nullable=False),
    created_at(),
    instant("expires_at"),
    Column("last_used_at", UTCDateTime),
    Column("revoked_at", UTCDateTime),
    #: Who made it; "" for one that was made before this was kept.
    Column("made_by", String(NAME_CHARACTERS_MAX), nullable=False, server_default=text("''")),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)
