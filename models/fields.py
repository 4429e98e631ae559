"""The kinds of fields a record type is made of, and their codecs for both sides.

A field knows where its value stands in QuickBooks's JSON and in the platform's row, which values
are legal, and whose value counts. `models.codecs` walks over a record type's fields; nothing else
converts values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, ClassVar

from models.errors import FieldError
from models.money import currency_decimals, exact_decimal, kept_by_quickbooks
from models.records import References, Value
from models.words import Owner, Side

_SURROGATE = re.compile("[\ud800-\udfff]")
#: What QuickBooks appends to the names of inactive records (quickbooks-api 3.5).
DELETED_SUFFIX = " (deleted)"

#: Paths whose parts are kept: more than all record types declare.
PATHS_MAX = 4_096

Raw = Mapping[str, Any]
MutableRaw = MutableMapping[str, Any]


@lru_cache(PATHS_MAX)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def value_at(raw: Any, path: str) -> Any:
    """The value at a dotted path such as "CustomerRef.value" or "LinkedTxn.0.TxnId", or None."""
    if "." not in path and type(raw) is dict:  # as most paths and records are
        return raw.get(path)
    for part in _parts(path):
        # asking for a dict first spares most values the slower question for any mapping
        if type(raw) is dict or isinstance(raw, Mapping):
            raw = raw.get(part)
            if raw is None:
                return None
        elif isinstance(raw, list) and part.isdigit() and int(part) < len(raw):
            raw = raw[int(part)]
        else:
            return None
    return raw


@dataclass(frozen=True)
class Unreadable:
    """A stored value that another program left in a form that no type can read."""

    #: What is wrong with it, in words.
    reason: str


def column_value(row: Raw, column: str) -> Any:
    """A column's value.

    Raises:
        FieldError: where the stored value is unreadable.
    """
    value = row.get(column)
    if isinstance(value, Unreadable):
        raise FieldError(
            f"{column}: {value.reason}",
            code="not_exact",
            field=column,
            value=value.reason,
            fix=f"Store a value in {column} that its column promises: {value.reason}.",
        )
    return value


def put_at(raw: MutableRaw, path: str, value: Any) -> None:
    """Set the value at a dotted path, making the objects and lists on the way."""
    parts = path.split(".")
    node: Any = raw
    for part, following in pairwise(parts):
        empty: Any = [] if following.isdigit() else {}
        if isinstance(node, list):
            node.extend({} for _ in range(int(part) + 1 - len(node)))
            node = node[int(part)]
        else:
            if not isinstance(node.get(part), dict | list):
                node[part] = empty
            node = node[part]
    if isinstance(node, list):
        node.append(value)
    else:
        node[parts[-1]] = value


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a record type."""

    #: Canonical name.
    name: str
    #: Dotted path in QuickBooks's JSON, or "" where QuickBooks has no such field.
    quickbooks: str = ""
    #: Column on the platform; the canonical name by default.
    platform: str = ""
    #: Whose value counts. A field that QuickBooks computes is never sent.
    owner: Owner = Owner.BOTH
    #: A record without it is parked.
    required: bool = False
    #: Sent when the record is created, never afterwards (a party's currency, a given tax total).
    create_only: bool = False
    #: QuickBooks may store it in another spelling: what is read back is taken without a word.
    normalised: bool = False
    #: One sentence for the docs.
    meaning: str = ""

    kind: ClassVar[str] = "text"
    #: A record that lacks the field has no value of it; False where that says something by itself.
    absent_is_none: ClassVar[bool] = True

    @cached_property
    def column(self) -> str:
        """The platform column."""
        return self.platform or self.name

    @property
    def root(self) -> str:
        """The part of QuickBooks's record that the field stands in."""
        return self.quickbooks.partition(".")[0]

    def key(self, side: Side) -> str | None:
        """The part of a record without which the field has no value; None where no part says so."""
        if not self.absent_is_none:
            return None
        return self.root if side is Side.QUICKBOOKS else self.column

    @property
    def sent(self) -> bool:
        """Whether updates of this field go to QuickBooks."""
        return bool(self.quickbooks) and self.owner is not Owner.QUICKBOOKS and not self.create_only

    @property
    def sent_on_create(self) -> bool:
        """Whether creates carry this field to QuickBooks."""
        return bool(self.quickbooks) and (self.owner is not Owner.QUICKBOOKS or self.create_only)

    def checked(self, value: Any, currency: str) -> Value:
        """The canonical form of a raw value that is not None, or a FieldError."""
        raise AssertionError(f"{type(self).__name__} does not check values")

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """Read the field from QuickBooks's JSON."""
        value = value_at(raw, self.quickbooks) if self.quickbooks else None
        return None if value is None or value == "" else self.checked(value, currency)

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Write the field into a QuickBooks body; None clears it."""
        put_at(body, self.quickbooks, "" if value is None else self.plain_json(value))

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """Read the field from a platform row."""
        value = column_value(row, self.column)
        return None if value is None or value == "" else self.checked(value, currency)

    def into_platform(self, row: MutableRaw, value: Value, references: References) -> None:
        """Write the field into a platform row."""
        row[self.column] = value

    def plain_json(self, value: Value) -> Any:
        """The value as QuickBooks takes it in JSON."""
        return value

    def load(self, stored: Any) -> Value:
        """The canonical value from its stored JSON form."""
        return stored

    def wrong(self, value: Any, reason: str, *, code: str, fix: str) -> FieldError:
        """A FieldError about this field."""
        return FieldError(f"{self.name} {reason}", code=code, field=self.name, value=value, fix=fix)


#: A field, the part of a record without which it is None (`Field.key`), and what reads it.
Reader = tuple[Field, str | None, Callable[[Raw, References, str], Value]]


def read_by(reader: Reader, raw: Raw, references: References, currency: str) -> Value:
    """The value of a field, which is not even asked where the record lacks its key."""
    _, key, read = reader
    return None if key is not None and raw.get(key) is None else read(raw, references, currency)


def readers_of(fields: Iterable[Field]) -> dict[Side, tuple[Reader, ...]]:
    """How each side's records are read; many lack most fields, which the key tells at once."""
    return {
        Side.QUICKBOOKS: tuple((f, f.key(Side.QUICKBOOKS), f.from_quickbooks) for f in fields),
        Side.PLATFORM: tuple((f, f.key(Side.PLATFORM), f.from_platform) for f in fields),
    }


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text; empty means absent, outer white space does not count."""

    #: Longest text that QuickBooks takes (quickbooks-api 10.1); checked when validating.
    length_max: int = 4000
    #: QuickBooks appends " (deleted)" to the names of inactive records (section 3.5).
    deleted_suffix: bool = False

    def checked(self, value: Any, currency: str) -> Value:
        """Trimmed text with plain line ends."""
        if not isinstance(value, str):
            if isinstance(value, bool | float) or not isinstance(value, int | Decimal):
                raise self.wrong(
                    value,
                    f"is {value!r}, not a text",
                    code="not_text",
                    fix=f"Enter {self.name} as text.",
                )
            value = str(value)
        if not value.isascii() and _SURROGATE.search(value):
            raise self.wrong(
                value,
                "holds half a character (a lone surrogate)",
                code="not_text",
                fix=f"Type {self.name} again.",
            )
        text = value.replace("\r\n", "\n").strip()
        while self.deleted_suffix and text.endswith(DELETED_SUFFIX):
            text = text.removesuffix(DELETED_SUFFIX).rstrip()
        return text or None


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """An exact decimal that is not money: a quantity, rate or percentage, at most 7 decimals."""

    decimals_max: int = 7
    kind: ClassVar[str] = "number"

    def checked(self, value: Any, currency: str) -> Value:
        """An exact Decimal."""
        return exact_decimal(value, field=self.name, decimals_max=self.decimals_max)

    def load(self, stored: Any) -> Value:
        """Decimal from its stored text."""
        return None if stored is None else Decimal(stored)


@dataclass(frozen=True, kw_only=True)
class Money(Field):
    """An amount in the record's currency, with at most that currency's decimals."""

    kind: ClassVar[str] = "money"

    def checked(self, value: Any, currency: str) -> Value:
        """An exact Decimal with the currency's decimals at most."""
        return exact_decimal(value, field=self.name, decimals_max=currency_decimals(currency))

    def plain_json(self, value: Value) -> Any:
        """The amount, which QuickBooks must be able to keep as it is."""
        return kept_by_quickbooks(value, field=self.name)

    def load(self, stored: Any) -> Value:
        """Decimal from its stored text."""
        return None if stored is None else Decimal(stored)


