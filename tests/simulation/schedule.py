"""One schedule: a seed or a tape in, and what became of it out.

people and faults   safety: whatever happens, the invariants that hold always are checked
quiet               no more people, no more faults: what is under way ends
three rounds        everything must come to rest; a person releases and approves what waits
one more            nothing may move any more
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from connectors.state.port import Unit
from models.approval import ApprovalState
from models.errors import SyncError, UsageError
from models.record_type import catalog
from models.words import DataType
from tasks.brakes import approve
from tasks.matching import DOUBT_CODES
from tasks.recover import PERSON_DECIDES
from tests.simulation.cells import write_cells
from tests.simulation.clock import VirtualClock
from tests.simulation.draws import FAULTS, ORDER, PEOPLE, Draw, Draws, Replay
from tests.simulation.entered_twice import decide, enter_twice
from tests.simulation.oracle import Violation
from tests.simulation.profile import FLIGHT_SECONDS, Profile, draw_profile
from tests.simulation.settled import Began, began, check_end, check_rest, moves
from tests.simulation.sides import Kept, MemorySides, small_sides
from tests.simulation.world import World

#: Virtual seconds of the part with people and faults, at most.
SAFETY_SECONDS = 3 * 3_600.0
ROUNDS = 3
#: Runs with faults after people have ended.
RUNS_AFTER = 2
_LOOKED_AT = PERSON_DECIDES | DOUBT_CODES
#: Between two rounds: longer than any write may be under way.
ROUND_SECONDS = FLIGHT_SECONDS + 180.0


@dataclass
class Result:
    """What became of a schedule."""

    seed: str
    #: The invariant that does not hold, "" where all do.
    invariant: str = ""
    message: str = ""
    tape: list[Draw] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    story: list[str] = field(default_factory=list)
    #: Cells of the merge and write tables that were reached.
    cells: Counter[str] = field(default_factory=Counter)
    #: See `trace_of`; "" where it was not asked for.
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether an invariant does not hold."""
        return bool(self.invariant)


@dataclass
class Base:
    """A company that was set up and synced, to begin each schedule with."""

    sides: MemorySides
    kept: Kept
    seconds: float
    began: Began


@cache
def base(*, custom_numbers: bool) -> Base:
    """The company of the small books; made once in each process."""
    clock = VirtualClock()
    sides = small_sides(clock, custom_numbers=custom_numbers)
    return prepared(sides)


def prepared(sides: MemorySides) -> Base:
    """Enter what every company has, and sync it."""
    profile = Profile(frozenset(DataType), custom_numbers=True)
    sides.settle_for(profile)
    world = World(sides, profile, Replay([]), prefix="base ")
    enter_base(world)
    for _ in range(3):
        world.start_worker()
        world.scheduler.run_until(lambda: False, float("inf"))
        sides.clock.seconds += ROUND_SECONDS
    return Base(sides, sides.keep(), sides.clock.seconds, began(world))


def enter_base(world: World) -> None:
    """Accounts, an item, a customer, a vendor and one document of each kind, in QuickBooks."""
    create = world.books.create
    bank = create("Account", {"Name": "Checking", "AccountType": "Bank"})
    income = create("Account", {"Name": "Services", "AccountType": "Income"})
    costs = create("Account", {"Name": "Meals", "AccountType": "Expense"})
    create("Account", {"Name": "Card", "AccountType": "Credit Card"})
    create("Account", {"Name": "Payables", "AccountType": "Accounts Payable"})
    customer = create("Customer", {"DisplayName": "First Customer"})
    vendor = create("Vendor", {"DisplayName": "First Vendor"})
    item = create(
        "Item",
        {"Name": "Hours", "Type": "Service", "IncomeAccountRef": {"value": income["Id"]}},
    )
    line = {
        "Amount": 40,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}},
    }
    party = {"CustomerRef": {"value": customer["Id"]}}
    invoice = create("Invoice", {**party, "TxnDate": "2026-03-01", "Line": [line]})
    linked = [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]
    create(
        "Payment",
        {
            **party,
            "TxnDate": "2026-03-01",
            "TotalAmt": 10,
            "Line": [{"Amount": 10, "LinkedTxn": linked}],
        },
    )
    spent = {
        "Amount": 5,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": {"value": costs["Id"]}},
    }
    head = {"TxnDate": "2026-03-01", "Line": [spent]}
    create("Purchase", {"PaymentType": "Cash", "AccountRef": {"value": bank["Id"]}, **head})
    create("CreditMemo", {**party, "TxnDate": "2026-03-01", "Line": [line]})
    parts = {"ItemGroupLine": [{"ItemRef": {"value": item["Id"]}, "Qty": 2}]}
    create("Item", {"Name": "Two hours", "Type": "Group", "ItemGroupDetail": parts})
    owed = {"VendorRef": {"value": vendor["Id"]}}
    bill = create("Bill", {**owed, **head, "Line": [{**spent, "Amount": 50}]})
    create("VendorCredit", {**owed, **head})
    linked = [{"TxnId": bill["Id"], "TxnType": "Bill"}]
    create(
        "BillPayment",
        {
            **owed,
            "TxnDate": "2026-03-01",
            "PayType": "Check",
            "CheckPayment": {"BankAccountRef": {"value": bank["Id"]}},
            "TotalAmt": 10,
            "Line": [{"Amount": 10, "LinkedTxn": linked}],
        },
    )
    _enter_ledger(world, bank["Id"], costs["Id"])
    _enter_refunds(world, bank["Id"], {**party, "Line": [{**line, "Amount": 1}]})


