"""Consent: what somebody agreed to and refused, with what shows it, and the one question whether a message may go.

    consent.withdraw(customer=li, purpose="marketing", channel="email", place="one_click", key=..., at=now, by=LI)
    consent.may_send(customer=li, purpose="marketing", channel="email", at=now).is_allowed      # False

Answers are added, never changed; what they come to is a fold (`consenting`). Nothing is kept of what was asked before,
so an answer counts for the very next question.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.facts.customers import (
    _consent_rows,
    _sealing,
    consent_settings,
    consent_words,
    consenting,
    contacts,
    customers,
    keys,
    persons,
    topics,
)
from regulars.facts.customers._consent_rows import House, People
from regulars.facts.customers.consenting import Answer, Asked, Entry, Known, State
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.models import Consent as Row
from regulars.facts.customers.models import Customer
from regulars.facts.customers.notices import ConsentGiven, ConsentsImported, ConsentWithdrawn
from regulars.facts.customers.purposes import ANY, MESSAGES, Channel, Place, Purpose, Reason
from regulars.facts.customers.wishing import Wishes
from regulars.kit import civil
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, announce_many

LONGEST_KEY = 160
LONGEST_PROOF = 200
LONGEST_SOURCE = 64
#: The code of a verdict about nobody.
UNKNOWN = "consent.unknown_customer"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One answer on its way in; `key` makes its repeat harmless.

    `brand`, `text` are numbers (None: every brand; no text on record). `proof` names what shows the answer (a form, a
    receipt, a recording), never the person. `purpose` and `channel` may be `*`.
    """

    customer: int
    purpose: str
    channel: str
    is_granted: bool
    place: str
    at: datetime
    key: str
    brand: int | None = None
    text: int | None = None
    proof: str = ""
    reason: str = ""
    source: str = ""
    is_by_guardian: bool = False
    #: Whether they said when; else `at` is when it came, and another is no other answer under the same key.
    is_dated: bool = False


@dataclass(frozen=True)
class Recorded:
    """How many answers are new, and how many of them are a yes; `same` were on record under their key."""

    new: int
    same: int
    given: int

    @property
    def withdrawn(self) -> int:
        """How many of the new ones are a no."""
        return self.new - self.given


@dataclass(frozen=True)
class Verdict:
    """Whether something may be, and why: a code for good, and until when where it is a matter of time.

    `consent` and `wish` are the numbers of the rows it rests on, None where it rests on the absence of one.
    """

    is_allowed: bool
    code: str
    until: datetime | None = None
    consent: int | None = None
    wish: int | None = None

    def __bool__(self) -> bool:
        return self.is_allowed

    @property
    def words(self) -> str:
        """The reason as a sentence in the reader's language, its end on the shop's clock. One query where it ends."""
        until = self.until and self.until.astimezone(civil.zone(company.shop().zone))
        return consent_words.sentence(self.code, until)


@dataclass(frozen=True)
class Line:
    """One answer as it stands in the ledger."""

    number: int
    record: int
    purpose: str
    channel: str
    brand: int | None
    is_granted: bool
    is_by_guardian: bool
    text: int | None
    place: str
    proof: str
    reason: str
    source: str
    at: datetime
    by: str
    recorded_at: datetime


class BadConsent(Refusal):
    """Not an answer that can be put on record."""

    code = "consent.bad_consent"


class KeyTaken(keys.KeyTaken):
    """The key belongs to another answer."""

    code = "consent.key_taken"


def give(
    *,
    customer: int,
    purpose: str,
    channel: str,
    place: str,
    key: str,
    at: datetime,
    by: Actor,
    brand: int | None = None,
    text: int | None = None,
    proof: str = "",
    reason: str = "",
    source: str = "",
    is_by_guardian: bool = False,
    is_dated: bool = False,
) -> Line:
    """Put on record that somebody agreed. The same `key` again changes nothing and gives what is on record under it.

    A guardian's yes (`is_by_guardian`) needs its proof. Refuses what is no purpose, channel, place or reason, and a
    proof in which somebody could be read.
    """
    told = Told(
        customer=customer,
        purpose=purpose,
        channel=channel,
        is_granted=True,
        place=place,
        at=at,
        key=key,
        brand=brand,
        text=text,
        proof=proof,
        reason=reason,
        source=source,
        is_by_guardian=is_by_guardian,
        is_dated=is_dated,
    )
    return _answer(told, "consent.give", by)


