"""The profile's page: every value with its source and why, mended by staff, revealed with a line in the trail."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from regulars.doors.console.tests.builders import PASSWORD, TODAY, an_operator
from regulars.facts.company import stores
from regulars.facts.customers import (
    customers,
    explaining,
    households,
    identity,
    profiles,
    records,
    tags,
    traits,
    trust,
)
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.traits import Kind
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.staff import operators
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
THE_IMPORT = Actor("import", "1")


@pytest.fixture
def ines(settings) -> str:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    number = customers.resolve_many(namespace="till", refs=["ines"], at=TODAY, by=SYSTEM, origin="live")["ines"]
    profiles.describe(
        customer=number,
        profile=Profile(display_name="Ines Okafor", phone="+447400123456", interests=("tea",)),
        key="till",
        at=TODAY,
        by=THE_IMPORT,
        source="till",
    )
    return customers.get(number).public_id


def at_work(role: str, language: str = "en") -> Client:
    an_operator(role.replace("_", "-"), role)
    client = Client()
    email = f"{role.replace('_', '-')}@shop.example"
    assert client.post("/console/sign-in", {"email": email, "password": PASSWORD}).status_code == 302
    client.cookies["django_language"] = language
    return client


def read(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def number_of(public_id: str) -> int:
    return customers.by_public_id(public_id).id


def test_store_channel_and_carer_are_chosen_never_typed(ines: str) -> None:
    stores.describe(code="jing-an", name="Jing'an Temple", at=TODAY, by=SYSTEM)
    agent = at_work("agent")
    [me] = [one for one in operators.everybody() if one.name == "agent"]
    page = f"/console/members/{ines}/profile/"
    for words in ("Preferred store", "Jing&#x27;an Temple", "Preferred channel", "Looked after by", "Works here"):
        assert words in read(agent, page)
    for field, value in (("preferred_store", "pudong"), ("preferred_channel", "pigeon"), ("cared_by", "99999")):
        refused = agent.post(f"{page}tell", {"field": field, "value": value}, follow=True).content.decode()
        assert "Choose one of the list." in refused
    for field, value in (("preferred_store", "jing-an"), ("preferred_channel", "wechat"), ("cared_by", str(me.id))):
        agent.post(f"{page}tell", {"field": field, "value": value})
    assert profiles.readable([number_of(ines)])[number_of(ines)] == {
        "interests": ("tea",),
        "preferred_store": "jing-an",
        "preferred_channel": "wechat",
        "cared_by": str(me.id),
    }
    assert 'value="jing-an" selected' in read(agent, page)


def test_staff_mend_a_value_and_the_page_says_who_said_what(ines: str) -> None:
    agent = at_work("agent")
    page = f"/console/members/{ines}/profile/"
    agent.post(f"{page}tell", {"field": "display_name", "value": "Inés Okafor"})
    agent.post(f"{page}tell", {"field": "interests", "value": "tea, hats"})
    agent.post(f"{page}tell", {"field": "phone", "nothing": "1"})
    told = read(agent, page)
    for words in ("said last", "What others say", "Staff", "till", "hats, tea", "taken back"):
        assert words in told, words
    assert "Okafor" not in told
    assert "7400123456" not in told
    assert explaining.explain(customer=number_of(ines), field="phone").text == ""
    refused = agent.post(f"{page}tell", {"field": "email", "value": "nowhere"}, follow=True)
    assert "This is no e-mail address." in refused.content.decode()
    card = read(agent, page, **{"HX-Target": "profile"})
    assert card.startswith('<section class="card" id="profile">')


def test_what_is_hidden_is_shown_for_a_purpose_and_written_down(ines: str) -> None:
    agent = at_work("agent")
    page = f"/console/members/{ines}/profile/"
    shown = agent.post(f"{page}reveal", {"purpose": "delivery"}).content.decode()
    assert "Ines Okafor" in shown
    assert "+447400123456" in shown
    line = trail.of(f"customer:{number_of(ines)}")[0]
    assert (line.verb, line.why, line.by.split(":")[0]) == ("customers.reveal", "delivery", "operator")
    assert agent.post(f"{page}reveal", {"purpose": "curiosity"}).status_code == 302
    assert at_work("read_only").post(f"{page}reveal", {"purpose": "delivery"}).status_code == 403
    assert "Looked" not in read(at_work("analyst"), page)


def test_tags_are_set_taken_off_and_undone(ines: str) -> None:
    manager = at_work("manager", "zh-hans")
    page = f"/console/members/{ines}/profile/"
    manager.post(f"{page}tag", {"tag": "VIP"})
    assert [tag.code for tag in tags.of_many([number_of(ines)])[number_of(ines)]] == ["vip"]
    told = read(manager, page)
    assert "撤销" in told
    assert "已打上" in told
    manager.post(f"{page}tag", {"tag": "vip", "off": "1"})
    assert tags.of_many([number_of(ines)]) == {}
    agent = at_work("agent")
    assert "The shop has no tag" in agent.post(f"{page}tag", {"tag": "gold"}, follow=True).content.decode()
    agent.post(f"{page}tag", {"tag": "vip"})
    assert len(tags.history(number_of(ines))) == 3


def test_a_household_is_kept_and_left(ines: str) -> None:
    agent = at_work("agent")
    page = f"/console/members/{ines}/profile/"
    known = customers.resolve_many(namespace="till", refs=["marek"], at=TODAY, by=SYSTEM, origin="live")
    other = customers.get(known["marek"]).public_id
    agent.post(f"{page}household", {"other": other, "role": "partner"})
    home = households.of(number_of(ines))
    assert home is not None
    assert len(home.members) == 2
    assert "Partner" in read(agent, page)
    assert (
        "begins with cus_"
        in agent.post(f"{page}household", {"other": "x", "role": "child"}, follow=True).content.decode()
    )
    agent.post(f"{page}household", {"leave": "1"})
    assert households.of(number_of(ines)) is None


def test_traits_are_defined_told_and_retired(ines: str) -> None:
    manager = at_work("manager")
    told = {"code": "skin", "kind": "choice", "en": "Skin", "zh": "肤质", "choices": "dry, Dry, 干性\noily, Oily, 油性"}
    assert manager.post("/console/traits/define", told).status_code == 302
    assert traits.every()["skin"].choices["dry"] == {"en": "Dry", "zh-hans": "干性"}
    page = f"/console/members/{ines}/profile/"
    manager.post(f"{page}tell", {"field": "trait.skin", "value": "干性"})
    assert "Dry" in read(manager, page)
    bad = manager.post(f"{page}tell", {"field": "trait.skin", "value": "normal"}, follow=True)
    assert "not what the trait takes" in bad.content.decode()
    assert manager.post("/console/traits/define", told | {"code": "No!"}).status_code == 422
    manager.post("/console/traits/retire", {"trait": "skin"})
    assert "skin" not in traits.every()
    assert at_work("analyst").post("/console/traits/define", told).status_code == 403


def test_the_owner_says_whose_word_counts_more(ines: str) -> None:
    owner = at_work("owner")
    owner.post("/console/traits/trust", {"sources": "staff, till"})
    assert trust.surer_sources() == ("staff", "till")
    page = read(owner, "/console/traits/")
    assert "Staff, till" in page
    tried = owner.post("/console/traits/trust", {"sources": "till", "act": "try"}).content.decode()
    assert "Of 0 people several sources said something" in tried
    assert 'value="till"' in tried
    owner.post("/console/traits/trust", {"sources": "no source!"})
    assert trust.surer_sources() == ("staff", "till")


def test_the_page_costs_the_same_however_much_was_said(ines: str) -> None:
    agent = at_work("agent")
    page = f"/console/members/{ines}/profile/"
    for number in range(5):
        traits.define(code=f"t{number}", kind=Kind.TEXT, names={"en": f"T{number}"}, at=TODAY, by=SYSTEM)
        profiles.describe(
            customer=number_of(ines),
            profile=Profile(note=f"note {number}", traits={f"t{number}": "x"}),
            key=f"s{number}",
            at=TODAY,
            by=THE_IMPORT,
            source=f"source{number}",
        )
    read(agent, page)
    with CaptureQueriesContext(connection) as asked:
        read(agent, page)
    assert len(asked) <= 40, len(asked)


def test_what_is_written_down_stands_with_the_record_the_page_was_opened_by(ines: str) -> None:
    number = number_of(ines)
    app = customers.resolve_many(namespace="app", refs=["a-7"], at=TODAY, by=SYSTEM, origin="live")["a-7"]
    by_app = f"/console/members/{records.public_ids([app])[app]}/profile/"
    both = {"one": number, "other": app, "why": Reason.ASKED, "at": TODAY, "by": SYSTEM}
    identity.join(**both, key="join")
    agent = at_work("agent")
    told = read(agent, by_app)
    assert "2 records are this person." in told
    assert "stands with app · a-7" in told
    assert f"{by_app}tell" in told
    agent.post(f"{by_app}tell", {"field": "note", "value": "tall", "key": "k"})
    agent.post(f"{by_app}tag", {"tag": "vip", "key": "k"})
    agent.post(f"{by_app}tell", {"field": "note", "value": "tall", "key": "k"})
    identity.undecide(**both, key="part")
    shown = {who: explaining.explain(customer=who, field="note") for who in (number, app)}
    assert (bool(shown[number].text), bool(shown[app].text)) == (False, True)
    assert len(shown[app].words) == 1


def test_nobody_lives_with_themselves_and_where_stores_come_from_is_said(ines: str) -> None:
    manager, page = at_work("manager"), f"/console/members/{ines}/profile/"
    told = read(manager, page)
    assert "Preferred store: the shop has no stores yet." in told
    assert "/console/stores/" in told
    manager.post(f"{page}household", {"other": ines, "role": "child"})
    assert "Is this person; give the number of another" in read(manager, page)
    assert households.of(number_of(ines)) is None
