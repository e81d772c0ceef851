"""Questions whether two are one person: listed with score and signs, compared, answered; the look for duplicates."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.identity_shown import (
    RecordOut,
    RegroupedOut,
    Verdict,
    Why,
    changed,
    key_of,
    records_shown,
)
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey
from regulars.facts.customers import comparison, looking, records, reviews
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.looking import Look
from regulars.facts.customers.reviews import Question
from regulars.kit import paging
from regulars.runtime.database import clock

router = Router(tags=["identity"])

State = Literal["open", "joined", "apart", "left", "gone", "any"]
Order = Literal["newest", "likeliest"]


class VerdictIn(exact.Told):
    """The answer to a question, or `open` to take it back."""

    verdict: Verdict
    why: Why


class AskOut(exact.Shown):
    """One thing that asks about two people."""

    kind: str
    identifier_kind: str
    score: float | None
    signs: list[str]


class QuestionOut(exact.Shown):
    """Are these two one person? `worn` asks about the identifier, which more people use than have one together.

    Two people are one question whatever asks about them: `asks` are all that do, the most urgent first, and the answer
    answers all. `opened_at` is when it was asked, whatever the time of the evidence.

    Of kind `likeness` there is a `score`, how likely the two are one person (0 to 1), and `signs` of it, such as
    `birthday:same`, `phone:typo`, `given_name:different`.
    """

    id: str
    kind: str
    one: str
    other: str
    identifier_kind: str
    score: float | None
    signs: list[str]
    state: str
    opened_at: datetime
    decided_at: datetime | None
    asks: list[AskOut]


class QuestionsOut(exact.Shown):
    """A page of questions, each two people once, newest first, and the cursor of the next page."""

    items: list[QuestionOut]
    next: str | None


class ComparedOut(exact.Shown):
    """One field of two people, masked; empty where one tells nothing. `signs` say in what it is alike."""

    field: str
    one: str
    other: str
    how: Literal["same", "alike", "different", "one_sided"]
    signs: list[str]


class UsersOut(exact.Shown):
    """Who uses the identifier a `worn` question is about: `people` of them, the oldest, `customers` by public id.
    `identifier` is masked where it is a contact, and empty where nobody here told it, only proved it."""

    identifier: str
    people: int
    customers: list[str]


class SidesOut(QuestionOut):
    """A question with the evidence side by side, the kinds of identifiers that both have alike, and what the profiles
    tell, compared in plain text and shown masked. `compared` is empty where the two are one person already, and of
    kind `worn`, which alone has `users`."""

    one_records: list[RecordOut]
    other_records: list[RecordOut]
    in_common: list[str]
    compared: list[ComparedOut]
    users: UsersOut | None


class LookOut(exact.Shown):
    """A look for likely duplicates: `opened` of `people` profiles are read; `alike` pairs were found, of which `asked`
    are new questions; `gone` questions ask no more. It joins nobody."""

    state: Literal["waiting", "running", "stopped", "done"]
    asked_at: datetime
    ended_at: datetime | None
    people: int
    opened: int
    alike: int
    asked: int
    gone: int


class LooksOut(exact.Shown):
    """The latest look, or null where nobody ever looked."""

    last: LookOut | None


@router.get("/identity/reviews", auth=ApiKey("identity.read"), response=QuestionsOut, operation_id="list_reviews")
def list_reviews(
    request: HttpRequest,
    kind: exact.Code | None = None,
    state: State = "open",
    order: Order = "newest",
    limit: int = 50,
    cursor: str = "",
) -> QuestionsOut:
    """Questions whether two are one person; those that wait unless `state` says otherwise.

    Those of kind `likeness` have a score from 0 to 1, how likely the two are one person, and the signs of it, such as
    `birthday:same`. With `order=likeliest` the highest scores come first, and questions without one last.
    """
    size = paging.check_size(limit)
    rows = reviews.listed(
        kind=kind or "",
        state=None if state == "any" else state,
        order=order,
        after=reviews.place_at(cursor) if cursor else None,
        limit=size + 1,
    )
    page = paging.cut(rows, size, of=reviews.LIST, key=lambda one: one.place.key)
    ids = records.public_ids(number for one in page.items for number in (one.one, one.other))
    return QuestionsOut(items=[QuestionOut(**_question(one, ids)) for one in page.items], next=page.next)


@router.post("/identity/looks", auth=ApiKey("identity.decide"), response=LookOut, operation_id="look_for_duplicates")
def look_for_duplicates(request: HttpRequest) -> LookOut:
    """Look for likely duplicates in the background; what is found waits among the reviews as `likeness`.

    One that waits already is enough, so again changes nothing.
    """
    return _look(looking.soon(at=clock.now(), by=caller(request)))


@router.get("/identity/looks", auth=ApiKey("identity.read"), response=LooksOut, operation_id="last_look")
def last_look(request: HttpRequest) -> LooksOut:
    """How far the latest look for likely duplicates is, or what it came to."""
    last = looking.last(at=clock.now())
    return LooksOut(last=_look(last) if last else None)


@router.get("/identity/reviews/{review}", auth=ApiKey("identity.read"), response=SidesOut, operation_id="get_review")
def get_review(request: HttpRequest, review: str) -> SidesOut:
    """One question with both sides and their profiles compared, masked."""
    return _sides(reviews.get(review))


@router.post(
    "/identity/reviews/{review}/decide",
    auth=ApiKey("identity.decide"),
    response=RegroupedOut,
    operation_id="decide_review",
)
def decide_review(request: HttpRequest, review: str, body: VerdictIn, idempotency_key: IdempotencyKey) -> RegroupedOut:
    """Answer a question, or take the answer back."""
    verb = {"join": reviews.join, "apart": reviews.keep_apart, "open": reviews.undo}[body.verdict]
    return changed(
        verb(
            review=reviews.get(review),
            why=Reason(body.why),
            key=key_of(request, idempotency_key),
            at=clock.now(),
            by=caller(request),
        )
    )


@router.post(
    "/identity/reviews/{review}/block",
    auth=ApiKey("identity.rules"),
    response=RegroupedOut,
    operation_id="block_review",
)
def block_review(request: HttpRequest, review: str) -> RegroupedOut:
    """The identifier that too many use is nobody's from now on. Again changes nothing."""
    return changed(reviews.block(review=reviews.get(review), at=clock.now(), by=caller(request)))


