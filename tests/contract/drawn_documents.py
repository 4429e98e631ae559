"""Random bodies of documents, for histories that two books go through alike.

Half of what is drawn should go well, and the rest be refused for every reason there is: small
amounts, few parties and taken numbers make sure of both.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator.entities import ENTITIES as DECLARED
from emulator.writing.references import SHIPPING_ITEM
from tests.contract.drawn_ledger import BANK, LEDGER_BODIES, UNDEPOSITED

if TYPE_CHECKING:
    from tests.simulation.books import Books

ITEM_LINE = "SalesItemLineDetail"
ACCOUNT_LINE = "AccountBasedExpenseLineDetail"
EXPENSE_ITEM_LINE = "ItemBasedExpenseLineDetail"
#: Whoever pays -> what it may settle, and the credit that helps.
_SETTLED = {"Payment": ("Invoice", "CreditMemo"), "BillPayment": ("Bill", "VendorCredit")}

Body = dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """What is drawn from, and the books whose records are referred to.

    The accounts 1 to 4 are a bank, a card, income and expense; see also `drawn_ledger`.
    """

    random: random.Random
    books: Books

    def document(self, entity: str) -> Body:
        """A body that creates such a document, if all goes well."""
        if not DECLARED[entity].is_transaction:
            return LEDGER_BODIES[entity](self)
        head: Body = {"TxnDate": f"2026-09-{self.random.randint(1, 20):02}"}
        if self.random.random() < 0.4 and entity != "Payment":
            head["DocNumber"] = str(self.random.randint(1, 15))
        return {**head, **_BODIES[entity](self)}

    def reference(self, entity: str) -> Body:
        """Some record of a list; rarely one that is not there."""
        ids = [each["Id"] for each in self.books.all(entity)]
        return {"value": self.random.choice([*ids, "999"] if len(ids) < 2 else ids)}

    def amount(self) -> Decimal:
        """Few amounts, so that they meet."""
        return Decimal(self.random.choice(["0.01", "5.00", "10.00", "99.99", "1000"]))

    def often(self, share: float) -> bool:
        """Whether it happens this time."""
        return self.random.random() < share

    # -- sales --

    def invoice(self) -> Body:
        """Items, bundles, shipping, discounts; now and then a deposit."""
        body = self.credit_memo()
        if self.often(0.3):
            body["Deposit"] = self.amount()
        if self.often(0.2):
            body["SalesTermRef"] = self.reference("Term")
        return body

    def credit_memo(self) -> Body:
        """As an invoice, without what is only an invoice's."""
        body: Body = {"CustomerRef": self.reference("Customer"), "Line": self._sold()}
        if self.often(0.2):
            body["TxnTaxDetail"] = {"TotalTax": Decimal("1.25")}
        return body

    def refund_receipt(self) -> Body:
        """As a credit memo, paid out of a bank or of Undeposited Funds; now and then to nobody."""
        body = self.credit_memo()
        if self.often(0.1):
            del body["CustomerRef"]
        if self.often(0.95):
            body["DepositToAccountRef"] = {"value": self.random.choice([BANK, UNDEPOSITED])}
        if self.often(0.3):
            body["PaymentMethodRef"] = self.reference("PaymentMethod")
        return body

    def _sold(self) -> list[Body]:
        lines = [self._sold_line() for _ in range(self.random.randint(1, 3))]
        if self.often(0.3):
            detail = {"PercentBased": True, "DiscountPercent": Decimal("7.5")}
            lines.append({"DetailType": "DiscountLineDetail", "DiscountLineDetail": detail})
        return lines

    def _sold_line(self) -> Body:
        which = self.random.random()
        if which < 0.15:
            bundle = {"GroupItemRef": self._bundle(), "Quantity": self.random.choice([1, 2, 3])}
            return {"DetailType": "GroupLineDetail", "GroupLineDetail": bundle}
        if which < 0.25:
            return {"DetailType": "DescriptionOnly", "Description": "as agreed"}
        item = {"value": SHIPPING_ITEM} if which < 0.4 else self.reference("Item")
        return {"Amount": self.amount(), "DetailType": ITEM_LINE, ITEM_LINE: {"ItemRef": item}}

    def _bundle(self) -> Body:
        items = self.books.all("Item")
        bundles = [each["Id"] for each in items if each.get("Type") == "Group"]
        # an edit may have made the only one a service, whose parts are none
        return {"value": self.random.choice(bundles)} if bundles else self.reference("Item")

    def payment(self) -> Body:
        """Of a customer, for some invoices."""
        lines = self._applied("Payment")
        total = Decimal(0) if self.often(0.2) else self.amount()
        return {"CustomerRef": self.reference("Customer"), "TotalAmt": total, "Line": lines}

    # -- purchases --

    def purchase(self) -> Body:
        """Money spent, from a bank or by card."""
        kinds = [("Cash", "1"), ("Check", "1"), ("CreditCard", "2")]
        kind, account = self.random.choice(kinds)
        body: Body = {"PaymentType": kind, "AccountRef": {"value": account}, "Line": self._spent()}
        if self.often(0.3):
            body["Credit"] = True
        if self.often(0.5):
            payee = self.random.choice(["Vendor", "Customer"])
            body["EntityRef"] = {**self.reference(payee), "type": payee}
        return body

    def bill(self) -> Body:
        """Owed to a vendor."""
        body: Body = {"VendorRef": self.reference("Vendor"), "Line": self._spent()}
        if self.often(0.2):
            body["SalesTermRef"] = self.reference("Term")
        return body

    def vendor_credit(self) -> Body:
        """Owed back by a vendor."""
        return {"VendorRef": self.reference("Vendor"), "Line": self._spent()}

    def _spent(self) -> list[Body]:
        return [self._spent_line() for _ in range(self.random.randint(1, 2))]

    def _spent_line(self) -> Body:
        kind, detail = ACCOUNT_LINE, {"AccountRef": {"value": self.random.choice(["1", "4"])}}
        if self.often(0.2):
            kind, detail = EXPENSE_ITEM_LINE, {"ItemRef": self.reference("Item")}
        if self.often(0.3):
            detail["CustomerRef"] = self.reference("Customer")
        return {"Amount": self.amount(), "DetailType": kind, kind: detail}

    def bill_payment(self) -> Body:
        """By check or card; the total often fits the lines."""
        lines = self._applied("BillPayment")
        signed = (
            -each["Amount"] if each["LinkedTxn"][0]["TxnType"] == "VendorCredit" else each["Amount"]
            for each in lines
        )
        fits = max(Decimal(0), sum(signed, Decimal(0)))
        body: Body = {
            "VendorRef": self._vendor_of(lines),
            "TotalAmt": fits if self.often(0.8) else self.amount(),
            "Line": lines,
        }
        if self.often(0.3):
            card = {"CCAccountRef": {"value": "2"}}
            return {**body, "PayType": "CreditCard", "CreditCardPayment": card}
        check = {"BankAccountRef": {"value": "1"}}
        return {**body, "PayType": "Check", "CheckPayment": check}

    def _vendor_of(self, lines: list[Body]) -> Body:
        """Whose bill is paid, mostly."""
        bills = {each["Id"]: each for each in self.books.all("Bill")}
        found = [
            bills[each["LinkedTxn"][0]["TxnId"]]
            for each in lines
            if each["LinkedTxn"][0]["TxnId"] in bills
        ]
        if found and self.often(0.9):
            return {"value": found[0]["VendorRef"]["value"]}
        return self.reference("Vendor")

    # -- what payments settle --

    def _applied(self, entity: str) -> list[Body]:
        """At most two documents, and a credit; half the time all that is open."""
        settled, credit = _SETTLED[entity]
        documents = self.books.all(settled)
        chosen = [
            (settled, each)
            for each in self.random.sample(
                documents, k=min(len(documents), self.random.randint(0, 2))
            )
        ]
        credits_open = self.books.all(credit)
        if credits_open and self.often(0.3):
            chosen.append((credit, self.random.choice(credits_open)))
        return [
            {
                "Amount": each["Balance"] if self.often(0.5) else self.amount(),
                "LinkedTxn": [{"TxnId": each["Id"], "TxnType": kind}],
            }
            for kind, each in chosen
        ]


_BODIES: dict[str, Callable[[Drawing], Body]] = {
    "Invoice": Drawing.invoice,
    "CreditMemo": Drawing.credit_memo,
    "RefundReceipt": Drawing.refund_receipt,
    "Payment": Drawing.payment,
    "Purchase": Drawing.purchase,
    "Bill": Drawing.bill,
    "VendorCredit": Drawing.vendor_credit,
    "BillPayment": Drawing.bill_payment,
    **LEDGER_BODIES,
}
