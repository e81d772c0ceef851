"""Brings who is who in line with the evidence: the people a change may touch are worked out anew and moved, in one
transaction, one at a time in the whole shop.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from regulars.facts.customers import _reviewing, _sealing, _statements, agreeing, merging, persons, projecting
from regulars.facts.customers import rules as rules_of_identity
from regulars.facts.customers.agreeing import Words
from regulars.facts.customers.merging import Move
from regulars.facts.customers.models import Customer, Decision, Moved, Profile, Regrouping, Rules
from regulars.facts.customers.notices import CustomerJoined, CustomerParted
from regulars.facts.customers.projecting import Decided, Identifier, People, Proof, verdict
from regulars.facts.customers.rules import IdentityRules
from regulars.kit.actors import Actor
from regulars.runtime.notices.outbox import announce_many

_LIVE = """
SELECT link.id, link.record_id, link.kind, link.namespace, encode(link.digest, 'hex'), link.evidence, link.at
  FROM customers_link AS link
 WHERE link.revokes_id IS NULL
   AND NOT EXISTS (SELECT FROM customers_link AS revoking WHERE revoking.revokes_id = link.id)
"""


@dataclass(frozen=True)
class Scene:
    """All that may bear on some records: whoever shares evidence, a decision or a person with them, and so on.

    `worn` are identifiers that too many proved, with how many: of those who proved them only some are here.
    """

    records: frozenset[int]
    proofs: Sequence[Proof]
    decisions: Sequence[Decided]
    words: Mapping[int, Words]
    worn: Mapping[Identifier, int]

    def people(self, rules: IdentityRules) -> People:
        """Who is who by these rules."""
        return projecting.people(self.records, self.proofs, self.decisions, rules, self.words, self.worn)


@dataclass(frozen=True)
class Settled:
    """Which records joined a person or left one, the questions that are open now, and what too many proved."""

    joined: tuple[Move, ...]
    parted: tuple[Move, ...]
    conflicts: tuple[projecting.Conflict, ...]
    worn: frozenset[Identifier]


def lock() -> None:
    """One at a time until commit: two that see each other's half would each leave a person in two."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('customers.identity'))")


def current_rules() -> IdentityRules:
    """The rules that count. One row."""
    row = Rules.objects.order_by("-id").first()
    return IdentityRules() if row is None else rules_of_identity.from_json(row.rules)


def scene(touched: Iterable[int]) -> Scene:
    """The records and all that bears on them, a few queries for each step away.

    An identifier that too many proved joins nobody, so it leads to nobody: a till's own number would make everybody who
    ever bought there wait. The last one that made it too many is looked at with all others, for they may part.
    """
    records: set[int] = set()
    fresh = set(touched)
    rules, just_now = current_rules(), len(fresh)
    proofs: dict[int, Proof] = {}
    worn: dict[Identifier, int] = {}
    while fresh:
        records |= fresh
        asked = sorted(fresh)
        mates = _mates(asked)
        mine = _proofs(" AND link.record_id = ANY(%s)", [asked])
        shared = _of_identifiers(projecting.that_count(mine.values(), rules).keys() - worn.keys())
        near: dict[int, Proof] = {}
        for identifier, proved in projecting.that_count(shared.values(), rules).items():
            by = {proof.record for proof in proved}
            if len(by) > projecting.most_looked_at(identifier.kind, rules) + just_now:
                worn[identifier] = len(by)
            else:
                near |= {proof.id: proof for proof in proved}
        proofs |= mine | near
        found = mates | {proof.record for proof in near.values()} | _joined_by_hand(asked)
        fresh = found - records
    every = sorted(records)
    decisions = Decision.objects.filter(one_id__in=every, other_id__in=every)
    return _scene(
        frozenset(records),
        [proofs[number] for number in sorted(proofs)],
        [Decided(row.one_id, row.other_id, verdict(row.verdict), row.at) for row in decisions],
        worn,
    )


def whole_scene() -> Scene:
    """Everybody of whom there is evidence or a decision, and everybody who is joined."""
    proofs = _proofs("", [])
    decisions = [
        Decided(row.one_id, row.other_id, verdict(row.verdict), row.at) for row in Decision.objects.order_by("id")
    ]
    joined = Customer.objects.filter(person__isnull=False).values_list("id", "person_id")
    records = {proof.record for proof in proofs.values()} | {one for pair in joined for one in pair if one is not None}
    records |= {record for decided in decisions for record in (decided.one, decided.other)}
    return _scene(frozenset(records), [proofs[number] for number in sorted(proofs)], decisions, {})


def settle(touched: Iterable[int], *, because: Mapping[str, str | int], at: datetime, by: Actor) -> Settled:
    """Work out anew who the touched records are, and move what has to move. The caller holds `lock`."""
    seen = scene(touched)
    with connection.cursor() as cursor:
        # Whoever writes facts of these customers waits, or has written them: see `persons.held`.
        cursor.execute(
            "SELECT id FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(seen.records)]
        )
    people = seen.people(current_rules())
    joined, parted = _move(people, because, at, by)
    _reviewing.follow(seen.records, people)
    return Settled(joined, parted, tuple(people.conflicts), frozenset(people.worn))


