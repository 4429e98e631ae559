"""What customers and vendors have in common: names and how to reach them (quickbooks-api 10.3)."""

from __future__ import annotations

from models.fields import Text

#: Fields of everybody the company deals with.
PARTY_FIELDS = (
    Text(
        name="name",
        quickbooks="DisplayName",
        length_max=500,
        required=True,
        deleted_suffix=True,
        meaning="Display name, unique among customers, vendors and employees.",
    ),
    Text(name="company_name", quickbooks="CompanyName", length_max=100),
    Text(name="given_name", quickbooks="GivenName", length_max=100),
    Text(name="family_name", quickbooks="FamilyName", length_max=100),
    Text(name="email", quickbooks="PrimaryEmailAddr.Address", length_max=100),
    Text(name="phone", quickbooks="PrimaryPhone.FreeFormNumber", length_max=30),
)
