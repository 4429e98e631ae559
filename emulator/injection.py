"""Faults on order: rules that make the next matching calls go wrong in a chosen way.

A rule names what it waits for (entity, verb, a piece of the body), how often it strikes and what it
does. A batch is struck when the rule waits for batches, or for an entity and verb that one of its
items has.
Source: dossier sections 6, 7, 8 and 13 ("Fault injection").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = ("create", "update", "delete", "void", "read", "query", "cdc", "batch", "token")
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
}
#: Kinds that strike single items of a batch rather than the whole call.
ITEM_KINDS = frozenset({"fault", "saved_but_6000", "batch_drop_item", "ignore_request_ids"})


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
    seconds: float = 1.0
    status: int = 502
    after_commit: bool = False
    code: str = "6000"
    message: str = "A business validation error has occurred while processing your request"
    detail: str = "Business Validation Error: made by a fault rule."
    type: str = "ValidationFault"
    struck: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the rule as the admin API shows it."""
        return asdict(self)


def parse_rule(source: Any) -> FaultRule:
    """Read a rule from JSON, or say what is wrong with it."""
    if not isinstance(source, dict):
        raise BadRuleError(f'A rule is a JSON object, not {source!r}: send {{"kind": ...}}.')
    known = _RULE_FIELDS
    for name, value in source.items():
        if name not in known:
            fields = ", ".join(known)
            raise BadRuleError(f"Field {name} (value {value!r}) is unknown: use one of {fields}.")
        if value is not None and not isinstance(value, known[name]):
            raise BadRuleError(f"Field {name} has the value {value!r}: give {_words(known[name])}.")
    kind = source.get("kind")
    if kind not in KINDS:
        raise BadRuleError(f"Field kind has the value {kind!r}: use one of {', '.join(KINDS)}.")
    verb = source.get("verb")
    if verb is not None and verb not in VERBS:
        raise BadRuleError(f"Field verb has the value {verb!r}: use one of {', '.join(VERBS)}.")
    count = source.get("count", 1)
    if isinstance(count, bool) or (count is not None and count < 1):
        raise BadRuleError(f"Field count has the value {count!r}: give 1 or more, or null.")
    values = dict(source)
    if "seconds" in values:
        values["seconds"] = float(values["seconds"])
    return FaultRule(**values)


def _words(kinds: type | tuple[type, ...]) -> str:
    names = kinds if isinstance(kinds, tuple) else (kinds,)
    return "a value of type " + " or ".join(name.__name__ for name in names)


_RULE_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "entity": str,
    "verb": str,
    "match": str,
    "count": int,
    "seconds": (int, float, Decimal),
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
        """Use up one strike of the first rule that fits any of the occasions."""
        for rule in self.rules:
            wanted = rule.kind in ITEM_KINDS
            if items and not wanted:
                continue
            if not items and wanted and occasions[0].verb == "batch":
                continue
            if rule.count != 0 and any(_fits(rule, occasion) for occasion in occasions):
                rule.struck += 1
                if rule.count is not None:
                    rule.count -= 1
                return rule
        return None


def _fits(rule: FaultRule, occasion: Occasion) -> bool:
    return (
        (rule.verb is None or rule.verb == occasion.verb)
        and (rule.entity is None or rule.entity.lower() == occasion.entity.lower())
        and (rule.match is None or rule.match in occasion.text)
        # Tokens are only spoilt by a rule that says so.
        and (occasion.verb != "token" or rule.verb == "token")
    )
