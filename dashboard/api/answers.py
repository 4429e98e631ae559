"""What the interface takes and gives: the shapes, as they stand in its OpenAPI description.

Amounts are texts, so that no program reads them as binary fractions; times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from dashboard.pages.overview import Health
from models.file_rules import FILE_BYTES_MAX
from models.notices import CHANNELS_MAX, ChannelName, Severity
from models.numbers import NUMBER_MAX
from models.people import NAME_CHARACTERS_MAX, Role
from models.record_type import catalog
from models.retry_queue import RetryState
from models.settings import (
    AMOUNT_DECIMALS_MAX,
    AMOUNT_DIGITS_MAX,
    FREQUENCY_MINUTES_MAX,
)
from models.words import DataType, DefaultAccount, ExpensePosting, Side

Item = TypeVar("Item")

#: Entries of one page.
PAGE_MAX = 200
#: Records that one call decides about.
CHOSEN_MAX = 1_000
TEXT_CHARACTERS_MAX = 500


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a character that no text has (NUL)")
    return text


#: The same in the words of the description.
_NO_NUL: dict[str, Any] = {"pattern": r"^[^\x00]*$"}
Text = Annotated[
    str,
    Field(max_length=TEXT_CHARACTERS_MAX, json_schema_extra=_NO_NUL),
    AfterValidator(_without_nul),
]


def _numeric(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError("it has to be a number")  # noqa: TRY004 - pydantic words a ValueError
    return value


#: A whole number, as JSON has it: 1.0 is one, a text or a truth value is none.
_NUMERIC = BeforeValidator(_numeric)
Number = Annotated[int, Field(ge=1, le=NUMBER_MAX), _NUMERIC]
Minutes = Annotated[int, Field(ge=1, le=FREQUENCY_MINUTES_MAX), _NUMERIC]
FileBytes = Annotated[int, Field(ge=1, le=FILE_BYTES_MAX), _NUMERIC]
#: An amount of 0 or more, as a text without signs and powers of ten.
_WHOLE_MAX = AMOUNT_DIGITS_MAX - AMOUNT_DECIMALS_MAX
Amount = Annotated[
    str, Field(pattern=rf"^[0-9]{{1,{_WHOLE_MAX}}}(\.[0-9]{{1,{AMOUNT_DECIMALS_MAX}}})?$")
]
#: A number in an address.
PathNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX)]
After = Annotated[
    int | None, Query(ge=0, le=NUMBER_MAX, description="`next` of the page before this one.")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Entries of the page, at most.")]
Wanted = Annotated[
    str,
    Query(max_length=TEXT_CHARACTERS_MAX, description="Only these.", json_schema_extra=_NO_NUL),
]
#: What is no record type is refused with what is one.
WantedType = Annotated[
    str, Query(description="Only these.", json_schema_extra={"enum": ["", *catalog()]})
]


class Given(BaseModel):
    """What a program sends: the fields it has, and no others."""

    model_config = ConfigDict(extra="forbid")


class Mistake(BaseModel):
    """Why something was not done, and what to do."""

    error: str
    fix: str


class Page(BaseModel, Generic[Item]):
    """A part of a list; `next` is what the next part comes after, null at the end."""

    items: list[Item]
    next: int | None


class Company(BaseModel):
    """A company that the token sees."""

    company_id: int
    name: str
    environment: str
    realm_id: str
    status: str
    home_currency: str


class Me(BaseModel):
    """Whom the token acts for, and with what rights."""

    user: str
    role: Role
    token_id: int


class Run(BaseModel):
    """A run of the sync."""

    id: str
    flow: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


class Month(BaseModel):
    """What the month's metered calls of all companies come to."""

    month: str
    used: int
    expected: int
    at_chosen_frequencies: int
    budget: int
    interval_percent: int


class Overview(BaseModel):
    """One company at a glance."""

    health: Health
    synced_at: datetime | None
    due_at: datetime | None
    #: Records set aside that wait for a person or another try, and since when the first does.
    set_aside: int
    set_aside_since: datetime | None
    alerts: int
    conflicts: int
    #: Writes to QuickBooks without an answer yet.
    writes: int
    metered_calls: int
    runs: list[Run]
    month: Month


class Alert(BaseModel):
    """What a person must know and can do about it."""

    id: int
    cause: str
    title: str
    message: str
    fix: str
    opened_at: datetime
    occurrences: int


class Conflict(BaseModel):
    """Both sides changed the same field differently, or one deleted what the other edited."""

    id: int
    link: int
    record_type: str
    record: str
    field: str
    #: What both last agreed on, and what each held.
    base: Any
    quickbooks: Any
    platform: Any
    winner: str
    rule: str
    state: str
    decided_at: datetime
    run_id: str


class Decide(Given):
    """A side whose version is to count; further fields of the same decision, each with its side."""

    take: Side
    fields: dict[Text, Side | None] = Field(default_factory=dict, max_length=100)


