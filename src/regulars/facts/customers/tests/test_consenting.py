"""What answers and wishes come to: tables of rules, and that the order of arrival never matters. No database."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.facts.customers import consent_settings, consenting, wishing
from regulars.facts.customers.consenting import Asked, Entry, Known, decide, quiet_until
from regulars.facts.customers.purposes import Channel, Purpose
from regulars.facts.customers.wishing import BadWish, Quiet, Wish

LONDON = ZoneInfo("Europe/London")
SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
FREE = consent_settings.free(consent_settings.WITHOUT_ASKING.default)


def an_answer(says: str, day: int = 0, *, record: int = 1, number: int = 0, recorded: int | None = None) -> Entry:
    """`+marketing/email`: yes on that day after Monday. `@3` names a brand, `!` a guardian's yes."""
    body, _at, brand = says[1:].rstrip("!").partition("@")
    purpose, _slash, channel = body.partition("/")
    at = MONDAY + day * DAY
    return Entry(
        number=number or day + 100,
        record=record,
        purpose=purpose,
        channel=channel,
        brand=int(brand) if brand else None,
        is_granted=says[0] == "+",
        at=at,
        recorded_at=at if recorded is None else MONDAY + recorded * DAY,
        is_by_guardian=says.endswith("!"),
    )


def come_to(*answers: Entry, brand: int | None = None, joined: int | None = None, day: int = 30) -> str:
    """What they come to for marketing by e-mail, a month later."""
    return consenting.state(
        answers,
        purpose="marketing",
        channel="email",
        brand=brand,
        at=MONDAY + day * DAY,
        joined_at=None if joined is None else MONDAY + joined * DAY,
    ).decision


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        ([], "unknown"),
        ([("+marketing/email", 1)], "granted"),
        ([("-marketing/email", 1)], "withdrawn"),
        ([("+marketing/email", 1), ("-marketing/email", 2)], "withdrawn"),
        ([("+marketing/email", 2), ("-marketing/email", 1)], "granted"),
        ([("+marketing/email", 1), ("-marketing/email", 1)], "withdrawn"),
        ([("+marketing/email", 1), ("-*/*", 2)], "withdrawn"),
        ([("+marketing/email", 1), ("-*/email", 2)], "withdrawn"),
        ([("+marketing/email", 1), ("-marketing/sms", 2)], "granted"),
        ([("+marketing/email", 1), ("-surveys/email", 2)], "granted"),
        ([("+surveys/email", 1), ("+marketing/sms", 2)], "unknown"),
        ([("+marketing/*", 1)], "granted"),
        ([("+marketing/email", 40)], "unknown"),
    ],
)
def test_the_latest_answer_counts_and_of_two_at_once_the_no(told, decision):
    assert come_to(*(an_answer(says, day) for says, day in told)) == decision


@pytest.mark.parametrize(
    ("told", "brand", "decision"),
    [
        ([("+marketing/email@3", 1)], 3, "granted"),
        ([("+marketing/email@3", 1)], 4, "unknown"),
        ([("+marketing/email@3", 1)], None, "unknown"),
        ([("+marketing/email", 1)], 3, "granted"),
        ([("+marketing/email", 1), ("-marketing/email@3", 2)], 3, "withdrawn"),
        ([("+marketing/email", 1), ("-marketing/email@3", 2)], 4, "granted"),
        # What names no brand speaks for all of them.
        ([("+marketing/email", 1), ("-marketing/email@3", 2)], None, "withdrawn"),
        ([("-marketing/email@3", 1), ("+marketing/email", 2)], None, "granted"),
        ([("-marketing/email", 1), ("+marketing/email@3", 2)], 3, "granted"),
        ([("-marketing/email", 1), ("+marketing/email@3", 2)], None, "withdrawn"),
    ],
)
def test_each_brand_is_asked_for_alone(told, brand, decision):
    assert come_to(*(an_answer(says, day) for says, day in told), brand=brand) == decision


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        # (says, day, record, day it was recorded); joined on day 10
        ([("+", 5, 1, 5), ("-", 1, 2, 1)], "withdrawn"),
        ([("+", 5, 1, 5)], "granted"),
        ([("-", 1, 1, 1), ("+", 2, 1, 2), ("+", 1, 2, 1)], "granted"),
        # Asked again after the join, later than every no.
        ([("+", 5, 1, 5), ("-", 1, 2, 1), ("+", 11, 1, 11)], "granted"),
        ([("+", 5, 1, 5), ("-", 1, 2, 1), ("+", 11, 1, 11), ("-", 12, 2, 12)], "withdrawn"),
        # Brought in after the join, but answered before the no.
        ([("-", 6, 2, 6), ("+", 5, 1, 11)], "withdrawn"),
        ([("-", 11, 2, 11), ("+", 11, 1, 11)], "withdrawn"),
        ([("+", 3, 2, 3), ("-", 12, 1, 12)], "withdrawn"),
        # Said before the join, later than the other's no: whether it was told before the join or after.
        ([("-", 1, 2, 1), ("+", 5, 1, 6)], "withdrawn"),
        ([("-", 1, 2, 1), ("+", 5, 1, 11)], "withdrawn"),
        ([("-", 1, 2, 1), ("+", 10, 1, 11)], "withdrawn"),
        # The record's own no it lifts.
        ([("-", 1, 1, 1), ("+", 5, 1, 11)], "granted"),
        # Nor does one that was written down before its time.
        ([("-", 1, 2, 1), ("+", 11, 1, 9)], "withdrawn"),
    ],
)
def test_of_joined_records_the_strictest_counts_until_somebody_is_asked_again(told, decision):
    answers = [
        an_answer(f"{sign}marketing/email", day, record=record, recorded=recorded, number=place)
        for place, (sign, day, record, recorded) in enumerate(told)
    ]
    assert come_to(*answers, joined=10) == decision