def _enter_refunds(world: World, bank: str, head: dict[str, Any]) -> None:
    """Refund receipts, as many as make a side that a brake guards, and nothing refers to them.

    With the account that one is paid from, payments wait in it for a deposit from now on.
    """
    create = world.books.create
    waiting = create("Account", {"Name": "Undeposited", "AccountSubType": "UndepositedFunds"})
    for account in (waiting["Id"], bank, bank):
        paid_from = {"DepositToAccountRef": {"value": account}}
        create("RefundReceipt", {**head, **paid_from, "TxnDate": "2026-03-01"})


def _enter_ledger(world: World, bank: str, costs: str) -> None:
    """A class, a department, and a journal entry, transfer, deposit and receipt."""
    create = world.books.create
    for tree in ("Class", "Department"):
        create(tree, {"Name": f"First {tree}"})
    card = next(each["Id"] for each in world.books.all("Account") if each["Name"] == "Card")
    sides = {"FromAccountRef": {"value": bank}, "ToAccountRef": {"value": card}}
    create("Transfer", {**sides, "TxnDate": "2026-03-01", "Amount": 3})
    kind = "JournalEntryLineDetail"
    posted = [("Debit", costs), ("Credit", bank)]
    lines = [
        {
            "Amount": 2,
            "DetailType": kind,
            kind: {"PostingType": side, "AccountRef": {"value": account}},
        }
        for side, account in posted
    ]
    create("JournalEntry", {"TxnDate": "2026-03-01", "Line": lines})
    kind = "DepositLineDetail"
    line = {"Amount": 1, "DetailType": kind, kind: {"AccountRef": {"value": costs}}}
    to = {"DepositToAccountRef": {"value": bank}, "TxnDate": "2026-03-01"}
    create("Deposit", {**to, "Line": [line]})
    bought = {"EntityRef": {"type": "Purchase", "value": world.books.all("Purchase")[0]["Id"]}}
    world.books.attach({"FileName": "first.png", "AttachableRef": [bought]}, b"the first receipt")


def run(
    seed: str,
    *,
    tape: Sequence[Draw] | None = None,
    story: bool = False,
    traced: bool = False,
    profiles: Callable[[Draws], Profile] = draw_profile,
    bases: Any = base,
) -> Result:
    """Run one schedule from a seed, or from a tape."""
    draws = Draws(seed) if tape is None else Replay(tape)
    profile = profiles(draws)
    place: Base = bases(custom_numbers=profile.custom_numbers)
    place.sides.clock.seconds = place.seconds
    place.sides.put_back(place.kept)
    place.sides.settle_for(profile)
    world = World(place.sides, profile, draws, story=story)
    world.began = place.began
    result = Result(seed, tape=draws.tape, hits=world.hits)
    try:
        _play(world)
    except Violation as violation:
        result.invariant, result.message = violation.invariant, str(violation)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        result.invariant, result.message = "unexpected", f"{type(error).__name__}: {error}"
    finally:
        world.sides.abandon()
        world.scheduler.end()
    result.steps = world.scheduler.steps
    result.cells = world.cells + write_cells(world)
    result.story = world.story or []
    if traced:
        result.trace = trace_of(world)
    world.close()
    return result


def finish(world: World) -> None:
    """Let everything come to rest, and check all that must hold then."""
    _quiet(world)
    _rounds(world)


def _play(world: World) -> None:
    start = world.clock.seconds
    world.oracle.begin()
    if world.profile.entered_twice:
        enter_twice(world)
    people = world.scheduler.spawn("people", lambda: _people(world))
    dispatcher = world.scheduler.spawn("dispatcher", lambda: _dispatch(world, people))
    world.scheduler.run_until(
        lambda: not people.alive and not dispatcher.alive, start + SAFETY_SECONDS
    )
    finish(world)


def _people(world: World) -> None:
    """Everybody works on both sides for a while, now and then in bursts."""
    draws, profile = world.draws, world.profile
    in_the_middle = draws.pick(PEOPLE, "middle", profile.actions) if profile.actions else 0
    backup = None
    for number in range(profile.actions):
        if not draws.chance(PEOPLE, "burst", 0.45):
            world.scheduler.pause(draws.upto(PEOPLE, "gap", 240.0), "gap")
        else:
            world.hit("same_second")
        if profile.restored and number == 1:
            backup = world.sides.keep_database()
        world.hands.act()
        if number == in_the_middle:
            _extraordinary(world)
    if backup is not None:
        world.restore(backup)