class Decided(BaseModel):
    """What a decision came to; `done` is false where it is not on both sides yet."""

    record_type: str
    record: str
    conflicts: dict[int, Side]
    done: bool
    message: str
    fix: str


class Parked(BaseModel):
    """A record that is set aside."""

    link: int
    record_type: str
    record: str
    state: RetryState
    side: str
    code: str
    field: str
    value: str
    message: str
    fix: str
    attempts: int
    since: datetime
    next_attempt_at: datetime | None


class Chosen(Given):
    """Records of the queue: their links, or all that are set aside for a reason."""

    links: list[Number] = Field(default_factory=list, max_length=CHOSEN_MAX)
    code: Text = ""


class Settled(Chosen):
    """Records that are left alone, and why, for the log. Some have to be named."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["links"], "properties": {"links": {"minItems": 1}}},
                {"required": ["code"], "properties": {"code": {"minLength": 1}}},
            ]
        }
    )

    why: Text = ""


class Count(BaseModel):
    """How many records it was."""

    records: int


class Plan(BaseModel):
    """A plan that a brake stopped."""

    id: int
    brake: str
    message: str
    writes: int
    state: str
    scope: list[str]
    created_at: datetime
    decided_at: datetime | None
    decided_by: str


class PlanWithRows(Plan):
    """And what it would write, at most 1,000 rows."""

    rows: list[dict[str, Any]]


class Record(BaseModel):
    """A record that both sides have, or are to have."""

    link: int
    record_type: str
    record: str
    quickbooks_id: str | None
    platform_id: str | None
    deleted_at: datetime | None


class RecordStory(BaseModel):
    """One record, what was asked of QuickBooks for it, its conflicts and its log."""

    record: Record
    requests: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    log: list[dict[str, Any]]


class Entry(BaseModel):
    """An entry of the audit log; its hash covers all the rest."""

    number: int
    at: str
    kind: str
    actor: str
    run_id: str | None
    record_type: str | None
    link: int | None
    body: Any
    previous_hash: str
    hash: str


class Finding(BaseModel):
    """What is wrong with the log."""

    entry: int
    message: str


class Verdict(BaseModel):
    """Whether the log is as it was written."""

    is_whole: bool
    findings: list[Finding]


class Settings(Given):
    """What a company has chosen. A whole: what is sent replaces what was there."""

    data_types: list[DataType]
    write_to: list[Side]
    approval_amount_max: Amount | None
    frequency_minutes: Minutes
    frequency_minutes_of: dict[DataType, Minutes]
    expense_posting: ExpensePosting
    batch_writes: StrictBool
    receipt_bytes_max: FileBytes
    #: Where an account is left empty -> the platform's number of the one that stands in.
    default_accounts: dict[DefaultAccount, Number]
    #: Channel -> the least severity of new alerts that it is told of.
    notify: dict[ChannelName, Severity] = Field(max_length=CHANNELS_MAX)


class DefaultChoice(BaseModel):
    """What stands in where an account is left empty that QuickBooks requires."""

    setting: DefaultAccount
    label: str
    meaning: str
    #: Types of account that can be chosen.
    types: list[str]
    #: The platform's number of what was chosen, and what people call it.
    account: int | None
    name: str | None


class Choosable(BaseModel):
    """An account that can be chosen, and for which settings."""

    account: int
    name: str
    type: str
    currency: str
    settings: list[DefaultAccount]


class DefaultAccounts(BaseModel):
    """The default accounts, and all accounts that can be one."""

    defaults: list[DefaultChoice]
    accounts: list[Choosable]


class Policy(Given):
    """Who wins each field when both sides changed it, and the version that this was read at."""

    version: Number
    rules: dict[Text, Text] = Field(max_length=CHOSEN_MAX)


class EffectiveRule(BaseModel):
    """What counts for one field."""

    record_type: str
    field: str
    rule: str
    source: str


class PolicyNow(Policy):
    """The rules that were chosen, and what they come to."""

    effective: list[EffectiveRule]


class Due(BaseModel):
    """What is due now."""

    data_types: list[DataType]


class Person(BaseModel):
    """Somebody who may sign in; `companies` is null for all, also those that come later."""

    user_id: int
    name: str
    role: Role
    companies: list[int] | None
    active: bool


#: What a program may make somebody.
GivenRole = Literal["viewer", "operator"]


#: As `models.people.checked_name` keeps it, in small letters.
PersonName = Annotated[
    str,
    Field(
        max_length=NAME_CHARACTERS_MAX,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?$",
    ),
]
#: Null for all, those that are connected later, too.
GivenCompanies = Annotated[list[Number], Field(min_length=1, max_length=CHOSEN_MAX)] | None


class NewPerson(Given):
    """Somebody new."""

    name: PersonName
    role: GivenRole = "viewer"
    companies: GivenCompanies


class PersonChange(Given):
    """What becomes of somebody; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    role: GivenRole | None = None
    companies: GivenCompanies = None
    active: StrictBool | None = None
