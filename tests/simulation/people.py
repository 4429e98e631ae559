"""People on both sides: what they enter, change, delete and void, in words nobody else uses.

Every text that a person writes is a token of its own, so that the end state says by itself what
became of it. What a person enters is made from the record type's declaration: a new record type is
driven without a line here, unless QuickBooks wants something particular of it (`_PARTICULARS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from connectors.ports import Payload
from models.codecs import create_body, platform_row
from models.default_accounts import has_defaults
from models.errors import RecordError, RemoteError
from models.fields import Choice, Currency, Day, Derived, Field, Flag, Money, Number, Text, value_at
from models.lines import Lines, LineShape
from models.marker import Note
from models.record_type import DeleteMeans, RecordType
from models.records import Content, reference
from models.reference_fields import Named, Reference
from models.sales_lines import SHIPPING_ITEM
from models.words import Owner, Side
from tests.simulation.balancing import balanced, brought
from tests.simulation.draws import PEOPLE
from tests.simulation.settling import SETTLED, applications

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Values that nobody should enter, around a token.
HOSTILE: tuple[Callable[[str], str], ...] = (
    lambda token: f"=HYPERLINK({token})",
    lambda token: f"{token}:colon",
    lambda token: f"<b>{token}</b> \N{PILE OF POO} \u202e",
    lambda token: f"{token} " + "x" * 4_100,
    lambda token: f"{token}\nQS-00000000000",
    lambda token: f"  {token}  \r\n second line ",
)
_DAYS = tuple(date(2026, 2, day) for day in (20, 27)) + tuple(
    date(2026, 3, day) for day in (1, 2, 9, 30)
)


#: The platform's people are busier: what they do is written to QuickBooks, where most can go wrong.
_SIDES = (Side.PLATFORM, Side.QUICKBOOKS, Side.PLATFORM)


class PeopleReferences:
    """References as a side's own people write them: by that side's ids."""

    home_currency = "USD"
    multi_currency = False

    def side_id_of(self, link_id: int, side: Side) -> str | None:
        """The id is the link here."""
        return str(link_id)

    def id_of_name(self, entity: str, name: str) -> str | None:
        """Payment methods are known by name."""
        return {"Cash": "1", "Check": "2"}.get(name) if entity == "PaymentMethod" else None

    def label_of(self, link_id: int) -> str:
        """Nobody asks."""
        return str(link_id)

    def link_of(self, record_type: str, side: Side, side_id: str) -> int | None:
        """The id is the link here."""
        return int(side_id)

    def name_of(self, entity: str, quickbooks_id: str) -> str | None:
        """Nobody asks."""
        return None


REFERENCES = PeopleReferences()


@dataclass(frozen=True)
class Particular:
    """What QuickBooks wants of a record type beyond its declaration."""

    #: Field -> its possible values.
    values: Mapping[str, tuple[Any, ...]]
    #: Field that refers to an account -> the types it must be of.
    accounts: Mapping[str, tuple[str, ...]]
    #: Kinds of line that people enter; every document has one of the first.
    line_kinds: tuple[str, ...] = ()


_SOLD = ("item", "description", "shipping", "discount", "percent_discount", "bundle")
_BOUGHT = ("account", "item")
_PARTICULARS: dict[str, Particular] = {
    "account": Particular({"type": ("Expense", "Income"), "subtype": (None,)}, {}),
    "item": Particular(
        {"kind": ("service",)},
        {"income_account": ("Income",), "expense_account": ("Expense",), "asset_account": ()},
    ),
    "invoice": Particular(
        {"terms": (None,), "deposit": (None, None, None, Decimal("1.00"))}, {}, _SOLD
    ),
    "credit_memo": Particular({}, {}, _SOLD),
    "refund_receipt": Particular({}, {"payment_account": ("Bank", "Other Current Asset")}, _SOLD),
    "payment": Particular({}, {"deposit_account": ()}, ()),
    "expense": Particular(
        {"payment_method": ("cash", "check"), "is_refund": (False,)},
        {"payment_account": ("Bank",), "account": ("Expense",)},
        _BOUGHT,
    ),
    "bill": Particular(
        {"terms": (None,)},
        {"payable_account": ("Accounts Payable",), "account": ("Expense",)},
        _BOUGHT,
    ),
    "vendor_credit": Particular(
        {}, {"payable_account": ("Accounts Payable",), "account": ("Expense",)}, _BOUGHT
    ),
    "bill_payment": Particular(
        {"method": ("check", "credit_card")},
        {"bank_account": ("Bank",), "card_account": ("Credit Card",)},
    ),
    "journal_entry": Particular({}, {"account": ("Expense", "Income")}),
    "transfer": Particular({}, {"from_account": ("Bank",), "to_account": ("Credit Card",)}),
    "deposit": Particular(
        {"cash_back_amount": (None, Decimal("1.00"))},
        {
            "deposit_account": ("Bank",),
            "cash_back_account": ("Bank",),
            "account": ("Income", "Expense"),
        },
    ),
}
#: How often one who works on a record beside somebody else deletes it.
_AGAINST = 0.25
#: Texts that end in something particular.
_AFFIXED = {"email": "@example.com", "file_name": ".png"}
#: Kind of line and field -> its possible values, where a line wants something particular.
_LINE_VALUES: dict[tuple[str, str], tuple[Any, ...]] = {
    ("discount", "amount"): (Decimal("0.50"),),
    ("percent_discount", "discount_percent"): (Decimal(5), Decimal("12.5")),
    ("bundle", "quantity"): (None, Decimal(2)),
    ("entry", "posting"): ("debit",),
}
#: Kind of line -> kinds of item that it may be for.
_ITEM_KINDS = {"item": ("service",), "bundle": ("bundle",)}
#: Way of paying a bill -> the account that it needs; there is no other.
_PAID_FROM = {"check": "bank_account", "credit_card": "card_account"}
#: Columns that a default account stands in for.
_MAY_BE_EMPTY = {
    "payment_account_id", "bank_account_id", "card_account_id", "income_account_id", "account_id",
}  # fmt: skip
_ORDINARY = Particular({}, {})


class People:
    """Everybody who works on either side."""

    def __init__(self, world: World) -> None:
        self.world = world

    # -- one action --

    def act(self) -> None:
        """Something that somebody does on one of the sides."""
        world, draws = self.world, self.world.draws
        record_type = world.own_types[draws.pick(PEOPLE, "type", len(world.own_types))]
        side = _SIDES[draws.pick(PEOPLE, "side", len(_SIDES))]
        verb = ("edit", "edit", "create", "edit", "edit_twice", "create", "remove", "void")[
            draws.pick(PEOPLE, "verb", 8)
        ]
        getattr(self, f"_{verb}")(side, record_type)

    def _create(self, side: Side, record_type: RecordType) -> None:
        content = self.new_content(side, record_type)
        record_id = self.create(side, record_type, content) if content is not None else None
        if record_id is not None and side is Side.QUICKBOOKS and self.world.fails("corrected"):
            self.edit(side, record_type, record_id)

    def create(self, side: Side, record_type: RecordType, content: Content) -> str | None:
        """Enter a record; its id on the side, None where the side refuses it."""
        try:
            if side is Side.QUICKBOOKS:
                body = create_body(record_type, content, REFERENCES)
                record_id = str(self._enter(record_type, body)["Id"])
            else:
                row = platform_row(record_type, content, set(content), REFERENCES)
                lines = row.pop("lines", [])
                if record_type.workflow:
                    row[record_type.workflow.column] = self._status(record_type)
                self._leave_empty(record_type, row, lines)
                values = {name: value for name, value in row.items() if value is not None}
                record_id = self.world.people.insert(record_type.name, values, lines)
                if record_type.file is not None:
                    self._attach(record_type, record_id)
        except (RemoteError, RecordError):
            return None
        self.world.oracle.person_wrote(side, record_type, record_id, "create")
        return record_id

    def _leave_empty(
        self, record_type: RecordType, row: dict[str, Any], lines: list[dict[str, Any]]
    ) -> None:
        """Name no account, now and then, where a default account stands in."""
        world = self.world
        if not world.profile.default_accounts or not has_defaults(record_type):
            return
        if not world.draws.chance(PEOPLE, "left_empty", 0.5):
            return
        for values in (row, *lines):
            for name in _MAY_BE_EMPTY & values.keys():
                world.hit("left_empty")
                values[name] = None

    def _enter(self, record_type: RecordType, body: Payload) -> Payload:
        if record_type.file is None:
            return self.world.books.create(record_type.entity, body)
        return self.world.books.attach(body, self.world.file())

    def _attach(self, record_type: RecordType, record_id: str) -> None:
        """Give a row its file, unless somebody is slow: then whoever edits it next does."""
        if not self.world.draws.chance(PEOPLE, "file_late", 0.2):
            self.world.people.attach(record_type.name, record_id, self.world.file())

    def _status(self, record_type: RecordType) -> str:
        workflow = record_type.workflow
        assert workflow is not None
        early = self.world.draws.chance(PEOPLE, "submitted", 0.15)
        return workflow.withdrawn[0] if early and workflow.withdrawn else workflow.forwarded[0]

    def _edit(self, side: Side, record_type: RecordType) -> None:
        record_id = self._some(side, record_type)
        if record_id is not None:
            self.edit(side, record_type, record_id)

    def _edit_twice(self, side: Side, record_type: RecordType) -> None:
        """The same record on both sides, at nearly the same moment."""
        record_id = self._some(side, record_type)
        if record_id is None:
            return
        self.edit(side, record_type, record_id)
        other = self.world.counterpart(side, record_type, record_id)
        if other is not None and self.exists(side.other, record_type, other):
            share = self.world.profile.rate("against") or _AGAINST
            removed = self.world.draws.chance(PEOPLE, "against", share)
            self.world.hit("delete_against_edit" if removed else "both_edited")
            if removed:
                self.remove(side.other, record_type, other)
            else:
                self.edit(side.other, record_type, other)

    def edit(
        self, side: Side, record_type: RecordType, record_id: str, field: Field | None = None
    ) -> None:
        """Change one field of a record: this one, or any."""
        if field is None:
            editable = _editable(record_type)
            field = editable[self.world.draws.pick(PEOPLE, "field", len(editable))]
        before = self.world.oracle.tokens_of(side, record_type, record_id)
        try:
            if side is Side.QUICKBOOKS:
                self._edit_in_quickbooks(record_type, record_id, field)
            else:
                self._edit_on_platform(record_type, record_id, field)
        except (RemoteError, RecordError, LookupError):
            return
        self.world.oracle.person_wrote(side, record_type, record_id, field.name, before)

    def _edit_in_quickbooks(self, record_type: RecordType, record_id: str, field: Field) -> None:
        books = self.world.books
        record = books.get(record_type.entity, record_id)
        if record is None:
            raise LookupError(record_id)
        if isinstance(field, Lines):
            held = record.get(field.quickbooks) or []
            lines = self._edited_lines(record_type, held, "Description")
            books.update(record_type.entity, record_id, **{field.quickbooks: lines})
            return
        value = self._text(record_type, field)
        if isinstance(field, Note) and not self.world.draws.chance(PEOPLE, "marker_taken", 0.1):
            # a person who edits a note leaves the lines that are not theirs
            kept = str(record.get(field.quickbooks) or "").rpartition("QS-")
            value = f"{value}\nQS-{kept[2]}" if kept[1] else value
        body: dict[str, Any] = {}
        field.into_quickbooks(body, value, REFERENCES)
        root = body[field.root]
        if isinstance(root, dict):
            root = {**(record.get(field.root) or {}), **root}
        books.update(record_type.entity, record_id, **{field.root: root})

    def _edit_on_platform(self, record_type: RecordType, record_id: str, field: Field) -> None:
        people = self.world.people
        if isinstance(field, Lines):
            row = self.world.row(record_type, record_id)
            kept = [
                {name: value for name, value in line.items() if name not in _line_keys(record_type)}
                for line in (row.values["lines"] if row else [])
            ]
            people.replace_lines(
                record_type.name, record_id, self._edited_lines(record_type, kept, "description")
            )
            return
        people.update(record_type.name, record_id, {field.column: self._text(record_type, field)})
        if record_type.file is not None and self._waits_for_its_file(record_type, record_id):
            people.attach(record_type.name, record_id, self.world.file())

    def _waits_for_its_file(self, record_type: RecordType, record_id: str) -> bool:
        """Whether a row of the platform was entered without its file; one of QuickBooks's may be on
        its way."""
        row, rules = self.world.row(record_type, record_id), record_type.file
        assert rules is not None
        if row is None or row.values[rules.sha256]:
            return False
        return self.world.counterpart(Side.PLATFORM, record_type, record_id) is None

    def _edited_lines(self, record_type: RecordType, lines: list[Any], name: str) -> list[Any]:
        """The lines with another description in one of them, or with one line fewer."""
        own = [each for each in lines if _can_describe(each)]
        if record_type.name == "payment" and lines:
            self.world.hit("unapplied")
            return lines[:-1]
        if not own:
            raise LookupError("no line to edit")
        chosen = own[self.world.draws.pick(PEOPLE, "line", len(own))]
        if len(own) > 1 and self.world.draws.chance(PEOPLE, "line_removed", 0.2):
            return [each for each in lines if each is not chosen]
        token = self.world.token()
        return [{**each, name: token} if each is chosen else each for each in lines]

    def _remove(self, side: Side, record_type: RecordType) -> None:
        record_id = self._some(side, record_type)
        if record_id is not None:
            self.remove(side, record_type, record_id)

    def remove(self, side: Side, record_type: RecordType, record_id: str) -> None:
        """Delete a record, or make it inactive where that is all that can be done."""
        seen = self.world.oracle.tokens_of(side, record_type, record_id)
        books, people = self.world.books, self.world.people
        try:
            if side is Side.PLATFORM:
                if self.world.draws.chance(PEOPLE, "row_removed", 0.5):
                    people.delete(record_type.name, record_id)
                else:
                    people.mark_deleted(record_type.name, record_id)
            elif record_type.delete_means is DeleteMeans.DEACTIVATE:
                books.update(record_type.entity, record_id, Active=False)
                self.world.oracle.person_wrote(side, record_type, record_id, "active", seen)
                return
            else:
                books.delete(record_type.entity, record_id)
        except (RemoteError, RecordError, LookupError):
            return
        self.world.oracle.person_removed(side, record_type, record_id, seen)

    def _void(self, side: Side, record_type: RecordType) -> None:
        record_id = self._some(side, record_type) if record_type.void_status else None
        if record_id is not None:
            self.void(side, record_type, record_id)

    def void(self, side: Side, record_type: RecordType, record_id: str) -> None:
        """Void a document."""
        before = self.world.oracle.tokens_of(side, record_type, record_id)
        try:
            if side is Side.QUICKBOOKS:
                self.world.books.void(record_type.entity, record_id)
            else:
                values = {record_type.by_name["status"].column: record_type.void_status}
                self.world.people.update(record_type.name, record_id, values)
        except (RemoteError, RecordError, LookupError):
            return
        self.world.oracle.person_wrote(side, record_type, record_id, "status", before)

    def remove_many(self) -> None:
        """Empty a record type on one side, as a program that went wrong does."""
        world, draws = self.world, self.world.draws
        record_type = world.own_types[draws.pick(PEOPLE, "emptied", len(world.own_types))]
        side = (Side.PLATFORM, Side.QUICKBOOKS)[draws.pick(PEOPLE, "emptied_side", 2)]
        for record_id in world.live_ids(side, record_type):
            self.remove(side, record_type, record_id)

    # -- what they enter --

    def exists(self, side: Side, record_type: RecordType, record_id: str) -> bool:
        """Whether a record is there and not deleted."""
        return record_id in self.world.live_ids(side, record_type)

    def _some(self, side: Side, record_type: RecordType) -> str | None:
        """A record of a side; the newest ones most often, because that is where races are."""
        ids = self.world.live_ids(side, record_type)
        if not ids:
            return None
        count = len(ids) if self.world.draws.chance(PEOPLE, "any", 0.3) else min(3, len(ids))
        return ids[-1 - self.world.draws.pick(PEOPLE, "which", count)]

    def new_content(self, side: Side, record_type: RecordType) -> Content | None:
        """A new record in canonical form, references by the side's own ids."""
        content: Content = {}
        for field in record_type.fields:
            if not _is_entered(record_type, field):
                continue
            value = self._value(side, record_type, field, content)
            if value is None and field.required:
                return None
            if value is not None:
                content[field.name] = value
        return content

    def _value(
        self, side: Side, record_type: RecordType, field: Field, content: Content
    ) -> Any:  # a value of the field's own kind
        particular = _PARTICULARS.get(record_type.name, _ORDINARY)
        draws = self.world.draws
        if field.name in particular.values:
            values = particular.values[field.name]
            return values[draws.pick(PEOPLE, field.name, len(values))]
        if isinstance(field, Lines):
            return self._lines(side, record_type, field, content)
        if isinstance(field, Reference):
            return self._reference(side, record_type, field, content)
        if isinstance(field, Day):
            return _DAYS[draws.pick(PEOPLE, "day", len(_DAYS))]
        if isinstance(field, Money | Flag | Named | Number):
            return self._without_draw(field)
        is_text = isinstance(field, Text)
        filled = is_text and (field.required or draws.chance(PEOPLE, "filled", 0.4))
        return self._text(record_type, field) if filled else None

    def _without_draw(self, field: Field) -> Any:
        """What nobody has to choose: the next amount, a default, or nothing."""
        if isinstance(field, Money) or field.name == "unit_price":
            return self.world.amount()
        return field.default if isinstance(field, Flag) else None

    def _text(self, record_type: RecordType, field: Field) -> str:
        particular = _PARTICULARS.get(record_type.name, _ORDINARY)
        if field.name in particular.values:
            values = particular.values[field.name]
            return str(values[self.world.draws.pick(PEOPLE, field.name, len(values))] or "")
        token = self.world.token()
        if field.name in _AFFIXED:
            return f"{token}{_AFFIXED[field.name]}"
        if self.world.profile.hostile and self.world.draws.chance(PEOPLE, "hostile", 0.3):
            self.world.hit("hostile_value")
            kind = HOSTILE[self.world.draws.pick(PEOPLE, "hostile_kind", len(HOSTILE))]
            return kind(token)
        return token

    def _reference(
        self, side: Side, record_type: RecordType, field: Reference, content: Content
    ) -> str | None:
        if record_type.name in field.to:
            return None  # a record below another one of its kind is made by no accident here
        if field.name in _PAID_FROM.values() and "method" in content:
            wanted = field.name == _PAID_FROM[content["method"]]
            return self._referred(side, record_type, field) if wanted else None
        if not field.required and not self.world.draws.chance(PEOPLE, "referred", 0.4):
            particular = _PARTICULARS.get(record_type.name, _ORDINARY)
            if "Income" not in particular.accounts.get(field.name, ()):
                return None
        return self._referred(side, record_type, field)

    def _referred(
        self, side: Side, record_type: RecordType, field: Reference, line_kind: str = ""
    ) -> str | None:
        particular = _PARTICULARS.get(record_type.name, _ORDINARY)
        target = field.to[self.world.draws.pick(PEOPLE, "target", len(field.to))]
        kinds = particular.accounts.get(field.name) if target == "account" else None
        if target == "item":
            kinds = _ITEM_KINDS.get(line_kind)
        ids = self.world.referable(side, target, kinds)
        if not ids:
            return None
        chosen = ids[self.world.draws.pick(PEOPLE, "parent", len(ids))]
        return reference(target, int(chosen))

    def _lines(
        self, side: Side, record_type: RecordType, field: Lines, content: Content
    ) -> tuple[dict[str, Any], ...]:
        if record_type.name in SETTLED:
            return applications(self.world, side, record_type.name, content)
        if record_type.name == "journal_entry":
            return balanced(self, side, record_type, field)
        if record_type.name == "deposit":
            return brought(self, side, record_type, field, content)
        kinds = _PARTICULARS.get(record_type.name, _ORDINARY).line_kinds
        shapes = [field.shape_of(each) for each in kinds] or [
            each for each in field.shapes if each.writable
        ]
        count = 1 + self.world.draws.pick(PEOPLE, "lines", 2)
        lines = []
        for number in range(count):
            which = self.world.draws.pick(PEOPLE, "shape", len(shapes)) if number else 0
            line = self.line(side, record_type, shapes[which])
            if line is not None:
                lines.append(line)
        return tuple(lines)

    def line(self, side: Side, record_type: RecordType, shape: LineShape) -> dict[str, Any] | None:
        """A new line of a shape; None where nothing is there that it must refer to."""
        line: dict[str, Any] = {"kind": shape.kind}
        for field in shape.fields:
            value = self._line_value(side, record_type, shape, field)
            if value is not None:
                line[field.name] = value
            elif field.required:
                return None
        if "unit_price" in {field.name for field in shape.fields}:
            self._quantify(line)
        return line

    def _line_value(
        self, side: Side, record_type: RecordType, shape: LineShape, field: Field
    ) -> Any:  # a value of the field's own kind
        draws, particular = self.world.draws, _LINE_VALUES.get((shape.kind, field.name))
        if particular is not None:
            return particular[draws.pick(PEOPLE, field.name, len(particular))]
        if isinstance(field, Money):
            entered = field.required and field.owner is Owner.BOTH
            return self.world.amount() if entered else None
        if isinstance(field, Reference):
            wanted = field.required or draws.chance(PEOPLE, "line_referred", 0.5)
            return self._referred(side, record_type, field, shape.kind) if wanted else None
        return self.world.token() if field.name == "description" else None

    def _quantify(self, line: dict[str, Any]) -> None:
        """Say how many and at what price, now and then."""
        if self.world.draws.chance(PEOPLE, "quantity", 0.2):
            line.update(quantity=Decimal(2), unit_price=line["amount"] / 2)


