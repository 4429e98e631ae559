"""What each kind of transaction posts: one rule per entity, entries debit-positive.

An entry carries its amount three times: in the account's own currency, in the home currency, and in
that of the transaction, which is the party's. The entries of one transaction add up to zero in the
home currency. An account that the books do not have stands as `@` and its subtype.
Inventory is valued at the item's PurchaseCost of the day it is posted, not first in, first out.
Source: dossier sections 10.3 to 10.7 and 12.8; notes on recorded data, "Signs".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from emulator.writing.draft import ZERO, amount, cents, reference
from emulator.writing.links import CREDITS, find_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.company import Company, Record

_TAX_SUBTYPES = ("SalesTaxPayable", "GlobalTaxPayable")
#: What takes the part of a loaded document that its lines do not explain.
UNEXPLAINED = "@Unexplained"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the general ledger."""

    account: str
    #: In the account's own currency.
    value: Decimal
    #: In the home currency.
    home: Decimal
    #: In the currency of the transaction.
    foreign: Decimal
    customer: str = ""
    vendor: str = ""
    memo: str = ""
    #: The inventory item whose quantity moves, and by how much.
    item: str = ""
    quantity: Decimal = ZERO


class Posting:
    """Collects the entries of one transaction."""

    def __init__(self, company: Company, record: Record) -> None:
        """Start with nothing posted."""
        self.company = company
        self.record = record
        self.home_currency = company.home_currency
        self.currency = reference(record, "CurrencyRef") or self.home_currency
        self.rate = amount(record, "ExchangeRate") or Decimal(1)
        self.entries: list[Entry] = []

    def debit(
        self,
        account: str,
        value: Decimal,
        *,
        home: Decimal | None = None,
        customer: str = "",
        vendor: str = "",
        memo: str = "",
    ) -> None:
        """Add to an account; `home` where it is not the value at the transaction's own rate."""
        if home is None:
            home = value if self.currency == self.home_currency else cents(value * self.rate)
        if not value and not home:
            return
        record = self.company.get("Account", account) or {}
        held = reference(record, "CurrencyRef") or self.home_currency
        own = value if held == self.currency else home
        self.entries.append(Entry(account, own, home, value, customer, vendor, memo))

    def credit(self, account: str, value: Decimal, *, vendor: str = "", memo: str = "") -> None:
        """Take from an account."""
        self.debit(account, -value, vendor=vendor, memo=memo)

    def party_debit(self, account: str, value: Decimal, party: dict[str, str]) -> None:
        """Add to an account that may be receivable from a customer or payable to a vendor."""
        kind = (self.company.get("Account", account) or {}).get("AccountType")
        customer = party["customer"] if kind == "Accounts Receivable" else ""
        vendor = party["vendor"] if kind == "Accounts Payable" else ""
        self.debit(account, value, customer=customer, vendor=vendor, memo=party.get("memo", ""))

    def system(self, *subtypes: str) -> str:
        """Return the account of one of these subtypes, or a stand-in for one that is missing."""
        for subtype in subtypes:
            found = self.company.account_by_subtype(subtype)
            if found is not None:
                return found
        return f"@{subtypes[0]}"

    def receivable(self) -> str:
        """Return the receivables account of the transaction."""
        own = reference(self.record, "ARAccountRef")
        found = own or self.company.account_by_subtype("AccountsReceivable", self.currency)
        return found or "@AccountsReceivable"

    def payable(self) -> str:
        """Return the payables account of the transaction."""
        own = reference(self.record, "APAccountRef")
        found = own or self.company.account_by_subtype("AccountsPayable", self.currency)
        return found or "@AccountsPayable"

    def tax_account(self) -> str:
        """Return where sales tax is owed."""
        return self.system(*_TAX_SUBTYPES)

    def item(self, detail: Record) -> Record:
        """Return the item of a line detail."""
        return self.company.get("Item", reference(detail, "ItemRef")) or {}

    def closed(self) -> tuple[Entry, ...]:
        """Return the entries, with what rounding or an odd document left over put somewhere."""
        left = sum((entry.home for entry in self.entries), ZERO)
        foreign = sum((entry.foreign for entry in self.entries), ZERO)
        if left and not foreign and len(self.entries) > 1:
            last = self.entries[-1]
            held = self.company.get("Account", last.account) or {}
            in_home = (reference(held, "CurrencyRef") or self.home_currency) == self.home_currency
            moved = last.value - left if in_home else last.value
            self.entries[-1] = replace(last, home=last.home - left, value=moved)
        elif left:
            self.debit(UNEXPLAINED, -foreign, home=-left)
        return tuple(self.entries)


def flat_lines(lines: list[Record]) -> Iterator[Record]:
    """Yield the lines that carry amounts: those of a bundle in place of the bundle."""
    for line in lines:
        children = (line.get("GroupLineDetail") or {}).get("Line")
        if children:
            yield from flat_lines(children)
        else:
            yield line


def entries_of(company: Company, entity: str, record: Record | None) -> tuple[Entry, ...]:
    """Return what a record posts."""
    rule = RULES.get(entity)
    if record is None or rule is None:
        return ()
    posting = Posting(company, record)
    rule(posting, amount(record, "TotalAmt"))
    return posting.closed()


