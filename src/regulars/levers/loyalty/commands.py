"""`regulars programme …` and `regulars points backfill`."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.kit.money import Money
from regulars.levers.loyalty import (
    backfilling,
    catalogues,
    pictures,
    pledges,
    policies,
    programme_files,
    programmes,
    regrants,
    requalifying,
    tier_history,
    trying,
)
from regulars.levers.loyalty.catalogues import Brought
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.programmes import VersionView
from regulars.levers.loyalty.regrants import Preview, RegrantView
from regulars.levers.loyalty.rules.rule import points_text
from regulars.levers.loyalty.tier_flow import BenefitCost
from regulars.levers.loyalty.tier_history import Quarter
from regulars.levers.loyalty.trying import Trial
from regulars.runtime.database import clock

_YEAR = timedelta(days=365)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.group("programme")
def programme() -> None:
    """Programmes of points: files with versions, tried on real history before they are activated."""


@programme.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """The programmes there are, and those that come with Regulars."""
    now = clock.now()
    there = programmes.every(at=now)
    if as_json:
        _print(
            {
                "programmes": [vars(one) | {"to_come": _to_come(one.code, now)} for one in there],
                "ready": programme_files.ready(),
            }
        )
        return
    for one in there:
        state = "not active" if one.active is None else f"version {one.active} since {one.since:%Y-%m-%d %H:%M} UTC"
        versions = "1 version" if one.latest == 1 else f"{one.latest} versions"
        later = "".join(
            f", version {turn['version']} from {turn['from']:%Y-%m-%d %H:%M} UTC" for turn in _to_come(one.code, now)
        )
        click.echo(f"{one.code}: {state}{later}; {versions}")
    click.echo(f"Come with Regulars: {', '.join(programme_files.ready())}")


@programme.command("show")
@click.argument("name")
@click.option("--version", type=int, help="Which version  [default: the latest]")
@_JSON
def show(name: str, version: int | None, as_json: bool) -> None:
    """What a version of a programme says; also of one that comes with Regulars."""
    if version is None and name not in {one.code for one in programmes.every(at=clock.now())}:
        text = programme_files.text_of(name)
        _print({"text": text}) if as_json else click.echo(text)
        return
    found = programmes.latest(name) if version is None else programmes.get(name, version)
    if as_json:
        _print(vars(found))
        return
    approved = f"approved by {found.approved_by}" if found.approved_by else "not approved"
    click.echo(f"# version {found.number}, drafted by {found.drafted_by} on {found.drafted_at:%Y-%m-%d}, {approved}")
    click.echo(found.text)


@programme.command("validate")
@click.argument("file")
@_JSON
def validate(file: str, as_json: bool) -> None:
    """Check a programme's file against this shop. Nothing is kept."""
    found = programmes.validate(programme_files.text_of(file))
    unreviewed = [name for name in found.policies if not policies.pack(name).is_reviewed]
    brought = catalogues.differences(found)
    if as_json:
        told = {"programme": found.code, "rules": [rule.id for rule in found.rules], "unreviewed": unreviewed}
        also = {
            "tiers": [one.id for one in found.tiers],
            "benefits": [one.id for one in found.benefits],
            "missions": [one.id for one in found.missions],
            "badges": [one.id for one in found.badges],
            "plans": [one.id for one in found.plans],
        }
        _print(told | also | {"rewards": [vars(one) for one in brought]})
        return
    click.echo(f"{found.code}: {len(found.rules)} rules, points lapse: {_lapse(found)}. It can be installed.")
    click.echo(
        f"Sets of tiers: {len(found.tiers)}. Benefits: {len(found.benefits)}. Missions: {len(found.missions)}."
        f" Rewards: {len(found.rewards)}. Paid plans: {len(found.plans)}."
    )
    _tell_brought(brought)
    for name in unreviewed:
        click.echo(f"The pack {name} is an engineer's reading: no counsel has reviewed it.")


