"""The rule of each kind of document: which accounts it debits and credits (10.4 to 10.7)."""

from __future__ import annotations

from decimal import Decimal

from models.postings import PAYABLE, RECEIVABLE, ZERO, Books, Journal, Posted
from models.records import Content

UNDEPOSITED = ("UndepositedFunds",)
SALES_TAX = ("SalesTaxPayable", "GlobalTaxPayable")
DISCOUNTS = ("DiscountsRefundsGiven",)
EXCHANGE_GAIN = ("ExchangeGainOrLoss",)
RETAINED_EARNINGS = ("RetainedEarnings",)


def invoice(content: Content, books: Books) -> Posted:
    """Receivable from the customer against income, tax and discounts."""
    return _sale(content, books, 1)


def credit_memo(content: Content, books: Books) -> Posted:
    """The reverse of an invoice."""
    return _sale(content, books, -1)


def refund_receipt(content: Content, books: Books) -> Posted:
    """Income, tax and discounts given back in money: nobody owes more or less than before."""
    journal = Journal(content, books)
    paid_from = content.get("payment_account") or books.account(*UNDEPOSITED)
    journal.credit(paid_from, content.get("total"))
    _sold(journal, content, -1)
    return journal.posted()


def _sale(content: Content, books: Books, sign: int) -> Posted:
    journal = Journal(content, books)
    deposit = content.get("deposit") or ZERO
    if deposit:
        journal.unplaced("the account of what was paid when it was issued")
    owed = (content.get("total") or ZERO) - deposit
    receivable = books.account("AccountsReceivable", RECEIVABLE, currency=journal.currency)
    journal.debit(receivable, sign * owed, party=content.get("customer") or "")
    _sold(journal, content, sign)
    return journal.posted()


def _sold(journal: Journal, content: Content, sign: int) -> None:
    """The income, discounts and tax of a sales form."""
    for line in content.get("lines") or ():
        _sales_line(journal, line, sign)
    tax = sign * (content.get("tax_total") or ZERO)
    journal.credit(journal.books.account(*SALES_TAX), tax)


def _sales_line(journal: Journal, line: Content, sign: int) -> None:
    kind, amount = line["kind"], sign * (line.get("amount") or ZERO)
    if kind in ("discount", "percent_discount"):
        journal.debit(journal.books.account(*DISCOUNTS), amount)
        return
    item = journal.books.get(line.get("item")) if kind == "item" else {}
    if item.get("kind") == "inventory" and line.get("quantity"):
        journal.valued(item.get("asset_account"), item.get("expense_account"))
    if item.get("income_account"):
        journal.credit(item["income_account"], amount)
    elif amount or kind == "bundle":
        words = {"shipping": "the account of shipping", "bundle": "the parts of a bundle"}
        journal.unplaced(words.get(kind, "the account of a line without a known item"))


def payment(content: Content, books: Books) -> Posted:
    """Money in against what customers owe."""
    journal = Journal(content, books)
    total = content.get("amount") or ZERO
    account = content.get("deposit_account") or books.account(*UNDEPOSITED)
    journal.debit(account, total)
    receivable = books.account("AccountsReceivable", RECEIVABLE, currency=journal.currency)
    _settle(journal, content, receivable, "customer", -total)
    return journal.posted()


def bill_payment(content: Content, books: Books) -> Posted:
    """Money out against what vendors are owed."""
    journal = Journal(content, books)
    total = content.get("amount") or ZERO
    paid_from = content.get("bank_account") or content.get("card_account")
    if paid_from:
        journal.credit(paid_from, total)
    else:
        journal.unplaced("the account that paid")
    payable = books.account("AccountsPayable", PAYABLE, currency=journal.currency)
    _settle(journal, content, payable, "vendor", total)
    return journal.posted()


def _settle(
    journal: Journal, content: Content, account: str, party_field: str, total: Decimal
) -> None:
    """Debit what is settled, per party, each part at the rate that it was booked at.

    total is debit-positive. What no line settles stays with who paid. The difference between the
    rates is a gain or loss.
    """
    payer = content.get(party_field) or ""
    direction = -1 if party_field == "customer" else 1
    left, booked_all = total, ZERO
    for line in content.get("lines") or ():
        settled = line.get(line["kind"])
        if line["kind"] == "other" or settled is None:
            continue
        lends = line["kind"] in ("credit_memo", "vendor_credit")
        amount = (line.get("amount") or ZERO) * (-direction if lends else direction)
        booked = journal.at(amount, journal.rate_of(settled))
        party = journal.books.get(settled).get(party_field) or payer
        journal.debit(account, amount, home=booked, party=party)
        left -= amount
        booked_all += booked
    rest = journal.at(left, journal.rate)
    journal.debit(account, left, home=rest, party=payer)
    gain = journal.at(total, journal.rate) - booked_all - rest
    if gain:
        journal.debit(journal.books.account(*EXCHANGE_GAIN), ZERO, home=gain)


