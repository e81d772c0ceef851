"""Keys with which programs come in: made once, shown once, kept as a hash, each for some actions and for a time."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import ApiKey as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import roles
from regulars.runtime.trail import trail

LIFE = timedelta(days=365)
LONGEST_NAME = 60
#: What a whole key looks like, for whoever searches logs and repositories for leaked ones.
PATTERN = r"rk_[0-9a-f]{64}"
_SHOWN = len("rk_") + 8
_PRESENT = """
SELECT id, name, prefix, may::text, made_for, made_at, expires_at, revoked_at, last_used_on, now()
  FROM sources_api_key WHERE digest = %s
"""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


@dataclass(frozen=True)
class ApiKey:
    """One key without its secret. `prefix` is its visible beginning; `last_used_on` a day in UTC; `made_for` who of the
    staff answers for what it does, None where nobody was named."""

    id: int
    name: str
    prefix: str
    may: frozenset[roles.Action]
    made_for: Actor | None
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_on: date | None

    @property
    def actor(self) -> Actor:
        """The key as `by` of a verb."""
        return Actor("api", str(self.id))

    def works(self, at: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True)
class Made:
    """A fresh key and its secret, which nobody can be shown again."""

    key: ApiKey
    token: str


class BadKeyName(Refusal):
    """Not a short name in small letters."""

    code = "api_keys.bad_name"


class KeyNameTaken(Refusal):
    """Another key has the name, or had it: names in the trail stay clear."""

    code = "api_keys.name_taken"


class NothingGranted(Refusal):
    """A key that may do nothing."""

    code = "api_keys.nothing_granted"


class UnknownAction(Refusal):
    """Not in the table of actions."""

    code = "api_keys.unknown_action"


class BadExpiry(Refusal):
    """Not in the future."""

    code = "api_keys.bad_expiry"


class UnknownKey(Refusal):
    """No such key."""

    code = "api_keys.unknown"


def make(
    *,
    name: str,
    may: Iterable[roles.Action],
    made_for: Actor | None = None,
    expires_at: datetime | None = None,
    at: datetime,
    by: Actor,
) -> Made:
    """A key for the actions `may`, good for a year unless `expires_at` says otherwise. `made_for` answers for what it
    does: whoever of the staff makes it, unless they name another.

    The name makes a repeat harmless: a secret is shown once, so asking again with the same name is refused.
    """
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadKeyName(
            _(
                "name: %(name)r is no key's name; use up to %(longest_name)s small letters, digits, dots, dashes and"
                " underscores"
            )
            % {"name": name[:LONGEST_NAME], "longest_name": LONGEST_NAME},
            field="name",
            value=name[:LONGEST_NAME],
        )
    granted = sorted(set(may))
    if not granted:
        raise NothingGranted(_("may: the key may do nothing; grant at least one action"), field="may")
    for action in granted:
        if action not in roles.ALLOWED:
            raise UnknownAction(
                _("may: there is no action %(action)r; choose from %(allowed)s")
                % {"action": action[:60], "allowed": ", ".join(sorted(roles.ALLOWED))},
                field="may",
                value=action[:60],
            )
    until = at + LIFE if expires_at is None else expires_at
    if until <= at:
        raise BadExpiry(
            _("expires_at: %(until)s is past; give a later instant") % {"until": until.isoformat()},
            field="expires_at",
            value=until.isoformat(),
        )
    answers = made_for or (by if by.kind == "operator" else None)
    token = f"rk_{secrets.token_hex(32)}"
    try:
        with transaction.atomic():
            row = Row.objects.create(
                name=name,
                prefix=token[:_SHOWN],
                digest=_digest(token),
                may=granted,
                made_for="" if answers is None else str(answers),
                made_at=at,
                expires_at=until,
            )
            trail.record(
                by=by,
                verb="api_keys.make",
                subject=f"api_key:{row.id}",
                at=at,
                after={"name": name, "may": granted, "expires_at": until.isoformat(), "made_for": row.made_for},
            )
    except IntegrityError:
        raise KeyNameTaken(
            _("name: %(name)r is or was another key's; choose a new name") % {"name": name}, field="name", value=name
        ) from None
    return Made(_key(row), token)


def revoke(*, name: str, at: datetime, by: Actor, why: str = "") -> ApiKey:
    """The key opens nothing any more, from now on and for good. Again changes nothing."""
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(name=name).first()
        if row is None:
            raise UnknownKey(
                _("name: there is no key %(name)r; look at the list of keys") % {"name": name[:LONGEST_NAME]},
                field="name",
                value=name[:LONGEST_NAME],
            )
        if row.revoked_at is None:
            row.revoked_at = at
            row.save(update_fields=["revoked_at"])
            trail.record(
                by=by, verb="api_keys.revoke", subject=f"api_key:{row.id}", at=at, after={"name": name}, why=why
            )
    return _key(row)


def present(*, token: str, at: datetime | None = None) -> ApiKey | None:
    """The key whose secret this is; None for one that is unknown, revoked or expired. Without `at`, now by the
    database's clock.

    One indexed row in one statement, for it stands before every request; and once a day a write: the day of last use,
    which is not worth more.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT, [_digest(token)])
        row = cursor.fetchone()
    if row is None:
        return None
    number, name, prefix, may, made_for, *rest, now = row
    key = ApiKey(number, name, prefix, frozenset(json.loads(may)), _actor(made_for), *rest)
    if not key.works(at or now):
        return None
    today = (at or now).astimezone(UTC).date()
    if key.last_used_on is None or key.last_used_on < today:
        Row.objects.filter(id=number).update(last_used_on=today)
    return key


def behind(by: Actor) -> Actor | None:
    """The person behind what was done: of a key whoever answers for it, None where nobody does. One query of a key."""
    if by.kind != "api":
        return by
    row = Row.objects.filter(id=int(by.id)).first() if by.id.isdigit() else None
    return None if row is None else _actor(row.made_for)


def hands_of(person: Actor) -> list[Actor]:
    """All that acts for a person: themselves and the keys they answer for, ended ones too. One query."""
    keys = Row.objects.filter(made_for=str(person)).order_by("id").values_list("id", flat=True)
    return [person, *(Actor("api", str(number)) for number in keys)]


def every() -> list[ApiKey]:
    """All keys, revoked ones too, by name. One query."""
    return [_key(row) for row in Row.objects.order_by("name")]


def _digest(token: str) -> bytes:
    # 256 random bits need no slow hash; finding them by an index tells a guesser nothing about the secret.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _actor(told: str) -> Actor | None:
    kind, _colon, number = told.partition(":")
    return Actor("operator", number) if kind == "operator" else None


def _key(row: Row) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.prefix,
        frozenset(row.may),
        _actor(row.made_for),
        row.made_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_on,
    )
