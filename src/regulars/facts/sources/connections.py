"""Connections: shop systems that tell us what happens there, with what it takes to believe and to ask them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import Connection as Row
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

PREFIX = "con"
LONGEST_NAME, LONGEST_NAMESPACE, LONGEST_SECRET = 60, 64, 4_000
#: How long a replaced secret is still believed. Shopify may sign with the old one for an hour; people for longer.
OVERLAP = timedelta(hours=24)
#: Signatures that do not fit are written down once in so long: whoever sends them costs us nothing.
_REFUSED_ONCE_IN = timedelta(minutes=1)
Kind = Literal["shopify", "woocommerce", "youzan", "medusa", "generic", "stripe", "folder"]
State = Literal["on", "paused", "retired"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_TABLE = "sources_connection"


@dataclass(frozen=True)
class Connection:
    """One connection without its secrets. What it tells stands under `namespace`; times without an offset in `zone`.

    `state_why` says who or what put it there: "by_hand", "uninstalled" or "refused". `heard_at` is when a delivery
    last came with a good signature, `refused_at` when one last came with none or a bad one, and `refused_why` which.
    """

    id: int
    public_id: str
    name: str
    kind: Kind
    namespace: str
    zone: str
    settings: Mapping[str, Any]
    state: State
    state_why: str
    heard_at: datetime | None
    refused_at: datetime | None
    refused_why: str
    before_until: datetime | None
    made_at: datetime


@dataclass(frozen=True)
class Secrets:
    """What it takes to believe a shop and to ask it. For doors alone: never shown, never logged."""

    credentials: Mapping[str, str] = field(repr=False)
    before: Mapping[str, str] = field(repr=False, default_factory=dict)
    kept: Mapping[str, str] = field(repr=False, default_factory=dict)

    def keys(self, name: str) -> tuple[str, ...]:
        """The secret of that name, and the one before it while it is still good."""
        return tuple(found[name] for found in (self.credentials, self.before) if found.get(name))


class BadConnection(Refusal):
    """A name, a namespace, a kind, a setting or a secret that none is."""

    code = "connections.bad"


class ConnectionNameTaken(Refusal):
    """Another connection has or had the name, or tells under the namespace."""

    code = "connections.name_taken"


class UnknownConnection(Refusal):
    """No such connection."""

    code = "connections.unknown"


class ConnectionRetired(Refusal):
    """It was disconnected for good."""

    code = "connections.retired"


def connect(
    *,
    name: str,
    kind: str,
    zone: str,
    credentials: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    namespace: str = "",
    at: datetime,
    by: Actor,
) -> Connection:
    """A new connection. The name makes a repeat harmless: the same again returns it, with other facts it is refused.

    `credentials` are kept sealed and are never shown again. `namespace` is the name itself where none is given.
    What the settings and credentials of a kind are, its door checks.
    """
    space = namespace or name
    _check_name("name", name, LONGEST_NAME)
    _check_name("namespace", space, LONGEST_NAMESPACE)
    if kind not in get_args(Kind):
        raise BadConnection(
            _("kind: use one of %(kind)s") % {"kind": ", ".join(get_args(Kind))}, field="kind", value=kind[:20]
        )
    civil.zone(zone)
    _check_secrets(credentials)
    wanted = dict(settings or {})
    with transaction.atomic():
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sources.connections'))")
        if (row := Row.objects.filter(name=name).first()) is not None:
            same = (row.kind, row.namespace, row.zone, row.settings) == (kind, space, zone, wanted)
            if not same or _open(row, "credentials") != dict(credentials):
                raise ConnectionNameTaken(
                    _("name: %(name)r is or was another connection's; choose a new name") % {"name": name},
                    field="name",
                    value=name,
                )
            return _connection(row)
        if Row.objects.filter(namespace=space).exclude(state="retired").exists():
            raise ConnectionNameTaken(
                _("namespace: %(space)r is another connection's, whose orders this one would overwrite; choose another")
                % {"space": space},
                field="namespace",
                value=space,
            )
        row = Row.objects.create(
            name=name,
            kind=kind,
            namespace=space,
            zone=zone,
            settings=wanted,
            credentials=b"",
            made_at=at,
            changed_at=at,
        )
        row.credentials = _seal(row.id, "credentials", credentials)
        row.save(update_fields=["credentials"])
        _record(row, "connect", at, by, after={"name": name, "kind": kind, "namespace": space})
    row.refresh_from_db()
    return _connection(row)


def change(
    *,
    connection: int,
    zone: str | None = None,
    settings: Mapping[str, Any] | None = None,
    at: datetime,
    by: Actor,
) -> Connection:
    """What is given is changed; `settings` replace those there were. Again changes nothing."""
    if zone is not None:
        civil.zone(zone)
    with transaction.atomic():
        row = _alive(connection)
        given = {"zone": zone, "settings": None if settings is None else dict(settings)}
        changed = {name: value for name, value in given.items() if value is not None and getattr(row, name) != value}
        if changed:
            for name, value in changed.items():
                setattr(row, name, value)
            row.changed_at = at
            row.save(update_fields=[*changed, "changed_at"])
            # Settings may hold anything their owner put into them; the trail says that they changed.
            _record(row, "change", at, by, after={"changed": sorted(changed)})
    return _connection(row)


def pause(*, connection: int, why: str = "by_hand", at: datetime, by: Actor) -> Connection:
    """Nothing is asked there any more, and what it tells is kept and waits. Again changes nothing."""
    return _put(connection, "paused", why, at, by)


def resume(*, connection: int, at: datetime, by: Actor) -> Connection:
    """It is asked again, and what waits is taken. Again changes nothing."""
    return _put(connection, "on", "by_hand", at, by)


def disconnect(*, connection: int, at: datetime, by: Actor) -> Connection:
    """For good: nothing is taken from it any more and its secrets are forgotten; what it told stays. Again: nothing."""
    with transaction.atomic():
        row = _locked(connection)
        if row.state != "retired":
            before, row.state, row.state_why, row.changed_at = row.state, "retired", "by_hand", at
            row.credentials, row.credentials_before, row.before_until, row.kept = b"", None, None, None
            row.save(
                update_fields=[
                    *("state", "state_why", "changed_at"),
                    *("credentials", "credentials_before", "before_until", "kept"),
                ]
            )
            _record(row, "disconnect", at, by, before={"state": before}, after={"state": "retired"})
    return _connection(row)


def rotate_secret(
    *, connection: int, credentials: Mapping[str, str], overlap: timedelta = OVERLAP, at: datetime, by: Actor
) -> Connection:
    """New values for these credentials. For `overlap` (at most 30 days) the ones before are believed, too.

    An overlap of nothing ends a secret that leaked at once. The same again changes nothing.
    """
    _check_secrets(credentials)
    overlap = max(timedelta(0), min(overlap, timedelta(days=30)))
    with transaction.atomic():
        row = _alive(connection)
        known = _open(row, "credentials")
        replaced = {name: value for name, value in credentials.items() if known.get(name) != value}
        if replaced:
            row.credentials = _seal(row.id, "credentials", known | replaced)
            row.credentials_before = row.before_until = None
            if overlap:
                old = {name: known[name] for name in replaced if name in known}
                row.credentials_before, row.before_until = _seal(row.id, "credentials_before", old), at + overlap
            row.kept, row.changed_at = None, at
            row.save(
                update_fields=["credentials", "credentials_before", "before_until", "kept", "changed_at"],
            )
            after = {"credentials": sorted(replaced), "overlap_s": int(overlap.total_seconds())}
            _record(row, "rotate_secret", at, by, after=after)
    return _connection(row)


def remember(*, connection: int, kept: Mapping[str, str]) -> None:
    """Keep sealed what the shop lent us for a while, such as a token; it takes the place of what was kept before."""
    Row.objects.filter(id=connection).exclude(state="retired").update(kept=_seal(connection, "kept", kept))


def heard(*, connection: int, at: datetime) -> None:
    """A delivery with a good signature came. One statement."""
    Row.objects.filter(id=connection).update(heard_at=at)


def refused(*, connection: int, why: str, at: datetime) -> None:
    """A delivery with no signature or a bad one came; written down once a minute. One statement."""
    rows = Row.objects.filter(id=connection)
    (rows.filter(refused_at=None) | rows.filter(refused_at__lt=at - _REFUSED_ONCE_IN)).update(
        refused_at=at, refused_why=why[:30]
    )


def secrets_of(*, connection: int, at: datetime) -> Secrets:
    """What it takes to believe and to ask the shop now; nothing of one that was disconnected. Two queries."""
    row = _found(Row.objects.filter(id=connection).first(), str(connection))
    is_before_good = row.before_until is not None and at < row.before_until
    return Secrets(
        _open(row, "credentials"),
        _open(row, "credentials_before") if is_before_good else {},
        _open(row, "kept"),
    )


def every() -> list[Connection]:
    """All connections by name, retired ones too. One query."""
    return [_connection(row) for row in Row.objects.order_by("name")]


def get(connection: int) -> Connection:
    """One connection; refused when there is none. One query."""
    return _connection(_found(Row.objects.filter(id=connection).first(), str(connection)))


def by_public_id(text: str) -> Connection:
    """One connection by `con_…`; refused when there is none. One query."""
    return _connection(_found(Row.objects.filter(public_id=ids.parse(text, PREFIX)).first(), text.strip()[:40]))


def by_name(name: str) -> Connection:
    """One connection by its name; refused when there is none. One query."""
    return _connection(_found(Row.objects.filter(name=name).first(), name[:LONGEST_NAME]))


def _check_name(field_name: str, text: str, most: int) -> None:
    if len(text) > most or not _NAME.fullmatch(text):
        raise BadConnection(
            _("%(field_name)s: use at most %(most)s small letters, digits, dots, dashes and underscores")
            % {"field_name": field_name, "most": most},
            field=field_name,
            value=text[:most],
        )


def _check_secrets(credentials: Mapping[str, str]) -> None:
    for name, value in credentials.items():
        if not 0 < len(value) <= LONGEST_SECRET or not value.isprintable():
            raise BadConnection(
                _("%(name)s: must have 1 to %(longest_secret)s characters that can be seen; copy it again")
                % {"name": name, "longest_secret": LONGEST_SECRET},
                field=name,
            )


def _put(connection: int, state: State, why: str, at: datetime, by: Actor) -> Connection:
    with transaction.atomic():
        row = _alive(connection)
        if row.state != state:
            before, row.state, row.state_why, row.changed_at = row.state, state, why[:30], at
            row.save(update_fields=["state", "state_why", "changed_at"])
            verb = "resume" if state == "on" else "pause"
            _record(row, verb, at, by, before={"state": before}, after={"state": state, "why": why[:30]})
    return _connection(row)


def _seal(connection: int, column: str, texts: Mapping[str, str]) -> bytes:
    return vault.seal(
        person=vault.HOUSE, table=_TABLE, column=column, row=connection, plain=json.dumps(dict(texts), sort_keys=True)
    )


def _open(row: Row, column: str) -> dict[str, str]:
    sealed = getattr(row, column)
    if not sealed:
        return {}
    plain = vault.open_(person=vault.HOUSE, table=_TABLE, column=column, row=row.id, sealed=bytes(sealed))
    return cast("dict[str, str]", json.loads(plain))


def _record(
    row: Row,
    verb: str,
    at: datetime,
    by: Actor,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    trail.record(by=by, verb=f"connections.{verb}", subject=f"connection:{row.id}", at=at, before=before, after=after)


def _found(row: Row | None, shown: str) -> Row:
    if row is None:
        raise UnknownConnection(
            _("connection: there is no %(shown)s; look at the list") % {"shown": shown}, field="connection", value=shown
        )
    return row


def _locked(connection: int) -> Row:
    return _found(Row.objects.select_for_update(no_key=True).filter(id=connection).first(), str(connection))


def _alive(connection: int) -> Row:
    row = _locked(connection)
    if row.state == "retired":
        raise ConnectionRetired(
            _("connection: %(name)s was disconnected; make another one") % {"name": row.name},
            field="connection",
            value=row.name,
        )
    return row


def _connection(row: Row) -> Connection:
    return Connection(
        id=row.id,
        public_id=ids.public(PREFIX, row.public_id),
        name=row.name,
        kind=cast("Kind", row.kind),
        namespace=row.namespace,
        zone=row.zone,
        settings=row.settings,
        state=cast("State", row.state),
        state_why=row.state_why,
        heard_at=row.heard_at,
        refused_at=row.refused_at,
        refused_why=row.refused_why,
        before_until=row.before_until,
        made_at=row.made_at,
    )
