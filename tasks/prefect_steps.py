"""The steps as Prefect tasks: the same functions, watched, named and retried.

A batch is one task run. Only a record that failed gets a task run of its own, named after it
("push invoice 1042"), with growing waits between its retries and none where the record itself is
refused (reference prefect, section 2). Task inputs are wrapped in `Work`, which Prefect passes on
without looking inside: it would otherwise walk through every record.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import MissingContextError
from prefect.futures import wait

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
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.load import Failed
from tasks.push import ATTEMPTS_MAX, give_up, is_passing
from tasks.report import planned_rows
from tasks.steps import PLAIN, PUSHES_MAX, RETRY_DELAYS, Steps
from tasks.watching import push_watched, record_known

#: Rows in one artifact: the UI fetches the whole of it (reference prefect, section 4).
ROWS_MAX = 1_000
#: Task runs that a filter in the UI should find.
RETRY_TAG = "record-retry"


class Work:
    """What a task works on; opaque to Prefect."""

    def __init__(self, cycle: Cycle, subject: Any = None, label: str = "") -> None:
        self.cycle = cycle
        self.subject = subject
        self.label = label


def _label(parameters: dict[str, Any]) -> str:
    """A task run is called by its work's label; Prefect asks by this signature."""
    return str(parameters["work"].label)


@task(name="recover", task_run_name="recover", cache_policy=NO_CACHE, persist_result=False)
def recover_task(work: Work) -> int:
    """Settle what the last run left open."""
    return PLAIN.recover(work.cycle)


