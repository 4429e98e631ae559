"""What happened: health, the request log, the journal of writes, the meter."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from emulator.clock import stamp
from emulator.meter import Meter
from emulator.server.admin.inputs import Actions, Query, whole

if TYPE_CHECKING:
    from emulator.emulator import Emulator

_LISTED_MAX = 10_000


def _health(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"status": "ok", "time": stamp(emulator.clock.now())}


def _requests(emulator: Emulator, _body: Any, query: Query) -> Any:
    after = whole(query, "after", 0)
    lines = [asdict(line) for line in emulator.log if line.sequence > after]
    return {"counts": dict(emulator.meter.by_class), "requests": lines}


def _forget_requests(emulator: Emulator, _body: Any, _query: Query) -> Any:
    emulator.log.clear()
    emulator.meter = Meter()
    return {"counts": {}, "requests": []}


def _journal(emulator: Emulator, _body: Any, query: Query) -> Any:
    after = whole(query, "after", 0)
    wanted = query.get("realm_id")
    lines = (
        asdict(line)
        for realm_id, company in emulator.companies.items()
        if wanted in (None, realm_id)
        for line in company.journal
        if line.sequence > after
    )
    return {"journal": list(islice(lines, _LISTED_MAX))}


def _meter(emulator: Emulator, _body: Any, _query: Query) -> Any:
    meter = emulator.meter
    return {
        "by_class": dict(meter.by_class),
        "by_status": {str(status): count for status, count in meter.by_status.items()},
        "metered": meter.metered,
        "free": meter.free,
    }


ACTIONS: Actions = {
    ("GET", "health"): _health,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("GET", "journal"): _journal,
    ("GET", "meter"): _meter,
}
