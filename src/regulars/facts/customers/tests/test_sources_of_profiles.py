"""What every source said is kept; what is shown is chosen, explains itself, and does not depend on what came first."""

import itertools
from datetime import datetime, timedelta

import pytest
from django.db import connection

from regulars.facts.customers import contact_holders, customers, explaining, finding, identity, profiles, search, trust
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.models import AlsoKnown, Statement
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.profiles import Profile, Purpose, Told
from regulars.facts.customers.survivorship import Because, Standing
from regulars.facts.customers.tests.builders import MAREK, MONDAY, THE_IMPORT, a_customer, described
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences.preferences import BadValue
from regulars.runtime.trail import trail

THE_APP = Actor("api", "3")

pytestmark = pytest.mark.django_db


def told(
    customer: int, profile: Profile, *, source: str, days: int = 0, key: str = "", by: Actor = THE_IMPORT
) -> profiles.Described:
    at = MONDAY + timedelta(days)
    return profiles.describe(
        customer=customer, profile=profile, key=key or f"{customer}:{source}:{days}", at=at, by=by, source=source
    )


def plain(customer: int, field: str) -> explaining.Explanation:
    return explaining.reveal_explained(customer=customer, fields=[field], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)[
        0
    ]


def test_every_source_keeps_its_word_and_the_newest_is_shown() -> None:
    li = a_customer("li")
    told(li, Profile(phone="13812341234", country="CN"), source="till")
    told(li, Profile(phone="13900000000"), source="web", days=2, by=THE_APP)
    why = plain(li, "phone")
    assert (why.text, why.because) == ("+8613900000000", Because.NEWEST)
    assert [(word.text, word.source, word.by, word.at, word.standing) for word in why.words] == [
        ("+8613900000000", "web", "api:3", MONDAY + timedelta(2), Standing.SHOWN),
        ("+8613812341234", "till", "import:1", MONDAY, Standing.OLDER),
    ]
    masked = explaining.explain(customer=li, field="phone")
    assert [word.text for word in masked.words] == ["139****0000", "138****1234"]
    assert [one.field for one in explaining.explain_all(customer=li)] == ["phone", "country"]
    assert trail.of(f"customer:{li}")[0].verb == "customers.reveal"


def test_what_is_told_late_counts_from_when_it_was_said() -> None:
    li = a_customer("li")
    told(li, Profile(email="new@example.com"), source="web", days=3)
    assert told(li, Profile(email="old@example.com", note="left at the door"), source="till").changed == ("note",)
    assert plain(li, "email").text == "new@example.com"
    assert finding.by_email("old@example.com") == []


def test_the_source_is_who_wrote_it_down_where_none_is_named() -> None:
    li = a_customer("li")
    described(li, Profile(note="likes tea"))
    profiles.describe_many(profiles={li: Profile(address="1 Today Lane")}, key="file", at=MONDAY, by=THE_IMPORT)
    assert plain(li, "note").words[0].source == "staff"
    assert plain(li, "address").words[0].source == "import"
    with pytest.raises(Refusal, match="is no source's name"):
        told(li, Profile(note="x"), source="The Till!")


def test_the_shop_says_which_sources_are_surer() -> None:
    li = a_customer("li")
    told(li, Profile(display_name="李伟"), source="till", key="a")
    told(li, Profile(display_name="Li W"), source="web", days=1, key="b")
    assert finding.by_name_prefix("李") == []
    trust.set_surer_sources(sources=["staff", "till"], at=MONDAY, by=MAREK)
    profiles.refold_everybody(at=MONDAY, by=MAREK)
    assert trust.surer_sources() == ("staff", "till")
    assert finding.by_name_prefix("李") == [li]
    assert plain(li, "display_name").because is Because.SUREST
    assert profiles.refold_many(customers=[li], at=MONDAY, by=MAREK) == 0
    assert told(li, Profile(display_name="Li Wei"), source="web", days=5).changed == ()
    with pytest.raises(BadValue, match="name each source once"):
        trust.set_surer_sources(sources=["till", "till"], at=MONDAY, by=MAREK)


def test_what_surer_sources_would_change_is_said_before_it_is():
    li, bo, ming = a_customer("li"), a_customer("bo"), a_customer("ming")
    told(li, Profile(display_name="李伟", note="tea"), source="till", key="a")
    told(li, Profile(display_name="Li W"), source="web", days=1, key="b")
    told(bo, Profile(display_name="Bo"), source="till", key="c")
    told(bo, Profile(display_name="Bo"), source="web", days=1, key="d")
    told(ming, Profile(display_name="Ming"), source="web", key="e")
    assert trust.what_if(["till"]) == trust.Preview(told=2, looked_at=2, people=1, fields={"display_name": 1})
    assert trust.what_if(["web"]).people == 0
    assert trust.surer_sources() == ()
    with pytest.raises(BadValue, match="name each source once"):
        trust.what_if(["till", "till"])


def test_a_country_of_an_order_gives_way_to_a_told_one() -> None:
    li = a_customer("li")
    customers.note_many(countries={li: "GB"}, at=MONDAY, by=THE_IMPORT)
    shown = explaining.explain(customer=li, field="country")
    assert (shown.text, shown.words[0].source, shown.words[0].at) == ("GB", "orders", None)
    told(li, Profile(country="CN"), source="till")
    assert customers.get(li).country == explaining.explain(customer=li, field="country").text == "CN"


