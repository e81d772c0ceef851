"""Who is who: evidence that two records are one person, what somebody decided, and what follows.

Evidence and decisions are told once and kept for ever; the person is worked out from all of them (`projecting`), the
same whatever order they came in. To take evidence back is to add that it does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.facts.customers import (
    _claims,
    _settling,
    contacts,
    customers,
    decisions,
    keys,
    kinds,
    merging,
    persons,
    projecting,
)
from regulars.facts.customers import rules as rules_of_identity
from regulars.facts.customers.kinds import Evidence
from regulars.facts.customers.merging import Effect, Move
from regulars.facts.customers.models import Customer, Decision, Link, Moved, Regrouping, Rules
from regulars.facts.customers.notices import IdentityRulesChanged
from regulars.facts.customers.projecting import Conflict, Decided, Identifier, Join
from regulars.facts.customers.rules import IdentityRules
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail

LONGEST_KEY = 160


class Reason(StrEnum):
    """What shows it. A list, not words: what people type about a person is personal."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    DOCUMENT = "document"
    RECOGNISED = "recognised"
    FAMILY = "family"
    NEW_OWNER = "new_owner"
    MISTAKE = "mistake"


REASON_LABELS = {
    Reason.ASKED: _("The customer asked for it"),
    Reason.CONFIRMED: _("The customer confirmed the contact"),
    Reason.DOCUMENT: _("A document or a receipt was seen"),
    Reason.RECOGNISED: _("Staff know the customer"),
    Reason.FAMILY: _("A family shares the contact"),
    Reason.NEW_OWNER: _("The number or address has a new owner"),
    Reason.MISTAKE: _("It was a mistake"),
}


class BadKey(keys.KeyTaken):
    """No key, or one that is too long, or one that told something else."""

    code = "customers.bad_link_key"


class SameRecord(Refusal):
    """One record is one person."""

    code = "customers.same_record"


class KeptApart(Refusal):
    """Somebody decided that they are two."""

    code = "customers.kept_apart"


class UnknownLink(Refusal):
    """No such piece of evidence, or one that does not count any more."""

    code = "customers.unknown_link"


@dataclass(frozen=True)
class Observation:
    """That `record` and an identifier belong together: who says so (`source`), how well it is known, and since when.

    A phone number without a country code is read in the shop's country. `key` makes its repeat harmless.
    """

    record: int
    kind: str
    namespace: str
    value: str
    evidence: Evidence
    source: str
    at: datetime
    key: str
    #: Whether somebody said when; else `at` is when it came, and another is no other word under the same key.
    is_dated: bool = False


@dataclass(frozen=True)
class Changed:
    """What an act came to: the records that joined a person or left one, and what it left for somebody to decide."""

    joined: tuple[Move, ...]
    parted: tuple[Move, ...]
    conflicts: tuple[Conflict, ...]


def _kept(changed: Changed) -> dict[str, object]:
    return {
        "joined": [[move.record, move.person] for move in changed.joined],
        "parted": [[move.record, move.person] for move in changed.parted],
        "conflicts": [
            [one.one, one.other, one.identifier.kind, one.identifier.namespace, one.identifier.digest, one.why]
            for one in changed.conflicts
        ],
    }


def _read(kept: Mapping[str, Sequence[Any]]) -> Changed:
    return Changed(
        tuple(Move(*move) for move in kept["joined"]),
        tuple(Move(*move) for move in kept["parted"]),
        tuple(Conflict(one, other, Identifier(*told), why) for one, other, *told, why in kept["conflicts"]),
    )


#: All acts of identity: of one key whichever of them told first.
ACTS = keys.Acts(of="identity", longest=LONGEST_KEY, kept=_kept, read=_read, taken=BadKey, bad=BadKey)


