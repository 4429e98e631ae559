"""The Settings pages: what is synced and how, and who wins, chosen by people and logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from connectors.state.connections import connection_named, save_settings
from models.people import Role
from models.settings import ConnectionSettings
from models.words import DataType, ExpensePosting, Side
from tasks.bootstrap import installation
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office
from tests.fixtures.pages import Browser, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@pytest.fixture
def pages(office: Office) -> Iterator[Pages]:
    """The pages of a company that is connected and synced."""
    assert office
    with installation() as place:
        yield Pages(place)


def stored(pages: Pages) -> ConnectionSettings:
    """The company's settings."""
    return connection_named(pages.place.engine).settings


def opened(pages: Pages, page: str = "settings", role: Role = Role.ADMIN) -> tuple[Browser, str]:
    """A browser on a page, and the page's address."""
    path = pages.path(page)
    return pages.browser(role).open(path), path


def logged(pages: Pages, kind: str) -> list[Any]:
    """Body and person of all entries of a kind, oldest first."""
    query = text("SELECT body, actor FROM audit_entries WHERE kind = :kind ORDER BY number")
    with pages.place.engine.connect() as connection:
        found = connection.execute(query, {"kind": kind}).all()
    return [(json.loads(row.body), row.actor) for row in found]


@on_both
def test_settings_are_chosen(pages: Pages) -> None:
    """Every field at once: stored exactly, explained, logged with who and what, and shown."""
    path = pages.path("settings")
    browser = pages.browser(Role.ADMIN, name="ann").open(path)
    assert "How often a sync is due" in browser.words
    form = browser.form(path)
    del form.fields["sync_financials"], form.fields["write_quickbooks"], form.fields["batch_writes"]
    chosen = {
        "frequency_minutes": " 60 ",
        "frequency_minutes_invoices": "5",
        "expense_posting": "bill",
        "receipt_megabytes_max": "2.5",
        "approval_amount_max": "25000.50",
    }
    browser.answer = browser.client.post(path, data=form.fields | chosen)
    assert "The settings are saved" in browser.words
    assert stored(pages) == ConnectionSettings(
        data_types=frozenset({DataType.INVOICES, DataType.EXPENSES}),
        write_to=frozenset({Side.PLATFORM}),
        frequency_minutes=60,
        frequency_minutes_of={DataType.INVOICES: 5},
        expense_posting=ExpensePosting.BILL,
        batch_writes=False,
        receipt_bytes_max=2_500_000,
        approval_amount_max=Decimal("25000.50"),
    )
    ((body, actor),) = logged(pages, "settings.changed")
    assert actor == "ann"
    assert body["changed"]["data_types"] == [
        ["expenses", "financials", "invoices"],
        ["expenses", "invoices"],
    ]
    assert body["changed"]["approval_amount_max"] == [None, "25000.50"]
    assert pages.woken
    for words in ("Changed lately", "Approval limit", "25000.50", "invoices: 5", "ann"):
        assert words in browser.words

    # the form shows what is stored, so that saving it as it is changes nothing
    browser.open(path).send(path)
    assert "Nothing was changed" in browser.words
    assert len(logged(pages, "settings.changed")) == 1


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("frequency_minutes", "0", ["Minutes between two syncs is '0'", "from 1 to 1,440"]),
        ("frequency_minutes", "", ["Minutes between two syncs is ''", "from 1 to 1,440"]),
        ("frequency_minutes", "often", ["'often'", "from 1 to 1,440"]),
        ("frequency_minutes", "1441", ["'1441'", "from 1 to 1,440"]),
        ("frequency_minutes_expenses", "2.5", ["Expenses, minutes", "'2.5'", "or nothing"]),
        ("approval_amount_max", "-1", ["Approval limit is '-1'", "0 or more"]),
        ("approval_amount_max", "25,000", ["'25,000'", "without signs or thousands"]),
        ("approval_amount_max", "NaN", ["'NaN'", "such as 25000.00"]),
        ("receipt_megabytes_max", "0", ["Largest file of a receipt, in MB is '0'", "up to 100"]),
        ("receipt_megabytes_max", "101", ["'101'", "up to 100"]),
        ("receipt_megabytes_max", "1e999999999", ["'1e999999999'", "up to 100"]),
        ("receipt_megabytes_max", "0.0000001", ["'0.0000001'", "up to 100"]),
        ("receipt_megabytes_max", "all", ["'all'", "up to 100"]),
        ("expense_posting", "gift", ["'gift'", "purchase, bill"]),
        ("approval_amount_max", '"><script>', ["such as 25000.00"]),
    ],
)
@pytest.mark.asvs("2.2.1", "2.2.3")
def test_what_cannot_be_is_said_beside_the_field(
    pages: Pages, name: str, typed: str, words: list[str]
) -> None:
    """With its name, what was typed and what to type; the rest is kept, and nothing is saved."""
    before = stored(pages)
    browser, path = opened(pages)
    rest = {"approval_amount_max": "7"} if name != "approval_amount_max" else {}
    browser.send(path, status=422, **{**rest, name: typed})
    for each in words:
        assert each in browser.words
    assert "Nothing was saved" in browser.words
    assert f'id="{name}-mistake"' in browser.text
    assert "<script>" not in browser.text.replace("<script src=", "")
    kept = browser.form(path).fields
    assert kept.get(name, typed) == typed
    if rest:
        assert kept["approval_amount_max"] == "7"
    assert stored(pages) == before
    assert logged(pages, "settings.changed") == []


