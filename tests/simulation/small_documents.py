"""What QuickBooks does to a document: dates, numbers, lines and totals.

As `small_rules`, for transactions; which balances they move is in `small_postings`. Source: the
reference, sections 8.1, 10.4 and 10.5, and the emulator, which these rules follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator import faults
from emulator.entities import ENTITIES
from tests.simulation.small_fields import ZERO
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
#: Links that lend money to a payment rather than take it.
_LENDING = frozenset({"CreditMemo", "VendorCredit", "CreditCardCredit"})
_CREDITS = frozenset({"CreditMemo", "VendorCredit"})
_OPEN_FIELDS = {"CreditMemo": ("Balance", "RemainingCredit")}
#: Forms that draw their numbers from one sequence, and whose numbers must differ.
_SALES_FORMS = ("Invoice", "CreditMemo", "RefundReceipt")
_CHECKS = ("Purchase", "BillPayment")
_WITHOUT_LINE_NUMBERS = frozenset({"Purchase", "VendorCredit"})
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
    """Refuse a record of a closed period; what has no date is of none."""
    if close_date and "TxnDate" in record and str(record["TxnDate"]) <= close_date:
        raise faults.closed_books()


def deposited(draft: Draft) -> None:
    """Refuse any edit of what a deposit holds."""
    if draft.before is not None:
        refuse_deposited(draft.before)


def refuse_deposited(record: Record) -> None:
    """Refuse a record that a deposit holds."""
    links = record.get("LinkedTxn")
    if links and any(each.get("TxnType") == "Deposit" for each in links):
        raise faults.deposited()


def currency(draft: Draft) -> None:
    """The party's currency where none was given; a rate only where several are kept."""
    after, home = draft.after, draft.books.home_currency
    party = _party(draft)
    inherited = reference(party, "CurrencyRef") if party else home
    if draft.before is None:
        after.setdefault("CurrencyRef", {"value": inherited})
        if reference(after, "CurrencyRef") != home:
            require_multicurrency(draft)
    code = reference(after, "CurrencyRef")
    if party and code != inherited and draft.touched("CustomerRef", "VendorRef"):
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


def _party(draft: Draft) -> Record | None:
    for field, entity in (("CustomerRef", "Customer"), ("VendorRef", "Vendor")):
        party_id = reference(draft.after, field)
        if party_id:
            return draft.books.get(entity, party_id)
    return None


def due_date(draft: Draft) -> None:
    """Derive DueDate from the terms: the form's own, else the company's for an invoice."""
    if draft.gave("DueDate") or not draft.touched("SalesTermRef", "DueDate"):
        return
    company_term = _DEFAULT_TERM if draft.entity == "Invoice" else ""
    term_id = reference(draft.after, "SalesTermRef") or company_term
    term = draft.books.state.records["Term"].get(term_id)
    days = int(term["DueDays"]) if term else 0
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
    """Number a form where the company numbers by itself; a number that was given is kept."""
    books, after = draft.books, draft.after
    if after.get("DocNumber") or books.custom_numbers:
        return
    if draft.old("DocNumber"):
        after["DocNumber"] = draft.old("DocNumber")
    elif draft.before is None:
        after["DocNumber"] = str(books.state.sequences.get("numbers", _FIRST_NUMBER) + 1)


def duplicate_number(draft: Draft) -> None:
    """Refuse a taken number where the company numbers its forms itself."""
    if draft.gave("DocNumber") and draft.books.custom_numbers:
        family = _SALES_FORMS if draft.entity in _SALES_FORMS else (draft.entity,)
        _refuse_duplicate(draft, family, checks=False)


def duplicate_purchase_number(draft: Draft) -> None:
    """Refuse a taken number; checks have numbers of their own."""
    if draft.gave("DocNumber"):
        checks = draft.after.get("PaymentType") == "Check"
        _refuse_duplicate(draft, _CHECKS if checks else ("Purchase",), checks=checks)


def _refuse_duplicate(draft: Draft, family: tuple[str, ...], *, checks: bool) -> None:
    number = str(draft.after["DocNumber"])
    if number == draft.old("DocNumber"):
        return
    for entity in family:
        records = draft.books.state.records[entity]
        for holder in draft.books.state.numbers.get((entity, number.lower()), ()):
            is_check = "Check" in (
                records[holder].get("PaymentType"),
                records[holder].get("PayType"),
            )
            if holder != draft.after["Id"] and is_check == checks:
                raise faults.duplicate_document(number, ENTITIES[entity].title, holder)


def note_number(state: State, entity: str, before: Record | None, after: Record | None) -> None:
    """Keep who has which number, and the highest one of the sales forms."""
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
        if entity in _SALES_FORMS and new.isdecimal() and len(new) < 10:
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
    _number(draft, sent)
    draft.after["Line"] = sent
    allowed = ENTITIES[draft.entity].line_details
    for line in flat(sent):
        kind = line.get("DetailType")
        if kind is None:
            raise faults.missing("Line.DetailType")
        if kind not in allowed:
            raise faults.bad_choice("Line.DetailType", kind)
        _check_line(draft, line, str(kind))


