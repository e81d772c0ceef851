"""`regulars connection`: shop systems that tell us what happens there. For whoever can reach the machine's shell."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

import click

from regulars.doors.connectors import connectable, jobs, polling, shops, taking
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import Field, Shop
from regulars.facts.company import company
from regulars.facts.sources import connectable as known_as
from regulars.facts.sources import connections, cursors, folders, inbox, privacy_requests
from regulars.facts.sources.connectable import NotReached
from regulars.facts.sources.connections import Connection
from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.oversight.outbound import writing as rights
from regulars.runtime.database import clock
from regulars.runtime.trail.asking import few_words

#: Seconds that somebody who waits at the screen lets a shop's limit take.
_PATIENCE = 600.0
_STATES = ("waiting", "done", "repeated", "not_understood", "set_aside")


@click.group("connection")
def connection() -> None:
    """Shop systems that tell of orders, customers and goods."""


@connection.command("kinds")
def kinds() -> None:
    """What kinds of shops there are connectors for, and what each wants to know."""
    for shop in shops.SHOPS.values():
        click.echo(f"{shop.kind}: {shop.label}")
        for field in shop.settings:
            click.echo(f"  --set {field.name}={'' if field.is_required else '(optional)'}  {field.says}")
        for field in shop.credentials:
            click.echo(f"  asked for: {field.name}{'' if field.is_required else ' (optional)'}  {field.says}")
    click.echo(f"{folders.KIND}: a watched folder of files")
    click.echo("  --set folder=  The folder's whole path")
    click.echo(f"  --set ready=(optional)  When a file counts: {' or '.join(folders.READY)}")
    for kind in folders.FILES:
        click.echo(f"  --set {kind}=(optional)  The mapping of its files, by name or whole path")


@connection.command("add")
@click.argument("name")
@click.option("--kind", required=True, help="See `regulars connection kinds`.")
@click.option("--set", "told", multiple=True, metavar="NAME=VALUE", help="A setting; again for more.")
@click.option("--zone", help="For times told without an offset, such as Asia/Shanghai.  [default: the shop's]")
@click.option("--namespace", default="", help="Under what its customers and orders stand.  [default: NAME]")
@click.option(
    "--credentials", type=click.File("r"), help="A JSON file with the credentials, - for stdin, instead of questions."
)
@click.option("--no-trial", is_flag=True, help="Do not ask the shop whether the credentials are good.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def add(
    name: str,
    kind: str,
    told: tuple[str, ...],
    zone: str | None,
    namespace: str,
    credentials: TextIO | None,
    no_trial: bool,
    as_json: bool,
) -> None:
    """Connect the shop NAME, or watch a folder. The same again changes nothing."""
    home = company.shop()
    if kind == folders.KIND:
        settings, secrets = dict(folders.check(_pairs(told))), dict[str, str]()
    else:
        shop = shops.of(kind)
        settings = dict(shop.check(_pairs(told)))
        secrets = _credentials(shop, credentials)
        if not no_trial:
            settings = _trial(shop, settings, secrets, zone or home.zone) | settings
    made = connections.connect(
        name=name,
        kind=kind,
        zone=zone or home.zone,
        credentials=secrets,
        settings=settings,
        namespace=namespace,
        at=clock.now(),
        by=SHELL,
    )
    if as_json:
        click.echo(json.dumps(_facts(made, [], inbox.Counts({}), clock.now())))
        return
    if kind == folders.KIND:
        click.echo(f"Files dropped into {', '.join(folders.FILES)} in {_path(made)} are taken.", err=True)
        click.echo(made.public_id)
        return
    click.echo(f"Messages for {name} are taken at {_path(made)} of this machine's public address.", err=True)
    if shop.streams:
        click.echo(f"Bring its history in: regulars connection backfill {name}", err=True)
    click.echo(made.public_id)


@connection.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_connections(as_json: bool) -> None:
    """All connections: lag, gaps, the last problem, what waits."""
    now, counts, every = clock.now(), inbox.counts(), connections.every()
    streams = cursors.of_many([one.id for one in every])
    found = [_facts(one, streams[one.id], counts.get(one.id, inbox.Counts({})), now) for one in every]
    if as_json:
        click.echo(json.dumps(found))
        return
    for told in found:
        click.echo(f"{told['name']}  {told['kind']}  {told['state']}  {told['path']}")
        heard = told["heard_at"] or "never"
        click.echo(f"  last message: {heard}; in the inbox: {told['inbox'] or 'nothing'}")
        for stream in told["streams"]:
            click.echo(f"  {_line(stream)}")


@connection.command("backfill")
@click.argument("name")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only what changed from this day on.")
@click.option("--wait", is_flag=True, help="Read it here, with progress, instead of beside the jobs.")
def backfill(name: str, since: datetime | None, wait: bool) -> None:
    """Read the whole history of the connection NAME, as history: nobody is greeted. Again while it goes on: nothing."""
    one, now = connections.by_name(name), clock.now()
    start = None if since is None else civil.start_of_day(since.date(), civil.zone(one.zone))
    begun = polling.begin_backfill(connection=one, since=start, at=now)
    _go(one, begun or _walking(one), wait)


@connection.command("poll")
@click.argument("name")
@click.option("--wait", is_flag=True, help="Read it here, with progress, instead of beside the jobs.")
def poll(name: str, wait: bool) -> None:
    """Read now what changed at the connection NAME. Done by itself every five minutes."""
    one = connections.by_name(name)
    begun = polling.begin_polls(connection=one, at=clock.now())
    _go(one, begun or _walking(one), wait)


@connection.command("try")
@click.argument("name")
def try_it(name: str) -> None:
    """Ask the shop NAME who it is: shows that the credentials are good."""
    one = connections.by_name(name)
    with Caller() as caller:
        try:
            told = taking.client_of(one, caller, clock.now()).about()
        except (CallFailed, Rest) as failed:
            raise click.ClickException(connectable.why(failed)) from failed
    click.echo(json.dumps(dict(told), ensure_ascii=False))


@connection.command("subscribe")
@click.argument("name")
@click.argument("public_address")
def subscribe(name: str, public_address: str) -> None:
    """Have the shop NAME send its messages to PUBLIC_ADDRESS, such as https://regulars.example.com. Again: nothing."""
    one = connections.by_name(name)
    made = connectable.subscribe(one, public_address.rstrip("/") + _path(one))
    click.echo(f"{len(made)} subscriptions made: {', '.join(made) or 'all were there'}", err=True)