def _income(posting: Posting, sign: int) -> None:
    """Credit the income of a sales form's lines, its tax, and move what left the shelf."""
    record = posting.record
    for line in flat_lines(record.get("Line") or []):
        value, memo = sign * amount(line, "Amount"), str(line.get("Description", ""))
        if "SalesItemLineDetail" in line:
            detail = line["SalesItemLineDetail"]
            item = posting.item(detail)
            account = reference(detail, "ItemAccountRef") or reference(item, "IncomeAccountRef")
            posting.credit(account or posting.system("SalesOfProductIncome"), value, memo=memo)
            _cost_of_sale(posting, item, -sign * amount(detail, "Qty"))
        elif "DiscountLineDetail" in line:
            account = reference(line["DiscountLineDetail"], "DiscountAccountRef")
            posting.debit(account or posting.system("DiscountsRefundsGiven"), value, memo=memo)
    tax = amount(record.get("TxnTaxDetail") or {}, "TotalTax")
    posting.credit(posting.tax_account(), sign * tax, memo="Sales tax")


def _cost_of_sale(posting: Posting, item: Record, moved: Decimal) -> None:
    """Move an inventory item's quantity and its value between the shelf and cost of goods."""
    if item.get("Type") != "Inventory" or not moved:
        return
    worth = cents(amount(item, "PurchaseCost") * moved)
    shelf = reference(item, "AssetAccountRef") or posting.system("Inventory")
    cost = reference(item, "ExpenseAccountRef") or posting.system("SuppliesMaterialsCogs")
    item_id = str(item["Id"])
    posting.entries.append(Entry(shelf, worth, worth, ZERO, item=item_id, quantity=moved))
    if worth:
        posting.entries.append(Entry(cost, -worth, -worth, ZERO))


def _invoice(posting: Posting, total: Decimal, sign: int = 1) -> None:
    record = posting.record
    deposit, customer = amount(record, "Deposit"), reference(record, "CustomerRef")
    posting.debit(posting.receivable(), sign * total - deposit, customer=customer)
    if deposit:
        account = reference(record, "DepositToAccountRef") or posting.system("UndepositedFunds")
        posting.debit(account, deposit)
    _income(posting, sign)


def _credit_memo(posting: Posting, total: Decimal) -> None:
    _invoice(posting, total, -1)


def _sales_receipt(posting: Posting, total: Decimal) -> None:
    account = reference(posting.record, "DepositToAccountRef")
    posting.debit(account or posting.system("UndepositedFunds"), total)
    _income(posting, 1)


def _refund_receipt(posting: Posting, total: Decimal) -> None:
    account = reference(posting.record, "DepositToAccountRef")
    posting.credit(account or posting.system("UndepositedFunds"), total)
    _income(posting, -1)


def _target_rate(posting: Posting, line: Record) -> Decimal:
    """Return the rate at which what a payment's line settles was booked."""
    links = line.get("LinkedTxn") or [{}]
    _, target = find_target(posting.company, links[0])
    return amount(target or {}, "ExchangeRate") or posting.rate


def _settle(posting: Posting, account: str, total: Decimal, party: dict[str, str]) -> None:
    """Debit what a payment settles, each part at its own rate; the difference is a gain or loss.

    The total is debit-positive: negative for receivables, positive for payables.
    """
    if posting.currency == posting.home_currency:
        posting.debit(account, total, customer=party["customer"], vendor=party["vendor"])
        return
    direction = 1 if party["vendor"] else -1
    booked, settled = ZERO, ZERO
    for line in posting.record.get("Line") or []:
        kind = (line.get("LinkedTxn") or [{}])[0].get("TxnType")
        value = amount(line, "Amount") * (-direction if kind in CREDITS else direction)
        booked += cents(value * _target_rate(posting, line))
        settled += value
    booked += cents((total - settled) * posting.rate)
    posting.debit(account, total, home=booked, customer=party["customer"], vendor=party["vendor"])
    gain = cents(total * posting.rate) - booked
    posting.debit(posting.system("ExchangeGainOrLoss"), ZERO, home=gain)


def _payment(posting: Posting, total: Decimal) -> None:
    record = posting.record
    account = reference(record, "DepositToAccountRef") or posting.system("UndepositedFunds")
    posting.debit(account, total)
    party = {"customer": reference(record, "CustomerRef"), "vendor": ""}
    _settle(posting, posting.receivable(), -total, party)


def _bill_payment(posting: Posting, total: Decimal) -> None:
    record = posting.record
    check = reference(record.get("CheckPayment") or {}, "BankAccountRef")
    card = reference(record.get("CreditCardPayment") or {}, "CCAccountRef")
    posting.credit(check or card or posting.system("Checking", "CashOnHand"), total)
    party = {"customer": "", "vendor": reference(record, "VendorRef")}
    _settle(posting, posting.payable(), total, party)


