"""The swarm: each seed has a fault mix of its own, many with few faults and some with none.

Faults that are always on hide bugs from each other. What a profile says is drawn from the stream
SHAPE, so that it stands on the tape like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from models.words import DataType
from tests.simulation.draws import SHAPE, Draws

#: The longest flight of a write, in seconds of the virtual clock.
FLIGHT_SECONDS = 720.0
#: Number of the fault in the reference -> kinds that stand for it here. Every kind is counted.
FAULTS: dict[int, tuple[str, ...]] = {
    1: ("crash_before",),
    2: ("crash_after",),
    3: ("kill",),
    4: ("timeout_before",),
    5: ("answer_lost",),
    6: ("late_landing",),
    7: ("request_id_ignored", "request_ids_forgotten"),
    8: ("throttle",),
    9: ("server_error_before", "server_error_after"),
    10: ("edit_between", "corrected"),
    11: ("delete_between", "void_between", "touched"),
    12: ("refused",),
    13: ("batch_item_lost", "batch_lost"),
    14: ("late_change", "old_reading", "false_delete"),
    15: ("change_answer_full",),
    16: ("cursor_too_old",),
    17: ("same_second", "changes_repeated"),
    18: ("normalised",),
    19: ("hint_lost", "hint_doubled", "hint_late"),
    20: ("hint_early",),
    21: ("token_expired",),
    22: ("token_race",),
    23: ("disconnected",),
    24: ("worker_clock", "long_jump"),
    25: ("commit_failed", "commit_unknown", "begin_failed"),
    26: ("disk_full",),
    27: ("two_workers", "zombie"),
    28: ("cancelled", "retried_beside"),
    29: ("both_edited", "delete_against_edit"),
    30: ("full_read_beside",),
    31: ("mass_delete",),
    32: ("hostile_value",),
    33: ("unknown_field",),
    34: ("old_intent",),
    35: ("decided_twice",),
    36: ("entered_twice",),
}
#: Faults that a seed switches on or off; the others follow from what people and workers do.
SWITCHED: dict[str, float] = {
    "crash_before": 0.012,
    "crash_after": 0.02,
    "kill": 0.004,
    "timeout_before": 0.15,
    "answer_lost": 0.3,
    "late_landing": 0.25,
    "throttle": 0.08,
    "server_error_before": 0.04,
    "server_error_after": 0.12,
    "refused": 0.05,
    "batch_item_lost": 0.2,
    "batch_lost": 0.2,
    "late_change": 0.3,
    "old_reading": 0.3,
    "changes_repeated": 0.10,
    "unknown_field": 0.3,
    "false_delete": 0.3,
    "token_expired": 0.06,
    "disconnected": 0.01,
    "commit_failed": 0.02,
    "commit_unknown": 0.02,
    "begin_failed": 0.01,
    "disk_full": 0.01,
    "cancelled": 0.01,
    "zombie": 0.02,
    "slow_call": 0.15,
    "hint_lost": 0.3,
    "hint_doubled": 0.3,
    "hint_late": 0.3,
}
#: Share of seeds in which a switched fault exists at all.
_ON = 0.22
_CALM = 0.1


@dataclass
class Profile:
    """What one seed is about."""

    data_types: frozenset[DataType]
    #: Fault -> its probability at each occasion.
    rates: dict[str, float] = field(default_factory=dict)
    workers: int = 1
    #: Actions of people on both sides.
    actions: int = 8
    custom_numbers: bool = True
    honour_request_ids: bool = True
    forget_request_ids: bool = False
    cdc_cap: int = 1_000
    batch_writes: bool = True
    #: Seconds by which each worker's clock is off.
    skews: tuple[float, ...] = (0.0, 0.0, 0.0)
    #: Whether the platform's database is restored from a backup in the middle.
    restored: bool = False
    #: Whether a month passes in the middle, beyond what CDC reaches.
    long_jump: bool = False
    #: Whether people delete much at once.
    mass_delete: bool = False
    hostile: bool = False
    #: Whether everything is read again in the middle, beside running workers.
    full_read: bool = False
    #: Whether open intents look as an older program stored them.
    old_intents: bool = False
    #: Conflict rules.
    policy: dict[str, str] = field(default_factory=dict)
    #: Whether both sides hold the same before their first sync, and whether a person decides.
    entered_twice: bool = False
    matches_decided: bool = False
    #: Books closed up to this day, or "".
    book_close_date: str = ""
    #: Whether the company has default accounts, and people on the platform leave accounts empty.
    default_accounts: bool = False

    def rate(self, fault: str) -> float:
        """Probability of a fault at an occasion."""
        return self.rates.get(fault, 0.0)


def draw_profile(draws: Draws, data_types: Iterable[DataType] = ()) -> Profile:
    """A profile from the stream SHAPE."""

    def on(kind: str, share: float) -> bool:
        return draws.chance(SHAPE, kind, share)

    chosen = frozenset(data_types) or _data_types(draws)
    profile = Profile(chosen)
    if on("calm", _CALM):
        profile.actions = 3 + draws.pick(SHAPE, "actions", 8)
        return profile
    share = (0.1, _ON, 0.45)[draws.pick(SHAPE, "density", 3)]
    for fault, rate in SWITCHED.items():
        if on(fault, share):
            profile.rates[fault] = rate * (0.5, 1.0, 2.0)[draws.pick(SHAPE, "rate", 3)]
    profile.actions = 3 + draws.pick(SHAPE, "actions", 10)
    profile.workers = 1 + draws.pick(SHAPE, "workers", 3)
    profile.custom_numbers = not on("auto_numbers", 0.4)
    profile.honour_request_ids = not on("request_id_ignored", 0.25)
    profile.forget_request_ids = on("request_ids_forgotten", 0.15)
    profile.cdc_cap = 6 if on("change_answer_full", 0.2) else 1_000
    profile.batch_writes = not on("single_writes", 0.3)
    if on("worker_clock", 0.2):
        skews = [600.0 * (draws.pick(SHAPE, "skew", 3) - 1) for _ in range(3)]
        profile.skews = (skews[0], skews[1], skews[2])
    profile.restored = on("restored", 0.06)
    profile.long_jump = on("long_jump", 0.05)
    profile.mass_delete = on("mass_delete", 0.05)
    profile.hostile = on("hostile", 0.1)
    profile.full_read = on("full_read", 0.06)
    profile.old_intents = on("old_intents", 0.08)
    profile.policy = _policy(draws)
    profile.book_close_date = "2026-02-28" if on("closed_books", 0.05) else ""
    profile.entered_twice = not profile.restored and on("entered_twice", 0.08)
    if profile.entered_twice:
        profile.matches_decided = on("matches_decided", 0.7)
    profile.default_accounts = on("default_accounts", 0.2)
    return profile


def _data_types(draws: Draws) -> frozenset[DataType]:
    """Mostly one data type, so that worlds stay small; sometimes all."""
    every = tuple(DataType)
    which = draws.pick(SHAPE, "data_types", 5)
    return frozenset(every) if which >= len(every) else frozenset({every[which]})


def _policy(draws: Draws) -> dict[str, str]:
    rule = draws.pick(SHAPE, "policy", 6)
    rules = ("latest", "latest", "latest", "quickbooks", "platform", "review")
    if rules[rule] == "latest":
        return {}
    return dict.fromkeys((each.value for each in DataType), rules[rule])
