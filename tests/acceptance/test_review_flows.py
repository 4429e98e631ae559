"""What a person does from the Prefect UI: decide a conflict, retry what failed, look at matches."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.acceptance.test_flows import artifacts, run_flow, task_runs
from tests.fixtures.company import Office
from tests.fixtures.prefect import ON_PREFECT

pytestmark = ON_PREFECT

#: A run pauses a moment after it was started.
PAUSED_SECONDS_MAX = 30
BOTH = ("QuickBooks's version", "the platform's version")


class Paused:
    """A run that waits for a person, in a thread of its own."""

    def __init__(self, server: Callable[[], Any], flow: Any, parameters: dict[str, Any]) -> None:
        self._server = server
        self.ended: list[Any] = []
        run = contextvars.copy_context().run
        call = lambda: self.ended.append(flow(**parameters, return_state=True))  # noqa: E731
        self._thread = threading.Thread(target=run, args=(call,), daemon=True)
        self._thread.start()
        self.run_id, self.form = self._wait()

    def _wait(self) -> tuple[Any, dict[str, Any]]:
        """The run, and the schema of the form that it shows."""
        from prefect.exceptions import PrefectHTTPStatusError

        deadline = time.monotonic() + PAUSED_SECONDS_MAX
        while time.monotonic() < deadline and not self.ended:
            with self._server() as client:
                for each in client.read_flow_runs():
                    if each.state is not None and each.state.is_paused():
                        keyset = each.state.state_details.run_input_keyset
                        # Prefect pauses a run first, and stores its form right after that
                        with suppress(PrefectHTTPStatusError):
                            form = self._input(client, each.id, keyset["schema"])
                            words = self._input(client, each.id, keyset["description"])
                            return each.id, {**form, "shown": words}
            time.sleep(0.2)
        raise AssertionError(f"it does not pause: {self.ended}")

    @staticmethod
    def _input(client: Any, run_id: Any, key: str) -> Any:
        path = {"id": run_id, "key": key}
        return client.request("GET", "/flow_runs/{id}/input/{key}", path_params=path).json()

    def answer(self, **given: Any) -> Any:
        """Press Resume with these answers; the run's end, or what was refused."""
        with self._server() as client:
            answered = client.resume_flow_run(self.run_id, run_input=given)
        if answered.status.value != "ACCEPT":
            return answered
        self._thread.join(timeout=60)
        (state,) = self.ended
        return state


@contextmanager
def paused(server: Callable[[], Any], **parameters: Any) -> Iterator[Paused]:
    """A run of resolve-conflict that has paused."""
    from flows.resolve_conflict import resolve_conflict

    yield Paused(server, resolve_conflict, parameters)


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused run looks for its answer every second."""
    monkeypatch.setattr("flows.resolve_conflict.POLL_SECONDS", 1)


def both_edited(office: Office) -> int:
    """The memo of an invoice was edited on both sides; the platform's row."""
    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.update("Invoice", invoice["Id"], PrivateNote="of the | books")
    office.platform.edit("invoice", row_id, memo="of the platform")
    office.sync(code=None)
    return row_id


@pytest.mark.parametrize("policy", ["review", "quickbooks"])
def test_a_paused_run_shows_both_versions_and_takes_the_choice(
    office: Office, prefect_server: Callable[[], Any], policy: str
) -> None:
    """The form has a choice and a name; what is chosen is on both sides, under that name."""
    office.platform.choose(policy={"invoice": policy})
    row_id = both_edited(office)
    (conflict,) = office.conflicts()
    with paused(prefect_server, conflict=conflict["id"], connection="") as run:
        asked = run.form["properties"]
        assert set(asked) == {"take_memo", "decided_by"}
        assert "of the \\| books" in str(run.form["shown"])
        assert "of the platform" in str(run.form["shown"])
        refused = run.answer(take_memo="mine", decided_by="Ada")
        assert "mine" in str(refused.details)
        assert run.ended == []
        state = run.answer(take_memo=BOTH[1], decided_by="Ada Accountant")
    assert state.is_completed()
    assert office.platform.row("invoice", row_id)["memo"] == "of the platform"
    office.settled()
    (now,) = office.conflicts()
    assert (now["overridden_to"], now["overridden_by"]) == ("platform", "Ada Accountant")
    shown = artifacts(prefect_server, state.state_details.flow_run_id)
    assert "of the platform" in str(shown["resolution"].data)


