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
    #: Replay the first answer for a known request id; the field reports say both (section 2).
    honour_request_ids: bool = True
    #: Replay refusals too, not only committed writes.
    replay_faults: bool = False
    #: A payment raises the SyncToken of what it pays (section 3.1).
    payment_bumps_sync_token: bool = True
    #: The "warn if duplicate number" setting of the company, unreadable by API (section 8.1).
    warn_duplicate_numbers: bool = True
    #: Enforce requests per minute, per second and batches per minute (section 7).
    limits: bool = False
    #: Most objects one CDC answer carries (section 5).
    cdc_cap: int = 1000
    #: Count the cap for each entity, not for the whole answer (section 5, unresolved).
    cdc_cap_per_entity: bool = False
    #: Most rows one query answer carries (section 4).
    page_cap: int = 1000
