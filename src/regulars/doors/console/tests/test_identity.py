"""Identity review: questions side by side, answered, taken back; the rules tried before they count."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.customers import consent, customers, identity, looking, persons, profiles, reviews, suggesting
from regulars.facts.customers.identity import Observation
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.rules import from_json, to_json
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
MAREK = Actor("operator", "7")
PHONE = "+8613812345670"


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    """Platforms' word for both joins who told nothing else."""
    told = {"kinds": {"phone": {"alone_from": "platform"}, "card": {"alone_from": "platform"}}}
    identity.set_rules(rules=from_json(told), at=MONDAY, by=MAREK)


def known(ref: str, *, phone: str = PHONE, name: str = "") -> int:
    [number] = customers.resolve_many(namespace="till", refs=[ref], at=MONDAY, by=MAREK, origin="live").values()
    profiles.describe(
        customer=number, profile=Profile(display_name=f"{name or ref} Li", phone=phone), key=ref, at=MONDAY, by=MAREK
    )
    return number


def proves(record: int, value: str = PHONE, kind: str = "phone", namespace: str = "") -> None:
    identity.observe(
        observation=Observation(record, kind, namespace, value, "platform", "portal", MONDAY, f"{record}-{value}"),
        by=MAREK,
    )


def read(client: Client, path: str) -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def test_a_question_is_seen_side_by_side_answered_and_taken_back():
    li = signed_in("agent")
    assert "No question waits" in read(li, "/console/identity/")
    anna, bo = known("anna"), known("bo")
    [asked] = reviews.listed()
    assert "1 question of identity waits" in read(li, "/console/")
    assert "Two people told the same contact: Phone" in read(li, "/console/identity/")
    assert "Nothing fits" in read(li, "/console/identity/?kind=likeness")

    path = f"/console/identity/{asked.public_id}/"
    page = read(li, path)
    for words in ("Both have the same: Phone.", "till", "138****5670", "a** L**", "b** L**", "Joining them would move"):
        assert words in page
    assert PHONE not in page
    assert "Say why first." in li.post(f"{path}answer", {"act": "join"}, follow=True).content.decode()
    done = li.post(f"{path}answer", {"act": "join", "why": "confirmed", "key": "k"}, follow=True).content.decode()
    assert "1 record was joined." in done
    assert persons.of(bo) == anna
    li.post(f"{path}answer", {"act": "undo", "why": "mistake", "key": "k2"})
    assert persons.of(bo) == bo
    li.post(f"{path}answer", {"act": "apart", "why": "family", "key": "k3"})
    assert "two people" in read(li, path)
    assert "No question waits" in read(li, "/console/identity/")
    assert "A family shares the contact" in read(li, path)
    assert li.get("/console/identity/rev_00000000000000000000000000/").status_code == 404


def test_a_member_shows_the_records_why_they_are_one_and_gives_them_back():
    li = signed_in("agent")
    anna, bo = known("anna"), known("bo", phone="+8613899990000", name="anna")
    public = {who: customers.get(who).public_id for who in (anna, bo)}
    proves(anna)
    proves(bo)
    assert "2 records are one person." in read(li, f"/console/members/{public[anna]}/")
    assert li.get(f"/console/members/{public[bo]}/")["Location"] == f"/console/members/{public[anna]}/"

    page = read(li, f"/console/members/{public[anna]}/identity")
    assert "till · anna and till · bo have the same Phone: bound by the platform." in page
    assert "till · bo was joined. New evidence: Phone." in page
    [_, link] = re.findall(r'name="link" value="(\d+)"', page)
    path = f"/console/members/{public[anna]}/identity/take-back"
    assert "Say why first." in li.post(path, {"link": link}, follow=True).content.decode()
    page = li.post(path, {"link": link, "why": "mistake"}, follow=True).content.decode()
    assert "1 record left its person." in page
    assert persons.of(bo) == bo
    assert "does not count any more" in li.post(path, {"link": "999", "why": "mistake"}, follow=True).content.decode()


def test_who_may_decide_finds_on_the_page_what_decides():
    li = signed_in("manager")
    anna, bo = known("anna", phone="+8613899990000"), known("bo", phone="+8613899990000")
    one, other = (customers.get(who).public_id for who in (anna, bo))
    [asked] = reviews.listed()
    question = f"/console/identity/{asked.public_id}/"
    for path in (question, f"/console/members/{one}/beside?other={other}"):
        assert _acts(read(li, path)) == ["join", "apart"]
    identity.keep_apart(one=anna, other=bo, why=identity.Reason.FAMILY, key="apart", at=timezone.now(), by=MAREK)
    assert _acts(read(li, question)) == ["undo"]


