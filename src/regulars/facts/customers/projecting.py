"""From evidence to people: which records are one person. Pure, and the same whatever order the evidence came in.

Pieces of evidence that may join two records are taken the strongest first, then the oldest. Each joins its two people
unless that breaks a rule: somebody said they are two, a person would have more identifiers of a kind than people have,
or an identifier stopped being evidence. What was not joined for a rule is a question for somebody.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from regulars.facts.customers.kinds import STRENGTH, Evidence
from regulars.facts.customers.rules import IdentityRules

Why = Literal["new_owner", "too_many", "too_large"]
Verdict = Literal["join", "apart", "open"]


class Identifier(NamedTuple):
    """One identifier, as it is compared. `digest` is hexadecimal."""

    kind: str
    namespace: str
    digest: str


@dataclass(frozen=True)
class Proof:
    """A live link: evidence that `record` and `identifier` belong together. `id` only says which one it is."""

    id: int
    record: int
    identifier: Identifier
    evidence: Evidence
    at: datetime


@dataclass(frozen=True)
class Decided:
    """What somebody decided of two records; of a pair the latest counts, and of two at one time the careful one."""

    one: int
    other: int
    verdict: Verdict
    at: datetime


@dataclass(frozen=True)
class Join:
    """Two records that are one person, and why: `identifier` both proved, or None where somebody decided it."""

    one: int
    other: int
    identifier: Identifier | None
    evidence: Evidence
    at: datetime


@dataclass(frozen=True, order=True)
class Conflict:
    """Two records that evidence would join and a rule keeps apart. `one` is the older record."""

    one: int
    other: int
    identifier: Identifier
    why: Why


@dataclass(frozen=True)
class People:
    """`person` has every record that was asked about; `joins` are those that made people of several records.

    `worn` are identifiers that too many records proved, with how many: they are evidence of nothing any more.
    """

    person: Mapping[int, int]
    joins: Sequence[Join]
    conflicts: Sequence[Conflict]
    worn: Mapping[Identifier, int]


def people(
    records: Iterable[int], proofs: Iterable[Proof], decisions: Iterable[Decided], rules: IdentityRules
) -> People:
    """Who is who, of these records. Every record that a proof or a decision names must be among them."""
    proved_by = _that_count(proofs, rules)
    worn = {
        identifier: number
        for identifier, proved in proved_by.items()
        if (number := len({proof.record for proof in proved})) > rules.of(identifier.kind).most_people
    }
    wanted: list[Join] = []
    conflicts: set[Conflict] = set()
    for identifier in proved_by.keys() - worn.keys():
        joins, owners = _of_identifier(identifier, proved_by[identifier], rules.of(identifier.kind).lasts_days)
        wanted += joins
        conflicts |= owners
    decided = latest(decisions)
    wanted += [Join(*pair, None, "staff", one.at) for pair, one in decided.items() if one.verdict == "join"]
    groups = _Groups(records, proved_by, [pair for pair, one in decided.items() if one.verdict == "apart"], rules)
    done: list[Join] = []
    for join in sorted(wanted, key=_strongest_first):
        if groups.person(join.one) == groups.person(join.other) or groups.are_kept_apart(join.one, join.other):
            continue
        why = groups.why_not(join)
        if why is None:
            groups.unite(join.one, join.other)
            done.append(join)
        elif join.identifier is not None:
            conflicts.add(Conflict(min(join.one, join.other), max(join.one, join.other), join.identifier, why))
    open_ones = (
        one
        for one in conflicts
        if groups.person(one.one) != groups.person(one.other) and not groups.are_kept_apart(one.one, one.other)
    )
    return People(groups.persons(), done, sorted(open_ones), worn)


def latest(decisions: Iterable[Decided]) -> dict[tuple[int, int], Decided]:
    """What counts of each pair, the older record first."""
    careful = {"apart": 2, "open": 1, "join": 0}
    found: dict[tuple[int, int], Decided] = {}
    for one in decisions:
        pair = (min(one.one, one.other), max(one.one, one.other))
        if pair not in found or (found[pair].at, careful[found[pair].verdict]) < (one.at, careful[one.verdict]):
            found[pair] = one
    return found


def _that_count(proofs: Iterable[Proof], rules: IdentityRules) -> dict[Identifier, list[Proof]]:
    found: dict[Identifier, list[Proof]] = defaultdict(list)
    for proof in proofs:
        enough = rules.of(proof.identifier.kind).joins_from
        if (
            enough is not None
            and STRENGTH[proof.evidence] >= STRENGTH[enough]
            and proof.identifier.digest not in rules.blocked
        ):
            found[proof.identifier].append(proof)
    return found


def _of_identifier(
    identifier: Identifier, proofs: Sequence[Proof], lasts_days: int | None
) -> tuple[list[Join], set[Conflict]]:
    """Who proved the same identifier one after the other is one person, unless so much later that its owner changed."""
    joins: list[Join] = []
    conflicts: set[Conflict] = set()
    lasts = None if lasts_days is None else timedelta(days=lasts_days)
    told = sorted(proofs, key=lambda proof: (proof.at, proof.record, STRENGTH[proof.evidence]))
    for before, after in pairwise(told):
        if before.record == after.record:
            continue
        if lasts is not None and after.at - before.at > lasts:
            pair = sorted((before.record, after.record))
            conflicts.add(Conflict(pair[0], pair[1], identifier, "new_owner"))
            continue
        weaker = min(before.evidence, after.evidence, key=lambda evidence: STRENGTH[evidence])
        joins.append(Join(before.record, after.record, identifier, weaker, after.at))
    return joins, conflicts


def _strongest_first(join: Join) -> tuple[int, datetime, Identifier, int, int]:
    nothing = Identifier("", "", "")
    return (
        -STRENGTH[join.evidence],
        join.at,
        join.identifier or nothing,
        min(join.one, join.other),
        max(join.one, join.other),
    )


class _Groups:
    """Records that are one person so far. The oldest record of a group stands for it."""

    def __init__(
        self,
        records: Iterable[int],
        proved_by: Mapping[Identifier, Sequence[Proof]],
        apart: Iterable[tuple[int, int]],
        rules: IdentityRules,
    ) -> None:
        self._rules = rules
        self._person = {record: record for record in records}
        self._members = {record: [record] for record in self._person}
        self._has: dict[int, dict[tuple[str, str], set[str]]] = {}
        for identifier, proofs in proved_by.items():
            for proof in proofs:
                mine = self._has.setdefault(proof.record, {})
                mine.setdefault((identifier.kind, identifier.namespace), set()).add(identifier.digest)
        self._apart: dict[int, set[int]] = defaultdict(set)
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)

    def person(self, record: int) -> int:
        return self._person[record]

    def persons(self) -> dict[int, int]:
        return dict(self._person)

    def are_kept_apart(self, one: int, other: int) -> bool:
        mine, theirs = self._person[one], self._person[other]
        return any(self._person[enemy] == theirs for enemy in self._apart.get(mine, ()))

    def why_not(self, join: Join) -> Why | None:
        """The rule that joining these two would break. What somebody decided breaks none."""
        if join.identifier is None:
            return None
        one, other = self._person[join.one], self._person[join.other]
        if len(self._members[one]) + len(self._members[other]) > self._rules.most_records:
            return "too_large"
        mine, theirs = self._has.get(one, {}), self._has.get(other, {})
        for place in mine.keys() & theirs.keys():
            together = len(mine[place] | theirs[place])
            most = self._rules.of(place[0]).most_a_person
            if together > max(most, len(mine[place]), len(theirs[place])):
                return "too_many"
        return None

    def unite(self, one: int, other: int) -> None:
        keep, gone = sorted((self._person[one], self._person[other]))
        for record in self._members[gone]:
            self._person[record] = keep
        self._members[keep] += self._members.pop(gone)
        mine = self._has.setdefault(keep, {})
        for place, digests in self._has.pop(gone, {}).items():
            mine.setdefault(place, set()).update(digests)
        enemies = self._apart.pop(gone, set())
        self._apart[keep] |= enemies
