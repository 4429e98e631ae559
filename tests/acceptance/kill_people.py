"""People who work on both sides at random, and what they wrote.

Every text is written once and never again, so the end state explains itself: where a text is, and
who took it away. People look before they write (the version of the row, the SyncToken), so nobody
overwrites what they could not see.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.fixtures.company import Office, RefusedError, invoice, payment, purchase

#: What people write; found again inside any longer text.
WORD = re.compile(r"w\d+x")
MARKER = re.compile(r"QS-\w{13}")
ENTITIES = {
    "invoice": "Invoice",
    "payment": "Payment",
    "expense": "Purchase",
    "customer": "Customer",
}
TABLES = {
    "invoice": "invoices",
    "payment": "payments",
    "expense": "expenses",
    "customer": "customers",
}
#: Where people write: the field of each record type on both sides.
TEXT_FIELDS = {
    "invoice": ("PrivateNote", "memo"),
    "payment": ("PrivateNote", "memo"),
    "expense": ("PrivateNote", "memo"),
    "customer": ("Notes", "notes"),
}
CUSTOMERS = ("2", "3", "4", "5", "6")


@dataclass(frozen=True)
class Written:
    """A text that a person wrote into a record."""

    word: str
    record_type: str
    side: str
    side_id: str
    #: Words that stood there before, which the person saw.
    seen: frozenset[str]
    #: Whether the record was made with it.
    created: bool


@dataclass
class People:
    """Somebody in QuickBooks and somebody on the platform."""

    office: Office
    random: Random
    written: list[Written] = field(default_factory=list)
    #: (record type, side, id) of what they deleted.
    deleted: set[tuple[str, str, str]] = field(default_factory=set)
    #: What they did, for the story.
    story: list[str] = field(default_factory=list)
    _count: int = 0

    def work(self, times: int) -> None:
        """Do something so many times."""
        actions: list[tuple[Callable[[], None], int]] = [
            (self._add_on_platform, 6),
            (self._add_in_quickbooks, 4),
            (self._edit_on_platform, 6),
            (self._edit_in_quickbooks, 6),
            (self._pay_in_quickbooks, 2),
            (self._change_amount_in_quickbooks, 2),
            (self._delete_on_platform, 2),
            (self._delete_in_quickbooks, 2),
            (self._void_on_platform, 1),
            (self._void_in_quickbooks, 1),
        ]
        chosen = self.random.choices(
            [each for each, _ in actions], [weight for _, weight in actions], k=times
        )
        for action in chosen:
            try:
                action()
            except RefusedError as error:  # somebody else was faster, or QuickBooks has a rule
                self.story.append(f"{action.__name__}: refused: {str(error)[:120]}")

    def work_beside(self, times: int, *, platform_only: bool) -> None:
        """Do something while a cycle is running."""
        if not platform_only:
            self.work(times)
            return
        for _ in range(times):
            self.random.choice((self._add_on_platform, self._edit_on_platform))()

    # -- words --

    def _word(self) -> str:
        self._count += 1
        return f"w{self._count}x"

    def _amount(self) -> Decimal:
        return Decimal(1000 + 7 * self._count + self.random.randrange(7)) / 100

    def _wrote(
        self, word: str, record_type: str, side: str, side_id: str, seen: object, *, created: bool
    ) -> None:
        words = frozenset(WORD.findall(str(seen or "")))
        self.written.append(Written(word, record_type, side, side_id, words, created))
        verb = "creates" if created else f"overwrites {sorted(words)} of"
        self.story.append(f"{side}: {verb} {record_type} {side_id} with {word}")

    # -- on the platform --

    def _add_on_platform(self) -> None:
        of, add = self.office.platform.id_of, self.office.platform.add
        record_type = self.random.choice(("invoice", "invoice", "expense", "payment", "customer"))
        word, amount = self._word(), self._amount()
        day = date(2026, 11, 1) + timedelta(days=self.random.randrange(20))
        customer = of("Customer", self.random.choice(CUSTOMERS))
        if record_type == "invoice":
            line = {"kind": "item", "item_id": of("Item", "2"), "amount": amount}
            row = add("invoice", customer_id=customer, issued_on=day, memo=word, lines=[line])
        elif record_type == "expense":
            line = {"kind": "account", "account_id": of("Account", "31"), "amount": amount}
            row = add(
                "expense",
                payment_method="cash",
                payment_account_id=of("Account", "3"),
                spent_on=day,
                status="approved",
                memo=word,
                lines=[line],
            )
        elif record_type == "payment":
            row = add("payment", customer_id=customer, received_on=day, amount=amount, memo=word)
        else:
            row = add("customer", name=f"Newcomer {word}", notes=word)
        self._wrote(word, record_type, "platform", str(row), "", created=True)

    def _a_row(self, record_type: str) -> dict[str, Any] | None:
        rows = self.office.platform.rows(record_type)
        return self.random.choice(rows) if rows else None

    def _change_row(
        self, record_type: str, row: dict[str, Any], column: str, value: object
    ) -> bool:
        """Change a row if it is still as it was seen."""
        statement = (
            f"UPDATE {TABLES[record_type]} SET {column} = :value "
            "WHERE id = :id AND version = :version AND deleted_at IS NULL"
        )
        return bool(
            self.office.platform.sql(statement, value=value, id=row["id"], version=row["version"])
        )

    def _edit_on_platform(self) -> None:
        record_type = self.random.choice(tuple(ENTITIES))
        row, column, word = self._a_row(record_type), TEXT_FIELDS[record_type][1], self._word()
        if row is not None and self._change_row(record_type, row, column, word):
            seen = row[column]
            self._wrote(word, record_type, "platform", str(row["id"]), seen, created=False)

    def _delete_on_platform(self) -> None:
        record_type = self.random.choice(("invoice", "payment", "expense"))
        row = self._a_row(record_type)
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", timespec="microseconds")
        if row is not None and self._change_row(record_type, row, "deleted_at", now):
            self.deleted.add((record_type, "platform", str(row["id"])))
            self.story.append(f"platform: deletes {record_type} {row['id']}")

    def _void_on_platform(self) -> None:
        row = self._a_row("invoice")
        if row is not None and self._change_row("invoice", row, "status", "voided"):
            self.story.append(f"platform: voids invoice {row['id']}")

    # -- in QuickBooks --

    def _add_in_quickbooks(self) -> None:
        record_type = self.random.choice(("invoice", "invoice", "expense", "payment", "customer"))
        word, customer = self._word(), self.random.choice(CUSTOMERS)
        bodies = {
            "invoice": lambda: invoice(customer, self._amount(), PrivateNote=word),
            "expense": lambda: purchase(self._amount(), PrivateNote=word),
            "payment": lambda: payment(customer, self._amount(), PrivateNote=word),
            "customer": lambda: {"DisplayName": f"Newcomer {word}", "Notes": word},
        }
        booked = self.office.books.create(ENTITIES[record_type], bodies[record_type]())
        self._wrote(word, record_type, "quickbooks", booked["Id"], "", created=True)

    def _a_booked(self, record_type: str, where: str = "") -> dict[str, Any] | None:
        found = self.office.books.find(ENTITIES[record_type], where)
        return self.random.choice(found) if found else None

    def _change_booked(
        self, record_type: str, booked: dict[str, Any], operation: str = "", **values: Any
    ) -> None:
        """Change a record if it is still as it was seen; QuickBooks refuses it otherwise."""
        key = {"Id": booked["Id"], "SyncToken": booked["SyncToken"]}
        parameters = {"operation": operation} if operation else {}
        body = key if operation else {**key, "sparse": True, **values}
        self.office.books._post(ENTITIES[record_type], body, **parameters)

    def _edit_in_quickbooks(self) -> None:
        record_type = self.random.choice(tuple(ENTITIES))
        booked, name = self._a_booked(record_type), TEXT_FIELDS[record_type][0]
        if booked is None:
            return
        word, seen = self._word(), str(booked.get(name) or "")
        marker = MARKER.search(seen)
        kept = marker is not None and self.random.random() < 0.7
        text = f"{word}\n{marker[0]}" if marker and kept else word
        self._change_booked(record_type, booked, **{name: text})
        self._wrote(word, record_type, "quickbooks", booked["Id"], seen, created=False)

    def _pay_in_quickbooks(self) -> None:
        booked = self._a_booked("invoice", "Balance > '0'")
        if booked is None:
            return
        word, customer = self._word(), booked["CustomerRef"]["value"]
        body = payment(customer, booked["Balance"], booked["Id"], PrivateNote=word)
        paid = self.office.books.create("Payment", body)
        self._wrote(word, "payment", "quickbooks", paid["Id"], "", created=True)

    def _change_amount_in_quickbooks(self) -> None:
        booked = self._a_booked("expense")
        if booked is not None:
            line = purchase(self._amount())["Line"]
            self._change_booked("expense", booked, Line=line)
            self.story.append(f"quickbooks: changes the amount of expense {booked['Id']}")

    def _delete_in_quickbooks(self) -> None:
        record_type = self.random.choice(("invoice", "payment", "expense"))
        booked = self._a_booked(record_type)
        if booked is not None:
            self._change_booked(record_type, booked, "delete")
            self.deleted.add((record_type, "quickbooks", booked["Id"]))
            self.story.append(f"quickbooks: deletes {record_type} {booked['Id']}")

    def _void_in_quickbooks(self) -> None:
        booked = self._a_booked("invoice")
        if booked is not None:
            self._change_booked("invoice", booked, "void")
            self.story.append(f"quickbooks: voids invoice {booked['Id']}")
