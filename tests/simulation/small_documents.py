"""What QuickBooks does to a document: dates, numbers, lines and totals.

As `small_rules`, for transactions; which balances they move is in `small_postings`. Source: the
reference, sections 8.1, 10.4 and 10.5, and the emulator, which these rules follow.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator import faults
from emulator.entities import ENTITIES
from tests.simulation.small_fields import CENT, ZERO
from tests.simulation.small_rules import (
    Draft,
    Rule,
    check_account_type,
    reference,
    require_multicurrency,
)
from tests.simulation.small_state import Record, State

if TYPE_CHECKING:
    pass

_HALF_CENT = Decimal("0.005")
#: Lines without an Id of their own.
_UNNUMBERED = frozenset({"SubTotalLineDetail", "DiscountLineDetail"})
_NOT_IN_TOTAL = _UNNUMBERED
_PAYING_ACCOUNTS = {
    "Check": {"Bank"},
    "Cash": {"Bank", "Other Current Asset"},
    "CreditCard": {"Credit Card"},
}
_PAYABLE = frozenset({"Invoice", "CreditMemo", "JournalEntry", "Purchase", "Deposit"})
_FIRST_NUMBER = 1000
_DEFAULT_TERM = "3"


def amount(record: Record, name: str) -> Decimal:
    """An amount, zero where it is absent."""
    value = record.get(name)
    return value if type(value) is Decimal else Decimal(value or 0)


# -- the head --


def transaction_date(draft: Draft) -> None:
    """Today where no date was given, and never in closed books."""
    if draft.after.get("TxnDate") is None:
        draft.after["TxnDate"] = draft.books.today()
    for record in (draft.before, draft.after):
        if record is not None:
            refuse_closed(draft.books.book_close_date, record)


def refuse_closed(close_date: str, record: Record) -> None:
    """Refuse a record of a closed period."""
    if close_date and str(record["TxnDate"]) <= close_date:
        raise faults.closed_books()


def currency(draft: Draft) -> None:
    """The party's currency where none was given; a rate only where several are kept."""
    after, home = draft.after, draft.books.home_currency
    customer = draft.books.get("Customer", reference(after, "CustomerRef"))
    inherited = reference(customer, "CurrencyRef") if customer else home
    if draft.before is None:
        after.setdefault("CurrencyRef", {"value": inherited})
        if reference(after, "CurrencyRef") != home:
            require_multicurrency(draft)
    code = reference(after, "CurrencyRef")
    if customer and draft.touched("CustomerRef") and code != inherited:
        raise faults.business(
            f"The currency of the transaction ({code}) is not that of the customer or vendor "
            f"({inherited}).",
            "CurrencyRef",
        )
    if draft.books.multi_currency:
        if (code == home and draft.before is None) or not after.get("ExchangeRate"):
            after["ExchangeRate"] = Decimal(1)
    elif draft.touched("ExchangeRate") and draft.old("ExchangeRate") is None:
        after.pop("ExchangeRate", None)


def due_date(draft: Draft) -> None:
    """Derive DueDate from the terms: the invoice's own, else the company's."""
    if draft.gave("DueDate") or not draft.touched("SalesTermRef", "DueDate"):
        return
    term_id = reference(draft.after, "SalesTermRef") or _DEFAULT_TERM
    days = int(draft.books.state.records["Term"][term_id]["DueDays"])
    draft.after["DueDate"] = _later(draft.after["TxnDate"], days)


@lru_cache(maxsize=10_000)
def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def deposit_account(draft: Draft) -> None:
    """Undeposited Funds where no account was given; only a bank-like one may take money."""
    if draft.gave("DepositToAccountRef"):
        check_account_type(draft, "DepositToAccountRef", {"Bank", "Other Current Asset"})
    if draft.after.get("DepositToAccountRef") or not draft.touched("DepositToAccountRef"):
        return
    found = draft.books.account_of("UndepositedFunds")
    if found and amount(draft.after, "TotalAmt"):
        draft.after["DepositToAccountRef"] = {"value": found}