@st.composite
def many_answers(draw):
    says = st.tuples(
        st.sampled_from("+-"),
        st.sampled_from(["marketing/email", "marketing/*", "*/*", "*/email", "marketing/email@3", "surveys/email"]),
        st.integers(0, 6),
        st.integers(1, 3),
        st.integers(0, 6),
    )
    told = draw(st.lists(says, max_size=12))
    return [
        an_answer(sign + body, day, record=record, recorded=recorded, number=place)
        for place, (sign, body, day, record, recorded) in enumerate(told)
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    many_answers(),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 3]),
    st.one_of(st.none(), st.integers(-1, 7)),
)
def test_the_order_of_arrival_never_matters(answers, random, brand, joined):
    shuffled = list(answers)
    random.shuffle(shuffled)
    renumbered = [replace(one, number=place) for place, one in enumerate(shuffled)]
    assert come_to(*shuffled, brand=brand, joined=joined) == come_to(*answers, brand=brand, joined=joined)
    assert come_to(*renumbered, brand=brand, joined=joined) == come_to(*answers, brand=brand, joined=joined)
    # Told at once, or late: before the join or after it.
    at_once = [replace(one, recorded_at=one.at) for one in answers]
    late = [replace(one, recorded_at=one.at + random.randrange(9) * DAY) for one in answers]
    assert come_to(*late, brand=brand, joined=joined) == come_to(*at_once, brand=brand, joined=joined)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(many_answers(), st.sampled_from([None, 3]))
def test_a_no_now_ends_whatever_was_said(answers, joined):
    no = an_answer("-marketing/email", 7, number=999)
    assert come_to(*answers, no, joined=joined) == "withdrawn"
    assert come_to(*answers, no, an_answer("+marketing/*", 8, number=1000), joined=joined) == "granted"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(many_answers())
def test_joining_opens_nothing(answers):
    """Whatever every record alone refuses, the person refuses."""
    alone = {come_to(*(one for one in answers if one.record == record)) for record in (1, 2, 3)}
    joined = come_to(*(replace(one, recorded_at=MONDAY - DAY) for one in answers), joined=0)
    assert (joined == "withdrawn") is ("withdrawn" in alone)


def may(purpose: str, channel: str | None, known: Known, *, at: datetime = MONDAY, topic: str | None = None):
    return decide(Asked(purpose, channel, at, topic=topic), known, without_asking=FREE)


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("channel", list(Channel))
def test_who_was_never_asked_gets_service_and_no_marketing(purpose, channel):
    answer = may(purpose, channel, Known(SHANGHAI))
    is_free = purpose in {"service", "personalisation", "analytics"}
    assert (answer.is_allowed, answer.code) == (
        (True, "consent.not_needed") if is_free else (False, "consent.not_asked")
    )


def test_service_can_be_objected_to():
    assert may("service", "sms", Known(SHANGHAI, [an_answer("-service/sms")])).code == "consent.withdrawn"


