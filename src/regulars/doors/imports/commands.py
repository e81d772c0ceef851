"""`regulars import`: files in. `regulars report`: a page from a file, without taking it in."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import click
from django.utils import translation
from django.utils.translation import gettext, gettext_noop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from regulars.doors.imports import (
    consent_files,
    consents,
    cost_files,
    costs,
    customer_files,
    customers,
    event_mapping,
    events,
    mapping,
    orders,
    point_files,
    point_history_files,
    points,
    rejects,
    telling,
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
from regulars.runtime.database import clock
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
_BY = Actor("import", "command line")
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Done = TypeVar("_Done", bound=Imported)


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
    """Bring orders, customers, products, prices, stock, consents, points, costs and events in from files.

    CSV, Excel, Parquet; events also as JSON Lines.
    """


@dataclass(frozen=True)
class Asked:
    """What every import is asked, whatever it brings in."""

    file: Path
    map_name: str | None
    zone: str | None
    dry_run: bool
    reject_file: Path | None
    language: Literal["en", "zh"] | None
    as_json: bool

    def by_map(self, load: Callable[[str], _T]) -> _T | None:
        """The mapping that was named; None: one that fits is looked for."""
        return load(self.map_name) if self.map_name else None

    @contextmanager
    def told_on(self) -> Iterator[Tell]:
        """In the reader's language, with what tells how far it is."""
        with translation.override(_language(self.language)), _bar() as tell:
            yield tell


def _file_options(command: Callable[Concatenate[Asked, _P], None]) -> Callable[..., None]:
    """What every kind of import asks, but for its own options: it comes in as `Asked`."""

    @wraps(command)
    def asking(**told: Any) -> None:
        asked = Asked(**{one.name: told.pop(one.name) for one in fields(Asked)})
        command(asked, **told)  # type: ignore[call-arg]  # click tells what it was asked by name

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
        option(asking)
    return asking


@import_group.command("orders")
@_file_options
@click.option("--source", metavar="NAME", help="The system the file comes from, instead of the mapping's.")
@click.option(
    "--currency", callback=_a_currency, help="The currency of amounts that name none, instead of the mapping's."
)
@click.option("--sheet", metavar="NAME", help="The workbook's sheet to read  [default: the first whose header fits]")
def import_orders(
    asked: Asked,
    source: str | None,
    currency: str | None,
    sheet: str | None,
) -> None:
    """Bring orders, returns and adjustments in as history. Doing it again changes nothing.

    Rows that cannot come in are written to a reject file, each with its problem and mend; mend them there and import
    that file. The exit code is then 3; 1 means that nothing came in.
    """
    with asked.told_on() as tell:
        done = orders.import_orders(
            asked.file,
            asked.by_map(mapping.load),
            at=clock.now(),
            by=_BY,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            currency=currency,
            sheet=sheet,
            progress=tell,
        )
    settled = None
    if done.settled is not None:
        names = ("name", "currency", "zone", "language", "country", "guessed", "is_settled")
        settled = {name: getattr(done.settled, name) for name in names}
    _say(asked, done, {"rows_outdated": done.rows_outdated, "shop_settled": settled}, telling.of_orders)


@import_group.command("customers")
@_file_options
@click.option("--source", metavar="NAME", help="Whose customer numbers these are, instead of the mapping's.")
def import_customers(
    asked: Asked,
    source: str | None,
) -> None:
    """Bring in who the customers are. Doing it again changes nothing; a newer file changes what it tells anew.

    Everything personal is sealed, and shown nowhere but in the reject file, where it stood in yours. The exit code is
    3 when some rows are left out; 1 means that nothing came in.
    """
    with asked.told_on() as tell:
        done = customers.import_customers(
            asked.file,
            asked.by_map(customer_files.load),
            at=clock.now(),
            by=_BY,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            progress=tell,
        )
    _say(asked, done, {"rows_outdated": done.rows_outdated}, telling.of_customers)


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
def import_consents(
    asked: Asked,
    source: str | None,
    purpose: str | None,
    channel: str | None,
    decision: str | None,
) -> None:
    """Bring in who agreed and who refused, by customer number, e-mail address or phone number. It counts at once.

    Doing it again changes nothing. A yes needs the time it was given. The exit code is 3 when some rows are left out;
    1 means that nothing came in.
    """
    options = {"purpose": purpose, "channel": channel, "decision": decision}
    with asked.told_on() as tell:
        done = consents.import_consents(
            asked.file,
            asked.by_map(consent_files.load),
            at=clock.now(),
            by=_BY,
            told={name: value for name, value in options.items() if value is not None},
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            progress=tell,
        )
    _say(asked, done, {}, telling.of_consents)


