"""Mappings: which column of a file means what. docs/how-to/import-orders.md tells how to write one."""

import difflib
import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Named
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from django.utils.translation import gettext

from regulars.facts.customers.identifiers import is_contact
from regulars.kit import civil, money
from regulars.kit.refusals import Refusal

Grain = Literal["line", "order"]
Kind = Literal["sale", "return", "adjustment"]

SHIPPED = Path(__file__).parent / "mappings"
#: What a column may mean, in the order in which a guess claims columns.
FIELDS = (
    *("order", "line", "kind", "returned_order", "placed_at", "customer", "email", "phone", "country"),
    *("channel", "store", "currency"),
    *("product", "title", "category", "quantity", "unit_price", "amount", "discount"),
    *("order_discount", "shipping", "tax", "updated_at"),
)
NUMBERS = ("quantity", "unit_price", "amount", "discount", "order_discount", "shipping", "tax")
#: Those of money, which may have a currency's sign.
AMOUNTS = tuple(name for name in NUMBERS if name != "quantity")
#: Who bought, where the customer's number does not tell.
CONTACTS = ("email", "phone")
#: Stands in `join` for the number of the row in its file.
ROW = "@row"
#: Keys of every kind of mapping.
KEYS = frozenset(
    ("source", "zone", "decimal", "columns", "dates", "encoding", "delimiter", "sheet", "header_row", "earliest")
)
_KEYS = KEYS | {"grain", "currency", "rules", "shop", "control"}
_TESTS = frozenset(("negative", "zero", "positive", "empty", "present"))
_KINDS: tuple[Kind, ...] = ("sale", "return", "adjustment")
#: What stands between cells is none of these.
_NO_MARK = '\r\n"\0'
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class BadMapping(Refusal):
    """The mapping says something that means nothing, or does not fit the file."""

    code = "imports.bad_mapping"


@dataclass(frozen=True)
class Column:
    """Where a field's values come from: one of several columns, some joined or added up, or one constant."""

    names: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    sum: tuple[str, ...] = ()
    constant: str | None = None
    values: Named[str, str] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True)
class Rule:
    """Rows for which every condition holds are of `kind`. A condition is a test's name, or starts_with or equals."""

    kind: Kind
    when: Named[str, str | Named[str, tuple[str, ...]]]


@dataclass(frozen=True)
class ShopTold:
    """Whose orders a kind of file holds."""

    name: str
    language: str
    country: str


@dataclass(frozen=True)
class FileMapping:
    """How to read one kind of file.

    `zone` None: the shop's own. `decimal` None: found in the file, or refused where it cannot be told.
    `dates` are strptime formats (or `unix`, `unix_ms`) beside ISO 8601, which is always read. `is_guess`: the columns
    are names to try, and fields whose column is missing are left out.
    """

    name: str
    source: str
    columns: Named[str, Column]
    zone: str | None = None
    decimal: Literal[".", ","] | None = None
    dates: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    earliest: date = date(1990, 1, 1)
    is_guess: bool = False


@dataclass(frozen=True)
class OrderMapping(FileMapping):
    """How to read one kind of order file. `currency` None: the shop's own.

    `shop` is whose file it is, for a house that nobody has named yet. `control` are columns of numbers that become
    nothing here and are added up as they stand, to compare with what the source says of them.
    """

    grain: Grain | None = None
    currency: str | None = None
    rules: Sequence[Rule] = ()
    shop: ShopTold | None = None
    control: Sequence[str] = ()


_M = TypeVar("_M", bound=FileMapping)


def shipped(folder: Path = SHIPPED) -> list[str]:
    """The names of the mappings that come with Regulars, by the folder of their kind of file."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def load(name_or_file: str) -> OrderMapping:
    """A shipped mapping by its name, or one of your own by its path."""
    return _orders(find(name_or_file))


def find(name_or_file: str, folder: Path = SHIPPED) -> Path:
    """The file of a shipped mapping of `folder`'s kind, or of one of your own."""
    own = Path(name_or_file)
    if own.suffix in {".yaml", ".yml"}:
        if not own.exists():
            raise BadMapping(
                gettext("map: there is no file %(name)s; check the path") % {"name": name_or_file},
                field="map",
                value=name_or_file,
            )
        return own
    if name_or_file not in shipped(folder):
        raise BadMapping(
            gettext("map: %(name)s is no mapping; use one of %(names)s, or the path of a .yaml file")
            % {"name": repr(name_or_file), "names": ", ".join(shipped(folder))},
            field="map",
            value=name_or_file,
        )
    return folder / f"{name_or_file}.yaml"