def _expenses(posting: Posting, sign: int, vendor: str, customer: str = "") -> None:
    """Debit the accounts of expense lines and their tax, and put goods on the shelf.

    The customer is the payee, who gets money back where a line names nobody else.
    """
    for line in posting.record.get("Line") or []:
        value, memo = sign * amount(line, "Amount"), str(line.get("Description", ""))
        if "AccountBasedExpenseLineDetail" in line:
            detail = line["AccountBasedExpenseLineDetail"]
            owes = reference(detail, "CustomerRef") or customer
            party = {"customer": owes, "vendor": vendor, "memo": memo}
            account = reference(detail, "AccountRef")
            posting.party_debit(account or UNEXPLAINED, value, party)
        elif "ItemBasedExpenseLineDetail" in line:
            _item_expense(posting, line["ItemBasedExpenseLineDetail"], value, sign)
    tax = amount(posting.record.get("TxnTaxDetail") or {}, "TotalTax")
    posting.debit(posting.tax_account(), sign * tax, memo="Tax on purchases")


def _item_expense(posting: Posting, detail: Record, value: Decimal, sign: int) -> None:
    item = posting.item(detail)
    bought = sign * amount(detail, "Qty")
    if item.get("Type") != "Inventory":
        account = reference(item, "ExpenseAccountRef") or reference(item, "IncomeAccountRef")
        posting.debit(account or posting.system("OtherCostsOfServiceCos"), value)
        return
    shelf = reference(item, "AssetAccountRef") or posting.system("Inventory")
    posting.debit(shelf, value)
    if bought:
        item_id = str(item["Id"])
        posting.entries.append(Entry(shelf, ZERO, ZERO, ZERO, item=item_id, quantity=bought))


def _bill(posting: Posting, total: Decimal, sign: int = 1) -> None:
    vendor = reference(posting.record, "VendorRef")
    posting.credit(posting.payable(), sign * total, vendor=vendor)
    _expenses(posting, sign, vendor)


def _vendor_credit(posting: Posting, total: Decimal) -> None:
    _bill(posting, total, -1)


def _purchase(posting: Posting, total: Decimal) -> None:
    sign = -1 if posting.record.get("Credit") else 1
    payee = posting.record.get("EntityRef") or {}
    kind, payee_id = str(payee.get("type", "Vendor")).lower(), str(payee.get("value", ""))
    account = reference(posting.record, "AccountRef")
    posting.credit(account or UNEXPLAINED, sign * total)
    vendor = payee_id if kind == "vendor" else ""
    _expenses(posting, sign, vendor, payee_id if kind == "customer" else "")


def _journal_entry(posting: Posting, total: Decimal) -> None:
    del total
    for line in posting.record.get("Line") or []:
        detail = line.get("JournalEntryLineDetail") or {}
        sign = 1 if detail.get("PostingType") == "Debit" else -1
        party_id = reference(detail.get("Entity") or {}, "EntityRef")
        memo = str(line.get("Description", ""))
        party = {"customer": party_id, "vendor": party_id, "memo": memo}
        account = reference(detail, "AccountRef") or UNEXPLAINED
        posting.party_debit(account, sign * amount(line, "Amount"), party)


def _transfer(posting: Posting, total: Decimal) -> None:
    del total
    moved = amount(posting.record, "Amount")
    posting.credit(reference(posting.record, "FromAccountRef"), moved)
    posting.debit(reference(posting.record, "ToAccountRef"), moved)


def _card_payment(posting: Posting, total: Decimal) -> None:
    del total
    paid = amount(posting.record, "Amount")
    posting.credit(reference(posting.record, "BankAccountRef"), paid)
    posting.debit(reference(posting.record, "CreditCardAccountRef"), paid)


def _deposit(posting: Posting, total: Decimal) -> None:
    record = posting.record
    posting.debit(reference(record, "DepositToAccountRef") or UNEXPLAINED, total)
    back = record.get("CashBack") or {}
    posting.debit(reference(back, "AccountRef") or UNEXPLAINED, amount(back, "Amount"))
    for line in record.get("Line") or []:
        value, memo = -amount(line, "Amount"), str(line.get("Description", ""))
        if line.get("LinkedTxn"):
            _, payment = find_target(posting.company, line["LinkedTxn"][0])
            held = reference(payment or {}, "DepositToAccountRef")
            posting.debit(held or posting.system("UndepositedFunds"), value, memo=memo)
            continue
        detail = line.get("DepositLineDetail") or {}
        from_whom = str((detail.get("Entity") or {}).get("value", ""))
        party = {"customer": from_whom, "vendor": from_whom, "memo": memo}
        posting.party_debit(reference(detail, "AccountRef") or UNEXPLAINED, value, party)


RULES: dict[str, Callable[[Posting, Decimal], None]] = {
    "Invoice": _invoice,
    "CreditMemo": _credit_memo,
    "Payment": _payment,
    "SalesReceipt": _sales_receipt,
    "RefundReceipt": _refund_receipt,
    "Bill": _bill,
    "VendorCredit": _vendor_credit,
    "BillPayment": _bill_payment,
    "Purchase": _purchase,
    "JournalEntry": _journal_entry,
    "Transfer": _transfer,
    "Deposit": _deposit,
    "CreditCardPayment": _card_payment,
}