@pytest.mark.parametrize(
    ("purpose", "answers", "day", "code"),
    [
        # Mia turns 14, as her country wants it, on day 10.
        ("marketing", [], 0, "consent.needs_guardian"),
        ("marketing", ["+marketing/email"], 0, "consent.needs_guardian"),
        ("marketing", ["+marketing/email!"], 0, "consent.granted"),
        ("marketing", ["+marketing/email!"], 11, "consent.granted"),
        ("marketing", ["+marketing/email"], 11, "consent.needs_guardian"),
        ("marketing", [], 11, "consent.not_asked"),
        ("marketing", ["+marketing/email!", "-marketing/email"], 0, "consent.withdrawn"),
        ("service", [], 0, "consent.not_needed"),
        ("personalisation", [], 0, "consent.needs_guardian"),
        ("personalisation", [], 11, "consent.not_needed"),
    ],
)
def test_a_childs_own_yes_is_none(purpose, answers, day, code):
    born = (MONDAY + 10 * DAY).date().replace(year=2012)
    known = Known(SHANGHAI, [an_answer(says) for says in answers], birthday=born, age_of_consent=14)
    assert may(purpose, "email", known, at=MONDAY + day * DAY).code == code


def wished(*told: tuple[str, object], record: int = 1, day: int = -1) -> list[Wish]:
    at = MONDAY + day * DAY
    return [Wish(place + record * 100, record, name, value, at, at) for place, (name, value) in enumerate(told)]


def known_with(*told: tuple[str, object], sent: tuple[datetime, ...] = (), zone: ZoneInfo = SHANGHAI) -> Known:
    """Somebody who agreed to marketing by every channel and wished this."""
    wishes = wishing.fold(wished(*told), at=MONDAY)
    return Known(zone, [an_answer("+marketing/*", -10)], wishes, sent=sent)


@pytest.mark.parametrize(
    ("wish", "channel", "code", "until"),
    [
        (("paused_until", "2026-03-05T00:00:00+08:00"), "email", "consent.paused", "2026-03-04T16:00"),
        (("paused_until", "2026-03-01T00:00:00+08:00"), "email", "consent.granted", None),
        # Noon in London is eight in the evening in Shanghai.
        (("quiet", "19:30-08:00"), "sms", "consent.quiet_hours", "2026-03-03T00:00"),
        (("quiet", "20:00-20:30"), "sms", "consent.quiet_hours", "2026-03-02T12:30"),
        (("quiet", "19:00-20:00"), "sms", "consent.granted", None),
        (("quiet", "19:30-08:00"), "post", "consent.granted", None),
        (("topic:shoes", False), "email", "consent.topic_declined", None),
        (("topic:shoes", True), "email", "consent.granted", None),
        (("topic:hats", False), "email", "consent.granted", None),
    ],
)
def test_wishes_are_kept(wish, channel, code, until):
    answer = may("marketing", channel, known_with(wish), topic="shoes")
    assert (answer.code, answer.until and f"{answer.until:%Y-%m-%dT%H:%M}") == (code, until)
    assert may("service", channel, known_with(wish)).is_allowed


def test_no_more_a_week_than_wished():
    sent = (MONDAY - 6 * DAY, MONDAY - 2 * DAY, MONDAY - 8 * DAY)
    answer = may("marketing", "email", known_with(("most_per_week", 2), sent=sent))
    assert (answer.code, answer.until) == ("consent.often_enough", MONDAY + DAY)
    assert may("marketing", "email", known_with(("most_per_week", 3), sent=sent)).is_allowed


def test_the_moment_a_verdict_names_is_free_of_every_reason():
    known = known_with(
        ("paused_until", "2026-03-03T03:00:00+08:00"),
        ("quiet", "22:00-08:00"),
        ("most_per_week", 1),
        sent=(MONDAY - 7 * DAY + 18 * HOUR,),
    )
    answer = may("marketing", "sms", known)
    assert answer.code == "consent.paused"
    assert answer.until is not None
    assert may("marketing", "sms", known, at=answer.until).is_allowed
    assert not may("marketing", "sms", known, at=answer.until - timedelta(seconds=1)).is_allowed


def test_who_wants_nothing_personalised_still_gets_messages():
    known = known_with(("is_personalised", False))
    assert may("personalisation", None, known).code == "consent.not_personalised"
    assert may("marketing", "email", known).is_allowed


