"""`regulars import`: files in. `regulars report`: a page from a file, without taking it in."""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from django.utils import translation
from django.utils.translation import gettext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from regulars.doors.imports import checking, mapping, orders, rejects
from regulars.doors.imports import report as report_page
from regulars.doors.imports.walking import Progress as Tell
from regulars.doors.imports.walking import Stage
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
    "looking": "Looking",
    "reading": "Reading rows",
    "recording": "Recording",
    "matching": "Matching returns",
}


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
    """Bring orders in from files: CSV, Excel, Parquet."""


@import_group.command("orders")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "map_name",
    metavar="NAME|FILE",
    help="A mapping that comes with Regulars, or your own .yaml file  [default: one that fits, or a guess]",
)
@click.option("--source", metavar="NAME", help="The system the file comes from, instead of the mapping's.")
@click.option("--zone", callback=_a_zone, help="The time zone of the file's clock times, instead of the mapping's.")
@click.option(
    "--currency", callback=_a_currency, help="The currency of amounts that name none, instead of the mapping's."
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, record nothing.")
@click.option(
    "--reject-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where rows that cannot come in are written  [default: beside FILE, nowhere in a dry run]",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
@click.pass_context
def import_orders(
    ctx: click.Context,
    file: Path,
    map_name: str | None,
    source: str | None,
    zone: str | None,
    currency: str | None,
    dry_run: bool,
    reject_file: Path | None,
    as_json: bool,
) -> None:
    """Bring orders, returns and adjustments in as history. Doing it again changes nothing.

    Rows that cannot come in are written to a reject file, each with its problem and mend; mend them there and import
    that file. The exit code is then 3; 1 means that nothing came in.
    """
    with _bar() as tell:
        done = orders.import_orders(
            file,
            mapping.load(map_name) if map_name else None,
            at=datetime.now(UTC),
            by=Actor("import", "command line"),
            dry_run=dry_run,
            reject_file=reject_file,
            source=source,
            zone=zone,
            currency=currency,
            progress=tell,
        )
    facts = _facts(file, done)
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else _told(file, done))
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
        tasks = {stage: bar.add_task(words, total=None, visible=False) for stage, words in _WORDS.items()}

        def tell(stage: Stage, done: int, of: int | None) -> None:
            bar.update(tasks[stage], completed=done, total=of, visible=True)

        yield tell


def _facts(file: Path, done: orders.Imported) -> dict[str, object]:
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
        "rows_outdated": done.rows_outdated,
        "rows_repeated": done.rows_repeated,
        "reject_file": str(done.reject_file) if done.reject_file else None,
        "recorded": {"orders": done.orders.facts(), "returns": done.returns.facts()},
        "totals": done.totals,
        "problems": done.problems.to_dicts(),
        "conflicts": done.conflicts.to_dicts(),
        "notes": list(done.notes),
        "shop_settled": None
        if done.settled is None
        else {
            name: getattr(done.settled, name)
            for name in ("name", "currency", "zone", "language", "country", "guessed", "is_settled")
        },
        "seconds": done.seconds,
    }


def _told(file: Path, done: orders.Imported) -> str:
    said = [f"{file.name}: {done.rows_read:,} rows read, {done.rows_good:,} good, in {done.seconds:.1f} s."]
    said += [f"  {note}" for note in done.notes]
    if done.settled:
        said.append(
            f"  First import, so this is settled by what the file tells or by guess: the shop is {done.settled.name!r},"
            f" its currency {done.settled.currency}, its zone {done.settled.zone}, its language"
            f" {done.settled.language}, its country {done.settled.country}. Mend what is wrong with"
            " `regulars shop settle`; `regulars shop settle --help` says how."
        )
        if done.settled.guessed:
            options = " ".join(f"--{name} {shlex.quote(getattr(done.settled, name))}" for name in done.settled.guessed)
            said.append(
                f"  Nobody chose {', '.join(done.settled.guessed)}: `regulars shop settle {options}` says it is so."
            )
    if done.run is None:
        said.append("Nothing is recorded: this was a dry run.")
    else:
        for name, came in (("Orders", done.orders), ("Returns", done.returns)):
            counts = f"{came.new:,} new, {came.changed:,} changed, {came.same:,} known already"
            said.append(f"{name}: {counts}, {came.stale:,} older than what is known, {came.conflicts:,} in conflict.")
            if came.refs_in_conflict:
                refs = ", ".join(came.refs_in_conflict)
                said.append(
                    f"  On record with other content and no update time that decides, so left as it was: {refs}"
                )
    said += ["", "Control totals"]
    said += [f"  {_label(name):<26} {_value(value)}" for name, value in done.totals.items()]
    if not done.problems.is_empty():
        said += ["", f"Problems (rows: {done.rows_bad:,}; {done.rows_held:,} more wait with them or stand twice)"]
        said += [
            f"  {file.name}:{line}: {sentence}; {mend}"
            for line, sentence, mend in done.problems.select(
                "line_in_file", checking.sentence().alias("sentence"), "mend"
            ).iter_rows()
        ]
    if not done.conflicts.is_empty():
        said += ["", "Orders that stand twice in the file with different content: the first is kept"]
        said += [
            f"  {file.name}:{row['line_in_file']}: order {row['ref']}: {row['column']} {_shown(row['left_out'])} here,"
            f" {_shown(row['kept'])} before"
            for row in done.conflicts.iter_rows(named=True)
        ]
    if done.reject_file:
        said += ["", f"{done.rows_rejected:,} rows are in {done.reject_file}: mend them there and import that file."]
    elif done.rows_rejected:
        said += ["", f"{done.rows_rejected:,} rows would be left out; --reject-file FILE writes them down."]
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
    as_json: bool,
) -> None:
    """Turn an order file into one page: who the regulars are, who is slipping away.

    No server, no database; nothing leaves this machine. The numbers are those an import and a refresh would give.
    What the file does not say and was assumed stands on top of the page and on stderr. The exit code is 1 when no
    purchase was found in the file; the page then says why.
    """
    page = out or file.with_name(f"{rejects.stem(file)}.report.html")
    disk.make_way(page)
    with _bar() as tell:
        made = report_page.make(
            file,
            mapping.load(map_name) if map_name else None,
            language=language,
            readers="zh" if _locale().startswith("zh") else "en",
            now=datetime.now(UTC),
            as_of=None if as_of is None else as_of.date(),
            zone=zone,
            currency=currency,
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


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: str | None) -> str:
    return "(nothing)" if value is None else repr(value)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{currency} {amount}" for currency, amount in value.items()) or "0"
    return f"{value:,}" if isinstance(value, int) else str(value)


COMMANDS: tuple[click.Command, ...] = (import_group, report)