def _number(draft: Draft, sent: list[Record]) -> None:
    """Give lines their Ids and numbers; a known Id is kept."""
    known: set[str] = set()
    fresh = 1
    if draft.before is not None:
        known = {str(each["Id"]) for each in flat(draft.old("Line") or ()) if "Id" in each}
        fresh = max((int(each) for each in known if each.isdecimal()), default=0) + 1
    used: set[str] = set()
    for place, line in enumerate(flat(sent), start=1):
        kind = line.get("DetailType")
        if kind in _UNNUMBERED or kind is None:
            line.pop("Id", None)
            line.pop("LineNum", None)
            continue
        line_id = str(line.get("Id", ""))
        if line_id not in known or line_id in used:
            line_id, fresh = str(fresh), fresh + 1
        used.add(line_id)
        line["Id"] = line_id
        if draft.entity in _WITHOUT_LINE_NUMBERS:
            line.pop("LineNum", None)
        else:
            line["LineNum"] = place


def flat(of: Iterable[Record]) -> Iterator[Record]:
    """The lines in order, those of a bundle after the bundle itself."""
    for line in of:
        yield line
        inner = line.get("GroupLineDetail")
        if inner and inner.get("Line"):
            yield from flat(inner["Line"])


def _check_line(draft: Draft, line: Record, kind: str) -> None:
    detail = line.setdefault("DescriptionLineDetail" if kind == "DescriptionOnly" else kind, {})
    if kind == "DescriptionOnly":
        line.pop("Amount", None)
        line.pop("DescriptionOnly", None)
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
    if kind != "SalesItemLineDetail":
        billed = "Billable" if detail.get("CustomerRef") else "NotBillable"
        detail.setdefault("BillableStatus", billed)
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


def line_total(of: list[Record]) -> Decimal:
    """What the lines come to, discounts and subtotals aside; of a bundle, what is in it."""
    total = ZERO
    for line in of:
        inner = (line.get("GroupLineDetail") or {}).get("Line")
        if inner:
            total += line_total(inner)
        elif line.get("DetailType") not in _NOT_IN_TOTAL:
            total += line.get("Amount") or ZERO
    return total


def open_balance(draft: Draft) -> None:
    """What is still open of a form: the total less its deposit and what is applied."""
    after, before = draft.after, draft.before
    left = after["TotalAmt"] - amount(after, "Deposit")
    if draft.gave("Deposit", "Line", "TxnTaxDetail") and after.get("Deposit"):
        if after["Deposit"] < 0:
            raise faults.negative_amount("Deposit")
        if left < 0:
            raise faults.business("The deposit is more than the total.", "Deposit")
    names = _OPEN_FIELDS.get(draft.entity, ("Balance",))
    if before is not None:
        left -= before["TotalAmt"] - amount(before, "Deposit") - before[names[-1]]
    if left < 0 and draft.entity in _CREDITS:
        raise faults.business("More of this credit is applied than its new total.", "TotalAmt")
    for name in names:
        after[name] = max(ZERO, left)


def email_address(draft: Draft) -> None:
    """Refuse to queue a form for mailing without an address."""
    if draft.after.get("EmailStatus") == "NeedToSend" and not draft.after.get("BillEmail"):
        raise faults.missing("BillEmail")


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
    link_lines(draft)
    left_over = after["TotalAmt"] - applied_total(after)
    refuse_over_applied(left_over)
    if draft.touched("Line", "TotalAmt"):
        after["UnappliedAmt"] = left_over


def link_lines(draft: Draft) -> None:
    """Keep of each line that was sent its amount and its link."""
    if "Line" in draft.sent:
        draft.after["Line"] = [_link_line(line) for line in draft.after.get("Line") or ()]


def applied_total(payment: Record) -> Decimal:
    """What a payment pays, less the credits it uses."""
    applied = ZERO
    for line in payment.get("Line") or ():
        lends = line["LinkedTxn"][0]["TxnType"] in _LENDING
        applied += -line["Amount"] if lends else line["Amount"]
    return applied


def refuse_over_applied(left_over: Decimal) -> None:
    """Refuse a payment that pays more than it is."""
    if left_over < 0:
        raise faults.business(
            "The amount applied is more than the amount of the payment.", "TotalAmt"
        )


def _link_line(line: Record) -> Record:
    links = line.get("LinkedTxn") or []
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    if line["Amount"] < 0:
        raise faults.negative_amount("Line.Amount")
    if len(links) != 1 or not links[0].get("TxnId") or not links[0].get("TxnType"):
        raise faults.missing("Line.LinkedTxn")
    link = {"TxnId": links[0]["TxnId"], "TxnType": links[0]["TxnType"]}
    return {"Amount": line["Amount"], "LinkedTxn": [link]}


DOCUMENT_RULES: dict[str, tuple[Rule, ...]] = {
    "Payment": (
        payment_total,
        transaction_date,
        deposited,
        currency,
        deposit_account,
        payment_lines,
    ),
}
