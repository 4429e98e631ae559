"""Single sign-on makes nobody a user, and nobody somebody else."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from connectors.state.people import all_users, change_user
from connectors.state.sign_on import NotLetInError, let_in, take_attempt
from models.errors import UsageError
from models.people import Identity, Role
from models.tables.people import sessions
from models.tables.sync import INSTALLATION, audit_entries
from tests.fixtures.guarded import Guarded
from tests.fixtures.openid import (
    OpenId,
)
from tests.fixtures.pages import BY
from tests.fixtures.signing_on import (
    ANN,
    BOB,
    assert_refused,
    bind,
    rename,
    sign_on,
)


def look_alike(pages: Guarded, provider: OpenId) -> None:
    rename(pages, Role.ADMIN, "kim@example.com")
    provider.email = "\u212aim@example.com"


STRANGERS: dict[str, Callable[[Guarded, OpenId], object]] = {
    "nobody": lambda _, it: setattr(it, "email", "eve@example.com"),
    "unverified e-mail": lambda _, it: setattr(it, "is_verified", False),
    "e-mail that is verified in words": lambda _, it: setattr(it, "is_verified", "true"),
    "e-mail that nobody speaks of": lambda _, it: setattr(it, "is_verified", None),
    "no e-mail": lambda _, it: setattr(it, "email", None),
    "several e-mails": lambda _, it: setattr(it, "email", [ANN, BOB]),
    # the sign for kelvin becomes a k when it is made small
    "e-mail that looks alike": look_alike,
    "e-mail with spaces": lambda _, it: setattr(it, "email", f" {ANN}"),
    "name that is no e-mail": lambda _, it: setattr(it, "email", str(Role.ADMIN)),
    "disabled": lambda pages, _: change_user(pages.engine, ANN, is_active=False, actor=BY),
    "disabled after they were bound": lambda pages, it: (
        bind(pages, it, ANN, it.subject),
        change_user(pages.engine, ANN, is_active=False, actor=BY),
    ),
    "e-mail of somebody who is bound": lambda pages, it: bind(pages, it, ANN, "another subject"),
}


@pytest.mark.asvs("6.3.4")
@pytest.mark.parametrize("stranger", STRANGERS)
def test_who_is_no_user_here_is_not_let_in(
    pages: Guarded, provider: OpenId, stranger: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One page for all of them, an entry in the log, and nothing that was made or bound."""
    STRANGERS[stranger](pages, provider)
    assert_refused(pages, provider, 403, "nobody here may sign in as that")
    (entry,) = [each for each in caplog.records if "refused" in each.getMessage()]
    assert entry.levelno == logging.WARNING
    assert "subject-1" in entry.getMessage()
    with pages.engine.connect() as connection:
        assert connection.execute(select(sessions)).all() == []


@pytest.mark.asvs("10.5.2")
def test_a_subject_is_one_person_whatever_their_address(pages: Guarded, provider: OpenId) -> None:
    """Ann stays ann when her address becomes bob's; and bob's address binds nobody twice."""
    bind(pages, provider, ANN, "subject-1")
    provider.email = BOB
    assert sign_on(pages, provider).status_code == 303
    assert (pages.sessions_of(ANN), pages.sessions_of(BOB)) == (1, 0)
    with pytest.raises(UsageError, match=f"is {ANN} already"):
        bind(pages, provider, BOB, "subject-1")


@pytest.mark.asvs("10.5.2")
def test_the_same_subject_of_another_issuer_is_another_person(
    pages: Guarded, provider: OpenId
) -> None:
    """Who changes providers is let in anew, by an admin."""
    change_user(
        pages.engine, ANN, identity=Identity("https://old.example.com", "subject-1").text, actor=BY
    )
    assert_refused(pages, provider, 403, "nobody here may sign in as that")
    change_user(pages.engine, ANN, identity="", actor=BY)
    assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("15.4.2")
def test_of_two_who_come_at_once_one_is_bound(guarded_on_both: Guarded) -> None:
    """With one address and two numbers at the provider; on both databases."""
    rename(guarded_on_both, Role.VIEWER, ANN)
    whole = [Identity("https://login.example.com", f"s{each}", ANN, True) for each in range(6)]

    def try_it(identity: Identity) -> str:
        try:
            return let_in(guarded_on_both.engine, identity, "here", datetime.now(UTC)).identity
        except NotLetInError:
            return ""

    with ThreadPoolExecutor(6) as threads:
        bound = [each for each in threads.map(try_it, whole) if each]
    assert len(bound) == 1
    (ann,) = [each for each in all_users(guarded_on_both.engine) if each.name == ANN]
    assert ann.identity == bound[0]


@pytest.mark.asvs("15.4.2")
def test_somebody_comes_in_by_two_windows_at_once(guarded_on_both: Guarded) -> None:
    """The first time, too: neither is told that they are somebody else; the log binds them once."""
    rename(guarded_on_both, Role.ADMIN, ANN)
    identity = Identity("https://login.example.com", "s1", ANN, True)

    def come_in(_: int) -> str:
        return let_in(guarded_on_both.engine, identity, "here", datetime.now(UTC)).name

    with ThreadPoolExecutor(6) as threads:
        assert [*threads.map(come_in, range(6))] == [ANN] * 6
    with guarded_on_both.engine.connect() as connection:
        mine = audit_entries.c.connection_id == INSTALLATION
        kinds = connection.scalars(select(audit_entries.c.kind).where(mine)).all()
    assert Counter(kinds)["user.signed_in"] == 6
    assert kinds.count("user.changed") == 1


@pytest.mark.asvs("10.1.2", "15.4.2")
def test_a_try_counts_once_however_many_bring_it(guarded_on_both: Guarded) -> None:
    """Side by side, on both databases."""
    now = guarded_on_both.clock.now()

    def take(place: int) -> bool:
        return take_attempt(guarded_on_both.engine, "1.number", f"place {place}", now)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(take, range(6))).count(True) == 1
    assert "1.number" not in guarded_on_both.dump()
