"""explain: what a person sees of one record in each state that it can be in."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import INVOICE, edit_both
from tests.fixtures.company import ENCRYPTION_KEY, SIGNING_KEY, Office

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)

#: Every key of the answer: scripts count on them.
SHAPE = {
    "record", "quickbooks", "platform", "base", "fields", "parked", "conflicts", "decisions",
    "requests", "log", "next_cycle",
}  # fmt: skip
NEXT_SHAPE = {
    "takes_up", "because", "outcome", "writes", "conflicts", "default_accounts", "parks",
}  # fmt: skip


def explained(office: Office, record: str) -> dict[str, Any]:
    """What explain says, as data; nothing is written to either side by asking."""
    mark = office.books.mark()
    facts = office.run("explain", record, "--json").json
    assert set(facts) == SHAPE
    assert set(facts["next_cycle"]) == NEXT_SHAPE
    assert office.books.written(mark) == []
    return facts


def field(facts: dict[str, Any], name: str) -> dict[str, Any]:
    """One field's row."""
    (row,) = [each for each in facts["fields"] if each["field"] == name]
    return row


def link_of(office: Office, record_type: str, row_id: int) -> str:
    """The link number of a platform row."""
    links = office.platform.links(record_type)
    return str(next(link for link, (_, row) in links.items() if row == row_id))


@on_both
def test_a_synced_record_by_each_of_its_names(office: Office) -> None:
    """Goal: whatever a person calls it, the same record; nothing to do, said so, in one call."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    number = office.platform.row("invoice", row_id)["number"]
    names = [
        link_of(office, "invoice", row_id),
        f"invoice:{number}",
        f"invoice:quickbooks:{INVOICE}",
        f"invoice:platform:{row_id}",
    ]
    log = office.emulator.emulator.log
    log.clear()
    first = explained(office, names[0])
    # other tests let hours pass, after which a token is refused once
    answered = [each for each in log if "/v3/" in each.path and each.status == 200]
    assert [(line.verb, line.entity) for line in answered] == [("read", "Invoice")]
    others = [explained(office, name) for name in names[1:]]
    assert all(each == first for each in others)
    assert first["record"]["quickbooks_id"] == INVOICE
    assert first["quickbooks"]["state"] == first["platform"]["state"] == "there"
    assert first["base"] == first["quickbooks"]["content"] == first["platform"]["content"]
    assert {each["difference"] for each in first["fields"]} == {""}
    assert (first["parked"], first["requests"], first["next_cycle"]["takes_up"]) == (
        None,
        [],
        False,
    )
    assert [each["kind"] for each in first["log"]] == ["write.platform"]
    text = office.run("explain", names[1]).stdout
    assert "leaves it alone: neither side has changed" in text


@on_both
def test_an_edit_and_its_request(office: Office) -> None:
    """Goal: before the cycle the edit and what will be written; after it the request with its
    time, fields, outcome and Intuit's transaction id."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, memo="ours")
    before = explained(office, f"invoice:platform:{row_id}")
    assert field(before, "memo")["difference"] == "platform changed it"
    following = before["next_cycle"]
    assert (following["takes_up"], following["outcome"]) == (True, "merged")
    assert following["because"] == "it has changed on platform since both sides last agreed"
    assert following["writes"] == [
        {"side": "quickbooks", "operation": "update", "fields": ["memo"]}
    ]
    office.sync()
    after = explained(office, f"invoice:platform:{row_id}")
    (request,) = after["requests"]
    assert (request["operation"], request["fields"]) == ("update", ["memo"])
    assert request["state"] == "acknowledged"
    assert request["sent_at"]
    assert request["answered_at"]
    assert request["intuit_tid"]
    assert request["intuit_tid"] in json.dumps(after["log"])
    assert after["next_cycle"]["takes_up"] is False


@on_both
def test_a_conflict_with_its_rule_before_and_after(office: Office) -> None:
    """Goal: who will win is said before the cycle, and who won, by which rule, after it."""
    row_id = edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    before = explained(office, f"invoice:platform:{row_id}")
    assert field(before, "memo")["difference"] == "both changed it differently"
    (coming,) = before["next_cycle"]["conflicts"]
    assert (coming["field"], coming["winner"], coming["rule"]) == ("memo", "platform", "latest")
    office.sync()
    after = explained(office, f"invoice:platform:{row_id}")
    (conflict,) = after["conflicts"]
    assert (conflict["quickbooks"], conflict["platform"]) == ("theirs", "ours")
    assert (conflict["winner"], conflict["rule"]) == ("platform", "latest")
    assert [each["kind"] for each in after["decisions"]] == ["conflict"]
    assert "platform wins by latest" in office.run("explain", f"invoice:platform:{row_id}").stdout