def _is_entered(record_type: RecordType, field: Field) -> bool:
    computed = field.owner is Owner.QUICKBOOKS or isinstance(field, Derived | Currency)
    if record_type.read_only:
        computed = isinstance(field, Currency)
    return not computed and bool(field.quickbooks)


@cache
def _editable(record_type: RecordType) -> tuple[Field, ...]:
    return tuple(each for each in record_type.fields if _is_editable(record_type, each))


def _is_editable(record_type: RecordType, field: Field) -> bool:
    """Whether people change it in this simulation: texts and lines."""
    if record_type.read_only:
        return isinstance(field, Text) and not isinstance(field, Currency)
    if field.owner is not Owner.BOTH or not field.sent or isinstance(field, Named | Choice):
        return False
    return isinstance(field, Text | Lines) and field.name not in ("type", "subtype")


def _can_describe(line: Mapping[str, Any]) -> bool:
    """Whether a line is one that people describe: no computed subtotal, no application."""
    kind = line.get("DetailType", line.get("kind"))
    if value_at(line, "SalesItemLineDetail.ItemRef.value") == SHIPPING_ITEM:
        return False  # what is sent has no text of its own
    return kind in (
        "SalesItemLineDetail",
        "DescriptionOnly",
        "GroupLineDetail",
        "DiscountLineDetail",
        "AccountBasedExpenseLineDetail",
        "ItemBasedExpenseLineDetail",
        "JournalEntryLineDetail",
        "DepositLineDetail",
        "entry",
        "item",
        "description",
        "bundle",
        "discount",
        "percent_discount",
        "account",
    )


def _line_keys(record_type: RecordType) -> set[str]:
    return {"id", f"{record_type.name}_id", "position"}


#: The smallest amount, and what each further one adds: no two are alike.
AMOUNT_STEP = Decimal("0.01")
