"""A write whose answer is lost leaves one record in QuickBooks, linked to the platform's.

Each test makes records of every type on the platform, and QuickBooks keeps them but spoils the
answer: alone or in a batch, with request ids honoured and without.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks.client import QuickBooksClient
from tasks import recover
from tests.fixtures.company import Office, add_expense, note_of, purchase

ENTITIES = ("Account", "Customer", "Vendor", "Item", "Invoice", "Payment", "Purchase")
LOST_ANSWERS: dict[str, dict[str, Any]] = {
    "answer_lost": {"kind": "answer_lost"},
    "timeout": {"kind": "timeout", "seconds": 0.5},
    "saved_but_6000": {"kind": "saved_but_6000"},
    "truncated": {"kind": "truncated"},
    "502_after_commit": {"kind": "status", "status": 502, "after_commit": True},
}
LOST_IN_BATCHES = {**LOST_ANSWERS, "batch_drop_item": {"kind": "batch_drop_item"}}


def cases(faults: dict[str, dict[str, Any]]) -> list[Any]:
    """(fault, whether request ids are honoured).

    QuickBooks replays an answer by its request id; where it does not, only looking helps, so all
    faults are tried without.
    """
    ignored = [pytest.param(name, False, id=f"{name}-ignored") for name in faults]
    return [*ignored, pytest.param("answer_lost", True, id="answer_lost-honoured")]


def lose_the_answer(office: Office, entity: str) -> None:
    """A create takes effect without an answer, and nobody can look for what it has made."""
    office.emulator.faults(
        {"kind": "answer_lost", "verb": "create", "entity": entity},
        {
            "kind": "status",
            "status": 503,
            "verb": "query",
            "match": f"FROM {entity}",
            "count": None,
        },
    )


def make_one_of_each(office: Office, number: int) -> dict[str, int]:
    """A new record of every type on the platform, none like another; record type -> id."""
    of = office.platform.id_of
    add = office.platform.add
    day = date(2026, 11, 1 + number)
    customer, amount = of("Customer", "5"), Decimal(f"{10 + number}.{number}5")
    sold = {"kind": "item", "item_id": of("Item", "2"), "amount": amount}
    bought = {"kind": "account", "account_id": of("Account", "31"), "amount": amount}
    return {
        "account": add("account", name=f"Training {number}", type="Expense"),
        "customer": add("customer", name=f"Newcomer's {number}"),
        "vendor": add("vendor", name=f"Caterer {number}"),
        "item": add(
            "item",
            name=f"Advice {number}",
            kind="service",
            income_account_id=of("Account", "19"),
        ),
        "invoice": add("invoice", customer_id=customer, issued_on=day, lines=[sold]),
        "payment": add("payment", customer_id=customer, received_on=day, amount=amount),
        "expense": add(
            "expense",
            payment_method="cash",
            payment_account_id=of("Account", "3"),
            spent_on=day,
            status="approved",
            lines=[bought],
        ),
    }


def assert_one_each(office: Office, made: list[dict[str, int]]) -> None:
    """Each record was created once, and is linked to the platform's own."""
    created = Counter(
        entity for operation, entity, _ in office.books.written() if operation == "create"
    )
    assert created == dict.fromkeys(ENTITIES, len(made)), created
    for rows in made:
        for record_type, row_id in rows.items():
            assert office.platform.quickbooks_id(record_type, row_id) is not None
    numbers = [office.platform.row("invoice", rows["invoice"])["number"] for rows in made]
    assert None not in numbers
    assert len(set(numbers)) == len(made)
    office.parked(0)
    office.settled()


@pytest.mark.parametrize(("fault", "honoured"), cases(LOST_ANSWERS))
def test_a_lost_answer_of_a_single_create(
    office: Office, monkeypatch: pytest.MonkeyPatch, fault: str, honoured: bool
) -> None:
    """Goal: QuickBooks kept the record, nobody heard of it: exactly one record, linked."""
    monkeypatch.setenv("QBSYNC_READ_TIMEOUT_SECONDS", "0.25")
    office.emulator.emulator.options.honour_request_ids = honoured
    rules = [{**LOST_ANSWERS[fault], "entity": entity, "verb": "create"} for entity in ENTITIES]
    struck = office.emulator.faults(*rules)
    made = [make_one_of_each(office, 1)]
    office.sync()
    assert [rule.struck for rule in struck] == [1] * len(ENTITIES)
    assert_one_each(office, made)


@pytest.mark.parametrize(("fault", "honoured"), cases(LOST_IN_BATCHES))
def test_a_lost_answer_of_a_batch(
    office: Office, monkeypatch: pytest.MonkeyPatch, fault: str, honoured: bool
) -> None:
    """Goal: the same for batches of two, where the whole answer or one item's is lost."""
    monkeypatch.setenv("QBSYNC_READ_TIMEOUT_SECONDS", "0.25")
    office.emulator.emulator.options.honour_request_ids = honoured
    rules = [{**LOST_IN_BATCHES[fault], "entity": entity, "verb": "create"} for entity in ENTITIES]
    struck = office.emulator.faults(*rules)
    made = [make_one_of_each(office, number) for number in (1, 2)]
    office.sync()
    assert [rule.struck for rule in struck] == [1] * len(ENTITIES)
    assert_one_each(office, made)


