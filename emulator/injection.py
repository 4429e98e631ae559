"""Faults on order: rules that make the next matching calls go wrong in a chosen way.

A rule names what it waits for (entity, verb, a piece of the body), how often it strikes, how likely
it strikes each time, and what it does. A batch is struck when the rule waits for batches, or for an
entity and verb that one of its items has. Chance is seeded: the same rule strikes the same calls in
every run.
Source: dossier sections 3.2 (dropped links), 5 (late and wrong CDC), 6, 7, 8, 11 to 13.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = (
    *("create", "update", "delete", "void", "read", "query", "cdc", "batch", "token"),
    *("reports", "upload", "download", "send", "taxservice"),
)
KINDS = {
    "refuse_before": "the connection drops before anything happens",
    "answer_lost": "the effect is kept, then the connection drops without an answer",
    "timeout": "the effect is kept, then the answer comes after `seconds`",
    "late": "nothing happens for `seconds`, then all goes well",
    "status": "an HTML answer of the given HTTP status; with after_commit the effect is kept",
    "throttle": "429 in XML, nothing happens",
    "saved_but_6000": "the effect is kept, the answer is an unexpected error 6000",
    "fault": "a refusal of the given code, message, detail and type; nothing happens",
    "truncated": "the effect is kept, the answer is cut in half",
    "fault_in_200": "HTTP 200 with a Fault inside, nothing happens",
    "batch_drop_item": "the matching items of a batch take effect and are missing in the answer",
    "ignore_request_ids": "the request id is ignored: the write is executed again",
    "expire_tokens": "every access token of the realm expires at once: 401",
    "forget_request_ids": "all goes well, but the request id is not remembered for a second try",
    "batch_reorder": "the answers of a batch come in another order than its items",
    "late_landing": "the answer is lost now, the effect comes after `seconds` of the clock",
    "slow": "the effect is kept, and the answer trickles in over `seconds`",
    "drop_links": "the write is kept and answered with 200, its links to others are not",
    "late_cdc": "the write shows in CDC only after `seconds` of the clock",
    "cdc_wrong_deleted": "CDC says Deleted of the written record, until it is written again",
    "clock_skew": "the times in the answer are off by `seconds`, which may be negative",
}
#: Kinds that strike single items of a batch rather than the whole call.
ITEM_KINDS = frozenset({"fault", "saved_but_6000", "batch_drop_item", "ignore_request_ids"})
#: Kinds that strike a call from outside: what goes in, what comes out, and when.
OUTER_KINDS = frozenset(
    {"forget_request_ids", "batch_reorder", "late_landing", "slow", "drop_links", "clock_skew"}
)
#: Kinds that strike a write once it has taken effect, whoever made it.
WRITE_KINDS = frozenset({"late_cdc", "cdc_wrong_deleted"})


class BadRuleError(ValueError):
    """A rule that cannot be; the message names the field, the value and the fix."""


@dataclass
class FaultRule:
    """One order for trouble."""

    kind: str
    entity: str | None = None
    verb: str | None = None
    #: A substring of the request body (or of the statement of a GET query).
    match: str | None = None
    #: How many more times it strikes; None is always.
    count: int | None = 1
    #: How likely it strikes what it fits, from 0 to 1.
    probability: float = 1.0
    #: Where the chances of this rule begin.
    seed: int = 0
    seconds: float = 1.0
    status: int = 502
    after_commit: bool = False
    code: str = "6000"
    message: str = "A business validation error has occurred while processing your request"
    detail: str = "Business Validation Error: made by a fault rule."
    type: str = "ValidationFault"
    struck: int = 0

    def __post_init__(self) -> None:
        """Make the rule's own chance."""
        self._chance = random.Random(self.seed)  # noqa: S311 - repeatable, not secret

    def describe(self) -> dict[str, Any]:
        """Return the rule as the admin API shows it."""
        return {declared.name: getattr(self, declared.name) for declared in fields(self)}

    def hits(self) -> bool:
        """Throw the dice, and use up one strike if they fall badly."""
        if self.count == 0 or self._chance.random() >= self.probability:
            return False
        self.struck += 1
        if self.count is not None:
            self.count -= 1
        return True