def test_an_account_whose_name_is_no_text_ends_no_page(office: Office, pages: Pages) -> None:
    """Another program has renamed it, in another encoding: settings can be looked at all the same,
    on the page and by programs."""
    row_id = office.platform.id_of("Account", "31")
    office.platform.sql(
        "UPDATE accounts SET name = CAST(x'43616665E9' AS TEXT) WHERE id = :id", id=row_id
    )
    browser = pages.browser(Role.ADMIN)
    assert "Cafe\N{REPLACEMENT CHARACTER}" in browser.open(pages.path("settings")).text


def test_two_mistakes_are_said_at_once(pages: Pages) -> None:
    """And what is right beside them is kept; then the form as it is can be corrected and saved."""
    browser, path = opened(pages)
    wrong = {"frequency_minutes": "x", "receipt_megabytes_max": "y", "approval_amount_max": "9"}
    browser.send(path, status=422, **wrong)
    assert "'x'" in browser.words
    assert "'y'" in browser.words
    browser.send(path, frequency_minutes="20", receipt_megabytes_max="10")
    assert (stored(pages).frequency_minutes, stored(pages).receipt_bytes_max) == (20, 10_000_000)
    assert stored(pages).approval_amount_max == 9


@on_both
def test_what_somebody_else_has_saved_meanwhile_is_not_overwritten(pages: Pages) -> None:
    """The form says so, keeps what was typed, and takes over what the other one has changed."""
    browser, path = opened(pages)
    company = connection_named(pages.place.engine)
    other = company.settings.model_copy(update={"frequency_minutes": 7})
    save_settings(pages.place.engine, company, other, "bob", pages.place.clock.now())
    browser.send(path, status=409, approval_amount_max="500")
    assert "changed by somebody else meanwhile" in browser.words
    assert "bob" in browser.words
    assert stored(pages) == other
    kept = browser.form(path).fields
    assert (kept["frequency_minutes"], kept["approval_amount_max"]) == ("7", "500")
    browser.send(path)
    assert stored(pages) == other.model_copy(update={"approval_amount_max": Decimal(500)})


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"based_on": "{}"}, 409),
        ({"based_on": "nonsense"}, 422),
        ({"policy": "invoices"}, 422),
        ({"sync_invoices": "perhaps"}, 422),
    ],
)
def test_a_form_that_was_tampered_with_changes_nothing(
    pages: Pages, fields: dict[str, str], status: int
) -> None:
    """Neither what it was made from can be claimed, nor can more be set than it shows."""
    engine = pages.place.engine
    company = connection_named(engine)
    chosen = company.settings.model_copy(update={"frequency_minutes": 3})
    save_settings(engine, company, chosen, "bob", pages.place.clock.now())
    browser, path = opened(pages)
    browser.send(path, status=status, **{"frequency_minutes": "9", **fields})
    assert stored(pages) == chosen


@pytest.mark.parametrize("page", ["settings", "settings/policies"])
@pytest.mark.asvs("8.2.3")
def test_only_admins_change_settings(pages: Pages, page: str) -> None:
    """Others see them, without a button, and a form of theirs is refused."""
    browser, path = opened(pages, page, Role.OPERATOR)
    assert "Only admins" in browser.words
    token = browser.form("/sign-out").fields["form_token"]
    fields = {"form_token": token, "based_on": "{}", "key": "invoices", "rule": "review"}
    assert browser.client.post(path, data=fields).status_code == 403
    assert stored(pages) == ConnectionSettings()


@on_both
def test_a_rule_is_chosen_and_dropped(pages: Pages) -> None:
    """It is shown with its source, logged with who chose what instead of what, and taken back."""
    path = pages.path("settings/policies")
    browser = pages.browser(Role.ADMIN, name="ann").open(path)
    assert "No rule is chosen" in browser.words
    assert f"{path}?key=invoice.memo#choose" in browser.links
    assert f"{path}?key=invoice.total#choose" not in browser.links
    browser.open(f"{path}?key=invoice.memo")
    assert browser.form(path).fields["key"] == "invoice.memo"
    browser.send(path, rule="platform")
    assert "Saved as version 2" in browser.words
    assert "chosen for this field" in browser.words
    browser.send(path, key="expenses", rule="review")
    assert "chosen for the data type" in browser.words
    assert stored(pages).policy == {"expenses": "review", "invoice.memo": "platform"}
    browser.send(path, key="expenses", rule="review")
    assert "Nothing was changed" in browser.words
    browser.send(path, key="expenses", rule="none")
    assert stored(pages).policy == {"invoice.memo": "platform"}
    assert [each for each in logged(pages, "policy.changed") if each[1] == "ann"][-1] == (
        {"changed": {"expenses": ["review", None]}, "version": [3, 4]},
        "ann",
    )
    assert "Who wins: expenses" in browser.words


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"key": "invoice.total", "rule": "platform"}, 422, "always counts"),
        ({"key": "invoicez", "rule": "platform"}, 422, "no such data type"),
        ({"key": "invoices", "rule": "mine"}, 422, "latest, quickbooks, platform, review"),
        ({"key": "invoices", "rule": "none"}, 422, "no rule is set"),
        ({"version": "7", "rule": "review"}, 409, "changed the rules meanwhile"),
        ({"version": "x"}, 422, "version"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    pages: Pages, fields: dict[str, str], status: int, words: str
) -> None:
    """Beside the form, with what would be right; nothing is changed."""
    browser, path = opened(pages, "settings/policies")
    browser.send(path, status=status, **fields)
    assert words in browser.words
    assert stored(pages) == ConnectionSettings()
    assert logged(pages, "policy.changed") == []
