import threading

from django.db import OperationalError, connection, transaction

from regulars.facts.customers import finding, identity, persons, profiles
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described
from regulars.runtime.trail import trail


def test_two_who_give_the_same_address_at_once(fresh_database: dict[str, str]) -> None:
    people = [a_customer("li"), a_customer("ines")]
    results: list[profiles.Described] = []
    together = threading.Barrier(2)

    def work(person: int) -> None:
        together.wait()
        results.append(described(person, Profile(email="both@example.com"), key=f"key-{person}"))
        connection.close()

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.shared for result in results) == [(), ("email",)]
    assert sorted(finding.by_email("both@example.com")) == sorted(people)


def test_a_repeat_at_the_same_moment_writes_once(fresh_database: dict[str, str]) -> None:
    li = a_customer("li")
    results: list[profiles.Described] = []

    def work() -> None:
        results.append(described(li, Profile(given_name="Wei", phone="+8613812341234"), key="double click"))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert [line.verb for line in trail.of(f"customer:{li}")].count("customers.describe") == 1


def test_who_writes_of_a_joined_record_holds_its_person_too(fresh_database: dict[str, str]) -> None:
    li, card = a_customer("li"), a_customer("card-9")
    identity.join(one=li, other=card, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    problems: list[Exception] = []

    def settle() -> None:
        with connection.cursor() as cursor:
            try:
                cursor.execute("SELECT id FROM customers_customer WHERE id = %s FOR UPDATE NOWAIT", [li])
            except OperationalError as problem:
                problems.append(problem)
        connection.close()

    with transaction.atomic():
        assert persons.held([card]) == {card: li}
        other = threading.Thread(target=settle)
        other.start()
        other.join()
    assert "could not obtain lock" in str(problems[0])
