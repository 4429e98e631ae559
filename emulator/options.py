"""The switches of one emulator: what QuickBooks does by company setting, or nobody knows for sure.

Source: dossier section 14 (doubts) and the sections each switch names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Options:
    """How strict, how fast and how odd this emulator is."""

    #: Refuse a rotated refresh token at once; otherwise it lives for another day (section 1.2).
    strict_refresh: bool = True
    #: Refuse a refresh this soon after another one with the same value (section 1.2: the first of
    #: several at once wins). Off, because within a day the same value normally comes back.
    refresh_race_seconds: float = 0
    #: Revoke the connection when a dead refresh token is tried this often; 0 is never.
    misuses_revoke_after: int = 10
    #: Answer every token request with invalid_grant, as in an outage of Intuit's (section 1.2).
    oauth_outage: bool = False
    #: Replay the first answer for a known request id; the field reports say both (section 2).
    honour_request_ids: bool = True
    #: Replay refusals too, not only committed writes.
    replay_faults: bool = False
    #: A payment raises the SyncToken of what it pays (section 3.1).
    payment_bumps_sync_token: bool = True
    #: The "warn if duplicate number" setting of the company, unreadable by API (section 8.1).
    warn_duplicate_numbers: bool = True
    #: Enforce requests per minute, per second, at once, and batches per minute (section 7).
    limits: bool = False
    #: Most objects one CDC answer carries (section 5).
    cdc_cap: int = 1000
    #: Count the cap for each entity, not for the whole answer (section 5, unresolved).
    cdc_cap_per_entity: bool = False
    #: Most rows one query answer carries (section 4).
    page_cap: int = 1000
    #: Compute sales tax itself and replace the tax code that was sent (section 10.7). A company
    #: whose preference TaxPrefs.PartnerTaxEnabled is true does so anyway.
    automated_sales_tax: bool = False
    #: Apply credit memos to open invoices by itself (section 10.4). A company whose preference
    #: SalesFormsPrefs.AutoApplyCredit is true does so anyway.
    auto_apply_credits: bool = False
    #: Serve the country of a written address as ISO alpha-3 (section 2).
    normalise_countries: bool = True
    #: Move the parts of an address that is edited inside a transaction into Line1 to Line5
    #: (section 3.2).
    free_form_addresses: bool = True
    #: Leave Sku out of items unless the statement asks for `*, Sku` (section 4, some versions).
    sku_on_request: bool = False
    #: Drop the links of a bill payment to what cannot be paid, with 200, instead of refusing them
    #: (section 3.2).
    drop_unpayable_links: bool = True
    #: The company's subscription has ended: every write is refused with 6190 (section 8.1).
    subscription_ended: bool = False
    #: Largest upload, in bytes (section 10.6).
    upload_limit: int = 100_000_000