def withdraw(
    *,
    customer: int,
    purpose: str,
    channel: str,
    place: str,
    key: str,
    at: datetime,
    by: Actor,
    brand: int | None = None,
    text: int | None = None,
    proof: str = "",
    reason: str = "",
    source: str = "",
    is_dated: bool = False,
    of_person: bool = False,
) -> Line:
    """Put on record that somebody refused, objected or took their consent back: `give` the other way round.

    It counts for the very next question. Purpose and channel may be `*`: nothing at all. `of_person`: it was said to us
    in person, not by a source of one record, and goes on record with all of theirs; whose no it was nobody knows once
    they are parted, so it counts for each.
    """
    told = Told(
        customer=customer,
        purpose=purpose,
        channel=channel,
        is_granted=False,
        place=place,
        at=at,
        key=key,
        brand=brand,
        text=text,
        proof=proof,
        reason=reason,
        source=source,
        is_dated=is_dated,
    )
    return _answer(told, "consent.withdraw", by, of_person=of_person)


def record_many(*, told: Sequence[Told], by: Actor, origin: Origin) -> Recorded:
    """`give` and `withdraw` for many, also several of one customer, whatever their order. All or nothing.

    Live answers are announced one by one; history leaves one notice and one line in the trail. A dozen statements.
    """
    for one in told:
        _check(one)
    with transaction.atomic():
        bulk.expect_many_rows(len(told))
        person_of = _held({one.customer for one in told})
        made = _insert(told, by, origin)
        if made:
            _tell(made, person_of, by, origin)
    given = sum(line.is_granted for line in made)
    return Recorded(len(made), len(told) - len(made), given)


def may_send(
    *,
    customer: int,
    purpose: str,
    channel: str,
    at: datetime,
    brand: int | None = None,
    topic: str | None = None,
    sent: Collection[datetime] = (),
) -> Verdict:
    """May a message for `purpose` go to the customer by `channel` at `at`? With the reason, whatever the answer.

    `topic` is what it is about, where the shop has such a list. `sent` is when they got their last messages: how often
    somebody wants to hear from the shop is known here, what was sent is not. Refuses who and what does not exist.
    Pinned queries, see `may_send_many`.
    """
    found = may_send_many(
        customers=[customer], purpose=purpose, channel=channel, at=at, brand=brand, topic=topic, sent={customer: sent}
    )[customer]
    if found.code == UNKNOWN:
        raise _unknown(customer)
    return found


def may_send_many(
    *,
    customers: Iterable[int],
    purpose: str,
    channel: str,
    at: datetime,
    brand: int | None = None,
    topic: str | None = None,
    sent: Mapping[int, Collection[datetime]] | None = None,
) -> dict[int, Verdict]:
    """`may_send` for many at once; who does not exist gets a no. Eight queries, one more for a topic."""
    if purpose not in MESSAGES:
        raise BadConsent(
            _("purpose: no message is sent for %(purpose)r; choose from %(choices)s")
            % {"purpose": purpose[:20], "choices": ", ".join(MESSAGES)},
            field="purpose",
            value=purpose[:20],
        )
    _one_of("channel", channel, Channel)
    if topic is not None:
        topics.check([topic])
    return _decided(list(dict.fromkeys(customers)), Asked(purpose, channel, at, brand, topic), sent or {})


def may_use(*, customer: int, purpose: str, at: datetime, brand: int | None = None) -> Verdict:
    """May the customer's data be used for `purpose` (personalisation, analytics, sharing) at `at`? Eight queries."""
    _one_of("purpose", purpose, Purpose)
    found = _decided([customer], Asked(purpose, None, at, brand), {})[customer]
    if found.code == UNKNOWN:
        raise _unknown(customer)
    return found


def may_personalise(*, customer: int, at: datetime) -> Verdict:
    """May what the customer sees be chosen for them? No where they refused, or wish nothing personalised."""
    return may_use(customer=customer, purpose=Purpose.PERSONALISATION, at=at)


