"""What records post to the general ledger, by double entry: debits positive, credits negative.

A record type declares its rule (`models.posting_rules`), which reads a record's canonical content
and what it refers to in `Books`, and enters its amounts in a `Journal`: in the document's currency
and, at the rate that QuickBooks reports for the document, in the home currency.

What the platform cannot place, because QuickBooks alone knows the account, is left over and named:
it is never put somewhere by guess. Source: reference quickbooks-api, sections 10.3 to 10.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal

from models.money import currency_decimals
from models.records import Content

ZERO = Decimal(0)
RECEIVABLE, PAYABLE = "Accounts Receivable", "Accounts Payable"
#: QuickBooks's account types, by what they are; all others are debits by nature (section 10.3).
LIABILITIES = frozenset({PAYABLE, "Credit Card", "Other Current Liability", "Long Term Liability"})
EQUITY = frozenset({"Equity"})
INCOME = frozenset({"Income", "Other Income"})
EXPENSES = frozenset({"Expense", "Other Expense", "Cost of Goods Sold"})
#: What an account is called that the chart of accounts lacks: this and its subtype.
STAND_IN = "@"


@dataclass(frozen=True)
class Posting:
    """One line of the general ledger, debit-positive."""

    #: Canonical reference such as "account:12", or a stand-in such as "@UndepositedFunds".
    account: str
    #: In the document's currency.
    amount: Decimal
    #: In the home currency.
    home: Decimal
    #: Who owes it or is owed it, such as "customer:4"; "" off receivables and payables.
    party: str = ""


@dataclass(frozen=True)
class Posted:
    """What one record posts."""

    postings: tuple[Posting, ...]
    #: In the home currency: what balances the postings and stands on an account that only
    #: QuickBooks knows.
    unplaced: Decimal = ZERO
    #: Why, in words, where something is unplaced.
    unplaced_because: str = ""
    #: Accounts on which QuickBooks also values goods, by a cost that the platform does not have.
    valued: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Books:
    """The records of one side that postings refer to, by canonical reference.

    Accounts stand in QuickBooks's own order: the first active one of a subtype is the default.
    """

    home_currency: str
    records: Mapping[str, Content]
    _by_subtype: dict[tuple[str, str], str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for reference, content in self.records.items():
            if not reference.startswith("account:") or content.get("active") is False:
                continue
            currency = content.get("currency") or self.home_currency
            for kind in (content.get("subtype"), content.get("type")):
                if kind:
                    self._by_subtype.setdefault((kind, currency), reference)

    def get(self, reference: str | None) -> Content:
        """A record's content; empty where it is not known."""
        return self.records.get(reference or "", {})

    def account(self, *subtypes: str, currency: str = "") -> str:
        """The first active account of one of these subtypes or types, or a stand-in."""
        for subtype in subtypes:
            found = self._by_subtype.get((subtype, currency or self.home_currency))
            if found is not None:
                return found
        return f"{STAND_IN}{subtypes[0].replace(' ', '')}"


#: What a record with this content posts.
Rule = Callable[[Content, Books], Posted]


class Journal:
    """Collects what one record posts."""

    def __init__(self, content: Content, books: Books) -> None:
        self.books = books
        self.currency = content.get("currency") or books.home_currency
        self.rate = self._rate_of(content)
        self._postings: list[Posting] = []
        self._unplaced: list[str] = []
        self._valued: set[str] = set()

    @property
    def is_foreign(self) -> bool:
        """Whether the document is in another currency than the company's books."""
        return self.currency != self.books.home_currency

    def _rate_of(self, content: Content) -> Decimal:
        if not self.is_foreign:
            return Decimal(1)
        return content.get("exchange_rate") or Decimal(1)

    def rate_of(self, reference: str | None) -> Decimal:
        """The rate at which another document was booked; this one's where it is not known."""
        if not self.is_foreign:
            return Decimal(1)
        return self.books.get(reference).get("exchange_rate") or self.rate

    def at(self, amount: Decimal, rate: Decimal) -> Decimal:
        """An amount in the home currency."""
        step = Decimal(1).scaleb(-currency_decimals(self.books.home_currency))
        return (amount * rate).quantize(step, rounding=ROUND_HALF_UP)

    def debit(
        self,
        account: str,
        amount: Decimal | None,
        *,
        home: Decimal | None = None,
        party: str = "",
    ) -> None:
        """Add to an account; home where it is not the amount at the document's own rate."""
        amount = amount or ZERO
        home = self.at(amount, self.rate) if home is None else home
        if amount or home:
            self._postings.append(Posting(account, amount, home, party))

    def credit(self, account: str, amount: Decimal | None, *, party: str = "") -> None:
        """Take from an account."""
        self.debit(account, -(amount or ZERO), party=party)

    def unplaced(self, words: str) -> None:
        """Say why something of this record has no account on the platform."""
        if words not in self._unplaced:
            self._unplaced.append(words)

    def valued(self, *accounts: str | None) -> None:
        """Note accounts that QuickBooks values goods on."""
        self._valued |= {each for each in accounts if each}

    def posted(self) -> Posted:
        """The postings, and what is left over."""
        left = sum((each.home for each in self._postings), ZERO)
        foreign = sum((each.amount for each in self._postings), ZERO)
        if left and self.is_foreign and not foreign and len(self._postings) > 1:
            # each amount was rounded by itself; the last one takes the difference
            self._postings[-1] = replace(self._postings[-1], home=self._postings[-1].home - left)
            left = ZERO
        because = ", ".join(self._unplaced) or "its parts do not add up to its total"
        return Posted(
            tuple(self._postings), -left, because if left else "", frozenset(self._valued)
        )