def parse_rule(source: Any) -> FaultRule:
    """Read a rule from JSON, or say what is wrong with it."""
    if not isinstance(source, dict):
        raise BadRuleError(f'A rule is a JSON object, not {source!r}: send {{"kind": ...}}.')
    for name, value in source.items():
        _check_field(name, value)
    for name, known in (("kind", KINDS), ("verb", VERBS)):
        value = source.get(name)
        if value not in known and (value is not None or name == "kind"):
            raise BadRuleError(
                f"Field {name} has the value {value!r}: use one of {', '.join(known)}."
            )
    _check_ranges(source)
    values = dict(source)
    for name in ("seconds", "probability"):
        if name in values:
            values[name] = float(values[name])
    return FaultRule(**values)


def _check_field(name: str, value: Any) -> None:
    if name not in _RULE_FIELDS:
        listed = ", ".join(_RULE_FIELDS)
        raise BadRuleError(f"Field {name} (value {value!r}) is unknown: use one of {listed}.")
    kinds = _RULE_FIELDS[name]
    optional = name in {"entity", "verb", "match", "count"}
    wrong_bool = isinstance(value, bool) and kinds is not bool
    if (value is None and optional) or (isinstance(value, kinds) and not wrong_bool):
        return
    raise BadRuleError(f"Field {name} has the value {value!r}: give {_words(kinds)}.")


def _check_ranges(source: dict[str, Any]) -> None:
    count = source.get("count", 1)
    if count is not None and count < 1:
        raise BadRuleError(f"Field count has the value {count!r}: give 1 or more, or null.")
    lowest = -_SECONDS_MAX if source["kind"] == "clock_skew" else 0
    limits = {"probability": (0, 1), "seconds": (lowest, _SECONDS_MAX), "status": (200, 599)}
    for name, (low, high) in limits.items():
        value = source.get(name, low)
        if not low <= value <= high:
            raise BadRuleError(f"Field {name} has the value {value}: give {low} to {high}.")


def _words(kinds: type | tuple[type, ...]) -> str:
    names = kinds if isinstance(kinds, tuple) else (kinds,)
    return "a value of type " + " or ".join(name.__name__ for name in names)


_SECONDS_MAX = 10 * 365 * 86_400
_NUMBER = (int, float, Decimal)
_RULE_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "entity": str,
    "verb": str,
    "match": str,
    "count": int,
    "probability": _NUMBER,
    "seed": int,
    "seconds": _NUMBER,
    "status": int,
    "after_commit": bool,
    "code": str,
    "message": str,
    "detail": str,
    "type": str,
}


@dataclass(frozen=True)
class Occasion:
    """What a rule is matched against: one call, or one item of a batch."""

    verb: str
    entity: str
    text: str


class Injection:
    """The rules in force."""

    def __init__(self) -> None:
        """Start without trouble."""
        self.rules: list[FaultRule] = []

    def strike(self, occasions: Sequence[Occasion], *, items: bool = False) -> FaultRule | None:
        """Use up one strike of the first inner rule that fits any of the occasions."""
        for rule in self.rules:
            if rule.kind in OUTER_KINDS or rule.kind in WRITE_KINDS:
                continue
            wanted = rule.kind in ITEM_KINDS
            if items and not wanted:
                continue
            if not items and wanted and occasions[0].verb == "batch":
                continue
            if any(fits(rule, occasion) for occasion in occasions) and rule.hits():
                return rule
        return None

    def strike_each(self, occasions: Sequence[Occasion], kinds: frozenset[str]) -> list[FaultRule]:
        """Use up one strike of every rule of these kinds that fits: they do not exclude another."""
        return [
            rule
            for rule in self.rules
            if rule.kind in kinds
            and any(fits(rule, occasion) for occasion in occasions)
            and rule.hits()
        ]


def fits(rule: FaultRule, occasion: Occasion) -> bool:
    """Say whether a rule waits for an occasion, without using it up."""
    return (
        (rule.verb is None or rule.verb == occasion.verb)
        and (rule.entity is None or rule.entity.lower() == occasion.entity.lower())
        and (rule.match is None or rule.match in occasion.text)
        # Tokens are only spoilt by a rule that says so.
        and (occasion.verb != "token" or rule.verb == "token")
    )