def may_personalise_many(*, customers: Iterable[int], at: datetime) -> dict[int, Verdict]:
    """`may_personalise` for many at once; who does not exist gets a no. Eight queries."""
    return _decided(list(dict.fromkeys(customers)), Asked(Purpose.PERSONALISATION, None, at), {})


@dataclass(frozen=True)
class Standing:
    """All that is known of one person's consent, for any question."""

    known: Known
    lines: tuple[Line, ...]
    free: Mapping[tuple[str, str], bool]
    #: The person's records, the one that stands for all first.
    records: tuple[int, ...]

    def line(self, number: int | None) -> Line | None:
        """The answer with that number."""
        return next((line for line in self.lines if line.number == number), None)

    def state(self, purpose: str, channel: str | None, at: datetime, brand: int | None = None) -> State:
        """What the answers come to."""
        return consenting.state(
            self.known.entries,
            purpose=purpose,
            channel=channel or ANY,
            brand=brand,
            at=at,
            joined_at=self.known.joined_at,
            grown_at=self.known.grown_at,
        )

    def may(
        self, purpose: str, channel: str | None, at: datetime, brand: int | None = None, topic: str | None = None
    ) -> Verdict:
        """The verdict of `may_send` and `may_use`, without a count of what was sent."""
        asked = Asked(purpose, channel, at, brand, topic)
        return _verdict(consenting.decide(asked, self.known, without_asking=self.free))


def standing(*, customer: int, at: datetime) -> Standing:
    """Everything about one customer's consent at `at`, each answer with the latest first. Six queries."""
    who = _consent_rows.people([customer])
    if customer not in who.records:
        raise _unknown(customer)
    records = who.records[customer]
    born = _consent_rows.born(_sealing.open_of(records, _consent_rows.BIRTHDAYS))
    return standing_of(customer=customer, who=who, at=at, house=_consent_rows.house(), birthdays=born)


def standing_of(*, customer: int, who: People, at: datetime, house: House, birthdays: Mapping[int, date]) -> Standing:
    """`standing` for who has read the rest already. Two queries. For this room alone."""
    lines = tuple(_lines(who.records[customer]))
    answers = [
        Entry(
            number=line.number,
            record=line.record,
            purpose=line.purpose,
            channel=line.channel,
            brand=line.brand,
            is_granted=line.is_granted,
            at=line.at,
            recorded_at=line.recorded_at,
            is_by_guardian=line.is_by_guardian,
        )
        for line in lines
    ]
    have = _consent_rows.Have(who, answers, house, birthdays)
    found = _consent_rows.known([customer], at=at, purposes=None, with_birthdays=True, have=have)
    free = consent_settings.free(house.without_asking)
    return Standing(found[customer], lines, free, tuple(who.records[customer]))


def history(*, customer: int) -> list[Line]:
    """Every answer of the customer's records, the latest first. Two queries."""
    return _lines(_consent_rows.people([customer]).records.get(customer, ()))


def histories(*, customers: Collection[int]) -> dict[int, list[Line]]:
    """`history` of each. Two queries, however many."""
    records = _consent_rows.people(list(customers)).records
    found: dict[int, list[Line]] = {customer: [] for customer in customers}
    whose: dict[int, list[int]] = {}
    for customer, some in records.items():
        for record in some:
            whose.setdefault(record, []).append(customer)
    for line in _lines(sorted(whose)):
        for customer in whose[line.record]:
            found[customer].append(line)
    return found


def latest(*, customers: Collection[int], place: str) -> dict[tuple[int, str], tuple[bool, datetime]]:
    """What each of these records answered last at that place, by purpose: yes or no, and when. One query."""
    rows = Row.objects.filter(customer_id__in=customers, place=place).order_by("at", "-is_granted", "id")
    told = rows.values_list("customer_id", "purpose", "is_granted", "at")
    return {(customer, purpose): (is_granted, at) for customer, purpose, is_granted, at in told}


def allowed(*, customers: Sequence[int], purpose: str, channel: str | None, at: datetime) -> dict[int, bool]:
    """Whether each one's answers allow it, whatever their wishes and the hour: for lists and conditions. Six queries.

    Who does not exist is left out. What sends asks `may_send`.
    """
    found = _consent_rows.known(customers, at=at, purposes=[purpose], with_birthdays=purpose != Purpose.SERVICE)
    free = _consent_rows.free()
    return {
        customer: consenting.decide(
            Asked(purpose, channel, at), replace(one, wishes=Wishes()), without_asking=free
        ).is_allowed
        for customer, one in found.items()
    }


