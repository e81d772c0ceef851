"""`regulars simulate`: a shop with known truth, as an order file. `regulars live`: its shoppers go on buying."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import polars as pl
from django.conf import settings
from django.db import connections

from regulars.facts.commerce import orders, stock, variants
from regulars.facts.commerce.orders import OrderReport
from regulars.facts.company import defaults, stores
from regulars.facts.events import intake, messages
from regulars.facts.events.messages import Body, Envelope, Sender
from regulars.facts.sources.sources import Source
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.runtime.database.needs import without_database
from regulars.runtime.secrets import lookup
from regulars.runtime.serving.parents import end_with_supervisor
from regulars.simulator import demo, files, homes, living, shelves, visits, world
from regulars.simulator.chance import Chance
from regulars.simulator.process import Process
from regulars.simulator.visits import Visit

#: By whom the shop's own systems tell of what is sold.
BY = Actor("system", "demo")


@without_database
@click.command()
@click.option(
    "--shoppers", type=click.IntRange(1, 2_000_000), default=3_000, show_default=True, help="How many people."
)
@click.option("--years", type=click.FloatRange(0.01, 20), default=2.0, show_default=True, help="Length of the window.")
@click.option("--seed", default="regulars", show_default=True, help="Any word: the same one makes the same shop.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The day after the last one  [default: today in --zone]"
)
@click.option("--zone", default=defaults.ZONE, show_default=True, help="The shop's time zone.")
@click.option("--process", type=click.Choice(["pareto_nbd", "bg_nbd"]), default="pareto_nbd", show_default=True)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="FILE.csv or FILE.parquet."
)
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write the truth, one row a shopper, here."
)
@click.option(
    "--customers",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write who they are, all made up, here: for `regulars import customers`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def simulate(
    shoppers: int,
    years: float,
    seed: str,
    until: datetime | None,
    zone: str,
    process: str,
    out: Path,
    truth: Path | None,
    customers: Path | None,
    as_json: bool,
) -> None:
    """Make an order file of simulated shoppers.

    Everybody's rate of buying and moment of leaving are known: --truth keeps them, for exams. The file is in the import
    door's own format: `regulars import orders FILE`. The same options make the same bytes on every machine.
    """
    try:
        for wanted in (out, truth, customers):
            if wanted:
                files.check_place(wanted)
        local = civil.zone(zone)
        plan = world.Plan(
            shoppers=shoppers,
            until=until.date() if until else civil.day_of(datetime.now(UTC), local),
            years=years,
            seed=seed,
            zone=local,
            process=Process(kind="bg_nbd" if process == "bg_nbd" else "pareto_nbd"),
        )
        made = world.make(plan)
        frame = files.order_frame(made)
        files.write(frame, out)
        if truth:
            files.write(files.truth_frame(made), truth)
        if customers:
            files.write(files.customer_frame(made), customers)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    facts = _facts(made, frame, out)
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else _told(facts))


def _facts(made: world.World, frame: pl.DataFrame, out: Path) -> dict[str, object]:
    amount = (pl.col("quantity") * pl.col("unit_price") - pl.col("discount")).sum()
    sales, returns = frame.filter(kind="sale"), frame.filter(kind="return")
    return {
        "file": str(out),
        "from": made.plan.start.isoformat(),
        "until": made.plan.until.isoformat(),
        "shoppers": made.plan.shoppers,
        "alive_at_the_end": int((made.shoppers.gone_on < 0).sum()),
        "bought_more_than_once": int((made.shoppers.orders > 1).sum()),
        "orders": int(made.orders.at.size),
        "lines": sales.height,
        "sales": str(sales.select(amount).item()),
        "return_lines": returns.height,
        "returned": str(returns.select(amount).item()),
        "currency": made.plan.currency,
    }


def _told(facts: dict[str, object]) -> str:
    return (
        "{file}: {shoppers} shoppers from {from} until {until}, {bought_more_than_once} of them bought more than once, "
        "{alive_at_the_end} are still with us.\n{orders} orders with {lines} lines, {sales} {currency}; "
        "{return_lines} lines came back, {returned} {currency}."
    ).format(**facts)


@click.command()
@click.option(
    "--every", type=click.FloatRange(0.05), default=15.0, show_default=True, help="Seconds between two orders."
)
@click.option("--orders", "most", type=click.IntRange(1), help="Stop after so many  [default: go on until stopped]")
def live(every: float, most: int | None) -> None:
    """Let the demo shop's shoppers go on: live visits and orders, as the shop's own systems would report them."""
    end_with_supervisor()
    shop = homes.shop_of(Path(settings.REGULARS_HOME))
    if shop is None or not shop.is_furnished:
        raise click.ClickException("There is no demo shop in this REGULARS_HOME; `regulars demo` makes one.")
    made = world.make(demo.plan(shop))
    regulars = living.Regulars.of(made)
    pages = _pages(demo.site(made.plan))
    pause = Chance(f"{shop.seed}\0{time.time_ns()}").stream("pause")
    came = 0
    while most is None or came < most:
        time.sleep(every * float(pause.exponential(1)[0]))
        now = datetime.now(UTC)
        _tell(visits.looking_around(world=made, regulars=regulars, at=now), pages, now)
        report = living.next_order(world=made, regulars=regulars, namespace=demo.NAMESPACE, at=now)
        if report.store is None and report.customer_ref is not None:
            wares = [line.product_ref for line in report.lines]
            _tell(visits.before_order(customer_ref=report.customer_ref, products=wares, at=now), pages, now)
        order = orders.record(report=report, at=now, by=BY)
        _count_shelves(report, now)
        # A database that was restarted between two orders is none of the shoppers' business.
        connections.close_all()
        came += 1
        where = report.store or report.channel
        click.echo(f"{report.customer_ref} bought for {Money(order.total_minor, order.currency).decimal} ({where})")


def _pages(source: Source) -> Sender:
    return Sender(source.id, source.namespace, civil.zone(source.zone), keyed=lookup.key_of("events"))


def _tell(visit: Visit, pages: Sender, at: datetime) -> None:
    """Send what a browser would."""
    body = Body([json.dumps(message, ensure_ascii=False).encode() for message in visits.told(visit)])
    told = messages.read_many(body, envelope=Envelope({}, None, at), sender=pages)
    intake.take_many(told=told, received_at=at)


def _count_shelves(report: OrderReport, at: datetime) -> None:
    """Tell what is left of what was bought in a store, as its till would."""
    if report.store is None:
        return
    forms = variants.find_many(namespace=report.namespace, refs=[line.product_ref for line in report.lines])
    store = stores.by_code(report.store).id
    levels = stock.levels_of([number for number, _ in forms.values()], at=at)
    on_hand = {
        ref: level.on_hand for ref, (number, _) in forms.items() for level in levels[number] if level.store == store
    }
    for told in shelves.left(report, on_hand):
        stock.record(report=told, at=at, by=BY)


COMMANDS: tuple[click.Command, ...] = (simulate, live)