@programme.command("picture")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
def picture(name: str, file: Path, as_json: bool) -> None:
    """Keep a picture (PNG, JPEG or WebP) under a name, as `image` of a level in a programme's file calls it."""
    made = pictures.keep(name=name, body=file.read_bytes(), at=clock.now(), by=SHELL)
    if as_json:
        _print(made)
        return
    click.echo(f"{made.name}: a {made.kind} of {made.bytes:,} bytes, at /pictures/{made.digest}.")


@programme.command("diff")
@click.argument("name")
@click.argument("file", required=False)
@click.option("--version", type=int, help="Against which version  [default: the latest]")
@_JSON
def diff(name: str, file: str | None, version: int | None, as_json: bool) -> None:
    """What differs between a version of a programme and a file, or between its two latest versions."""
    before = newest = programmes.latest(name)
    if version is not None:
        before = programmes.get(name, version)
    elif not file and newest.number > 1:
        before = programmes.get(name, newest.number - 1)
    after = programme_files.text_of(file) if file else newest.text
    changes = programmes.diff(before.text, after)
    if as_json:
        _print([vars(one) for one in changes])
        return
    for one in changes:
        click.echo(f"{one.place}: {one.before or '(nothing)'} -> {one.after or '(nothing)'}")
    if not changes:
        click.echo("Nothing differs.")


