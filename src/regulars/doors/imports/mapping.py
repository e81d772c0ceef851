"""Mappings: which column of a file means what. docs/how-to/import-orders.md tells how to write one."""

import difflib
import re
from collections.abc import Mapping as Named
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml

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
#: Who bought, where the customer's number does not tell.
CONTACTS = ("email", "phone")
#: Stands in `join` for the number of the row in its file.
ROW = "@row"
_KEYS = frozenset(
    (
        *("source", "grain", "zone", "currency", "decimal", "columns", "rules", "dates", "encoding", "delimiter"),
        *("sheet", "earliest", "shop"),
    )
)
_TESTS = frozenset(("negative", "zero", "positive", "empty", "present"))
_KINDS: tuple[Kind, ...] = ("sale", "return", "adjustment")
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
class OrderMapping:
    """How to read one kind of order file.

    `zone` and `currency` None: the shop's own. `decimal` None: found in the file, or refused where it cannot be told.
    `dates` are strptime formats (or `unix`, `unix_ms`) beside ISO 8601, which is always read. `is_guess`: the columns
    are names to try, and fields whose column is missing are left out. `shop` is whose file it is, for a house that
    nobody has named yet.
    """

    name: str
    source: str
    columns: Named[str, Column]
    grain: Grain | None = None
    zone: str | None = None
    currency: str | None = None
    decimal: Literal[".", ","] | None = None
    rules: Sequence[Rule] = ()
    dates: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    earliest: date = date(1990, 1, 1)
    is_guess: bool = False
    shop: ShopTold | None = None