@pytest.mark.parametrize("fault", ["answer_lost", "502_after_commit"])
def test_an_answer_lost_every_time(office: Office, fault: str) -> None:
    """Goal: when no answer to a create ever comes, what is there is found and nothing doubled."""
    office.emulator.emulator.options.honour_request_ids = False
    office.emulator.faults({**LOST_ANSWERS[fault], "verb": "create", "count": None})
    made = [make_one_of_each(office, 1)]
    office.sync()
    office.emulator.clear_faults()
    assert_one_each(office, made)


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "ignored"])
def test_lost_answers_of_updates_and_deletes(office: Office, honoured: bool) -> None:
    """Goal: an update, a void and a delete whose answers are lost take effect once."""
    office.emulator.emulator.options.honour_request_ids = honoured
    memo = office.platform.id_of("Invoice", "7")
    voided = office.platform.id_of("Invoice", "28")
    bought = office.books.create("Purchase", purchase("17.40"))
    office.sync()
    deleted = office.platform.id_of("Purchase", bought["Id"])
    mark = office.books.mark()
    office.emulator.faults(
        {"kind": "answer_lost", "verb": "update"},
        {"kind": "answer_lost", "verb": "delete"},
    )
    office.platform.edit("invoice", memo, memo="once")
    office.platform.sql("DELETE FROM expenses WHERE id = :id", id=deleted)
    office.sync()
    office.emulator.faults({"kind": "answer_lost", "verb": "void"})
    office.platform.edit("invoice", voided, status="voided")
    office.sync()
    writes = Counter(operation for operation, _, _ in office.books.written(mark))
    assert writes == {"update": 1, "delete": 1, "void": 1}
    assert office.books.read("Invoice", "7")["PrivateNote"] == "once"
    assert office.books.is_gone("Purchase", bought["Id"])
    assert office.platform.row("invoice", voided)["status"] == "voided"
    office.parked(0)
    office.settled()


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "ignored"])
def test_two_records_that_are_alike_stay_two(office: Office, honoured: bool) -> None:
    """Goal: two equal coffees on one day are two expenses, also when their answer is lost."""
    office.emulator.emulator.options.honour_request_ids = honoured
    for _ in range(2):
        add_expense(office, "3.80")
    before = len(office.books.find("Purchase"))
    office.emulator.faults({"kind": "answer_lost", "entity": "Purchase", "verb": "create"})
    office.sync()
    assert len(office.books.find("Purchase")) == before + 2
    assert len(office.platform.rows("expense")) == before + 2
    office.parked(0)
    office.settled()


def test_an_answer_that_comes_late_is_not_doubled(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: QuickBooks takes a write only after we gave up waiting: the request id keeps the write
    that was sent again from being a second one."""
    monkeypatch.setenv("QBSYNC_READ_TIMEOUT_SECONDS", "0.2")
    office.emulator.faults({"kind": "late", "seconds": 0.6, "entity": "Invoice", "verb": "create"})
    customer = office.platform.id_of("Customer", "5")
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(9)}
    office.platform.add("invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line])
    office.sync()
    deadline = time.monotonic() + 5
    while not any(line.struck for line in office.emulator.emulator.log):
        assert time.monotonic() < deadline, "the late write never came"
        time.sleep(0.02)
    assert [write[:2] for write in office.books.written()] == [("create", "Invoice")]
    office.settled()


def test_a_lost_answer_and_no_way_to_look(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the answer is lost and QuickBooks then answers nothing at all: the record is parked
    with its write open, and the next cycle that works finds it instead of making another."""
    office.emulator.emulator.options.honour_request_ids = False
    made = [make_one_of_each(office, 1)]
    lose_the_answer(office, "Invoice")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["record_type"] == "invoice"
    assert office.platform.open_intents() == 1
    office.emulator.clear_faults()
    office.sync()
    assert_one_each(office, made)


def test_what_was_deleted_before_anybody_looked_is_logged_when_a_person_has_it_made_again(
    office: Office,
) -> None:
    """Goal: a write that took effect has its audit entry, though nobody saw what it had made."""
    office.emulator.emulator.options.honour_request_ids = False
    invoice = make_one_of_each(office, 1)["invoice"]
    lose_the_answer(office, "Invoice")
    mark = office.books.mark()
    office.sync(code=3)
    (made,) = [each for _, entity, each in office.books.written(mark) if entity == "Invoice"]
    office.books.delete("Invoice", made)
    office.emulator.clear_faults()
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "may_be_deleted"
    assert office.platform.audit("write.uncertain") == []
    office.run("retry", str(parked["link"]))
    office.sync()
    (entry,) = office.platform.audit("write.uncertain")
    assert entry["operation"] == "create"
    assert office.platform.quickbooks_id("invoice", invoice) not in (None, made)
    office.parked(0)
    office.settled()


def test_what_a_person_has_to_look_at_is_not_retried_with_all_the_rest(office: Office) -> None:
    """Goal: to retry everything, as after an outage, makes nothing a second time: of two payments
    with one marker nobody but a person can tell which was made from the platform's."""
    row_id = make_one_of_each(office, 1)["payment"]
    lose_the_answer(office, "Payment")
    mark = office.books.mark()
    office.sync(code=3)
    (made,) = [each for _, entity, each in office.books.written(mark) if entity == "Payment"]
    paid = office.books.read("Payment", made)
    names = ("CustomerRef", "TotalAmt", "PaymentRefNum", "TxnDate")
    office.books.create("Payment", {name: paid[name] for name in names})
    office.emulator.clear_faults()
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["record_type"]) == ("several_fit", "payment")
    records, rows = len(office.books.find("Payment")), len(office.platform.rows("payment"))

    assert office.run("retry", "--json").json == {"released": 0}
    office.sync(code=3)
    assert (len(office.books.find("Payment")), len(office.platform.rows("payment"))) == (
        records,
        rows,
    )
    assert [each["code"] for each in office.parked()] == ["several_fit"]
    assert office.platform.quickbooks_id("payment", row_id) is None
    assert office.run("retry", str(parked["link"]), "--json").json == {"released": 1}