CLOCK = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    CLOCK,
    CLOCK,
    st.one_of(
        st.integers(0, 24 * 60).map(lambda minutes: datetime(2026, 3, 28, 12, tzinfo=UTC) + minutes * MINUTE),
        st.integers(0, 24 * 60).map(lambda minutes: datetime(2026, 10, 24, 12, tzinfo=UTC) + minutes * MINUTE),
    ),
    st.sampled_from([LONDON, SHANGHAI, ZoneInfo("Australia/Lord_Howe")]),
)
def test_quiet_hours_hold_until_they_end_also_when_clocks_change(start, end, at, zone):
    if start == end:
        return
    quiet = Quiet(start, end)
    until = quiet_until(quiet, at, zone)
    clock = at.astimezone(zone).time().replace(fold=0)
    is_in = start <= clock < end if start < end else (clock >= start or clock < end)
    assert (until is not None) is is_in
    if until is not None:
        assert at < until <= at + timedelta(hours=26)
        last = (until - timedelta(seconds=1)).astimezone(zone).time().replace(fold=0)
        assert start <= last < end if start < end else (last >= start or last < end)


def test_quiet_hours_on_the_night_clocks_jump():
    night = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)
    assert quiet_until(Quiet(time(0, 30), time(1, 30)), night, LONDON) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_wishes_of_joined_records_are_the_strictest_until_wished_anew():
    told = [
        *wished(("most_per_week", 5), ("quiet", "22:00-08:00"), ("is_personalised", True), record=1, day=-9),
        *wished(("most_per_week", 2), ("quiet", "12:00-14:00"), ("is_personalised", False), record=2, day=-10),
    ]
    joined = wishing.fold(told, at=MONDAY, joined_at=MONDAY - 5 * DAY)
    assert (joined.most_per_week, joined.is_personalised) == (2, False)
    assert {str(quiet) for quiet in joined.quiet} == {"22:00-08:00", "12:00-14:00"}
    anew = wishing.fold([*told, *wished(("most_per_week", 7), record=3)], at=MONDAY, joined_at=MONDAY - 5 * DAY)
    assert anew.most_per_week == 7


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(wished(("most_per_week", 5)) + wished(("most_per_week", 2), record=2)))
def test_of_two_wishes_at_once_the_stricter_counts(told):
    assert wishing.fold(told, at=MONDAY).most_per_week == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("most_per_week", 0),
        ("most_per_week", True),
        ("most_per_week", "3"),
        ("quiet", "22-8"),
        ("quiet", "24:00-08:00"),
        ("quiet", "08:00-08:00"),
        ("zone", "Nowhere/Town"),
        ("paused_until", "tomorrow"),
        ("paused_until", "2026-03-05T00:00:00"),
        ("paused_until", "2026-13-45T00:00:00+00:00"),
        ("paused_until", "0001-01-01T00:00:00+08:00"),
        ("paused_until", "9999-12-31T23:59:59+00:00"),
        ("is_personalised", "no"),
        ("topic:shoes", 1),
        ("channel", "fax"),
        ("language", "klingon or so"),
        ("language", "zz"),
        ("shoe_size", 40),
    ],
)
def test_what_is_no_wish_is_refused(name, value):
    with pytest.raises(BadWish if name != "zone" else Exception, match=name.split(":")[0]):
        wishing.checked(name, value)


def test_ages_go_by_country():
    ages = consent_settings.by_country(consent_settings.AGE_OF_CONSENT.default)
    assert [consent_settings.age_in(country, ages) for country in ("CN", "GB", "DE")] == [14, 13, 16]


def test_a_laxer_wish_of_before_the_join_counts_no_more_for_being_told_later():
    strict = Wish(1, 1, "most_per_week", 1, MONDAY - 9 * DAY, MONDAY - 9 * DAY)
    late = Wish(2, 2, "most_per_week", 5, MONDAY - 5 * DAY, MONDAY - DAY)
    anew = Wish(3, 2, "most_per_week", 5, MONDAY - 2 * DAY, MONDAY - DAY)
    joined = MONDAY - 3 * DAY
    assert wishing.fold([strict, late], at=MONDAY, joined_at=joined).most_per_week == 1
    assert wishing.fold([strict, anew], at=MONDAY, joined_at=joined).most_per_week == 5


def test_a_pause_until_no_day_that_is_on_record_is_none():
    ended = ("paused_until", "9999-12-31T23:59:59-11:00")
    assert wishing.fold(wished(ended), at=MONDAY).paused_until is None
    other = Wish(500, 2, "paused_until", "0001-01-01T00:00:00+08:00", MONDAY - DAY, MONDAY - DAY)
    assert wishing.fold([*wished(ended), other], at=MONDAY, joined_at=MONDAY).paused_until is None
