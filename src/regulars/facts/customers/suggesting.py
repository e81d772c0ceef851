"""Likely duplicates become questions for somebody, never joins: who is alike, how much, and by which signs.

Keyed hashes in the database find who may be meant; only their profiles are opened, in memory, some at a time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from django.db import connection, transaction

from regulars.facts.customers import _names, _sealing, _settling, likeness, persons
from regulars.facts.customers.models import Decision, Review
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.projecting import Decided, latest
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

#: What is less likely is not worth somebody's time.
AT_LEAST = 0.9
#: Profiles opened at a time.
_LOT = 5_000
_OPENED = ("given_name", "family_name", "display_name", "birthday", "address", "phone", "email")
#: A contact or a beginning of a name that 2 to 100 have; what more have tells little.
_CANDIDATES = """
WITH told AS (
    SELECT digest, customer_id FROM customers_name_prefix
    UNION ALL SELECT email_digest, customer_id FROM customers_profile WHERE email_digest IS NOT NULL
    UNION ALL SELECT phone_digest, customer_id FROM customers_profile WHERE phone_digest IS NOT NULL
), shared AS (SELECT digest FROM told GROUP BY digest HAVING count(*) BETWEEN 2 AND 100)
SELECT DISTINCT customer_id FROM told JOIN shared USING (digest) ORDER BY customer_id
"""


@dataclass(frozen=True)
class Suggested:
    """How many profiles were opened, how many pairs are alike enough, and how many questions are new."""

    opened: int
    alike: int
    asked: int


def suggest(*, at: datetime, by: Actor, progress: Callable[[int, int], None] = lambda *_: None) -> Suggested:
    """Ask about every pair of customers that is likely one person and that nobody decided about. Again: nothing new.

    Joins nobody. `progress` hears how many profiles of how many are open.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES)
        candidates = [customer for (customer,) in cursor.fetchall()]
    people: list[dict[str, str | int | None]] = []
    for start in range(0, len(candidates), _LOT):
        rows = Row.objects.filter(customer_id__in=candidates[start : start + _LOT])
        opened = _sealing.open_rows(rows, _OPENED)
        people += [{"customer": customer, **_told(of)} for customer, of in sorted(opened.items())]
        progress(min(start + _LOT, len(candidates)), len(candidates))
    if len(people) < 2:
        return Suggested(len(people), 0, 0)
    schema = {"customer": pl.Int64, **dict.fromkeys(likeness.COLUMNS, pl.String)}
    frame = pl.DataFrame(people, schema=schema)
    found = likeness.likely(frame, at_least=AT_LEAST).sort("score", descending=True)
    names = [field.name for field in likeness.FIELDS]
    alike = [
        (a, b, score, [f"{sign.field}:{sign.level}" for sign in likeness.signs(levels)])
        for a, b, score, levels in zip(
            frame["customer"].gather(found["one"]).to_list(),
            frame["customer"].gather(found["other"]).to_list(),
            found["score"].to_list(),
            found.select(names).to_numpy(),
            strict=True,
        )
    ]
    return Suggested(len(people), len(alike), _ask(alike, at, by))


def _told(opened: dict[str, str]) -> dict[str, str | None]:
    given, family = opened.get("given_name"), opened.get("family_name")
    if not given and not family and (whole := opened.get("display_name", "").strip()):
        # A Chinese family name is written first, mostly in one character; others come last.
        first, _, last = whole.rpartition(" ")
        family, given = (whole[:1], whole[1:]) if _names.is_cjk(whole) else (last, first)
    rest = {name: opened.get(name) for name in ("birthday", "address", "phone", "email")}
    return {"given_name": given, "family_name": family, **rest}


def _ask(alike: Iterable[tuple[int, int, float, list[str]]], at: datetime, by: Actor) -> int:
    """Open the questions, of each two people the most alike records; none about who is decided. How many are new."""
    with transaction.atomic():
        _settling.lock()
        pairs = [(min(a, b), max(a, b), score, signs) for a, b, score, signs in alike]
        records = {record for pair in pairs for record in pair[:2]}
        person = persons.of_many(records)
        decisions = Decision.objects.filter(one_id__in=records, other_id__in=records)
        decided = latest(Decided(d.one_id, d.other_id, _settling.verdict(d.verdict), d.at) for d in decisions)
        done = {frozenset((person[a], person[b])) for (a, b), one in decided.items() if one.verdict == "apart"}
        asked = Review.objects.filter(kind="likeness", one_id__in=records, other_id__in=records)
        done |= {frozenset((person[a], person[b])) for a, b in asked.values_list("one_id", "other_id")}
        fresh = []
        for one, other, score, signs in pairs:
            two = frozenset((person[one], person[other]))
            if len(two) == 2 and two not in done:
                done.add(two)
                fresh.append(
                    Review(kind="likeness", one_id=one, other_id=other, score=score, signs=signs, opened_at=at)
                )
        Review.objects.bulk_create(fresh)
        if fresh:
            trail.record(by=by, verb="customers.suggest", subject="customers:many", at=at, after={"asked": len(fresh)})
    return len(fresh)
