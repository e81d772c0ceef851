"""A no told for an address or number counts for whoever comes with it later: nobody is written to who said stop.

    kept_nos.keep_many(told=[KeptNo(kind="email", value="li@example.cn", purpose="marketing", …)], by=…)

The address itself is not kept, only the keyed hash by which people are found. Once somebody tells it, the no goes on
record among their own answers, dated when it was said: what they answered since then still counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from regulars.facts.customers import consent, contacts
from regulars.facts.customers.consent import Told
from regulars.kit.actors import Actor
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail


@dataclass(frozen=True, kw_only=True)
class KeptNo:
    """A no for an address or a number in E.164 (`kind`: email, phone). `key` makes its repeat harmless.

    `purpose` and `channel` may be `*`; `brand` None is every brand.
    """

    kind: str
    value: str
    purpose: str
    channel: str
    place: str
    at: datetime
    key: str
    brand: int | None = None
    source: str = ""


_KEEP = """
INSERT INTO customers_kept_no (kind, digest, purpose, channel, brand_id, place, source, key, at, by_kind, by_id)
SELECT told.*, %s, %s
  FROM unnest(%s::text[], %s::bytea[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
              %s::timestamptz[]) AS told(kind, digest, purpose, channel, brand_id, place, source, key, at)
ON CONFLICT (key) DO NOTHING
"""
_OF_THEM = """
SELECT told.customer, kept.id, kept.purpose, kept.channel, kept.brand_id, kept.place, kept.source, kept.at,
       kept.by_kind, kept.by_id
  FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS told(customer, kind, digest)
  JOIN customers_kept_no AS kept ON kept.digest = told.digest AND kept.kind = told.kind
 ORDER BY kept.id, told.customer
"""


def keep_many(*, told: Sequence[KeptNo], by: Actor) -> int:
    """How many are new. All or nothing; who has the address already is not told by it, see `consent.record_many`."""
    if not told:
        return 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _KEEP,
                [
                    *(by.kind, by.id),
                    [one.kind for one in told],
                    [_digest(one) for one in told],
                    [one.purpose for one in told],
                    [one.channel for one in told],
                    [one.brand for one in told],
                    [one.place for one in told],
                    [one.source for one in told],
                    [one.key for one in told],
                    [one.at for one in told],
                ],
            )
            made = int(cursor.rowcount)
        if made:
            trail.record(
                by=by,
                verb="kept_nos.keep_many",
                subject=f"namespace:{told[0].source}",
                at=max(one.at for one in told),
                after={"count": made},
            )
    return made


def count_for(digests: Mapping[tuple[int, str], bytes | None]) -> Collection[int]:
    """Put on record what was said no to at the addresses that these customers, by (customer, kind), have now.

    In the caller's transaction. One indexed query where nothing was; again changes nothing. Returns who it concerned.
    """
    told = [(customer, kind, digest) for (customer, kind), digest in digests.items() if digest is not None]
    if not told:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_OF_THEM, [list(column) for column in zip(*told, strict=True)])
        rows = cursor.fetchall()
    by_whom: dict[Actor, list[Told]] = {}
    for customer, number, purpose, channel, brand, place, source, at, by_kind, by_id in rows:
        by_whom.setdefault(Actor(by_kind, by_id), []).append(
            Told(
                customer=customer,
                purpose=purpose,
                channel=channel,
                is_granted=False,
                place=place,
                at=at,
                key=f"kept-no:{number}:{customer}",
                brand=brand,
                source=source,
            )
        )
    for by, answers in by_whom.items():
        consent.record_many(told=answers, by=by, origin="history")
    return {row[0] for row in rows}


def _digest(no: KeptNo) -> bytes:
    return lookup.digest(no.kind, contacts.email(no.value).key if no.kind == "email" else no.value)