def test_a_profile_from_before_sources_were_told_apart_is_a_source_by_itself() -> None:
    li = a_customer("li")
    described(li, Profile(display_name="李伟", phone="13812341234", country="CN"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_statement")
        cursor.execute("UPDATE customers_profile SET is_folded = false")
    assert [word.source for word in plain(li, "phone").words] == ["earlier"]
    told(li, Profile(phone="13900000000"), source="web", days=1)
    assert [word.source for word in plain(li, "phone").words] == ["web", "earlier"]
    assert [word.source for word in plain(li, "display_name").words] == ["earlier"]
    assert Statement.objects.count() == 2


def _state(customer: int) -> tuple[object, ...]:
    row = Row.objects.get(customer_id=customer)
    opened = profiles.reveal(customer=customer, fields=profiles.SEALED, purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    known = customers.get(customer)
    return opened, known.country, known.language, row.described_at, explaining.explain_all(customer=customer)


def test_the_same_profile_whatever_came_first() -> None:
    """Every order in which five things can come in, through each of the verbs."""
    said: list[tuple[str, Profile, datetime]] = [
        ("till", Profile(display_name="Li", phone="13812341234", country="CN"), MONDAY),
        ("web", Profile(display_name="Li Wei", email="li@example.com"), MONDAY + timedelta(1)),
        ("till", Profile(phone="", language="zh-Hans"), MONDAY + timedelta(2)),
        ("app", Profile(email="", display_name="Wei"), MONDAY + timedelta(3)),
    ]
    states = []
    for number, order in enumerate(itertools.permutations(said)):
        who = a_customer(f"li {number}")
        if number % 2:
            each = [Told(who, one, f"{number}:{key}", at, source) for key, (source, one, at) in enumerate(order)]
            profiles.describe_each(told=each, by=THE_IMPORT, origin="history")
        else:
            for key, (source, one, at) in enumerate(order):
                profiles.describe(customer=who, profile=one, key=f"{number}:{key}", at=at, by=THE_IMPORT, source=source)
        told_of, country, language, _at, words = _state(who)
        states.append((told_of, country, language, [(one.field, one.text, one.because) for one in words]))
    assert all(state == states[0] for state in states)
    assert states[0][0]["display_name"] == "Wei"


def _shown(*who: int) -> list[tuple[object, ...]]:
    told = []
    for customer in who:
        row = Row.objects.filter(customer_id=customer).first()
        opened = profiles.opened([customer], profiles.SEALED).get(customer)
        known = customers.get(customer)
        told.append((opened, row and row.described_at, known.country, known.language))
    return told


def test_of_one_person_in_two_records_all_words_count_and_parted_it_is_as_never() -> None:
    app, till = a_customer("app"), a_customer("till")
    told(app, Profile(display_name="Li W", email="li@example.com"), source="app", days=3)
    told(till, Profile(display_name="李伟", phone="13812341234", country="CN"), source="till", days=1)
    customers.note_many(countries={app: "GB"}, at=MONDAY, by=THE_IMPORT)
    before = _shown(app, till)
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    assert finding.by_phone("13812341234", "CN") == [app]
    assert profiles.masked([app, till]) == {
        app: profiles.MaskedProfile("L** W**", "l***@example.com", "138****1234"),
        till: profiles.MaskedProfile(),
    }
    assert (customers.get(app).country, plain(app, "country").because) == ("CN", Because.ONLY)
    assert [(word.text, word.record) for word in plain(till, "display_name").words] == [("Li W", app), ("李伟", till)]
    told(till, Profile(note="prefers tea"), source="till", days=4)
    assert plain(app, "note").text == "prefers tea"
    told(till, Profile(note=""), source="till", days=5)
    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)
    after = _shown(app, till)
    assert [(one[0], *one[2:]) for one in after] == [(one[0], *one[2:]) for one in before]
    assert finding.by_phone("13812341234", "CN") == [till]
    assert finding.by_name_prefix("李") == [till]


def test_of_one_person_every_contact_and_name_of_every_record_finds_them() -> None:
    app, till = a_customer("app"), a_customer("till")
    told(app, Profile(display_name="Li Wei", email="li@shop.cn", phone="13812341111"), source="app", days=3)
    told(till, Profile(display_name="李伟", email="old@shop.cn", phone="13812342222"), source="till", days=1)
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)

    def found() -> list[list[int]]:
        return [
            *(
                search.find(typed)
                for typed in ("li@shop.cn", "old@shop.cn", "13812341111", "13812342222", "李", "Li W")
            ),
            [one.person.id for one in search.by_identifier(kind="email", namespace="", value="OLD@shop.cn")],
        ]

    assert found() == [[app]] * 7
    assert contact_holders.by_email(["old@shop.cn"]) == {"old@shop.cn": [till]}, "who answers is the record"

    told(till, Profile(phone="13812343333"), source="till", days=2)
    assert search.find("13812342222") == []
    assert search.find("13812343333") == [app]

    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)
    assert found() == [[app], [till], [app], [], [till], [app], [till]]
    assert search.find("13812343333") == [till]
    assert not AlsoKnown.objects.exists()
