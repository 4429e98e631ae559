"""The steps of a cycle as a set of callables: plain, or each wrapped as a Prefect task.

`cycle.run_cycle` calls them in the one order there is. The plain set is for the command line, the
tests and the simulator; `tasks.prefect_steps` makes the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.ports import Clock
from models.errors import (
    DisconnectedError,
    RecordError,
    RemoteError,
    RetryLaterError,
    SyncError,
)
from models.plan import Plan, RecordPlan
from models.record_type import RecordType
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.extract import (
    PlatformExtract,
    QuickBooksExtract,
    extract_platform,
    extract_quickbooks,
)
from tasks.fetch import fetch_files
from tasks.load import Failed, apply_batch, load_batch
from tasks.pair import pair
from tasks.plan import plan
from tasks.push import ATTEMPTS_MAX, give_up, is_passing, push_record
from tasks.recover import recover
from tasks.reimburse import post_expenses

#: Seconds before the second, third and fourth attempt at a record.
RETRY_DELAYS = (1, 2, 4)
#: More failures than this in one run have one cause; the rest is parked at once.
PUSHES_MAX = 200


@dataclass(frozen=True)
class Steps:
    """One callable per step."""

    recover: Callable[[Cycle], int]
    #: Posts expenses as bills, where a company wants that.
    post_expenses: Callable[[Cycle], int]
    extract_quickbooks: Callable[[Cycle, Sequence[RecordType]], QuickBooksExtract]
    extract_platform: Callable[[Cycle, Sequence[RecordType]], PlatformExtract]
    pair: Callable[
        [Cycle, Sequence[RecordType], QuickBooksExtract, PlatformExtract], list[Candidate]
    ]
    plan: Callable[[Cycle, Sequence[RecordType], Sequence[Candidate]], Plan]
    apply_batch: Callable[[Cycle, Sequence[RecordPlan]], list[Failed]]
    load_batch: Callable[[Cycle, Sequence[RecordPlan]], list[Failed]]
    #: Tries failed records one by one; what still fails is parked.
    push_all: Callable[[Cycle, Sequence[Failed]], None]
    #: Fetches files of new receipts; how many came.
    fetch_files: Callable[[Cycle, Sequence[RecordType]], int]


Push = Callable[[Cycle, Failed], None]


def push_all(cycle: Cycle, failed: Sequence[Failed], push: Push = push_record) -> None:
    """Try failed records again one by one, with growing waits; park those that stay failed.

    Raises:
        DisconnectedError: no call can work.
    """
    for each in failed[:PUSHES_MAX]:
        _push(cycle, each, push)
    for each in failed[PUSHES_MAX:]:
        give_up(cycle, each)


def _push(cycle: Cycle, failed: Failed, push: Push) -> None:
    for attempt in range(ATTEMPTS_MAX):
        try:
            push(cycle, failed)
        except DisconnectedError:
            raise  # no call can work, for this record or any other
        except (RecordError, RemoteError) as error:
            failed.error = error
            if not is_passing(error):
                break
            if attempt < len(RETRY_DELAYS):
                wait_before_retry(cycle.clock, error, attempt)
        else:
            return
    give_up(cycle, failed)


def wait_before_retry(clock: Clock, error: SyncError, attempt: int) -> None:
    """Wait as long as QuickBooks asks for, or a little longer each time."""
    asked = error.wait_seconds if isinstance(error, RetryLaterError) else 0
    clock.sleep(max(asked, RETRY_DELAYS[attempt]))


PLAIN = Steps(
    recover=recover,
    post_expenses=post_expenses,
    extract_quickbooks=extract_quickbooks,
    extract_platform=extract_platform,
    pair=pair,
    plan=plan,
    apply_batch=apply_batch,
    load_batch=load_batch,
    push_all=push_all,
    fetch_files=fetch_files,
)