@programme.command("simulate")
@click.argument("file")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day  [default: all of history]")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day that is left out")
@_JSON
def simulate(file: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Try a programme's file, or one that is installed, on the orders and events there are: who would get what, and
    what it costs.

    Writes nothing. What people would have done otherwise because of it, it does not say.
    """
    known = {one.code for one in programmes.every(at=clock.now())}
    text = programmes.latest(file).text if file in known else programme_files.text_of(file)
    found = programmes.validate(text)
    zone = civil.zone(found.zone)
    trial = trying.simulate(
        found,
        since=since and civil.start_of_day(since.date(), zone),
        until=until and civil.start_of_day(until.date(), zone),
        progress=_tried_so_far,
    )
    if as_json:
        _print(_plain(trial))
        return
    _tell(trial, found.currency.scale)


@programme.command("flow")
@click.argument("file")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="A day in the first quarter.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day that is left out.")
@_JSON
def flow(file: str, since: datetime, until: datetime, as_json: bool) -> None:
    """Who moved between the levels of a programme's file, or of one that is installed, quarter by quarter, and what had
    been foretold of who comes down.

    As if the levels had always been in force. Writes nothing.
    """
    known = {one.code for one in programmes.every(at=clock.now())}
    found = programmes.validate(programmes.latest(file).text if file in known else programme_files.text_of(file))
    told = {
        one.id: tier_history.by_quarter(found, one, since=since.date(), until=until.date(), progress=_progress)
        for one in found.tiers
    }
    if as_json:
        _print({name: [_told_of(one) for one in quarters] for name, quarters in told.items()})
        return
    for one in found.tiers:
        click.echo(tier_history.written(found, one, told[one.id]))


@programme.command("install")
@click.argument("file")
@click.option("--from", "from_day", type=click.DateTime(["%Y-%m-%d"]), help="Active from this day on  [default: now]")
@click.option(
    "--yes", is_flag=True, help="Approve and activate it, and bring its rewards into the catalogue as drafts."
)
@click.option("--open", "is_open", is_flag=True, help="With --yes: open the rewards that are drafts.")
@_JSON
def install(file: str, from_day: datetime | None, yes: bool, is_open: bool, as_json: bool) -> None:
    """Keep a file as the next version of its programme; with --yes approve and activate it.

    Approving at this machine is written down as such.
    """
    text, now = programme_files.text_of(file), clock.now()
    found = programmes.validate(text)
    from_at = now if from_day is None else programmes.begins(from_day.date(), zone=found.zone, at=now)
    made = programmes.draft(text=text, at=now, by=SHELL)
    told: dict[str, Any] = {"programme": made.programme, "version": made.number, "active": False}
    if yes:
        trial = _approve(made, now, why="regulars programme install")
        programmes.activate(programme=made.programme, version=made.number, at=now, by=SHELL, from_at=from_at)
        told |= {"active": True, "year": trial.shown, "rewards": []}
        if from_at <= now:
            done = catalogues.bring(programme=made.programme, at=now, by=SHELL, is_open=is_open)
            told["rewards"] = [vars(one) for one in done]
    if as_json:
        _print(told)
        return
    click.echo(f"{made.programme}: version {made.number} is kept.")
    if yes:
        click.echo(f"The last year's orders would have earned {told['year']}. It is approved and active from then on.")
        if from_at <= now:
            _tell_brought(done)
        elif found.rewards:
            click.echo(f"When it is active, bring its rewards with `regulars programme rewards {made.programme}`.")
    else:
        click.echo(f"It is not active. `regulars programme approve {made.programme}` tries it, then `activate` it.")


@programme.command("approve")
@click.argument("name")
@click.option("--version", type=int, help="Which version  [default: the latest]")
@click.option("--why", required=True, help="Is written down beside it: at this machine an author approves alone.")
@_JSON
def approve(name: str, version: int | None, why: str, as_json: bool) -> None:
    """Try a version on the last year's orders and approve it. It is not active by that."""
    found, now = _version(name, version), clock.now()
    if found.approved_at is None:
        trial = _approve(found, now, why=why)
        found = programmes.get(name, found.number)
        told = f"The last year would have earned {trial.shown}."
    else:
        told = "It was already."
    if as_json:
        _print(vars(found))
        return
    click.echo(f"{name}: version {found.number} is approved by {found.approved_by}. {told}")


@programme.command("activate")
@click.argument("name")
@click.option("--version", type=int, help="Which version  [default: the latest]")
@click.option("--from", "from_day", type=click.DateTime(["%Y-%m-%d"]), help="From this day on  [default: now]")
@click.option("--why", default="", help="Is written down beside it.")
@_JSON
def activate(name: str, version: int | None, from_day: datetime | None, why: str, as_json: bool) -> None:
    """From now, or from a day on, an approved version says what is earned."""
    found, now = _version(name, version), clock.now()
    zone = programmes.validate(found.text).zone
    from_at = now if from_day is None else programmes.begins(from_day.date(), zone=zone, at=now)
    programmes.activate(programme=name, version=found.number, at=now, by=SHELL, from_at=from_at, why=why)
    turn = programmes.activations(name, limit=1)[0]
    if as_json:
        _print(vars(turn))
        return
    click.echo(f"{name}: version {turn.number} is active from {turn.from_at:%Y-%m-%d %H:%M} UTC.")


@programme.command("rollback")
@click.argument("name")
@click.option("--why", default="", help="Is written down beside it.")
@_JSON
def rollback(name: str, why: str, as_json: bool) -> None:
    """The version that was active before is so again, from now. What was earned meanwhile stays.

    Versions that were to come are withdrawn.
    """
    found = programmes.roll_back(programme=name, at=clock.now(), by=SHELL, why=why)
    if as_json:
        _print(vars(found))
        return
    click.echo(f"{name}: version {found.number} is active again.")


@programme.command("regrant")
@click.argument("name")
@click.option("--version", type=int, required=True, help="Which version shall decide them.")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day of the orders.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day that is left out.")
@click.option("--take-back", "takes_back", is_flag=True, help="Also where the version gives less than they have.")
@click.option("--yes", is_flag=True, help="Run it. Killed, the same again goes on.")
@click.option("--why", default="", help="Is written down beside it: at this machine who asks approves alone.")
@_JSON
def regrant_(
    name: str,
    version: int,
    since: datetime,
    until: datetime,
    takes_back: bool,
    yes: bool,
    why: str,
    as_json: bool,
) -> None:
    """What a version would give for orders that another one decided; with --yes give it, as a batch that can be undone.

    By itself it writes nothing.
    """
    if not yes:
        seen = regrants.preview(
            programme=name,
            version=version,
            since=since.date(),
            until=until.date(),
            at=clock.now(),
            takes_back=takes_back,
            progress=_progress,
        )
        if as_json:
            _print(seen)
            return
        _tell_foreseen(seen)
        click.echo("Nothing is written. Run it with --yes.")
        return
    if not why:
        raise click.UsageError("Say --why: it is written down beside it.")
    asked = regrants.ask(
        programme=name,
        version=version,
        since=since.date(),
        until=until.date(),
        at=clock.now(),
        by=SHELL,
        takes_back=takes_back,
    )
    found = regrants.go_on(batch=asked.id, at=clock.now())
    if found.state == "ready":
        found = regrants.approve(batch=found.id, at=clock.now(), by=SHELL, why=why)
    _tell_batch(regrants.go_on(batch=found.id, at=clock.now()), as_json)


@programme.command("regrants")
@click.argument("name")
@_JSON
def regrants_(name: str, as_json: bool) -> None:
    """The batches of a programme by which a version counted for the past, the latest first."""
    programmes.latest(name)
    found = regrants.of_programme(name)
    if as_json:
        _print(found)
        return
    for one in found:
        _tell_batch(one, as_json)
    if not found:
        click.echo("There is none.")


@programme.command("regrant-undo")
@click.argument("batch", type=int)
@click.option("--why", required=True, help="Is written down beside it.")
@_JSON
def regrant_undo(batch: int, why: str, as_json: bool) -> None:
    """Take back what a batch gave, and give back what it took. Killed, the same again goes on."""
    regrants.undo(batch=batch, at=clock.now(), by=SHELL, why=why)
    _tell_batch(regrants.go_on(batch=batch, at=clock.now()), as_json)


@programme.command("requalify")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=requalifying.PROCESSES,
    show_default="one more than cores",
    help="That share the customers among them.",
)
@_JSON
def requalify(processes: int, as_json: bool) -> None:
    """Work out everybody's level under every programme now, of what they kept, as it is done by itself every night.

    For after much history came in: nobody is told of what changes. Killed, the same again does what is left.
    """
    done = requalifying.everyone(at=clock.now(), by=SHELL, processes=processes, progress=_people_done)
    if as_json:
        _print(vars(done))
        return
    click.echo(f"People looked at: {done.people:,}. Levels that changed: {done.moves:,}.")


