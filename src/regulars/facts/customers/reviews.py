"""Questions that only somebody can answer: are these two one person? And what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import _settling, blocking, identity, records
from regulars.facts.customers.identity import Changed, Reason
from regulars.facts.customers.models import CONTACTS, Decision, Link, Profile, Review
from regulars.facts.customers.records import RecordView
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "rev"
#: Counting stops here.
COUNTED = 1_000
State = Literal["open", "joined", "apart", "gone"]

#: Why it is asked, by kind, in the order of urgency.
KINDS: dict[str, Promise] = {
    "claim": _("Two people told the same contact"),
    "new_owner": _("The contact was proved again after a long time"),
    "too_many": _("Together they would have more identifiers than people have"),
    "too_large": _("Together they would be more records than people are"),
    "alike": _("They look alike"),
    "worn": _("More people use it than have one together"),
}
STATES: dict[State, Promise] = {
    "open": _("open"),
    "joined": _("one person"),
    "apart": _("two people"),
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


def listed(
    *, kind: str = "", state: State | None = "open", before: int | None = None, limit: int = 50
) -> list[Question]:
    """Questions, newest first, of one kind and state where asked; `before` is where the last page ended. One query."""
    rows = Review.objects.order_by("-id")
    if state is not None:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_question(row) for row in rows[:limit]]


def count_open() -> int:
    """How many wait, up to COUNTED. One query."""
    return Review.objects.filter(state="open")[:COUNTED].count()


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
        _set_aside(row, "block", at, by)
    return changed


def set_aside(*, review: Question, at: datetime, by: Actor) -> None:
    """The identifier stays as it is, evidence of nothing, and is not asked about again. Again changes nothing."""
    with transaction.atomic():
        _set_aside(_about_an_identifier(review), "set_aside", at, by)


def _set_aside(row: Review, verb: str, at: datetime, by: Actor) -> None:
    if row.state == "gone":
        return
    row.state, row.decided_at = "gone", at
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
