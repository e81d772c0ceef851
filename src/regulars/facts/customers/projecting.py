"""From evidence to people: which records are one person. Pure, and the same whatever order the evidence came in.

Pieces of evidence that may join two records are taken the strongest first, then the oldest. Each joins its two people
unless that breaks a rule: somebody said they are two, a person would have more identifiers of a kind than people have,
an identifier stopped being evidence, or it is of a kind that goes from hand to hand and what else they told speaks
against it, or says nothing, or says as much for somebody else of the family. What was not joined for a rule is a
question for somebody.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Literal, NamedTuple

from regulars.facts.customers import agreeing
from regulars.facts.customers.agreeing import Words
from regulars.facts.customers.kinds import KINDS, STRENGTH, Evidence
from regulars.facts.customers.rules import IdentityRules, KindRule

Why = Literal["new_owner", "too_many", "too_large", "contradicted", "torn", "nothing_else"]
Verdict = Literal["join", "apart", "open"]
#: Of what was decided of a pair at one time the most careful counts.
CAREFUL: Mapping[Verdict, int] = {"apart": 2, "open": 1, "join": 0}
#: Of an identifier that goes from hand to hand every two who proved it are compared, of more than these neighbours.
_ALL_PAIRS_OF = 40
_NO_WORDS: Mapping[int, Words] = {}
_NOT_WORN: Mapping["Identifier", int] = {}


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


class _Wanted(NamedTuple):
    """A join that evidence wants, and whether it needs nothing else, nothing against it, something for it, or both a
    name and a birthday that agree.

    `in_silence` is why it is asked about where something is needed and nothing is known.
    """

    join: Join
    needs: Literal["nothing", "nothing against", "something for", "both"]
    in_silence: Literal["nothing_else", "new_owner"] = "nothing_else"


def people(
    records: Iterable[int],
    proofs: Iterable[Proof],
    decisions: Iterable[Decided],
    rules: IdentityRules,
    words: Mapping[int, Words] = _NO_WORDS,
    known_worn: Mapping[Identifier, int] = _NOT_WORN,
) -> People:
    """Who is who, of these records. Every record that a proof or a decision names must be among them.

    `words` are what each record told of names and birthdays, as far as it told any. `known_worn` are identifiers that
    too many proved, not all of whom are here.
    """
    proved_by = that_count(proofs, rules)
    worn = dict(known_worn) | {
        identifier: number
        for identifier, proved in proved_by.items()
        if identifier not in known_worn
        and (number := _people_who_proved(identifier, proved, rules, words)) > rules.of(identifier.kind).most_people
    }
    wanted: list[_Wanted] = []
    conflicts: set[Conflict] = set()
    homes = _homes({one: proved for one, proved in proved_by.items() if one not in worn})
    torn = {record for home in homes for record in _torn(home, words)}
    for identifier in proved_by.keys() - worn.keys():
        joins, owners = _of_identifier(identifier, proved_by[identifier], rules.of(identifier.kind), torn)
        wanted += joins
        conflicts |= owners
    decided = latest(decisions)
    wanted += [
        _Wanted(Join(*pair, None, "staff", one.at), "nothing") for pair, one in decided.items() if one.verdict == "join"
    ]
    apart = [pair for pair, one in decided.items() if one.verdict == "apart"]
    groups = _Groups(records, proved_by, apart, rules, words)
    done: list[Join] = []
    waiting = sorted(wanted, key=lambda one: _strongest_first(one.join))
    moved = True
    while moved:
        # What says nothing of two records may be told by a third that one of them is joined with.
        moved, waiting, tried = False, [], waiting
        for one in tried:
            join = one.join
            if groups.person(join.one) == groups.person(join.other) or groups.are_kept_apart(join.one, join.other):
                continue
            if groups.why_not(one) is None:
                groups.unite(join.one, join.other)
                done.append(join)
                moved = True
            else:
                waiting.append(one)
    for one in waiting:
        if one.join.identifier is not None and (why := groups.why_not(one)) is not None:
            pair = sorted((one.join.one, one.join.other))
            conflicts.add(Conflict(pair[0], pair[1], one.join.identifier, why))
    return People(groups.persons(), done, _asked(conflicts, groups), worn)


def verdict(text: str) -> Verdict:
    """The verdict a row of decisions says."""
    return "join" if text == "join" else "apart" if text == "apart" else "open"


def latest(decisions: Iterable[Decided]) -> dict[tuple[int, int], Decided]:
    """What counts of each pair, the older record first."""
    found: dict[tuple[int, int], Decided] = {}
    for one in decisions:
        pair = (min(one.one, one.other), max(one.one, one.other))
        if pair not in found or (found[pair].at, CAREFUL[found[pair].verdict]) < (one.at, CAREFUL[one.verdict]):
            found[pair] = one
    return found


def that_count(proofs: Iterable[Proof], rules: IdentityRules) -> dict[Identifier, list[Proof]]:
    """The proofs that are strong enough to join anybody, by their identifiers; of blocked ones none."""
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


def most_looked_at(kind: str, rules: IdentityRules) -> int:
    """How many records may prove one identifier of that kind before it is worn whoever they are.

    What is handed on is used by people, not by records: a member of every channel proves one number six times.
    """
    most = rules.of(kind).most_people
    return most + rules.most_records if KINDS[kind].is_handed_on else most


def _people_who_proved(
    identifier: Identifier, proved: Sequence[Proof], rules: IdentityRules, words: Mapping[int, Words]
) -> int:
    """How many people proved it, as far as that shows: records that say the same of themselves are one."""
    left = sorted({proof.record for proof in proved})
    if not rules.of(identifier.kind).most_people < len(left) <= most_looked_at(identifier.kind, rules):
        return len(left)
    number = 0
    while left:
        same, number = [left.pop()], number + 1
        for one in same:
            mine = [words[one]] if one in words else []
            alike = [two for two in left if two in words and agreeing.compare(mine, [words[two]]) == "same"]
            left = [two for two in left if two not in alike]
            same += alike
    return number


def _asked(conflicts: Iterable[Conflict], groups: "_Groups") -> list[Conflict]:
    """Each two people are asked about once for an identifier, by their oldest records."""
    found: dict[tuple[int, int, Identifier], Conflict] = {}
    for one in sorted(conflicts):
        two = sorted((groups.person(one.one), groups.person(one.other)))
        if two[0] != two[1] and not groups.are_kept_apart(one.one, one.other):
            found.setdefault((two[0], two[1], one.identifier), one)
    return sorted(found.values())


def _of_identifier(
    identifier: Identifier, proofs: Sequence[Proof], rule: KindRule, torn: Collection[int]
) -> tuple[list[_Wanted], set[Conflict]]:
    """Who proved the same identifier one after the other is one person, unless so much later that its owner changed."""
    joins: list[_Wanted] = []
    conflicts: set[Conflict] = set()
    lasts = None if rule.lasts_days is None else timedelta(days=rule.lasts_days)
    told = sorted(proofs, key=lambda proof: (proof.at, proof.record, STRENGTH[proof.evidence]))
    of_one_owner: list[list[Proof]] = [told[:1]]
    for before, after in pairwise(told):
        if lasts is not None and after.record != before.record and after.at - before.at > lasts:
            of_one_owner.append([])
        of_one_owner[-1].append(after)
    if KINDS[identifier.kind].is_handed_on:
        return _handed_on(identifier, of_one_owner, rule, torn), conflicts
    for together, next_ones in pairwise(of_one_owner):
        pair = sorted((together[-1].record, next_ones[0].record))
        conflicts.add(Conflict(pair[0], pair[1], identifier, "new_owner"))
    for together in of_one_owner:
        joins += [
            _Wanted(_join(identifier, before, after), "nothing")
            for before, after in pairwise(together)
            if before.record != after.record
        ]
    return joins, conflicts


def _handed_on(
    identifier: Identifier, of_one_owner: Sequence[Sequence[Proof]], rule: KindRule, torn: Collection[int]
) -> list[_Wanted]:
    """Every two who proved it, also across a time in which it may have got a new owner."""
    of: dict[int, list[Proof]] = defaultdict(list)
    owner: dict[int, set[int]] = defaultdict(set)
    for number, told in enumerate(of_one_owner):
        for proof in told:
            of[proof.record].append(proof)
            owner[proof.record].add(number)
    pairs = combinations(of, 2) if len(of) <= _ALL_PAIRS_OF else pairwise(of)
    wanted = []
    for one, other in pairs:
        needs: Literal["nothing against", "something for", "both"] = "something for"
        if one in torn or other in torn:
            needs = "both"
        elif _are_alone_enough(of[one], of[other], rule):
            needs = "nothing against"
        in_silence: Literal["nothing_else", "new_owner"] = "nothing_else" if owner[one] & owner[other] else "new_owner"
        wanted.append(_Wanted(_join(identifier, _best(of[one]), _best(of[other])), needs, in_silence))
    return wanted


def _homes(proved_by: Mapping[Identifier, Sequence[Proof]]) -> list[list[int]]:
    """Records that what is handed on leads to from one to the other: a family, mostly. Those of more than two."""
    stands: dict[int, int] = {}

    def top(record: int) -> int:
        while stands.setdefault(record, record) != record:
            stands[record] = record = stands[stands[record]]
        return record

    for identifier, proved in proved_by.items():
        if KINDS[identifier.kind].is_handed_on:
            for proof in proved[1:]:
                stands[top(proof.record)] = top(proved[0].record)
    homes: dict[int, list[int]] = defaultdict(list)
    for record in stands:
        homes[top(record)].append(record)
    return [home for home in homes.values() if 2 < len(home) <= _ALL_PAIRS_OF]


def _torn(records: Iterable[int], words: Mapping[int, Words]) -> set[int]:
    """Those that agree with two who clearly are two: a twin's without a name, a son's of his father's name without a
    birthday. Whose they are nobody can tell."""
    told = [record for record in records if record in words]
    alike: dict[int, set[int]] = defaultdict(set)
    others: set[frozenset[int]] = set()
    for one, other in combinations(told, 2):
        said = agreeing.compare([words[one]], [words[other]])
        if said == "same":
            alike[one].add(other)
            alike[other].add(one)
        elif said == "other":
            others.add(frozenset((one, other)))
    return {
        record for record in told if any(frozenset(pair) in others for pair in combinations(sorted(alike[record]), 2))
    }


def _best(proofs: Sequence[Proof]) -> Proof:
    """The strongest, of equally strong ones the oldest."""
    return min(proofs, key=lambda proof: (-STRENGTH[proof.evidence], proof.at, proof.record))


def _are_alone_enough(mine: Sequence[Proof], theirs: Sequence[Proof], rule: KindRule) -> bool:
    if rule.alone_from is None:
        return False
    enough = STRENGTH[rule.alone_from]
    within = None if rule.alone_days is None else timedelta(days=rule.alone_days)
    return any(
        within is None or abs(one.at - other.at) <= within
        for one in mine
        if STRENGTH[one.evidence] >= enough
        for other in theirs
        if STRENGTH[other.evidence] >= enough
    )


def _join(identifier: Identifier, one: Proof, other: Proof) -> Join:
    weaker = min(one.evidence, other.evidence, key=lambda evidence: STRENGTH[evidence])
    before, after = sorted((one, other), key=lambda proof: (proof.at, proof.record))
    return Join(before.record, after.record, identifier, weaker, after.at)


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
        words: Mapping[int, Words],
    ) -> None:
        self._rules = rules
        self._words = words
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

    def why_not(self, wanted: _Wanted) -> Why | None:
        """The rule that joining these two would break. What somebody decided breaks none."""
        join = wanted.join
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
        if wanted.needs == "nothing":
            return None
        said = agreeing.compare(self._words_of(one), self._words_of(other))
        if said == "other":
            return "contradicted"
        if wanted.needs == "both":
            return None if agreeing.agree_on_both(self._words_of(one), self._words_of(other)) else "torn"
        return wanted.in_silence if said == "silent" and wanted.needs == "something for" else None

    def _words_of(self, person: int) -> list[Words]:
        return [self._words[record] for record in self._members[person] if record in self._words]

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
