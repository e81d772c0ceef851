import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.facts.customers import customers, identifiers
from regulars.facts.customers.tests.builders import MONDAY, THE_IMPORT, a_customer
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail
from tests.often import LONGER


def resolve(refs: list[str], namespace: str = "till", origin: Any = "history") -> dict[str, int]:
    return customers.resolve_many(namespace=namespace, refs=refs, at=MONDAY, by=THE_IMPORT, origin=origin)


def rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_ines_is_one_person_however_often_she_is_named() -> None:
    first = resolve(["ines", "li"])
    assert resolve(["li", " ines ", "priya"]) | first == first | resolve(["priya", " ines "])
    assert resolve([" ines "])[" ines "] == first["ines"]
    assert customers.count() == 3


@pytest.mark.django_db
def test_the_same_reference_elsewhere_is_somebody_else_until_linked() -> None:
    assert resolve(["17850"], "till")["17850"] != resolve(["17850"], "shopify-uk")["17850"]
    assert len(customers.find_by_ref(ref="17850")) == 2
    assert len(customers.find_by_ref(ref="17850", namespace="till")) == 1
    ines = a_customer("ines")
    assert customers.refs_of(ines) == [("till", "ines")]


@pytest.mark.django_db
def test_a_batch_leaves_one_line_and_a_repeat_none() -> None:
    made = resolve(["ines", "li", "priya"])
    resolve(["ines", "li", "priya"])
    (line,) = trail.of("namespace:till")
    assert line.after == {"count": 3, "first": min(made.values()), "last": max(made.values()), "origin": "history"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ref", ["", "  ", "NULL", "guest", '"null"', "000000", "-1", "0.0", "匿名", "x" * 201, "a\x00b", "[object Object]"]
)
def test_nobody_is_refused_before_everybody_becomes_one_person(ref: str) -> None:
    with pytest.raises(Refusal, match=r"customer: .*; (leave|map|clean)"):
        resolve(["ines", ref])
    assert identifiers.why_unusable(ref)
    assert customers.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("namespace", ["", "Till", "a b", "x" * 65, "till;drop"])
def test_a_namespace_is_a_short_name(namespace: str) -> None:
    with pytest.raises(Refusal, match=r"namespace: .* small letters"):
        resolve(["ines"], namespace)


@pytest.mark.django_db
def test_an_id_is_found_as_people_type_it() -> None:
    ines = customers.get(a_customer("ines"))
    assert ines.public_id.startswith("cus_")
    assert customers.by_public_id(" " + ines.public_id.upper()) == ines
    assert customers.get_many([ines.id, 10**12]) == {ines.id: ines}
    for ask in (lambda: customers.by_public_id("cus_" + "0" * 26), lambda: customers.get(10**12)):
        with pytest.raises(Refusal, match="look it up again"):
            ask()


@pytest.mark.django_db
def test_orders_tell_when_somebody_was_first_seen_and_where() -> None:
    found = resolve(["ines", "li"])
    ines, li = found["ines"], found["li"]
    may, april = MONDAY + timedelta(days=60), MONDAY + timedelta(days=30)
    assert customers.note_many(first_seen={ines: may, li: may}, countries={ines: "GB"}, at=MONDAY, by=THE_IMPORT) == 2
    assert customers.note_many(first_seen={ines: april, li: may}, countries={ines: "FR"}, at=MONDAY, by=THE_IMPORT) == 1
    assert customers.note_many(first_seen={ines: may}, countries={ines: "FR"}, at=MONDAY, by=THE_IMPORT) == 0
    assert (customers.get(ines).first_seen_at, customers.get(ines).country) == (april, "GB")
    assert (customers.get(li).first_seen_at, customers.get(li).country) == (may, None)
    with pytest.raises(Refusal, match="two capital letters"):
        customers.note_many(countries={li: "UK "}, at=MONDAY, by=THE_IMPORT)