def _lines(records: Sequence[int]) -> list[Line]:
    return [_line(row) for row in Row.objects.filter(customer_id__in=records).order_by("-at", "-id")]


def _decided(customers: Sequence[int], asked: Asked, sent: Mapping[int, Collection[datetime]]) -> dict[int, Verdict]:
    found = _consent_rows.known(
        customers, at=asked.at, purposes=[asked.purpose], with_birthdays=asked.purpose != Purpose.SERVICE, sent=sent
    )
    free = _consent_rows.free()
    return {
        customer: _verdict(consenting.decide(asked, found[customer], without_asking=free))
        if customer in found
        else Verdict(is_allowed=False, code=UNKNOWN)
        for customer in customers
    }


def _verdict(answer: Answer) -> Verdict:
    return Verdict(answer.is_allowed, answer.code, answer.until, answer.consent, answer.wish)


def _answer(told: Told, verb: str, by: Actor, *, of_person: bool = False) -> Line:
    _check(told)

    def act() -> Line:
        person_of = _held({told.customer})
        if made := _insert([told], by, "live"):
            others = set(persons.records_of(told.customer)) - {told.customer} if of_person else set()
            # Of the whole key, so that it is never too long.
            whose = hashlib.sha256(told.key.encode()).hexdigest()
            also = [replace(told, customer=other, key=f"{verb}:{whose}:{other}") for other in sorted(others)]
            numbers = [line.number for line in _insert(also, by, "live")] if also else []
            after = _after(made[0]) | ({"also": numbers} if numbers else {})
            announce(_notice(made[0], person_of), by=by, verb=verb, after=after, why=told.reason)
        return made[0] if made else _line(Row.objects.get(key=told.key))

    content = {**asdict(told), "at": told.at if told.is_dated else None, "of_person": of_person}
    return _ACTS.once(key=told.key, told=content, act=act)


def _tell(made: Sequence[Line], person_of: Mapping[int, int], by: Actor, origin: Origin) -> None:
    if origin == "live":
        announce_many([(_notice(line, person_of), _after(line)) for line in made], by=by, verb="consent.record_many")
        return
    numbers = [line.number for line in made]
    given = sum(line.is_granted for line in made)
    notice = ConsentsImported(
        first=min(numbers),
        last=max(numbers),
        given=given,
        withdrawn=len(made) - given,
        at=max(line.at for line in made),
        origin=origin,
    )
    announce(notice, by=by, verb="consent.record_many", after={"given": given, "withdrawn": len(made) - given})


def _notice(line: Line, person_of: Mapping[int, int]) -> ConsentGiven | ConsentWithdrawn:
    kind = ConsentGiven if line.is_granted else ConsentWithdrawn
    return kind(
        customer=person_of[line.record],
        consent=line.number,
        purpose=line.purpose,
        channel=line.channel,
        brand=line.brand,
        at=line.at,
    )


def _after(line: Line) -> dict[str, object]:
    told: dict[str, object] = {"consent": line.number, "purpose": line.purpose, "channel": line.channel}
    if line.brand is not None:
        told["brand"] = line.brand
    return told | {"place": line.place}


def _check(told: Told) -> None:
    _one_of("purpose", told.purpose, (ANY, *Purpose))
    _one_of("channel", told.channel, (ANY, *Channel))
    _one_of("place", told.place, Place)
    if told.reason:
        _one_of("reason", told.reason, Reason)
    if told.at.tzinfo is None:
        raise BadConsent(_("at: has no zone; say which instant it is"), field="at", value=told.at.isoformat())
    keys.check(told.key, LONGEST_KEY, BadConsent)
    if len(told.source) > LONGEST_SOURCE:
        raise BadConsent(
            _("source: give up to %(longest_source)s characters") % {"longest_source": LONGEST_SOURCE},
            field="source",
            value="",
        )
    _check_proof(told)


