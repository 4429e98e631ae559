"""Steps of undoing: what is to be done to each record of a run, and what stands against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.state.port import Parked, Unit
from models.errors import RecordError, UsageError
from models.lines import holds
from models.plan import Link, RecordPlan, referring
from models.record_type import catalog
from models.records import Content, reference
from models.revision import Revision, RevisionKind, RevisionState
from models.undo import Does, Wish, Written, wishes, written_by
from models.words import Side
from tasks.context import Cycle
from tasks.decide import BOTH, closed_day, sides_of
from tasks.observe import Observation, observe
from tasks.plan import planned
from tasks.reads import links_to
from tasks.replan import reread

_COUNTED = (RevisionState.PENDING, RevisionState.DONE)


@dataclass
class Step:
    """One record of a run, and what undoing does to it."""

    wish: Wish
    #: What will be written; None where nothing is.
    plan: RecordPlan | None = None
    #: "planned", "blocked", "nothing", "undone before"; after it was applied "done", "waiting" or
    #: "refused".
    state: str = "planned"
    code: str = ""
    reason: str = ""
    fix: str = ""
    observation: Observation | None = None

    def block(self, code: str, reason: str, fix: str) -> None:
        """Leave the record as it is."""
        self.state, self.code, self.reason, self.fix = "blocked", code, reason, fix


def steps_of(cycle: Cycle, run: str) -> list[Step]:
    """The records that a run wrote, each looked at on both sides.

    Raises:
        UsageError: there is no such run.
    """
    with cycle.state.begin() as unit:
        if not unit.has_run(run):
            raise UsageError(f"there is no run {run[:80]!r}; see `quickbooks-sync status`")
        writes = written_by(unit.entries_of_run(run))
        steps = [Step(each) for each in wishes(writes)]
        again = {each.link_id for each in _undone_before(unit, writes)}
        busy = {each.link_id for each in unit.open_intents()}
        parked = {each.wish.link_id: unit.parked_record(each.wish.link_id) for each in steps}
    for each in steps:
        _first_look(each, again, busy, parked[each.wish.link_id])
    for record_type in catalog().values():
        some = [
            each
            for each in steps
            if each.wish.record_type is record_type and each.state == "planned"
        ]
        if some:
            _look(cycle, some)
    _block_referred(cycle, steps)
    return steps


def _undone_before(unit: Unit, writes: Sequence[Written]) -> list[Revision]:
    found = unit.revisions_undoing([each.entry for each in writes])
    return [each for each in found if each.state in _COUNTED]


def _first_look(
    step: Step, again: Collection[int], busy: Collection[int], parked: Parked | None
) -> None:
    """What can be told without reading the record."""
    wish = step.wish
    if wish.link_id in again:
        step.state = "undone before"
    elif wish.does is Does.NOTHING:
        step.state = "nothing"
        step.reason = "the run wrote what QuickBooks computes, which follows by itself"
    elif wish.does is Does.IMPOSSIBLE:
        step.block("impossible", wish.reason, "Put it right by hand, on either side.")
    elif wish.link_id in busy:
        fix = "Run `quickbooks-sync sync`, then undo it again."
        step.block("under_way", "the outcome of its last write is not known yet", fix)
    elif parked is not None:
        step.block("parked", f"it is set aside: {parked.message}", parked.fix)


def _look(cycle: Cycle, steps: Sequence[Step]) -> None:
    """Read the records of one type, and block what has changed since."""
    record_type = steps[0].wish.record_type
    ids = [each.wish.link_id for each in steps]
    try:
        candidates = reread(cycle, record_type, ids, BOTH)
    except RecordError as error:
        for each in steps:
            each.block(error.code, str(error), error.fix)
        return
    for step, observation in zip(steps, observe(cycle, record_type, candidates), strict=True):
        step.observation = observation
        if step.wish.does is Does.BRING_BACK:
            _look_at_deleted(step, observation)
        else:
            _look_at_living(cycle, step, observation)


def _look_at_deleted(step: Step, observation: Observation) -> None:
    candidate = observation.candidate
    row = candidate.platform
    if row is None:
        step.block(
            "gone", "its row is gone from the platform for good", "Enter it anew on the platform."
        )
    elif row.live or candidate.link.deleted_at is None:
        step.block("changed_since", "it is on the platform again", "Nothing to do.")


def _look_at_living(cycle: Cycle, step: Step, observation: Observation) -> None:
    wish = step.wish
    contents = sides_of(observation)
    if observation.candidate.link.deleted_at is not None or None in contents.values():
        step.block("gone", "it was deleted since", "Nothing to do.")
        return
    if observation.error is not None:
        step.block(observation.error.code, str(observation.error), observation.error.fix)
        return
    moved = _moved(step, contents)
    if moved:
        fix = "Edit it on either side; the next sync takes it over."
        step.block("changed_since", f"it was changed since: {moved}", fix)
        return
    revisions = revisions_of(step, contents, "")
    observation = replace(observation, revisions=tuple(revisions))
    policy = cycle.connection.settings.conflict_policy()
    plan = planned(cycle, observation, None, policy)
    if plan.parked is not None:
        step.block(plan.parked.code, str(plan.parked), plan.parked.fix)
        return
    step.plan = plan
    if plan.quickbooks_operation is None and plan.platform_operation is None:
        step.state, step.reason = "nothing", "both sides hold the earlier values already"
        return
    day = closed_day(cycle, wish.record_type, plan.merge.content, *contents.values())
    if day is not None and plan.quickbooks_operation is not None:
        closed = cycle.facts.book_close_date
        step.block(
            "closed_period",
            f"it counts on {day}, and QuickBooks's books are closed up to {closed}",
            "Open the period in QuickBooks (Account and settings, Advanced), or leave it.",
        )


def _moved(step: Step, contents: Mapping[Side, Content | None]) -> str:
    """Fields that do not hold any more what the run left; "" where all do."""
    wish = step.wish
    names = set()
    for name, (before, after) in wish.values.items():
        each = wish.record_type.by_name[name]
        computed = each.owner.value == Side.QUICKBOOKS
        if computed:
            continue
        allowed = (after,) if wish.does is Does.REMOVE else (after, before)
        for content in contents.values():
            held = (content or {}).get(name)
            if not any(holds(each, value, held) for value in allowed):
                names.add(name)
    return ", ".join(sorted(names))


def _block_referred(cycle: Cycle, steps: Sequence[Step]) -> None:
    """Block what others refer to: a payment that was deposited, a record that is still needed.

    Whoever refers to a record that stays blocked keeps it, too: so until nothing changes.
    """
    names = {
        reference(each.wish.record_type.name, each.wish.link_id): each
        for each in steps
        if each.state == "planned"
    }
    if not names:
        return
    with cycle.state.begin() as unit:
        referrers = referring(names, links_to(unit, names))
    for _ in range(len(names)):
        before = sum(each.state == "blocked" for each in steps)
        going = {
            each.wish.link_id
            for each in names.values()
            if each.state == "planned" and each.wish.does is Does.REMOVE
        }
        for name, step in names.items():
            if step.state == "planned":
                others = [each for each in referrers.get(name, ()) if each.id not in going]
                _block_for(step, others)
        if before == sum(each.state == "blocked" for each in steps):
            return


def _block_for(step: Step, others: Sequence[Link]) -> None:
    """Block a record for the sake of those that refer to it and stay."""
    deposits = [each for each in others if each.record_type == "deposit"]
    writes = step.plan is not None and step.plan.quickbooks_operation is not None
    if deposits and step.wish.record_type.name == "payment" and writes:
        step.block(
            "deposited",
            f"it was deposited (deposit {deposits[0].label}), and QuickBooks changes no deposited "
            "payment (fault 6540)",
            "Take it out of the deposit in QuickBooks first.",
        )
    elif others and step.wish.does is Does.REMOVE:
        first = others[0]
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        step.block(
            "referred",
            f"{first.record_type} {first.label}{more} refers to it",
            "Remove what refers to it first.",
        )


def revisions_of(step: Step, contents: Mapping[Side, Content | None], actor: str) -> list[Revision]:
    """What is to be stored for a record."""
    wish = step.wish
    blank = Revision(
        number=0,
        link_id=wish.link_id,
        record_type=wish.record_type.name,
        kind=RevisionKind.SEPARATE,
        field="",
        side=wish.side,
        expected=(),
        value=None,
        state=RevisionState.PENDING,
        actor=actor,
        undoes=wish.writes[-1].entry,
    )
    if wish.does is Does.REMOVE:
        assert wish.side is not None
        return [replace(blank, expected=(contents[wish.side],))]
    if wish.does is Does.BRING_BACK:
        return [replace(blank, kind=RevisionKind.ANEW, state=RevisionState.DONE)]
    return [
        replace(
            blank,
            kind=RevisionKind.SET,
            field=name,
            side=None,
            expected=(after,),
            value=before,
            undoes=wish.entry_of(name),
        )
        for name, (before, after) in wish.values.items()
    ]
