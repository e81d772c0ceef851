"""Everybody at once: whom an audience holds for when it is made or changed, and the proof of each night."""

from pathlib import Path
from typing import Any

import pytest

from regulars.facts.company import company
from regulars.insight.audiences import audiences, deciding, filling, members, previewing
from regulars.insight.audiences.asking import Kept
from regulars.insight.audiences.models import Change, Due, Member, Proof
from regulars.insight.audiences.tests.builders import (
    BUYERS,
    LATELY,
    MAREK,
    an_audience,
    asking,
    bought,
    called_off,
    came_and_went,
    inside,
    told,
)
from regulars.insight.measures import refreshing
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock


@pytest.fixture(autouse=True)
def shop(fresh_database: dict[str, str], tmp_path: Path, settings: Any) -> None:
    settings.REGULARS_HOME = tmp_path
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


def test_a_new_audience_finds_who_is_in_and_tells_of_nobody_by_name() -> None:
    priya, tomas = bought("priya", ref="1", days_ago=3), bought("tomas", ref="2", days_ago=40)
    lately, buyers = an_audience("Lately", LATELY), an_audience("Buyers", BUYERS)
    assert filling.fill(lately.number) == filling.Looked(members=1, entered=1, left=0)
    assert filling.fill(buyers.number) == filling.Looked(members=2, entered=2, left=0)
    assert (inside(lately), inside(buyers)) == ({priya}, {priya, tomas})
    now = audiences.get(lately.number)
    assert (now.members, now.is_filling) == (1, False)
    assert now.filled_at is not None
    assert not Change.objects.exists()
    assert told("audiences.audience_filled") == [f"audience:{lately.number}", f"audience:{buyers.number}"]
    assert told("audiences.audience_entered") == []
    assert filling.fill(lately.number) is None, "it was done"


def test_who_will_leave_before_the_next_night_is_known_when_it_is_filled() -> None:
    priya, _ = bought("priya", ref="1", days_ago=29.5), bought("tomas", ref="2", days_ago=10)
    lately = an_audience("Lately", LATELY)
    filling.fill(lately.number)
    assert list(Due.objects.values_list("customer_id", flat=True)) == [priya]


def test_another_question_finds_others_and_who_stays_keeps_their_day() -> None:
    priya, tomas = bought("priya", ref="1", pounds="100"), bought("tomas", ref="2", pounds="20")
    buyers = an_audience("Buyers", BUYERS)
    filling.fill(buyers.number)
    since = Member.objects.get(customer=priya).since_at
    more = {"did": "commerce.orders", "sum": "total", "amount": {"at_least": "50"}}
    changed = audiences.change(audience=buyers.number, condition=asking(more), key="2", at=clock.now(), by=MAREK)
    assert (changed.definition, changed.is_filling) == (2, True)
    assert inside(buyers) == {priya, tomas}, "until everybody was looked at"
    assert filling.fill(buyers.number) == filling.Looked(members=1, entered=0, left=1)
    assert inside(buyers) == {priya}
    assert Member.objects.get(customer=priya).since_at == since
    assert [one.number for one in audiences.versions(buyers.number)] == [2, 1]


def test_the_highest_tenth_is_found_and_its_beginning_kept() -> None:
    people = [bought(f"p{n}", ref=str(n), pounds=str(10 + n)) for n in range(20)]
    top = an_audience("Top tenth", {"field": "commerce.orders", "highest": {"percent": "10"}})
    filling.fill(top.number)
    # All have one order: ties are in together.
    assert inside(top) == set(people)
    assert audiences.get(top.number).cuts == {"n1": "1"}


def test_each_night_both_ways_say_the_same_and_what_is_wrong_is_found_and_put_right() -> None:
    priya, tomas = bought("priya", ref="1", days_ago=3), bought("tomas", ref="2", days_ago=40)
    lately = an_audience("Lately", LATELY)
    filling.fill(lately.number)
    assert filling.prove_all(by=SYSTEM) == [(lately.number, 0, 0)]

    Member.objects.filter(customer=priya).delete()
    Member.objects.create(audience_id=lately.number, customer_id=tomas, since_at=clock.now())
    filling.Touched.objects.all().delete()
    assert filling.prove_all(by=SYSTEM) == [(lately.number, 1, 1)]
    assert inside(lately) == {priya}
    assert came_and_went(tomas) == [("Lately", False, "proof")]
    proof = Proof.objects.latest("id")
    assert (proof.compared, proof.missing, proof.wrongly_in) == (2, 1, 1)
    assert filling.prove_all(by=SYSTEM) == [(lately.number, 0, 0)]


def test_whoever_was_looked_at_while_everybody_was_is_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    priya = bought("priya", ref="1")
    buyers = an_audience("Buyers", BUYERS)
    found = filling._Found.of

    def and_meanwhile(*told: Any) -> Any:
        seen = found(*told)
        called_off("1")
        deciding.decide([priya], because="facts", kept=Kept())
        return seen

    monkeypatch.setattr(filling._Found, "of", and_meanwhile)
    filling.fill(buyers.number)
    assert inside(buyers) == set()
    assert audiences.get(buyers.number).members == 0


def test_a_preview_counts_each_part_as_of_what_was_published() -> None:
    priya, tomas = bought("priya", ref="1", days_ago=3), bought("tomas", ref="2", days_ago=40)
    buyers = an_audience("Buyers", BUYERS)
    filling.fill(buyers.number)
    seen = previewing.preview(asking({"all": [{"id": "ever", **BUYERS}, {"id": "lately", **LATELY}], "id": "both"}))
    assert (seen.members, seen.everyone, seen.sample) == (1, 2, (priya,))
    assert seen.by_node == {"both": 1, "ever": 2, "lately": 1}
    assert seen.overlap == {buyers.number: 1}
    assert members.overlap([buyers.number]) == {(buyers.number, buyers.number): 2}
    assert [one.customer for one in members.page(buyers.number).items] == sorted([priya, tomas], reverse=True)


def test_why_somebody_is_in_or_not_is_said_node_by_node() -> None:
    tomas = bought("tomas", ref="2", days_ago=40)
    lately = an_audience("Lately", {"all": [{"id": "ever", **BUYERS}, {"id": "lately", **LATELY}], "id": "both"})
    why = members.explain(audience=lately.number, customer=tomas, language="en")
    assert (why.holds, why.membership, why.again_at) == (False, None, None)
    assert [(one.node, one.holds, one.seen) for one in why.root.of] == [("ever", True, 1), ("lately", False, 0)]
    assert why.root.of[1].words == "ordered, in the last 30 days"


def test_readings_computed_anew_let_people_in_and_out_one_by_one() -> None:
    people = [bought(f"p{n}", ref=str(n), days_ago=n + 1) for n in range(30)]
    regulars = an_audience("Big spenders", {"field": "measures.spend", "at_least": "100.00"})
    filling.fill(regulars.number)
    assert inside(regulars) == set(), "nothing is computed yet"
    bought("p7", ref="more", pounds="50.00")
    refreshing.refresh(at=clock.now(), by=SYSTEM)
    assert told("measures.readings_computed") == ["readings:all"]
    filling.look_through_computed()
    assert inside(regulars) == {people[7]}
    assert came_and_went(people[7]) == [("Big spenders", True, "refreshed")]
    assert filling.prove_all(by=SYSTEM) == [], "those that ask for readings are looked through, not proved"
