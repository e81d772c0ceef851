"""From events to who was seen, what they did, and who they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.customers import customers, finding, persons, profiles, reviews
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile, Purpose
from regulars.facts.events import following, stream
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import Evidence, Hidden, Visitor
from regulars.facts.events.models import Reader as Place
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, page, sent, viewed
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

MAREK = Actor("operator", "7")
FIELDS = ("given_name", "family_name", "display_name", "email", "phone", "birthday", "address")

pytestmark = pytest.mark.django_db


def member(ref: str, namespace: str = "shop") -> int:
    (found,) = customers.find_by_ref(ref=ref, namespace=namespace)
    return found


def visitor(ref: str) -> Visitor:
    return Visitor.objects.get(ref=ref)


def revealed(customer: int) -> dict[str, str]:
    told = profiles.reveal(customer=customer, fields=FIELDS, purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    return {field: text for field, text in told.items() if text}


def announced(kind: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (body->>'customer')::bigint FROM notices_notice WHERE kind = %s ORDER BY id", [kind])
        return [customer for (customer,) in cursor.fetchall()]


def everything() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM events_visitor ORDER BY id")
        visitors = cursor.fetchall()
        cursor.execute("SELECT visitor, other, kind, event, contradicts, at FROM events_evidence ORDER BY 1, 2, 3")
        evidence = cursor.fetchall()
        cursor.execute("SELECT reader, event, is_note, problem FROM events_parked ORDER BY 1, 2")
        return [*visitors, *evidence, *cursor.fetchall()]


def test_a_user_becomes_a_customer_with_counters_and_products():
    source = a_source()
    later = MONDAY + timedelta(hours=2)
    sent(source, viewed("li"), viewed("li", "Chess"), page("tab-1", userId="li"))
    sent(source, viewed("li"), at=later)
    follow_everything()

    li = visitor("li")
    assert li.customer_id == member("li")
    assert (li.first_seen_at, li.last_seen_at, li.events, li.last_source) == (MONDAY, later, 4, source.id)
    assert li.counts == {"Product Viewed": 3, ":page": 1}
    assert [(one["ref"], one["title"]) for one in li.products["viewed"]] == [
        ("monopoly", "Monopoly"),
        ("chess", "Chess"),
    ]
    assert announced("customers.customer_seen") == [li.customer_id]


def test_somebody_who_only_looked_is_no_customer_until_a_user_is_linked():
    source = a_source()
    sent(source, page("tab-1"), page("tab-1"))
    follow_everything()
    assert visitor("tab-1").customer_id is None
    assert customers.count() == 0

    sent(source, viewed("li", anonymousId="tab-1"))
    follow_everything()

    assert visitor("tab-1").customer_id == visitor("li").customer_id == member("li")
    assert (visitor("tab-1").events, visitor("li").events) == (2, 1)


def test_the_first_link_wins_and_a_second_one_is_evidence_only():
    source = a_source()
    sent(source, viewed("li", anonymousId="tablet"), viewed("wei", anonymousId="tablet"))
    sent(source, viewed("wei", anonymousId="tablet"))
    follow_everything()

    assert visitor("tablet").customer_id == member("li")
    assert list(Evidence.objects.order_by("id").values_list("kind", "contradicts")) == [
        ("together", False),
        ("together", True),
    ]


def test_nobody_active_does_not_touch_last_seen():
    source = a_source()
    sent(source, viewed("li"))
    sent(source, viewed("li", context={"active": False}), at=MONDAY + timedelta(days=1))
    follow_everything()

    assert (visitor("li").last_seen_at, visitor("li").events) == (MONDAY, 2)


def test_an_old_event_that_comes_late_sets_the_beginning_back():
    source = a_source()
    sent(source, viewed("li", timestamp=(MONDAY - timedelta(days=3)).isoformat()), viewed("li", "Chess"))
    follow_everything()

    li = visitor("li")
    assert (li.first_seen_at, li.last_seen_at) == (MONDAY - timedelta(days=3), MONDAY)
    assert customers.get(member("li")).first_seen_at == MONDAY - timedelta(days=3)
    assert [one["ref"] for one in li.products["viewed"]] == ["chess", "monopoly"]


def test_names_and_products_are_bounded():
    source = a_source()
    sent(source, *[{"type": "track", "event": f"Deed {number}", "userId": "li"} for number in range(100)])
    sent(source, *[viewed("li", f"Game {number:03}") for number in range(30)])
    follow_everything()

    li = visitor("li")
    assert len(li.counts) <= 61
    assert sum(li.counts.values()) == li.events == 130
    assert [one["title"] for one in li.products["viewed"]] == [f"Game {number:03}" for number in range(29, 19, -1)]


def test_what_was_bought_is_kept_apart():
    source = a_source()
    products = [{"product_id": "m", "name": "Monopoly", "price": 12.5}, {"sku": "c", "name": "Chess"}, "?"]
    sent(source, {"type": "track", "event": "Order Completed", "userId": "li", "properties": {"products": products}})
    follow_everything()

    assert [one["ref"] for one in visitor("li").products["bought"]] == ["m", "c"]


def test_identify_fills_the_profile_and_tells_the_house_once():
    source = a_source()
    sent(
        source,
        identify(
            "li",
            {
                "email": "Li@Example.com",
                "phone": "13812341234",
                "firstName": "Wei",
                "lastName": "Li",
                "birthday": "1990-02-03T00:00:00Z",
                "address": {"street": "Nanjing Rd 1", "city": "Shanghai", "country": "cn"},
                "language": "zh_Hans",
                "favourite": "chess",
            },
        ),
    )
    follow_everything()

    li = member("li")
    assert revealed(li) == {
        "email": "Li@example.com",
        "phone": "+8613812341234",
        "given_name": "Wei",
        "family_name": "Li",
        "birthday": "1990-02-03",
        "address": "Nanjing Rd 1, Shanghai, cn",
    }
    assert (customers.get(li).country, customers.get(li).language) == ("CN", "zh-Hans")
    assert finding.by_email("li@example.com") == [li]
    assert visitor("li").traits == {"favourite": "chess"}
    assert announced("customers.customer_described") == [li]
    lines = trail.by_actor(Actor("system", "events.profile"))
    assert [line.verb for line in lines] == ["customers.describe_each", "customers.resolve_many"]


def test_traits_may_stand_in_the_context_as_rudderstack_writes_them():
    sent(
        a_source(),
        {"type": "identify", "userId": "li", "context": {"traits": {"email": "li@example.com", "vip": True}}},
    )
    follow_everything()

    assert revealed(member("li")) == {"email": "li@example.com"}
    assert visitor("li").traits == {"vip": True}


def test_null_removes_a_trait_and_empty_text_is_kept():
    source = a_source()
    sent(source, identify("li", {"email": "li@example.com", "name": "Li Wei", "plan": "gold", "motto": "x"}))
    sent(source, identify("li", {"email": None, "name": "", "plan": None, "motto": ""}), at=MONDAY + timedelta(hours=1))
    follow_everything()

    assert revealed(member("li")) == {}
    assert visitor("li").traits == {"motto": ""}


def test_what_was_told_earlier_and_comes_later_only_fills_what_is_empty():
    source = a_source()
    sent(source, identify("li", {"email": "new@example.com"}))
    sent(
        source,
        identify(
            "li", {"email": "old@example.com", "firstName": "Wei"}, timestamp=(MONDAY - timedelta(days=9)).isoformat()
        ),
        at=MONDAY + timedelta(minutes=1),
    )
    follow_everything()

    assert revealed(member("li")) == {"email": "new@example.com", "given_name": "Wei"}


def test_what_a_browser_told_counts_once_it_is_known_whose_it_is():
    source = a_source()
    letter = {"type": "identify", "anonymousId": "tab-1", "traits": {"email": "li@example.com", "firstName": "Wei"}}
    sent(source, letter)
    follow_everything()
    assert customers.count() == 0

    later = MONDAY + timedelta(days=1)
    sent(source, identify("li", {"firstName": "Lei"}), viewed("li", anonymousId="tab-1"), at=later)
    follow_everything()

    assert revealed(member("li")) == {"email": "li@example.com", "given_name": "Lei"}


def test_a_field_that_cannot_be_is_left_out_and_named():
    sent(a_source(), identify("li", {"email": "not an address", "firstName": "Wei", "birthday": "soon"}))
    follow_everything()

    assert revealed(member("li")) == {"given_name": "Wei"}
    (note,) = following.parked(notes=True)
    assert note.problem == "left out: email, birthday"
    assert following.parked() == []


def test_what_a_stranger_told_is_sealed_for_the_customer_once_known():
    source = a_source()
    sent(source, page("tab-1", context={"ip": "203.0.113.7"}))
    follow_everything()
    (before,) = Hidden.objects.values_list("sealed_for", flat=True)
    assert before == vault.nobody_yet(MONDAY)

    sent(source, identify("li@example.com", {"name": "Li"}, anonymousId="tab-1"))
    follow_everything()

    (customer,) = {row.customer_id for row in Visitor.objects.all()}
    assert {row.sealed_for for row in Hidden.objects.all()} == {customer}
    for row in Hidden.objects.all():
        vault.open_(person=customer, table="events_hidden", column="sealed", row=row.event, sealed=bytes(row.sealed))
    vault.forget(customer)
    follow_everything()
    assert revealed(customer) == {}


def test_an_address_as_user_id_finds_the_same_customer_and_stands_nowhere():
    source = a_source()
    sent(source, viewed("li@example.com"), viewed("li@example.com", "Chess"))
    follow_everything()

    (row,) = Visitor.objects.all()
    assert (row.ref, row.kind, row.events) == (None, "user", 2)
    assert row.customer_id == member("li@example.com")


def test_alias_links_a_browser_and_merges_nobody():
    source = a_source()
    sent(source, page("tab-1"), viewed("li"), viewed("old-li"))
    sent(
        source,
        {"type": "alias", "userId": "li", "previousId": "li"},
        {"type": "alias", "userId": "li", "previousId": "tab-1"},
        {"type": "alias", "userId": "li", "previousId": "old-li"},
        {"type": "alias", "userId": "li", "previousId": "never-seen"},
        {"type": "group", "userId": "li", "groupId": "chess-club"},
    )
    follow_everything()

    li = member("li")
    assert visitor("tab-1").customer_id == visitor("never-seen").customer_id == li
    assert visitor("old-li").customer_id == member("old-li") != li
    told = {(one.other, one.contradicts) for one in Evidence.objects.filter(kind="alias")}
    assert told == {(visitor("li").id, False), (visitor("li").id, True)}
    assert visitor("li").counts == {"Product Viewed": 1, ":alias": 4, ":group": 1}


def test_an_alias_of_two_members_asks_somebody_once():
    source = a_source()
    sent(source, {"type": "alias", "userId": "li", "previousId": "old-li"})
    follow_everything()
    sent(source, viewed("old-li"))
    sent(source, {"type": "alias", "userId": "li", "previousId": "old-li"})
    sent(source, {"type": "alias", "userId": "old-li", "previousId": "li"})
    follow_everything()

    [asked] = reviews.listed()
    assert (asked.kind, asked.one, asked.other) == ("alias", *sorted((member("li"), member("old-li"))))
    assert len(persons.records_of(member("li"))) == 1

    reviews.keep_apart(review=asked, why=Reason.MISTAKE, key="apart", at=MONDAY, by=MAREK)
    sent(source, {"type": "alias", "userId": "li", "previousId": "old-li"})
    follow_everything()
    assert reviews.listed() == []


def test_read_again_from_nothing_it_is_the_same(monkeypatch):
    web, app = a_source(), a_source("app")
    for day in range(5):
        at = MONDAY + timedelta(hours=day)
        for number in range(12):
            who, device = f"user-{number % 5}", f"device-{number % 4}"
            sent(web, page(device), viewed(who, f"Game {number}", anonymousId=device), at=at)
            sent(
                app,
                identify(who, {"name": f"N {number}", "level": number}),
                viewed(who, context={"active": False}),
                at=at,
            )
        sent(web, {"type": "alias", "userId": "user-1", "previousId": f"device-{day}"}, at=at)
        sent(web, identify(f"u{day}@example.com", {"email": "no", "level": None}), at=at)
        follow_everything()
    before = everything()
    people = {one.customer_id: revealed(one.customer_id) for one in Visitor.objects.all() if one.customer_id}
    told = profiles.describe(
        customer=member("user-1"),
        profile=Profile(display_name="Told by hand"),
        key="by-hand",
        at=MONDAY + timedelta(1),
        by=MAREK,
    )
    assert told.changed == ("display_name",)

    monkeypatch.setattr(stream, "MOST_EVENTS", 17)
    following.rebuild(at=MONDAY, by=SYSTEM)
    assert Visitor.objects.count() == 0
    follow_everything()

    assert everything() == before
    people[member("user-1")]["display_name"] = "Told by hand"
    assert {customer: revealed(customer) for customer in people} == people


def test_a_slice_takes_a_few_statements_whatever_its_size():
    source = a_source()
    sent(source, *[viewed(f"user-{number}", anonymousId=f"d-{number}") for number in range(3)])
    follow_everything()

    def statements(number: int) -> int:
        there = {"context": {"ip": "203.0.113.7"}}
        sent(source, *[viewed(f"user-{one % 3}", anonymousId=f"d-{one % 3}", **there) for one in range(number)])
        settled = int(Place.objects.get(name="profile").position >> 14) + 1
        with CaptureQueriesContext(connection) as asked:
            stream.step(following.READERS[1], settled)
        return len([one for one in asked if "SAVEPOINT" not in one["sql"]])

    statements(3)
    assert statements(3) == statements(150) <= 12


def test_new_people_take_a_few_statements_whatever_their_number():
    source = a_source()

    def statements(number: int, first: int) -> int:
        told = [
            identify(f"user-{one}", {"email": f"u{one}@example.com"}, anonymousId=f"d-{one}")
            for one in range(first, first + number)
        ]
        sent(source, *[page(f"d-{one}") for one in range(first, first + number)])
        follow_everything()
        sent(source, *told)
        settled = int(Place.objects.get(name="profile").position >> 14) + 1
        with CaptureQueriesContext(connection) as asked:
            stream.step(following.READERS[1], settled)
        return len([one for one in asked if "SAVEPOINT" not in one["sql"]])

    stream.register(following.READERS)
    statements(3, 0)
    assert statements(3, 10) == statements(100, 20) <= 52
