"""`regulars import`: files in. `regulars report`: a page from a file, without taking it in."""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import click
from django.utils import translation
from django.utils.translation import gettext, gettext_noop, ngettext
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from regulars.doors.imports import (
    checking,
    consent_files,
    consents,
    customer_files,
    customers,
    event_files,
    events,
    mapping,
    orders,
    rejects,
    ware_files,
    wares,
    watching,
)
from regulars.doors.imports import report as report_page
from regulars.doors.imports.outcomes import Imported
from regulars.doors.imports.walking import Progress as Tell
from regulars.doors.imports.walking import Stage
from regulars.facts.company import company
from regulars.facts.customers.purposes import ANY, Channel, Purpose
from regulars.kit import civil, money
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.database.needs import without_database

#: The exit code when the file was read and some of its rows are not on record.
ROWS_LEFT_OUT = 3
#: When nothing in the file is any use.
NOTHING_CAME = 1

_WORDS: Mapping[Stage, str] = {
    "looking": gettext_noop("Looking"),
    "reading": gettext_noop("Reading rows"),
    "recording": gettext_noop("Recording"),
    "matching": gettext_noop("Matching returns"),
}
#: The control totals' names in words.
_TOTALS: Mapping[str, str] = {
    "lines": gettext_noop("Lines"),
    "documents": gettext_noop("Documents"),
    "orders": gettext_noop("Orders"),
    "return_documents": gettext_noop("Return documents"),
    "adjustment_documents": gettext_noop("Adjustment documents"),
    "guest_lines": gettext_noop("Guest lines"),
    "return_lines": gettext_noop("Return lines"),
    "adjustment_lines": gettext_noop("Adjustment lines"),
    "clean_lines": gettext_noop("Clean lines"),
    "clean_orders": gettext_noop("Clean orders"),
    "exact_duplicate_lines": gettext_noop("Exact duplicate lines"),
    "zero_price_lines": gettext_noop("Zero price lines"),
    "negative_price_lines": gettext_noop("Negative price lines"),
    "zero_quantity_lines": gettext_noop("Zero quantity lines"),
    "customers": gettext_noop("Customers"),
    "products": gettext_noop("Products"),
    "countries": gettext_noop("Countries"),
    "first_at": gettext_noop("First at"),
    "last_at": gettext_noop("Last at"),
    "returned_quantity": gettext_noop("Returned quantity"),
    "net_value": gettext_noop("Net value"),
    "return_amount": gettext_noop("Return amount"),
    "adjustment_amount": gettext_noop("Adjustment amount"),
    "clean_value": gettext_noop("Clean value"),
    "line_discounts": gettext_noop("Line discounts"),
    "clean_customers": gettext_noop("Clean customers"),
    "customers_who_came_back": gettext_noop("Customers who came back"),
    "rows": gettext_noop("Rows"),
    "events": gettext_noop("Events"),
    "visitors": gettext_noop("Visitors"),
    "event_names": gettext_noop("Event names"),
    "repeated_rows": gettext_noop("Repeated rows"),
    "outdated_rows": gettext_noop("Outdated rows"),
    "rejected_rows": gettext_noop("Rejected rows"),
    "variants": gettext_noop("Variants"),
    "with_title": gettext_noop("With a title"),
    "with_category": gettext_noop("With a category"),
    "with_brand": gettext_noop("With a brand"),
    "with_barcode": gettext_noop("With a barcode"),
    "prices": gettext_noop("Prices"),
    "sale_prices": gettext_noop("Sale prices"),
    "price_sum": gettext_noop("Sum of prices"),
    "levels": gettext_noop("Stock levels"),
    "units": gettext_noop("Units in stock"),
    "with_name": gettext_noop("With a name"),
    "with_email": gettext_noop("With an e-mail address"),
    "with_phone": gettext_noop("With a phone number"),
    "with_birthday": gettext_noop("With a birthday"),
    "with_address": gettext_noop("With a postal address"),
    "with_country": gettext_noop("With a country"),
    "with_language": gettext_noop("With a language"),
}


_LABEL_WIDTH = 26
_OF_SHOP = ("name", "currency", "zone", "language", "country")
_BY = Actor("import", "command line")
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Done = TypeVar("_Done", bound=Imported)


@dataclass(frozen=True)
class _Came:
    """What one kind of import says in its own words: what it settled, what became of its documents, how one is called,
    what it means that one stands twice, and where the one that is kept stands."""

    settled: Sequence[str]
    counted: Sequence[str]
    what: str
    twice: str
    where: str