def _extraordinary(world: World) -> None:
    profile = world.profile
    if profile.mass_delete:
        world.hit("mass_delete")
        world.hands.remove_many()
    if profile.forget_request_ids:
        world.hit("request_ids_forgotten")
        world.books.forget_request_ids()
    if profile.full_read:
        world.hit("full_read_beside")
        world.sides.forget_cursors()
    if profile.old_intents:
        # what an older program decided it has not kept with its intents
        world.oracle.named += world.sides.intents_losers_text()
        if world.sides.age_intents():
            world.hit("old_intent")
    if profile.long_jump:
        world.hit("long_jump")
        world.hit("cursor_too_old")
        world.outage = True
        world.scheduler.pause(32 * 86_400.0, "a month passes")
        world.outage = False


def _dispatch(world: World, people: Any) -> None:
    """Start runs by the clock and on hints, never more than the profile's workers at once."""
    draws = world.draws
    after = 0
    while people.alive or after < RUNS_AFTER:
        after += not people.alive
        if world.outage:
            world.scheduler.pause(86_400.0, "nothing runs")
            continue
        working = sum(
            each.alive and each.name.startswith("worker") for each in world.scheduler.actors
        )
        if working < world.profile.workers:
            world.start_worker()
            if working:
                world.hit("two_workers")
        elif world.fails("hint_doubled"):
            world.start_worker()
        seconds = 60.0 + draws.upto(ORDER, "schedule", 600.0)
        if world.fails("hint_lost") or world.fails("hint_late"):
            seconds += draws.upto(FAULTS, "hint", 600.0)
        elif draws.chance(ORDER, "hint", 0.2):
            world.hit("hint_early")
            seconds = 1.0
        world.scheduler.pause(seconds, "waits for the next run")


def _quiet(world: World) -> None:
    """No more people and faults; what is under way comes to its end."""
    world.calm_down()
    world.scheduler.run_until(lambda: False, float("inf"))


def _rounds(world: World) -> None:
    """At most three rounds until everything rests; the round in which nothing moves proves it.

    What a brake has stopped begins only when a person has approved it, a round later; where
    another brake stops it then, nothing has moved, and it is at rest no more than before.
    """
    last = ROUNDS
    for number in range(ROUNDS + 2):
        world.clock.seconds += ROUND_SECONDS
        before = moves(world)
        if number < last:
            if _review(world) and number:
                last = ROUNDS + 1
            if world.profile.matches_decided:
                decide(world)
        _one_run(world)
        if number == last or (number and moves(world) == before and not _waits(world)):
            break
    for line in world.sides.parked_lines():
        world.tell(f"parked: {line}")
    check_end(world)
    check_rest(world, before)


def _waits(world: World) -> bool:
    """Whether a plan waits for a person's approval."""
    with world.sides.open_state("review", "person").begin() as unit:
        return bool(unit.approvals([ApprovalState.WAITING]))


def _review(world: World) -> bool:
    """A person lets everything that is parked be tried again, and approves what brakes stopped.

    Returns whether there was anything to approve.
    """
    state = world.sides.open_state("review", "person")
    with state.begin() as unit:
        parked = unit.parked(list(catalog()))
        # where a person has to look in QuickBooks first, this one does not say yes blindly
        never_made = _never_made(world, unit)
        unit.release(
            [
                each.link_id
                for each in parked
                if each.code not in _LOOKED_AT
                or (each.code == "may_be_ours" and each.link_id in never_made)
            ]
        )
        waiting = unit.approvals([ApprovalState.WAITING])
        for each in waiting:
            approve(unit, each.number, "controller")
            _decide_twice(world, unit, each.number)
    return bool(waiting)


def _never_made(world: World, unit: Unit) -> set[int]:
    """Links of creates without an answer of which one who looks in QuickBooks finds nothing."""
    done = {each.intent_id for each in world.oracle.effects}
    return {each.link_id for each in unit.open_intents() if each.id not in done}


def _decide_twice(world: World, unit: Unit, number: int) -> None:
    """A second person decides the same: that must be refused."""
    world.hit("decided_twice")
    try:
        approve(unit, number, "auditor")
    except UsageError:
        return
    raise Violation("I21", f"plan {number} was approved twice")


def _one_run(world: World) -> None:
    world.start_worker()
    world.scheduler.run_until(lambda: False, float("inf"))


def trace_of(world: World) -> str:
    """A hash of QuickBooks's journal, the links, the steps, the time and the number of draws."""
    digest = hashlib.sha256()
    for entry in world.books.journal:
        digest.update(
            repr((entry.who, entry.operation, entry.entity, entry.id, entry.time)).encode()
        )
    for link in world.links():
        digest.update(
            repr((link.id, link.record_type, link.quickbooks_id, link.platform_id)).encode()
        )
    digest.update(
        repr((world.scheduler.steps, world.clock.seconds, len(world.draws.tape))).encode()
    )
    return digest.hexdigest()


__all__ = ["Base", "Result", "SyncError", "base", "prepared", "run"]
