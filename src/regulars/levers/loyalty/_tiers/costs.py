"""What the benefits of levels cost a year, by what they saved those who were on each level so far; and who would have
them under other rules."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.insight.measures import estimates
from regulars.insight.measures.estimates import Estimate
from regulars.kit import civil
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty.programme_files import Programme

#: What was used so long before counts.
DAYS = 365
# Of each person who was on a level while it had the benefit: for how many days, and what they saved there by it.
_SAVED = f"""
WITH stays AS (
  SELECT customer_id, after AS level, "on" AS since,
         COALESCE(lead("on") OVER (PARTITION BY customer_id ORDER BY id), %(until)s) AS until
    FROM loyalty_tier_move WHERE programme_id = %(programme)s AND tiers = %(tiers)s
), stood AS (
  SELECT told.benefit, stays.customer_id, stays.level,
         sum(LEAST(stays.until, %(until)s) - GREATEST(stays.since, told.since)) AS days
    FROM unnest(%(benefits)s::text[], %(since)s::date[]) AS told(benefit, since)
    JOIN stays ON LEAST(stays.until, %(until)s) > GREATEST(stays.since, told.since)
   WHERE stays.level <> '' GROUP BY 1, 2, 3
), used AS (
  SELECT one.benefit, COALESCE(record.person_id, record.id) AS customer_id, split_part(one.because, '.', 2) AS level,
         sum(one.saved_minor) AS minor, count(*) AS uses
    FROM loyalty_benefit_use AS one JOIN {CUSTOMERS} AS record ON record.id = one.record_id
    JOIN unnest(%(benefits)s::text[], %(since)s::date[]) AS told(benefit, since)
      ON told.benefit = one.benefit AND one."on" >= told.since AND one."on" < %(until)s
   WHERE one.programme_id = %(programme)s AND one.source = 'tier' AND one.given_back_at IS NULL
     AND split_part(one.because, '.', 1) = %(tiers)s AND one.saved_currency IN ('', %(money)s)
   GROUP BY 1, 2, 3
)
SELECT stood.benefit, stood.level, count(*), COALESCE(sum(used.uses), 0), sum(x), sum(x * x), sum(days),
       sum(days * days), sum(x * days)
  FROM stood LEFT JOIN used USING (benefit, customer_id, level)
 CROSS JOIN LATERAL (SELECT COALESCE(used.minor, 0)::numeric * {DAYS} AS x) AS saved
 GROUP BY 1, 2
