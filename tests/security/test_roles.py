"""Who may what: every address, for every role, with every company, none left out.

The table is made from the router. A page that is added to it is in the table by itself, and one
that asks for no right fails here unless it is on the short list of those that need none.
"""

from __future__ import annotations

from collections import Counter

import pytest
from fastapi.testclient import TestClient

from connectors.sign_on.places import SIGN_ON_BACK_PATH, SIGN_ON_PATH
from connectors.state.people import change_user
from dashboard.house import SIGN_IN_PATH
from dashboard.webhooks import WEBHOOKS_PATH
from models.people import Right, Role
from tests.fixtures.guarded import (
    ABSENT,
    COMPANIES,
    OTHER,
    OWN,
    SECRET_OF_OTHER,
    Address,
    Guarded,
    changed,
    listed_addresses,
)
from tests.fixtures.pages import HOME

#: What asks for nobody: each with what keeps it safe.
PUBLIC = {
    "GET /": "leads to the overview",
    f"GET {SIGN_IN_PATH}": "where one signs in",
    f"POST {SIGN_IN_PATH}": "takes name and password",
    f"GET {SIGN_ON_PATH}": "leads to the OpenID provider, where there is one",
    f"GET {SIGN_ON_BACK_PATH}": "shows what it sent this browser back with",
    f"POST {SIGN_ON_BACK_PATH}": "takes that, once, of the browser that asked for it",
    f"POST {WEBHOOKS_PATH}": "takes what Intuit has signed",
}
#: These end the session, as they should: who was let in is sent to sign in.
LEAVES = {"POST /sign-out"}
WHO = [None, *Role]
#: What programs send where it is more than nothing.
BODIES = {
    "POST /api/v1/companies/{connection_id}/conflicts/{number}/decide": {"take": "platform"},
    "POST /api/v1/companies/{connection_id}/queue/skip": {"links": [OTHER]},
    "POST /api/v1/companies/{connection_id}/queue/done": {"links": [OTHER]},
    "POST /api/v1/companies/{connection_id}/queue/retry": {"links": [OTHER]},
}
ADDRESSES = listed_addresses()
ASKED = [each for each in ADDRESSES if each.right is not None]
NO_COMPANY = "there is no such company"
#: What a page, and the interface, says to somebody whose role may not.
OF_THE_ROLE = ("your role", "this token is of a")

each_address = pytest.mark.parametrize("address", ASKED, ids=str)


def companies_of(address: Address) -> dict[str, int]:
    """The companies that an address is tried with."""
    return COMPANIES if address.is_of_company else {"none": OWN}


def cells(address: Address) -> list[tuple[Role | None, str, int]]:
    """Every combination of an address with who asks and for which company."""
    return [(who, name, company) for who in WHO for name, company in companies_of(address).items()]


def expected(address: Address, who: Role | None, company: int) -> str:
    """What an address answers: written down here, apart from how the pages decide it."""
    if who is None:
        return "sign in"
    if address.is_of_company and company in (OTHER, ABSENT):
        return "no such company"
    allowed = {
        Role.VIEWER: {Right.SEE},
        Role.OPERATOR: {Right.SEE, Right.OPERATE},
        Role.ADMIN: {Right.SEE, Right.OPERATE, Right.ADMINISTER},
    }[who]
    # everybody here is given one company: what needs all of them is tried apart
    return "let in" if address.right in allowed and not address.of_all else "refused"


def asked(guarded: Guarded, address: Address, who: Role | None, company: int, item: int) -> str:
    """What it does answer, in the same words."""
    client, token = guarded.enter(address, who)
    answer = send(client, address, address.at(company, item), token)
    assert answer.status_code < 500, answer.text
    assert SECRET_OF_OTHER not in answer.text
    if who is None:
        if address.is_api:
            return "sign in" if answer.status_code == 401 else "let in"
        is_asked = answer.headers.get("location") == SIGN_IN_PATH or (
            address.method == "POST" and answer.status_code == 403
        )
        return "sign in" if is_asked else "let in"
    # a page may answer 403 for a reason of its own, such as a consent that nobody asked for
    if answer.status_code == 403 and any(each in answer.text for each in OF_THE_ROLE):
        return "refused"
    if answer.status_code == 404 and NO_COMPANY in answer.text:
        return "no such company"
    is_out = answer.headers.get("location") == SIGN_IN_PATH and str(address) not in LEAVES
    return "sign in" if is_out else "let in"


def send(client: TestClient, address: Address, path: str, token: str) -> object:
    """Ask for it, with the form's token where it is sent."""
    if address.method == "GET":
        return client.get(path)
    if address.is_api:
        return client.request(address.method, path, json=BODIES.get(str(address), {}))
    return client.request(
        address.method, path, data={"form_token": token}, headers={"origin": HOME}
    )


