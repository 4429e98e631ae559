"""People, tokens and one's own account on the pages, and what the log tells of all that."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import insert, select

from connectors.state import audit_verify, roster
from connectors.state.connections import connection_named
from connectors.state.people import add_user, all_users
from connectors.state.sessions import sessions_of
from models.people import PASSWORD_CHARACTERS_MAX, Right, Role, User
from models.tables.people import users
from models.tables.platform import companies
from models.tables.sync import INSTALLATION, audit_entries, connections
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.pages import BY, PASSWORD, Browser, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
PEOPLE = "/settings/people"
TOKENS = "/settings/tokens"
ACCOUNT = "/settings/account"
LOG = "/settings/audit"
OTHER_PASSWORD = "staple battery horse correct"


def named(pages: Pages, name: str) -> User:
    """Somebody as the database has them."""
    return next(each for each in all_users(pages.place.engine) if each.name == name)


def logged(pages: Pages) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, actor and particulars of each entry of the installation, oldest first."""
    table = audit_entries.c
    query = select(table.kind, table.actor, table.body)
    mine = query.where(table.connection_id == INSTALLATION).order_by(table.number)
    with pages.place.engine.connect() as connection:
        rows = connection.execute(mine).all()
    return [(row.kind, row.actor, json.loads(row.body)) for row in rows]


def other_company(pages: Pages) -> int:
    """Another company of the platform, which is connected, too."""
    with pages.place.engine.begin() as transaction:
        made = insert(companies).values(name="Other Ltd", currency="USD")
        company = transaction.execute(made.returning(companies.c.id)).scalar_one()
        row = {"company_id": company, "name": "Other Ltd", "environment": "sandbox"}
        made = insert(connections).values(**row, realm_id="1", status="paused", settings="{}")
        return transaction.execute(made.returning(connections.c.id)).scalar_one()


def secret_of(browser: Browser) -> str:
    """The password or token that a page shows this once."""
    found = re.search(r'id="secret" value="([^"]+)"', browser.text)
    assert found, browser.text
    return found[1]