def _acts(page: str) -> list[str]:
    return re.findall(r'name="act" value="(join|apart|undo)"', page)


def test_two_that_nothing_asked_about_are_joined_by_who_knows_them():
    li = signed_in("manager")
    anna, bo = known("anna"), known("bo", phone="+8613899990000")
    public = {who: customers.get(who).public_id for who in (anna, bo)}
    found = read(li, f"/console/members/{public[anna]}/identity?q=bo")
    assert f"beside?other={public[bo]}" in found
    assert "Nobody else fits." in read(li, f"/console/members/{public[anna]}/identity?q=anna")
    assert "No contact and no evidence in common." in read(
        li, f"/console/members/{public[anna]}/beside?other={public[bo]}"
    )
    told = {"other": public[bo], "why": "recognised", "act": "join", "key": "once"}
    for _click in range(2):
        page = li.post(f"/console/members/{public[anna]}/beside/answer", told, follow=True).content.decode()
    assert "manager decided: till · anna and till · bo are one person. Staff know the customer." in page
    assert persons.of(bo) == anna
    page = li.post(
        f"/console/members/{public[anna]}/identity/take-back",
        {"decision": f"{anna}-{bo}", "why": "mistake"},
        follow=True,
    ).content.decode()
    assert "1 record left its person." in page
    assert persons.of(bo) == bo


def test_a_contact_of_many_is_blocked_by_a_manager_and_left_by_an_agent():
    marek, li = signed_in("manager"), signed_in("agent", name="li")
    for number in range(7):
        known(f"guest-{number}")
    [worn] = reviews.listed()
    path = f"/console/identity/{worn.public_id}/"
    for words in ("7 people told or proved this one", "138****5670", "Who uses it"):
        assert words in read(li, path)
    assert PHONE not in read(li, path)
    assert "Block it" not in read(li, path)
    assert li.post(f"{path}answer", {"act": "block"}).status_code == 403
    marek.post(f"{path}answer", {"act": "block"})
    page = read(marek, "/console/identity/rules")
    assert "proved by 0 records" in page
    [digest] = re.findall(r'name="digest" value="(\w+)"', page)
    marek.post("/console/identity/rules/unblock", {"digest": digest})
    assert "None. Nonsense" in read(marek, "/console/identity/rules")
    told = {"kind": "card", "namespace": "club", "value": "TILL-1"}
    assert "It is blocked." in marek.post("/console/identity/rules/block", told, follow=True).content.decode()
    refused = marek.post("/console/identity/rules/block", {"kind": "phone", "value": "13800000000"}, follow=True)
    assert "let through" in refused.content.decode()


def test_rules_are_tried_on_everybody_before_they_are_saved():
    marek, li = signed_in("manager"), signed_in("agent", name="li")
    for number in range(3):
        proves(known(f"guest-{number}", phone=f"+861389999000{number}", name="L*"))
    page = read(marek, "/console/identity/rules")
    assert "Makes two records one person when it was proved with a code or a link, or better." in page
    told = dict(re.findall(r'name="([\w.]+)" value="([^"]*)"', page))
    told = {name: value for name, value in told.items() if "." in name or name.startswith("most")}
    told |= {f"{kind}.joins_from": rule.joins_from for kind, rule in identity.rules().kinds.items()}
    told |= {f"{kind}.alone_from": rule.alone_from or "" for kind, rule in identity.rules().kinds.items()}
    strict = told | {"phone.most_people": "2"}

    tried = marek.post("/console/identity/rules/change", strict | {"act": "try"}).content.decode()
    assert "Records that would leave their person</dt><dd>2" in tried
    [seen] = re.findall(r'name="seen" value="(\w+)"', tried)
    assert identity.rules().of("phone").most_people == 4, "nothing is changed by trying"
    other = strict | {"act": "save", "seen": seen, "phone.most_people": "1"}
    assert "What would this change?" in marek.post("/console/identity/rules/change", other).content.decode()
    assert identity.rules().of("phone").most_people == 4, "what was not tried is not saved"
    saved = marek.post("/console/identity/rules/change", strict | {"act": "save", "seen": seen}, follow=True)
    assert "The rules count from now on. 2 records left their person." in saved.content.decode()
    assert identity.rules().of("phone").most_people == 2

    bad = marek.post("/console/identity/rules/change", strict | {"act": "try", "phone.most_people": "many"})
    assert (bad.status_code, "give a whole number" in bad.content.decode()) == (422, True)
    assert li.post("/console/identity/rules/change", strict).status_code == 403
    assert "Change the rules" not in read(li, "/console/identity/rules")


def test_who_may_not_read_it_sees_none_of_it():
    ines = signed_in("analyst")
    anna = known("anna")
    assert ines.get("/console/identity/").status_code == 403
    assert "Records and evidence" not in read(ines, f"/console/members/{customers.get(anna).public_id}/")