@connection.command("inbox")
@click.argument("name")
@click.option("--state", type=click.Choice(_STATES))
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def show_inbox(name: str, state: inbox.State | None, limit: int, as_json: bool) -> None:
    """What came from the connection NAME, the latest first, and why it was not understood."""
    found = inbox.search(connection=connections.by_name(name).id, state=state, limit=limit)
    facts = [_delivery(one) for one in found]
    if as_json:
        click.echo(json.dumps(facts))
        return
    for told in facts:
        why = f"  {told['code']}: {told['why']}" if told["code"] else ""
        click.echo(f"{told['number']}  {told['arrived_at']}  {told['topic']}  {told['state']}{why}")


@connection.command("replay")
@click.argument("name")
@click.argument("numbers", nargs=-1, type=int)
@click.option("--all", "is_all", is_flag=True, help="All that were not understood, but what is gone.")
def replay(name: str, numbers: tuple[int, ...], is_all: bool) -> None:
    """Take deliveries of the connection NAME again, by NUMBERS, as if they had just come."""
    one = connections.by_name(name)
    if is_all:
        found = inbox.search(connection=one.id, state="not_understood", limit=10_000)
        # What is gone from the shop is decided one by one: to take it again is to let it go here too.
        numbers = tuple(sorted(one.id for one in found if one.has_body and one.code != inbox.GONE))
    for number in numbers:
        if inbox.get(number).connection != one.id:
            raise click.UsageError(f"{number} is no delivery of {name}")
        inbox.replay(number=number, at=clock.now(), by=SHELL)
        taking.take(number)
    left = [inbox.get(number) for number in numbers]
    good = [delivery for delivery in left if delivery.state in {"done", "repeated"}]
    click.echo(f"{len(good)} of {len(numbers)} were taken.", err=True)
    for delivery in left:
        if delivery not in good:
            click.echo(f"{delivery.id}  {delivery.state}  {delivery.code}: {delivery.why}")


@connection.command("set-aside")
@click.argument("name")
@click.argument("numbers", nargs=-1, type=int, required=True)
@click.option("--why", callback=few_words, default="", help="A few words for the trail.")
def set_aside(name: str, numbers: tuple[int, ...], why: str) -> None:
    """Nothing is to be done about these deliveries of the connection NAME."""
    one = connections.by_name(name)
    for number in numbers:
        if inbox.get(number).connection != one.id:
            raise click.UsageError(f"{number} is no delivery of {name}")
        inbox.set_aside(number=number, why=why, at=clock.now(), by=SHELL)


