"""Endpoints: who outside hears what, where, and signed with which secret."""

import base64
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _asymmetric, _queues, addresses
from regulars.oversight.outbound.addresses import BadUrl as BadUrl
from regulars.oversight.outbound.catalogue import KINDS
from regulars.oversight.outbound.models import Endpoint as Row
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

PREFIX = _queues.PREFIX
LONGEST_NAME, LONGEST_DESCRIPTION = 60, 200
MOST = 100
#: How long messages carry the old secret's signature beside the new one's.
OVERLAP = timedelta(hours=24)
#: Waiting messages are counted up to here.
MOST_COUNTED = 10_000
State = Literal["on", "paused", "off", "retired"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint without its secret. It hears all `kinds` when there are none; `wants_history` also of imports.

    `state_why` says who or what put it there: "by_hand", "failing" or "gone". `last_error` is "" after a success.
    """

    id: int
    public_id: str
    name: str
    url: str
    description: str
    kinds: tuple[str, ...]
    wants_history: bool
    state: State
    state_why: str
    failing_since: datetime | None
    last_success_at: datetime | None
    last_try_at: datetime | None
    last_took_ms: int | None
    last_status: int | None
    last_error: str
    before_until: datetime | None
    is_replaying: bool
    made_at: datetime


@dataclass(frozen=True)
class Made:
    """An endpoint and its fresh secret, which nobody can be shown again; "" where it had been made before."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True)
class Waiting:
    """Messages not yet delivered, counted up to MOST_COUNTED, and since when the oldest of them is wanted."""

    count: int = 0
    since: datetime | None = None


class BadEndpointName(Refusal):
    """Not a short name in small letters."""

    code = "webhooks.bad_name"


class EndpointNameTaken(Refusal):
    """Another endpoint has or had the name."""

    code = "webhooks.name_taken"


class UnknownKind(Refusal):
    """No message is of this kind."""

    code = "webhooks.unknown_kind"


class UnknownEndpoint(Refusal):
    """No such endpoint."""

    code = "webhooks.unknown"


class EndpointRetired(Refusal):
    """It was retired; nothing is sent there any more."""

    code = "webhooks.retired"


class TooManyEndpoints(Refusal):
    """So many are no use to anybody."""

    code = "webhooks.too_many"


class BadDescription(Refusal):
    """Not one line."""

    code = "webhooks.bad_description"


def make(
    *,
    name: str,
    url: str,
    description: str = "",
    kinds: Collection[str] = (),
    wants_history: bool = False,
    at: datetime,
    by: Actor,
) -> Made:
    """A new endpoint, which hears what is told from now on. The name makes a repeat harmless.

    The same again with the same content returns the endpoint, without its secret: that is shown once. Refuses a name
    with other content, a URL that must not be called, kinds nobody tells, and more than MOST endpoints.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadEndpointName(
            _("name: use at most %(longest_name)s small letters, digits, dots, dashes and underscores")
            % {"longest_name": LONGEST_NAME},
            field="name",
        )
    _check(url=url, kinds=kinds, description=description)
    wanted = sorted(set(kinds))
    with transaction.atomic():
        # One after another: so two of one name meet, and the count holds.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outbound.endpoints'))")
        if (row := Row.objects.filter(name=name).first()) is not None:
            if (row.url, row.description, row.kinds, row.wants_history) != (url, description, wanted, wants_history):
                raise EndpointNameTaken(
                    _("name: %(name)r is or was another endpoint's; choose a new name") % {"name": name},
                    field="name",
                    value=name,
                )
            return Made(_endpoint(row), "")
        if Row.objects.exclude(state="retired").count() >= MOST:
            raise TooManyEndpoints(
                _("name: there are %(most)s endpoints already; retire one") % {"most": MOST}, field="name"
            )
        row = Row.objects.create(
            name=name,
            url=url,
            description=description,
            kinds=wanted,
            wants_history=wants_history,
            secret=b"",
            made_at=at,
            changed_at=at,
        )
        secret = _give_secret(row)
        row.save(update_fields=["secret"])
        _record(row, "webhooks.make", at, by, after={"name": name, "kinds": wanted, "wants_history": wants_history})
    row.refresh_from_db()
    return Made(_endpoint(row), secret)


def change(
    *,
    endpoint: int,
    url: str | None = None,
    description: str | None = None,
    kinds: Collection[str] | None = None,
    wants_history: bool | None = None,
    at: datetime,
    by: Actor,
) -> Endpoint:
    """What is given is changed, for what is told from now on; what waits goes to the new URL. Again changes nothing."""
    _check(url=url, kinds=kinds or (), description=description or "")
    given = {
        "url": url,
        "description": description,
        "kinds": None if kinds is None else sorted(set(kinds)),
        "wants_history": wants_history,
    }
    with transaction.atomic():
        row = _alive(endpoint)
        changed = {name: value for name, value in given.items() if value is not None and getattr(row, name) != value}
        if changed:
            for name, value in changed.items():
                setattr(row, name, value)
            row.changed_at = at
            row.save(update_fields=[*changed, "changed_at"])
            # An address may hold anything its owner put into it; the trail says that it changed.
            told = {name: value for name, value in changed.items() if name in {"kinds", "wants_history"}}
            _record(row, "webhooks.change", at, by, after={"changed": sorted(changed), **told})
    return _endpoint(row)


def pause(*, endpoint: int, at: datetime, by: Actor) -> Endpoint:
    """Nothing is sent there; what is told waits. Again changes nothing."""
    return _put(endpoint, "paused", at, by)


def resume(*, endpoint: int, at: datetime, by: Actor) -> Endpoint:
    """Messages go there again, first what waits, with all its tries. Again changes nothing."""
    return _put(endpoint, "on", at, by)


def retire(*, endpoint: int, at: datetime, by: Actor) -> Endpoint:
    """Nothing is sent there any more, for good; what waited is set aside. Again changes nothing."""
    with transaction.atomic():
        row = _locked(endpoint)
        if row.state != "retired":
            before, row.state, row.state_why, row.changed_at = row.state, "retired", "by_hand", at
            row.replay_position = row.replay_until = None
            row.save(update_fields=["state", "state_why", "changed_at", "replay_position", "replay_until"])
            _queues.set_all_aside(endpoint, at=at)
            _record(row, "webhooks.retire", at, by, before={"state": before}, after={"state": "retired"})
    return _endpoint(row)


def rotate(*, endpoint: int, overlap: timedelta = OVERLAP, at: datetime, by: Actor) -> Made:
    """A new secret, shown once. For `overlap` (at most 30 days) messages carry both signatures.

    Each call makes another; of those before only the last one still counts. An overlap of nothing ends a secret that
    leaked at once.
    """
    overlap = max(timedelta(0), min(overlap, timedelta(days=30)))
    with transaction.atomic():
        row = _alive(endpoint)
        old = _open(row.id, "secret", bytes(row.secret))
        row.secret_before, row.before_until = None, None
        if overlap:
            row.secret_before, row.before_until = _seal(row.id, "secret_before", old), at + overlap
        secret = _give_secret(row)
        row.changed_at = at
        row.save(update_fields=["secret", "secret_before", "before_until", "changed_at"])
        _record(row, "webhooks.rotate", at, by, after={"overlap_s": int(overlap.total_seconds())})
    return Made(_endpoint(row), secret)


def every() -> list[Endpoint]:
    """All endpoints by name, retired ones too. One query."""
    return [_endpoint(row) for row in Row.objects.order_by("name")]


def get(endpoint: int) -> Endpoint:
    """One endpoint. Refused when there is none."""
    return _endpoint(_found(Row.objects.filter(id=endpoint).first(), str(endpoint)))


def by_public_id(text: str) -> Endpoint:
    """One endpoint by `whe_…` as people type it."""
    return _endpoint(_found(Row.objects.filter(public_id=ids.parse(text, PREFIX)).first(), text.strip()[:40]))


def by_name(name: str) -> Endpoint:
    """One endpoint by its name."""
    return _endpoint(_found(Row.objects.filter(name=name).first(), name[:LONGEST_NAME]))


def waiting() -> dict[int, Waiting]:
    """What waits at each endpoint where something does. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, w.count, w.since FROM outbound_endpoint e CROSS JOIN LATERAL ("
            "  SELECT count(*), min(wanted_at) AS since FROM (SELECT wanted_at FROM outbound_delivery d"
            "    WHERE d.endpoint_id = e.id AND d.state = 'waiting' LIMIT %s) counted) w WHERE w.count > 0",
            [MOST_COUNTED],
        )
        return {endpoint: Waiting(count, since) for endpoint, count, since in cursor.fetchall()}


def secrets_of(endpoints: Sequence[int], at: datetime) -> dict[int, list[str]]:
    """The secrets that sign each endpoint's messages now, the newest first. Two queries. For this room alone."""
    sealed = []
    for row in Row.objects.filter(id__in=endpoints).order_by("id"):
        sealed.append(_cell(row.id, "secret", bytes(row.secret)))
        if row.secret_before is not None and row.before_until is not None and at < row.before_until:
            sealed.append(_cell(row.id, "secret_before", bytes(row.secret_before)))
    found: dict[int, list[str]] = {}
    for cell, plain in zip(sealed, vault.open_many(sealed), strict=True):
        if plain is not None:
            found.setdefault(cell.row, []).append(plain)
    return found


def public_keys_of(endpoints: Sequence[int], at: datetime) -> dict[int, list[str]]:
    """The keys (`whpk_…`) that check each endpoint's `v1a` signatures now, the newest first. Two queries."""
    found = secrets_of(endpoints, at)
    return {
        endpoint: [_asymmetric.public_key(_asymmetric.seed_of(one)) for one in some] for endpoint, some in found.items()
    }


def _check(*, url: str | None, kinds: Collection[str], description: str) -> None:
    if url is not None:
        addresses.target(url, own=addresses.own_hosts())
    if unknown := sorted(set(kinds) - KINDS.keys()):
        shown = unknown[0][:80]
        raise UnknownKind(
            _("kinds: no message is a %(shown)r; see the list of kinds") % {"shown": shown}, field="kinds", value=shown
        )
    if len(description) > LONGEST_DESCRIPTION or not all(one.isprintable() for one in description):
        raise BadDescription(
            _("description: must be one line of at most %(longest_description)s characters")
            % {"longest_description": LONGEST_DESCRIPTION},
            field="description",
        )


def _put(endpoint: int, state: State, at: datetime, by: Actor) -> Endpoint:
    with transaction.atomic():
        row = _alive(endpoint)
        if row.state != state:
            before, row.state, row.state_why, row.changed_at = row.state, state, "by_hand", at
            row.failing_since, row.failures_in_a_row, row.rest_until = None, 0, None
            row.save(
                update_fields=[
                    *("state", "state_why", "changed_at", "failing_since", "failures_in_a_row", "rest_until")
                ]
            )
            if state == "on":
                _queues.start_afresh(endpoint, at=at)
            verb = "webhooks.resume" if state == "on" else "webhooks.pause"
            _record(row, verb, at, by, before={"state": before}, after={"state": state})
    return _endpoint(row)


def _give_secret(row: Row) -> str:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row.secret = _seal(row.id, "secret", secret)
    return secret


def _seal(endpoint: int, column: str, plain: str) -> bytes:
    return vault.seal(person=vault.HOUSE, table="outbound_endpoint", column=column, row=endpoint, plain=plain)


def _cell(endpoint: int, column: str, sealed: bytes) -> vault.Sealed:
    return vault.Sealed(vault.HOUSE, "outbound_endpoint", column, endpoint, sealed)


def _open(endpoint: int, column: str, sealed: bytes) -> str:
    return vault.open_(person=vault.HOUSE, table="outbound_endpoint", column=column, row=endpoint, sealed=sealed)


def _record(
    row: Row,
    verb: str,
    at: datetime,
    by: Actor,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    trail.record(by=by, verb=verb, subject=f"webhook_endpoint:{row.id}", at=at, before=before, after=after)


def _found(row: Row | None, shown: str) -> Row:
    if row is None:
        raise UnknownEndpoint(
            _("endpoint: there is no %(shown)s; look at the list") % {"shown": shown}, field="endpoint", value=shown
        )
    return row


def _locked(endpoint: int) -> Row:
    return _found(Row.objects.select_for_update(no_key=True).filter(id=endpoint).first(), str(endpoint))


def _alive(endpoint: int) -> Row:
    row = _locked(endpoint)
    if row.state == "retired":
        raise EndpointRetired(
            _("endpoint: %(name)s is retired; make another one") % {"name": row.name}, field="endpoint", value=row.name
        )
    return row


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        name=row.name,
        url=row.url,
        description=row.description,
        kinds=tuple(row.kinds),
        wants_history=row.wants_history,
        state=cast("State", row.state),
        state_why=row.state_why,
        failing_since=row.failing_since,
        last_success_at=row.last_success_at,
        last_try_at=row.last_try_at,
        last_took_ms=row.last_took_ms,
        last_status=row.last_status,
        last_error=row.last_error,
        before_until=row.before_until,
        is_replaying=row.replay_until is not None,
        made_at=row.made_at,
    )
