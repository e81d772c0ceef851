"""Questions that only somebody can answer: are these two one person? And what was answered."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from django.db import transaction
from django.db.models import Exists, F, FloatField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import (
    _claims,
    _sealing,
    _settling,
    blocking,
    decisions,
    identity,
    persons,
    profiles,
    records,
)
from regulars.facts.customers.identity import Changed, Reason
from regulars.facts.customers.models import CONTACTS, AlsoKnown, Customer, Link, Profile, Review
from regulars.facts.customers.records import RecordView
from regulars.kit import ids, paging
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "rev"
#: What cursors of `listed` are called.
LIST = "reviews"
#: Counting stops here.
COUNTED = 1_000
State = Literal["open", "joined", "apart", "left", "gone"]
Order = Literal["newest", "likeliest"]

#: Why it is asked, by kind, in the order of urgency.
KINDS: dict[str, Promise] = {
    "claim": _("Two people told the same contact"),
    "alias": _("A program says that they are one person"),
    "new_owner": _("The contact was proved again after a long time"),
    "contradicted": _("They proved the same contact and told other names or birthdays"),
    "torn": _("What they told fits two people of one family"),
    "nothing_else": _("They proved the same contact, and nothing else says whether they are one"),
    "too_many": _("Together they would have more identifiers than people have"),
    "too_large": _("Together they would be more records than people are"),
    "likeness": _("They look alike"),
    "worn": _("More people use it than have one together"),
}
_URGENCY = list(KINDS)
#: Below every score.
_NO_SCORE = -1.0
_RANK = Coalesce("score", Value(_NO_SCORE), output_field=FloatField())
_Pair = tuple[str, frozenset[int] | tuple[int, int]]
STATES: dict[State, Promise] = {
    "open": _("open"),
    "joined": _("one person"),
    "apart": _("two people"),
    "left": _("left as it is"),
    "gone": _("asked no more"),
}


class UnknownReview(Refusal):
    """No such question."""

    code = "customers.unknown_review"


class NothingDecided(Refusal):
    """Nobody decided anything of these two that could be taken back."""

    code = "customers.nothing_decided"


class NotAboutTwo(Refusal):
    """A question about a contact, not about two people; or the other way round."""

    code = "customers.not_about_two"


class Place(NamedTuple):
    """Where a page of questions ended."""

    score: float | None
    id: int

    @property
    def key(self) -> tuple[str, int]:
        """For a cursor, which has no fractions."""
        return ("" if self.score is None else repr(self.score), self.id)


@dataclass(frozen=True)
class Ask:
    """One thing that asks about two people. `score` (0 to 1) and `signs` are there where likeness asks."""

    id: int
    kind: str
    identifier_kind: str
    score: float | None
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """Are records `one` and `other` one person? `one` is the older. `identifier_kind` is empty where no identifier asks
    it; `score` (0 to 1) and `signs` are there where likeness does. `opened_at` is when it was asked, whatever the time
    of the evidence.

    Two people are one question whatever asks about them: `asks` are all that do, this one too, the most urgent first,
    and whoever answers one answers all.
    """

    id: int
    public_id: str
    kind: str
    one: int
    other: int
    identifier_kind: str
    score: float | None
    signs: tuple[str, ...]
    state: State
    opened_at: datetime
    decided_at: datetime | None
    asks: tuple[Ask, ...]

    @property
    def likeness(self) -> Ask | None:
        """What says how alike the two are, where anything does."""
        return next((one for one in self.asks if one.score is not None), None)

    @property
    def place(self) -> Place:
        """Where it stands in a list."""
        return Place(self.score, self.id)


@dataclass(frozen=True)
class Users:
    """Who told or proved one identifier: how many people, up to COUNTED, and the oldest of them. `shown` is the
    identifier as it may be read, a contact masked; empty where nobody here told it, only proved it."""

    shown: str
    count: int
    people: tuple[int, ...]


@dataclass(frozen=True)
class Sides:
    """Two people beside each other: the records of each, and what both told or proved, by kind of identifier."""

    one: tuple[RecordView, ...]
    other: tuple[RecordView, ...]
    in_common: tuple[str, ...]


def place_at(cursor: str) -> Place:
    """The place a cursor of the list LIST means. Refuses what no list gave."""
    score, number = paging.decode(cursor, LIST, str, int)
    try:
        return Place(float(str(score)) if score else None, int(str(number)))
    except ValueError:
        raise paging.BadCursor(
            _("cursor: was not given by this list; start from the first page"), field="cursor"
        ) from None


def listed(
    *,
    kind: str = "",
    state: State | None = "open",
    order: Order = "newest",
    after: Place | None = None,
    limit: int = 50,
) -> list[Question]:
    """Questions of one kind and state where asked, each two people once; `after` is where the last page ended. Three
    queries.

    `likeliest` has those with a score first, the highest of them before all.
    """
    rows = _ordered(_of_pairs(_narrowed(kind, state), state, order), order)
    if after is not None:
        rows = rows.filter(_further(order, after))
    return _questions(rows[:limit])


def neighbours(
    *, of: Question, kind: str = "", state: State | None = "open", order: Order = "newest"
) -> tuple[Question | None, Question | None]:
    """The questions about others before and after `of` in that list, whether or not it stands there itself. A few
    queries."""
    others = _of_pairs(_narrowed(kind, state), state, order).exclude(id__in=[one.id for one in of.asks])
    rows = _ordered(others, order)
    after = rows.filter(_further(order, of.place)).first()
    before = rows.exclude(_further(order, of.place)).reverse().first()
    found = {one.id: one for one in _questions([row for row in (before, after) if row is not None])}
    return (found[before.id] if before else None, found[after.id] if after else None)


def _narrowed(kind: str, state: State | None) -> QuerySet[Review, Review]:
    rows = Review.objects.all()
    if state is not None:
        rows = rows.filter(state=state)
    return rows.filter(kind=kind) if kind else rows


def _of_pairs(rows: QuerySet[Review, Review], state: State | None, order: Order) -> QuerySet[Review, Review]:
    """Of all that asks about the same two people only what stands first in the list. What is decided is about two
    records: who is one person now has no other side."""
    told = rows.exclude(kind="worn").annotate(rank=_RANK)
    if state == "open":
        either = Customer.objects.filter(
            Q(id=OuterRef(OuterRef("mine")))
            | Q(person_id=OuterRef(OuterRef("mine")))
            | Q(id=OuterRef(OuterRef("theirs")))
            | Q(person_id=OuterRef(OuterRef("theirs")))
        ).values("id")
        same = Q(one_id__in=either, other_id__in=either)
    else:
        same = Q(one_id=OuterRef("one_id"), other_id=OuterRef("other_id"), state=OuterRef("state"))
    earlier = Q(id__gt=OuterRef("id"))
    if order == "likeliest":
        earlier = Q(rank__gt=OuterRef("rank")) | Q(rank=OuterRef("rank")) & earlier
    people = rows.annotate(
        rank=_RANK,
        mine=Coalesce("one__person_id", "one_id"),
        theirs=Coalesce("other__person_id", "other_id"),
    )
    return people.filter(Q(kind="worn") | ~Exists(told.filter(same, earlier)))


def _ordered(rows: QuerySet[Review, Review], order: Order) -> QuerySet[Review, Review]:
    return rows.order_by(F("score").desc(nulls_last=True), "-id") if order == "likeliest" else rows.order_by("-id")


def _further(order: Order, place: Place) -> Q:
    """Further down the list than the place."""
    below = Q(id__lt=place.id)
    if order == "newest":
        return below
    if place.score is None:
        return Q(rank=_NO_SCORE) & below
    # Said so that it is never unknown: it is also asked who is not further.
    return Q(rank__lt=place.score) | Q(rank=place.score) & below


def count_open(kind: str = "") -> int:
    """How many wait, all or of one kind, each two people once, up to COUNTED. One query."""
    return _of_pairs(_narrowed(kind, "open"), "open", "newest")[:COUNTED].count()


def of_records(of: Sequence[int]) -> list[Question]:
    """Open questions about any of these records, each two people once, newest first. Three queries."""
    rows = Review.objects.filter(Q(one_id__in=of) | Q(other_id__in=of), state="open")
    return _questions(_of_pairs(rows, "open", "newest").order_by("-id")[:COUNTED])


def get(public_id: str) -> Question:
    """One question by `rev_…`. Three queries; refused when there is none."""
    row = Review.objects.filter(public_id=ids.parse(public_id, PREFIX)).first()
    if row is None:
        raise UnknownReview(
            _("review: there is no %(value)s; look it up again") % {"value": public_id.strip()[:40]},
            field="review",
            value=public_id.strip()[:40],
        )
    return _questions([row])[0]


def sides(*, one: int, other: int) -> Sides:
    """Two people with all that may tell whether they are one, masked. A few queries."""
    found = records.of_many([one, other])
    mine, theirs = found[one], found[other]
    return Sides(mine, theirs, _in_common([record.id for record in mine], [record.id for record in theirs]))


def users_of(question: Question, limit: int = 20) -> Users:
    """Who uses the identifier that a question is about, `limit` of them. A few queries."""
    row = Review.objects.get(id=question.id)
    if row.digest is None:
        return Users("", 0, ())
    revoked = Link.objects.filter(revokes__isnull=False, digest=row.digest).values("revokes_id")
    links = Link.objects.filter(kind=row.identifier_kind, digest=row.digest, revokes=None).exclude(id__in=revoked)
    found = links.values_list("record_id")
    if row.identifier_kind in CONTACTS:
        told = Profile.objects.filter(**{f"{row.identifier_kind}_digest": row.digest}).values_list("customer_id")
        found = found.union(told)
    people = sorted(set(persons.of_many(record for (record,) in found[:COUNTED]).values()))
    return Users(shown([question]).get(question.id, ""), len(people), tuple(people[:limit]))


def shown(questions: Sequence[Question]) -> dict[int, str]:
    """The identifiers that questions are about, as they may be read, by the number of the question; contacts masked.
    A few queries."""
    rows = list(Review.objects.filter(id__in=[one.id for one in questions], digest__isnull=False))
    read: dict[tuple[str, bytes], str] = {}
    for kind in CONTACTS:
        digests = [row.digest for row in rows if row.identifier_kind == kind]
        tellers = Profile.objects.filter(**{f"{kind}_digest__in": digests}).order_by(f"{kind}_digest", "customer_id")
        one_each = list(tellers.distinct(f"{kind}_digest")) if digests else []
        opened = _sealing.open_rows(one_each, [kind])
        for teller in one_each:
            if text := opened.get(teller.customer_id, {}).get(kind):
                read[kind, bytes(getattr(teller, f"{kind}_digest"))] = profiles.masked_text(kind, text)
    others = [row.digest for row in rows if row.identifier_kind not in CONTACTS]
    links = Link.objects.filter(digest__in=others, value__isnull=False) if others else Link.objects.none()
    read |= {(kind, bytes(digest)): value or "" for kind, digest, value in links.values_list("kind", "digest", "value")}
    return {row.id: read.get((row.identifier_kind, bytes(row.digest or b"")), "") for row in rows}


def join(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """They are one person. The same key again gives the first answer."""
    _check_two(review)
    return identity.join(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


def keep_apart(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """They are two people, and are not asked about again."""
    _check_two(review)
    return identity.keep_apart(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


def undo(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """What was decided of the two counts no more, and the question is open again unless evidence answers it."""
    _check_two(review)
    return undo_between(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


def undo_between(*, one: int, other: int, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """What somebody decided of any records of these two people counts no more. Refused where nobody decided it. The
    same key again gives the first answer."""

    def act() -> Changed:
        pairs = [(told.one, told.other) for told in decisions.between(one, other)]
        if not pairs:
            raise NothingDecided(
                _("review: nobody decided it, the evidence did; take back the evidence"), field="review"
            )
        whose = hashlib.sha256(key.encode()).hexdigest()
        told = [
            identity.undecide(one=first, other=second, why=why, key=f"undo:{whose}:{place}", at=at, by=by)
            for place, (first, second) in enumerate(pairs)
        ]
        return Changed(
            tuple(move for changed in told for move in changed.joined),
            tuple(move for changed in told for move in changed.parted),
            told[-1].conflicts,
        )

    told = {"act": "undo", "records": sorted((one, other)), "why": why}
    return identity.ACTS.once(key=key, told=told, act=act)


def block(*, review: Question, at: datetime, by: Actor) -> Changed:
    """The identifier that too many use is nobody's from now on. Again changes nothing."""
    with transaction.atomic():
        _settling.lock()
        row = _about_an_identifier(review)
        changed = blocking.block(digest=bytes(row.digest or b"").hex(), at=at, by=by)
        _set_aside(row, "block", "gone", at, by)
    return changed


