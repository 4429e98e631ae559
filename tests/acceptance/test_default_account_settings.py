"""Default accounts are chosen on the page, by programs and by a command: in words people use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import insert, text

from connectors.state.connections import connection_named
from models.account_choices import DEFAULT_ACCOUNTS
from models.people import Role
from models.tables.platform import accounts
from models.words import DefaultAccount
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_api import ROOT, program
from tests.fixtures.company import Office
from tests.fixtures.pages import Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
BANK, CARD = "default_account_expense_bank", "default_account_expense_card"


def stored(pages: Pages) -> dict[str, int]:
    """The default accounts, by the platform's numbers."""
    found = connection_named(pages.place.engine).settings.default_accounts
    return {str(setting): account for setting, account in found.items()}


def logged(pages: Pages) -> list[dict[str, Any]]:
    """Bodies of all entries about settings, oldest first."""
    query = text("SELECT body FROM audit_entries WHERE kind = 'settings.changed' ORDER BY number")
    with pages.place.engine.connect() as connection:
        return [json.loads(body) for body in connection.scalars(query)]


@on_both
def test_the_page_shows_and_sets_them(office: Office, pages: Pages) -> None:
    """By number and name, from lists of what fits; the log says what they were called then."""
    petty, visa = office.platform.id_of("Account", "3"), office.platform.id_of("Account", "12")
    path = pages.path("settings")
    browser = pages.browser(Role.ADMIN, name="ann").open(path)
    assert "Default accounts" in browser.words
    for label in ("1030 Petty Cash", "2100 Pine Visa", "6600 Travel", "4000 Consulting Income"):
        assert f'<option value="{label}"></option>' in browser.text
    assert browser.text.count('value="1100 Accounts Receivable (A/R)"') == 0
    assert browser.text.count('<option value="6300 Office Supplies"></option>') == 1
    browser.send(path, **{BANK: "1030 petty cash", CARD: "2100"})
    assert "The settings are saved" in browser.words
    assert stored(pages) == {"expense_bank": petty, "expense_card": visa}
    fields = browser.open(path).form(path).fields
    assert (fields[BANK], fields[CARD]) == ("1030 Petty Cash", "2100 Pine Visa")
    browser.send(path)
    assert "Nothing was changed" in browser.words

    # renamed since: what is chosen is the account, and the log has its name of then
    office.platform.edit("account", petty, name="Cash Box", number=None)
    browser.open(path)
    assert browser.form(path).fields[BANK] == "Cash Box"
    browser.send(path, **{BANK: "", CARD: "2100"})
    assert stored(pages) == {"expense_card": visa}
    first, second = logged(pages)
    assert first["changed"]["default_accounts"] == [
        {}, {"expense_bank": petty, "expense_card": visa},
    ]  # fmt: skip
    assert first["accounts"] == {str(petty): "1030 Petty Cash", str(visa): "2100 Pine Visa"}
    assert second["accounts"][str(petty)] == "Cash Box"
    shown = browser.open(path).words
    assert "Expenses by cash or check are paid from: 1030 Petty Cash" in shown


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        (
            BANK,
            "1040",
            ["'1040'", "no account is called '1040'", "active account of the type Bank"],
        ),
        (BANK, "2100", ["'2100'", "of the type Credit Card", "choose an active account"]),
        (BANK, '"><script>', ["no account is called"]),
        (CARD, "#999999", ["'#999999'", "no account is called"]),
    ],
)
@pytest.mark.asvs("2.2.1", "2.2.3")
def test_an_account_that_cannot_be_is_said_beside_its_field(
    pages: Pages, name: str, typed: str, words: list[str]
) -> None:
    """With what was typed and what can be; what was typed elsewhere is kept, nothing is saved."""
    path = pages.path("settings")
    browser = pages.browser(Role.ADMIN).open(path)
    browser.send(path, status=422, **{name: typed, "frequency_minutes": "77"})
    for each in (DEFAULT_ACCOUNTS[DefaultAccount(name[16:])].label, *words):
        assert each in browser.words
    assert f'id="{name}-mistake"' in browser.text
    assert "<script>" not in browser.text.replace("<script src=", "")
    assert browser.form(path).fields["frequency_minutes"] == "77"
    assert (stored(pages), logged(pages)) == ({}, [])


def test_all_mistakes_are_said_at_once(pages: Pages) -> None:
    """A number and two accounts."""
    path = pages.path("settings")
    browser = pages.browser(Role.ADMIN).open(path)
    browser.send(path, status=422, **{BANK: "x1", CARD: "x2", "frequency_minutes": "x3"})
    for typed in ("'x1'", "'x2'", "'x3'"):
        assert typed in browser.words


def test_an_account_that_went_since_can_be_seen_and_left(office: Office, pages: Pages) -> None:
    """Other settings can be changed beside it."""
    petty = office.platform.id_of("Account", "3")
    office.run("settings", "--set", "default_accounts=expense_bank:1030")
    office.platform.edit("account", petty, active=False)
    path = pages.path("settings")
    browser = pages.browser(Role.ADMIN).open(path)
    browser.send(path, frequency_minutes="20")
    assert "The settings are saved" in browser.words
    assert stored(pages) == {"expense_bank": petty}
    browser.open(path).send(path, status=422, default_account_refund="1030 Petty Cash")
    assert "it is inactive or deleted" in browser.words