@connection.command("rotate")
@click.argument("name")
@click.option("--hours", type=click.IntRange(0, 720), default=24, show_default=True, help="The old one is believed.")
@click.option("--credentials", type=click.File("r"), help="A JSON file with the new ones, - for stdin.")
def rotate(name: str, hours: int, credentials: TextIO | None) -> None:
    """Give the connection NAME new credentials; for a while messages signed with the old secret are believed, too."""
    one = connections.by_name(name)
    shop = shops.of(one.kind)
    told = _read(credentials) if credentials else _prompted(shop.credentials, is_optional=True)
    known_as.of(one.kind).check_credentials(told, is_new=False)
    connections.rotate_secret(
        connection=one.id, credentials=told, overlap=timedelta(hours=hours), at=clock.now(), by=SHELL
    )
    click.echo(f"New: {', '.join(sorted(told))}.", err=True)


@connection.command("pause")
@click.argument("name")
def pause(name: str) -> None:
    """Ask nothing of the connection NAME; what it tells is kept and waits."""
    connections.pause(connection=connections.by_name(name).id, at=clock.now(), by=SHELL)


@connection.command("resume")
@click.argument("name")
def resume(name: str) -> None:
    """Go on with the connection NAME; what waits is taken."""
    one = connections.resume(connection=connections.by_name(name).id, at=clock.now(), by=SHELL)
    click.echo(f"{taking.take_waiting(connection=one.id)} deliveries that waited were settled.", err=True)


