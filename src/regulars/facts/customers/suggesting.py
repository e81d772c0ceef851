"""Likely duplicates become questions for somebody, never joins: who is alike, how much, and by which signs.

Everybody is opened once, some at a time, and leaves numbers behind: hashes of what they could be found alike by. Their
texts stay in memory until all pairs are compared, made ready for each lot of pairs; only of more people than that is
good for those of each lot are opened again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from regulars.facts.customers import _names, _sealing, _settling, likeness, persons
from regulars.facts.customers._candidates import Keys
from regulars.facts.customers._comparing import UNKNOWN, Ints
from regulars.facts.customers.models import CONTACTS, Decision, Look, Review
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.projecting import Decided, latest, verdict
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

#: What is less likely is not worth somebody's time.
AT_LEAST = 0.9
#: Profiles opened at a time.
_LOT = 5_000
#: People who are ready to be compared at a time, some 800 bytes each: all where there are no more, else those the
#: weights are learned from.
_KEPT = 200_000
#: People whose texts stay in memory, some 130 bytes each. Opening a sealed profile takes ten times as long as making
#: its texts ready, and in lots of pairs everybody is met some six times.
_TEXTS_KEPT = 2_000_000
#: Pairs compared at a time where not all are ready.
_LOT_OF_PAIRS = 50_000
#: Questions settled in one transaction: others who join or part people wait for its end.
_ASKED_AT_ONCE = 2_000
#: Fields that have to speak for one person. A contact alone that two tell is asked about already, as a claim.
_LEAST_SIGNS = 2
_OPENED = ("given_name", "family_name", "display_name", "birthday", "address", "phone", "email")
#: The level of each field that speaks against.
_DIFFERENT = np.array([len(field.levels) - 1 for field in likeness.FIELDS])
_READ = (*_OPENED, *(f"{kind}_digest" for kind in CONTACTS))
_SCHEMA = {"customer": pl.Int64, **dict.fromkeys(likeness.COLUMNS, pl.String)}


#: Contacts of more people than have one together: a till's phone, what people type to be let through.
_WORN = """
SELECT {kind}_digest FROM customers_profile WHERE {kind}_digest IS NOT NULL
 GROUP BY {kind}_digest HAVING count(*) > %s
