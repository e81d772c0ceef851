"""Who came out, against who it was: every pair of records."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from regulars.facts.customers import kinds, persons, reviews
from regulars.facts.events.models import Visitor
from regulars.kit.refusals import Refusal
from regulars.simulator.omnichannel import Ref, Year


@dataclass(frozen=True)
class Marks:
    """Pairs of records. `true`: one person in truth. `provable`: of those, both proved an identifier in common, or are
    so connected by records of the same person. `right` and `wrong`: joined. `kin`: of the wrong ones, twins and fathers
    with sons of their name."""

    records: int
    owners: int
    people: int
    true: int
    provable: int
    right: int
    wrong: int
    kin: int

    @property
    def of_provable(self) -> float:
        return self.right / self.provable

    @property
    def of_true(self) -> float:
        return self.right / self.true


@dataclass(frozen=True)
class Browsing:
    """Browsers and apps: known to be their owner's, nobody's, one's of several who use it, a stranger's."""

    right: int
    nobodys: int
    one_of_several: int
    strangers: int


def mark(year: Year, records: Mapping[Ref, int]) -> Marks:
    """The records that are there, as people."""
    person = persons.of_many(records.values())
    found = {ref: person[number] for ref, number in records.items()}
    owners = {ref: year.owners[ref] for ref in records}
    both = _pairs((owners[ref], found[ref]) for ref in records)
    return Marks(
        records=len(records),
        owners=len(set(owners.values())),
        people=len(set(found.values())),
        true=_pairs(owners.values()),
        provable=_pairs(_provable(year, owners).values()),
        right=both,
        wrong=_pairs(found.values()) - both,
        kin=_of_kin(year, owners, found),
    )


def _of_kin(year: Year, owners: Mapping[Ref, int], found: Mapping[Ref, int]) -> int:
    by: dict[int, list[int]] = defaultdict(list)
    for ref, person in found.items():
        by[person].append(owners[ref])
    return sum(frozenset(pair) in year.kin for together in by.values() for pair in combinations(together, 2))


def questions(year: Year, records: Mapping[Ref, int]) -> dict[str, Counter[bool]]:
    """Open questions about two, by kind: how often they are one person in truth, and how often two."""
    owner = {number: year.owners[ref] for ref, number in records.items()}
    asked: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in reviews.listed(limit=1_000_000):
        asked[one.kind][one.kind != "worn" and owner.get(one.one) == owner.get(one.other)] += 1
    return dict(asked)


def browsing(year: Year, records: Mapping[Ref, int]) -> Browsing:
    """Whose the browsers and apps were taken to be."""
    owner = {number: year.owners[ref] for ref, number in records.items()}
    marks: Counter[str] = Counter()
    for device in Visitor.objects.filter(kind="device"):
        users = year.devices.get(Ref(device.namespace, device.ref or ""), frozenset())
        if device.customer_id is None or device.is_shared or not users:
            marks["nobodys"] += 1
        elif owner.get(device.customer_id) not in users:
            marks["strangers"] += 1
        else:
            marks["right" if len(users) == 1 else "one_of_several"] += 1
    return Browsing(**{name: marks[name] for name in ("right", "nobodys", "one_of_several", "strangers")})


def _provable(year: Year, owners: Mapping[Ref, int]) -> dict[Ref, Ref]:
    """Each record, and one that stands for all that what was proved connects it with, of one person's."""
    stands = {ref: ref for ref in owners}

    def top(ref: Ref) -> Ref:
        while stands[ref] != ref:
            ref = stands[ref]
        return ref

    by: dict[tuple[str, str, str], set[Ref]] = defaultdict(set)
    for one in year.proofs:
        if one.evidence == "told" or one.record not in owners:
            continue
        try:
            named = kinds.named(one.kind, one.scope, one.value, region="CN")
        except Refusal:
            continue
        by[named.kind, named.namespace, named.compared].add(one.record)
    for together in by.values():
        for one, other in combinations(sorted(together), 2):
            if owners[one] == owners[other]:
                stands[top(one)] = top(other)
    return {ref: top(ref) for ref in stands}


def _pairs(groups: Iterable[Hashable]) -> int:
    return sum(number * (number - 1) // 2 for number in Counter(groups).values())
