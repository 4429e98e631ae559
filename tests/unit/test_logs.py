"""Log lines as JSON: what a line holds, where the program stood, and nothing else."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.log_fields import fields, known, note_call
from connectors.logs import CHARACTERS_MAX, OURS, JsonLines, set_up, writes_json
from connectors.quickbooks.scrub import hide, scrub, without_hidden

UUID = "0198f2c1-6b1e-7c3a-9d54-3f2a1b0c9d8e"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of the product whose lines `read` reads."""
    logger = logging.getLogger("tasks.example")
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonLines())
    factory = logging.getLogRecordFactory()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logging.setLogRecordFactory(factory)


def read(log: logging.Logger) -> list[dict[str, Any]]:
    """What was written, a line each."""
    handler = log.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    return [json.loads(line) for line in handler.stream.getvalue().splitlines()]


def raised(words: str) -> LookupError:
    """An error with its traceback."""
    with pytest.raises(LookupError) as caught:
        raise LookupError(words)
    return caught.value


@pytest.mark.asvs("16.2.1", "16.2.2", "16.2.4")
def test_a_line_says_when_how_bad_where_and_what(log: logging.Logger) -> None:
    log.warning("%d records of %s", 3, "Müller & Søn\nLtd")
    (line,) = read(log)
    assert list(line) == ["time", "level", "logger", "message"]
    at = datetime.fromisoformat(line.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert line == {
        "level": "WARNING",
        "logger": "tasks.example",
        "message": "3 records of Müller & Søn\nLtd",
    }


@pytest.mark.asvs("16.2.1", "16.2.4")
def test_levels_add_what_is_known_and_take_it_back(log: logging.Logger) -> None:
    """A cycle, a record of it and its calls; afterwards nothing is known of them."""
    with known(connection="Acme", run="r1"):
        log.info("cycle")
        with known(record_type="invoice", record=1042, intuit_tid=""):
            note_call("1-tid")
            log.info("record")
        log.info("cycle again")
    log.info("nothing")
    cycle = {"connection": "Acme", "run": "r1"}
    record = {**cycle, "record_type": "invoice", "record": 1042, "intuit_tid": "1-tid"}
    told = [{key: line[key] for key in line if key in record} for line in read(log)]
    assert told == [cycle, record, cycle, {}]


def test_a_call_outside_of_any_level_leaves_nothing_behind() -> None:
    note_call("1-tid")
    assert fields() == {}


def test_what_is_known_is_taken_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="stop"), known(connection="Acme"):
        raise ValueError("stop")
    assert fields() == {}


def test_threads_stand_where_they_were_started_and_keep_their_own() -> None:
    """Two records side by side never lend each other their fields."""

    def push(number: int) -> dict[str, str | int]:
        with known(record=number):
            note_call(f"tid-{number}")
            return dict(fields())

    with known(connection="Acme"), ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(copy_context().run, push, number) for number in range(20)]
        found = [each.result() for each in futures]
        assert dict(fields()) == {"connection": "Acme"}
    for number, each in enumerate(found):
        assert each == {"connection": "Acme", "record": number, "intuit_tid": f"tid-{number}"}


def test_a_traceback_is_one_field_of_one_line(log: logging.Logger) -> None:
    log.error("it ended", exc_info=raised("no such record"))
    (line,) = read(log)
    assert line["message"] == "it ended"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("LookupError: no such record")


def test_only_fields_with_a_meaning_get_out(log: logging.Logger) -> None:
    """Prefect's runs and the command line's fix are told; whatever else was attached is not."""
    extra = {"flow_run_name": "invoices Acme", "fix": "Do this.", "payload": {"card": "4111"}}
    log.info("words", extra=extra)
    (line,) = read(log)
    assert line["flow_run_name"] == "invoices Acme"
    assert line["fix"] == "Do this."
    assert "payload" not in line


def test_a_line_has_a_bound(log: logging.Logger) -> None:
    error = raised("long " * CHARACTERS_MAX + "the end")
    log.error("words " * CHARACTERS_MAX, exc_info=error)
    (line,) = read(log)
    assert len(line["message"]) <= CHARACTERS_MAX
    assert len(line["exception"]) <= CHARACTERS_MAX
    assert line["exception"].endswith("the end")


class Untold:
    """Something that fails when it is shown."""

    def __str__(self) -> str:
        raise RuntimeError("not now")


@pytest.mark.parametrize("arguments", [("one %s two %s", 1), ("%d", "x"), ("%s", Untold())])
def test_a_line_that_cannot_be_told_stops_nothing(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...]
) -> None:
    """Logging has always said so on standard error, and gone on."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    set_up("text")
    log.info(*arguments)


def test_json_is_left_to_whoever_has_set_logging_up() -> None:
    """A process with handlers keeps them, with their levels: as under Prefect, and under tests."""
    root = logging.getLogger()
    factory, handlers = logging.getLogRecordFactory(), list(root.handlers)
    assert handlers, "the test runner's own"
    try:
        set_up("json")
        set_up("json")
        assert root.handlers == handlers
        assert not writes_json()
        assert {logging.getLogger(name).level for name in OURS} == {logging.NOTSET}
    finally:
        logging.setLogRecordFactory(factory)


@pytest.mark.parametrize(
    ("secret", "text", "clean"),
    [
        # looks like nothing, and is known
        ("hunter2-of-mine", "it is hunter2-of-mine.", "it is [hidden]."),
        # one is a part of the other: nothing of the longer one is left
        ("hunter2-of-mine-too", "hunter2-of-mine-too hunter2-of-mine", "[hidden] [hidden]"),
        # too short to tell from a word
        ("table", "a table", "a table"),
    ],
)
@pytest.mark.asvs("16.2.5")
def test_what_is_hidden_shows_nowhere(secret: str, text: str, clean: str) -> None:
    hide("hunter2-of-mine", secret)
    assert without_hidden(text) == clean
    assert scrub(text) == clean


def test_ids_by_which_people_find_a_run_stay() -> None:
    """A run's id has the form that no token has; a longer one that only begins so is hidden."""
    assert scrub(f"flow run {UUID} failed") == f"flow run {UUID} failed"
    assert UUID not in scrub(f"flow run {UUID}-aB3dE6")
    assert UUID not in scrub(f"refresh_token={UUID}")
