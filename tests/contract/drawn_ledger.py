"""Random bodies of journal entries, transfers, deposits, attachments and of the company.

As `drawn_documents`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.contract.drawn_documents import Drawing

JOURNAL, DEPOSIT = "JournalEntryLineDetail", "DepositLineDetail"
#: The accounts of a history: bank, card, income, expense, undeposited, receivable, payable.
BANK, CARD, INCOME, EXPENSE, UNDEPOSITED, RECEIVABLE, PAYABLE = map(str, range(1, 8))
_PARTIES = {RECEIVABLE: "Customer", PAYABLE: "Vendor"}

Body = dict[str, Any]


def journal_entry(drawing: Drawing) -> Body:
    """Two or three lines, which mostly balance and mostly name whom they must."""
    value = drawing.amount()
    amounts = [value] if drawing.often(0.7) else [value, Decimal(5)]
    lines = [_entry(drawing, "Debit", each) for each in amounts]
    total = sum(amounts, Decimal(0)) if drawing.often(0.85) else drawing.amount()
    lines.append(_entry(drawing, "Credit", total))
    if drawing.often(0.2):
        lines.insert(1, {"DetailType": "DescriptionOnly", "Description": "why"})
    body: Body = {"Line": lines}
    if drawing.often(0.2):
        body["DepartmentRef"] = drawing.reference("Department")
    return body


def _entry(drawing: Drawing, side: str, amount: Decimal) -> Body:
    account = drawing.random.choice([BANK, CARD, INCOME, EXPENSE, RECEIVABLE, PAYABLE])
    detail: Body = {"PostingType": side, "AccountRef": {"value": account}}
    if account in _PARTIES or drawing.often(0.2):
        kind = _PARTIES.get(account, "Customer")
        if drawing.often(0.1):
            kind = drawing.random.choice(["Customer", "Vendor"])
        detail["Entity"] = {"Type": kind, "EntityRef": drawing.reference(kind)}
    for name in ("Class", "Department"):
        if drawing.often(0.2):
            detail[f"{name}Ref"] = drawing.reference(name)
    return {"Amount": amount, "DetailType": JOURNAL, JOURNAL: detail}


def transfer(drawing: Drawing) -> Body:
    """Between two accounts that mostly can."""
    choices = [BANK, CARD, CARD, UNDEPOSITED, UNDEPOSITED, INCOME, RECEIVABLE]
    body: Body = {"Amount": drawing.amount() if drawing.often(0.9) else Decimal(0)}
    for name in ("FromAccountRef", "ToAccountRef"):
        body[name] = {"value": drawing.random.choice(choices)}
    if drawing.often(0.2):
        body["ClassRef"] = drawing.reference("Class")
    return body


def deposit(drawing: Drawing) -> Body:
    """Payments that mostly are there to be deposited, refunds, and money from accounts."""
    payments = drawing.books.all("Payment")
    count = min(len(payments), drawing.random.randint(0, 2))
    lines = [_taken(drawing, each) for each in drawing.random.sample(payments, k=count)]
    refunds = drawing.books.all("RefundReceipt")
    if refunds and drawing.often(0.4):
        lines.append(_taken(drawing, drawing.random.choice(refunds), "RefundReceipt"))
    if not lines or drawing.often(0.5):
        lines.append(_from_account(drawing))
    body: Body = {"DepositToAccountRef": {"value": BANK}, "Line": lines}
    if drawing.often(0.3):
        back = {"AccountRef": {"value": UNDEPOSITED}, "Amount": drawing.amount()}
        body["CashBack"] = back
    if drawing.often(0.2):
        body["DepartmentRef"] = drawing.reference("Department")
    return body


def _taken(drawing: Drawing, payment: Body, kind: str = "Payment") -> Body:
    link = {"TxnId": payment["Id"], "TxnType": kind, "TxnLineId": "0"}
    sign = -1 if kind == "RefundReceipt" and drawing.often(0.9) else 1
    if drawing.often(0.05):
        link["TxnType"] = drawing.random.choice(["Invoice", "Purchase", "SalesReceipt"])
    amount = payment["TotalAmt"] if drawing.often(0.9) else drawing.amount()
    return {"Amount": sign * amount, "LinkedTxn": [link]}


def _from_account(drawing: Drawing) -> Body:
    account = drawing.random.choice([CARD, INCOME, EXPENSE, RECEIVABLE, PAYABLE])
    detail: Body = {"AccountRef": {"value": account}}
    if account in _PARTIES and drawing.often(0.9):
        kind = _PARTIES[account]
        detail["Entity"] = {**drawing.reference(kind), "type": kind.upper()}
    if drawing.often(0.2):
        detail["ClassRef"] = drawing.reference("Class")
    amount = drawing.amount() * (-1 if drawing.often(0.1) else 1)
    return {"Amount": amount, "DetailType": DEPOSIT, DEPOSIT: detail}


def attachable(drawing: Drawing) -> Body:
    """A file or a note, mostly of something bought."""
    ending = "png" if drawing.often(0.9) else "exe"
    body: Body = {"FileName": f"{drawing.random.randint(1, 9)}.{ending}"}
    if drawing.often(0.2):
        body = {"Note": "paid in cash"}
    kind = drawing.random.choice(["Purchase", "Bill", "VendorCredit", "Invoice", "Ship"])
    ids = [each["Id"] for each in drawing.books.all(kind)] if kind != "Ship" else []
    owner = {"type": kind, "value": drawing.random.choice(ids or ["98765"])}
    if drawing.often(0.9):
        body["AttachableRef"] = [{"EntityRef": owner}]
    return body


def company(drawing: Drawing) -> Body:
    """What people change of the company."""
    letter = drawing.random.choice("ABC")
    return {
        "CompanyName": f"Company {letter}",
        "LegalName": f"Company {letter} Inc.",
        "CompanyAddr": {"Line1": f"{letter} Street", "Country": "USA"},
        "Email": {"Address": f"{letter}@example.com"},
        "FiscalYearStartMonth": drawing.random.choice(["January", "July"]),
        "Country": "FR",
    }


LEDGER_BODIES: dict[str, Callable[[Drawing], Body]] = {
    "Attachable": attachable,
    "CompanyInfo": company,
    "Deposit": deposit,
    "JournalEntry": journal_entry,
    "Transfer": transfer,
}