def _a_zone(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value if value is None else _checked(civil.zone, value)


def _a_currency(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value if value is None else _checked(money.exponent, value)


def _checked(look: Callable[[str], object], value: str) -> str:
    """An option's value that `look` knows; else refused before the file is opened, with the option's name."""
    try:
        look(value)
    except Refusal as refusal:
        raise click.BadParameter(refusal.message.partition(": ")[2]) from refusal
    return value


@click.group("import")
def import_group() -> None:
    """Bring orders, customers, products, prices, stock, consents and events in from files.

    CSV, Excel, Parquet; events also as JSON Lines.
    """


def _file_options(command: Callable[_P, _T]) -> Callable[_P, _T]:
    """What every kind of import asks, but for its own options."""
    for option in reversed(
        (
            click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
            click.option(
                "--map",
                "map_name",
                metavar="NAME|FILE",
                help="A mapping that comes with Regulars, or your own .yaml file  [default: one that fits, or a guess]",
            ),
            click.option(
                "--zone",
                callback=_a_zone,
                help="The time zone of the file's clock times, instead of the mapping's.",
            ),
            click.option("--dry-run", is_flag=True, help="Read and check everything, record nothing."),
            click.option(
                "--reject-file",
                type=click.Path(dir_okay=False, path_type=Path),
                help="Where rows that cannot come in are written  [default: beside FILE, nowhere in a dry run]",
            ),
            click.option(
                "--language",
                "--lang",
                type=click.Choice(["en", "zh"]),
                help="Of what is printed and the reject file's reasons  [default: your locale's, else the shop's]",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print facts as JSON."),
        )
    ):
        command = option(command)
    return command


@import_group.command("orders")
@_file_options
@click.option("--source", metavar="NAME", help="The system the file comes from, instead of the mapping's.")
@click.option(
    "--currency", callback=_a_currency, help="The currency of amounts that name none, instead of the mapping's."
)
@click.option("--sheet", metavar="NAME", help="The workbook's sheet to read  [default: the first whose header fits]")
@click.pass_context
def import_orders(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    source: str | None,
    zone: str | None,
    currency: str | None,
    sheet: str | None,
    dry_run: bool,
    reject_file: Path | None,
    language: Literal["en", "zh"] | None,
    as_json: bool,
) -> None:
    """Bring orders, returns and adjustments in as history. Doing it again changes nothing.

    Rows that cannot come in are written to a reject file, each with its problem and mend; mend them there and import
    that file. The exit code is then 3; 1 means that nothing came in.
    """
    with translation.override(_language(language)), _bar() as tell:
        done = orders.import_orders(
            file,
            mapping.load(map_name) if map_name else None,
            at=datetime.now(UTC),
            by=_BY,
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            currency=currency,
            sheet=sheet,
            progress=tell,
        )
    settled = None
    if done.settled is not None:
        names = ("name", "currency", "zone", "language", "country", "guessed", "is_settled")
        settled = {name: getattr(done.settled, name) for name in names}
    _say(ctx, file, done, {"rows_outdated": done.rows_outdated, "shop_settled": settled}, as_json, _of_orders, language)


@import_group.command("customers")
@_file_options
@click.option("--source", metavar="NAME", help="Whose customer numbers these are, instead of the mapping's.")
@click.pass_context
def import_customers(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    source: str | None,
    zone: str | None,
    dry_run: bool,
    reject_file: Path | None,
    language: Literal["en", "zh"] | None,
    as_json: bool,
) -> None:
    """Bring in who the customers are. Doing it again changes nothing; a newer file changes what it tells anew.

    Everything personal is sealed, and shown nowhere but in the reject file, where it stood in yours. The exit code is
    3 when some rows are left out; 1 means that nothing came in.
    """
    with translation.override(_language(language)), _bar() as tell:
        done = customers.import_customers(
            file,
            customer_files.load(map_name) if map_name else None,
            at=datetime.now(UTC),
            by=_BY,
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            progress=tell,
        )
    _say(ctx, file, done, {"rows_outdated": done.rows_outdated}, as_json, _of_customers, language)


@import_group.command("consents")
@_file_options
@click.option("--source", metavar="NAME", help="Whose customer numbers these are, instead of the mapping's.")
@click.option(
    "--purpose",
    type=click.Choice([ANY, *(one.value for one in Purpose)]),
    help="What the answers are for, where the file has no such column  [default: marketing]",
)
@click.option(
    "--channel",
    type=click.Choice([ANY, *(one.value for one in Channel)]),
    help="By which channel, where the file has no such column  [default: all, of a no]",
)
@click.option(
    "--decision", type=click.Choice(["yes", "no"]), help="Whether they agree, where the file has no such column."
)
@click.pass_context
def import_consents(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    source: str | None,
    purpose: str | None,
    channel: str | None,
    decision: str | None,
    zone: str | None,
    dry_run: bool,
    reject_file: Path | None,
    as_json: bool,
    language: Literal["en", "zh"] | None,
) -> None:
    """Bring in who agreed and who refused, by customer number, e-mail address or phone number. It counts at once.

    Doing it again changes nothing. A yes needs the time it was given. The exit code is 3 when some rows are left out;
    1 means that nothing came in.
    """
    options = {"purpose": purpose, "channel": channel, "decision": decision}
    with translation.override(_language(language)), _bar() as tell:
        done = consents.import_consents(
            file,
            consent_files.load(map_name) if map_name else None,
            at=datetime.now(UTC),
            by=_BY,
            told={name: value for name, value in options.items() if value is not None},
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            progress=tell,
        )
    _say(ctx, file, done, {}, as_json, _of_consents, language)


@import_group.command("events")
@_file_options
@click.option(
    "--source",
    metavar="NAME",
    default=events.SOURCE,
    show_default=True,
    help="The source of events they come in under; it is made where there is none.",
)
@click.pass_context
def import_events(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    source: str,
    zone: str | None,
    dry_run: bool,
    reject_file: Path | None,
    language: Literal["en", "zh"] | None,
    as_json: bool,
) -> None:
    """Bring in what customers did, as history: a table of events, or JSON Lines as Segment has them.

    Doing it again changes nothing; times stay as they are told. The exit code is 3 when some rows are left out; 1 means
    that nothing came in.
    """
    with translation.override(_language(language)), _bar() as tell:
        done = events.import_events(
            file,
            event_files.load(map_name) if map_name else None,
            at=datetime.now(UTC),
            by=_BY,
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            progress=tell,
        )
    _say(ctx, file, done, {"source": done.source}, as_json, _of_events, language)


def _ware_options(command: Callable[_P, _T]) -> Callable[_P, _T]:
    return _file_options(
        click.option("--source", metavar="NAME", help="Whose product numbers these are, instead of the mapping's.")(
            click.pass_context(command)  # type: ignore[arg-type]  # click hands the context in first
        )
    )


@import_group.command("products")
@_ware_options
def import_products(ctx: click.Context, **options: Any) -> None:
    """Bring in what is sold: products, their forms, categories. Doing it again changes nothing.

    The exit code is 3 when some rows are left out; 1 means that nothing came in.
    """
    _import_wares("products", ctx, **options)


@import_group.command("prices")
@_ware_options
@click.option("--currency", callback=_a_currency, help="The currency of prices that name none  [default: the shop's]")
def import_prices(ctx: click.Context, **options: Any) -> None:
    """Bring in prices, of stores, channels or everywhere, with their history. Doing it again changes nothing.

    A row without a start holds from now on. The exit code is 3 when some rows are left out; 1 means that nothing came
    in.
    """
    _import_wares("prices", ctx, **options)


@import_group.command("stock")
@_ware_options
def import_stock(ctx: click.Context, **options: Any) -> None:
    """Bring in how much of everything is in which store. Doing it again changes nothing.

    The exit code is 3 when some rows are left out; 1 means that nothing came in.
    """
    _import_wares("stock", ctx, **options)


@import_group.command("watch")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def watch(name: str | None, as_json: bool) -> None:
    """Look now into the watched folder NAME, or into all; done by itself every minute.

    A file counts when it is as it was at the look before, or when NAME.done stands beside it. Folders are watched by
    `regulars connection add NAME --kind folder --set folder=/srv/regulars/in`.
    """
    found = []
    for one in watching.watched() if name is None else [watching.named_so(name)]:
        files = watching.look(connection=one, at=datetime.now(UTC))
        found += [{"connection": one.name, **asdict(file)} for file in files]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for told in found:
        why = f": {told['why']}" if told["why"] else ""
        click.echo(f"{told['connection']}  {told['kind']}/{told['name']}  {told['became']}{why}")


def _import_wares(
    what: ware_files.What,
    ctx: click.Context,
    *,
    file: Path,
    map_name: str | None,
    source: str | None,
    zone: str | None,
    dry_run: bool,
    reject_file: Path | None,
    language: Literal["en", "zh"] | None,
    as_json: bool,
    currency: str | None = None,
) -> None:
    with translation.override(_language(language)), _bar() as tell:
        done = wares.import_wares(
            what,
            file,
            ware_files.load(what, map_name) if map_name else None,
            at=datetime.now(UTC),
            by=_BY,
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            currency=currency,
            progress=tell,
        )
    _say(ctx, file, done, {"rows_outdated": done.rows_outdated}, as_json, _of_wares, language)


def _say(
    ctx: click.Context,
    file: Path,
    done: _Done,
    own: dict[str, object],
    as_json: bool,
    came: Callable[[_Done], _Came],
    language: Literal["en", "zh"] | None,
) -> None:
    """Print what an import came to, in words or as JSON with what is its `own`, and end with the code that says so."""
    if as_json:
        click.echo(json.dumps(_facts(file, done) | own, ensure_ascii=False))
    else:
        with translation.override(_language(language)):
            click.echo(_told(file, done, came(done)))
    if not done.is_whole:
        ctx.exit(ROWS_LEFT_OUT)


@contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description:<17}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {stage: bar.add_task(gettext(words), total=None, visible=False) for stage, words in _WORDS.items()}

        def tell(stage: Stage, done: int, of: int | None) -> None:
            bar.update(tasks[stage], completed=done, total=of, visible=True)

        yield tell


def _facts(file: Path, done: Imported) -> dict[str, object]:
    return {
        "file": str(file),
        "run": done.run,
        "mapping": done.mapping.name,
        "source": done.mapping.source,
        "rows_read": done.rows_read,
        "rows_good": done.rows_good,
        "rows_rejected": done.rows_rejected,
        "rows_bad": done.rows_bad,
        "rows_held": done.rows_held,
        "rows_repeated": done.rows_repeated,
        "reject_file": str(done.reject_file) if done.reject_file else None,
        "recorded": done.recorded(),
        "totals": done.totals,
        "problems": done.problems.to_dicts(),
        "conflicts": done.conflicts.to_dicts(),
        "notes": list(done.notes),
        "seconds": done.seconds,
    }


def _of_orders(done: orders.Imported) -> _Came:
    settled: list[str] = []
    if done.settled:
        words = gettext(
            "First import, so this is settled by what the file tells or by guess: the shop is %(name)s, its currency"
            " %(currency)s, its zone %(zone)s, its language %(language)s, its country %(country)s. Mend what is wrong"
            " with `regulars shop settle`; `regulars shop settle --help` says how."
        )
        shop = done.settled
        settled.append("  " + words % {**{name: getattr(shop, name) for name in _OF_SHOP}, "name": repr(shop.name)})
        if shop.guessed:
            options = " ".join(f"--{name} {shlex.quote(getattr(shop, name))}" for name in shop.guessed)
            words = gettext("Nobody chose %(what)s: `regulars shop settle %(options)s` says it is so.")
            settled.append("  " + words % {"what": ", ".join(shop.guessed), "options": options})
    counted: list[str] = []
    for name, came in ((gettext("Orders"), done.orders), (gettext("Returns"), done.returns)):
        words = gettext(
            "%(what)s: %(new)s new, %(changed)s changed, %(same)s known already, %(stale)s older than what is known,"
            " %(conflicts)s in conflict."
        )
        counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same", "stale", "conflicts")}
        counted.append(words % {"what": name, **counts})
        if came.refs_in_conflict:
            refs = ", ".join(came.refs_in_conflict)
            words = gettext("On record with other content and no update time that decides, so left as it was: %(refs)s")
            counted.append("  " + words % {"refs": refs})
    twice = gettext("Orders that stand twice in the file with different content: the first is kept")
    return _Came(settled, counted, gettext("order"), twice, gettext("before"))


def _of_wares(done: wares.Imported) -> _Came:
    named = {
        "products": gettext("Products"),
        "variants": gettext("Variants"),
        "prices": gettext("Prices"),
        "stock": gettext("Stock levels"),
    }
    counted: list[str] = []
    for name, came in done.things.items():
        words = gettext(
            "%(what)s: %(new)s new, %(changed)s changed, %(same)s known already, %(stale)s older than what is known,"
            " %(conflicts)s in conflict."
        )
        counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same", "stale", "conflicts")}
        counted.append(words % {"what": named[name], **counts})
        if came.refs_in_conflict:
            refs = ", ".join(came.refs_in_conflict)
            words = gettext("On record with other content and no update time that decides, so left as it was: %(refs)s")
            counted.append("  " + words % {"refs": refs})
    twice = gettext("What stands twice in the file with different content: the newest, or the first, is kept")
    return _Came([], counted, gettext("number"), twice, gettext("where it is kept"))


def _of_customers(done: customers.Imported) -> _Came:
    came = done.customers
    words = gettext(
        "Customers: %(new)s new, %(changed)s changed, %(same)s known already, %(older)s known from later than the file"
        " tells."
    )
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same", "older")}
    counted = [words % counts]
    if came.shared:
        words = gettext("Contacts kept by which somebody else is known already: %(count)s.")
        counted.append("  " + words % {"count": f"{came.shared:,}"})
    twice = gettext("Customers that stand twice in the file with different content: the newest, or the first, is kept")
    return _Came([], counted, gettext("customer"), twice, gettext("where it is kept"))


def _of_consents(done: consents.Imported) -> _Came:
    came = done.answers
    words = gettext("Answers: %(given)s yes, %(withdrawn)s no, %(same)s known already.")
    counted = [words % {name: f"{getattr(came, name):,}" for name in ("given", "withdrawn", "same")}]
    if came.kept:
        waits = gettext("Nos kept for whoever comes with an address that nobody has yet: %(kept)s.")
        counted.append(waits % {"kept": f"{came.kept:,}"})
    twice = gettext("Answers that stand twice in the file with different content: the first is kept")
    return _Came([], counted, gettext("answer"), twice, gettext("before"))


def _of_events(done: events.Imported) -> _Came:
    came = done.events
    words = gettext(
        "Events under %(source)s: %(new)s new, %(same)s known already or twice in the file, %(conflicts)s in conflict."
    )
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "same", "conflicts")}
    counted = [words % {"source": repr(done.source), **counts}]
    twice = gettext("Messages under an id that is taken by another: the first is kept")
    return _Came([], counted, gettext("message"), twice, gettext("before"))