def set_aside(*, review: Question, at: datetime, by: Actor) -> None:
    """The identifier stays as it is, evidence of nothing, and is not asked about again. Again changes nothing."""
    with transaction.atomic():
        _set_aside(_about_an_identifier(review), "set_aside", "left", at, by)


def look_again() -> int:
    """Contacts of many that many use no more are asked about no more; how many. Again changes nothing."""
    with transaction.atomic():
        _settling.lock()
        return _claims.look_again()


def _set_aside(row: Review, verb: str, state: State, at: datetime, by: Actor) -> None:
    if row.state == state:
        return
    row.state, row.decided_at = state, at
    row.save(update_fields=["state", "decided_at"])
    trail.record(
        by=by,
        verb=f"customers.reviews.{verb}",
        subject=f"review:{ids.public(PREFIX, row.public_id)}",
        at=at,
        after={"kind": row.identifier_kind},
    )


def _about_an_identifier(review: Question) -> Review:
    row = Review.objects.select_for_update().get(id=review.id)
    if row.kind != "worn":
        raise NotAboutTwo(
            _("review: is about two people, not about a contact; join them or keep them apart"), field="review"
        )
    return row


def _check_two(review: Question) -> None:
    if review.kind == "worn":
        raise NotAboutTwo(
            _("review: is about a contact of many, not about two people; block it or set it aside"), field="review"
        )


