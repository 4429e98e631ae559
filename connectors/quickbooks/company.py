"""Who is behind a connection, from CompanyInfo and Preferences.

Source: reference quickbooks-api, section 10.2. The home currency is never guessed from nothing:
without a stated one the country decides, and an unknown country is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.ports import CompanyFacts
from connectors.quickbooks.faults import local_error

_CURRENCY_BY_COUNTRY = {
    "AU": "AUD",
    "CA": "CAD",
    "FR": "EUR",
    "GB": "GBP",
    "IN": "INR",
    "UK": "GBP",
    "US": "USD",
    "USA": "USD",
}


def company_facts(
    realm_id: str, info_answer: Mapping[str, Any], preferences_answer: Mapping[str, Any]
) -> CompanyFacts:
    """Build the facts from the two answers."""
    info = _part(info_answer, "CompanyInfo")
    preferences = _part(preferences_answer, "Preferences")
    if not info.get("CompanyName") or not preferences:
        raise local_error("incomplete", "no CompanyInfo or Preferences", write=False)
    currency = _part(preferences, "CurrencyPrefs")
    country = str(info.get("Country", ""))
    home = str(_part(currency, "HomeCurrency").get("value", ""))
    home = home or _CURRENCY_BY_COUNTRY.get(country.upper(), "")
    if not home:
        raise local_error("incomplete", "QuickBooks names no home currency", write=False)
    return CompanyFacts(
        realm_id=realm_id,
        name=str(info["CompanyName"]),
        country=country,
        home_currency=home,
        multi_currency=_flag(currency.get("MultiCurrencyEnabled")),
        custom_numbers=_flag(_part(preferences, "SalesFormsPrefs").get("CustomTxnNumbers")),
        book_close_date=str(_part(preferences, "AccountingInfoPrefs").get("BookCloseDate", "")),
    )


def _part(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside an object; a missing one is empty."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _flag(value: object) -> bool:
    """Read a preference, which is sometimes a word."""
    return value is True or str(value).lower() == "true"
