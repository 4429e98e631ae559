"""Every crash point of every flow: a crash before and after each single call of a port.

Not sampled: the calls of a cycle are counted once, then the cycle is run once for each call and
each side of it. Afterwards everything comes to rest, and all invariants must hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from models.record_type import catalog
from models.words import DataType, Side
from tests.simulation import schedule
from tests.simulation.draws import Replay
from tests.simulation.oracle import Violation
from tests.simulation.people import People
from tests.simulation.profile import Profile
from tests.simulation.world import World

#: What is done on both sides before the cycle that crashes.
WORK = (
    (Side.PLATFORM, "create"),
    (Side.QUICKBOOKS, "create"),
    (Side.PLATFORM, "edit"),
    (Side.QUICKBOOKS, "edit"),
    (Side.PLATFORM, "remove"),
    (Side.QUICKBOOKS, "remove"),
)


@dataclass(frozen=True)
class Flow:
    """One flow with work to do."""

    name: str
    data_types: frozenset[DataType]
    #: Whether several writes go in one call.
    batch_writes: bool
    #: Whether an earlier cycle left a write without an answer.
    recovering: bool
    honour_request_ids: bool


FLOWS = tuple(
    Flow(
        f"{data_type}{' in batches' if batches else ''}{', recovering' if recovering else ''}"
        f"{'' if honoured else ', request ids ignored'}",
        frozenset({data_type}),
        batches,
        recovering,
        honoured,
    )
    for data_type in DataType
    for batches in (True, False)
    for recovering in (False, True)
    for honoured in (True, False)
)


def _world(flow: Flow) -> World:
    """A world with work waiting on both sides."""
    place = schedule.base(custom_numbers=True)
    profile = Profile(
        flow.data_types,
        batch_writes=flow.batch_writes,
        honour_request_ids=flow.honour_request_ids,
    )
    place.sides.clock.seconds = place.seconds
    place.sides.put_back(place.kept)
    place.sides.settle_for(profile)
    world = World(place.sides, profile, Replay([]))
    world.oracle.begin()
    world.scheduler.spawn("people", lambda: _work(world, flow))
    world.scheduler.run_until(lambda: False, float("inf"))
    return world


def _work(world: World, flow: Flow) -> None:
    hands = People(world)
    for record_type in world.own_types:
        for side, verb in WORK:
            if verb == "create":
                for _ in range(2):
                    content = hands.new_content(side, record_type)
                    if content is not None:
                        hands.create(side, record_type, content)
                continue
            ids = world.live_ids(side, record_type)
            # an edit of the first record, a removal of the last that both sides have
            if verb == "edit" and ids:
                hands.edit(side, record_type, ids[0])
            elif verb == "remove" and len(ids) > 1 and not record_type.is_list:
                hands.remove(side, record_type, ids[0])
    if flow.recovering:
        _lose_an_answer(world)


def _lose_an_answer(world: World) -> None:
    """A worker dies with a write under way, whose record nobody linked."""
    seen = Counter[str]()

    def dies(name: str) -> None:
        seen[name] += 1
        if name.startswith("quickbooks.") and name in ("quickbooks.post", "quickbooks.batch"):
            world.kill(world.scheduler.current)

    world.calls.listen(after=dies)
    worker = world.start_worker()
    while worker.alive:
        world.scheduler.pause(1.0, "waits")
    world.calls.deaf()
    world.scheduler.pause(schedule.ROUND_SECONDS, "waits for the flight")


def count_calls(flow: Flow) -> list[str]:
    """Names of the port calls of a cycle, in order."""
    world = _world(flow)
    names: list[str] = []
    world.calls.listen(before=names.append)
    world.start_worker()
    world.scheduler.run_until(lambda: False, float("inf"))
    world.calls.deaf()
    world.scheduler.end()
    return names


def crash_at(flow: Flow, number: int, *, after: bool) -> str:
    """Run a cycle that crashes at one call; what is violated afterwards, "" where nothing is."""
    world = _world(flow)
    count = [0]

    def counted(_name: str) -> None:
        count[0] += 1
        if count[0] == number and not after:
            world.kill(world.scheduler.current)

    def done(_name: str, at: int) -> None:
        if at == number and after:
            world.kill(world.scheduler.current)

    world.calls.listen(before=counted, after_number=done)
    try:
        world.start_worker()
        world.scheduler.run_until(lambda: False, float("inf"))
        if count[0] < number:
            return f"call {number} was not reached"
        world.calls.deaf()
        schedule.finish(world)
    except Violation as violation:
        return str(violation)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"
    finally:
        world.sides.abandon()
        world.scheduler.end()
    return ""


def crash_everywhere(index: int) -> tuple[str, int, list[str]]:
    """All crash points of one flow: its name, how many calls there are, and what went wrong."""
    flow = FLOWS[index]
    names = count_calls(flow)
    wrong = [
        f"{flow.name}: crash {'after' if after else 'before'} call {number} ({name}): {problem}"
        for number, name in enumerate(names, start=1)
        for after in (False, True)
        if (problem := crash_at(flow, number, after=after))
    ]
    return flow.name, len(names), wrong


def report(processes: int, tell: Callable[[str], None] = print) -> int:
    """Every crash point of every flow; exit 1 where one leaves anything wrong."""
    problems: list[str] = []
    total = 0
    with ProcessPoolExecutor(processes) as pool:
        for name, calls, wrong in pool.map(crash_everywhere, range(len(FLOWS))):
            total += 2 * calls
            problems += wrong
            tell(f"{name}: {calls} port calls, {2 * calls} crash points, {len(wrong)} wrong")
    tell(f"{total} crash points of {len(FLOWS)} flows, 100 % run, {len(problems)} wrong")
    for each in problems[:20]:
        tell(each)
    assert set(catalog()), "the catalog has record types"
    return 1 if problems else 0