@dataclass(frozen=True)
class LinkView:
    """A piece of evidence as people read it. `value` is None for a contact: it stands in the profile, masked."""

    id: int
    record: int
    kind: str
    namespace: str
    value: str | None
    evidence: Evidence
    source: str
    at: datetime
    by: str
    counts: bool


@dataclass(frozen=True)
class Step:
    """One time that records came to another person, newest first in a history."""

    regrouping: int
    record: int
    before: int
    after: int
    because: Mapping[str, str | int]
    at: datetime
    by: str


@dataclass(frozen=True)
class Explained:
    """Why these records are one person; `links` are all that is known of them, `history` what happened."""

    person: int
    records: tuple[int, ...]
    joins: tuple[Join, ...]
    links: tuple[LinkView, ...]
    history: tuple[Step, ...]


@dataclass(frozen=True)
class Preview:
    """What a join or other rules would change. `effects` counts what every room would move."""

    joined: tuple[Move, ...]
    parted: tuple[Move, ...]
    effects: tuple[Effect, ...]
    people_before: int
    people_after: int
    conflicts: int


def observe(*, observation: Observation, by: Actor) -> Changed:
    """Tell one piece of evidence. The same key again gives the first answer. Refuses what can be evidence of nobody."""
    told = {"act": "observe", **asdict(observation), "at": observation.at if observation.is_dated else None}
    return ACTS.once(key=observation.key, told=told, act=lambda: observe_many(observations=[observation], by=by))


def observe_many(*, observations: Sequence[Observation], by: Actor) -> Changed:
    """Tell evidence, all or none, in a transaction of its own: it locks the customers it may concern.

    What two records both prove makes them one person when it is strong enough and no rule says otherwise; else it is a
    question for somebody. The order in which evidence is told never matters.
    """
    region = company.shop().country
    rows = [_link(one, region, by) for one in observations]
    with transaction.atomic():
        _settling.lock()
        _check_records({row.record_id for row in rows})
        known = {link.key: link for link in Link.objects.filter(key__in=[row.key for row in rows])}
        for row in rows:
            earlier = known.get(row.key)
            if earlier is not None:
                keys.check_same(row.key, before=_what(earlier), now=_what(row), refusal=BadKey)
        fresh = list({row.key: row for row in rows if row.key not in known}.values())
        if not fresh:
            return Changed((), (), ())
        Link.objects.bulk_create(fresh)
        for row in fresh:
            trail.record(
                by=by,
                verb="customers.identity.observe",
                subject=f"customer:{row.record_id}",
                at=row.at,
                after={"link": row.id, "kind": row.kind, "evidence": row.evidence},
            )
        because: dict[str, str | int] = {"act": "observed", "link": fresh[-1].id, "kind": fresh[-1].kind}
        return _settle({row.record_id for row in fresh}, because, max(row.at for row in fresh), by)


