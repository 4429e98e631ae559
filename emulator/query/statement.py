r"""Reading a statement into a tree of plain data, or refusing it in QuickBooks' words.

Source: dossier section 4: keywords, entity and property names in any case, `ORDERBY` and
`ORDER BY`, MAXRESULTS before or after STARTPOSITION, `\'` for an apostrophe, 4000 for what cannot
be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

from emulator import faults

Value = str | Decimal | bool


@dataclass(frozen=True)
class Condition:
    """One comparison of a WHERE clause."""

    property: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class SortKey:
    """One property of an ORDERBY clause."""

    property: str
    descending: bool


@dataclass
class Statement:
    """A statement that reads well; whether it makes sense is checked later."""

    entity: str
    counting: bool = False
    columns: tuple[str, ...] = ("*",)
    conditions: list[Condition] = field(default_factory=list)
    order: list[SortKey] = field(default_factory=list)
    start_position: int | None = None
    max_results: int | None = None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=1024)
def parse(text: str) -> Statement:
    """Read a statement; the result is shared and must not be changed."""
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise faults.query_parse_error(_explain(error, text)) from error
    return _statement(tree)


def _explain(error: UnexpectedInput, text: str) -> str:
    """Say what was met and what was expected, as QuickBooks' own parser does."""
    if isinstance(error, UnexpectedToken):
        found = f'" <{error.token.type}> "{error.token}""'
        expected = sorted(error.accepts or error.expected)
    else:
        position = error.pos_in_stream or 0
        found = f'"{text[position : position + 1]}"'
        expected = sorted(getattr(error, "allowed", None) or [])
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        found = '"<EOF>"'
    listed = " ...\n    ".join(f'"{name}"' for name in expected)
    return (
        f"Encountered {found} at line {error.line}, column {error.column}.\n"
        f"Was expecting one of:\n    {listed} ..."
    )


def _statement(tree: Tree[Token]) -> Statement:
    columns, entity, *rest = tree.children
    assert isinstance(columns, Tree), "a statement starts with its columns"
    statement = Statement(entity=str(entity))
    if columns.data == "count":
        statement.counting = True
    else:
        statement.columns = tuple(str(column) for column in columns.children)
    for part in rest:
        assert isinstance(part, Tree), "what follows the entity is a clause"
        _CLAUSES[str(part.data)](statement, part)
    return statement


def _where(statement: Statement, tree: Tree[Token]) -> None:
    for part in tree.children:
        assert isinstance(part, Tree), "a clause holds conditions"
        name, *others = [token for token in part.children if isinstance(token, Token)]
        if part.data == "compare":
            operator, value = others
            condition = Condition(str(name), str(operator), (_value(value),))
        else:
            operator_name = "IN" if part.data == "member" else "LIKE"
            condition = Condition(str(name), operator_name, tuple(map(_value, others)))
        statement.conditions.append(condition)


def _value(token: Token) -> Value:
    if token.type == "STRING":
        return _unescape(str(token)[1:-1])
    if token.type == "NUMBER":
        return Decimal(str(token))
    return str(token).lower() == "true"


def _unescape(text: str) -> str:
    characters = iter(text)
    return "".join(
        next(characters, "") if character == "\\" else character for character in characters
    )


def _order(statement: Statement, tree: Tree[Token]) -> None:
    for part in tree.children:
        assert isinstance(part, Tree), "an order is made of sort keys"
        words = [str(token) for token in part.children]
        statement.order.append(SortKey(words[0], words[-1].lower() == "desc"))


def _start_position(statement: Statement, tree: Tree[Token]) -> None:
    statement.start_position = _position(tree)


def _max_results(statement: Statement, tree: Tree[Token]) -> None:
    statement.max_results = _position(tree)


def _position(tree: Tree[Token]) -> int:
    number = Decimal(str(tree.children[0]))
    if number != number.to_integral_value():
        raise faults.query_parse_error(f'Encountered "{number}" where a whole number belongs.')
    if number < 1:
        raise faults.query_invalid(f"value {number} is too small. Min allowed value is 1")
    return int(number)


_CLAUSES: dict[str, Any] = {
    "where": _where,
    "order": _order,
    "start_position": _start_position,
    "max_results": _max_results,
}
