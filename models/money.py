"""Exact decimals: how amounts, quantities and rates come in, compare and go out.

Money is Decimal with a currency, or integer minor units in frames; a float never gets past this
module. Minor units per currency follow ISO 4217 (most have two decimals; the table lists the
others).
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import lru_cache

from models.errors import FieldError

#: Decimals of the currencies that do not have two (ISO 4217, amendment 177).
_DECIMALS_OTHER = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"], 0),
    **dict.fromkeys(["RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
#: No currency has more decimals (ISO 4217).
DECIMALS_MAX = 4
#: QuickBooks keeps amounts to two decimals, whatever the currency has (quickbooks-api 10.1).
QUICKBOOKS_DECIMALS_MAX = 2
#: QuickBooks amounts have at most 15 digits (quickbooks-api 10.1).
DIGITS_MAX = 15
#: Keeps every digit; Decimal's own context rounds to 28 of them.
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
_ZERO, _ONE = Decimal(0), Decimal(1)
#: What an exact number comes as; a bool is an int too, and is refused by itself.
_EXACT_KINDS = (Decimal, int, str)
#: Numbers whose plain form is kept: more than a cycle's documents mostly have.
_PLAIN_MAX = 4_096
#: A number as people and programs write it; Python takes "1_000" and digits of other scripts too.
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]*(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")


def currency_decimals(currency: str) -> int:
    """Decimals of a currency's minor unit: 2 for USD, 0 for JPY, 3 for KWD."""
    return _DECIMALS_OTHER.get(currency, 2)


def quickbooks_decimals(currency: str) -> int:
    """Decimals of a currency that QuickBooks keeps: 0 for JPY, 2 for USD and for KWD."""
    return min(currency_decimals(currency), QUICKBOOKS_DECIMALS_MAX)


def kept_by_quickbooks(amount: Decimal, *, field: str) -> Decimal:
    """The amount, if QuickBooks keeps all of its decimals; it would round the rest off unsaid.

    Raises:
        FieldError: for a third decimal, as dinars and rials have it.
    """
    if _plain(amount)[1] > QUICKBOOKS_DECIMALS_MAX:
        raise FieldError(
            f"{field} is {amount}, and QuickBooks keeps {QUICKBOOKS_DECIMALS_MAX} decimals in "
            "every currency",
            code="too_many_decimals",
            field=field,
            value=amount,
            fix=f"Round {field} to {QUICKBOOKS_DECIMALS_MAX} decimals on the platform.",
        )
    return amount


def exact_decimal(value: object, *, field: str, decimals_max: int) -> Decimal:
    """Return value as Decimal if it is exact, finite and has at most decimals_max decimals.

    Raises:
        FieldError: for a float, text that is no number, NaN, infinity, too many decimals or digits.
    """
    if not isinstance(value, _EXACT_KINDS) or isinstance(value, bool):
        raise FieldError(
            f"{field} is {value!r}, a {type(value).__name__}: money must be an exact decimal",
            code="not_exact",
            field=field,
            value=value,
            fix=f"Store {field} as an exact decimal, never as a floating-point number.",
        )
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value):
        raise _not_a_number(field, value)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _not_a_number(field, value) from None
    if not number.is_finite():
        raise _not_a_number(field, value)
    return _within_limits(number, field=field, decimals_max=decimals_max)


def _not_a_number(field: str, value: object) -> FieldError:
    return FieldError(
        f"{field} is {value!r}, which is not a number",
        code="not_a_number",
        field=field,
        value=value,
        fix=f"Enter a plain decimal number for {field}.",
    )


def _within_limits(number: Decimal, *, field: str, decimals_max: int) -> Decimal:
    # Before anything is written out: an exponent of a million would become a million digits.
    if number and number.adjusted() >= DIGITS_MAX:
        raise _too_many_digits(field, number)
    number, decimals = _plain(number)
    if decimals > decimals_max:
        raise FieldError(
            f"{field} is {number}, with more than {decimals_max} decimals",
            code="too_many_decimals",
            field=field,
            value=number,
            fix=f"Round {field} to {decimals_max} decimals.",
        )
    if max(1, number.adjusted() + 1) + decimals > DIGITS_MAX:
        raise _too_many_digits(field, number)
    return number


def _too_many_digits(field: str, number: Decimal) -> FieldError:
    return FieldError(
        f"{field} is {number}, with more than {DIGITS_MAX} digits",
        code="too_many_digits",
        field=field,
        value=number,
        fix=f"QuickBooks takes at most {DIGITS_MAX} digits: split the amount.",
    )


def plain(number: Decimal) -> Decimal:
    """The same number without trailing zeros, exponent notation or a negative zero."""
    return _plain(number)[0]


@lru_cache(_PLAIN_MAX)  # equal numbers have one plain form, and each is read many times
def _plain(number: Decimal) -> tuple[Decimal, int]:
    """A number in plain form, and how many decimals it has then."""
    kept = number.normalize(_EXACT)
    if not kept:
        return _ZERO, 0
    exponent = kept.as_tuple().exponent
    assert isinstance(exponent, int), "finite numbers have a numeric exponent"
    return (kept.quantize(_ONE, context=_EXACT), 0) if exponent > 0 else (kept, -exponent)


def minor_units(amount: Decimal, currency: str) -> int:
    """The amount in whole minor units, 10800 for 108.00 USD.

    Raises:
        FieldError: when the amount has more decimals than the currency.
    """
    scaled = amount.scaleb(currency_decimals(currency))
    if scaled != scaled.to_integral_value():
        raise FieldError(
            f"{amount} {currency} is not a whole number of minor units",
            code="too_many_decimals",
            field="amount",
            value=amount,
            fix=f"Round to {currency_decimals(currency)} decimals.",
        )
    return int(scaled)