def _told(file: Path, done: Imported, came: _Came) -> str:
    words = gettext("%(file)s: %(read)s rows read, %(good)s good, in %(seconds)s s.")
    rows = {"read": f"{done.rows_read:,}", "good": f"{done.rows_good:,}", "seconds": f"{done.seconds:.1f}"}
    said = [words % {"file": file.name, **rows}]
    said += [f"  {note}" for note in done.notes]
    said += came.settled
    if done.run is None:
        said.append(gettext("Nothing is recorded: this was a dry run."))
    else:
        said += came.counted
    said += ["", gettext("Control totals")]
    said += [f"  {_padded(_label(name))} {_value(value)}" for name, value in done.totals.items()]
    if not done.problems.is_empty():
        words = gettext("Problems (rows: %(bad)s; %(held)s more wait with them or stand twice)")
        said += ["", words % {"bad": f"{done.rows_bad:,}", "held": f"{done.rows_held:,}"}]
        said += [
            f"  {file.name}:{line}: {sentence}; {mend}"
            for _row, line, sentence, mend in checking.told(done.problems).iter_rows()
        ]
    if not done.conflicts.is_empty():
        words = gettext("%(what)s %(ref)s: %(column)s %(here)s here, %(kept)s %(where)s")
        said += ["", came.twice]
        said += [
            f"  {file.name}:{row['line_in_file']}: "
            + words
            % {
                "what": came.what,
                "ref": row["ref"],
                "column": row["column"],
                "here": _shown(row["left_out"]),
                "kept": _shown(row["kept"]),
                "where": came.where,
            }
            for row in done.conflicts.iter_rows(named=True)
        ]
    count = {"rows": f"{done.rows_rejected:,}", "file": str(done.reject_file)}
    if done.reject_file:
        words = ngettext(
            "%(rows)s row is in %(file)s: mend there, and import that file.",
            "%(rows)s rows are in %(file)s: mend there, and import that file.",
            done.rows_rejected,
        )
        said += ["", words % count]
    elif done.rows_rejected:
        words = ngettext(
            "%(rows)s row would be left out; --reject-file FILE writes down which.",
            "%(rows)s rows would be left out; --reject-file FILE writes down which.",
            done.rows_rejected,
        )
        said += ["", words % count]
    return "\n".join(said)