@programme.command("end")
@click.argument("name")
@click.option("--why", default="", help="Is written down beside it.")
def end(name: str, why: str) -> None:
    """From now nothing more is earned by it. What was earned stays, and can be spent."""
    programmes.latest(name)
    programmes.end(programme=name, at=clock.now(), by=SHELL, why=why)
    click.echo(f"{name}: nothing more is earned by it.")


@programme.command("rewards")
@click.argument("name")
@click.option("--open", "is_open", is_flag=True, help="Open those that are drafts.")
@_JSON
def rewards(name: str, is_open: bool, as_json: bool) -> None:
    """Bring the rewards of the active version's file into the catalogue: new ones as drafts, others by their code.

    What is left of each, its pool of codes and whether it is open stay as they are.
    """
    done = catalogues.bring(programme=name, at=clock.now(), by=SHELL, is_open=is_open)
    if as_json:
        _print([vars(one) for one in done])
        return
    _tell_brought(done)
    if not done:
        click.echo("Its file has none.")


@click.group("points")
def points() -> None:
    """Points of customers."""


@points.command("backfill")
@click.argument("name", metavar="PROGRAMME")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day  [default: all of history]")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day that is left out")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=backfilling.PROCESSES,
    show_default="one more than cores",
    help="That share the customers among them.",
)
@_JSON
def backfill(name: str, since: datetime | None, until: datetime | None, processes: int, as_json: bool) -> None:
    """Post the history of orders by the version of a programme that is active. Greets nobody; again changes nothing."""
    done = backfilling.all_of_it(
        programme=name,
        at=clock.now(),
        by=SHELL,
        since=_instant(since),
        until=_instant(until),
        processes=processes,
        progress=_progress,
    )
    if as_json:
        _print(vars(done))
        return
    click.echo(f"Orders settled: {done.decided:,}. Awards: {done.awards:,}. Parts given: {done.awarded:,},", nl=False)
    click.echo(f" taken back: {done.taken_back:,}.")
    if done.waiting:
        click.echo(
            f"Orders left out: {done.waiting:,}, of members whose points are frozen; once they go on, do it again."
        )


