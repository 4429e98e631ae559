"""How an entity is declared: one line of text per field, one object per entity.

A field is a line such as

    CustomerRef   ref:Customer   required filter

The first word is the wire name, the second the kind of value, the rest are flags. Everything the
emulator does with a field (unknown-property check, coercion, length, reference, query) follows from
that line, so that completing an entity means adding lines, not code.

Kinds:  text[:limit] bool int number money date instant enum:A|B ref:Entity|Entity currency
        shape:Name list:Name any
Flags:  required  must be given on create and full update
        always    must be given even in a sparse update
        readonly  ignored when sent, set by the server alone
        filter    may stand in WHERE and ORDERBY
        bare      the reference is served without its name
        fixed     may be set on create only
        name      a name: no colon, tab or line break
        keep      cannot be emptied by a sparse update

Source: dossier section 10 and Intuit's own XSD (field names and types), section 4 for "filter".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Group = Literal["list", "transaction", "single"]

_KINDS = frozenset(
    [
        "text",
        "bool",
        "int",
        "number",
        "money",
        "date",
        "instant",
        "enum",
        "ref",
        "currency",
        "shape",
        "list",
        "any",
    ]
)
_FLAGS = frozenset(["required", "always", "readonly", "filter", "bare", "fixed", "name", "keep"])


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an entity or of a nested shape."""

    #: The name on the wire.
    name: str
    #: The kind of value, see the module's list.
    kind: str
    #: Longest text allowed; None when nothing is known.
    limit: int | None
    #: Members of an enumeration, or the entities a reference may point to.
    choices: tuple[str, ...]
    #: The nested shape's name.
    shape: str
    #: The flags, see the module's list.
    flags: frozenset[str]


@dataclass(frozen=True)
class Entity:
    """Everything that is particular to one QuickBooks record type."""

    #: The name on the wire, as in `Invoice`.
    name: str
    #: A name list, a transaction, or a record that exists once.
    group: Group
    #: The properties, by wire name.
    fields: Mapping[str, Field]
    #: What may be done: create update delete void void_by_update void_by_hand cdc. People may void
    #: by hand in QuickBooks's pages what applications may not.
    verbs: frozenset[str]
    #: The names of the behaviours that shape a write, in order (see writing/behaviours.py).
    behaviours: tuple[str, ...] = ()
    #: Values a new record has, and that a full update falls back to.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: The DetailTypes its lines may have; empty when lines carry none.
    line_details: tuple[str, ...] = ()
    #: Which property is the record's name.
    name_field: str | None = None
    #: The words QuickBooks uses for it in messages.
    title: str = ""
    #: The noun of "<noun> element id 7 not found".
    plural: str = ""
    #: Whether MetaData tells who changed it last (seen on three entities only).
    shows_modifier: bool = False
    #: Whether inactivation appends " (deleted)" to the name.
    marks_deleted: bool = True
    #: The JSON key where it differs from the name, as for CreditCardPayment.
    json_name: str = ""
    #: The number before the first id; attachments count from a very large one.
    ids_after: int = 0
    #: Properties that are kept but never served.
    hidden: frozenset[str] = frozenset()
    #: The properties that identify a record in place of its Id.
    keyed_by: tuple[str, ...] = ()
    #: Whether an update is always a full one, whatever `sparse` says.
    full_only: bool = False

    def required(self, *, sparse: bool) -> list[str]:
        """Return the properties that must be given."""
        flag = {"always"} if sparse else {"required", "always"}
        return [name for name, declared in self.fields.items() if declared.flags & flag]

    @property
    def key(self) -> str:
        """Return the JSON key its records travel under."""
        return self.json_name or self.name

    @property
    def is_transaction(self) -> bool:
        """Say whether it draws its ids from the company-wide transaction sequence."""
        return self.group == "transaction"


def parse_fields(*blocks: str) -> dict[str, Field]:
    """Read blocks of field lines; a later line replaces an earlier one of the same name."""
    fields: dict[str, Field] = {}
    for block in blocks:
        for line in block.strip().splitlines():
            if line.strip():
                declared = _parse_line(line)
                fields[declared.name] = declared
    return fields


def _parse_line(line: str) -> Field:
    name, kind_text, *flags = line.split()
    kind, _, argument = kind_text.partition(":")
    assert kind in _KINDS, f"{name}: unknown kind {kind}"
    assert set(flags) <= _FLAGS, f"{name}: unknown flag among {flags}"
    return Field(
        name=name,
        kind=kind,
        limit=int(argument) if kind == "text" and argument else None,
        choices=tuple(argument.split("|")) if kind in {"enum", "ref"} else (),
        shape=argument if kind in {"shape", "list"} else "",
        flags=frozenset(flags),
    )