@without_database
@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "map_name",
    metavar="NAME|FILE",
    help="A mapping that comes with Regulars, or your own .yaml file  [default: one that fits, or a guess]",
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="The page  [default: FILE.report.html]"
)
@click.option(
    "--language",
    "--lang",
    type=click.Choice(["en", "zh"]),
    help="The page's  [default: zh where the file's columns are Chinese, else your locale's, else en]",
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Look from this day  [default: the last purchase's]")
@click.option("--zone", callback=_a_zone, help="The time zone of the file's clock times, instead of the mapping's.")
@click.option(
    "--currency",
    callback=_a_currency,
    help="The shop's currency, also of amounts that name none, instead of the mapping's.",
)
@click.option("--sheet", metavar="NAME", help="The workbook's sheet to read  [default: the first whose header fits]")
@click.option("--json", "as_json", is_flag=True, help="Print what is on the page as JSON.")
@click.pass_context
def report(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    out: Path | None,
    language: Literal["en", "zh"] | None,
    as_of: datetime | None,
    zone: str | None,
    currency: str | None,
    sheet: str | None,
    as_json: bool,
) -> None:
    """Turn an order file into one page: who the regulars are, who is slipping away.

    No server, no database; nothing leaves this machine. The numbers are those an import and a refresh would give.
    What the file does not say and was assumed stands on top of the page and on stderr. The exit code is 1 when no
    purchase was found in the file; the page then says why.
    """
    page = out or file.with_name(f"{rejects.stem(file)}.report.html")
    if page.resolve() == file.resolve():
        raise rejects.OntoItself(
            gettext("out: %(file)s is the file that is read; choose another name") % {"file": page.name},
            field="out",
            value=page.name,
        )
    disk.make_way(page)
    readers: Literal["en", "zh"] = "zh" if _locale().startswith("zh") else "en"
    # Why a file is refused, before anything is known of its own language.
    with translation.override(report_page.DJANGO_CODES[language or readers]), _bar() as tell:
        made = report_page.make(
            file,
            mapping.load(map_name) if map_name else None,
            language=language,
            readers=readers,
            now=datetime.now(UTC),
            as_of=None if as_of is None else as_of.date(),
            zone=zone,
            currency=currency,
            sheet=sheet,
            progress=tell,
        )
    page.write_text(made.html, encoding="utf-8")
    for sentence in made.to_mind:
        click.echo(sentence, err=True)
    if as_json:
        click.echo(json.dumps({"page": str(page), **made.facts()}, ensure_ascii=False, indent=1))
    else:
        for sentence in made.headline:
            click.echo(sentence)
        if made.rejected:
            with translation.override(report_page.DJANGO_CODES[made.language]):
                words = gettext(
                    "Rows left out: %(rows)s; `regulars import orders %(file)s --dry-run` says which and why."
                )
            click.echo(words % {"rows": f"{made.rejected:,}", "file": file})
        click.echo(f"→ {page}")
    if not made.is_usable:
        ctx.exit(NOTHING_CAME)


def _locale() -> str:
    """The reader's, by the names POSIX gives it, the strongest first."""
    return next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")


def _language(told: Literal["en", "zh"] | None) -> str:
    """What to speak, as Django names it: as told, as the reader's locale says, else as the shop's people read."""
    if told is not None:
        return report_page.DJANGO_CODES[told]
    locale = _locale().partition(".")[0]
    if locale not in ("", "C", "POSIX"):
        return report_page.DJANGO_CODES["zh" if locale.startswith("zh") else "en"]
    shop = company.shop()
    return "en" if "language" in shop.guessed else shop.language


def _label(name: str) -> str:
    return gettext(_TOTALS[name]) if name in _TOTALS else name.replace("_", " ").capitalize()


def _padded(text: str) -> str:
    """To one width in a terminal, where a Chinese character is as wide as two others."""
    return text + " " * (_LABEL_WIDTH - cell_len(text))


def _shown(value: str | None) -> str:
    return gettext("(nothing)") if value is None else repr(value)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{currency} {amount}" for currency, amount in value.items()) or "0"
    return f"{value:,}" if isinstance(value, int) else str(value)


COMMANDS: tuple[click.Command, ...] = (import_group, report)
