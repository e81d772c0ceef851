"""`regulars shop`: whose house this is, shown and said."""

import json
from dataclasses import asdict

import click

from regulars.facts.company import company
from regulars.kit import languages
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock


@click.group("shop")
def shop() -> None:
    """Whose house this is: name, currency, time zone, language, country."""


@shop.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(as_json: bool) -> None:
    """Print what is settled, or the defaults of a house nobody has named yet."""
    _tell(company.shop(), as_json=as_json)


@shop.command("settle")
@click.option("--name", help="What customers call the shop.")
@click.option("--currency", help="What its totals are in, such as CNY or GBP.")
@click.option("--zone", help="Whose days count, such as Asia/Shanghai or Europe/London.")
@click.option("--language", type=click.Choice(languages.CODES), help="What its people read.")
@click.option("--country", help="Where it is: two capital letters, such as CN or GB.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def settle(
    name: str | None,
    currency: str | None,
    zone: str | None,
    language: str | None,
    country: str | None,
    as_json: bool,
) -> None:
    """Say whose house this is; what is not given stays. Doing it again changes nothing.

    Days of orders already recorded stay those of the zone they were recorded with.
    """
    before = company.shop()
    chosen = {"name": name, "currency": currency, "zone": zone, "language": language, "country": country}
    after = company.settle(
        name=before.name if name is None else name,
        currency=before.currency if currency is None else currency,
        zone=before.zone if zone is None else zone,
        language=before.language if language is None else language,
        country=before.country if country is None else country,
        at=clock.now(),
        by=SYSTEM,
        guessed=[field for field in before.guessed if chosen[field] is None],
    )
    _tell(after, as_json=as_json)


def _tell(told: company.Shop, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(told), "is_settled": told.is_settled}, ensure_ascii=False))
        return
    for name in ("name", "currency", "zone", "language", "country"):
        click.echo(f"{name:<9} {getattr(told, name) or '-'}")
    if not told.name:
        click.echo("Nobody has said so yet: these are defaults. `regulars shop settle --name …` says it.")
    elif not told.is_settled:
        first = told.guessed[0]
        click.echo(
            f"Guessed, nobody has said so: {', '.join(told.guessed)}. `regulars shop settle --{first} …` says it."
        )


COMMANDS: tuple[click.Command, ...] = (shop,)
