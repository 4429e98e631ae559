"""No token outlives the rights of who made it: they may have kept it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connectors.state import api_tokens as tokens_kept
from connectors.state import audit_verify
from connectors.state.api_tokens import all_tokens, caller_of, make_token, revoke_token
from connectors.state.people import all_users, change_user
from models.errors import DecisionError, UsageError
from models.people import Actor, Role, User
from models.tables.people import user_connections, users
from models.tables.sync import INSTALLATION, audit_entries
from tests.fixtures.guarded import OTHER, OWN, Guarded

ANN, BOB, CAT = Role.ADMIN, Role.VIEWER, Role.OPERATOR
Change = dict[str, Any]


def named(guarded: Guarded, name: str) -> User:
    """Somebody as the database has them."""
    return next(each for each in all_users(guarded.engine) if each.name == name)


def made(guarded: Guarded, by: str, user: str, role: Role = Role.VIEWER) -> str:
    """A token that somebody makes on the pages, for themselves or for somebody else."""
    actor = Actor(by, guarded.clock.now(), named(guarded, by))
    return make_token(guarded.engine, user, f"{by} for {user}", role, 365, actor=actor)[1]


def is_good(guarded: Guarded, token: str) -> bool:
    """Whether it opens anything."""
    return caller_of(guarded.engine, token, guarded.clock.now()) is not None


def ended(guarded: Guarded) -> list[tuple[str, str, str]]:
    """Actor, token and person of each end of a token that the log tells."""
    table = audit_entries.c
    query = select(table.actor, table.body).where(
        table.connection_id == INSTALLATION, table.kind == "token.revoked"
    )
    with guarded.engine.connect() as connection:
        rows = [(row.actor, json.loads(row.body)) for row in connection.execute(query)]
    return [(actor, told["name"], told["user"]) for actor, told in rows]


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({}, {"connections": [OWN, OTHER]}),
        ({}, {"connections": [OTHER]}),
        ({}, {"sees_all": True}),
        ({}, {"role": Role.OPERATOR}),
        ({}, {"role": Role.ADMIN, "connections": []}),
        # less in one thing, and more in another
        ({"role": Role.OPERATOR}, {"role": Role.VIEWER, "connections": [OWN, OTHER]}),
    ],
)
@pytest.mark.asvs("7.4.2", "8.3.1")
def test_who_gets_more_is_rid_of_tokens_of_others(
    guarded: Guarded, before: Change, change: Change
) -> None:
    """Else an admin of one company would read another with a token that they have kept."""
    if before:
        change_user(guarded.engine, BOB, **before, actor=guarded.by)
    kept, own = made(guarded, ANN, BOB), made(guarded, BOB, BOB)
    by_hand = guarded.token(BOB)
    of_cat = made(guarded, ANN, CAT)
    change_user(guarded.engine, BOB, **change, actor=guarded.by)
    assert not is_good(guarded, kept)
    assert not is_good(guarded, by_hand)
    assert is_good(guarded, own)
    assert is_good(guarded, of_cat)
    assert sorted(ended(guarded)) == [
        ("a test", "a test", BOB),
        ("a test", "admin for viewer", BOB),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"connections": [OWN]},
        {"connections": []},
        {"role": Role.VIEWER},
        {"is_active": False},
        {"identity": "https://login.example.com 1"},
    ],
)
@pytest.mark.asvs("8.3.1")
def test_who_gets_no_more_keeps_them(guarded: Guarded, change: Change) -> None:
    """They open no more than their maker could give."""
    made(guarded, ANN, BOB)
    change_user(guarded.engine, BOB, **change, actor=guarded.by)
    assert [each.revoked_at for each in all_tokens(guarded.engine)] == [None]
    assert ended(guarded) == []


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"is_active": False}, {BOB, CAT}),
        ({"role": Role.OPERATOR}, {BOB, CAT}),
        ({"connections": [OTHER]}, {BOB, CAT}),
        ({"connections": []}, {BOB, CAT}),
        # an admin of one company less: cat sees both
        ({"connections": [OWN]}, {CAT}),
        ({"sees_all": True}, set()),
        ({"identity": "https://login.example.com 1"}, set()),
    ],
)
@pytest.mark.asvs("7.4.2", "8.3.1")
def test_who_may_less_leaves_no_tokens_that_act_for_others(
    guarded: Guarded, change: Change, ends: set[str]
) -> None:
    """Those that they could not make now; their own are as they are."""
    for name in (ANN, CAT):
        change_user(guarded.engine, name, connections=[OWN, OTHER], actor=guarded.by)
    tokens = {name: made(guarded, ANN, name) for name in (BOB, CAT)}
    own, of_bob = made(guarded, ANN, ANN), made(guarded, BOB, BOB)
    change_user(guarded.engine, ANN, **change, actor=guarded.by)
    assert {name for name, token in tokens.items() if not is_good(guarded, token)} == ends
    assert is_good(guarded, own) is ("is_active" not in change)
    assert is_good(guarded, of_bob)
    assert {(actor, user) for actor, _, user in ended(guarded)} == {("a test", e) for e in ends}
    change_user(guarded.engine, ANN, is_active=True, sees_all=True, actor=guarded.by)
    assert {name for name, token in tokens.items() if not is_good(guarded, token)} == ends


@pytest.mark.asvs("2.3.3", "8.3.1")
def test_they_end_with_the_change_or_not_at_all(guarded_on_both: Guarded) -> None:
    """On both databases; what ended already is not told again, and the log is whole."""
    guarded = guarded_on_both
    first, second = made(guarded, ANN, BOB), made(guarded, ANN, CAT)
    revoke_token(guarded.engine, 1, actor=guarded.by)
    with pytest.raises(DecisionError):
        change_user(
            guarded.engine, ANN, is_active=False,
            actor=Actor(CAT, guarded.clock.now(), named(guarded, CAT)),
        )  # fmt: skip
    assert not is_good(guarded, first)
    assert is_good(guarded, second)
    change_user(guarded.engine, ANN, is_active=False, actor=guarded.by)
    assert not is_good(guarded, second)
    assert [name for _, name, _ in ended(guarded)] == ["admin for viewer", "admin for operator"]
    assert audit_verify.verify(guarded.engine, None).findings == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda each: change_user(each.engine, ANN, is_active=False, actor=each.by),
        lambda each: change_user(each.engine, ANN, role=Role.OPERATOR, actor=each.by),
        lambda each: change_user(each.engine, ANN, connections=[OTHER], actor=each.by),
    ],
)
@pytest.mark.asvs("8.3.1", "15.4.2")
def test_who_was_changed_meanwhile_makes_none(
    guarded: Guarded, meanwhile: Callable[[Guarded], object]
) -> None:
    """Between being let in and making it: the rights are those of the same transaction."""
    actor = Actor(ANN, guarded.clock.now(), named(guarded, ANN))
    meanwhile(guarded)
    with pytest.raises(DecisionError):
        make_token(guarded.engine, BOB, "late", Role.VIEWER, 365, actor=actor)
    assert all_tokens(guarded.engine) == []


@pytest.mark.asvs("8.3.1")
def test_so_many_can_end_at_once(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person makes a bounded number of tokens that act for others."""
    monkeypatch.setattr(tokens_kept, "MADE_FOR_OTHERS_MAX", 30)
    with guarded.engine.begin() as transaction:
        add = insert(users).returning(users.c.id)
        row = {"role": "viewer", "password_hash": "", "sees_all": False, "is_active": True}
        number = transaction.execute(add.values(name="dan", **row)).scalar_one()
        seen = {"user_id": number, "connection_id": OWN}
        transaction.execute(insert(user_connections).values(**seen))
    for name in ["dan", BOB, CAT] * 10:
        made(guarded, ANN, name)
    with pytest.raises(UsageError, match="30 tokens that act for others"):
        made(guarded, ANN, BOB)
    made(guarded, ANN, ANN)
    made(guarded, BOB, BOB)
    revoke_token(guarded.engine, 1, actor=guarded.by)
    made(guarded, ANN, BOB)
    with guarded.engine.begin() as transaction:
        transaction.execute(update(users).where(users.c.name == "dan").values(is_active=False))
    change_user(guarded.engine, ANN, is_active=False, actor=guarded.by)
    assert len(ended(guarded)) == 31
    good = [each for each in all_tokens(guarded.engine) if each.is_good(guarded.clock.now())]
    assert {each.user for each in good} == {ANN, BOB}
    assert {each.made_by for each in good} == {ANN, BOB}
