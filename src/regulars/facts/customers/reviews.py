"""Questions that only somebody can answer: are these two one person? And what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import _settling, blocking, identity, records
from regulars.facts.customers.identity import Changed, Reason
from regulars.facts.customers.models import CONTACTS, Decision, Link, Profile, Review
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
    "nothing_else": _("They proved the same contact, and nothing else says whether they are one"),
    "too_many": _("Together they would have more identifiers than people have"),
    "too_large": _("Together they would be more records than people are"),
    "likeness": _("They look alike"),
    "worn": _("More people use it than have one together"),
}
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
class Question:
    """Are records `one` and `other` one person? `one` is the older. `identifier_kind` is empty where no identifier asks
    it; `score` (0 to 1) and `signs` are there where likeness does."""

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

    @property
    def place(self) -> Place:
        """Where it stands in a list."""
        return Place(self.score, self.id)


@dataclass(frozen=True)
class Decided:
    """What somebody decided last of two records."""

    one: int
    other: int
    verdict: Literal["join", "apart"]
    why: str
    at: datetime
    by: str


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
            "cursor: was not given by this list; start from the first page", field="cursor"
        ) from None


def listed(
    *,
    kind: str = "",
    state: State | None = "open",
    order: Order = "newest",
    after: Place | None = None,
    limit: int = 50,
) -> list[Question]:
    """Questions of one kind and state where asked; `after` is where the last page ended. One query.

    `likeliest` has those with a score first, the highest of them before all.
    """
    rows = _ordered(_narrowed(kind, state), order)
    if after is not None:
        rows = rows.filter(_further(order, after))
    return [_question(row) for row in rows[:limit]]


def neighbours(
    *, of: Question, kind: str = "", state: State | None = "open", order: Order = "newest"
) -> tuple[Question | None, Question | None]:
    """The questions before and after `of` in that list, whether or not it stands there itself. Two queries."""
    rows = _ordered(_narrowed(kind, state), order).exclude(id=of.id)
    after = rows.filter(_further(order, of.place)).first()
    before = rows.exclude(id__in=rows.filter(_further(order, of.place)).values("id")).reverse().first()
    return (_question(before) if before else None, _question(after) if after else None)


def _narrowed(kind: str, state: State | None) -> QuerySet[Review, Review]:
    rows = Review.objects.all()
    if state is not None:
        rows = rows.filter(state=state)
    return rows.filter(kind=kind) if kind else rows


def _ordered(rows: QuerySet[Review, Review], order: Order) -> QuerySet[Review, Review]:
    return rows.order_by(F("score").desc(nulls_last=True), "-id") if order == "likeliest" else rows.order_by("-id")


def _further(order: Order, place: Place) -> Q:
    """Further down the list than the place."""
    below = Q(id__lt=place.id)
    if order == "newest":
        return below
    if place.score is None:
        return Q(score=None) & below
    return Q(score__lt=place.score) | Q(score=None) | Q(score=place.score) & below


def count_open(kind: str = "") -> int:
    """How many wait, all or of one kind, up to COUNTED. One query."""
    return _narrowed(kind, "open")[:COUNTED].count()


def of_records(of: Sequence[int]) -> list[Question]:
    """Open questions about any of these records, newest first. One query."""
    rows = Review.objects.filter(Q(one_id__in=of) | Q(other_id__in=of), state="open").order_by("-id")
    return [_question(row) for row in rows[:COUNTED]]


def get(public_id: str) -> Question:
    """One question by `rev_…`. One indexed row; refused when there is none."""
    row = Review.objects.filter(public_id=ids.parse(public_id, PREFIX)).first()
    if row is None:
        raise UnknownReview(
            f"review: there is no {public_id.strip()[:40]}; look it up again",
            field="review",
            value=public_id.strip()[:40],
        )
    return _question(row)


def sides(*, one: int, other: int) -> Sides:
    """Two people with all that may tell whether they are one, masked. A few queries."""
    found = records.of_many([one, other])
    mine, theirs = found[one], found[other]
    return Sides(mine, theirs, _in_common([record.id for record in mine], [record.id for record in theirs]))


def used_by(question: Question) -> int:
    """How many records told or proved the identifier that a question is about, up to COUNTED. One query."""
    row = Review.objects.get(id=question.id)
    if row.digest is None:
        return 0
    found = Link.objects.filter(kind=row.identifier_kind, digest=row.digest, revokes=None).values_list("record_id")
    if row.identifier_kind in CONTACTS:
        told = Profile.objects.filter(**{f"{row.identifier_kind}_digest": row.digest}).values_list("customer_id")
        found = found.union(told)
    return len(set(found[:COUNTED]))


def decisions_of(of: Sequence[int]) -> list[Decided]:
    """What was decided last of each pair of which one is among these records and what still counts. One query."""
    latest: dict[tuple[int, int], Decision] = {}
    for row in Decision.objects.filter(Q(one_id__in=of) | Q(other_id__in=of)).order_by("at", "id"):
        latest[row.one_id, row.other_id] = row
    return [
        Decided(row.one_id, row.other_id, "join" if row.verdict == "join" else "apart", row.why, row.at, row.by)
        for row in latest.values()
        if row.verdict != "open"
    ]


def join(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """They are one person. The same key again changes nothing."""
    _check_two(review)
    return identity.join(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


def keep_apart(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """They are two people, and are not asked about again."""
    _check_two(review)
    return identity.keep_apart(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


def undo(*, review: Question, why: Reason, key: str, at: datetime, by: Actor) -> Changed:
    """What was decided of the two counts no more, and the question is open again unless evidence answers it."""
    _check_two(review)
    found = [one for one in decisions_of([review.one]) if (one.one, one.other) == (review.one, review.other)]
    if not found and not Decision.objects.filter(key=key).exists():
        raise NothingDecided("review: nobody decided it, the evidence did; take back the evidence", field="review")
    return identity.undecide(one=review.one, other=review.other, why=why, key=key, at=at, by=by)


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
            "review: is about two people, not about a contact; join them or keep them apart", field="review"
        )
    return row


def _check_two(review: Question) -> None:
    if review.kind == "worn":
        raise NotAboutTwo(
            "review: is about a contact of many, not about two people; block it or set it aside", field="review"
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
    for record, kind, namespace, digest in links.values_list("record_id", "kind", "namespace", "digest"):
        found[record in mine].add((kind, namespace, bytes(digest)))
    return tuple(sorted({kind for kind, _namespace, _digest in found[True] & found[False]}))


def _question(row: Review) -> Question:
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
    )