def moves(before: Mapping[int, int], after: Mapping[int, int]) -> tuple[list[Move], list[Move]]:
    """What has to be joined and what has to be parted, so that `before` becomes `after`; both map records to people."""
    joined, parted = [], []
    for record in sorted(after):
        if before[record] == after[record]:
            continue
        if before[record] != record:
            parted.append(Move(record, before[record]))
        if after[record] != record:
            joined.append(Move(record, after[record]))
    return joined, parted


def _scene(
    records: frozenset[int], proofs: Sequence[Proof], decisions: Sequence[Decided], worn: Mapping[Identifier, int]
) -> Scene:
    """With the words of those who may be compared: who shares an identifier, and whom somebody joined."""
    proved_by: dict[Identifier, set[int]] = defaultdict(set)
    for proof in proofs:
        proved_by[proof.identifier].add(proof.record)
    compared = {record for sharing in proved_by.values() if len(sharing) > 1 for record in sharing}
    if compared:
        compared |= {record for one in decisions if one.verdict == "join" for record in (one.one, one.other)}
    return Scene(records, proofs, decisions, _words_of(compared), worn)


def _words_of(records: Collection[int]) -> dict[int, Words]:
    if not records:
        return {}
    said: dict[int, list[Mapping[str, str]]] = {
        record: [{field: word[0] for field, word in document.items()} for document in documents]
        for record, documents in _statements.said_of(records).items()
    }
    # Profiles from before sources were told apart.
    silent = set(records) - said.keys()
    if silent:
        earlier = Profile.objects.filter(customer_id__in=silent, is_folded=False)
        said |= {record: [told] for record, told in _sealing.open_rows(earlier, _statements.COMPARED).items()}
    return {
        record: Words(
            frozenset(
                name
                for one in told
                if (
                    name := agreeing.name(
                        given=one.get("given_name", ""),
                        family=one.get("family_name", ""),
                        display=one.get("display_name", ""),
                    )
                )
            ),
            frozenset(day for one in told if (day := agreeing.birthday(one.get("birthday", "")))),
        )
        for record, told in said.items()
    }


def _move(
    people: People, because: Mapping[str, str | int], at: datetime, by: Actor
) -> tuple[tuple[Move, ...], tuple[Move, ...]]:
    joined, parted = moves(persons.of_many(people.person), people.person)
    if not joined and not parted:
        return (), ()
    regrouping = Regrouping.objects.create(because=dict(because), at=at, by=str(by))
    before = persons.of_many({move.record for move in [*joined, *parted]})
    with connection.cursor() as cursor:
        # Those who leave first: nobody may for a moment be joined to somebody who is joined.
        cursor.execute(
            "UPDATE customers_customer SET person_id = NULL, joined_at = NULL WHERE id = ANY(%s)",
            [[move.record for move in parted]],
        )
        cursor.execute(
            "UPDATE customers_customer AS customer SET person_id = told.person, joined_at = %s"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS told(record, person) WHERE customer.id = told.record",
            [at, [move.record for move in joined], [move.person for move in joined]],
        )
    merging.undo(parted, at=at, by=by)
    merging.apply(joined, at=at, by=by)
    Moved.objects.bulk_create(
        [
            Moved(regrouping=regrouping, record_id=record, before_id=was, after_id=people.person[record])
            for record, was in sorted(before.items())
        ]
    )
    told = [
        (CustomerParted(customer=move.record, person=move.person, regrouping=regrouping.id, at=at), dict(because))
        for move in parted
    ]
    told_joined = [
        (CustomerJoined(customer=move.record, person=move.person, regrouping=regrouping.id, at=at), dict(because))
        for move in joined
    ]
    announce_many([*told, *told_joined], by=by, verb="customers.identity.settle")
    return tuple(joined), tuple(parted)


def _mates(records: Sequence[int]) -> set[int]:
    people = set(persons.of_many(records).values())
    return people | set(Customer.objects.filter(person_id__in=people).values_list("id", flat=True))


def _joined_by_hand(records: Sequence[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT one_id, other_id FROM customers_decision WHERE verdict = 'join' AND one_id = ANY(%s)"
            " UNION SELECT one_id, other_id FROM customers_decision WHERE verdict = 'join' AND other_id = ANY(%s)",
            [list(records), list(records)],
        )
        return {record for pair in cursor.fetchall() for record in pair}


def _of_identifiers(identifiers: Iterable[Identifier]) -> dict[int, Proof]:
    told = sorted(identifiers)
    if not told:
        return {}
    return _proofs(
        " AND (link.kind, link.namespace, link.digest) IN (SELECT kind, namespace, decode(digest, 'hex')"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS told(kind, namespace, digest))",
        [[one.kind for one in told], [one.namespace for one in told], [one.digest for one in told]],
    )


def _proofs(condition: str, values: Sequence[list[str] | list[int]]) -> dict[int, Proof]:
    with connection.cursor() as cursor:
        cursor.execute(_LIVE + condition, list(values))
        return {
            number: Proof(number, record, Identifier(kind, namespace, digest), evidence, at)
            for number, record, kind, namespace, digest, evidence, at in cursor.fetchall()
        }