def _in_common(mine: Sequence[int], theirs: Sequence[int]) -> tuple[str, ...]:
    found: dict[bool, set[tuple[str, str, bytes]]] = {True: set(), False: set()}
    profiles_of = Profile.objects.filter(customer_id__in=[*mine, *theirs])
    for customer, email, phone in profiles_of.values_list("customer_id", "email_digest", "phone_digest"):
        for kind, digest in (("email", email), ("phone", phone)):
            if digest is not None:
                found[customer in mine].add((kind, "", bytes(digest)))
    revoked = Link.objects.filter(revokes__isnull=False, record_id__in=[*mine, *theirs]).values("revokes_id")
    links = Link.objects.filter(record_id__in=[*mine, *theirs], revokes=None).exclude(id__in=revoked)
    # What a joined record told is not in the profile that is shown.
    known = AlsoKnown.objects.filter(record_id__in=[*mine, *theirs], kind__in=CONTACTS)
    for record, kind, digest in known.values_list("record_id", "kind", "digest"):
        found[record in mine].add((kind, "", bytes(digest)))
    for record, kind, namespace, digest in links.values_list("record_id", "kind", "namespace", "digest"):
        found[record in mine].add((kind, namespace, bytes(digest)))
    return tuple(sorted({kind for kind, _namespace, _digest in found[True] & found[False]}))