@dataclass(frozen=True, kw_only=True)
class HomeMoney(Money):
    """An amount in the company's home currency, whatever currency the record is in."""

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """Read the amount, with the home currency's decimals at most."""
        return super().from_quickbooks(raw, references, references.home_currency)

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """Read the amount, with the home currency's decimals at most."""
        return super().from_platform(row, references, references.home_currency)


@dataclass(frozen=True, kw_only=True)
class Day(Field):
    """A calendar day without time or zone."""

    kind: ClassVar[str] = "day"

    def checked(self, value: Any, currency: str) -> Value:
        """A date from ISO text or a date."""
        if isinstance(value, datetime):
            raise self.wrong(
                value, "is a time, not a day", code="not_a_day", fix="Enter a date YYYY-MM-DD."
            )
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise self.wrong(
                value,
                f"is {value!r}, not a day",
                code="not_a_day",
                fix=f"Enter {self.name} as a date YYYY-MM-DD.",
            ) from None

    def plain_json(self, value: Value) -> Any:
        """ISO text."""
        return value.isoformat()

    def load(self, stored: Any) -> Value:
        """Date from its stored text."""
        return None if stored is None else date.fromisoformat(stored)


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """Yes or no; absent means the default."""

    default: bool = False
    kind: ClassVar[str] = "flag"
    absent_is_none: ClassVar[bool] = False

    def checked(self, value: Any, currency: str) -> Value:
        """A bool; SQLite's 0 and 1 count."""
        if value in (True, 1):
            return True
        if value in (False, 0):
            return False
        raise self.wrong(
            value, f"is {value!r}, not yes or no", code="not_a_flag", fix="Enter true or false."
        )

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The flag, or its default where QuickBooks leaves it out."""
        value = super().from_quickbooks(raw, references, currency)
        return self.default if value is None else value

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """The flag, or its default where the row has none."""
        value = super().from_platform(row, references, currency)
        return self.default if value is None else value

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Write true or false."""
        put_at(body, self.quickbooks, self.default if value is None else value)


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few words, which QuickBooks may spell differently."""

    #: Canonical word -> QuickBooks's word.
    words: Mapping[str, str]
    #: Words that a platform user may set although the field is QuickBooks's.
    platform_may_set: tuple[str, ...] = ()
    kind: ClassVar[str] = "choice"

    def checked(self, value: Any, currency: str) -> Value:
        """The canonical word for either spelling."""
        for word, quickbooks_word in self.words.items():
            if value in (word, quickbooks_word):
                return word
        raise self.wrong(
            value,
            f"is {value!r}",
            code="not_a_choice",
            fix=f"Use one of: {', '.join(self.words)}.",
        )

    def plain_json(self, value: Value) -> Any:
        """QuickBooks's word."""
        return self.words[value]