def fitting(columns: Sequence[str]) -> OrderMapping:
    """The shipped mapping whose columns are all there, else the generic one, to guess by."""
    for name in shipped():
        if name != "generic":
            found = _shipped(SHIPPED / f"{name}.yaml")
            named = {one for column in found.columns.values() for one in (*column.names, *column.join, *column.sum)}
            if named - {ROW} <= set(columns):
                return found
    return _shipped(SHIPPED / "generic.yaml")


@lru_cache(maxsize=64)
def _shipped(file: Path) -> OrderMapping:
    """To find the one that fits all are asked, for every file: read each time they took a tenth of a small file."""
    return _orders(file)


def bind(mapping: OrderMapping, columns: Sequence[str]) -> OrderMapping:
    """`mapping` with every field tied to a column that is there.

    Refuses what is missing; a guess leaves out what it does not find, but for what no order can do without.
    """
    found = tie(mapping, FIELDS, columns, spare=lambda name, bound: name in CONTACTS and "customer" in bound)
    for needed in ("order", "placed_at"):
        if needed not in found.columns:
            raise missing(mapping, needed, gettext("the %(name)s") % {"name": needed}, columns)
    if "amount" not in found.columns and not {"quantity", "unit_price"} <= set(found.columns):
        raise missing(mapping, "amount", gettext("the amount, or quantity and unit_price,"), columns)
    for name in mapping.control:
        if name not in columns:
            raise missing(mapping, "control", name, columns)
    return found


def tie(
    mapping: _M,
    fields: Sequence[str],
    columns: Sequence[str],
    *,
    spare: Callable[[str, Named[str, Column]], bool] = lambda _name, _bound: False,
) -> _M:
    """`mapping` with each of `fields` tied to a column that is there; what is missing is refused, or left out by a
    guess. A guess does not look for a field that it can `spare`, given those it has tied."""
    plain = {_plain(column): column for column in reversed(columns)}
    bound: dict[str, Column] = {}
    taken: set[str] = set()
    for name in fields:
        column = mapping.columns.get(name)
        if column is None or (mapping.is_guess and spare(name, bound)):
            continue
        if column.names:
            found = next(
                (
                    there
                    for wanted in column.names
                    if (there := wanted if wanted in columns else plain.get(_plain(wanted))) and there not in taken
                ),
                None,
            )
            if found is None:
                if mapping.is_guess:
                    continue
                raise missing(mapping, name, " or ".join(column.names), columns)
            if mapping.is_guess:
                taken.add(found)
            column = replace(column, names=(found,))
        for part in (*column.join, *column.sum):
            if part != ROW and part not in columns:
                raise missing(mapping, name, part, columns)
        bound[name] = column
    return replace(mapping, columns=bound)


def tie_to_somebody(wanted: _M, fields: Sequence[str], columns: Sequence[str]) -> _M:
    """`tie`, refused where nothing tells who a row is about."""
    found = tie(wanted, fields, columns)
    if not {"customer", *CONTACTS} & set(found.columns):
        needed = gettext("the customer's number, e-mail address or phone number")
        raise missing(wanted, "customer", needed, columns)
    return found