"""  # noqa: S608 - of constants


@dataclass(frozen=True)
class BenefitCost:
    """A benefit of a level ("set.level"), had by so many people: `now`, `then` under other rules at once, and in the
    end if nothing else happens (`now_later`, `then_later`).

    `a_year` is what it saved one of those on that level in a year so far, in minor units, from as many people as were
    on it in the last year; `uses` of theirs. Without a value nobody knows: nobody was on that level with it.
    """

    benefit: str
    level: str
    now: int
    then: int
    now_later: int
    then_later: int
    uses: int
    a_year: Estimate

    @property
    def at_once(self) -> Estimate:
        """What it costs a year more from then on; less than nothing: less."""
        return times(self.a_year, self.then - self.now)

    @property
    def in_the_end(self) -> Estimate:
        """What it costs a year more once everybody who comes down has come down."""
        return times(self.a_year, self.then_later - self.now_later)


def times(one: Estimate, many: int) -> Estimate:
    """So much for each of so many: of nobody nothing, whatever one costs."""
    if not many:
        return estimates.exact(0, one.n, "money", "customers")
    if one.value is None or one.low is None or one.high is None:
        return one
    low, high = sorted((one.low * many, one.high * many))
    return Estimate(one.value * many, one.n, low, high, "money", "customers", is_exact=one.is_exact)


def all_of(some: Sequence[Estimate]) -> Estimate:
    """Together. The ends are added, for the same people have several benefits: rather too wide than too narrow."""
    known = [one for one in some if one.value is not None and one.low is not None and one.high is not None]
    if some and not known:
        return some[0]
    return Estimate(
        sum(one.value or 0 for one in known),
        min((one.n for one in known if not one.is_exact), default=0),
        sum(one.low or 0 for one in known),
        sum(one.high or 0 for one in known),
        "money",
        "customers",
        is_exact=all(one.is_exact for one in known),
    )


class Having:
    """Counts who has which benefits by their levels, under what is in force and under a draft."""

    def __init__(self, now: Programme | None, then: Programme) -> None:
        self.now, self.then = now, then
        self.counted: tuple[Counter[tuple[str, str]], ...] = (Counter(), Counter(), Counter(), Counter())

    def count(self, levels: Mapping[str, tuple[str, str, str, str]]) -> None:
        """One person: in each set their level now, then, now in the end and then in the end."""
        for which, says in enumerate((self.now, self.then, self.now, self.then)):
            mine = {tiers: each[which] for tiers, each in levels.items() if each[which]}
            if says is None or not mine:
                continue
            ranks = {one.id: one.rank(mine[one.id]) for one in says.tiers if one.id in mine}
            for benefit in says.benefits:
                right = benefit.on(ranks)
                if right is not None:
                    self.counted[which][benefit.id, f"{right.on.tiers}.{mine[right.on.tiers]}"] += 1

    def costs(self, ladder: Ladder | None, at: datetime) -> list[BenefitCost]:
        """Those of which another number of people would have it, in the order of the file."""
        now, then, now_later, then_later = self.counted
        places = sorted(
            {place for counted in self.counted for place in counted},
            key=lambda place: (self._place_of(place[0]), place),
        )
        differs = [one for one in places if now[one] != then[one] or now_later[one] != then_later[one]]
        if not differs:
            return []
        known = {} if ladder is None else so_far(ladder, at)
        nobody = (0, estimates.unknown("nobody", "money", "customers"))
        found = []
        for place in differs:
            uses, a_year = known.get(place, nobody)
            numbers = (now[place], then[place], now_later[place], then_later[place])
            found.append(BenefitCost(place[0], place[1], *numbers, uses, a_year))
        return found

    def _place_of(self, benefit: str) -> int:
        return next((n for n, one in enumerate(self.then.benefits) if one.id == benefit), len(self.then.benefits))


def so_far(ladder: Ladder, at: datetime) -> dict[tuple[str, str], tuple[int, Estimate]]:
    """How often each benefit was used on each level in the last year, and what it saved one person a year there, in
    the programme's money. A query for each set of tiers."""
    says = ladder.says
    since = _in_force_since(ladder, at)
    today = civil.day_of(at, ladder.zone)
    told: dict[str, Any] = {
        "programme": ladder.programme,
        "until": today + timedelta(days=1),
        "money": says.money,
        "benefits": list(since),
        "since": [max(day, today - timedelta(days=DAYS - 1)) for day in since.values()],
    }
    found: dict[tuple[str, str], tuple[int, Estimate]] = {}
    for tiers in says.tiers:
        with connection.cursor() as cursor:
            cursor.execute(_SAVED, told | {"tiers": tiers.id})
            for benefit, level, n, uses, above, above2, below, below2, both in cursor.fetchall():
                sums = (int(above), int(above2), int(below), int(below2), int(both))
                a_year = estimates.ratio(*sums, n, "money", "customers", least=0)
                found[benefit, f"{tiers.id}.{level}"] = (int(uses), a_year)
    return found


def _in_force_since(ladder: Ladder, at: datetime) -> dict[str, date]:
    """Since when each benefit in force has been so without a break."""
    found: dict[str, date] = {}
    for version, from_at in tier_facts.activations(at).get(ladder.programme, ()):
        has = set() if version is None else {one.id for one in programmes.read_plainly(version).benefits}
        day = civil.day_of(from_at, ladder.zone)
        found = {name: found.get(name, day) for name in has}
    return found
