"""What a user chooses for one connection, as a checked, frozen value.

Stored as JSON beside the connection, changed by people, logged when changed. What the operator of
the installation sets stands in the environment (`connectors.settings`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from models.errors import UsageError, shorten
from models.file_rules import FILE_BYTES_MAX
from models.notices import CHANNELS_MAX, ChannelName, Severity
from models.numbers import NUMBER_MAX
from models.policy import Policy, policy_from
from models.words import DataType, DefaultAccount, ExpensePosting, Side

#: Minutes between two scheduled cycles, at most: a day.
FREQUENCY_MINUTES_MAX = 1440

#: Digits of an amount that a person sets, and those after the point: more is a slip of the hand,
#: and a number such as 1e999999 would take all memory to be shown.
AMOUNT_DIGITS_MAX = 20
AMOUNT_DECIMALS_MAX = 5

#: The platform's number of an account.
AccountNumber = Annotated[int, Field(ge=1, le=NUMBER_MAX)]

#: Minutes between two scheduled cycles.
Minutes = Annotated[int, Field(ge=1, le=FREQUENCY_MINUTES_MAX)]


class ConnectionSettings(BaseModel):
    """A connection's choices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Data types that are synced.
    data_types: frozenset[DataType] = frozenset(DataType)
    #: Sides that may be written.
    write_to: frozenset[Side] = frozenset(Side)
    #: Rules for conflicts: data type, record type or "record_type.field" -> rule.
    policy: dict[str, str] = Field(default_factory=dict)
    policy_version: int = Field(default=1, ge=1)
    #: Sum of amounts, in the home currency, that a cycle may write without a person's approval.
    approval_amount_max: Decimal | None = Field(
        default=None, ge=0, max_digits=AMOUNT_DIGITS_MAX, decimal_places=AMOUNT_DECIMALS_MAX
    )
    frequency_minutes: Minutes = 15
    #: Another frequency for some data types, in minutes.
    frequency_minutes_of: dict[DataType, Minutes] = Field(default_factory=dict)
    #: What an approved expense becomes in QuickBooks; it stays that when this is changed.
    expense_posting: ExpensePosting = ExpensePosting.PURCHASE
    #: Send several writes in one metered batch call (fast) or one by one (free calls).
    batch_writes: bool = True
    #: Largest file of a receipt that is sent or fetched, in bytes.
    receipt_bytes_max: int = Field(default=FILE_BYTES_MAX, ge=1, le=FILE_BYTES_MAX)
    #: Where an account is left empty that QuickBooks requires -> the platform's number of the one
    #: that stands in when the record is made there.
    default_accounts: dict[DefaultAccount, AccountNumber] = Field(default_factory=dict)
    #: Channel of the installation -> the least severity of new alerts that it is told of.
    notify: dict[ChannelName, Severity] = Field(default_factory=dict, max_length=CHANNELS_MAX)

    @field_validator("policy")
    @classmethod
    def _known_policy(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            policy_from(value)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return value

    def frequency_of(self, data_type: DataType) -> int:
        """Minutes between two scheduled cycles of a data type."""
        return self.frequency_minutes_of.get(data_type, self.frequency_minutes)

    def conflict_policy(self) -> Policy:
        """The rules as a policy."""
        return policy_from(self.policy, self.policy_version)


class WrongSettingsError(UsageError):
    """Settings that cannot be; the message says what is wrong with the first of them.

    Attributes:
        mistakes: each setting at fault, such as frequency_minutes_of.invoices -> what is wrong.
    """

    def __init__(self, message: str, mistakes: dict[str, str]) -> None:
        super().__init__(message)
        self.mistakes = mistakes


def settings_from_json(text: str) -> ConnectionSettings:
    """Settings from their stored form.

    Raises:
        WrongSettingsError: naming the field, the value and what is allowed.
    """
    try:
        return ConnectionSettings.model_validate_json(text)
    except ValidationError as error:
        found = error.errors()
        mistakes = {".".join(str(part) for part in each["loc"]): each["msg"] for each in found}
        place, words = next(iter(mistakes.items()))
        given = shorten(repr(found[0]["input"]))
        message = f"settings: {place or 'the text'} is {given}: {words}"
        raise WrongSettingsError(message, mistakes) from error