def _check_proof(told: Told) -> None:
    """The proof names a form, a receipt, a recording; what it says stays where it is."""
    # The value itself stays out of the message: it may be personal.
    mend = _("name what shows it, such as the form and its number")
    if len(told.proof) > LONGEST_PROOF or not told.proof.isprintable():
        raise BadConsent(
            _("proof: is too long or unreadable; %(mend)s") % {"mend": mend}, field="proof", value="(hidden)"
        )
    if contacts.is_in(told.proof):
        raise BadConsent(
            _("proof: holds an address or a telephone number; %(mend)s") % {"mend": mend},
            field="proof",
            value="(hidden)",
        )
    if told.is_by_guardian and told.is_granted and not told.proof.strip():
        raise BadConsent(_("proof: a guardian's yes needs one; %(mend)s") % {"mend": mend}, field="proof", value="")


def _one_of(field: str, value: str, known: Iterable[str]) -> None:
    names = [str(one) for one in known]
    if value not in names:
        raise BadConsent(
            _("%(field)s: %(value)r is none; choose from %(choices)s")
            % {"field": field, "value": value[:20], "choices": ", ".join(names)},
            field=field,
            value=value[:20],
        )


def _held(customers: Collection[int]) -> dict[int, int]:
    """Each one's person, whom nobody joins or parts meanwhile. Refuses the first customer that does not exist."""
    there = set(Customer.objects.filter(id__in=customers).values_list("id", flat=True))
    if missing := sorted(set(customers) - there):
        raise _unknown(missing[0])
    return persons.held(customers)


def _unknown(customer: int) -> UnknownCustomer:
    return customers.no_number(customer)


def _insert(told: Sequence[Told], by: Actor, origin: Origin) -> list[Line]:
    """The new ones, in the order they were told. Refuses a key that stands with another answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_consent (customer_id, purpose, channel, brand_id, is_granted, is_by_guardian,"
            " text_id, place, proof, reason, source, key, at, by_kind, by_id, origin)"
            " SELECT customer, purpose, channel, brand, is_granted, is_by_guardian, text, place, proof, reason, source,"
            " key, at, %s, %s, %s FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bool[],"
            " %s::bool[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])"
            " WITH ORDINALITY AS told(customer, purpose, channel, brand, is_granted, is_by_guardian, text, place,"
            " proof, reason, source, key, at, place_in_list) ORDER BY place_in_list"
            " ON CONFLICT (key) DO NOTHING RETURNING id",
            [
                *(by.kind, by.id, origin),
                [one.customer for one in told],
                [one.purpose for one in told],
                [one.channel for one in told],
                [one.brand for one in told],
                [one.is_granted for one in told],
                [one.is_by_guardian for one in told],
                [one.text for one in told],
                [one.place for one in told],
                [one.proof for one in told],
                [one.reason for one in told],
                [one.source for one in told],
                [one.key for one in told],
                [one.at for one in told],
            ],
        )
        numbers = {number for (number,) in cursor.fetchall()}
    wanted = {one.key: one for one in told}
    rows = {row.key: row for row in Row.objects.filter(key__in=wanted)}
    for key, row in rows.items():
        one = wanted[key]
        before, now = (*_what(row.customer_id, row), row.brand_id), (*_what(one.customer, one), one.brand)
        keys.check_same(key, before=before, now=now, refusal=KeyTaken)
    return [_line(row) for row in rows.values() if row.id in numbers]


def _what(customer: int, answer: Told | Row) -> tuple[int, str, str, bool]:
    return customer, answer.purpose, answer.channel, answer.is_granted


def _line(row: Row) -> Line:
    return Line(
        number=row.id,
        record=row.customer_id,
        purpose=row.purpose,
        channel=row.channel,
        brand=row.brand_id,
        is_granted=row.is_granted,
        is_by_guardian=row.is_by_guardian,
        text=row.text_id,
        place=row.place,
        proof=row.proof,
        reason=row.reason,
        source=row.source,
        at=row.at,
        by=f"{row.by_kind}:{row.by_id}",
        recorded_at=row.recorded_at,
    )


_ACTS: keys.Acts[Line] = keys.Acts(
    of="consent",
    longest=LONGEST_KEY,
    kept=lambda line: line.number,
    # Answers never change: the row is what it was.
    read=lambda number: _line(Row.objects.get(id=number)),
    taken=KeyTaken,
    bad=BadConsent,
)
