"""What the shop decides about consent, tried before it counts: what needs no yes, and the age of consent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from regulars.facts.company import company
from regulars.facts.customers import _consent_rows, consent_settings, consenting
from regulars.facts.customers.consent_settings import AGE_OF_CONSENT, WITHOUT_ASKING
from regulars.facts.customers.consenting import Asked, Known
from regulars.facts.customers.purposes import ANY, MESSAGES, USES, Channel
from regulars.facts.customers.wishing import Wishes
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences
from regulars.runtime.preferences.preferences import BadValue

#: How many of those who answered, or told their birthday, a preview looks at.
MOST_LOOKED_AT: Final = 5_000
_LOT: Final = 1_000
_PAIRS: Final = (
    *((purpose, channel) for purpose in MESSAGES for channel in Channel),
    *((purpose, None) for purpose in USES),
)
_TOLD = """
WITH told AS (
  SELECT customer_id FROM customers_consent
   UNION SELECT customer_id FROM customers_wish WHERE name = 'is_personalised'
   UNION SELECT customer_id FROM customers_profile WHERE birthday IS NOT NULL OR lunar_birthday IS NOT NULL
), person AS (
  SELECT DISTINCT coalesce(record.person_id, record.id) AS id FROM told
    JOIN customers_customer AS record ON record.id = told.customer_id
)
SELECT (SELECT count(*) FROM customers_customer WHERE person_id IS NULL), (SELECT count(*) FROM person),
       ARRAY(SELECT id FROM person ORDER BY hashint8(id), id LIMIT %s)
"""


@dataclass(frozen=True)
class ConsentRules:
    """`without_asking`: `purpose/channel` pairs that need no yes before. `ages`: `CN:14`, from which age somebody
    decides alone there; `*:16` elsewhere."""

    without_asking: tuple[str, ...]
    ages: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """Of how many more people a purpose would be allowed by a channel (None: a use that is no message), and how
    many fewer."""

    purpose: str
    channel: str | None
    more: int
    fewer: int


@dataclass(frozen=True)
class Preview:
    """`people` there are; of `told` something is known that decides for them alone, of whom `looked_at` were asked
    about. Where those are fewer the changes are estimates: as of those, so of all."""

    people: int
    told: int
    looked_at: int
    changes: tuple[Change, ...]

    @property
    def is_estimate(self) -> bool:
        """Whether not everybody was looked at."""
        return self.looked_at < self.told


def now() -> ConsentRules:
    """What counts. One query."""
    ages, free = preferences.read_both(AGE_OF_CONSENT, WITHOUT_ASKING)
    return ConsentRules(free, ages)


def change(*, rules: ConsentRules, at: datetime, by: Actor, why: str = "") -> None:
    """From now on these count, for the very next question. The same again changes nothing. Refuses with `BadValue`."""
    _check(rules)
    with transaction.atomic():
        preferences.write(WITHOUT_ASKING, rules.without_asking, at=at, by=by, why=why)
        preferences.write(AGE_OF_CONSENT, rules.ages, at=at, by=by, why=why)


def what_if(rules: ConsentRules, *, at: datetime) -> Preview:
    """Of how many more, and how many fewer, a use would be allowed. Brands, hours and pauses are left out of it.

    Writes nothing.

    Of whom nothing is known that decides for them alone, one answer holds for all; the others are looked at one by one,
    up to `MOST_LOOKED_AT`. Eight queries for a thousand of them. Refuses with `BadValue`.
    """
    _check(rules)
    before, shop = now(), company.shop()
    frees = tuple(consent_settings.free(one.without_asking) for one in (before, rules))
    ages = consent_settings.by_country(rules.ages)
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, [MOST_LOOKED_AT])
        [(everybody, told, some)] = cursor.fetchall()
    # Of those who were looked at; True: allowed then.
    seen: Counter[tuple[tuple[str, str | None], bool]] = Counter()
    for start in range(0, len(some), _LOT):
        lot = some[start : start + _LOT]
        who = _consent_rows.people(lot)
        for person, known in _consent_rows.known(lot, at=at, purposes=None, with_birthdays=True).items():
            country = _consent_rows.country_of(who, person, shop.country)
            then = replace(known, age_of_consent=consent_settings.age_in(country, ages))
            seen.update(_differing(known, then, frees, at))
    nobody = Known(zone=civil.zone(shop.zone))
    alike = set(_differing(nobody, nobody, frees, at))
    weight = told / len(some) if some else 1.0

    def count(pair: tuple[str, str | None], is_more: bool) -> int:
        return round(seen[pair, is_more] * weight) + ((everybody - told) if (pair, is_more) in alike else 0)

    changes = [Change(*pair, count(pair, True), count(pair, False)) for pair in _PAIRS]
    changes = [one for one in changes if one.more or one.fewer]
    return Preview(everybody, told, len(some), tuple(changes))


def _differing(
    known: Known, then: Known, frees: Sequence[Mapping[tuple[str, str], bool]], at: datetime
) -> Iterator[tuple[tuple[str, str | None], bool]]:
    """Pairs that are decided otherwise, and whether they are allowed then."""
    before, after = frees
    for pair in _open(known, then, before, after):
        asked = Asked(*pair, at)
        # What they wish beyond that is theirs: it stands whatever the shop decides.
        was = consenting.decide(asked, _plain(known, pair), without_asking=before).is_allowed
        will = consenting.decide(asked, _plain(then, pair), without_asking=after).is_allowed
        if was != will:
            yield pair, will


def _open(
    known: Known, then: Known, before: Mapping[tuple[str, str], bool], after: Mapping[tuple[str, str], bool]
) -> Iterable[tuple[str, str | None]]:
    if known.grown_at != then.grown_at:
        return _PAIRS
    return [pair for pair in _PAIRS if _is_free(before, pair) != _is_free(after, pair)]


def _is_free(free: Mapping[tuple[str, str], bool], pair: tuple[str, str | None]) -> bool:
    return consenting.is_free(free, pair[0], pair[1] or ANY)


def _plain(known: Known, pair: tuple[str, str | None]) -> Known:
    return known if pair[1] is None else replace(known, wishes=Wishes())


def _check(rules: ConsentRules) -> None:
    for preference, told in ((WITHOUT_ASKING, rules.without_asking), (AGE_OF_CONSENT, rules.ages)):
        if complaint := preference.check(told):
            raise BadValue(preference.name, complaint)
