"""Faults of the call: throttles, outages, lost answers and lost access.

They say nothing about the record that was sent. Source: reference quickbooks-api, sections 1.2, 7
and 8; the outcome rule is section 12, pitfall 1.
"""

from __future__ import annotations

from connectors.quickbooks.fault_row import FaultRow
from models.errors import (
    DisconnectedError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RetryLaterError,
)

_LOOKS_FIRST = (
    "Nothing to do now: the sync looks in QuickBooks whether the change arrived before it sends "
    "it again. If this lasts more than an hour, check QuickBooks' status page."
)
_RECONNECT = "Reconnect with `quickbooks-sync connect`, as a QuickBooks administrator."

#: Faults after which the call may work by itself.
WAITING_ROWS = (
    FaultRow(
        "3001",
        "ThrottleExceeded",
        "QuickBooks allows a company only so many calls a minute, and they are used up.",
        "Nothing to do: the sync waits a minute and goes on. If it happens daily, make the sync "
        "less frequent or ask who else uses this company's connection.",
        on_write=RetryLaterError,
        wait_seconds=60,
    ),
    FaultRow(
        "6000/unexpected",
        "An unexpected error occurred while accessing or saving your data",
        "QuickBooks had trouble while saving; it may have saved the record all the same.",
        _LOOKS_FIRST,
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    *(
        FaultRow(
            code,
            "Application error",
            "QuickBooks had an internal error and does not say whether the change was made.",
            _LOOKS_FIRST,
            on_write=OutcomeUnknownError,
            on_read=RetryLaterError,
        )
        for code in ("10000", "10100", "10200")
    ),
    FaultRow(
        "5xx",
        "Server error (HTTP 500 to 599)",
        "QuickBooks is out of order at the moment and does not say whether the change was made.",
        _LOOKS_FIRST,
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    FaultRow(
        "unsent",
        "No connection to QuickBooks",
        "QuickBooks could not be reached, so nothing was sent.",
        "Check this machine's internet access and proxy; the sync tries again by itself.",
        on_write=RetryLaterError,
    ),
    FaultRow(
        "too_late",
        "The write was held up here for too long",
        "It did not leave in its time, and another worker may be at work, so nothing was sent.",
        "Nothing to do: it is planned again.",
        on_write=RetryLaterError,
    ),
    FaultRow(
        "timeout",
        "No answer in time, or the connection broke",
        "The request went out and no whole answer came back, so the change may have been made.",
        _LOOKS_FIRST,
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    FaultRow(
        "unreadable",
        "Answer that cannot be read (HTML, truncated, empty or too large)",
        "Something between here and QuickBooks answered in its place, or the answer was cut off.",
        _LOOKS_FIRST,
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    FaultRow(
        "incomplete",
        "Answer without the record that was asked for",
        "QuickBooks answered without a fault, but also without the record.",
        _LOOKS_FIRST,
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    FaultRow(
        "redirect",
        "Answer that points elsewhere (HTTP 300 to 399)",
        "The address of QuickBooks answered with another address, which the sync never follows.",
        "Check QBSYNC_QUICKBOOKS_API_URL and this machine's proxy with whoever runs the sync.",
        on_write=OutcomeUnknownError,
        on_read=RetryLaterError,
    ),
    FaultRow(
        "local_limit",
        "Too many calls are waiting here",
        "The sync keeps within QuickBooks' limits, and the queue for this company is full.",
        "Nothing to do: the sync goes on by itself.",
        on_write=RetryLaterError,
        wait_seconds=60,
    ),
)

#: Faults after which no call works until a person acts.
ACCESS_ROWS = (
    FaultRow(
        "120",
        "Authorization Failure",
        "The person who connected QuickBooks is no longer an administrator of this company.",
        "Ask the QuickBooks administrator to restore that person's access under Settings > Manage "
        "users, or let an administrator reconnect with `quickbooks-sync connect`.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "3100",
        "ApplicationAuthorizationFailed",
        "The permission belongs to another QuickBooks company or to another environment.",
        "Reconnect with `quickbooks-sync connect` and pick the same company as before; if that "
        "does not help, ask whoever runs the sync whether the app's keys fit the environment.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "3200",
        "AuthenticationFailed",
        "QuickBooks no longer accepts this connection's permission, even after renewing it once.",
        _RECONNECT,
        on_write=DisconnectedError,
    ),
    FaultRow(
        "3201",
        "AuthorizationFailure",
        "The connection lacks the permission for accounting data.",
        f"{_RECONNECT} Agree to the accounting permission when QuickBooks asks.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "403",
        "Access refused (HTTP 403)",
        "QuickBooks refuses this connection access to the company.",
        _RECONNECT,
        on_write=DisconnectedError,
    ),
    FaultRow(
        "6190",
        "Invalid Company Status",
        "The QuickBooks subscription has ended or is not paid, so the company is read-only.",
        "Renew the subscription in QuickBooks under Settings > Subscriptions and billing; the "
        "sync is paused until then and loses nothing.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "invalid_grant",
        "The refresh token is not accepted",
        "The connection was ended in QuickBooks, or it was not used for 100 days.",
        _RECONNECT,
        on_write=DisconnectedError,
    ),
    FaultRow(
        "invalid_client",
        "The app's keys are not accepted",
        "Intuit does not know the app that this sync says it is.",
        "Ask whoever runs the sync to set QBSYNC_INTUIT_CLIENT_ID and QBSYNC_INTUIT_CLIENT_SECRET "
        "to the keys shown in Intuit's developer portal, and to restart it.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "oauth_refused",
        "Intuit refuses to give a permission",
        "Intuit's token service refused the request for another reason than the usual ones.",
        f"{_RECONNECT} If that fails as well, send the words beside this line to whoever runs the "
        "sync.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "no_tokens",
        "No permission is stored for this connection",
        "The company was never connected, or its permission was removed.",
        "Run `quickbooks-sync connect`, as a QuickBooks administrator.",
        on_write=DisconnectedError,
    ),
    FaultRow(
        "sealed_tokens",
        "The stored permission cannot be opened",
        "The encryption key changed, or the stored permission was altered or copied from another "
        "connection.",
        "Ask whoever runs the sync to add the former key to QBSYNC_ENCRYPTION_KEYS; otherwise "
        "reconnect with `quickbooks-sync connect`.",
        on_write=DisconnectedError,
    ),
)

#: What is left: by HTTP status, or nothing known at all.
OTHER_ROWS = (
    FaultRow(
        "cdc_too_old",
        "Change tracking reaches back 30 days only",
        "The last sync of this company is more than 30 days ago.",
        "Nothing to do: the sync reads all records instead of the changes.",
        on_write=RejectedError,
    ),
    FaultRow(
        "file_address",
        "A file lies outside of QuickBooks's own addresses",
        "QuickBooks named an address for the file that is none of its own, or one that leads on to "
        "another. Nothing was fetched from there.",
        "Download the file in QuickBooks by hand and add it on the platform; tell whoever runs the "
        "sync, as a proxy or a new address of Intuit may be the reason.",
        on_write=RejectedError,
    ),
    FaultRow(
        "file_gone",
        "There is no such file",
        "QuickBooks lists the attachment but does not hold its file any more.",
        "Attach the file again in QuickBooks and delete the empty attachment.",
        on_write=GoneError,
    ),
    FaultRow(
        "file_refused",
        "The file is not handed out now",
        "The address of a file lives for minutes only, or Intuit's storage is busy.",
        "Nothing to do: the sync asks for a new address and tries again by itself.",
        on_write=RetryLaterError,
    ),
    FaultRow(
        "file_too_large",
        "The file is larger than the sync takes",
        "The file is larger than the limit in the connection's settings (receipt_bytes_max).",
        "Raise receipt_bytes_max in the settings, or replace the file in QuickBooks by a smaller "
        "one.",
        on_write=RejectedError,
    ),
    FaultRow(
        "file_changed",
        "The file to upload is not the planned one any more",
        "The receipt's file was changed or removed on the platform while it was to be sent.",
        "Nothing to do if the receipt is complete: it goes with its next change; else store its "
        "file and sha256, and retry it.",
        on_write=RejectedError,
    ),
    FaultRow(
        "no_void",
        "QuickBooks has no way to void this kind of record",
        "Only invoices, sales receipts, payments and bill payments can be voided by an app.",
        "Void or delete the record in QuickBooks by hand.",
        on_write=RejectedError,
    ),
    FaultRow(
        "not_exact",
        "The record cannot be written as exact JSON",
        "A value of the record is not an exact number or not whole text, so nothing was sent.",
        "Correct the named field on the platform, or report it as a bug.",
        on_write=RejectedError,
    ),
    FaultRow(
        "unknown",
        "A fault that is not in this table",
        "QuickBooks refused the call for a reason the sync does not know.",
        "Read QuickBooks' own words beside this line, correct the record, and retry it; quote the "
        "intuit_tid to Intuit's support if the words do not help.",
        on_write=RejectedError,
    ),
)
