"""How values look on the pages: times, money, sides, and the shapes of small charts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES: Final = Path(__file__).with_name("templates")
_SIDES: Final = {"quickbooks": "QuickBooks", "platform": "Platform"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def environment() -> Environment:
    """The templates' environment: everything is escaped, and a missing fact is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "instant": instant,
        "ago": ago,
        "side": side,
        "value": value,
        "words": words,
        "number": number,
        "prose": prose,
    }
    return made


def instant(at: datetime | str | None) -> Markup:
    """A time in UTC that programs can read, too; a dash for none."""
    if not at:
        return Markup("&ndash;")
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    at = at.astimezone(UTC)
    shown = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), shown)


def ago(at: datetime | None, now: datetime) -> Markup:
    """How long ago it was, or how soon it will be, in words; the time itself beside them."""
    if at is None:
        return Markup("&ndash;")
    left = at - now
    said = f"in {_length(left)}" if left > timedelta() else f"{_length(-left)} ago"
    exact = at.astimezone(UTC)
    title = f"{exact:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact.isoformat(), title, said)


def _length(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        count = seconds // size
        if count:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def side(name: str) -> str:
    """A side as people call it; other words stay."""
    return _SIDES.get(name, name)


def words(name: str) -> str:
    """A name of ours as words: expense_line as Expense line."""
    text = str(name).replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def prose(text: str) -> Markup:
    """A sentence of ours: it begins with a capital, and what is typed somewhere is set as that."""
    parts = (text[:1].upper() + text[1:]).split("`")
    if len(parts) % 2 == 0:  # a backquote alone, such as in somebody's name
        return escape("`".join(parts))
    typed = Markup("<code>{}</code>")
    shown = (typed.format(each) if index % 2 else escape(each) for index, each in enumerate(parts))
    return Markup("").join(shown)


def number(count: float | Decimal) -> str:
    """A number with its thousands apart."""
    return f"{count:,}"


def value(given: Any) -> Markup:
    """A field's value; nothing is a dash, and what has parts is set as it is stored."""
    if given in (None, "", [], ()):
        return Markup('<span class="text-secondary" title="empty">&ndash;</span>')
    if isinstance(given, bool):
        return Markup("yes") if given else Markup("no")
    if isinstance(given, dict | list):
        text = json.dumps(given, indent=1, ensure_ascii=False, default=str)
        return Markup('<pre class="mb-0">{}</pre>').format(text)
    return escape(str(given))
