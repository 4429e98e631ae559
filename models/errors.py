"""Everything that can go wrong, sorted by what the caller should do about it.

SyncError
├── UsageError               the person's input is wrong; say what to type instead (exit 2)
├── RecordError              this record cannot go on as it is; park it, go on with the rest
│   ├── FieldError           one field's value is not usable
│   ├── MissingParentError   it refers to a record that has no counterpart yet
│   └── OutdatedReadingError  QuickBooks answered from an older copy; read it again later
├── RemoteError              QuickBooks answered with a fault, or not at all
│   ├── RetryLaterError      nothing was done; wait and send again
│   ├── OutcomeUnknownError  it may have been done; look before sending again
│   ├── StaleRecordError     somebody changed the record since it was read; read, merge, try again
│   ├── GoneError            the record is deleted or inactive on the far side
│   ├── RejectedError        QuickBooks refuses this record; a person must change it
│   └── DisconnectedError    no call can work until a person reconnects
├── MismatchError            the answer is not what was sent; a person must look
├── BrakeError               the whole cycle stops before it writes (exit 4)
├── DecisionError            a person's decision cannot be carried out as things stand
├── AuditError               the audit log cannot be vouched for; a person must look
└── CorruptStateError        our own records contradict each other; stop at once

The tree is the one question a caller has: again, by a person, or not at all. Edges translate it
once: `cli.py` to exit codes, `tasks/steps.py` to Prefect's retries.
"""

from __future__ import annotations

from dataclasses import dataclass

#: A longer message only repeats a long value.
MESSAGE_CHARACTERS_MAX = 500


class SyncError(Exception):
    """Something in the sync went wrong."""


class UsageError(SyncError):
    """The input cannot be used."""


class RecordError(SyncError):
    """A record cannot be synced as it is.

    Attributes:
        code: stable reason code, for grouping and for tests.
        field: name of the field at fault, or "" where no single one is.
        value: the value at fault as text, shortened to 80 characters.
        fix: what a person can do about it, as a sentence.
    """

    def __init__(
        self, message: str, *, code: str, field: str = "", value: object = "", fix: str = ""
    ) -> None:
        super().__init__(shorten(message, characters_max=MESSAGE_CHARACTERS_MAX))
        self.code = code
        self.field = field
        self.value = shorten(value)
        self.fix = fix


class FieldError(RecordError):
    """One field's value is not usable."""


class MissingParentError(RecordError):
    """The record refers to one that has no counterpart on the other side yet."""


class OutdatedReadingError(RecordError):
    """QuickBooks answered with an older version of the record than is known already."""


@dataclass(frozen=True)
class Fault:
    """What QuickBooks said, in one shape for all of its body formats.

    See reference quickbooks-api, section 8.
    """

    #: The fault code as text, such as "6240"; "" where the body had none.
    code: str
    #: The short message.
    message: str
    #: The longer detail.
    detail: str = ""
    #: The element (field) that the fault names.
    element: str = ""
    #: HTTP status of the answer; 0 where there was no answer.
    status: int = 0
    #: Intuit's transaction id, which their support asks for.
    intuit_tid: str = ""
    #: In plain words, why this happened.
    cause: str = ""
    #: What a person can do.
    fix: str = ""


class RemoteError(SyncError):
    """QuickBooks answered with a fault, or not at all.

    Attributes:
        fault: what was said.
        wait_seconds: how long the far side asked us to wait; 0 where it did not.
    """

    def __init__(self, fault: Fault, *, wait_seconds: int = 0) -> None:
        words = f"{fault.message}: {fault.detail}" if fault.detail else fault.message
        super().__init__(f"QuickBooks fault {fault.code or fault.status or '-'}: {words}")
        self.fault = fault
        self.wait_seconds = wait_seconds


class RetryLaterError(RemoteError):
    """Nothing was done; the same call may work after a wait."""


class OutcomeUnknownError(RemoteError):
    """The call may have taken effect although no proper answer came."""


class StaleRecordError(RemoteError):
    """The record was changed on the far side since it was read (fault 5010)."""


class GoneError(RemoteError):
    """The record is deleted or inactive on the far side (fault 610)."""


class RejectedError(RemoteError):
    """QuickBooks refuses this record as it is."""


class DisconnectedError(RemoteError):
    """No call can work until a person reconnects or repairs the connection."""


class MismatchError(RecordError):
    """QuickBooks answered 200 but holds something else than was sent."""


class BrakeError(SyncError):
    """The cycle stopped before its first write.

    Attributes:
        brake: name of the guard, such as "wrong_company".
        fix: what a person can do.
    """

    def __init__(self, message: str, *, brake: str, fix: str) -> None:
        super().__init__(message)
        self.brake = brake
        self.fix = fix


class DecisionError(SyncError):
    """What a person decided cannot be carried out as things stand; nothing was written.

    Attributes:
        code: stable reason code.
        fix: what the person can do.
    """

    def __init__(self, message: str, *, code: str, fix: str) -> None:
        super().__init__(shorten(message, characters_max=MESSAGE_CHARACTERS_MAX))
        self.code = code
        self.fix = fix


class AuditError(SyncError):
    """The audit log or its checkpoints are not what they should be, or cannot be written.

    Attributes:
        fix: what a person can do.
    """

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class CorruptStateError(SyncError):
    """Our own records contradict each other."""


def shorten(value: object, *, characters_max: int = 80) -> str:
    """Return value as one printable line of at most characters_max characters."""
    text = str(value)[: characters_max + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"