@on_both
def test_a_parked_record_with_its_reason(office: Office) -> None:
    """Goal: why it is parked, what to do, and that the next cycle leaves it alone until then."""
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(5)}
    row_id = office.platform.add(
        "invoice",
        customer_id=office.platform.id_of("Customer", "5"),
        issued_on=date(2026, 11, 2),
        terms="Net 999",
        lines=[line],
    )
    office.sync(code=3)
    facts = explained(office, f"invoice:platform:{row_id}")
    assert (facts["parked"]["code"], facts["parked"]["field"]) == ("unknown_name", "terms")
    assert facts["quickbooks"]["state"] == "not yet"
    assert [each["kind"] for each in facts["decisions"]] == ["parked"]
    waiting = office.run("explain", f"invoice:platform:{row_id}").stdout
    assert "unknown_name" in waiting
    office.platform.edit("invoice", row_id, terms=None)
    following = explained(office, f"invoice:platform:{row_id}")["next_cycle"]
    assert (following["takes_up"], following["parks"]) == (True, None)
    assert [each["operation"] for each in following["writes"]] == ["create"]


@on_both
def test_a_write_of_unknown_outcome(office: Office) -> None:
    """Goal: a send without an answer shows as such, with what the next cycle does first."""
    office.emulator.faults(entity="Vendor", verb="create", kind="status", status=502, count=None)
    row_id = office.platform.add("vendor", name="Silent Supplier")
    office.sync(code=3)
    facts = explained(office, "vendor:Silent Supplier")
    assert facts["record"]["platform_id"] == str(row_id)
    assert {each["operation"] for each in facts["requests"]} == {"create"}
    assert facts["requests"][-1]["state"] == "unknown"
    following = facts["next_cycle"]
    assert following["takes_up"] is True
    assert "its outcome is not known" in following["because"]
    assert following["writes"] == []


@on_both
def test_a_record_that_is_gone_on_one_side(office: Office) -> None:
    """Goal: a deleted row is shown as gone, with the delete that follows from it."""
    row_id = office.platform.id_of("Purchase", office.books.find("Purchase")[0]["Id"])
    office.platform.sql("DELETE FROM expenses WHERE id = :id", id=row_id)
    facts = explained(office, f"expense:platform:{row_id}")
    assert (facts["platform"]["state"], facts["quickbooks"]["state"]) == ("gone", "there")
    assert facts["next_cycle"]["writes"] == [
        {"side": "quickbooks", "operation": "delete", "fields": []}
    ]


def test_quickbooks_away_leaves_the_history(office: Office) -> None:
    """Goal: without QuickBooks the story so far is still told, and what is missing is named."""
    office.emulator.faults(verb="read", kind="status", status=503, count=None)
    facts = explained(office, f"invoice:quickbooks:{INVOICE}")
    assert facts["quickbooks"]["state"] == "not read"
    assert facts["quickbooks"]["error"]
    assert facts["platform"]["state"] == "there"
    assert facts["next_cycle"]["because"].startswith("QuickBooks could not be read")
    assert facts["log"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("invoice", "give a link number"),
        ("999999", "knows no record '999999'"),
        ("invoice:no such number", "see `status` and `plan`"),
        ("voucher:1", "record type 'voucher' is not known"),
        ("customer:Elmwood", "did you mean"),
    ],
)
def test_what_is_not_known_is_answered_with_candidates(
    office: Office, record: str, words: str
) -> None:
    """Goal: a slip of the finger costs one more try, not a search."""
    outcome = office.run("explain", record, code=2)
    assert words in outcome.stderr
    if record.startswith("customer"):
        assert "Elmwood School District" in outcome.stderr


def test_two_of_one_name_are_both_listed(office: Office) -> None:
    """Goal: an ambiguous name lists the links to choose from."""
    first, second = (
        office.platform.add(
            "expense",
            number="TWICE",
            payment_method="cash",
            payment_account_id=office.platform.id_of("Account", "3"),
            spent_on=date(2026, 11, 2 + number),
            status="approved",
            lines=[
                {
                    "kind": "account",
                    "account_id": office.platform.id_of("Account", "31"),
                    "amount": Decimal(7),
                }
            ],
        )
        for number in range(2)
    )
    office.sync(code=3)
    error = office.run("explain", "expense:TWICE", code=2).stderr
    assert "more than one record" in error
    for row_id in (first, second):
        assert link_of(office, "expense", row_id) in error


def test_no_secret_is_shown(office: Office) -> None:
    """Goal: neither keys nor tokens nor their names are in what explain prints."""
    office.platform.edit("invoice", office.platform.id_of("Invoice", INVOICE), memo="ours")
    office.sync()
    shown = office.run("explain", f"invoice:quickbooks:{INVOICE}", "--json").stdout
    secrets = [
        ENCRYPTION_KEY, SIGNING_KEY, office.emulator.client_secret, office.emulator.refresh_token,
    ]  # fmt: skip
    assert [each for each in secrets if each in shown] == []
    assert "token" not in shown.casefold()