def test_nothing_chosen_changes_nothing(office: Office, prefect_server: Callable[[], Any]) -> None:
    """The default is to leave it, and the run says so."""
    both_edited(office)
    (conflict,) = office.conflicts()
    with paused(prefect_server, conflict=conflict["id"]) as run:
        state = run.answer(decided_by="Ada")
    assert state.name == "LeftAsItIs"
    assert office.conflicts() == [conflict]


def test_nobody_answers(
    office: Office, prefect_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends by itself, says why, and leaves the conflict as it was."""
    monkeypatch.setattr("flows.resolve_conflict.MINUTE_SECONDS", 1)
    both_edited(office)
    (conflict,) = office.conflicts()
    from flows.resolve_conflict import resolve_conflict

    state = resolve_conflict(conflict=conflict["id"], wait_minutes=3, return_state=True)
    assert state.is_failed()
    assert "never resumed" in state.message
    assert office.conflicts() == [conflict]


def test_a_conflict_that_is_none_fails_at_once(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """The run does not pause for what nobody could decide."""
    from flows.resolve_conflict import resolve_conflict

    state = resolve_conflict(conflict=999, return_state=True)
    assert state.is_failed()
    assert "no conflict 999" in state.message


def test_retry_failed_tries_one_reason_again(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """Two records were refused for two reasons, and one cause is mended: that one goes through, the
    other stays parked and is not even tried."""
    from flows.retry_failed import retry_failed

    for name, code in (("Supplier A", "2050"), ("Supplier B", "6240")):
        office.platform.add("vendor", name=name)
        office.emulator.faults(
            entity="Vendor",
            verb="create",
            match=name,
            kind="fault",
            count=None,
            code=code,
            message="refused",
        )
    office.sync(code=3)
    codes = {each["record"]: each["code"] for each in office.status()["parked"]}
    office.emulator.emulator.injection.rules.clear()
    state = retry_failed(code=codes["Supplier A"], return_state=True)

    assert state.name == "Completed"
    assert [each["record"] for each in office.status()["parked"]] == ["Supplier B"]
    assert len(office.books.find("Vendor", "DisplayName = 'Supplier A'")) == 1
    assert task_runs(prefect_server, state.state_details.flow_run_id, "push") == []
    wrong = retry_failed(code="fault_1", return_state=True)
    assert wrong.is_failed()
    assert codes["Supplier B"] in wrong.message

    skip = {"code": codes["Supplier B"], "action": "skip", "return_state": True}
    nobody = retry_failed(**skip)
    assert nobody.is_failed()
    assert "decided_by is empty" in nobody.message
    assert retry_failed(**skip, decided_by="Ada", why="a test").result() == {"settled": 1}
    assert office.status()["parked"] == []
    (entry,) = office.platform.audit("skipped")
    assert (entry["was"], entry["why"]) == (codes["Supplier B"], "a test")


def test_the_match_flow_writes_to_neither_side(
    fresh_office: Office, prefect_server: Callable[[], Any]
) -> None:
    """Before the first sync it lists what both sides hold already."""
    from flows.match import match

    fresh_office.connect()
    fresh_office.platform.add("customer", name="Amy's Bird Sanctuary", currency="USD")
    mark = fresh_office.books.mark()
    state = run_flow(match)
    assert state.is_completed()
    assert "match-counts" in artifacts(prefect_server, state.state_details.flow_run_id)
    assert fresh_office.books.written(mark) == []