@on_both
def test_a_person_is_added_changed_and_disabled(pages: Pages) -> None:
    """With a password that is shown once, and an entry of each in a log that verifies."""
    company = connection_named(pages.place.engine)
    admin = pages.browser(Role.ADMIN, name="boss")
    admin.open(PEOPLE).open(f"{PEOPLE}/new")
    rights = {"role": "viewer", "companies": [company.id]}
    admin.send(f"{PEOPLE}/add", name="Bea@Example.com", **rights)
    password = secret_of(admin)
    bea = named(pages, "bea@example.com")
    assert (bea.role, bea.connections) == (Role.VIEWER, frozenset({company.id}))
    here = f"{PEOPLE}/{bea.id}"
    assert password not in admin.open(here).text

    theirs = Browser(pages.client()).sign_in("bea@example.com", password)
    theirs.open(PEOPLE, 403)
    admin.open(here).send(f"{here}/change", role="operator", companies=[company.id])
    assert "is operator now" in admin.words
    assert "Sign in" in theirs.open(ACCOUNT).words
    theirs.sign_in("bea@example.com", password)
    admin.open(here).send(f"{here}/end-sessions")
    assert "signed out of 1 session" in admin.words
    admin.send(f"{here}/password", password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    theirs.sign_in("bea@example.com", password, 401)
    theirs.sign_in("bea@example.com", OTHER_PASSWORD)
    admin.open(here).send(f"{here}/active")
    assert "may not sign in" in admin.words
    theirs.sign_in("bea@example.com", OTHER_PASSWORD, 401)
    admin.open(here).send(f"{here}/active")
    theirs.sign_in("bea@example.com", OTHER_PASSWORD)

    told = [each for each in logged(pages) if each[2].get("user") == "bea@example.com"]
    assert [kind for kind, _, _ in told] == [
        "user.added", "user.changed", "user.sessions_ended", "user.password_set",
        "user.changed", "user.changed",
    ]  # fmt: skip
    assert {actor for _, actor, _ in told} == {"boss"}
    assert told[0][2]["companies"] == [company.name]
    assert told[1][2]["changed"] == {"role": ["viewer", "operator"]}
    assert told[4][2]["changed"] == {"may_sign_in": [True, False]}
    for secret in (password, OTHER_PASSWORD, "argon2"):
        assert secret not in json.dumps(logged(pages))
    pages.place.checkpoints.seal() if pages.place.checkpoints else None
    assert audit_verify.verify(pages.place.engine, pages.place.checkpoints).findings == []


def test_what_cannot_be_a_person_says_why(pages: Pages) -> None:
    """Field, value and what to do; nobody is added, and no password repeated."""
    admin = pages.browser(Role.ADMIN)
    company = connection_named(pages.place.engine).id
    good = {"name": "bea", "role": "viewer", "companies": [company]}
    count = len(all_users(pages.place.engine))
    for wrong, says in (
        ({"name": "no name"}, "the user's name is 'no name': use letters"),
        ({"name": all_users(pages.place.engine)[0].name}, "is there already"),
        ({"role": "king"}, "the role is 'king': use one of"),
        ({"companies": []}, "no company is chosen: choose at least one"),
        ({"companies": [99]}, "company 99 is not there, or not one of yours"),
        ({"password": "short", "again": "short"}, "the password has 5 characters"),
        ({"password": OTHER_PASSWORD}, "the two passwords are not the same"),
        ({"password": "x" * (PASSWORD_CHARACTERS_MAX + 1)}, "at most 128"),
    ):
        admin.open(f"{PEOPLE}/new").send(f"{PEOPLE}/add", 422, **{**good, **wrong})
        assert says in admin.text.replace("&#39;", "'"), says
        assert OTHER_PASSWORD not in admin.text
        assert "xxxx" not in admin.text
        if "at most 128" not in says:  # no browser sends that from the form
            assert kept(admin, f"{PEOPLE}/add") == {
                "name": wrong.get("name", "bea"),
                "password": "",
                "again": "",
                **({"role": "viewer"} if "role" not in wrong else {}),
                **({"companies": str(company)} if "companies" not in wrong else {}),
            }
    assert len(all_users(pages.place.engine)) == count


def kept(browser: Browser, action: str) -> dict[str, str]:
    """What a form that is shown holds, but for the session's token."""
    fields = browser.form(action).fields
    return {name: value for name, value in fields.items() if name != "form_token"}


def test_what_somebody_cannot_have_says_why_and_keeps_what_was_typed(pages: Pages) -> None:
    """Each of the forms of a person's page, beside the others as they were."""
    admin = pages.browser(Role.ADMIN)
    bea = add_user(pages.place.engine, "bea", PASSWORD, Role.VIEWER, None, actor=BY)
    here = f"{PEOPLE}/{bea.id}"
    admin.open(here)
    as_it_was = {action: kept(admin, f"{here}/{action}") for action in ("change", "password")}
    assert as_it_was["change"] == {"role": "viewer", "all_companies": "true"}
    for action, fields, says in (
        ("change", {"role": "operator", "all_companies": "false"}, "no company is chosen"),
        ("password", {"password": OTHER_PASSWORD}, "the two passwords are not the same"),
    ):
        admin.open(here).send(f"{here}/{action}", 422, **fields)
        assert f"Nothing was saved: {says}" in admin.words
        typed = {"role": "operator"} if action == "change" else as_it_was["change"]
        assert kept(admin, f"{here}/change") == typed
        assert kept(admin, f"{here}/password") == as_it_was["password"]
    assert named(pages, "bea") == bea


def post(browser: Browser, path: str, status: int, **fields: Any) -> str:
    """Send what no page offers, with a token of the session; the answer."""
    token = browser.open(ACCOUNT).form(f"{ACCOUNT}/password").fields["form_token"]
    answer = browser.client.post(path, data={"form_token": token, **fields})
    assert answer.status_code == status, answer.text
    return answer.text


def test_without_single_sign_on_nobody_has_a_number(pages: Pages) -> None:
    """The page asks for none, and one that is sent says what it needs."""
    bea = add_user(pages.place.engine, "bea", PASSWORD, Role.VIEWER, None, actor=BY)
    here = f"{PEOPLE}/{bea.id}"
    admin = pages.browser(Role.ADMIN).open(here)
    assert "Single sign-on" not in admin.words
    assert "set QBSYNC_OIDC_ISSUER" in post(admin, f"{here}/identity", 422, subject="s1")
    assert named(pages, "bea").identity == ""


@on_both
@pytest.mark.asvs("8.2.1", "8.2.2")
def test_an_admin_of_one_company_gives_nothing_of_another(pages: Pages) -> None:
    """Not to others, not to themselves; who sees another company is not there for them."""
    own = connection_named(pages.place.engine).id
    other = other_company(pages)
    engine = pages.place.engine
    there = {
        "wide": add_user(engine, "wide", PASSWORD, Role.ADMIN, None, actor=BY),
        "both": add_user(engine, "both", PASSWORD, Role.VIEWER, {own, other}, actor=BY),
        "foreign": add_user(engine, "foreign", PASSWORD, Role.VIEWER, {other}, actor=BY),
    }
    mine = add_user(engine, "mine", PASSWORD, Role.VIEWER, {own}, actor=BY)
    local = pages.browser(Role.ADMIN, {own}, name="local")
    me = named(pages, "local")
    before = all_users(engine)

    listed = local.open(PEOPLE).words
    assert "mine" in listed
    assert "local" in listed
    assert not any(name in listed for name in there)
    for each in there.values():
        local.open(f"{PEOPLE}/{each.id}", 404)
        for action, fields in (
            ("change", {"role": "viewer", "companies": [own]}),
            ("password", {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD}),
            ("active", {"active": "false"}),
            ("end-sessions", {}),
        ):
            post(local, f"{PEOPLE}/{each.id}/{action}", 404, **fields)
        token = {"name": "x", "user": each.name, "role": "viewer", "days": 1}
        assert "is no admin" in post(local, f"{TOKENS}/add", 409, **token)
    refused = [
        ("add", {"name": "new", "role": "viewer", "all_companies": "true"}, 409),
        ("add", {"name": "new", "role": "viewer", "companies": [own, other]}, 422),
        (f"{mine.id}/change", {"role": "viewer", "all_companies": "true"}, 409),
        (f"{mine.id}/change", {"role": "viewer", "companies": [other]}, 422),
        (f"{me.id}/change", {"role": "admin", "all_companies": "true"}, 409),
        (f"{me.id}/active", {"active": "false"}, 409),
        (f"{me.id}/password", {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD}, 409),
    ]
    for path, fields, status in refused:
        post(local, f"{PEOPLE}/{path}", status, **fields)
    local.open(LOG, 403)
    assert all_users(engine) == before
    post(local, f"{PEOPLE}/{mine.id}/change", 200, role="admin", companies=[own])
    assert named(pages, "mine").role is Role.ADMIN


def test_the_last_admin_stays(pages: Pages) -> None:
    """Nobody takes away their own rights, and of two admins one is left."""
    first, second = (pages.browser(Role.ADMIN, name=name) for name in ("first", "second"))
    path = f"{PEOPLE}/{named(pages, 'first').id}"
    assert "nobody changes their own rights" in post(first, f"{path}/active", 409, active="false")
    post(second, f"{path}/active", 200, active="false")
    path = f"{PEOPLE}/{named(pages, 'second').id}"
    post(second, f"{path}/change", 409, role="viewer", all_companies="true")
    local = pages.browser(Role.ADMIN, {connection_named(pages.place.engine).id})
    post(local, f"{path}/active", 404, active="false")
    assert named(pages, "second").may(Right.ADMINISTER)


@on_both
def test_a_token_is_made_listed_and_revoked(pages: Pages) -> None:
    """It is shown once, opens the interface as what it is, and ends at once."""
    admin = pages.browser(Role.ADMIN, name="boss")
    pages.browser(Role.VIEWER, name="bea")
    admin.open(TOKENS)
    assert "There are no tokens." in admin.words
    admin.send(f"{TOKENS}/add", name="month-end", user="bea", role="viewer", days="30")
    token = secret_of(admin)
    program = pages.client()
    program.headers["authorization"] = f"Bearer {token}"
    found = program.get("/api/v1/me").json()
    assert (found["user"], found["role"]) == ("bea", "viewer")
    admin.open(TOKENS)
    assert token not in admin.text
    for words in ("month-end", "good", "bea", "All companies", "boss"):
        assert words in admin.words
    admin.send(f"{TOKENS}/revoke")
    assert "opens nothing any more" in admin.words
    assert "revoked" in admin.words
    assert program.get("/api/v1/me").status_code == 401
    for wrong, says in (
        ({"role": "operator"}, "a token of theirs cannot be operator"),
        ({"user": "nobody"}, "nobody who may sign in has the name"),
        ({"days": "366"}, "use 1 to 365"),
        ({"days": "soon"}, "days is"),
        ({"name": " "}, "say what it is for"),
    ):
        fields = {"name": "x", "user": "bea", "role": "viewer", "days": "1", **wrong}
        admin.open(TOKENS).send(f"{TOKENS}/add", 422, **fields)
        assert says in admin.words
        assert kept(admin, f"{TOKENS}/add") == fields
    told = [each for each in logged(pages) if each[0].startswith("token.")]
    assert [(kind, actor) for kind, actor, _ in told] == [
        ("token.made", "boss"),
        ("token.revoked", "boss"),
    ]
    assert told[0][2]["user"] == "bea"
    assert token not in json.dumps(logged(pages))


@on_both
@pytest.mark.asvs("6.2.2", "6.2.3", "7.4.5", "7.5.1")
def test_somebody_changes_their_password_and_ends_their_sessions(pages: Pages) -> None:
    """With the old one; this browser stays in, all others are out."""
    here = pages.browser(Role.VIEWER, name="bea")
    there, third = (Browser(pages.client()).sign_in("bea") for _ in range(2))
    assert here.open(ACCOUNT).text.count('/end-session"') == 2
    here.send(f"{ACCOUNT}/end-session")
    assert "It has ended." in here.words
    signed_in = [
        "Sign in" not in each.open(ACCOUNT).words.split("Your")[0] for each in (there, third)
    ]
    assert sorted(signed_in) == [False, True]
    here.open(ACCOUNT).send(f"{ACCOUNT}/end-others")
    assert len(sessions_of(pages.place.engine, named(pages, "bea"), pages.place.clock.now())) == 1

    other = Browser(pages.client()).sign_in("bea")
    new = {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    for wrong, says in (
        ({"old_password": OTHER_PASSWORD}, "the old password is wrong"),
        ({"again": PASSWORD}, "the two passwords are not the same"),
        ({"password": "short", "again": "short"}, "the password has 5 characters"),
        ({"password": "", "again": ""}, "the password has 0 characters"),
    ):
        fields = {"old_password": PASSWORD, **new, **wrong}
        here.open(ACCOUNT).send(f"{ACCOUNT}/password", 422, **fields)
        assert says in here.words
        assert PASSWORD not in here.text
    before = here.client.cookies["session"]
    here.open(ACCOUNT).send(f"{ACCOUNT}/password", old_password=PASSWORD, **new)
    assert "Your password is changed." in here.words
    assert here.client.cookies["session"] != before
    assert "Sign in" in other.open(ACCOUNT).words
    other.sign_in("bea", PASSWORD, 401)
    other.sign_in("bea", OTHER_PASSWORD)
    assert ("user.password_changed", "bea", {"user": "bea"}) in logged(pages)


@pytest.mark.asvs("6.2.3", "6.3.1")
def test_the_old_password_cannot_be_guessed_there(pages: Pages) -> None:
    """Its tries count like those of signing in."""
    here = pages.browser(Role.VIEWER, name="bea")
    fields = {"old_password": "wrong", "password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    for _ in range(10):
        here.open(ACCOUNT).send(f"{ACCOUNT}/password", 422, **fields)
    here.open(ACCOUNT).send(f"{ACCOUNT}/password", 429, **{**fields, "old_password": PASSWORD})
    kind, _, particulars = logged(pages)[-1]
    assert (kind, particulars["user"]) == ("sign_in.blocked", "bea")


@on_both
def test_the_log_is_read_exported_and_verified(pages: Pages) -> None:
    """By admins of all companies; what was changed in it is found by the page."""
    admin = pages.browser(Role.ADMIN, name="boss")
    admin.open(LOG)
    for words in ("user.added", "user.signed_in", "a test", "boss"):
        assert words in admin.words
    admin.open(f"{LOG}?kind=user.signed_in&person=boss")
    assert admin.text.count('<th scope="row"><a ') == 1
    admin.open(f"{LOG}/1")
    assert "Hash before" in admin.words
    admin.open(f"{LOG}/99", 404)
    exported = admin.open(f"{LOG}/export?format=jsonl").text.splitlines()
    assert len(exported) == len(logged(pages))
    assert {json.loads("{" + line[75:])["connection_id"] for line in exported} == {INSTALLATION}
    admin.open(LOG).send(f"{LOG}/verify")
    assert "all as they were written" in admin.words
    assert f"{len(exported)} entries" in admin.words


def test_long_lists_go_on_after_a_key(pages: Pages) -> None:
    """Everybody once, by name, 50 a page."""
    engine = pages.place.engine
    same = {"role": "viewer", "password_hash": "", "is_active": True}
    rows = [{"name": f"p{number:03}", "sees_all": number % 2 == 0, **same} for number in range(120)]
    with engine.begin() as transaction:
        transaction.execute(insert(users), rows)
    admin = pages.browser(Role.ADMIN, name="zoe")
    admin.open(PEOPLE)
    seen: list[str] = []
    while True:
        seen += re.findall(r'/settings/people/\d+">([^<]+)</a>', admin.text)
        onward = [each for each in admin.links if "after=" in each]
        if not onward:
            break
        admin.open(onward[0])
    assert seen == [*(each["name"] for each in rows), "zoe"]
    local = add_user(engine, "local", PASSWORD, Role.ADMIN, {1}, actor=BY)
    found, more = roster.people(engine, local)
    # whoever sees nothing yet can be given something by any admin
    assert [each.name for each in found] == ["local", *(f"p{n:03}" for n in range(1, 99, 2))]
    assert more
