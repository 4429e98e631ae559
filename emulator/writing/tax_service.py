"""The tax service: one call that makes a tax code together with its rates.

A rate is either an existing one, by TaxRateId, or a new one with name, percentage and agency.
The answer is the request with the ids filled in, not wrapped in an entity's name.
Source: dossier sections 3.6 and 8.1 (6100); Intuit's SalesTax.xsd; python-quickbooks' TaxService.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.writing.sales_tax import make_code, make_rate

if TYPE_CHECKING:
    from emulator.company import Author, Company, Record

_FIELDS = ["Fault", "Id", "TaxCode", "TaxCodeId", "TaxRateDetails", "domain", "sparse"]
_RATE_FIELDS = ["RateValue", "TaxAgencyId", "TaxApplicableOn", "TaxRateId", "TaxRateName"]
_APPLICABLE = frozenset({"Sales", "Purchase", "Adjustment", "Other"})
_NAME_LENGTH = 10
_HUNDRED = Decimal(100)


def create_tax_code(company: Company, body: Any, author: Author, request_id: str) -> Record:
    """Make a tax code with its rates and return the answer."""
    if not isinstance(body, dict):
        raise faults.unreadable_json()
    _known(body, _FIELDS, "TaxService")
    name = str(body.get("TaxCode") or "")
    if not name:
        raise faults.missing("TaxCode")
    if len(name) > _NAME_LENGTH:
        raise faults.wrong_length("TaxCode", _NAME_LENGTH, len(name))
    if company.holders("TaxCode", name):
        raise faults.duplicate_name("Another tax code is already using this name.")
    details = body.get("TaxRateDetails")
    if not isinstance(details, list) or not details:
        raise faults.missing("TaxRateDetails")
    with company.atomic():
        made = [_rate(company, detail) for detail in details]
        sales = [rate["TaxRateId"] for rate in made if rate["TaxApplicableOn"] != "Purchase"]
        bought = tuple(rate["TaxRateId"] for rate in made if rate["TaxApplicableOn"] == "Purchase")
        code_id = make_code(company, name, sales, bought)
        company.write_journal(
            author, ("TaxCode", code_id), "create", request_id=request_id, body=body
        )
    return {"TaxCode": name, "TaxCodeId": code_id, "TaxRateDetails": made}


def _known(body: Record, fields: list[str], shape: str) -> None:
    for name in body:
        if name not in fields:
            raise faults.unknown_property(name, shape, fields)


def _rate(company: Company, detail: Any) -> Record:
    """Return one rate of the answer, made unless it exists."""
    if not isinstance(detail, dict):
        raise faults.unreadable_json()
    _known(detail, _RATE_FIELDS, "TaxRateDetails")
    applicable = str(detail.get("TaxApplicableOn") or "Sales")
    if applicable not in _APPLICABLE:
        raise faults.bad_choice("TaxApplicableOn", applicable)
    rate_id = str(detail.get("TaxRateId") or "")
    if rate_id:
        if company.get("TaxRate", rate_id) is None:
            raise faults.invalid_tax(f"The tax rate {rate_id} does not exist.", "TaxRateId")
        return {"TaxRateId": rate_id, "TaxApplicableOn": applicable}
    for name in ("TaxRateName", "RateValue", "TaxAgencyId"):
        if detail.get(name) in (None, ""):
            raise faults.missing(f"TaxRateDetails.{name}")
    value = _percentage(detail["RateValue"])
    agency_id = str(detail["TaxAgencyId"])
    if company.get("TaxAgency", agency_id) is None:
        raise faults.invalid_reference(f"TaxAgency element id {agency_id} not found", "TaxAgencyId")
    name = str(detail["TaxRateName"])
    if company.holders("TaxRate", name):
        raise faults.duplicate_name("Another tax rate is already using this name.")
    return {
        "TaxRateName": name,
        "TaxRateId": make_rate(company, name, value, agency_id),
        "RateValue": value,
        "TaxAgencyId": agency_id,
        "TaxApplicableOn": applicable,
    }


def _percentage(value: Any) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation as error:
        raise faults.bad_number("RateValue", value) from error
    if not 0 <= rate <= _HUNDRED:
        raise faults.invalid_tax(f"The rate {value} is not a percentage.", "RateValue")
    return rate
