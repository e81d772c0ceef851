"""Setup → Staff: inviting, changing roles, ending access, all through the verbs."""

import re

import pytest
from django.db import transaction
from django.test import Client

from regulars.doors.console import deeds
from regulars.doors.console.tests.builders import MONDAY, PASSWORD, an_operator, signed_in
from regulars.facts.customers import customers, profiles
from regulars.facts.customers.profiles import Profile, Purpose
from regulars.kit.actors import SYSTEM
from regulars.runtime.staff import operators
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db


def test_an_owner_invites_and_the_link_is_shown_once():
    marek = signed_in("owner", name="marek")

    answer = marek.post("/console/staff/invite", {"name": "Lin", "email": "lin@shop.example", "role": "manager"})
    link = re.search(r'value="http://testserver(/console/welcome/[\w-]+)"', answer.content.decode())[1]

    assert link not in marek.get("/console/staff/").content.decode()
    lin = Client()
    assert lin.post(link, {"password": PASSWORD}).status_code == 302
    assert lin.get("/console/staff/").status_code == 200
    assert operators.find("lin@shop.example").role == "manager"


def test_the_last_owner_stays():
    marek = signed_in("owner", name="marek")
    number = operators.find("marek@shop.example").id

    page = marek.post(f"/console/staff/{number}/role", {"role": "agent"}, follow=True).content.decode()
    marek.post(f"/console/staff/{number}/active", {})

    assert "last owner" in page
    assert operators.find("marek@shop.example").role == "owner"
    assert operators.find("marek@shop.example").active


def test_a_role_change_is_in_the_trail_with_who_did_it():
    marek = signed_in("owner", name="marek")
    ines = an_operator("ines", "agent")

    marek.post(f"/console/staff/{ines}/role", {"role": "manager"})

    [line, *_] = trail.of(f"operator:{ines}")
    assert (line.verb, line.by) == ("operators.set_role", f"operator:{operators.find('marek@shop.example').id}")


def test_who_lost_access_is_out_at_once_and_can_be_let_in_again():
    marek, ines = signed_in("owner", name="marek"), signed_in("manager", name="ines")
    number = operators.find("ines@shop.example").id

    marek.post(f"/console/staff/{number}/active", {})
    assert ines.get("/console/staff/").status_code == 302

    marek.post(f"/console/staff/{number}/active", {"active": "yes"})
    again = Client().post("/console/sign-in", {"email": "ines@shop.example", "password": PASSWORD})
    assert again.status_code == 302


def test_a_forgotten_password_is_mended_by_a_link():
    marek = signed_in("owner", name="marek")
    ines = an_operator("ines", "agent")

    page = marek.post(f"/console/staff/{ines}/link").content.decode()
    link = re.search(r'value="http://testserver(/console/welcome/[\w-]+)"', page)[1]

    assert Client().post(link, {"password": "eleven purple lamps"}).status_code == 302


def test_bad_invitations_say_what_to_mend():
    marek = signed_in("owner", name="marek")
    taken = marek.post("/console/staff/invite", {"name": "M", "email": "marek@shop.example", "role": "agent"})
    nameless = marek.post("/console/staff/invite", {"name": "", "email": "lin@shop.example", "role": "agent"})
    assert (taken.status_code, nameless.status_code) == (422, 422)
    assert "already works here" in taken.content.decode()


def test_names_are_shown_as_text():
    marek = signed_in("owner", name="marek")
    told = {"name": "<img src=x onerror=alert(1)>", "email": "x@shop.example", "role": "agent"}
    page = marek.post("/console/staff/invite", told).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_a_manager_looks_and_cannot_change():
    lin = signed_in("manager")
    page = lin.get("/console/staff/").content.decode()
    assert "Make a link" not in page
    assert (
        lin.post("/console/staff/invite", {"name": "X", "email": "x@shop.example", "role": "owner"}).status_code == 403
    )


def test_the_owner_sees_what_each_did_and_to_whom():
    marek = signed_in("owner", name="marek")
    ines = an_operator("ines", "agent")
    told = customers.resolve_many(namespace="till", refs=["hanna"], at=MONDAY, by=SYSTEM, origin="live")
    hanna = customers.get(told["hanna"])
    profiles.describe(
        customer=hanna.id, profile=Profile(display_name="Hanna Berg"), key="till", at=MONDAY, by=SYSTEM, source="till"
    )
    profiles.reveal(
        customer=hanna.id, fields=["display_name"], purpose=Purpose.SERVICE, at=MONDAY, by=operators.actor(ines)
    )
    operators.set_language(operator=ines, language="zh-hans", at=MONDAY, by=operators.actor(ines))

    page = marek.get(f"/console/staff/{ines}/").content.decode()

    assert "looked at the contacts" in page
    assert f"/console/members/{hanna.public_id}/" in page
    assert "Hanna Berg" not in page
    assert "changed the own language" in page
    assert "zh-hans" in page


def test_what_somebody_did_comes_in_pages():
    marek = signed_in("owner", name="marek")
    ines = an_operator("ines", "agent")
    for number in range(deeds.SHOWN + 1):
        with transaction.atomic():
            trail.record(by=operators.actor(ines), verb="jobs.retry", subject=f"job:{number}", at=MONDAY)

    first = marek.get(f"/console/staff/{ines}/").content.decode()
    older = re.search(r'href="(\?before=[^"]+)"', first)[1]
    second = marek.get(f"/console/staff/{ines}/{older}").content.decode()

    assert "Job 50" in first
    assert "Job 0<" not in first
    assert "Job 0<" in second
    assert marek.get(f"/console/staff/{ines}/?before=nonsense").status_code == 404


def test_others_see_their_own_deeds_only():
    lin = signed_in("manager", name="lin")
    ines = an_operator("ines", "agent")
    own = operators.find("lin@shop.example").id

    assert lin.get(f"/console/staff/{ines}/").status_code == 404
    assert lin.get(f"/console/staff/{own}/").status_code == 200
    assert lin.get("/console/staff/99999/").status_code == 404