def expense(content: Content, books: Books) -> Posted:
    """What was bought against the account that paid."""
    journal = Journal(content, books)
    sign = -1 if content.get("is_refund") else 1
    if content.get("payment_account"):
        journal.credit(content["payment_account"], sign * (content.get("total") or ZERO))
    _purchase_lines(journal, content, sign, str(content.get("payee") or ""))
    return journal.posted()


def bill(content: Content, books: Books) -> Posted:
    """What was bought against what the vendor is owed."""
    return _owed_purchase(content, books, 1)


def vendor_credit(content: Content, books: Books) -> Posted:
    """The reverse of a bill."""
    return _owed_purchase(content, books, -1)


def _owed_purchase(content: Content, books: Books, sign: int) -> Posted:
    journal = Journal(content, books)
    vendor = content.get("vendor") or ""
    payable = content.get("payable_account") or books.account(
        "AccountsPayable", PAYABLE, currency=journal.currency
    )
    journal.credit(payable, sign * (content.get("total") or ZERO), party=vendor)
    _purchase_lines(journal, content, sign, vendor)
    return journal.posted()


def _purchase_lines(journal: Journal, content: Content, sign: int, payee: str) -> None:
    vendor = payee if payee.startswith("vendor:") else ""
    # a refund by expense says on its head, and need not say again on its line, who gets it back
    refunded = payee if payee.startswith("customer:") else ""
    for line in content.get("lines") or ():
        amount = sign * (line.get("amount") or ZERO)
        account = line.get("account") or _bought(journal.books.get(line.get("item")))
        if account:
            customer = line.get("customer") or refunded
            party = _party_on(journal.books, account, customer, vendor)
            journal.debit(account, amount, party=party)
        elif amount:
            journal.unplaced("the account of a line that the platform does not know")
    tax = sign * (content.get("tax_total") or ZERO)
    journal.debit(journal.books.account(*SALES_TAX), tax)


def _bought(item: Content) -> str | None:
    """The account that buying an item debits: goods go on the shelf, all else is spent."""
    if item.get("kind") == "inventory":
        return item.get("asset_account")
    return item.get("expense_account") or item.get("income_account")


def _party_on(books: Books, account: str, customer: str, vendor: str) -> str:
    """Who a line on receivables or payables is about; lines on other accounts are about nobody."""
    by_type = {RECEIVABLE: customer, PAYABLE: vendor}
    return by_type.get(books.get(account).get("type") or "", "")


def journal_entry(content: Content, books: Books) -> Posted:
    """Its lines, as they are."""
    journal = Journal(content, books)
    for line in content.get("lines") or ():
        if line["kind"] == "entry" and line.get("account"):
            amount = line.get("amount") or ZERO
            party = str(line.get("party") or "")
            named = _party_on(books, line["account"], party, party)
            signed = amount if line.get("posting") == "debit" else -amount
            journal.debit(line["account"], signed, party=named)
    return journal.posted()


def transfer(content: Content, books: Books) -> Posted:
    """From one account to the other."""
    journal = Journal(content, books)
    if content.get("from_account") and content.get("to_account"):
        journal.credit(content["from_account"], content.get("amount"))
        journal.debit(content["to_account"], content.get("amount"))
    return journal.posted()


def deposit(content: Content, books: Books) -> Posted:
    """Money brought to the bank: out of Undeposited Funds, or straight from other accounts."""
    journal = Journal(content, books)
    if content.get("deposit_account"):
        journal.debit(content["deposit_account"], content.get("total"))
    if content.get("cash_back_account"):
        journal.debit(content["cash_back_account"], content.get("cash_back_amount"))
    for line in content.get("lines") or ():
        held = line.get("account") or books.get(line.get("payment")).get("deposit_account")
        held = held or books.get(line.get("refund_receipt")).get("payment_account")
        # what QuickBooks takes to the bank waits in Undeposited Funds (10.6)
        account = held or books.account(*UNDEPOSITED)
        party = str(line.get("party") or "")
        journal.credit(account, line.get("amount"), party=_party_on(books, account, party, party))
    return journal.posted()