@pytest.mark.asvs("6.3.4", "8.2.1")
def test_whatever_asks_for_nobody_is_on_the_list() -> None:
    """And the list has nothing that is not there."""
    public = {str(each) for each in ADDRESSES if each.right is None}
    assert public == set(PUBLIC)


@pytest.mark.asvs("8.2.1")
def test_the_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Every address, with everybody; how many cells there are is printed."""
    table = [(address, *cell) for address in ASKED for cell in cells(address)]
    count = sum(len(WHO) * (3 if each.is_of_company else 1) for each in ASKED)
    assert len(table) == len(set(table)) == count
    outcomes = Counter(expected(address, who, company) for address, who, _, company in table)
    assert set(outcomes) == {"sign in", "no such company", "refused", "let in"}
    with capsys.disabled():
        print(f"\n{count} cells of {len(ASKED)} addresses: {dict(outcomes)}")  # noqa: T201


@each_address
@pytest.mark.asvs("8.2.1", "8.2.2", "8.3.1", "8.4.1")
def test_every_cell(guarded: Guarded, address: Address) -> None:
    """Who is refused changes nothing; those who are let in come last, for they may."""
    for role in Role:
        guarded.token(role)  # making one is logged
    table = [(who, company, expected(address, who, company)) for who, _, company in cells(address)]
    for who, company, answer in sorted(table, key=lambda cell: cell[2] == "let in"):
        if answer == "let in":
            assert asked(guarded, address, who, company, OWN) == answer, (who, company)
            continue
        before = guarded.rows()
        assert asked(guarded, address, who, company, OWN) == answer, (who, company)
        assert changed(before, guarded.rows()) <= {"sessions", "api_tokens"}
        assert not guarded.woken


@pytest.mark.asvs("8.2.1", "8.3.1")
@pytest.mark.parametrize("address", [each for each in ASKED if each.of_all], ids=str)
def test_what_is_of_all_companies_is_for_admins_of_all(guarded: Guarded, address: Address) -> None:
    """The same role for all companies is let in, a weaker one is not."""
    for role in Role:
        change_user(guarded.engine, role, sees_all=True, actor=guarded.by)
        answer = "let in" if role is Role.ADMIN else "refused"
        assert asked(guarded, address, role, OWN, OWN) == answer, role


@pytest.mark.parametrize("address", [each for each in ASKED if each.names_item], ids=str)
@pytest.mark.asvs("8.2.2", "8.4.1")
def test_what_is_of_another_company_is_not_reached_by_its_number(
    guarded: Guarded, address: Address
) -> None:
    """Under the address of one's own company, by an admin: nothing of it is shown or changed."""
    before = of_other(guarded)
    asked(guarded, address, Role.ADMIN, OWN, OTHER)
    assert of_other(guarded) == before


def of_other(guarded: Guarded) -> list[str]:
    """What the database holds of the company that nobody sees."""
    return [line for line in guarded.dump().splitlines() if SECRET_OF_OTHER in line]


#: Its first twenty digits are a number of ours, and the whole is none of any database.
ODD_NUMBER = "0" * 20 + "9" * 30


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "01x", "1e0", "٣", "9" * 30, "%20", "1%2f1"])
@pytest.mark.asvs("8.2.2")
def test_what_is_no_number_is_no_company(guarded: Guarded, number: str) -> None:
    """Not even one that Python would read as a number."""
    addresses = [each for each in ASKED if each.is_of_company and each.method == "GET"]
    for address in addresses:
        client, _ = guarded.enter(address, Role.ADMIN)
        path = address.at(OWN).replace(f"/{OWN}", f"/{number}", 1)
        assert client.get(path).status_code == 404


@pytest.mark.asvs("2.2.1", "8.2.2")
def test_what_is_no_number_is_nothing_of_it(guarded_on_both: Guarded) -> None:
    """Whatever an address names by number: too great for the database is not there, no error."""
    change_user(guarded_on_both.engine, Role.ADMIN, sees_all=True, actor=guarded_on_both.by)
    named = [each for each in ASKED if each.names_item and not each.is_api]
    client, form_token = guarded_on_both.begin(Role.ADMIN)
    for address in named:
        for number in ("0", "-1", "1.0", "\u0663", "9" * 10, "9" * 18, "9" * 30, ODD_NUMBER):
            form = {"form_token": form_token} if address.method == "POST" else None
            answer = client.request(address.method, address.at(OWN, number), data=form)
            assert answer.status_code in (404, 422), (str(address), number)
