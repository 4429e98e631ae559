"""Fyle's SDK posts bills as Fyle's own integration does: a new connection for each export."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    """Post so many bills; print what it took."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    from qbosdk import QuickbooksOnlineSDK

    QuickbooksOnlineSDK.TOKEN_URL = f"{asked['base_url']}/oauth2/v1/tokens/bearer"
    started, used = time.perf_counter(), time.process_time()
    for number in range(asked["records"]):
        sdk = QuickbooksOnlineSDK(
            asked["client_id"],
            asked["client_secret"],
            asked["refresh_token"],
            asked["realm_id"],
            "sandbox",
        )
        sdk.bills.set_server_url(f"{asked['base_url']}/v3/company/{asked['realm_id']}")
        sdk.bills.post(_bill(asked, number))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "processor_seconds": time.process_time() - used,
                "records": asked["records"],
            }
        )
    )


def _bill(asked: dict[str, Any], number: int) -> dict[str, Any]:
    line = {
        "Amount": 30,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": {"value": asked["account"]}},
    }
    return {
        "VendorRef": {"value": asked["vendor"]},
        "DocNumber": f"{asked['prefix']}{number}",
        "TxnDate": "2026-06-01",
        "Line": [line],
    }


main()