def test_likely_duplicates_are_looked_for_shown_with_their_signs_and_sorted():
    li, ines = signed_in("agent"), signed_in("read_only", name="ines")
    told = {"given_name": "Lin", "family_name": "Wei", "address": "12 Willow Street, Leeds", "birthday": "1990-03-04"}
    for ref, more in {"a": {}, "b": {"birthday": "1990-04-03"}, "c": {"given_name": "Linh"}}.items():
        [number] = customers.resolve_many(namespace="till", refs=[ref], at=MONDAY, by=MAREK, origin="live").values()
        profiles.describe(customer=number, profile=Profile(**(told | more)), key=ref, at=MONDAY, by=MAREK)
    assert "Nobody looked yet." in read(li, "/console/identity/")
    assert ines.post("/console/identity/look").status_code == 403

    for _click in range(2):
        assert "A look is about to begin." in li.post("/console/identity/look", follow=True).content.decode()
    waiting = looking.last(at=timezone.now())
    assert waiting is not None
    suggesting.suggest(at=timezone.now(), by=MAREK, look=waiting.id)

    assert "3 profiles" in read(li, "/console/identity/looked")
    page = read(li, "/console/identity/?kind=likeness&order=likeliest")
    for words in ("They look alike", "almost certain", "99.9%", "birthday with one slip", "same address"):
        assert words in page
    scores = [one.score or 0 for one in reviews.listed(order="likeliest")]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1
    [first, *rest] = reviews.listed(order="likeliest")
    assert reviews.listed(order="likeliest", after=first.place) == rest
    assert reviews.neighbours(of=rest[0], order="likeliest")[0] == first


def test_two_people_are_compared_in_all_they_tell_and_shown_plainly_for_a_reason():
    li = signed_in("agent")
    told = {"given_name": "Lin", "family_name": "Wei", "address": "12 Willow Street, Leeds", "birthday": "1990-03-04"}
    twins = {
        "a": Profile(**told, language="en", email="lin@example.com", interests=("tea",)),
        "b": Profile(**(told | {"birthday": "1990-04-03"}), language="zh-Hans"),
    }
    made = customers.resolve_many(namespace="till", refs=list(twins), at=MONDAY, by=MAREK, origin="live")
    for ref, one in twins.items():
        profiles.describe(customer=made[ref], profile=one, key=ref, at=MONDAY, by=MAREK)
    marketing = {"purpose": "marketing", "channel": "email", "place": "store", "at": MONDAY, "by": MAREK}
    consent.give(customer=made["a"], **marketing, key="yes")
    consent.withdraw(customer=made["b"], **marketing, key="no")
    suggesting.suggest(at=MONDAY, by=MAREK)
    [asked] = reviews.listed(kind="likeness")
    path = f"/console/identity/{asked.public_id}/"

    page = read(li, path)
    lines = dict(re.findall(r'<th scope="row">([^<]+)</th>.*?<span class="tag \w*">([^<]+)</span>', page))
    assert lines | {"Marketing": "different"} == {
        "Name": "the same",
        "Birthday": "birthday with one slip",
        "Address": "the same",
        "E-mail": "only one tells",
        "Language": "different",
        "Interests": "only one tells",
        "Marketing": "different",
    }
    assert "Willow Street" not in page
    assert "1990-03-04" not in page

    assert "Say what you need it for first." in li.post(f"{path}reveal", follow=True).content.decode()
    shown = li.post(f"{path}reveal", {"purpose": "verification"}).content.decode()
    for words in (
        "12 Willow Street, Leeds",
        "1990-03-04",
        "1990-04-03",
        "lin@example.com",
        "That you looked is written",
    ):
        assert words in shown
    for number in made.values():
        [line] = [line for line in trail.of(f"customer:{number}") if line.verb == "customers.reveal"]
        assert line.why == "verification"


def test_one_goes_from_question_to_question_and_takes_the_last_answer_back():
    li = signed_in("agent")
    for number in range(3):
        known(f"anna-{number}", phone=f"+861389999000{number}")
        known(f"bo-{number}", phone=f"+861389999000{number}")
    newest, middle, oldest = reviews.listed()
    page = read(li, f"/console/identity/{middle.public_id}/?kind=claim")
    assert "3 questions wait." in page
    assert f"/console/identity/{newest.public_id}/?kind=claim" in page
    assert f"/console/identity/{oldest.public_id}/?kind=claim" in page

    path = f"/console/identity/{middle.public_id}/answer?kind=claim"
    answer = li.post(path, {"act": "apart", "why": "family", "key": "k"}, follow=True)
    assert answer.request["PATH_INFO"] == f"/console/identity/{oldest.public_id}/", "on to the next"
    page = answer.content.decode()
    assert "2 questions wait." in page
    assert "The question before: two people" in page
    [key] = re.findall(r'name="key" value="(\w+)"><input type="hidden" name="why" value="mistake">', page)
    back = li.post(path, {"act": "undo", "why": "mistake", "key": key}, follow=True)
    assert back.request["PATH_INFO"] == f"/console/identity/{middle.public_id}/"
    assert "3 questions wait." in back.content.decode()

    last = f"/console/identity/{oldest.public_id}/answer"
    answer = li.post(last, {"act": "join", "why": "asked", "key": "k2"}, follow=True)
    assert answer.request["PATH_INFO"] == f"/console/identity/{newest.public_id}/", "after the last from the beginning"