@points.command("pledges")
@_JSON
def pledged(as_json: bool) -> None:
    """What programmes promised to causes, what of it was paid, and what is still open."""
    found = pledges.totals()
    if as_json:
        _print([vars(one) | {"all_in_all": one.all_in_all} for one in found])
        return
    for one in found:
        click.echo(f"{one.cause}: {one.all_in_all} promised, {one.paid} paid, {one.open} open")
    if not found:
        click.echo("Nothing was promised to anybody.")


@points.command("pay-pledge")
@click.argument("cause")
@click.argument("amount")
@click.option("--currency", required=True, help="Of the amount, such as EUR.")
@click.option("--key", required=True, help="Your own number of the payment: told again, it is written once.")
@_JSON
def pay_pledge(cause: str, amount: str, currency: str, key: str, as_json: bool) -> None:
    """Write down that so much of what was promised to a cause was paid."""
    now = pledges.pay(cause=cause, amount=Money.of(amount, currency), key=key, at=clock.now(), by=SHELL)
    if as_json:
        _print(vars(now))
        return
    click.echo(f"{now.cause}: {now.paid} paid, {now.open} open")


def _tell_foreseen(seen: Preview | RegrantView) -> None:
    given, taken = points_text(seen.given, seen.scale), points_text(seen.taken, seen.scale)
    cost = "" if seen.cost is None else f", worth {seen.cost}"
    click.echo(f"Orders: {seen.orders:,} of {seen.customers:,} customers. Points given: {given}, taken: {taken}{cost}.")
    if seen.fewer:
        click.echo(f"Orders that would be given fewer, and stay as they are: {seen.fewer:,}.")
    for customer, parts in seen.members:
        click.echo(f"  customer {customer}: {'+' if parts > 0 else ''}{points_text(parts, seen.scale)}")


def _tell_batch(one: RegrantView, as_json: bool) -> None:
    if as_json:
        _print(one)
        return
    click.echo(f"Batch {one.id}: version {one.version} for {one.since} until {one.until}, {one.state}.")
    if one.state in ("looking", "ready"):
        _tell_foreseen(one)
        return
    given, taken = points_text(one.given_done, one.scale), points_text(one.taken_done, one.scale)
    click.echo(
        f"  standing: {one.orders_done:,} orders, points given {given}, taken {taken}; left: {one.orders_left:,};"
        f" waiting: {one.orders_waiting:,}"
    )


def _version(name: str, number: int | None) -> VersionView:
    return programmes.latest(name) if number is None else programmes.get(name, number)


def _approve(version: VersionView, now: datetime, *, why: str) -> Trial:
    """Tried on the last year's orders, and approved with what it would have cost."""
    trial = trying.simulate(programmes.validate(version.text), since=now - _YEAR)
    programmes.approve(
        programme=version.programme,
        version=version.number,
        cost=trial.all_parts,
        tried=trial.tried_events,
        at=now,
        by=SHELL,
        why=why,
    )
    return trial


def _lapse(said: Programme) -> str:
    """Its policy; of a day that comes again each year, when what is earned today lapses."""
    if said.expiry.kind != "fixed":
        return str(said.expiry)
    next_day = said.expiry.last_day(civil.day_of(clock.now(), civil.zone(said.zone)))
    return f"{said.expiry}, and on that day of each year after it; what is earned today on {next_day}"


def _to_come(programme: str, now: datetime) -> list[dict[str, Any]]:
    return [{"version": turn.number, "from": turn.from_at} for turn in programmes.to_come(programme, at=now)]


def _instant(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _progress(done: int, of: str = "orders") -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} {of}", nl=False, err=True)


def _tried_so_far(done: int) -> None:
    _progress(done, "orders and events")


def _people_done(done: int) -> None:
    _progress(done, "people")