# -- numbers --


def auto_number(draft: Draft) -> None:
    """Number an invoice where the company numbers by itself; a number that was given is kept."""
    books, after = draft.books, draft.after
    if after.get("DocNumber") or books.custom_numbers:
        return
    if draft.old("DocNumber"):
        after["DocNumber"] = draft.old("DocNumber")
    elif draft.before is None:
        after["DocNumber"] = str(books.state.sequences.get("numbers", _FIRST_NUMBER) + 1)


def duplicate_number(draft: Draft) -> None:
    """Refuse a taken number where the company numbers its invoices itself."""
    if draft.gave("DocNumber") and draft.books.custom_numbers:
        _refuse_duplicate(draft)


def duplicate_purchase_number(draft: Draft) -> None:
    """Refuse a taken number; checks have numbers of their own."""
    if draft.gave("DocNumber"):
        _refuse_duplicate(draft)


def _refuse_duplicate(draft: Draft) -> None:
    number = str(draft.after["DocNumber"])
    if number == draft.old("DocNumber"):
        return
    holders = draft.books.state.numbers.get((draft.entity, number.lower()))
    if not holders:
        return
    is_check = draft.after.get("PaymentType") == "Check"
    records = draft.books.state.records[draft.entity]
    for holder in holders:
        same_kind = (records[holder].get("PaymentType") == "Check") == is_check
        if holder != draft.after["Id"] and same_kind:
            raise faults.duplicate_document(number, ENTITIES[draft.entity].title, holder)


def note_number(state: State, entity: str, before: Record | None, after: Record | None) -> None:
    """Keep who has which number, and the highest one of the invoices."""
    old = str((before or {}).get("DocNumber") or "")
    new = str((after or {}).get("DocNumber") or "")
    if old == new:
        return
    record_id = str((after or before or {})["Id"])
    if old:
        key = (entity, old.lower())
        state.numbers[key] = tuple(each for each in state.numbers[key] if each != record_id)
    if new:
        key = (entity, new.lower())
        state.numbers[key] = (*state.numbers.get(key, ()), record_id)
        if entity == "Invoice" and new.isdecimal() and len(new) < 10:
            highest = state.sequences.get("numbers", _FIRST_NUMBER)
            state.sequences["numbers"] = max(highest, int(new))


# -- lines --


def lines(draft: Draft) -> None:
    """Number and check the lines; QuickBooks writes the subtotal itself."""
    if not draft.gave("Line"):
        return
    sent = [each for each in draft.after["Line"] if each.get("DetailType") != "SubTotalLineDetail"]
    if not sent:
        raise faults.missing("Line")
    known: set[str] = set()
    fresh = 1
    if draft.before is not None:
        known = {str(each["Id"]) for each in draft.old("Line") or () if "Id" in each}
        fresh = max((int(each) for each in known if each.isdecimal()), default=0) + 1
    used: set[str] = set()
    allowed = ENTITIES[draft.entity].line_details
    for place, line in enumerate(sent, start=1):
        kind = line.get("DetailType")
        if kind in _UNNUMBERED:
            line.pop("Id", None)
            line.pop("LineNum", None)
        else:
            line_id = str(line.get("Id", ""))
            if line_id not in known or line_id in used:
                line_id, fresh = str(fresh), fresh + 1
            used.add(line_id)
            line["Id"] = line_id
            if draft.entity != "Purchase":
                line["LineNum"] = place
        if kind is None:
            raise faults.missing("Line.DetailType")
        if kind not in allowed:
            raise faults.bad_choice("Line.DetailType", kind)
        _check_line(draft, line, str(kind))
    draft.after["Line"] = sent


