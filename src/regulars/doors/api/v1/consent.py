"""Consent: what somebody agreed to and refused, how they want to be talked to, and whether a message may go."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import IdempotencyKey, MaybeIdempotencyKey
from regulars.facts.company import brands
from regulars.facts.customers import consent, consent_texts, customers, preferences, records, topics
from regulars.facts.customers.consent import Line, Standing, Verdict
from regulars.facts.customers.purposes import MESSAGES, USES, Channel, Place, Purpose
from regulars.facts.customers.wishing import TOPIC, Wishes
from regulars.kit import languages
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["consent"])

_ANY = "[*]"
MessageIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(MESSAGES)})$")]
PurposeIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join((*Purpose, _ANY))})$")]
ChannelIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Channel)})$")]
ChannelsIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join((*Channel, _ANY))})$")]
PlaceIn = Annotated[str, StringConstraints(pattern=f"^({'|'.join(Place)})$")]
TopicCode = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9._-]{0,39}$")]
Language = Annotated[str, StringConstraints(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=10)]


class TextIn(exact.Told):
    """Which text somebody had before them when they answered."""

    code: exact.Code
    version: Annotated[int, Field(ge=1, le=consent_texts.MOST_VERSIONS)]
    language: Language


class GiveIn(exact.Told):
    """A yes."""

    purpose: PurposeIn = Field(description="`*`: every purpose.")
    channel: ChannelsIn = Field(description="`*`: every channel, and uses of data that are no message.")
    brand: exact.Code | None = Field(None, description="Left out: every brand.")
    place: PlaceIn
    text: TextIn | None = None
    proof: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="What shows it, such as a form and its number; never an address or a telephone number."
    )
    answered_at: exact.Instant | None = Field(None, description="Left out: now.")
    by_guardian: bool = Field(default=False, description="A parent or guardian agreed; `proof` says how.")


class WithdrawIn(exact.Told):
    """A no."""

    purpose: PurposeIn
    channel: ChannelsIn
    brand: exact.Code | None = None
    place: PlaceIn
    text: TextIn | None = None
    proof: Annotated[str, StringConstraints(max_length=200)] = ""
    answered_at: exact.Instant | None = None


class AnswerOut(exact.Shown):
    """One answer as it stands in the ledger."""

    number: int
    purpose: str
    channel: str
    brand: str | None
    granted: bool
    by_guardian: bool
    place: str
    text: str | None = Field(description="Code, version and language, like `newsletter 3 en`.")
    proof: str
    source: str
    at: datetime
    recorded_at: datetime


class VerdictOut(exact.Shown):
    """Whether something may be; `code` never changes, `words` are for people. `until`: when it ends by itself."""

    allowed: bool
    code: str
    words: dict[str, str]
    until: datetime | None
    rests_on: int | None = Field(description="The answer's number.")


class StateOut(exact.Shown):
    """What the answers come to for one purpose by one channel; `channel` is null for uses that are no message."""

    purpose: str
    channel: str | None
    state: str = Field(description="granted, withdrawn or unknown")
    since: datetime | None
    verdict: VerdictOut


class ConsentOut(exact.Shown):
    """A customer's consent now, and every answer, the latest first."""

    customer: str
    states: list[StateOut]
    answers: list[AnswerOut]


class PreferencesIn(exact.Told):
    """What changes; null takes a wish back, what is left out stays."""

    place: PlaceIn
    topics: dict[TopicCode, bool | None] = Field(default_factory=dict)
    most_per_week: Annotated[int, Field(ge=1, le=100)] | None = None
    quiet: Annotated[str, StringConstraints(pattern="^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$")] | None = Field(
        None, description="Hours on the customer's clock, like 22:00-08:00."
    )
    zone: Annotated[str, StringConstraints(max_length=60)] | None = None
    paused_until: exact.Instant | None = None
    personalised: bool | None = None
    language: Language | None = None
    channel: ChannelIn | None = None


class PreferencesOut(exact.Shown):
    """How a customer wants to be talked to."""

    customer: str
    topics: dict[str, bool]
    most_per_week: int | None
    quiet: list[str]
    zone: str | None
    paused_until: datetime | None
    personalised: bool
    language: str | None
    channel: str | None


class TextsIn(exact.Told):
    """One version of a text, by language. What was published never changes."""

    code: exact.Code
    version: Annotated[int, Field(ge=1, le=consent_texts.MOST_VERSIONS)]
    words: Annotated[dict[Language, str], Field(min_length=1, max_length=20)]


class TextOut(exact.Shown):
    """One version in one language; `digest` is the SHA-256 of its words."""

    code: str
    version: int
    language: str
    words: str
    digest: str
    published_at: datetime


class TextsOut(exact.Shown):
    """Texts by code, the newest version first."""

    items: list[TextOut]


class TopicIn(exact.Told):
    """A topic's names by language."""

    names: Annotated[dict[Language, str], Field(min_length=1, max_length=20)]


class TopicOut(exact.Shown):
    """Something the shop writes about."""

    code: str
    names: dict[str, str]


class TopicsOut(exact.Shown):
    """The shop's list."""

    items: list[TopicOut]