@import_group.command("points")
@_file_options
@click.option(
    "--source",
    metavar="NAME",
    help="Whose customer numbers these are: the source the customers came from  [default: the mapping's, else orders]",
)
@click.option("--kind", default="points", metavar="CODE", help="The kind of points.  [default: points]")
@click.option(
    "--history",
    "is_history",
    is_flag=True,
    help="The file is the other system's list of what was earned and spent there. To be read; it moves no points.",
)
def import_points(
    asked: Asked,
    source: str | None,
    kind: str,
    is_history: bool,
) -> None:
    """Bring in the points members have in another system, each part with its last day; with --history what became of
    points there.

    Doing it again changes nothing, and nobody is greeted. The exit code is 3 when some rows are left out; 1 means that
    nothing came in.
    """
    with asked.told_on() as tell:
        done = points.import_points(
            asked.file,
            asked.by_map(point_history_files.load if is_history else point_files.load),
            is_history=is_history,
            at=clock.now(),
            by=_BY,
            currency=kind,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            progress=tell,
        )
    _say(asked, done, {}, telling.of_points)


@import_group.command("events")
@_file_options
@click.option(
    "--source",
    metavar="NAME",
    default=events.SOURCE,
    show_default=True,
    help="The source of events they come in under; it is made where there is none.",
)
def import_events(
    asked: Asked,
    source: str,
) -> None:
    """Bring in what customers did, as history: a table of events, or JSON Lines as Segment has them.

    Doing it again changes nothing; times stay as they are told. The exit code is 3 when some rows are left out; 1 means
    that nothing came in.
    """
    with asked.told_on() as tell:
        done = events.import_events(
            asked.file,
            asked.by_map(event_mapping.load),
            at=clock.now(),
            by=_BY,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            progress=tell,
        )
    _say(asked, done, {"source": done.source}, telling.of_events)


def _ware_options(command: Callable[Concatenate[Asked, _P], None]) -> Callable[..., None]:
    return _file_options(
        click.option("--source", metavar="NAME", help="Whose product numbers these are, instead of the mapping's.")(
            command
        )
    )


@import_group.command("products")
@_ware_options
def import_products(asked: Asked, source: str | None) -> None:
    """Bring in what is sold: products, their forms, categories. Doing it again changes nothing.

    The exit code is 3 when some rows are left out; 1 means that nothing came in.
    """
    _import_wares("products", asked, source)


@import_group.command("prices")
@_ware_options
@click.option("--currency", callback=_a_currency, help="The currency of prices that name none  [default: the shop's]")
def import_prices(asked: Asked, source: str | None, currency: str | None) -> None:
    """Bring in prices, of stores, channels or everywhere, with their history. Doing it again changes nothing.

    A row without a start holds from now on. The exit code is 3 when some rows are left out; 1 means that nothing came
    in.
    """
    _import_wares("prices", asked, source, currency)


@import_group.command("stock")
@_ware_options
def import_stock(asked: Asked, source: str | None) -> None:
    """Bring in how much of everything is in which store. Doing it again changes nothing.

    The exit code is 3 when some rows are left out; 1 means that nothing came in.
    """
    _import_wares("stock", asked, source)


@import_group.command("costs")
@_file_options
@click.option("--currency", callback=_a_currency, help="The currency of amounts with a sign: the shop's, or none.")
def import_costs(
    asked: Asked,
    currency: str | None,
) -> None:
    """Bring in what was spent to win customers, by month and channel, for their payback.

    Rows of one month and channel are added up, and count instead of what was told of it before. The exit code is 3
    when some rows are left out; 1 means that nothing came in.
    """
    with asked.told_on() as tell:
        done = costs.import_costs(
            asked.file,
            asked.by_map(cost_files.load),
            at=clock.now(),
            by=_BY,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            zone=asked.zone,
            currency=currency,
            progress=tell,
        )
    _say(asked, done, {}, telling.of_costs)


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
        files = watching.look(connection=one, at=clock.now())
        found += [{"connection": one.name, **asdict(file)} for file in files]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for told in found:
        why = f": {told['why']}" if told["why"] else ""
        click.echo(f"{told['connection']}  {told['kind']}/{told['name']}  {told['became']}{why}")


def _import_wares(what: ware_files.What, asked: Asked, source: str | None, currency: str | None = None) -> None:
    with asked.told_on() as tell:
        done = wares.import_wares(
            what,
            asked.file,
            asked.by_map(partial(ware_files.load, what)),
            at=clock.now(),
            by=_BY,
            dry_run=asked.dry_run,
            reject_file=asked.reject_file,
            source=source,
            zone=asked.zone,
            currency=currency,
            progress=tell,
        )
    _say(asked, done, {"rows_outdated": done.rows_outdated}, telling.of_wares)


def _say(asked: Asked, done: _Done, own: dict[str, object], came: Callable[[_Done], telling.Came]) -> None:
    """Print what an import came to, in words or as JSON with what is its `own`, and end with the code that says so."""
    if asked.as_json:
        click.echo(json.dumps(telling.facts(asked.file, done) | own, ensure_ascii=False))
    else:
        with translation.override(_language(asked.language)):
            click.echo(telling.told(asked.file, done, came(done)))
    if not done.is_whole:
        click.get_current_context().exit(ROWS_LEFT_OUT)


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


COMMANDS: tuple[click.Command, ...] = (import_group, report)
