"""Planted bugs: does the simulator see them?

Each is a small change of the engine that a tired person could make. It must be caught within 2,000
seeds. Where `mutants.json` says how many it took, four times as many, and more than 500, fail.
"""

from __future__ import annotations

from tests.simulation import broken_before, broken_memory, broken_writes
from tests.simulation.planted import Mutant, planted

#: Bugs that the engine once had; a tape of each is kept.
MENDED: tuple[Mutant, ...] = (
    Mutant(
        "deleted_is_sent_again",
        "a create that may have landed and been deleted by a person is sent again",
        broken_before.deleted_is_sent_again,
        condition="touched",
    ),
    Mutant(
        "renamed_is_made_again",
        "a list entry that was renamed before it was looked for is made again",
        broken_before.renamed_is_made_again,
        condition="touched",
    ),
    Mutant(
        "new_delete_unread",
        "what CDC calls deleted and nobody links yet is not read",
        broken_before.new_delete_unread,
        condition="corrected",
    ),
    Mutant(
        "landing_unknown_by_name",
        "after a restore, a list entry that landed meanwhile is not known by its name",
        broken_before.landing_unknown_by_name,
        condition="restored",
    ),
    Mutant(
        "withheld_is_forgotten",
        "what looked like a write without an answer is not read again when it was another one",
        broken_before.withheld_is_forgotten,
        condition="corrected",
    ),
    Mutant(
        "retried_copy_is_new",
        "a copy that was parked is made on the platform when it is retried",
        broken_before.retried_copy_is_new,
        condition="touched",
    ),
    Mutant(
        "copies_are_new_after_restore",
        "after a restore, a record and its copy are both taken for new ones",
        broken_before.copies_are_new_after_restore,
        condition="restored_touched",
    ),
    Mutant(
        "credits_of_one_day_are_one",
        "two payments of nothing, which apply credits on one day, are taken for one",
        broken_before.credits_of_one_day_are_one,
        hunted=False,
    ),
    Mutant(
        "other_credits_are_likely",
        "payments of nothing, which apply other credits, are likely one, and accepted as such",
        broken_before.other_credits_are_likely,
        hunted=False,
    ),
    Mutant(
        "recovered_looks_well",
        "what recovery has just made hides from the brake that its side was emptied",
        broken_before.recovered_looks_well,
        condition="emptied_lost",
    ),
    Mutant(
        "earlier_conflict_hides_emptied",
        "a record that was found gone and edited before hides that its side was emptied",
        broken_before.earlier_conflict_hides_emptied,
        condition="emptied_against",
    ),
)
MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "send_at_once",
        "a create is sent again without waiting out its flight",
        broken_writes.send_at_once,
        condition="rough",
    ),
    Mutant("no_look", "nobody looks before a write is sent again", broken_writes.no_look),
    Mutant(
        "wait_from_creation",
        "the wait counts from the plan, not from the last send",
        broken_writes.wait_from_creation,
        condition="rough",
    ),
    Mutant(
        "dropped_on_time_out",
        "a time-out is taken for a failure",
        broken_writes.dropped_on_time_out,
    ),
    Mutant("not_recorded", "a send is not recorded before it leaves", broken_writes.not_recorded),
    Mutant("other_body", "what is sent is not what was stored", broken_writes.other_body),
    Mutant(
        "sent_counts_as_unsent",
        "a crash after a send is taken for one before it",
        broken_writes.sent_counts_as_unsent,
    ),
    Mutant(
        "no_marker",
        "records are made without a marker",
        broken_writes.no_marker,
        condition="lost",
    ),
    Mutant("force", "the SyncToken is read again just before the write", broken_writes.force),
    Mutant(
        "look_counts_when_answered",
        "a look counts from its answer, not from its question",
        broken_writes.look_counts_when_answered,
        condition="rough",
    ),
    Mutant(
        "conflicts_with_the_answer",
        "losers are named only if the answer comes",
        broken_writes.conflicts_with_the_answer,
    ),
    Mutant(
        "no_deadline",
        "a paused worker sends, however late",
        broken_writes.no_deadline,
        condition="rough",
    ),
    Mutant(
        "answers_mixed_up",
        "answers of a batch are taken in another order",
        broken_writes.answers_mixed_up,
    ),
    Mutant(
        "busy_is_planned",
        "a record with an open write is planned again",
        broken_writes.busy_is_planned,
        condition="rough",
    ),
    Mutant(
        "adopts_the_first",
        "any record made since is taken for ours",
        broken_writes.adopts_the_first,
        condition="lost",
    ),
    Mutant("base_first", "the base advances before the write", broken_memory.base_first),
    Mutant(
        "base_of_one_side",
        "the base advances on what one side holds",
        broken_memory.base_of_one_side,
        condition="rough",
    ),
    Mutant(
        "base_as_sent",
        "the base is what was sent, not what was answered",
        broken_memory.base_as_sent,
    ),
    Mutant("cursor_first", "the cursor is stored before the data", broken_memory.cursor_first),
    Mutant("cursor_ahead", "the cursor is a few seconds ahead", broken_memory.cursor_ahead),
    Mutant(
        "cursor_by_local_clock",
        "the cursor is our time, not QuickBooks's",
        broken_memory.cursor_by_local_clock,
    ),
    Mutant(
        "full_answer_is_whole",
        "a full answer is taken for a complete one",
        broken_memory.full_answer_is_whole,
    ),
    Mutant(
        "platform_cursor_late",
        "the platform's cursor is where the log ends after the cycle",
        broken_memory.platform_cursor_late,
    ),
    Mutant("no_epoch", "a worker that lost its lease goes on", broken_memory.no_epoch),
    Mutant(
        "versions_say_it_all",
        "figures that move without a new SyncToken are not seen",
        broken_memory.versions_say_it_all,
    ),
    Mutant(
        "last_writer_wins",
        "the whole record is taken from one side",
        broken_memory.last_writer_wins,
    ),
    Mutant(
        "conflict_unsaid", "a conflict is decided and not recorded", broken_memory.conflict_unsaid
    ),
    Mutant("wrong_winner", "the loser's value is taken", broken_memory.wrong_winner),
    Mutant("delete_wins", "a delete wins over an edit without a word", broken_memory.delete_wins),
    Mutant("deleted_is_new", "a deleted record is treated as new", broken_memory.deleted_is_new),
    Mutant(
        "unconfirmed_delete",
        "what CDC calls deleted is deleted without a read",
        broken_memory.unconfirmed_delete,
    ),
    Mutant(
        "lines_dropped",
        "only the first line is sent, and the answer is not compared",
        broken_memory.lines_dropped,
    ),
    Mutant(
        "platform_unchecked",
        "a row is overwritten, whatever its version is",
        broken_memory.platform_unchecked,
    ),
    Mutant(
        "match_by_anything",
        "unlinked records are paired in the order they come",
        broken_memory.match_by_anything,
    ),
    Mutant("audit_dropped", "a write is not logged", broken_memory.audit_dropped),
    Mutant(
        "audit_of_adoption_dropped",
        "a write that was found is not logged",
        broken_memory.audit_of_adoption_dropped,
    ),
    Mutant("audit_doubled", "a write is logged twice", broken_memory.audit_doubled),
    Mutant("park_forgotten", "a record that cannot go on is dropped", broken_memory.park_forgotten),
    Mutant("brakes_off", "no brake ever trips", broken_memory.brakes_off, condition="emptied"),
    Mutant(
        "brake_on_few",
        "a small side may become empty",
        broken_memory.brake_on_few,
        condition="emptied",
    ),
    Mutant(
        "approval_for_ever",
        "one approval lets everything pass",
        broken_memory.approval_for_ever,
        condition="emptied",
    ),
    Mutant(
        "file_cut_short",
        "of a file that arrives the last byte is lost",
        broken_memory.file_cut_short,
    ),
    Mutant(
        "other_file_sent",
        "an upload carries other bytes than the row's file",
        broken_memory.other_file_sent,
    ),
    Mutant(
        "figures_forgotten",
        "what QuickBooks computed does not reach the platform",
        broken_memory.figures_forgotten,
    ),
    Mutant(
        "restored_is_forgotten",
        "after a restore, list entries on one side only are taken for new ones",
        broken_memory.restored_is_forgotten,
        condition="restored",
    ),
    Mutant(
        "first_sync_asks_nothing",
        "what both sides hold in two spellings is made anew on both",
        broken_memory.first_sync_asks_nothing,
    ),
    *MENDED,
)


def mutant_named(name: str) -> Mutant:
    """The planted bug of this name.

    Raises:
        KeyError: there is none.
    """
    return {each.name: each for each in MUTANTS}[name]


__all__ = ["MENDED", "MUTANTS", "Mutant", "mutant_named", "planted"]