def test_a_thousand_accounts(office: Office, pages: Pages) -> None:
    """Each of them stands in the page once, in the list of what it fits."""
    row = {"company_id": office.platform.company_id, "type": "Expense"}
    with office.engine.begin() as connection:
        connection.execute(
            insert(accounts), [{**row, "name": f"Spending {number}"} for number in range(1_000)]
        )
        connection.execute(
            text(
                "INSERT INTO links (connection_id, record_type, quickbooks_id, platform_id, label, "
                "created_at, updated_at) SELECT 1, 'account', 'Q' || a.id, a.id, a.name, "
                "CURRENT_TIMESTAMP, CURRENT_TIMESTAMP FROM accounts a WHERE a.name LIKE 'Spend%'"
            )
        )
    path = pages.path("settings")
    page = pages.browser(Role.ADMIN).open(path)
    assert page.text.count('<option value="Spending 777"></option>') == 1
    assert len(page.text) < 200_000
    page.send(path, default_account_purchase_line="Spending 777")
    (chosen,) = stored(pages).values()
    assert office.platform.row("account", chosen)["name"] == "Spending 777"


@on_both
def test_programs_read_and_set_them(office: Office, pages: Pages) -> None:
    """By the platform's numbers, with a list that says what they are called and which fit."""
    petty, visa = office.platform.id_of("Account", "3"), office.platform.id_of("Account", "12")
    client = program(pages)
    here = f"{ROOT}/{connection_named(pages.place.engine).id}/settings"
    settings = client.get(here).json()
    assert settings["default_accounts"] == {}
    wanted = {**settings, "default_accounts": {"expense_bank": petty}}
    assert client.put(here, json=wanted).json() == wanted
    assert client.get(here).json() == wanted
    told = client.get(f"{here}/default-accounts").json()
    names = {each["setting"]: each["name"] for each in told["defaults"]}
    assert set(names) == set(DefaultAccount)
    assert (names["expense_bank"], names["refund"]) == ("1030 Petty Cash", None)
    can_be = {each["account"]: each for each in told["accounts"]}
    assert can_be[visa]["name"] == "2100 Pine Visa"
    assert can_be[visa]["settings"] == ["expense_card", "bill_payment_card"]
    for chosen, words in (
        ({"expense_bank": visa}, "default_accounts.expense_bank is 2100 Pine Visa: it is of the"),
        ({"expense_bank": 999_999}, "default_accounts.expense_bank is #999999: it is not there"),
        ({"expense_bank": "1030"}, "default_accounts.expense_bank"),
        ({"expense": petty}, "default_accounts.expense"),
    ):
        refused = client.put(here, json={**wanted, "default_accounts": chosen})
        assert refused.status_code == 422
        assert words in refused.json()["error"]
    assert client.get(here).json() == wanted
    assert client.put(here, json=settings).json() == settings


@pytest.mark.asvs("8.2.2")
def test_a_company_sees_its_own_accounts_only(office: Office, pages: Pages) -> None:
    """Those of another company on the same platform can neither be seen nor chosen."""
    with office.engine.begin() as connection:
        connection.execute(text("INSERT INTO companies (name, currency) VALUES ('Other', 'USD')"))
        other = connection.scalar(text("SELECT max(id) FROM companies"))
        row = {"company_id": other, "name": "Their Bank", "type": "Bank"}
        number = connection.execute(insert(accounts).values(row).returning(accounts.c.id)).scalar()
    client = program(pages)
    here = f"{ROOT}/{connection_named(pages.place.engine).id}/settings"
    assert "Their Bank" not in client.get(f"{here}/default-accounts").text
    wanted = {**client.get(here).json(), "default_accounts": {"expense_bank": number}}
    refused = client.put(here, json=wanted)
    assert (refused.status_code, "is not there" in refused.text) == (422, True)
    assert "Their Bank" not in refused.text
    assert "Their Bank" not in pages.browser(Role.ADMIN).open(pages.path("settings")).text


@on_both
def test_the_command_shows_and_sets_them(office: Office) -> None:
    """By number, name or the platform's number; in words, or as numbers for programs."""
    petty = office.platform.id_of("Account", "3")
    for text_of in ("1030", "Petty Cash", "1030 Petty Cash", f"#{petty}"):
        office.run("settings", "--set", "default_accounts=")
        chosen = f"default_accounts=expense_bank:{text_of},expense_card:2100"
        said = office.run("settings", "--set", chosen)
        assert "1030 Petty Cash" in " ".join(said.stdout.split())
        facts = office.run("settings", "--json").json
        assert facts["default_accounts"]["expense_bank"] == petty
    for given, words in (
        ("expense_bank:1040", ["default_accounts=expense_bank", "no account is called '1040'"]),
        ("expense_bank:2100", ["expense_bank is 2100 Pine Visa", "of the type Credit Card"]),
        ("expenses:1030", ["default_accounts.expenses", "expense_bank"]),
    ):
        refused = office.run("settings", "--set", f"default_accounts={given}", code=2)
        for each in words:
            assert each in refused.stderr, refused.stderr
    assert office.run("settings", "--json").json["default_accounts"]["expense_bank"] == petty