def _questions(rows: Iterable[Review]) -> list[Question]:
    """Rows with all that asks about the same two. Two queries, none where no row is about two."""
    wanted = list(rows)
    about_two = [row for row in wanted if row.kind != "worn"]
    asks: dict[_Pair, list[Ask]] = {}
    person_of: dict[int, int] = {}
    if about_two:
        of = persons.records_of_many(sorted({record for row in about_two for record in (row.one_id, row.other_id)}))
        person_of = {record: records[0] for records in of.values() for record in records}
        together = Review.objects.filter(
            one_id__in=list(person_of), other_id__in=list(person_of), state__in={row.state for row in about_two}
        ).exclude(kind="worn")
        for row in sorted(together, key=lambda row: (_URGENCY.index(row.kind), row.identifier_kind, row.id)):
            asks.setdefault(_pair(row, person_of), []).append(_ask(row))
    return [
        _question(row, (_ask(row),) if row.kind == "worn" else tuple(asks[_pair(row, person_of)])) for row in wanted
    ]


def _pair(row: Review, person_of: Mapping[int, int]) -> _Pair:
    pair = (row.one_id, row.other_id)
    return row.state, frozenset(person_of[one] for one in pair) if row.state == "open" else pair


def _ask(row: Review) -> Ask:
    return Ask(row.id, row.kind, row.identifier_kind, row.score, tuple(row.signs))


def _question(row: Review, asks: tuple[Ask, ...]) -> Question:
    return Question(
        row.id,
        ids.public(PREFIX, row.public_id),
        row.kind,
        row.one_id,
        row.other_id,
        row.identifier_kind,
        row.score,
        tuple(row.signs),
        cast(State, row.state),
        row.opened_at,
        row.decided_at,
        asks,
    )