@router.post(
    "/identity/reviews/{review}/set-aside",
    auth=ApiKey("identity.decide"),
    response=SidesOut,
    operation_id="set_aside_review",
)
def set_aside_review(request: HttpRequest, review: str) -> SidesOut:
    """The identifier that too many use stays as it is and is not asked about again. Again changes nothing."""
    asked = reviews.get(review)
    reviews.set_aside(review=asked, at=clock.now(), by=caller(request))
    return _sides(reviews.get(review))


def _question(one: Question, ids: dict[int, str]) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "kind": one.kind,
        "one": ids[one.one],
        "other": ids[one.other],
        "identifier_kind": one.identifier_kind,
        "score": one.score,
        "signs": list(one.signs),
        "state": one.state,
        "opened_at": one.opened_at,
        "decided_at": one.decided_at,
        "asks": [
            AskOut(kind=ask.kind, identifier_kind=ask.identifier_kind, score=ask.score, signs=list(ask.signs))
            for ask in one.asks
        ],
    }


def _sides(asked: Question) -> SidesOut:
    seen = reviews.sides(one=asked.one, other=asked.other)
    return SidesOut(
        **_question(asked, records.public_ids([asked.one, asked.other])),
        one_records=records_shown(seen.one),
        other_records=records_shown(seen.other),
        in_common=list(seen.in_common),
        compared=_compared(asked),
        users=_users(asked) if asked.kind == "worn" else None,
    )


def _users(asked: Question) -> UsersOut:
    found = reviews.users_of(asked)
    ids = records.public_ids(found.people)
    return UsersOut(identifier=found.shown, people=found.count, customers=[ids[one] for one in found.people])


def _compared(asked: Question) -> list[ComparedOut]:
    if asked.kind == "worn" or asked.state == "joined":
        return []
    return [
        ComparedOut(field=one.field, one=one.one, other=one.other, how=one.how, signs=list(one.signs))
        for one in comparison.of(one=asked.one, other=asked.other).fields
    ]


def _look(one: Look) -> LookOut:
    return LookOut(
        state=one.state,
        asked_at=one.asked_at,
        ended_at=one.ended_at,
        people=one.people,
        opened=one.opened,
        alike=one.alike,
        asked=one.asked,
        gone=one.gone,
    )
