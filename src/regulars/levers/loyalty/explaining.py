"""What was decided of an order or event, in the reader's language: what each rule gave and why, and why not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning.rows import Earning, Version
from regulars.levers.loyalty.rules import reasons
from regulars.levers.loyalty.rules.grants import Reason
from regulars.levers.loyalty.rules.rule import points_text
from regulars.levers.loyalty.titles import titled


@dataclass(frozen=True)
class Ruled:
    """What one rule came to. `points` are in words, "0" where it gave nothing; `lines`: line of the order to its parts;
    `because` says why, or why not."""

    rule: str
    parts: int
    points: str
    lines: Mapping[int, int]
    because: str


@dataclass(frozen=True)
class Decided:
    """What a programme decided for a subject, such as "order:123", by which of its versions, when, and with what it
    knew of the customer then (`evidence`)."""

    subject: str
    programme: str
    version: int
    customer: int
    effective_at: datetime
    decided_at: datetime
    evidence: Mapping[str, Any]
    rules: Sequence[Ruled]


def of_subject(subject: str) -> list[Decided]:
    """What every programme decided for it. Two queries."""
    return _read(Earning.objects.filter(subject=subject, revision__gt=0).order_by("programme_id"))


def of_order(order: int) -> list[Decided]:
    """What an order earned and why, and what it did not earn and why not."""
    return of_subject(f"order:{order}")


def of_customer(customer: int, *, limit: int = 50) -> list[Decided]:
    """What was decided for a customer record, the latest first. Two queries."""
    return _read(Earning.objects.filter(record=customer, revision__gt=0).order_by("-effective_at", "-id")[:limit])


def earned_by(orders: Sequence[int]) -> dict[int, list[tuple[str, int, int]]]:
    """What stands of what each order earned, for each kind of points: what it is called in the reader's language,
    parts, and their scale. One query."""
    found: dict[int, list[tuple[str, int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_EARNED, [[f"order:{order}" for order in orders]])
        for order, code, words, parts, scale in cursor.fetchall():
            found.setdefault(order, []).append((titled(code, json.loads(words)), parts, scale))
    return found


_EARNED = """
SELECT substr(earning.subject, 7)::bigint, currency.code, currency.titles::text,
       sum(lot.original - lot.taken_back - lot.short)::bigint, currency.scale
  FROM loyalty_earning AS earning JOIN loyalty_lot AS lot ON lot.earning_id = earning.id
  JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE earning.subject = ANY(%s) GROUP BY earning.subject, currency.id ORDER BY earning.subject, currency.code
"""


def _read(rows: Any) -> list[Decided]:
    found = list(rows)
    numbers = dict(Version.objects.filter(id__in={row.version_id for row in found}).values_list("id", "number"))
    return [_decided(row, numbers[row.version_id]) for row in found]


def _decided(row: Earning, number: int) -> Decided:
    programme = programmes.read(row.version_id)
    told = {**row.missed, **row.why}
    return Decided(
        subject=row.subject,
        programme=programme.code,
        version=number,
        customer=row.record_id,
        effective_at=row.effective_at,
        decided_at=row.decided_at,
        evidence=row.context,
        rules=[
            _ruled(rule.id, row.lines.get(rule.id, {}), told[rule.id], programme.currency.scale)
            for rule in programme.rules
            if rule.id in told
        ],
    )


def _ruled(rule: str, lines: Mapping[str, int], told: Sequence[Any], scale: int) -> Ruled:
    parts, (code, facts) = sum(lines.values()), told
    return Ruled(
        rule=rule,
        parts=parts,
        points=points_text(parts, scale),
        lines={int(line): share for line, share in lines.items()},
        because=reasons.said(Reason(code, facts)),
    )