def shipped() -> list[str]:
    """The names of the mappings that come with Regulars."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def load(name_or_file: str) -> OrderMapping:
    """A shipped mapping by its name, or one of your own by its path."""
    own = Path(name_or_file)
    if own.suffix in {".yaml", ".yml"}:
        if not own.exists():
            raise BadMapping(f"map: there is no file {name_or_file}; check the path", field="map", value=name_or_file)
        return _read(own, own.stem)
    file = SHIPPED / f"{name_or_file}.yaml"
    if name_or_file not in shipped():
        raise BadMapping(
            f"map: {name_or_file!r} is no mapping; use one of {', '.join(shipped())}, or the path of a .yaml file",
            field="map",
            value=name_or_file,
        )
    return _read(file, name_or_file)


def fitting(columns: Sequence[str]) -> OrderMapping:
    """The shipped mapping whose columns are all there, else the generic one, to guess by."""
    for name in shipped():
        if name != "generic":
            found = load(name)
            named = {one for column in found.columns.values() for one in (*column.names, *column.join, *column.sum)}
            if named - {ROW} <= set(columns):
                return found
    return load("generic")


def bind(mapping: OrderMapping, columns: Sequence[str]) -> OrderMapping:
    """`mapping` with every field tied to a column that is there.

    Refuses what is missing; a guess leaves out what it does not find, but for what no order can do without.
    """
    plain = {_plain(column): column for column in reversed(columns)}
    bound: dict[str, Column] = {}
    taken: set[str] = set()
    for name in FIELDS:
        column = mapping.columns.get(name)
        if column is None or (mapping.is_guess and name in CONTACTS and "customer" in bound):
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
                raise _missing(mapping, name, " or ".join(column.names), columns)
            if mapping.is_guess:
                taken.add(found)
            column = replace(column, names=(found,))
        for part in (*column.join, *column.sum):
            if part != ROW and part not in columns:
                raise _missing(mapping, name, part, columns)
        bound[name] = column
    for needed in ("order", "placed_at"):
        if needed not in bound:
            raise _missing(mapping, needed, f"the {needed}", columns)
    if "amount" not in bound and not {"quantity", "unit_price"} <= set(bound):
        raise _missing(mapping, "amount", "the amount, or quantity and unit_price,", columns)
    return replace(mapping, columns=bound)


def _missing(mapping: OrderMapping, name: str, wanted: str, columns: Sequence[str]) -> BadMapping:
    near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.7)
    mend = (
        f"did you mean {near[0]!r}?" if near else "write a mapping that says which column it is, and give it with --map"
    )
    return BadMapping(
        f"map: {mapping.name} needs a column for {name}, and {wanted} is not in the file, which has"
        f" {', '.join(columns)[:300]}; {mend}",
        field=name,
        value=wanted,
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _read(file: Path, name: str) -> OrderMapping:
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise BadMapping(f"map: {file.name} is not readable YAML: {problem}", field="map", value=file.name) from problem
    if not isinstance(told, dict) or not isinstance(told.get("columns"), dict):
        raise BadMapping(f"map: {file.name} must name its columns under `columns:`", field="columns", value=file.name)
    _only(told, _KEYS, file.name)
    _only(told["columns"], frozenset(FIELDS), f"{file.name}, columns")
    source = str(told.get("source", name))
    if not _SOURCE.fullmatch(source):
        raise _bad(file, "source", source, "use small letters, digits, dots, dashes and underscores")
    grain, decimal, zone, currency = (told.get(key) for key in ("grain", "decimal", "zone", "currency"))
    if grain not in {None, "line", "order"}:
        raise _bad(file, "grain", grain, "say line (one row a line) or order (one row an order)")
    if decimal not in {None, ".", ","}:
        raise _bad(file, "decimal", decimal, 'say "." or ","')
    if zone is not None:
        civil.zone(zone)
    if currency is not None:
        money.exponent(currency)
    earliest = told.get("earliest", OrderMapping.earliest)
    if not isinstance(earliest, date):
        raise _bad(file, "earliest", earliest, "write a day such as 1985-01-31")
    return OrderMapping(
        name=name,
        source=source,
        columns={str(key): _column(file, key, value) for key, value in told["columns"].items()},
        grain=grain,
        zone=zone,
        currency=currency,
        decimal=decimal,
        rules=tuple(_rule(file, one) for one in told.get("rules", ())),
        dates=tuple(map(str, told.get("dates", ()))),
        encoding=told.get("encoding"),
        delimiter=told.get("delimiter"),
        sheet=told.get("sheet"),
        earliest=earliest,
        is_guess=name == "generic",
        shop=_shop(file, told.get("shop")),
    )


def _shop(file: Path, told: object) -> ShopTold | None:
    if told is None:
        return None
    mend = "write {name: My shop, language: en or zh-hans, country: GB}"
    if not isinstance(told, dict):
        raise _bad(file, "shop", told, mend)
    _only(told, frozenset({"name", "language", "country"}), f"{file.name}, shop")
    # Whether language and country are ones it knows, the company room says when it settles the shop.
    if not all(isinstance(told.get(key), str) for key in ("name", "language", "country")):
        raise _bad(file, "shop", told, mend)
    return ShopTold(told["name"], told["language"], told["country"])


def _only(told: dict[Any, Any], known: frozenset[str], where: str) -> None:
    for key in told:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            mend = f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(known))}"
            raise BadMapping(f"map: {where} has {key!r}, which means nothing; {mend}", field=str(key), value=str(key))


def _bad(file: Path, name: str, value: object, mend: str) -> BadMapping:
    return BadMapping(f"map: {file.name}, {name}: {value!r} means nothing; {mend}", field=name, value=str(value))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _column(file: Path, name: object, value: object) -> Column:
    if not isinstance(value, dict):
        return Column(names=_texts(value))
    _only(value, frozenset(("column", "join", "sum", "constant", "values", "whole")), f"{file.name}, columns, {name}")
    if "sum" in value and name not in NUMBERS:
        raise _bad(file, str(name), "sum", f"only {', '.join(NUMBERS)} can be added up")
    return Column(
        names=_texts(value["column"]) if "column" in value else (),
        join=_texts(value["join"]) if "join" in value else (),
        sum=_texts(value["sum"]) if "sum" in value else (),
        constant=str(value["constant"]) if "constant" in value else None,
        values={str(key): str(to) for key, to in value.get("values", {}).items()},
        whole=bool(value.get("whole", False)),
    )


def _rule(file: Path, told: object) -> Rule:
    if not isinstance(told, dict) or told.get("kind") not in _KINDS or not isinstance(told.get("when"), dict):
        raise _bad(file, "rules", told, "write {kind: return, when: {order: {starts_with: C}}}")
    when: dict[str, str | Named[str, tuple[str, ...]]] = {}
    for name, condition in told["when"].items():
        if name not in FIELDS:
            raise _bad(file, "rules", name, f"conditions speak of {', '.join(FIELDS)}")
        if isinstance(condition, dict) and set(condition) <= {"starts_with", "equals"} and condition:
            when[name] = {test: _texts(value) for test, value in condition.items()}
        elif condition in _TESTS and (condition in {"empty", "present"} or name in NUMBERS):
            when[name] = str(condition)
        else:
            raise _bad(file, f"rules, {name}", condition, f"use {', '.join(sorted(_TESTS))}, starts_with or equals")
    return Rule(told["kind"], when)