def missing(mapping: FileMapping, name: str, wanted: str, columns: Sequence[str]) -> BadMapping:
    """Why a file without that column cannot be read, with the mend."""
    near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.7)
    mend = (
        gettext("did you mean %(name)s?") % {"name": repr(near[0])}
        if near
        else gettext("write a mapping that says which column it is, and give it with --map")
    )
    # A file without a header has its first row there.
    there = ", ".join(gettext("(a contact)") if "@" in column or is_contact(column) else column for column in columns)
    return BadMapping(
        gettext(
            "map: %(mapping)s needs a column for %(name)s, and %(wanted)s is not in the file, which has"
            " %(there)s; %(mend)s"
        )
        % {"mapping": mapping.name, "name": name, "wanted": wanted, "there": there[:300], "mend": mend},
        field=name,
        value=wanted,
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """To find the mapping that fits a file all are tried, again and again: half of what a small file took."""
    return yaml.safe_load(text)


def content(file: Path, fields: Sequence[str], keys: frozenset[str], *, open_prefix: str = "@") -> dict[str, Any]:
    """What a mapping's file says, refused where it says what means nothing. Fields that begin with `open_prefix` are
    whatever the shop calls them."""
    try:
        told = deepcopy(_parsed(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise BadMapping(
            gettext("map: %(file)s is not readable YAML: %(problem)s") % {"file": file.name, "problem": problem},
            field="map",
            value=file.name,
        ) from problem
    if not isinstance(told, dict) or not isinstance(told.get("columns"), dict):
        raise BadMapping(
            gettext("map: %(file)s must name its columns under `columns:`") % {"file": file.name},
            field="columns",
            value=file.name,
        )
    _only(told, keys, file.name)
    own = {str(name) for name in told["columns"] if str(name).startswith(open_prefix)}
    _only(told["columns"], frozenset(fields) | own, f"{file.name}, columns")
    return told


def shared(file: Path, told: dict[str, Any], *, numbers: Sequence[str] = ()) -> dict[str, Any]:
    """What every kind of mapping says, as FileMapping takes it. Only `numbers` can be sums of columns."""
    source = str(told.get("source", file.stem))
    if not _SOURCE.fullmatch(source):
        raise bad(file, "source", source, gettext("use small letters, digits, dots, dashes and underscores"))
    decimal, zone = told.get("decimal"), told.get("zone")
    if decimal not in {None, ".", ","}:
        raise bad(file, "decimal", decimal, gettext('say "." or ","'))
    if zone is not None:
        civil.zone(zone)
    header_row = told.get("header_row")
    if header_row is not None and not (type(header_row) is int and header_row > 0):
        raise bad(file, "header_row", header_row, gettext("say the number of the row with the columns' names, from 1"))
    earliest = told.get("earliest", FileMapping.earliest)
    if not isinstance(earliest, date):
        raise bad(file, "earliest", earliest, gettext("write a day such as 1985-01-31"))
    delimiter, encoding = told.get("delimiter") or None, told.get("encoding")
    if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in _NO_MARK):
        mend = gettext('say the one character between two cells, such as ";" or "\\t"')
        raise bad(file, "delimiter", delimiter, mend)
    if encoding is not None and not isinstance(encoding, str):
        raise bad(file, "encoding", encoding, gettext("use a name such as utf-8 or gb18030"))
    sheet = told.get("sheet")
    return {
        "name": file.stem,
        "source": source,
        "columns": {str(key): _column(file, key, value, numbers) for key, value in told["columns"].items()},
        "zone": zone,
        "decimal": decimal,
        "dates": _dates(file, told.get("dates")),
        "encoding": encoding,
        "delimiter": delimiter,
        # YAML makes a number of a sheet that is called 2024.
        "sheet": None if sheet is None else str(sheet),
        "header_row": header_row,
        "earliest": earliest,
        "is_guess": file.stem == "generic",
    }


def _dates(file: Path, told: object) -> tuple[str, ...]:
    forms = () if told is None else _texts(told)
    if not all("%" in form or form.startswith("unix") for form in forms):
        raise bad(file, "dates", told, gettext('write a list such as ["%d/%m/%Y %H:%M"], or [unix]'))
    return forms


def _orders(file: Path) -> OrderMapping:
    told = content(file, FIELDS, _KEYS)
    grain, currency, rules = told.get("grain"), told.get("currency"), told.get("rules") or []
    if not isinstance(rules, list):
        raise bad(file, "rules", rules, gettext("write a list of rules"))
    control = told.get("control") or []
    if not isinstance(control, list) or len(set(map(str, control))) < len(control):
        raise bad(file, "control", control, gettext("write a list of columns, each once"))
    if grain not in {None, "line", "order"}:
        raise bad(file, "grain", grain, gettext("say line (one row a line) or order (one row an order)"))
    if currency is not None:
        money.exponent(currency)
    return OrderMapping(
        **shared(file, told, numbers=NUMBERS),
        grain=grain,
        currency=currency,
        rules=tuple(_rule(file, one) for one in rules),
        shop=_shop(file, told.get("shop")),
        control=_texts(control),
    )


def _shop(file: Path, told: object) -> ShopTold | None:
    if told is None:
        return None
    mend = gettext("write {name: My shop, language: en or zh-hans, country: GB}")
    if not isinstance(told, dict):
        raise bad(file, "shop", told, mend)
    _only(told, frozenset({"name", "language", "country"}), f"{file.name}, shop")
    # Whether language and country are ones it knows, the company room says when it settles the shop.
    if not all(isinstance(told.get(key), str) for key in ("name", "language", "country")):
        raise bad(file, "shop", told, mend)
    return ShopTold(told["name"], told["language"], told["country"])


def _only(told: dict[Any, Any], known: frozenset[str], where: str) -> None:
    for key in told:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            mend = (
                gettext("did you mean %(name)s?") % {"name": near[0]}
                if near
                else gettext("use one of %(names)s") % {"names": ", ".join(sorted(known))}
            )
            raise BadMapping(
                gettext("map: %(where)s has %(key)s, which means nothing; %(mend)s")
                % {"where": where, "key": repr(key), "mend": mend},
                field=str(key),
                value=str(key),
            )


def bad(file: Path, name: str, value: object, mend: str) -> BadMapping:
    """Why what a mapping says of `name` means nothing, with the mend."""
    return BadMapping(
        gettext("map: %(file)s, %(name)s: %(value)s means nothing; %(mend)s")
        % {"file": file.name, "name": name, "value": repr(value), "mend": mend},
        field=name,
        value=str(value),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _column(file: Path, name: object, value: object, numbers: Sequence[str]) -> Column:
    said = value if isinstance(value, dict) else {"column": value}
    _only(said, frozenset(("column", "join", "sum", "constant", "values", "whole")), f"{file.name}, columns, {name}")
    if "sum" in said and name not in numbers:
        raise bad(
            file,
            str(name),
            "sum",
            gettext("only %(names)s can be added up") % {"names": ", ".join(numbers) or gettext("amounts")},
        )
    if not any(said.get(way) not in (None, []) for way in ("column", "join", "sum", "constant")):
        raise bad(file, str(name), value, gettext("write a column's name, or one of column, join, sum and constant"))
    values = said.get("values") or {}
    if not isinstance(values, dict):
        raise bad(file, f"{name}, values", values, gettext("write {what the file says: what is meant}"))
    return Column(
        names=_texts(said["column"]) if "column" in said else (),
        join=_texts(said["join"]) if "join" in said else (),
        sum=_texts(said["sum"]) if "sum" in said else (),
        constant=str(said["constant"]) if said.get("constant") is not None else None,
        values={spelt: str(to) for key, to in values.items() for spelt in _spellings(key)},
        whole=bool(said.get("whole", False)),
    )


def _spellings(key: object) -> tuple[str, ...]:
    """What a file may have where a mapping says so: YAML makes one thing of yes, on and true, and forgets which."""
    if not isinstance(key, bool):
        return (str(key),)
    words = ("true", "yes", "on") if key else ("false", "no", "off")
    return tuple(form for word in words for form in (word, word.capitalize(), word.upper()))


def _rule(file: Path, told: object) -> Rule:
    if not isinstance(told, dict) or told.get("kind") not in _KINDS or not isinstance(told.get("when"), dict):
        raise bad(file, "rules", told, gettext("write {kind: return, when: {order: {starts_with: C}}}"))
    when: dict[str, str | Named[str, tuple[str, ...]]] = {}
    for name, condition in told["when"].items():
        if name not in FIELDS:
            raise bad(file, "rules", name, gettext("conditions speak of %(names)s") % {"names": ", ".join(FIELDS)})
        if isinstance(condition, dict) and set(condition) <= {"starts_with", "equals"} and condition:
            when[name] = {test: _texts(value) for test, value in condition.items()}
        elif condition in _TESTS and (condition in {"empty", "present"} or name in NUMBERS):
            when[name] = str(condition)
        else:
            raise bad(
                file,
                f"rules, {name}",
                condition,
                gettext("use %(tests)s, starts_with or equals") % {"tests": ", ".join(sorted(_TESTS))},
            )
    return Rule(told["kind"], when)