def revoke(*, link: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """A piece of evidence does not count any more, and whom it alone made one person are two again.

    The same key again gives the first answer; what does not count already changes nothing.
    """
    told = {"act": "revoke", "link": link, "why": why}
    return ACTS.once(key=key, told=told, act=lambda: _revoke(link, why, key, at, by))


def join(*, one: int, other: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """Somebody decided that two records are one person. Refused where any record of the one is kept apart from any of
    the other: undo that first. The same key again gives the first answer, whatever was decided since."""

    def act() -> Changed:
        # One transaction: what is refused was not decided, and joins nobody when the other decision is undone.
        changed = _decide(one, other, "join", why, key, at, by)
        if persons.of(one) != persons.of(other):
            raise _kept_apart(other)
        return changed

    return ACTS.once(key=key, told=_told_of_two("join", one, other, why), act=act)


def keep_apart(*, one: int, other: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """Somebody decided that two records are two people, whatever the evidence says. The same key again gives the first
    answer."""
    told = _told_of_two("apart", one, other, why)
    return ACTS.once(key=key, told=told, act=lambda: _decide(one, other, "apart", why, key, at, by))


def undecide(*, one: int, other: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """Take back what was decided of two records: the evidence alone counts again. The same key again gives the first
    answer."""
    told = _told_of_two("open", one, other, why)
    return ACTS.once(key=key, told=told, act=lambda: _decide(one, other, "open", why, key, at, by))


def set_rules(*, rules: IdentityRules, at: datetime, by: Actor) -> Changed:
    """From now on these rules count, for all evidence there is. Ask `what_if` before. One transaction."""
    with transaction.atomic():
        _settling.lock()
        row = Rules.objects.create(rules=rules_of_identity.to_json(rules), at=at, by=str(by))
        everybody = _settling.whole_scene().records
        because: dict[str, str | int] = {"act": "rules", "rules": row.id}
        done = _settling.settle(everybody, because=because, at=at, by=by)
        proved = [(one.kind, bytes.fromhex(one.digest)) for one in done.worn]
        _claims.follow_rules(rules, proved)
        announce(
            IdentityRulesChanged(rules=row.id, at=at),
            by=by,
            verb="customers.identity.set_rules",
            after={"rules": row.id, "joined": len(done.joined), "parted": len(done.parted)},
        )
        return Changed(done.joined, done.parted, done.conflicts)


def look_again(*, records: Sequence[int], at: datetime, by: Actor) -> Changed:
    """What these records told of names and birthdays may speak for or against what they are joined by: decide it anew.

    One transaction. Again changes nothing.
    """
    with transaction.atomic():
        _settling.lock()
        there = set(Customer.objects.filter(id__in=records).values_list("id", flat=True))
        return _settle(there, {"act": "told"}, at, by) if there else Changed((), (), ())


def settle_everybody(*, at: datetime, by: Actor) -> Changed:
    """Work out anew who is who, for all evidence there is: changes nothing, unless something went wrong before.

    One transaction.
    """
    with transaction.atomic():
        _settling.lock()
        everybody = _settling.whole_scene().records
        return _settle(everybody, {"act": "asked"}, at, by) if everybody else Changed((), (), ())


def clear_refused_joins(*, at: datetime, by: Actor) -> int:
    """Take back joins that were refused and are on record all the same: they would join the two once whatever refused
    them is undone. How many. Again changes nothing. One transaction.

    Such a join counts and yet the two are two people, nobody ever moved because of it, and records of theirs had been
    kept apart before it was decided. What was kept apart later is left: undoing that is to give the join its effect.
    """
    with transaction.atomic():
        _settling.lock()
        moved = {number for number in Regrouping.objects.values_list("because__decision", flat=True) if number}
        never = Decision.objects.filter(verdict="join").exclude(id__in=moved).order_by("id")
        refused = [
            row
            for row in never
            if persons.of(row.one_id) != persons.of(row.other_id)
            and _stands(row.one_id, row.other_id) == "join"
            and any(
                told.verdict == "apart" and told.at <= row.at for told in decisions.between(row.one_id, row.other_id)
            )
        ]
        for row in refused:
            key = f"refused:{row.id}"
            undecide(one=row.one_id, other=row.other_id, why=Reason.MISTAKE, key=key, at=max(at, row.at), by=by)
        return len(refused)


def rules() -> IdentityRules:
    """The rules that count now. One row."""
    return _settling.current_rules()


def what_if(rules: IdentityRules) -> Preview:
    """What these rules would change, on all the evidence there is. Writes nothing; reads every link once."""
    scene = _settling.whole_scene()
    now = persons.of_many(scene.records)
    return _preview(now, scene.people(rules))


def preview_join(*, one: int, other: int, at: datetime) -> Preview:
    """What joining two records would move in every room. Writes nothing."""
    _check_pair(one, other)
    scene, pair = _settling.scene({one, other}), (min(one, other), max(one, other))
    decided = list(scene.decisions)
    # Joining whom somebody joined already changes nothing; told anew it would come after what others decided.
    if _stands(*pair) != "join":
        decided.append(Decided(*pair, "join", at))
    now = persons.of_many(scene.records)
    return _preview(now, replace(scene, decisions=decided).people(rules()))


def explain(person: int) -> Explained:
    """Why a person's records are one person. A few queries."""
    records = persons.records_of(person)
    scene = _settling.scene(records)
    people = scene.people(rules())
    joins = tuple(join for join in people.joins if join.one in records)
    return Explained(records[0], records, joins, tuple(links_of(records)), tuple(history_of(records)))


def links_of(records: Sequence[int]) -> list[LinkView]:
    """All evidence of these records, oldest first; what was taken back is there and does not count. One query."""
    rows = list(Link.objects.filter(record_id__in=records).order_by("at", "id"))
    revoked = {row.revokes_id for row in rows if row.revokes_id is not None}
    return [
        LinkView(
            row.id,
            row.record_id,
            row.kind,
            row.namespace,
            row.value,
            _evidence(row.evidence),
            row.source,
            row.at,
            row.by,
            row.id not in revoked,
        )
        for row in rows
        if row.revokes_id is None
    ]


def history_of(records: Sequence[int], limit: int = 50) -> list[Step]:
    """When these records came to another person and why, newest first. One query."""
    rows = Moved.objects.filter(record_id__in=records).select_related("regrouping").order_by("-id")[:limit]
    return [
        Step(
            row.regrouping_id,
            row.record_id,
            row.before_id,
            row.after_id,
            row.regrouping.because,
            row.regrouping.at,
            row.regrouping.by,
        )
        for row in rows
    ]


def digest(kind: str, namespace: str, value: str) -> Identifier:
    """The identifier as it is kept: for who wants to block one. Refuses what can be evidence of nobody."""
    # Only a number without its country's code is read in the shop's country.
    is_local = kind == "phone" and not value.lstrip().startswith("+")
    region = company.shop().country if is_local else contacts.ANYWHERE
    named = kinds.named(kind, namespace, value, region=region)
    return Identifier(named.kind, named.namespace, _digest(named).hex())


def _revoke(link: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    _settling.lock()
    row = Link.objects.filter(id=link, revokes=None).first()
    if row is None:
        raise UnknownLink(
            _("link: there is no number %(link)s; look it up again") % {"link": link}, field="link", value=link
        )
    if Link.objects.filter(revokes_id=link).exists():
        return Changed((), (), ())
    Link.objects.create(
        key=key,
        record_id=row.record_id,
        kind=row.kind,
        namespace=row.namespace,
        digest=row.digest,
        value=row.value,
        evidence=row.evidence,
        source=row.source,
        at=at,
        by=str(by),
        why=why.value,
        revokes_id=link,
    )
    trail.record(
        by=by, verb="customers.identity.revoke", subject=f"customer:{row.record_id}", at=at, after={"link": link}
    )
    because: dict[str, str | int] = {"act": "revoked", "link": link, "kind": row.kind}
    changed = _settle({row.record_id, *_may_be_evidence_again(row)}, because, at, by)
    _claims.look_again([(row.kind, bytes(row.digest))])
    return changed


def _decide(
    one: int, other: int, verdict: projecting.Verdict, why: Reason, key: str, at: datetime, by: Actor
) -> Changed:
    _settling.lock()
    _check_pair(one, other)
    first, second = sorted((one, other))
    if _stands(first, second) == verdict:
        # Said again, it would become the newest, and what was decided of others since would go before it.
        return Changed((), (), ())
    if verdict == "join" and any(told.verdict == "apart" for told in decisions.between(one, other)):
        raise _kept_apart(other)
    row = Decision.objects.create(
        key=key, one_id=first, other_id=second, verdict=verdict, at=at, by=str(by), why=why.value
    )
    trail.record(
        by=by,
        verb=f"customers.identity.{verdict}",
        subject=f"customer:{first}",
        at=at,
        after={"other": second, "decision": row.id, "why": why.value},
    )
    return _settle({first, second}, {"act": verdict, "decision": row.id}, at, by)


def _kept_apart(other: int) -> KeptApart:
    return KeptApart(
        _("other: somebody decided that two of their records are two people; undo that decision first"),
        field="other",
        value=other,
    )


def _stands(one: int, other: int) -> projecting.Verdict:
    """What counts of exactly these two records, the older first."""
    rows = Decision.objects.filter(one_id=one, other_id=other)
    told = [Decided(row.one_id, row.other_id, projecting.verdict(row.verdict), row.at) for row in rows]
    latest = projecting.latest(told).get((one, other))
    return "open" if latest is None else latest.verdict


def _may_be_evidence_again(revoked: Link) -> set[int]:
    """Who else proved what was taken back: it may have been one too many, and the others are one person again."""
    gone = Link.objects.filter(revokes__isnull=False, digest=revoked.digest).values("revokes_id")
    links = Link.objects.filter(kind=revoked.kind, namespace=revoked.namespace, digest=revoked.digest, revokes=None)
    most = projecting.most_looked_at(revoked.kind, _settling.current_rules())
    found = set(links.exclude(id__in=gone).values_list("record_id", flat=True).distinct()[: most + 1])
    return found if len(found) <= most else set()


def _settle(touched: set[int] | frozenset[int], because: Mapping[str, str | int], at: datetime, by: Actor) -> Changed:
    done = _settling.settle(touched, because=because, at=at, by=by)
    return Changed(done.joined, done.parted, done.conflicts)


def _preview(now: Mapping[int, int], then: projecting.People) -> Preview:
    joined, parted = _settling.moves(now, then.person)
    effects = merging.summed([*merging.plan(parted), *merging.plan(joined)])
    return Preview(
        tuple(joined),
        tuple(parted),
        tuple(effects),
        len(set(now.values())),
        len(set(then.person.values())),
        len(then.conflicts),
    )


def _told_of_two(act: str, one: int, other: int, why: Reason) -> dict[str, object]:
    return {"act": act, "records": sorted((one, other)), "why": why}


def _link(one: Observation, region: str, by: Actor) -> Link:
    keys.check(one.key, LONGEST_KEY, BadKey)
    named = kinds.named(one.kind, one.namespace, one.value, region=region)
    return Link(
        key=one.key,
        record_id=one.record,
        kind=named.kind,
        namespace=named.namespace,
        digest=_digest(named),
        value=named.value,
        evidence=_evidence(one.evidence),
        source=one.source[:64],
        at=one.at,
        by=str(by),
    )


def _digest(named: kinds.Named) -> bytes:
    # A contact's hash is the one profiles are found by.
    kind = named.kind if kinds.KINDS[named.kind].is_contact else f"link/{named.kind}/{named.namespace}"
    return lookup.digest(kind, named.compared)


def _what(row: Link) -> tuple[int, str, str, bytes, str, int | None]:
    return row.record_id, row.kind, row.namespace, bytes(row.digest), row.evidence, row.revokes_id


def _evidence(text: str) -> Evidence:
    for known in kinds.STRENGTH:
        if known == text:
            return known
    raise kinds.NoEvidence(
        _("evidence: %(text)r is no evidence; choose from %(choices)s")
        % {"text": text[:40], "choices": ", ".join(kinds.STRENGTH)},
        field="evidence",
        value=text[:40],
    )


def _check_pair(one: int, other: int) -> None:
    if one == other:
        raise SameRecord(_("other: is the same record; choose another customer"), field="other", value=other)
    _check_records({one, other})


def _check_records(records: set[int]) -> None:
    there = set(Customer.objects.filter(id__in=records).values_list("id", flat=True))
    if missing := records - there:
        raise customers.no_number(min(missing))