def _check_line(draft: Draft, line: Record, kind: str) -> None:
    detail = line.setdefault("DescriptionLineDetail" if kind == "DescriptionOnly" else kind, {})
    if kind == "DescriptionOnly":
        line.pop("Amount", None)
        return
    if kind == "GroupLineDetail":
        if not detail.get("GroupItemRef"):
            raise faults.missing("Line.GroupLineDetail.GroupItemRef")
        line["Amount"] = sum((amount(each, "Amount") for each in detail.get("Line") or ()), ZERO)
        return
    if kind == "DiscountLineDetail":
        _check_discount(line, detail)
        return
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    if kind == "AccountBasedExpenseLineDetail":
        if not detail.get("AccountRef"):
            raise faults.missing("Line.AccountBasedExpenseLineDetail.AccountRef")
    else:
        _check_item_line(draft, line, kind, detail)
    if "TaxCodeRef" not in detail:
        detail["TaxCodeRef"] = {"value": "NON"}


def _check_discount(line: Record, detail: Record) -> None:
    if not detail.get("PercentBased"):
        detail["PercentBased"] = False
        if line.get("Amount") is None:
            raise faults.missing("Line.Amount")
    elif detail.get("DiscountPercent") is None:
        raise faults.missing("Line.DiscountLineDetail.DiscountPercent")


def _check_item_line(draft: Draft, line: Record, kind: str, detail: Record) -> None:
    if not detail.get("ItemRef"):
        if kind == "SalesItemLineDetail":
            detail["ItemRef"] = {"value": _first_service(draft)}
        else:
            # such a line is taken as text: it stays, its amount does not count
            line["Amount"] = ZERO
            detail.pop("Qty", None)
            detail.pop("UnitPrice", None)
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    if quantity is None or price is None:
        return
    if quantity == 0 and price == 0 and line["Amount"]:
        del detail["Qty"], detail["UnitPrice"]
    elif abs(quantity * price - line["Amount"]) > _HALF_CENT:
        raise faults.wrong_multiplication(line["Amount"])


def _first_service(draft: Draft) -> str:
    for item_id, item in draft.books.state.records["Item"].items():
        if item.get("Type") == "Service" and item.get("Active", True):
            return item_id
    raise faults.missing("Line.SalesItemLineDetail.ItemRef")


# -- totals --


def _sum(of: list[Record]) -> Decimal:
    """What the lines come to, discounts and subtotals aside; of a bundle, what is in it."""
    total = ZERO
    for line in of:
        inner = (line.get("GroupLineDetail") or {}).get("Line")
        if inner:
            total += _sum(inner)
        elif line.get("DetailType") not in _NOT_IN_TOTAL:
            total += line.get("Amount") or ZERO
    return total


def invoice_totals(draft: Draft) -> None:
    """Subtotal, discount, tax as it was given, total; then what is still open."""
    after = draft.after
    if draft.touched("Line", "TxnTaxDetail"):
        if draft.gave("Line"):
            after["Line"] = _with_subtotal(after["Line"])
        total = ZERO
        for line in after["Line"]:
            kind = line["DetailType"]
            if kind == "SubTotalLineDetail":
                total += line["Amount"]
            elif kind == "DiscountLineDetail":
                total -= line["Amount"]
        tax = dict(after.get("TxnTaxDetail") or {})
        if draft.before is None or "TxnTaxDetail" in draft.sent:
            given = tax.get("TotalTax")
            if given is None:
                of_lines = (amount(each, "Amount") for each in tax.get("TaxLine") or ())
                tax["TotalTax"] = sum(of_lines, ZERO)
        after["TxnTaxDetail"] = tax
        after["TotalAmt"] = total + amount(tax, "TotalTax")
        if after["TotalAmt"] < 0:
            raise faults.negative_amount("TotalAmt")
    after["Balance"] = after["TotalAmt"]
    if draft.before is not None:
        applied = amount(draft.before, "TotalAmt") - amount(draft.before, "Balance")
        after["Balance"] = max(ZERO, after["TotalAmt"] - applied)