@connection.command("write")
@click.argument("name")
@click.option("--codes/--no-codes", default=None, help="Discount codes.")
@click.option("--attributes/--no-attributes", default=None, help="What it says of its customers: tier, balance.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def write(name: str, codes: bool | None, attributes: bool | None, as_json: bool) -> None:
    """What may be written to the shop NAME, and how that goes; changed where something is given."""
    one = connections.by_name(name)
    told = rights.of(one.id)
    if codes is not None or attributes is not None:
        told = rights.allow(
            connection=one.id,
            codes=codes if codes is not None else bool(told and told.codes),
            attributes=attributes if attributes is not None else bool(told and told.attributes),
            at=clock.now(),
            by=SHELL,
        )
    found = {
        "codes": bool(told and told.codes),
        "attributes": bool(told and told.attributes),
        "can": shops.of(one.kind).writer is not None,
        "problem": told.problem if told else "",
        "counts": dict(rights.counts(one.id)),
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    for what, value in found.items():
        click.echo(f"{what}: {value}")


@connection.command("disconnect")
@click.argument("name")
@click.confirmation_option(prompt="For good? What it told stays; its secrets are forgotten.")
def disconnect(name: str) -> None:
    """End the connection NAME for good."""
    connections.disconnect(connection=connections.by_name(name).id, at=clock.now(), by=SHELL)


@connection.command("requests")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def requests(as_json: bool) -> None:
    """What shops passed on of their people's rights: data requests and erasures, open ones first."""
    names = {one.id: one.name for one in connections.every()}
    found = [
        {
            "number": one.id,
            "connection": names[one.connection],
            "kind": one.kind,
            "ref": one.ref,
            "asked_at": one.asked_at.isoformat(),
            "due_at": one.due_at.isoformat(),
            "settled_at": one.settled_at.isoformat() if one.settled_at else None,
        }
        for one in sorted(privacy_requests.every(), key=lambda one: (one.settled_at is not None, one.due_at))
    ]
    if as_json:
        click.echo(json.dumps(found))
        return
    for told in found:
        state = f"settled {told['settled_at']}" if told["settled_at"] else f"open, due {told['due_at']}"
        click.echo(f"{told['number']}  {told['connection']}  {told['kind']}  {told['ref'] or 'everybody'}  {state}")


@connection.command("settle")
@click.argument("number", type=int)
@click.option("--how", required=True, help="What was done, or why there was nothing to do.")
def settle(number: int, how: str) -> None:
    """The request NUMBER was done."""
    privacy_requests.settle(request=number, how=how, at=clock.now(), by=SHELL)


def _pairs(told: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in told:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"--set {one}: write NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def _credentials(shop: Shop, file: TextIO | None) -> dict[str, str]:
    told = _read(file) if file else _prompted(shop.credentials)
    missing = [field.name for field in shop.credentials if field.is_required and not told.get(field.name)]
    unknown = sorted(told.keys() - {field.name for field in shop.credentials})
    if missing or unknown:
        raise click.UsageError(f"credentials: missing {missing or 'none'}, unknown {unknown or 'none'}")
    return {name: value for name, value in told.items() if value}


def _read(file: TextIO) -> dict[str, str]:
    try:
        found = json.load(file)
    except ValueError as wrong:
        raise click.UsageError("credentials: is no JSON") from wrong
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise click.UsageError("credentials: must be a JSON object of texts")
    return found


def _prompted(fields: Any, *, is_optional: bool = False) -> dict[str, str]:
    found = {}
    for field in fields:
        assert isinstance(field, Field)
        needs = field.is_required and not is_optional
        value = click.prompt(str(field.says), hide_input=True, default=None if needs else "", show_default=False)
        if value:
            found[field.name] = str(value).strip()
    return found


def _trial(shop: Shop, settings: Mapping[str, Any], secrets: dict[str, str], zone: str) -> dict[str, Any]:
    """What the shop says of itself that we go on needing, such as its currency."""
    try:
        told = connectable.trial(shop, settings, secrets, zone)
    except NotReached as failed:
        raise click.ClickException(f"{failed.message} (--no-trial connects without asking)") from failed
    click.echo(f"It is {told.get('name', 'a shop')}.", err=True)
    return {field: told[field] for field in connectable.WANTED if field in told}


def _walking(one: Connection) -> list[str]:
    names = {cursor.stream for cursor in cursors.of(one.id) if cursor.walk}
    return [stream.name for stream in shops.of(one.kind).streams if stream.name in names]


def _go(one: Connection, streams: list[str], wait: bool) -> None:
    if not streams:
        click.echo("Nothing to read: was its history brought in? See `regulars connection list`.", err=True)
        return
    if not wait:
        for stream in streams:
            jobs.go_on(one.id, stream)
        click.echo(f"Reading {', '.join(streams)}: see `regulars connection list`.", err=True)
        return
    for stream in streams:
        came: polling.Came = "more"
        while came == "more":
            with Caller(patience=_PATIENCE) as caller:
                came = polling.walk(connection=one.id, stream=stream, caller=caller)
            known = next(cursor for cursor in cursors.of(one.id) if cursor.stream == stream)
            read = known.walk_seen or known.backfilled
            click.echo(f"{stream}: {read}{f' of {known.expected}' if known.expected else ''}", err=True)
        if came != "ended":
            known = next(cursor for cursor in cursors.of(one.id) if cursor.stream == stream)
            click.echo(f"{stream}: {came} {known.problem}; it goes on by itself beside the jobs.", err=True)
            return


def _path(one: Connection) -> str:
    if one.kind == folders.KIND:
        return str(one.settings["folder"])
    return f"/hooks/{one.kind}/{one.public_id}"


def _facts(one: Connection, streams: list[cursors.Cursor], counts: inbox.Counts, now: datetime) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "name": one.name,
        "kind": one.kind,
        "namespace": one.namespace,
        "zone": one.zone,
        "settings": dict(one.settings),
        "state": one.state,
        "state_why": one.state_why,
        "path": _path(one),
        "heard_at": _iso(one.heard_at),
        "refused_at": _iso(one.refused_at),
        "refused_why": one.refused_why,
        "inbox": dict(counts.by_state),
        "streams": [_stream(stream, now) for stream in streams],
    }


def _stream(one: cursors.Cursor, now: datetime) -> dict[str, Any]:
    lag = one.lag(now)
    return {
        "stream": one.stream,
        "walk": one.walk,
        "read": one.walk_seen if one.walk else None,
        "expected": one.expected,
        "lag_s": None if lag is None else int(lag.total_seconds()),
        "seen_until": _iso(one.seen_until),
        "backfilled_at": _iso(one.backfilled_at),
        "backfilled": one.backfilled,
        "gaps_found": one.gaps_found,
        "gaps_mended": one.gaps_mended,
        "gap_at": _iso(one.gap_at),
        "problem": one.problem,
        "problem_why": one.problem_why,
        "failing_since": _iso(one.failing_since),
        "rest_until": _iso(one.rest_until),
    }


def _line(told: Mapping[str, Any]) -> str:
    lag = "never read" if told["lag_s"] is None else f"known up to {told['lag_s']} s ago"
    going = f", {told['walk']} at {told['read']}" if told["walk"] else ""
    gaps = f", gaps {told['gaps_found']} found {told['gaps_mended']} mended" if told["gaps_found"] else ""
    wrong = f", {told['problem']}: {told['problem_why']}" if told["problem"] else ""
    return f"{told['stream']}: {lag}{going}{gaps}{wrong}"


def _delivery(one: inbox.Delivery) -> dict[str, Any]:
    return {
        "number": one.id,
        "topic": one.topic,
        "state": one.state,
        "code": one.code,
        "why": one.why,
        "came": dict(one.came),
        "repeats": one.repeats,
        "tries": one.tries,
        "told_at": _iso(one.told_at),
        "arrived_at": one.arrived_at.isoformat(),
        "has_body": one.has_body,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


COMMANDS: tuple[click.Command, ...] = (connection,)
