"""People come in by links that work once, and the shop never loses its last owner."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.test import RequestFactory

from regulars.kit.actors import SYSTEM
from regulars.runtime.staff import operators, roles
from regulars.runtime.staff.models import OneTimeLink, Operator
from regulars.runtime.staff.tests.builders import MONDAY, PASSWORD, an_operator
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db


def signs_in(email: str, password: str) -> bool:
    return authenticate(RequestFactory().post("/"), username=email, password=password) is not None


def claim(token: str, email: str = "lin@shop.example") -> int:
    return operators.claim_first(token=token, email=email, name="Lin", password=PASSWORD, at=MONDAY)


def test_nobody_works_here_until_the_first_link_is_claimed():
    assert not operators.anybody()
    link = operators.first_link(at=MONDAY)
    assert operators.link_purpose(link.token, at=MONDAY) == "first_operator"

    lin = operators.claim_first(
        token=link.token, email=" Lin@Shop.Example ", name="Lin", password=PASSWORD, language="zh-hans", at=MONDAY
    )

    [person] = operators.everybody()
    assert (person.id, person.email, person.role, person.language) == (lin, "lin@shop.example", "owner", "zh-hans")
    assert signs_in("LIN@shop.example", PASSWORD)
    assert not signs_in("lin@shop.example", "wrong")
    assert [entry.verb for entry in trail.of(f"operator:{lin}")] == ["operators.claim_first"]
    assert operators.first_link(at=MONDAY) is None


def test_a_link_works_once_and_only_its_hash_is_kept():
    token = operators.first_link(at=MONDAY).token
    assert len(token) >= 43
    assert token.encode() not in bytes(OneTimeLink.objects.get().digest)
    claim(token)
    with pytest.raises(operators.LinkSpent):
        claim(token, "marek@shop.example")


def test_a_link_ends_with_its_day_and_with_the_next_link():
    old = operators.first_link(at=MONDAY)
    new = operators.first_link(at=MONDAY)
    for token, at in ((old.token, MONDAY), (new.token, MONDAY + timedelta(hours=24)), ("made up", MONDAY)):
        with pytest.raises(operators.LinkSpent):
            operators.claim_first(token=token, email="lin@shop.example", name="Lin", password=PASSWORD, at=at)
    assert operators.link_purpose(old.token, at=MONDAY) is None
    assert operators.link_purpose(new.token, at=MONDAY) == "first_operator"


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"email": "not an address"}, operators.BadEmail),
        ({"name": "  "}, operators.NameMissing),
        ({"password": "short"}, operators.WeakPassword),
        ({"password": "password1234"}, operators.WeakPassword),
        ({"language": "xx"}, operators.UnknownLanguage),
    ],
)
def test_a_refused_claim_leaves_the_link_unspent(wrong, refusal):
    token = operators.first_link(at=MONDAY).token
    good = {"email": "lin@shop.example", "name": "Lin", "password": PASSWORD}
    with pytest.raises(refusal) as no:
        operators.claim_first(token=token, at=MONDAY, **(good | wrong))
    assert no.value.message
    assert claim(token)


def test_an_invited_person_chooses_their_password(django_assert_num_queries):
    handed = operators.invite(email="ana@shop.example", name="Ana", role="analyst", at=MONDAY, by=SYSTEM)
    assert operators.find("ANA@shop.example").invited
    assert not signs_in("ana@shop.example", "")

    assert operators.choose_password(token=handed.token, password=PASSWORD, at=MONDAY) == handed.operator

    assert signs_in("ana@shop.example", PASSWORD)
    with django_assert_num_queries(1):
        assert not operators.find("ana@shop.example").invited
    with pytest.raises(operators.EmailTaken):
        operators.invite(email="Ana@shop.example", name="Ana", role="owner", at=MONDAY, by=SYSTEM)


def test_inviting_again_ends_the_link_before():
    first = operators.invite(email="ana@shop.example", name="Ana", role="analyst", at=MONDAY, by=SYSTEM)
    second = operators.invite(email="ana@shop.example", name="Ana", role="agent", at=MONDAY, by=SYSTEM)
    assert first.operator == second.operator
    with pytest.raises(operators.LinkSpent):
        operators.choose_password(token=first.token, password=PASSWORD, at=MONDAY)
    operators.choose_password(token=second.token, password=PASSWORD, at=MONDAY)
    assert operators.find("ana@shop.example").role == "agent"


def test_an_invitation_cannot_make_a_first_owner_and_a_first_link_no_password():
    first = operators.first_link(at=MONDAY).token
    with pytest.raises(operators.LinkSpent):
        operators.choose_password(token=first, password=PASSWORD, at=MONDAY)
    handed = operators.invite(email="ana@shop.example", name="Ana", role="analyst", at=MONDAY, by=SYSTEM)
    with pytest.raises(operators.LinkSpent):
        claim(handed.token)


def test_who_is_locked_out_gets_a_link_and_sessions_end():
    lin = an_operator("lin", "owner")
    before = Operator.objects.get(pk=lin).get_session_auth_hash()
    handed = operators.let_back_in(email="lin@shop.example", at=MONDAY)
    operators.choose_password(token=handed.token, password="nine blue kettles", at=MONDAY)
    assert signs_in("lin@shop.example", "nine blue kettles")
    assert not signs_in("lin@shop.example", PASSWORD)
    assert Operator.objects.get(pk=lin).get_session_auth_hash() != before


def test_changing_ones_own_password_asks_for_the_old_one():
    lin = an_operator("lin", "owner")
    with pytest.raises(operators.WrongPassword):
        operators.change_password(operator=lin, current="guess", new="nine blue kettles", at=MONDAY)
    operators.change_password(operator=lin, current=PASSWORD, new="nine blue kettles", at=MONDAY)
    assert signs_in("lin@shop.example", "nine blue kettles")


def test_the_last_owner_stays():
    lin, ana = an_operator("lin", "owner"), an_operator("ana", "analyst")
    for no in (
        lambda: operators.set_role(operator=lin, role="manager", at=MONDAY, by=SYSTEM),
        lambda: operators.deactivate(operator=lin, at=MONDAY, by=SYSTEM),
    ):
        with pytest.raises(operators.LastOwner):
            no()
    operators.set_role(operator=ana, role="owner", at=MONDAY, by=operators.actor(lin))
    operators.deactivate(operator=lin, at=MONDAY, by=operators.actor(ana), why="left")
    assert [p.name for p in operators.everybody() if p.active] == ["ana"]
    assert not signs_in("lin@shop.example", PASSWORD)


def test_deactivating_ends_open_links_and_can_be_taken_back():
    an_operator("lin", "owner")
    ana = an_operator("ana", "analyst")
    link = operators.new_password_link(operator=ana, at=MONDAY, by=SYSTEM)
    operators.deactivate(operator=ana, at=MONDAY, by=SYSTEM)
    with pytest.raises(operators.LinkSpent):
        operators.choose_password(token=link.token, password=PASSWORD, at=MONDAY)
    operators.reactivate(operator=ana, at=MONDAY, by=SYSTEM)
    assert signs_in("ana@shop.example", PASSWORD)


def test_changes_leave_a_trail_and_no_change_leaves_none():
    ana = an_operator("ana", "analyst")
    for _ in range(2):
        operators.set_role(operator=ana, role="agent", at=MONDAY, by=SYSTEM, why="new_desk")
        operators.set_language(operator=ana, language="zh-hans", at=MONDAY, by=SYSTEM)
    told = [(e.verb, e.before, e.after) for e in trail.of(f"operator:{ana}")][:3]
    assert told == [
        ("operators.set_language", {"language": ""}, {"language": "zh-hans"}),
        ("operators.set_role", {"role": "analyst"}, {"role": "agent"}),
        ("operators.choose_password", None, {"link": "invitation", "active": True}),
    ]


def test_unknown_people_and_roles_are_refused():
    with pytest.raises(operators.UnknownOperator):
        operators.set_role(operator=999_999, role="agent", at=MONDAY, by=SYSTEM)
    with pytest.raises(operators.UnknownRole, match="king"):
        operators.invite(email="k@shop.example", name="K", role="king", at=MONDAY, by=SYSTEM)
    with pytest.raises(operators.UnknownOperator):
        operators.let_back_in(email="nobody@shop.example", at=MONDAY)


@pytest.mark.parametrize(
    ("role", "action", "may"),
    [
        ("owner", "staff.manage", True),
        ("manager", "staff.manage", False),
        ("analyst", "insight.read", True),
        ("analyst", "contacts.reveal", False),
        ("agent", "contacts.reveal", True),
        ("shop_assistant", "members.read", True),
        ("shop_assistant", "insight.read", False),
        ("read_only", "members.read", True),
        ("read_only", "members.edit", False),
        ("nobody", "members.read", False),
    ],
)
def test_the_table_of_roles(role, action, may):
    assert roles.allows(role, action) is may


def test_the_owner_may_do_everything_and_a_reader_changes_nothing():
    assert all(roles.allows("owner", action) for action in roles.ALLOWED)
    changes = {a for a in roles.ALLOWED if not a.endswith(".read")} - {"self.edit"}
    assert not any(roles.allows("read_only", action) for action in changes)


def test_the_database_itself_refuses_an_unknown_role():
    with pytest.raises(Exception, match="staff_operator_role"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO staff_operator (password, email, name, role, language, is_active, joined_at)"
            " VALUES ('', 'k@shop.example', 'K', 'king', '', true, now())"
        )