"""


@dataclass(frozen=True)
class Suggested:
    """How many profiles were opened, how many pairs are alike enough, how many questions are new, and how many open
    ones ask no more because the two are not alike any longer."""

    opened: int
    alike: int
    asked: int
    gone: int = 0


@dataclass(frozen=True)
class _Pair:
    one: int
    other: int
    score: float
    signs: list[str]


def suggest(
    *, at: datetime, by: Actor, progress: Callable[[int, int], None] = lambda *_: None, look: int | None = None
) -> Suggested:
    """Ask about every pair of customers that is likely one person and that nobody decided about. Again: nothing new.

    Joins nobody. Open questions get the score and the signs of today, and those of who is not alike any more go.
    `progress` hears how many profiles of how many are open. `look` is the number of a look that was asked for.
    """
    asked_for = Look.objects.filter(id=look).first() if look is not None else None
    row = asked_for or Look(asked_at=at, by=str(by))
    row.began_at, row.seen_at, row.ended_at = at, timezone.now(), None
    row.people = Row.objects.count()
    row.save()

    def went_on(opened: int) -> None:
        row.opened, row.seen_at = opened, timezone.now()
        row.save(update_fields=["opened", "seen_at"])
        progress(opened, row.people)

    asked_before = Review.objects.aggregate(Max("id"))["id__max"] or 0
    nobodys = _nobodys()
    everybody = _read(row.people, nobodys, went_on)
    alike = list(_alike(everybody, nobodys))
    asked, gone = _settle(alike, asked_before, at, by)
    row.opened, row.alike, row.asked, row.gone = len(everybody.customers), len(alike), asked, gone
    row.ended_at = timezone.now()
    row.save()
    return Suggested(row.opened, row.alike, row.asked, row.gone)


@dataclass(frozen=True)
class _Everybody:
    """Of each customer the hashes of each block; `kept` are the texts of all of them, or of some drawn blindly. `texts`
    are those of all, in their order; none where they are too many."""

    customers: Ints
    keys: Sequence[Keys]
    kept: pl.DataFrame
    texts: pl.DataFrame | None

    @property
    def is_whole(self) -> bool:
        return len(self.kept) == len(self.customers)


def _nobodys() -> frozenset[bytes]:
    """The keyed hashes of contacts that say nothing of who somebody is. Three queries."""
    rules = _settling.current_rules()
    found = {bytes.fromhex(digest) for digest in rules.blocked}
    with connection.cursor() as cursor:
        for kind in CONTACTS:
            cursor.execute(_WORN.format(kind=kind), [rules.of(kind).most_people])
            found |= {bytes(digest) for (digest,) in cursor.fetchall()}
    return frozenset(found)


def _read(number: int, nobodys: frozenset[bytes], went_on: Callable[[int], None]) -> _Everybody:
    chance = np.random.default_rng(1969)
    customers: list[Ints] = []
    keys: list[list[Keys]] = []
    kept: list[pl.DataFrame] = []
    texts: list[pl.DataFrame] = []
    done = 0
    for frame in _frames(nobodys):
        customers.append(frame["customer"].to_numpy().astype(np.int64))
        keys.append(likeness.hashed_keys(likeness.Records.of(frame)))
        drawn = frame if number <= _KEPT else frame.filter(chance.random(len(frame)) < _KEPT / number)
        kept.append(drawn)
        if _KEPT < number <= _TEXTS_KEPT:
            texts.append(frame)
        done += len(frame)
        went_on(done)
    if not customers:
        return _Everybody(np.zeros(0, dtype=np.int64), [], pl.DataFrame(schema=_SCHEMA), None)
    blocks = [np.concatenate([lot[place] for lot in keys]) for place in range(len(likeness.BLOCKS))]
    of_all = pl.concat(texts, rechunk=True) if texts else None
    return _Everybody(np.concatenate(customers), blocks, pl.concat(kept, rechunk=True), of_all)


def _frames(nobodys: frozenset[bytes]) -> Iterator[pl.DataFrame]:
    after = 0
    while rows := list(Row.objects.filter(customer_id__gt=after).order_by("customer_id").only(*_READ)[:_LOT]):
        after = rows[-1].customer_id
        yield _frame(rows, nobodys)


def _frame(rows: Sequence[Row], nobodys: frozenset[bytes]) -> pl.DataFrame:
    opened = _sealing.open_rows(rows, _OPENED)
    for row in rows:
        for kind in CONTACTS:
            digest = getattr(row, f"{kind}_digest")
            if digest is not None and bytes(digest) in nobodys and row.customer_id in opened:
                opened[row.customer_id].pop(kind, None)
    people: list[dict[str, str | int | None]] = [{"customer": one, **told(opened[one])} for one in sorted(opened)]
    return pl.DataFrame(people, schema=_SCHEMA)


def told(opened: Mapping[str, str]) -> dict[str, str | None]:
    """What an opened profile tells, in the columns that are compared."""
    given, family = opened.get("given_name", ""), opened.get("family_name", "")
    if not given and not family:
        given, family = _names.parted(opened.get("display_name", ""))
    elif _names.is_double(family + given):
        # Some systems cut every Chinese name after its first character.
        given, family = _names.parted(family + given)
    rest = {name: opened.get(name) for name in ("birthday", "address", "phone", "email")}
    return {"given_name": given or None, "family_name": family or None, **rest}


def _alike(everybody: _Everybody, nobodys: frozenset[bytes]) -> Iterator[_Pair]:
    """The pairs that are alike enough."""
    if len(everybody.customers) < 2:
        return
    learned_from = likeness.Records.of(everybody.kept)
    weights = likeness.learn(learned_from)
    size = likeness.LOT if everybody.is_whole else _LOT_OF_PAIRS
    for one, other in likeness.pairs(everybody.keys, size):
        if everybody.is_whole:
            records, left, right = learned_from, one, other
        elif everybody.texts is not None:
            met = np.unique(np.concatenate([one, other]))
            records = likeness.Records.of(everybody.texts[met])
            left, right = np.searchsorted(met, one), np.searchsorted(met, other)
        else:
            numbers = everybody.customers[np.unique(np.concatenate([one, other]))]
            frame = _opened(numbers, nobodys)
            there = frame["customer"].to_numpy()
            pair = np.stack([everybody.customers[one], everybody.customers[other]])
            # Somebody may have been forgotten, or joined to another, since their hashes were made.
            one, other = one[np.isin(pair, there).all(axis=0)], other[np.isin(pair, there).all(axis=0)]
            records = likeness.Records.of(frame)
            left = np.searchsorted(there, everybody.customers[one])
            right = np.searchsorted(there, everybody.customers[other])
        chance, levels = likeness.score(records, left, right, weights)
        speaking = (levels != UNKNOWN) & (levels != _DIFFERENT)
        for place in np.flatnonzero((chance >= AT_LEAST) & (speaking.sum(axis=1) >= _LEAST_SIGNS)):
            first, second = int(everybody.customers[one[place]]), int(everybody.customers[other[place]])
            yield _Pair(first, second, float(chance[place]), signs_of(levels[place]))


def _opened(customers: Ints, nobodys: frozenset[bytes]) -> pl.DataFrame:
    numbers = customers.tolist()
    parts = [
        _frame(list(Row.objects.filter(customer_id__in=numbers[start : start + _LOT]).only(*_READ)), nobodys)
        for start in range(0, len(numbers), _LOT)
    ]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts]).sort("customer")


def signs_of(levels: likeness.Levels) -> list[str]:
    """Signs as they are kept with a question: `phone:same`. Names only, never what is said."""
    return [f"{sign.field}:{sign.level}" for sign in likeness.signs(levels)]


def _settle(alike: Sequence[_Pair], asked_before: int, at: datetime, by: Actor) -> tuple[int, int]:
    """Bring the questions in line: how many are new, and how many ask no more."""
    ordered = sorted(alike, key=lambda pair: (-pair.score, pair.one, pair.other))
    asked, gone = 0, 0
    seen: set[int] = set()
    for start in range(0, len(ordered), _ASKED_AT_ONCE):
        asked += _ask(ordered[start : start + _ASKED_AT_ONCE], seen)
    with transaction.atomic():
        _settling.lock()
        silent = Review.objects.filter(kind="likeness", state="open", id__lte=asked_before).exclude(id__in=seen)
        gone = silent.update(state="gone", decided_at=Now())
        if asked or gone:
            trail.record(
                by=by,
                verb="customers.suggest",
                subject="customers:many",
                at=at,
                after={"asked": asked, "gone": gone},
            )
    return asked, gone


def _ask(pairs: Sequence[_Pair], seen: set[int]) -> int:
    """Open the questions, of each two people the most alike records; none about who is decided. How many are new."""
    with transaction.atomic():
        _settling.lock()
        asked_of = {record for pair in pairs for record in (pair.one, pair.other)}
        person = persons.of_many(asked_of)
        records = {one for of in persons.records_of_many(sorted(set(person.values()))).values() for one in of}
        person |= persons.of_many(records)
        decisions = Decision.objects.filter(one_id__in=records, other_id__in=records)
        decided = latest(Decided(d.one_id, d.other_id, verdict(d.verdict), d.at) for d in decisions)
        apart = {frozenset((person[a], person[b])) for (a, b), one in decided.items() if one.verdict == "apart"}
        known: dict[frozenset[int], Review] = {}
        for review in Review.objects.filter(kind="likeness", one_id__in=records, other_id__in=records).order_by("id"):
            known[frozenset((person[review.one_id], person[review.other_id]))] = review
        fresh: dict[frozenset[int], Review] = {}
        changed: list[Review] = []
        for pair in pairs:
            two = frozenset((person[pair.one], person[pair.other]))
            if len(two) != 2 or two in apart or two in fresh:
                continue
            if (there := known.get(two)) is None:
                one, other = min(pair.one, pair.other), max(pair.one, pair.other)
                fresh[two] = Review(kind="likeness", one_id=one, other_id=other, score=pair.score, signs=pair.signs)
            elif there.id not in seen and there.state in ("open", "gone"):
                if there.state == "gone":
                    there.state, there.opened_at, there.decided_at = "open", Now(), None
                there.score, there.signs = pair.score, pair.signs
                seen.add(there.id)
                changed.append(there)
        Review.objects.bulk_update(changed, ["score", "signs", "state", "opened_at", "decided_at"])
        seen.update(review.id for review in Review.objects.bulk_create(fresh.values()))
    return len(fresh)
