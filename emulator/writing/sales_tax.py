"""Automated sales tax: the server computes it at save and puts its own tax code.

It is on where the company's preference TaxPrefs.PartnerTaxEnabled says so, or by the emulator's
switch. The code is the state the form is shipped to, else that of the company; code, rate and
agency are made the first time they are needed. A TotalTax that is sent is kept as an override; an
update that does not mention the tax keeps the old one, unless it empties TxnTaxDetail.
The rates are the states' own base rates; local ones are not modelled.
Source: dossier section 10.7.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from emulator.clock import stamp
from emulator.company import new_frame
from emulator.writing.draft import ZERO, Draft, cents, reference

if TYPE_CHECKING:
    from emulator.company import Company, Record

_RATES = {
    "CA": "7.25",
    "CO": "2.9",
    "FL": "6",
    "GA": "4",
    "IL": "6.25",
    "MA": "6.25",
    "ME": "5.5",
    "MI": "6",
    "NJ": "6.625",
    "NY": "4",
    "OH": "5.75",
    "PA": "6",
    "TX": "6.25",
    "VA": "5.3",
    "WA": "6.5",
}
_OTHER_RATE = "5"
_HUNDRED = Decimal(100)


def automated(company: Company) -> bool:
    """Say whether the company leaves sales tax to QuickBooks."""
    preference = company.preference("TaxPrefs", "PartnerTaxEnabled")
    return bool(preference) or company.options.automated_sales_tax


def automated_code(draft: Draft) -> str:
    """Return the id of the tax code that QuickBooks chooses for a form, made if need be."""
    after, company = draft.after, draft.company
    own = company.single("CompanyInfo").get("CompanyAddr") or {}
    places = [after.get("ShipAddr") or {}, after.get("BillAddr") or {}, own]
    states = [str(place.get("CountrySubDivisionCode", "")).upper() for place in places]
    state = next((name for name in states if name in _RATES), "") or (states[-1] or "US")
    return _code_of(company, state)


def _code_of(company: Company, state: str) -> str:
    name = f"AST {state}"[:10]
    for code_id, code in company.records["TaxCode"].items():
        if code.get("Name") == name:
            return code_id
    rate = Decimal(_RATES.get(state, _OTHER_RATE))
    return make_code(company, name, [make_rate(company, f"{state} sales tax", rate, "")])


def make_rate(company: Company, name: str, rate: Decimal, agency_id: str) -> str:
    """Store a tax rate and return its id."""
    rate_id = company.draw("TaxRate")
    begins = stamp(company.clock.now())
    record: Record = {
        "Name": name,
        "Description": name,
        "Active": True,
        "RateValue": rate,
        "EffectiveTaxRate": [{"RateValue": rate, "EffectiveDate": begins}],
        "SpecialTaxType": "NONE",
        "DisplayType": "ReadOnly",
        "Id": rate_id,
        **new_frame(company),
    }
    if agency_id:
        record["AgencyRef"] = {"value": agency_id}
    company.put("TaxRate", record)
    return rate_id


def make_code(
    company: Company, name: str, rates: list[str], purchases: tuple[str, ...] = ()
) -> str:
    """Store a tax code over some rates and return its id."""
    code_id = company.draw("TaxCode")
    record = {
        "Name": name,
        "Description": name,
        "Active": True,
        "Taxable": True,
        "TaxGroup": True,
        "SalesTaxRateList": {"TaxRateDetail": _details(company, rates)},
        "PurchaseTaxRateList": {"TaxRateDetail": _details(company, list(purchases))},
        "Id": code_id,
        **new_frame(company),
    }
    company.put("TaxCode", record)
    return code_id


def _details(company: Company, rates: list[str]) -> list[Record]:
    names = [str(company.records["TaxRate"][rate_id]["Name"]) for rate_id in rates]
    return [
        {
            "TaxRateRef": {"value": rate_id, "name": name},
            "TaxTypeApplicable": "TaxOnAmount",
            "TaxOrder": order,
        }
        for order, (rate_id, name) in enumerate(zip(rates, names, strict=True))
    ]


def tax_lines(company: Company, code_id: str, taxable: Decimal) -> list[Record]:
    """Return the tax lines of a code on an amount."""
    code = company.get("TaxCode", code_id) or {}
    lines = []
    for entry in (code.get("SalesTaxRateList") or {}).get("TaxRateDetail") or []:
        rate_id = reference(entry, "TaxRateRef")
        rate = Decimal((company.get("TaxRate", rate_id) or {}).get("RateValue") or ZERO)
        detail = {
            "TaxRateRef": {"value": rate_id},
            "PercentBased": True,
            "TaxPercent": rate,
            "NetAmountTaxable": taxable,
        }
        value = cents(taxable * rate / _HUNDRED)
        lines.append({"Amount": value, "DetailType": "TaxLineDetail", "TaxLineDetail": detail})
    return lines