class UnknownBrand(Refusal):
    """Not one of the company's."""

    code = "consent.unknown_brand"


class AnsweredInTheFuture(Refusal):
    """Later than now."""

    code = "consent.in_the_future"


@router.get(
    "/customers/{customer}/consent", auth=ApiKey("members.read"), response=ConsentOut, operation_id="get_consent"
)
def get_consent(request: HttpRequest, customer: str, brand: str | None = None) -> ConsentOut:
    """What a customer agreed to and refused, by purpose and channel, with every answer."""
    found = customers.by_public_id(customer)
    names = _brands()
    return _consent_out(
        found.public_id, consent.standing(customer=found.id, at=clock.now()), names, _brand(brand, names)
    )


@router.post(
    "/customers/{customer}/consent/give", auth=ApiKey("members.edit"), response=AnswerOut, operation_id="give_consent"
)
def give_consent(request: HttpRequest, customer: str, body: GiveIn, idempotency_key: IdempotencyKey) -> AnswerOut:
    """Put a yes on record. The same `Idempotency-Key` again gives the first answer."""
    names = _brands()
    line = consent.give(**_told(request, customer, body, idempotency_key, names), is_by_guardian=body.by_guardian)
    return _answer_out(line, names, consent_texts.of_many([line.text] if line.text else []))


@router.post(
    "/customers/{customer}/consent/withdraw",
    auth=ApiKey("members.edit"),
    response=AnswerOut,
    operation_id="withdraw_consent",
)
def withdraw_consent(
    request: HttpRequest, customer: str, body: WithdrawIn, idempotency_key: IdempotencyKey
) -> AnswerOut:
    """Put a no on record: it counts for the very next question."""
    names = _brands()
    line = consent.withdraw(**_told(request, customer, body, idempotency_key, names))
    return _answer_out(line, names, consent_texts.of_many([line.text] if line.text else []))


@router.get("/customers/{customer}/may-send", auth=ApiKey("members.read"), response=VerdictOut, operation_id="may_send")
def may_send(
    request: HttpRequest,
    customer: str,
    purpose: MessageIn,
    channel: ChannelIn,
    brand: str | None = None,
    topic: str | None = None,
    at: exact.Instant | None = None,
) -> VerdictOut:
    """May a message for this purpose go to the customer by this channel, now or at `at`?"""
    found = customers.by_public_id(customer)
    verdict = consent.may_send(
        customer=found.id,
        purpose=purpose,
        channel=channel,
        at=at or clock.now(),
        brand=_brand(brand, _brands()),
        topic=topic,
    )
    return _verdict_out(verdict)


@router.get(
    "/customers/{customer}/preferences",
    auth=ApiKey("members.read"),
    response=PreferencesOut,
    operation_id="get_preferences",
)
def get_preferences(request: HttpRequest, customer: str) -> PreferencesOut:
    """How a customer wants to be talked to."""
    found = customers.by_public_id(customer)
    return _preferences_out(found.public_id, preferences.of(customer=found.id, at=clock.now()))


@router.patch(
    "/customers/{customer}/preferences",
    auth=ApiKey("members.edit"),
    response=PreferencesOut,
    operation_id="change_preferences",
)
def change_preferences(
    request: HttpRequest, customer: str, body: PreferencesIn, idempotency_key: MaybeIdempotencyKey = None
) -> PreferencesOut:
    """Change what is named; null takes a wish back. It counts for the very next question."""
    found, now = customers.by_public_id(customer), clock.now()
    names = {"personalised": "is_personalised"}
    wishes: dict[str, Any] = {
        names.get(name, name): getattr(body, name) for name in body.model_fields_set - {"place", "topics"}
    }
    wishes |= {f"{TOPIC}{code}": wanted for code, wanted in body.topics.items()}
    by = caller(request)
    preferences.change(
        customer=records.number_of(customer),
        wishes=wishes,
        place=body.place,
        key=_key(by.id, idempotency_key or uuid.uuid4().hex),
        at=now,
        by=by,
        source=str(by),
    )
    return _preferences_out(found.public_id, preferences.of(customer=found.id, at=now))


@router.get("/consent/texts", auth=ApiKey("members.read"), response=TextsOut, operation_id="list_consent_texts")
def list_consent_texts(request: HttpRequest) -> TextsOut:
    """All texts people agreed to."""
    return TextsOut(items=[_text_out(text) for text in consent_texts.every()])


@router.post("/consent/texts", auth=ApiKey("consent.manage"), response=TextsOut, operation_id="publish_consent_text")
def publish_consent_text(request: HttpRequest, body: TextsIn) -> TextsOut:
    """Put a version of a text on record. The same again changes nothing; other words need a new version."""
    made = consent_texts.publish(
        code=body.code, version=body.version, words=body.words, at=clock.now(), by=caller(request)
    )
    return TextsOut(items=[_text_out(text) for text in made])


@router.get("/consent/topics", auth=ApiKey("members.read"), response=TopicsOut, operation_id="list_topics")
def list_topics(request: HttpRequest) -> TopicsOut:
    """What the shop writes about."""
    return TopicsOut(items=[TopicOut(code=topic.code, names=dict(topic.names)) for topic in topics.every()])