def test_a_run_that_ends_while_it_adopts_has_adopted_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: what is adopted is handed over to be merged in the same transaction; else what only
    QuickBooks has of it would stay there until somebody edits it."""
    made = [make_one_of_each(office, 1)]
    lose_the_answer(office, "Invoice")
    office.sync(code=3)
    office.emulator.clear_faults()

    def end_here(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(recover, "_hand_over", end_here)
        with pytest.raises(OSError, match="disk is full"):
            office.sync()
    assert office.platform.open_intents() == 1
    office.sync()
    assert_one_each(office, made)
    office.settled()


def test_a_record_that_a_person_made_alike_is_not_taken_for_ours(office: Office) -> None:
    """Goal: a record that was there before we sent ours is never adopted."""
    of = office.platform.id_of
    theirs = office.books.create(
        "Payment", {"CustomerRef": {"value": "5"}, "TotalAmt": 25, "TxnDate": "2026-11-01"}
    )
    office.sync()
    office.emulator.faults({"kind": "refuse_before", "entity": "Payment", "verb": "create"})
    ours = office.platform.add(
        "payment",
        customer_id=of("Customer", "5"),
        received_on=date(2026, 11, 1),
        amount=Decimal(25),
    )
    office.sync()
    assert office.platform.quickbooks_id("payment", ours) not in (None, theirs["Id"])
    office.settled()


def before_first_write(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Have something happen after the plan is made and before its first write is sent."""
    waiting = [action]

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def send(*arguments: Any) -> Any:
            while waiting:
                waiting.pop()()
            return original(*arguments)

        return send

    for name in ("post", "batch"):
        original = getattr(QuickBooksClient, name)
        monkeypatch.setattr(QuickBooksClient, name, wrapped(original))


def test_an_edit_in_quickbooks_between_plan_and_write_is_merged(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: QuickBooks refuses the stale write (5010); both edits survive."""
    row_id = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", row_id, memo="ours")
    before_first_write(
        monkeypatch,
        lambda: office.books.update("Invoice", "7", CustomerMemo={"value": "theirs"}),
    )
    office.sync()
    booked, row = office.books.read("Invoice", "7"), office.platform.row("invoice", row_id)
    assert (booked["PrivateNote"], booked["CustomerMemo"]["value"]) == ("ours", "theirs")
    assert (row["memo"], row["customer_message"]) == ("ours", "theirs")
    office.parked(0)
    office.settled()


@pytest.mark.parametrize("operation", ["update", "create"])
def test_an_edit_on_the_platform_between_plan_and_write_is_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Goal: a row edited while its record is on the way is merged again, never overwritten."""
    if operation == "update":
        row_id = office.platform.id_of("Invoice", "7")
        office.platform.edit("invoice", row_id, memo="first")
    else:
        customer = office.platform.id_of("Customer", "5")
        line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(9)}
        row_id = office.platform.add(
            "invoice",
            customer_id=customer,
            issued_on=date(2026, 11, 1),
            memo="first",
            lines=[line],
        )
    before_first_write(monkeypatch, lambda: office.platform.edit("invoice", row_id, memo="second"))
    office.sync()
    office.sync()
    assert office.platform.row("invoice", row_id)["memo"] == "second"
    quickbooks_id = str(office.platform.quickbooks_id("invoice", row_id))
    assert note_of(office.books.read("Invoice", quickbooks_id)) == "second"
    creates = [write for write in office.books.written() if write[0] == "create"]
    assert len(creates) == (operation == "create")
    office.parked(0)
    office.settled()