@pytest.mark.django_db(transaction=False)
@pytest.mark.longer
def test_many_thousand_references_take_a_few_statements(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    many = 12_500 * LONGER
    refs = [str(number) for number in range(10_000, 10_000 + many)]
    # savepoint, find, two that prepare for many rows, make, trail line, release
    with django_assert_num_queries(7):
        made = resolve(refs)
    with django_assert_num_queries(3):
        assert resolve(refs[::-1]) == made
    assert len(set(made.values())) == many


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from([f"c{number}" for number in range(12)]), min_size=1, max_size=40),
    cuts=st.lists(st.integers(1, 7), min_size=1),
    order=st.randoms(use_true_random=False),
)
@pytest.mark.django_db
def test_any_order_and_any_batches_give_the_same_people(names: list[str], cuts: list[int], order: Any) -> None:
    with transaction.atomic():
        whole = resolve(names)
        shuffled = names * 2
        order.shuffle(shuffled)
        again: dict[str, int] = {}
        place = 0
        while shuffled:
            size = cuts[place % len(cuts)]
            again |= resolve(shuffled[:size])
            shuffled, place = shuffled[size:], place + 1
        assert again == whole
        assert len(set(whole.values())) == len(set(names)) == customers.count()
        transaction.set_rollback(True)


def test_many_at_once_make_each_person_once(fresh_database: dict[str, str]) -> None:
    """Six connections with overlapping batches in different orders: no orphan, no double, no deadlock."""
    seen: list[dict[str, int]] = []
    problems: list[Exception] = []
    together = threading.Barrier(6)

    def work(number: int) -> None:
        refs = [f"p{n}" for n in range(number * 100, number * 100 + 600)]
        try:
            together.wait()
            for start in range(0, 600, 150):
                batch = refs[start : start + 150]
                seen.append(resolve(batch[::-1] if number % 2 else batch))
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    people: dict[str, int] = {}
    for found in seen:
        assert all(people.setdefault(ref, customer) == customer for ref, customer in found.items())
    assert len(people) == len(set(people.values())) == 1100
    assert rows("SELECT count(*) FROM customers_customer") == [(1100,)]
    assert rows(
        "SELECT count(*) FROM customers_customer AS c WHERE NOT EXISTS"
        " (SELECT FROM customers_identifier AS i WHERE i.customer_id = c.id)"
    ) == [(0,)]


def test_who_comes_second_waits_and_finds_the_first_ones_people(fresh_database: dict[str, str]) -> None:
    theirs: dict[str, int] = {}
    with transaction.atomic():
        mine = resolve(["ines", "li"])
        other = threading.Thread(target=lambda: (theirs.update(resolve(["li", "priya"])), connection.close()))
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it must wait for our transaction"
    other.join()
    assert theirs["li"] == mine["li"]
    assert customers.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO customers_customer (origin, country) VALUES ('live', 'gb')",
        "INSERT INTO customers_customer (origin) VALUES ('dream')",
        "DELETE FROM customers_customer",
    ],
)
def test_postgresql_makes_it_impossible(statement: str) -> None:
    a_customer("ines")
    with pytest.raises(IntegrityError), transaction.atomic():
        rows("SET CONSTRAINTS ALL IMMEDIATE; " + statement + " RETURNING 1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("namespace", "kind", "value", "digest"),
    [
        ("till", "external", "ines", None),  # hers already
        ("", "email", "readable", None),
        ("", "phone", None, None),
        ("", "email", None, b"short"),
        ("x", "external", "ines@example.com", None),
        ("x", "external", "ines", b"d" * 32),
        ("x", "external", None, None),
        ("x", "shoe", "size 7", None),
    ],
)
def test_postgresql_keeps_identifiers_apart_and_contacts_unreadable(
    namespace: str, kind: str, value: str | None, digest: bytes | None
) -> None:
    a_customer("ines")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_identifier (customer_id, namespace, kind, value, digest, since_at)"
            " SELECT id, %s, %s, %s, %s, now() FROM customers_customer",
            [namespace, kind, value, digest],
        )


def test_a_changed_row_carries_its_transaction(fresh_database: dict[str, str]) -> None:
    ines = a_customer("ines")
    before = rows("SELECT changed_xid::text::bigint FROM customers_customer")[0][0]
    customers.note_many(countries={ines: "CN"}, at=MONDAY, by=THE_IMPORT)
    after = rows("SELECT changed_xid::text::bigint FROM customers_customer")[0][0]
    assert after > before
    rows("UPDATE customers_customer SET country = 'CN' RETURNING 1")
    assert rows("SELECT changed_xid::text::bigint FROM customers_customer")[0][0] == after, "nothing changed, no stamp"