@dataclass(frozen=True, kw_only=True)
class Currency(Field):
    """ISO code of the record's currency; absent means the home currency."""

    kind: ClassVar[str] = "currency"
    absent_is_none: ClassVar[bool] = False

    def checked(self, value: Any, currency: str) -> Value:
        """Three capital letters."""
        letters = isinstance(value, str) and value.isascii() and value.isalpha()
        if letters and len(value) == 3 and value.isupper():
            return value
        raise self.wrong(
            value,
            f"is {value!r}",
            code="not_a_currency",
            fix="Use a three-letter ISO code such as USD.",
        )

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The currency, or home."""
        value = super().from_quickbooks(raw, references, currency)
        return references.home_currency if value is None else value

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """The currency, or home."""
        value = super().from_platform(row, references, currency)
        return references.home_currency if value is None else value

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Left out in the home currency of a company without multi-currency."""
        if references.multi_currency or value != references.home_currency:
            put_at(body, self.quickbooks, value)


@dataclass(frozen=True, kw_only=True)
class Derived(Choice):
    """A word that is computed from QuickBooks's record, such as an invoice's status."""

    #: Function from QuickBooks's JSON to the canonical word.
    derive: Any
    owner: Owner = Owner.QUICKBOOKS
    absent_is_none: ClassVar[bool] = False

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The computed word."""
        return self.derive(raw)
