"""Money is exact: a number is taken as it is, or refused with a reason, and never rounded."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.errors import FieldError
from models.money import (
    DIGITS_MAX,
    currency_decimals,
    exact_decimal,
    kept_by_quickbooks,
    minor_units,
    plain,
    quickbooks_decimals,
)

#: Finite decimals of any length and exponent that a JSON number or a column may hold.
DECIMALS = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=40).map(tuple),
    st.integers(-45, 45),
)


def is_legal(number: Decimal, decimals_max: int) -> bool:
    """The rule in other words: a whole number of the smallest unit, of at most 15 digits."""
    value = Fraction(number)
    decimals = next((n for n in range(decimals_max + 1) if (value * 10**n).denominator == 1), None)
    if decimals is None:
        return False
    return len(str(abs(int(value)))) + decimals <= DIGITS_MAX


@given(DECIMALS, st.sampled_from([0, 2, 3, 4, 7]))
@example(Decimal("100.0000000000000000000000000000001"), 2)
@example(Decimal(1234567890123456789012345678901), 2)
@example(Decimal("1E+30"), 2)
@example(Decimal("-0.00"), 2)
@example(Decimal("0.005"), 2)
@example(Decimal(1000000000000), 2)
@example(Decimal(123456789012345), 7)
@example(Decimal(1234567890123456), 7)
def test_a_decimal_is_taken_exactly_when_it_fits(number: Decimal, decimals_max: int) -> None:
    """Accepted numbers are equal to what came in, refused ones are outside the rule."""
    if is_legal(number, decimals_max):
        assert Fraction(exact_decimal(number, field="amount", decimals_max=decimals_max)) == (
            Fraction(number)
        )
    else:
        with pytest.raises(FieldError) as caught:
            exact_decimal(number, field="amount", decimals_max=decimals_max)
        assert caught.value.code in ("too_many_decimals", "too_many_digits")
        assert caught.value.fix


@given(DECIMALS)
def test_plain_form_is_one_spelling_of_the_same_number(number: Decimal) -> None:
    """Equal numbers get one form, without exponent, trailing zeros or minus zero."""
    made = plain(number)
    assert Fraction(made) == Fraction(number)
    assert plain(made) == made
    text = format(made, "f")
    assert "E" not in str(plain(number)) or abs(made) < 1
    assert not ("." in text and text.endswith("0"))
    assert not text.startswith("-") or made < 0


@given(st.floats() | st.booleans() | st.binary() | st.none() | st.lists(st.integers()))
def test_nothing_but_exact_numbers_is_taken(value: object) -> None:
    """A float is refused even where it happens to be a whole number."""
    with pytest.raises(FieldError) as caught:
        exact_decimal(value, field="amount", decimals_max=2)
    assert caught.value.code == "not_exact"


@given(st.text(max_size=12))
@example("NaN")
@example("-Infinity")
@example("sNaN")
@example("1_000")
@example("\uff11\uff12")
@example(" 1")
@example("")
@example(".")
@example("1e999999999")
def test_text_is_a_number_only_if_it_is_written_as_one(text: str) -> None:
    """Python takes underscores, blanks and digits of other scripts."""
    try:
        number = exact_decimal(text, field="amount", decimals_max=2)
    except FieldError as error:
        assert error.code in ("not_a_number", "too_many_decimals", "too_many_digits")  # noqa: PT017
    else:
        assert set(text) <= set("0123456789+-.eE")
        assert Fraction(text) == Fraction(number)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD", "CLF", "EUR"]))
def test_minor_units_and_back(units: int, currency: str) -> None:
    """Whole minor units are exact whatever the context's precision would round to."""
    amount = Decimal(units).scaleb(-currency_decimals(currency))
    assert minor_units(amount, currency) == units
    with pytest.raises(FieldError):
        minor_units(amount + Decimal("0.00001"), currency)


@given(DECIMALS)
def test_the_context_of_the_caller_changes_nothing(number: Decimal) -> None:
    """A library that sets a low precision must not round our amounts."""
    with localcontext() as context:
        context.prec = 3
        assert Fraction(plain(number)) == Fraction(number)


@given(DECIMALS)
@example(Decimal("12.345"))
@example(Decimal("12.340"))
@example(Decimal("1E+2"))
def test_quickbooks_keeps_hundredths_and_nothing_smaller(number: Decimal) -> None:
    """An amount goes out as it is, or not at all."""
    if (Fraction(number) * 100).denominator == 1:
        assert kept_by_quickbooks(number, field="amount") == number
    else:
        with pytest.raises(FieldError) as caught:
            kept_by_quickbooks(number, field="amount")
        assert (caught.value.code, caught.value.field) == ("too_many_decimals", "amount")


def test_decimals_that_quickbooks_keeps_of_a_currency() -> None:
    """Those of the currency, two at most."""
    kept = {code: quickbooks_decimals(code) for code in ("JPY", "USD", "KWD", "CLF")}
    assert kept == {"JPY": 0, "USD": 2, "KWD": 2, "CLF": 2}
