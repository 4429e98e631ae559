"""Who may do what on the pages: people, their roles, and what a password has to be.

Pure. How passwords are kept, and sessions, is `connectors.state.people`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from models.errors import DecisionError, UsageError, shorten

#: ASVS 6.2.1 and 6.2.9: long passwords are better than complicated ones.
PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_CHARACTERS_MAX: Final = 128
NAME_CHARACTERS_MAX: Final = 100
#: Of an OpenID provider, and of a person there (OpenID Connect Core, section 2).
ISSUER_CHARACTERS_MAX: Final = 255
SUBJECT_CHARACTERS_MAX: Final = 255

_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*(@[a-z0-9][a-z0-9.-]*)?")
#: What a password must not be made of: the words around it, and the most used ones of this length.
_GUESSED: Final = ("quickbooks", "password", "passwort", "intuit", "qwertz", "qwerty", "letmein")
#: Characters that are left of a password once guessed words are taken out of it.
_OWN_CHARACTERS_MIN: Final = 8


class Right(StrEnum):
    """What a page, or a button on it, needs."""

    #: Look at everything of a company.
    SEE = "see"
    #: Retry, skip, decide conflicts, approve plans, sync now.
    OPERATE = "operate"
    #: Connect, disconnect, and choose what is synced and how.
    ADMINISTER = "administer"


class Role(StrEnum):
    """What somebody is on the pages."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rights(self) -> frozenset[Right]:
        """What this role may."""
        return _RIGHTS[self]

    def may(self, right: Right) -> bool:
        """Whether this role has a right."""
        return right in self.rights


_RIGHTS: Final = {
    Role.VIEWER: frozenset({Right.SEE}),
    Role.OPERATOR: frozenset({Right.SEE, Right.OPERATE}),
    Role.ADMIN: frozenset(Right),
}


def weaker(one: Role, other: Role) -> Role:
    """The role that may less."""
    return one if one.rights <= other.rights else other


@dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role
    #: Connections that they see; None for all, also those that are made later.
    connections: frozenset[int] | None
    is_active: bool = True
    #: Who they are at the OpenID provider (`Identity.text`); "" before their first single sign-on.
    identity: str = ""

    def sees(self, connection_id: int) -> bool:
        """Whether a company is one of theirs."""
        return self.connections is None or connection_id in self.connections

    def may(self, right: Right, connection_id: int | None = None) -> bool:
        """Whether they may do something, with this company where one is named."""
        mine = connection_id is None or self.sees(connection_id)
        return self.is_active and mine and self.role.may(right)

    def covers(self, connections: frozenset[int] | None) -> bool:
        """Whether these companies, None for all, are all theirs."""
        if self.connections is None:
            return True
        return connections is not None and connections <= self.connections

    def manages(self, other: User) -> bool:
        """Whether they may say what somebody else may: an admin, of all that the other one sees.

        Nobody manages themselves, so that nobody raises themselves.
        """
        is_other = self.id != other.id
        return self.may(Right.ADMINISTER) and is_other and self.covers(other.connections)


@dataclass(frozen=True)
class Actor:
    """Who changes people or tokens, and when, for the audit log."""

    name: str
    at: datetime
    #: Whose rights bound what can be done; None for whoever runs the installation itself.
    user: User | None = None
    #: The most that can be given, or taken away.
    role_max: Role = Role.ADMIN


def require_manages(actor: Actor, user: User) -> None:
    """What somebody may is for others to say, who are admins of all that they see.

    Raises:
        DecisionError: it is not the actor's to say.
    """
    if actor.user is None:
        return
    if actor.user.id == user.id:
        raise DecisionError(
            "nobody changes their own rights",
            code="yourself",
            fix="Ask another admin. Your own password is changed on the page of your account.",
        )
    if not actor.user.manages(user):
        raise DecisionError(
            f"{user.name} sees companies of which {actor.user.name} is no admin",
            code="not_theirs",
            fix="An admin of all these companies can do it.",
        )
    _require_role(actor, user.role)