def _tell(trial: Trial, scale: int) -> None:
    cost = "" if trial.cost is None else f", worth {trial.cost}"
    most, besides = points_text(trial.middle, scale), ", and what else rules are for," if trial.events else ""
    click.echo(
        f"{trial.orders:,} orders{besides} of {trial.customers:,} customers; points for {trial.earning_customers:,} of"
        " them."
    )
    click.echo(f"Points: {trial.shown}{cost}. Half of those who got some got {most} at most.")
    if trial.parts_now is not None:
        cost_now = "" if trial.cost_now is None else f", worth {trial.cost_now}"
        click.echo(f"By the version in force, for the same: {points_text(trial.parts_now, scale)}{cost_now}.")
    for rule in trial.rules:
        points = points_text(rule.parts, scale)
        click.echo(f"  {rule.rule}: {points} for {rule.orders:,} orders; not given: {_why_not(rule.missed)}")
    for event in trial.events:
        times = f"{event.times:,} times to {event.people:,} people, of {event.found:,} events on record"
        click.echo(f"  {event.rule}: {points_text(event.parts, scale)}, {times}; not given: {_why_not(event.missed)}")
    if trial.untried:
        click.echo(f"Cost not known, begun too late or too little on record: {', '.join(trial.untried)}.")
        click.echo("What they give nobody knows: where they are new or other, not their author alone approves them.")
    for cause, money in trial.pledged.items():
        click.echo(f"  pledged to {cause}: {money}")
    for tiers in trial.tiers:
        click.echo(f"Levels of {tiers.tiers}, if it were in force today: {tiers.stays:,} people stay on theirs.")
        for flow in tiers.at_once:
            click.echo(f"  at once, from {flow.before or 'none'} to {flow.after or 'none'}: {flow.people:,}")
        for flow in tiers.later:
            click.echo(f"  after the grace, from {flow.before} to {flow.after or 'none'}: {flow.people:,}")
    for benefit in trial.benefits:
        _tell_cost(benefit)
    for mission in trial.missions:
        if_joined = ", if everybody had taken part" if mission.joins else ""
        given = points_text(mission.parts, scale)
        done = f"{mission.times:,} times by {mission.people:,} people"
        click.echo(f"  mission {mission.mission}: {done}, {given} points{if_joined}")


def _why_not(missed: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {many:,}" for code, many in sorted(missed.items(), key=lambda one: -one[1])) or "never"


def _tell_cost(one: BenefitCost) -> None:
    year, people = one.a_year, f"{one.now:,} have it now, {one.then:,} at once, {one.then_later:,} after the grace"
    told = "what it costs there is not known, for nobody has had it there yet"
    if year.value is not None:
        told = f"a year {one.at_once.value:+} minor units at once, {one.in_the_end.value:+} in the end; it saved each"
        told += f" {year.value} (95 %: {year.low} to {year.high}, {year.n:,} members)"
    click.echo(f"  benefit {one.benefit} on {one.level}: {people}; {told}")


def _told_of(one: Quarter) -> dict[str, Any]:
    names = ("since", "until", "foretold", "fell", "besides", "forecast")
    return {name: getattr(one, name) for name in names} | {"on": dict(one.on), "flows": one.flows}


def _tell_brought(brought: Sequence[Brought]) -> None:
    for one in brought:
        fields = f" ({', '.join(one.fields)})" if one.fields else ""
        click.echo(f"  reward {one.code}: {one.what}{fields}")


def _plain(told: object) -> Any:
    if isinstance(told, Money):
        return {"minor": told.minor, "currency": told.currency}
    if isinstance(told, dict):
        return {str(key): _plain(value) for key, value in told.items()}
    if isinstance(told, Sequence) and not isinstance(told, str):
        return [_plain(one) for one in told]
    if hasattr(told, "__dataclass_fields__"):
        return {name: _plain(getattr(told, name)) for name in told.__dataclass_fields__}
    return told


def _print(told: object) -> None:
    click.echo(json.dumps(_plain(told), ensure_ascii=False, default=_text))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


COMMANDS = (programme, points)
