"""Write keys: what a source shows when it sends. They stand in web pages, so they open nothing but sending."""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import Source as SourceRow
from regulars.facts.sources.models import WriteKey as Row
from regulars.facts.sources.sources import Source, SourceRetired, UnknownSource, of_row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

KINDS = ("track", "identify", "page", "screen", "group", "alias")
#: Messages a second one key may send for long; twice as many in a burst.
PER_SECOND = 5_000
#: What a whole key looks like. No underscore: some clients put it into addresses and cookies as it is.
PATTERN = r"wk[0-9a-f]{32}"
_SHOWN = len("wk") + 6


@dataclass(frozen=True)
class WriteKey:
    """One key without its secret. `kinds` are the calls it may make, all when empty; `per_second` messages."""

    id: int
    source: int
    prefix: str
    kinds: frozenset[str]
    per_second: int
    made_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Made:
    """A fresh key and its secret, which nobody can be shown again."""

    key: WriteKey
    token: str


@dataclass(frozen=True)
class Door:
    """A key together with its source, for whoever lets messages in."""

    key: WriteKey
    source: Source

    @property
    def is_open(self) -> bool:
        """Neither the key is revoked nor its source retired."""
        return self.key.revoked_at is None and self.source.retired_at is None


class BadKinds(Refusal):
    """A call the protocol does not have."""

    code = "write_keys.bad_kinds"


class BadRate(Refusal):
    """Not a number of messages a second."""

    code = "write_keys.bad_rate"


class UnknownWriteKey(Refusal):
    """No such key."""

    code = "write_keys.unknown"


def make(*, source: int, kinds: Collection[str] = (), per_second: int = PER_SECOND, at: datetime, by: Actor) -> Made:
    """A new key for the source: for all calls unless `kinds` names some, for `per_second` messages.

    A secret is shown once, so each call makes a new key; revoke the one that was lost.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise BadKinds(
            _("kinds: %(unknown)r is no call; use some of %(kinds)s, or none for all")
            % {"unknown": unknown[0][:20], "kinds": ", ".join(KINDS)},
            field="kinds",
            value=unknown[0][:20],
        )
    if not 1 <= per_second <= 1_000_000:
        raise BadRate(
            _("per_second: %(per_second)s is no rate; give 1 to 1,000,000 messages a second")
            % {"per_second": per_second},
            field="per_second",
            value=per_second,
        )
    token = f"wk{secrets.token_hex(16)}"
    with transaction.atomic():
        found = SourceRow.objects.filter(id=source).first()
        if found is None:
            raise UnknownSource(
                _("source: there is no number %(source)s; look at the list") % {"source": source},
                field="source",
                value=source,
            )
        if found.retired_at is not None:
            raise SourceRetired(
                _("source: %(name)r is retired; make another source") % {"name": found.name},
                field="source",
                value=source,
            )
        row = Row.objects.create(
            source_id=source,
            prefix=token[:_SHOWN],
            digest=digest(token),
            kinds=sorted(set(kinds)),
            per_second=per_second,
            made_at=at,
        )
        trail.record(
            by=by,
            verb="write_keys.make",
            subject=f"source:{source}",
            at=at,
            after={"key": row.id, "kinds": row.kinds, "per_second": per_second},
        )
    return Made(_key(row), token)


def revoke(*, key: int, at: datetime, by: Actor, why: str = "") -> WriteKey:
    """The key opens nothing any more, for good; what still comes with it goes to quarantine. Again changes nothing."""
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=key).first()
        if row is None:
            raise UnknownWriteKey(
                _("key: there is no number %(key)s; look at the list") % {"key": key}, field="key", value=key
            )
        if row.revoked_at is None:
            row.revoked_at = at
            row.save(update_fields=["revoked_at"])
            trail.record(
                by=by, verb="write_keys.revoke", subject=f"source:{row.source_id}", at=at, after={"key": key}, why=why
            )
    return _key(row)


def of_source(source: int) -> list[WriteKey]:
    """The source's keys, newest first, revoked ones too. One query."""
    return [_key(row) for row in Row.objects.filter(source_id=source).order_by("-id")]


def doors() -> Mapping[bytes, Door]:
    """Every key, revoked ones too, by the digest of its secret. One query; there are few."""
    return {
        bytes(row.digest): Door(_key(row), of_row(row.source)) for row in Row.objects.select_related("source").all()
    }


def digest(token: str) -> bytes:
    """Under what a key's secret is known: SHA-256, 32 bytes. The secret has 128 random bits and needs no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def looks_like_one(token: str) -> bool:
    """Whether the text has a write key's form."""
    return re.fullmatch(PATTERN, token) is not None


def _key(row: Row) -> WriteKey:
    return WriteKey(
        row.id, row.source_id, row.prefix, frozenset(row.kinds), row.per_second, row.made_at, row.revoked_at
    )