def require_gives(actor: Actor, role: Role, connections: frozenset[int] | None) -> None:
    """Nobody gives what they do not have.

    Raises:
        DecisionError: the actor does not have it.
    """
    if actor.user is None:
        return
    if not actor.user.may(Right.ADMINISTER) or not actor.user.covers(connections):
        raise DecisionError(
            f"{actor.user.name} is no admin of all these companies",
            code="not_theirs",
            fix="Give companies of which you are an admin.",
        )
    _require_role(actor, role)


def _require_role(actor: Actor, role: Role) -> None:
    if weaker(role, actor.role_max) is not role:
        raise DecisionError(
            f"a program gives and changes roles up to {actor.role_max}, not {role}",
            code="not_theirs",
            fix="An admin can do it on the page of people.",
        )


@dataclass(frozen=True)
class Identity:
    """Who somebody is at an OpenID provider, as it has signed it."""

    issuer: str
    subject: str
    email: str = ""
    #: Whether the provider says that the address is theirs.
    is_verified: bool = False

    @property
    def text(self) -> str:
        """The identity as it is kept; no issuer has a space in it."""
        return f"{self.issuer} {self.subject}"

    @property
    def name(self) -> str:
        """The user's name that the e-mail address vouches for; "" for none.

        ASCII only: other letters become these when they are made small, and the address that was
        verified would be another one.
        """
        if not self.is_verified or "@" not in self.email or not self.email.isascii():
            return ""
        try:
            name = checked_name(self.email)
        except UsageError:
            return ""
        return name if name == self.email.lower() else ""


def checked_subject(text: str) -> str:
    """A person's number at an OpenID provider.

    Raises:
        UsageError: it cannot be one.
    """
    is_one = text.isascii() and text.isprintable() and text == text.strip()
    if not is_one or not 0 < len(text) <= SUBJECT_CHARACTERS_MAX:
        raise UsageError(
            f"the subject is {shorten(text)!r}: copy it from the page that refused them; it has up "
            f"to {SUBJECT_CHARACTERS_MAX} characters, without spaces around it"
        )
    return text


def checked_name(text: str) -> str:
    """The name that somebody signs in with, in the form it is kept in.

    Raises:
        UsageError: it cannot be one.
    """
    name = text.strip().lower()
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        raise UsageError(
            f"the user's name is {shorten(text)!r}: use letters, digits, dots and dashes, or an "
            f"e-mail address, up to {NAME_CHARACTERS_MAX} characters"
        )
    return name


def role_named(text: str) -> Role:
    """A role by its name.

    Raises:
        UsageError: there is none of this name.
    """
    if text not in set(Role):
        raise UsageError(f"the role is {shorten(text)!r}: use one of {', '.join(Role)}")
    return Role(text)


def checked_password(password: str, about: Collection[str]) -> str:
    """A password that is long enough and not made of words that anybody would try first.

    No rules of composition (ASVS 6.2.5). The words of about are the user's name and the company's.

    Raises:
        UsageError: saying what is missing; the password itself is in no message.
    """
    text = unicodedata.normalize("NFC", password)
    if len(text) < PASSWORD_CHARACTERS_MIN:
        raise UsageError(
            f"the password has {len(text)} characters: use at least {PASSWORD_CHARACTERS_MIN}, "
            "such as four words"
        )
    if len(text) > PASSWORD_CHARACTERS_MAX:
        raise UsageError(f"the password is longer than {PASSWORD_CHARACTERS_MAX} characters")
    left = text.lower()
    for word in sorted({*_GUESSED, *_words(about)}, key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < _OWN_CHARACTERS_MIN or len(set(left)) < _OWN_CHARACTERS_MIN // 2:
        raise UsageError(
            "the password is made of words that are tried first, or of few characters again and "
            "again: choose another one"
        )
    return text


def _words(about: Collection[str]) -> set[str]:
    parts = {part for text in about for part in re.split(r"[^a-z0-9]+", text.lower())}
    return {part for part in parts if len(part) > 2}
