"""Logs: for people as they are, or one JSON object a line; with no secret in either.

Every log record is cleaned when it is made (`set_up`), so that it holds for whatever handles it:
our own output, Prefect's console and the lines that Prefect stores. Where Prefect is in charge of
logging, its configuration names `JsonLines` (`deployments/json-logging.yml`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from pythonjsonlogger.json import JsonFormatter

from connectors import log_fields
from connectors.quickbooks.scrub import scrub, without_hidden

if TYPE_CHECKING:
    from collections.abc import Callable

#: Our own loggers tell of what goes on; libraries of what goes wrong.
OURS: Final = ("cli", "connectors", "tasks", "flows", "deployments", "dashboard")
#: Characters of one text in a line; of a traceback the end is kept.
CHARACTERS_MAX: Final = 16_000

_HEAD: Final = ("time", "level", "logger", "message")
#: What the command line adds, an exception's traceback, and what Prefect calls its runs.
_TAIL: Final = ("fix", "exception", "flow_run_name", "flow_run_id", "task_run_name", "task_run_id")


class JsonLines(JsonFormatter):
    """One JSON object a line: what happened, where the program stood, and nothing else."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
            timestamp="time",
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """The fields that a line has, in their order; those of which nothing is known are left out.

        Texts are cleaned here, too: Prefect logs before an installation is opened.
        """
        told = {**log_data, **log_fields.fields()}
        line = {name: told[name] for name in _HEAD}
        line |= {name: told[name] for name in (*log_fields.NAMES, *_TAIL) if told.get(name)}
        return {
            name: _told(name, value) if isinstance(value, str) else value
            for name, value in line.items()
        }


def _told(name: str, value: str) -> str:
    """A text of a line, clean and within its bound; one that was cut first could hide half only."""
    if name == "exception":
        return scrub(value)[-CHARACTERS_MAX:]
    # ids look like tokens, and are none
    clean = scrub if name in ("message", "fix") else without_hidden
    return clean(value)[:CHARACTERS_MAX]


class _CleanRecords:
    """Makes log records without secrets, from what another factory makes."""

    def __init__(self, factory: Callable[..., logging.LogRecord]) -> None:
        self._factory = factory

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record = self._factory(*arguments, **named)
        _clean(record)
        return record


def set_up(log_format: str) -> None:
    """Log without secrets from now on, and as JSON on standard error where that is chosen.

    A process that has handlers already, as Prefect's have, keeps them.
    """
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _CleanRecords):
        logging.setLogRecordFactory(_CleanRecords(factory))
    root = logging.getLogger()
    if log_format == "text" or root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def writes_json() -> bool:
    """Whether standard error is for programs: then everything there is a log line."""
    return any(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)


def _clean(record: logging.LogRecord) -> None:
    """Take secrets out of a record's words, their parts, and its traceback."""
    if isinstance(record.args, tuple):
        # some formatters read the parts by their place
        record.args = tuple(_cleaned(each) for each in record.args)
    elif record.args:
        record.args = {name: _cleaned(each) for name, each in record.args.items()}
    words = _words(record)
    clean = scrub(words)
    if clean != words:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        told = logging.Formatter().formatException(record.exc_info)
        record.exc_text = scrub(told)
        if record.exc_text != told:
            # nobody is to tell it again from the exception itself
            record.exc_info = None


def _words(record: logging.LogRecord) -> str:
    """A record's message; its pattern where that cannot be told, which its handler will say."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - as logging itself: a line never stops what it tells of
        return str(record.msg)


def _cleaned(part: object) -> object:
    """A part of a message, itself unless a secret shows in it."""
    if isinstance(part, int | None):
        return part
    try:
        told = str(part)
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(part).__name__}>"
    clean = scrub(told)
    return part if clean == told else clean