@router.put("/consent/topics/{topic}", auth=ApiKey("consent.manage"), response=TopicOut, operation_id="define_topic")
def define_topic(request: HttpRequest, topic: str, body: TopicIn) -> TopicOut:
    """Put a topic on the list, or name it anew."""
    made = topics.define(code=topic, names=body.names, at=clock.now(), by=caller(request))
    return TopicOut(code=made.code, names=dict(made.names))


@router.delete(
    "/consent/topics/{topic}", auth=ApiKey("consent.manage"), response=TopicsOut, operation_id="retire_topic"
)
def retire_topic(request: HttpRequest, topic: str) -> TopicsOut:
    """Take a topic off the list. What customers said of it stays on record."""
    topics.retire(code=topic, at=clock.now(), by=caller(request))
    return list_topics(request)


def _told(
    request: HttpRequest, customer: str, body: GiveIn | WithdrawIn, key: str, names: dict[int, str]
) -> dict[str, Any]:
    now, by = clock.now(), caller(request)
    if body.answered_at is not None and body.answered_at > now:
        raise AnsweredInTheFuture(
            _("answered_at: %(at)s is in the future; send when it was") % {"at": body.answered_at.isoformat()},
            field="answered_at",
            value=body.answered_at.isoformat(),
        )
    text = body.text
    return {
        "customer": records.number_of(customer),
        "purpose": body.purpose,
        "channel": body.channel,
        "brand": _brand(body.brand, names),
        "place": body.place,
        "text": consent_texts.find(code=text.code, version=text.version, language=text.language).id if text else None,
        "proof": body.proof,
        "source": str(by),
        "key": _key(by.id, key),
        "at": body.answered_at or now,
        "is_dated": body.answered_at is not None,
        "by": by,
    }


def _key(program: str, key: str) -> str:
    return f"api:{program}:{key}"


def _brands() -> dict[int, str]:
    return {brand.id: brand.code for brand in brands.every()}


def _brand(code: str | None, names: dict[int, str]) -> int | None:
    if code is None:
        return None
    number = next((number for number, name in names.items() if name == code), None)
    if number is None:
        shown = code[:40].encode("utf-8", "replace").decode()
        raise UnknownBrand(_("brand: %(brand)r is none of the shop's") % {"brand": shown}, field="brand", value=shown)
    return number


def _consent_out(customer: str, standing: Standing, names: dict[int, str], brand: int | None) -> ConsentOut:
    now = clock.now()
    texts = consent_texts.of_many(line.text for line in standing.lines if line.text is not None)
    asked = [(purpose, channel) for purpose in MESSAGES for channel in Channel]
    return ConsentOut(
        customer=customer,
        states=[
            *(_state_out(standing, purpose, channel, now, brand) for purpose, channel in asked),
            *(_state_out(standing, purpose, None, now, brand) for purpose in USES),
        ],
        answers=[_answer_out(line, names, texts) for line in standing.lines],
    )


def _state_out(
    standing: Standing, purpose: Purpose, channel: Channel | None, now: datetime, brand: int | None
) -> StateOut:
    state = standing.state(purpose, channel, now, brand)
    return StateOut(
        purpose=purpose,
        channel=channel,
        state=state.decision,
        since=state.entry.at if state.entry else None,
        verdict=_verdict_out(standing.may(purpose, channel, now, brand)),
    )


def _verdict_out(verdict: Verdict) -> VerdictOut:
    words = {}
    for language in languages.CODES:
        with translation.override(language):
            words[language] = verdict.words
    return VerdictOut(
        allowed=verdict.is_allowed, code=verdict.code, words=words, until=verdict.until, rests_on=verdict.consent
    )


def _answer_out(line: Line, names: dict[int, str], texts: dict[int, consent_texts.Text]) -> AnswerOut:
    text = texts.get(line.text) if line.text is not None else None
    return AnswerOut(
        number=line.number,
        purpose=line.purpose,
        channel=line.channel,
        brand=names[line.brand] if line.brand is not None else None,
        granted=line.is_granted,
        by_guardian=line.is_by_guardian,
        place=line.place,
        text=f"{text.code} {text.version} {text.language}" if text else None,
        proof=line.proof,
        source=line.source,
        at=line.at,
        recorded_at=line.recorded_at,
    )


def _preferences_out(customer: str, wishes: Wishes) -> PreferencesOut:
    return PreferencesOut(
        customer=customer,
        topics=dict(wishes.topics),
        most_per_week=wishes.most_per_week,
        quiet=[str(quiet) for quiet in wishes.quiet],
        zone=wishes.zone,
        paused_until=wishes.paused_until,
        personalised=wishes.is_personalised,
        language=wishes.language,
        channel=wishes.channel,
    )


def _text_out(text: consent_texts.Text) -> TextOut:
    return TextOut(
        code=text.code,
        version=text.version,
        language=text.language,
        words=text.words,
        digest=text.digest,
        published_at=text.published_at,
    )