def test_who_is_kept_apart_is_joined_by_no_way_round_and_the_page_says_who_decided_it():
    li = signed_in("agent")
    anna, bo, chen = known("anna"), known("bo", phone="+8613899990000"), known("chen", phone="+8613899990001")
    public = {who: customers.get(who).public_id for who in (anna, bo, chen)}
    identity.keep_apart(one=anna, other=chen, why=identity.Reason.FAMILY, key="apart", at=MONDAY, by=MAREK)
    identity.join(one=anna, other=bo, why=identity.Reason.CONFIRMED, key="join", at=MONDAY, by=MAREK)

    # Anna's page, or Bo's who is Anna now: neither goes over what was decided.
    for who in (anna, bo):
        told = {"other": public[chen], "why": "recognised", "act": "join", "key": f"over-{who}"}
        refused = li.post(f"/console/members/{public[who]}/beside/answer", told, follow=True).content.decode()
        assert "undo that decision first" in refused
        assert persons.of(chen) == chen

    page = read(li, f"/console/members/{public[bo]}/beside?other={public[chen]}")
    assert "till · anna and till · chen are two people. A family shares the contact." in page
    assert "Somebody who no longer works here decided" in page
    assert "Join: one person" not in page
    told = {"other": public[chen], "why": "mistake", "act": "undo", "key": "back"}
    li.post(f"/console/members/{public[bo]}/beside/answer", told)
    told = {"other": public[chen], "why": "recognised", "act": "join", "key": "now"}
    li.post(f"/console/members/{public[bo]}/beside/answer", told)
    assert persons.of(chen) == anna


def test_what_is_refused_is_refused_in_chinese_on_a_chinese_screen():
    marek = signed_in("manager")
    anna = known("anna")
    member = f"/console/members/{customers.get(anna).public_id}"
    trait = {"code": "shoe_size", "kind": "number", "en": "Shoe size", "zh": "鞋码"}
    marek.post("/console/traits/define", trait, follow=True)
    marek.cookies["django_language"] = "zh-hans"
    nobody = "cus_" + "0" * 26
    now = {name: str(value) for name, value in rules_as_told().items()}
    for path, told in (
        ("/console/identity/rules/block", {"kind": "phone", "value": "13800000000"}),
        ("/console/identity/rules/block", {"kind": "card", "namespace": "", "value": "X"}),
        ("/console/identity/rules/block", {"kind": "pigeon", "value": "X"}),
        ("/console/identity/rules/block", {"kind": "email", "value": "no address"}),
        ("/console/identity/rules/unblock", {"digest": "00"}),
        ("/console/identity/rules/change", now | {"act": "try", "phone.most_people": "many"}),
        ("/console/identity/rules/change", now | {"act": "try", "phone.most_people": "0"}),
        ("/console/identity/rules/change", now | {"act": "try", "most_records": "1"}),
        (f"{member}/profile/tell", {"field": "country", "value": "China"}),
        (f"{member}/profile/tell", {"field": "given_name", "value": "Li\x00"}),
        (f"{member}/profile/tell", {"field": "trait.gone", "value": "1"}),
        (f"{member}/profile/tell", {"field": "trait.shoe_size", "value": "wide"}),
        (f"{member}/profile/household", {"other": nobody, "role": "child"}),
        (f"{member}/profile/household", {"other": "nobody", "role": "child"}),
    ):
        answer = marek.post(path, told, follow=True)
        said = [str(one) for one in answer.context["messages"]]
        assert len(said) == 1, (path, told)
        assert re.search(r"[\u4e00-\u9fff]", said[0]), said
        assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", said[0]), said


def rules_as_told() -> dict[str, object]:
    """The rules that count as the form sends them."""
    told = to_json(identity.rules())
    parts = {
        f"{kind}.{part}": "" if value is None else value
        for kind, rule in told["kinds"].items()
        for part, value in rule.items()
    }
    return parts | {name: told[name] for name in ("most_records", "most_people_a_device")}