@task(
    name="post-expenses",
    task_run_name="post expenses as bills",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def post_expenses_task(work: Work) -> int:
    """Post expenses as bills, where the company wants that."""
    return PLAIN.post_expenses(work.cycle)


@task(
    name="extract-quickbooks",
    task_run_name="extract from QuickBooks",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def extract_quickbooks_task(work: Work) -> QuickBooksExtract:
    """Read QuickBooks's changes."""
    return PLAIN.extract_quickbooks(work.cycle, work.subject)


@task(
    name="extract-platform",
    task_run_name="extract from platform",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def extract_platform_task(work: Work) -> PlatformExtract:
    """Read the platform's changes."""
    return PLAIN.extract_platform(work.cycle, work.subject)


@task(name="pair", task_run_name="pair", cache_policy=NO_CACHE, persist_result=False)
def pair_task(work: Work) -> list[Candidate]:
    """Find which record is which."""
    return PLAIN.pair(work.cycle, *work.subject)


@task(
    name="validate-and-plan",
    task_run_name="validate and plan",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def plan_task(work: Work) -> Plan:
    """Validate the records with Great Expectations, merge them, and show the plan."""
    plan = PLAIN.plan(work.cycle, *work.subject)
    rows = planned_rows(plan, work.cycle.pages_url)
    create_table_artifact(
        key="plan",
        table=rows[:ROWS_MAX] or [{"plan": "nothing to do: both sides agree"}],
        description=f"What this run is going to do: {len(rows)} writes and parked records.",
    )
    return plan


@task(
    name="apply-to-platform",
    task_run_name=_label,  # type: ignore[arg-type] # a callable with one parameter is allowed
    cache_policy=NO_CACHE,
    persist_result=False,
)
def apply_batch_task(work: Work) -> list[Failed]:
    """Write a batch to the platform."""
    return PLAIN.apply_batch(work.cycle, work.subject)


@task(
    name="load-to-quickbooks",
    task_run_name=_label,  # type: ignore[arg-type] # a callable with one parameter is allowed
    cache_policy=NO_CACHE,
    persist_result=False,
)
def load_batch_task(work: Work) -> list[Failed]:
    """Write a batch to QuickBooks."""
    return PLAIN.load_batch(work.cycle, work.subject)


@task(name="fetch-files", task_run_name="fetch files", cache_policy=NO_CACHE, persist_result=False)
def fetch_files_task(work: Work) -> int:
    """Fetch the files of new receipts."""
    return PLAIN.fetch_files(work.cycle, work.subject)


def _worth_a_retry(_task: Any, _run: Any, state: Any) -> bool:
    """Whether another attempt can help."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SyncError) and is_passing(error)


@task(
    name="push-record",
    task_run_name=_label,  # type: ignore[arg-type] # a callable with one parameter is allowed
    retries=ATTEMPTS_MAX - 1,
    retry_delay_seconds=list(RETRY_DELAYS),
    retry_jitter_factor=0.3,
    retry_condition_fn=_worth_a_retry,
    tags=[RETRY_TAG],
    cache_policy=NO_CACHE,
    persist_result=False,
)
def push_record_task(work: Work) -> None:
    """Try one record again; a wait that QuickBooks asks for comes before Prefect's own."""
    from prefect.runtime import task_run

    failed: Failed = work.subject
    try:
        push_watched(work.cycle, failed)
    except SyncError as error:
        failed.error = error
        asked = error.wait_seconds if isinstance(error, RetryLaterError) else 0
        if asked and task_run.run_count < ATTEMPTS_MAX:
            _log(f"{failed.name}: waiting {asked} s as QuickBooks asks")
            work.cycle.clock.sleep(asked)
        raise


# -- the steps, with the signatures that the cycle calls --


def _recover(cycle: Cycle) -> int:
    return recover_task(Work(cycle))


def _post_expenses(cycle: Cycle) -> int:
    return post_expenses_task(Work(cycle))


def _extract_quickbooks(cycle: Cycle, record_types: Sequence[RecordType]) -> QuickBooksExtract:
    return extract_quickbooks_task(Work(cycle, record_types))


def _extract_platform(cycle: Cycle, record_types: Sequence[RecordType]) -> PlatformExtract:
    return extract_platform_task(Work(cycle, record_types))


def _pair(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    quickbooks: QuickBooksExtract,
    platform: PlatformExtract,
) -> list[Candidate]:
    return pair_task(Work(cycle, (record_types, quickbooks, platform)))


def _plan(
    cycle: Cycle, record_types: Sequence[RecordType], candidates: Sequence[Candidate]
) -> Plan:
    return plan_task(Work(cycle, (record_types, candidates)))


def _apply_batch(cycle: Cycle, plans: Sequence[RecordPlan], company: str = "") -> list[Failed]:
    return apply_batch_task(Work(cycle, plans, f"{company}{_batch(plans)} to platform"))


def _load_batch(cycle: Cycle, plans: Sequence[RecordPlan], company: str = "") -> list[Failed]:
    return load_batch_task(Work(cycle, plans, f"{company}{_batch(plans)} to QuickBooks"))


def _batch(plans: Sequence[RecordPlan]) -> str:
    return f"{len(plans)} {plans[0].record_type.plural}"


def _push_all(cycle: Cycle, failed: Sequence[Failed]) -> None:
    """A task run for each failed record; what stays failed is parked."""
    pushed = list(failed[:PUSHES_MAX])
    futures = [push_record_task.submit(Work(cycle, each, push_name(each))) for each in pushed]
    wait(futures)
    for each, future in zip(pushed, futures, strict=True):
        if not future.state.is_completed():
            _end_of_push(cycle, each, future)
    for each in failed[PUSHES_MAX:]:
        give_up(cycle, each)


def _fetch_files(cycle: Cycle, record_types: Sequence[RecordType]) -> int:
    return fetch_files_task(Work(cycle, record_types))


def _end_of_push(cycle: Cycle, failed: Failed, future: Any) -> None:
    error = future.result(raise_on_failure=False)
    # as in the plain steps: only what is wrong with the record itself sets it aside
    is_its_own = isinstance(error, RecordError | RemoteError)
    stops_all = isinstance(error, DisconnectedError) or not is_its_own
    if isinstance(error, BaseException) and stops_all:
        raise error
    with record_known(failed):
        _log(f"{failed.name} is parked: {failed.error}")
        give_up(cycle, failed)


def push_name(failed: Failed) -> str:
    """Name of a record's task run: "push" towards QuickBooks, "pull" towards the platform."""
    verb = "push" if failed.plan.quickbooks_operation is not None else "pull"
    return f"{verb} {failed.name}"


def _log(words: str) -> None:
    try:
        get_run_logger().warning(words)
    except MissingContextError:
        logging.getLogger(__name__).warning(words)


PREFECT = Steps(
    recover=_recover,
    post_expenses=_post_expenses,
    extract_quickbooks=_extract_quickbooks,
    extract_platform=_extract_platform,
    pair=_pair,
    plan=_plan,
    apply_batch=_apply_batch,
    load_batch=_load_batch,
    push_all=_push_all,
    fetch_files=_fetch_files,
)


#: For runs of many companies: task runs for what is written, named after the company, and none for
#: an idle one.
PREFECT_WRITES = replace(
    PLAIN,
    apply_batch=lambda cycle, plans: _apply_batch(cycle, plans, f"{cycle.connection.name}: "),
    load_batch=lambda cycle, plans: _load_batch(cycle, plans, f"{cycle.connection.name}: "),
    push_all=_push_all,
)