def _with_subtotal(sent: list[Record]) -> list[Record]:
    discounts = [each for each in sent if each["DetailType"] == "DiscountLineDetail"]
    plain = sent
    if discounts:
        plain = [each for each in sent if each["DetailType"] != "DiscountLineDetail"]
    subtotal = _sum(plain)
    for each in discounts:
        detail = each["DiscountLineDetail"]
        if detail["PercentBased"]:
            share = subtotal * detail["DiscountPercent"] / 100
            each["Amount"] = share.quantize(CENT, rounding=ROUND_HALF_UP)
    written = {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    return [*plain, written, *discounts]


def purchase_totals(draft: Draft) -> None:
    """The lines and the tax."""
    if draft.touched("Line", "TxnTaxDetail"):
        tax = amount(draft.after.get("TxnTaxDetail") or {}, "TotalTax")
        draft.after["TotalAmt"] = _sum(draft.after["Line"]) + tax
        if draft.after["TotalAmt"] < 0:
            raise faults.negative_amount("TotalAmt")


def email_address(draft: Draft) -> None:
    """Refuse to queue a form for mailing without an address."""
    if draft.after.get("EmailStatus") == "NeedToSend" and not draft.after.get("BillEmail"):
        raise faults.missing("BillEmail")


def purchase_kind(draft: Draft) -> None:
    """Check that the account fits the way of paying, and that only a card takes a refund."""
    after, kind = draft.after, str(draft.after.get("PaymentType"))
    if draft.gave("AccountRef", "PaymentType"):
        check_account_type(draft, "AccountRef", _PAYING_ACCOUNTS[kind])
    if after.get("Credit") and kind != "CreditCard":
        raise faults.business("Only a credit card purchase can be a credit.", "Credit")
    if kind == "CreditCard":
        after["Credit"] = bool(after.get("Credit"))
    else:
        after.pop("Credit", None)


def payment_total(draft: Draft) -> None:
    """Refuse a payment without a total."""
    total = draft.after.get("TotalAmt")
    if total is None:
        raise faults.business("Payment amount is required.", "TotalAmt")
    if total < 0:
        raise faults.negative_amount("TotalAmt")


def payment_lines(draft: Draft) -> None:
    """Keep the links of a payment, and derive what is left unapplied."""
    after = draft.after
    if draft.before is None and after.get("Line") is None:
        after["Line"] = []
    if "Line" in draft.sent:
        after["Line"] = [_link_line(line) for line in after.get("Line") or ()]
    applied = ZERO
    for line in after.get("Line") or ():
        sign = -1 if line["LinkedTxn"][0]["TxnType"] == "CreditMemo" else 1
        applied += sign * line["Amount"]
    left_over = after["TotalAmt"] - applied
    if left_over < 0:
        raise faults.business(
            "The amount applied is more than the amount of the payment.", "TotalAmt"
        )
    if draft.touched("Line", "TotalAmt"):
        after["UnappliedAmt"] = left_over


def _link_line(line: Record) -> Record:
    links = line.get("LinkedTxn") or []
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    if line["Amount"] < 0:
        raise faults.negative_amount("Line.Amount")
    if len(links) != 1 or not links[0].get("TxnId") or not links[0].get("TxnType"):
        raise faults.missing("Line.LinkedTxn")
    if links[0]["TxnType"] not in _PAYABLE:
        raise faults.bad_choice("LinkedTxn.TxnType", links[0]["TxnType"])
    link = {"TxnId": links[0]["TxnId"], "TxnType": links[0]["TxnType"]}
    return {"Amount": line["Amount"], "LinkedTxn": [link]}


DOCUMENT_RULES: dict[str, tuple[Rule, ...]] = {
    "Invoice": (
        transaction_date,
        currency,
        due_date,
        lines,
        invoice_totals,
        auto_number,
        duplicate_number,
        email_address,
    ),
    "Payment": (payment_total, transaction_date, currency, deposit_account, payment_lines),
    "Purchase": (
        purchase_kind,
        transaction_date,
        currency,
        lines,
        purchase_totals,
        duplicate_purchase_number,
    ),
}
