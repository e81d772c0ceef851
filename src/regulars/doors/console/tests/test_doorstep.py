"""Coming in: sign-in, one-time links, sign-out, language, and what a stranger learns (nothing)."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from regulars.doors.console.tests.builders import PASSWORD, an_operator, signed_in
from regulars.kit.actors import SYSTEM
from regulars.runtime.serving.callers import networks
from regulars.runtime.staff import operators

pytestmark = pytest.mark.django_db


def now():
    return datetime.now(UTC)


def sign_in(client, email, password, **more):
    return client.post("/console/sign-in", {"email": email, "password": password, **more})


def test_the_first_operator_comes_in_by_the_printed_link_and_owns_the_shop(client):
    link = operators.first_link(at=now())

    shown = client.get(f"/console/welcome/{link.token}")
    assert shown.status_code == 200
    assert 'name="name"' in shown.content.decode()

    came = client.post(
        f"/console/welcome/{link.token}", {"name": "Marek", "email": "Marek@Shop.example", "password": PASSWORD}
    )

    assert (came.status_code, came["Location"]) == (302, "/console/")
    assert client.get("/console/").status_code == 200
    assert operators.find("marek@shop.example").role == "owner"


def test_whoever_guesses_at_many_accounts_from_one_place_is_paused(client, settings):
    settings.REGULARS_FAILURES_FROM_ONE_ADDRESS = 6
    an_operator("ines", "agent")
    for number in range(6):
        assert sign_in(client, f"nobody{number}@shop.example", "wrong").status_code == 422

    here = sign_in(client, "ines@shop.example", PASSWORD)
    elsewhere = sign_in(Client(REMOTE_ADDR="192.0.2.9"), "ines@shop.example", PASSWORD)

    assert (here.status_code, elsewhere.status_code) == (429, 302)
    assert "paused for fifteen minutes" in here.content.decode()


def test_a_one_time_link_opens_once(client):
    link = operators.first_link(at=now())
    told = {"name": "Marek", "email": "marek@shop.example", "password": PASSWORD}
    client.post(f"/console/welcome/{link.token}", told)

    again = Client().post(f"/console/welcome/{link.token}", {**told, "email": "ines@shop.example"})

    assert again.status_code == 410
    assert operators.find("ines@shop.example") is None


def test_a_weak_password_leaves_the_link_unspent(client):
    link = operators.first_link(at=now())
    told = {"name": "Marek", "email": "marek@shop.example"}

    refused = client.post(f"/console/welcome/{link.token}", {**told, "password": "short"})
    came = client.post(f"/console/welcome/{link.token}", {**told, "password": PASSWORD})

    assert refused.status_code == 422
    assert "12" in refused.content.decode()
    assert came.status_code == 302


def test_a_guessed_link_says_no_more_than_a_spent_one(client):
    answer = client.get("/console/welcome/" + "x" * 43)
    assert answer.status_code == 410
    assert "no longer works" in answer.content.decode()


def test_an_invited_person_chooses_a_password_and_signs_in(client):
    handed = operators.invite(email="ines@shop.example", name="Ines", role="agent", at=now(), by=SYSTEM)

    came = client.post(f"/console/welcome/{handed.token}", {"password": PASSWORD})

    assert came.status_code == 302
    assert sign_in(Client(), "ines@shop.example", PASSWORD).status_code == 302


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer():
    an_operator("ines", "agent")

    wrong = sign_in(Client(), "ines@shop.example", "not her password")
    unknown = sign_in(Client(), "nobody@shop.example", "not her password")

    assert wrong.status_code == unknown.status_code == 422
    tidy = [
        answer.content.decode().replace("ines@", "x@").replace("nobody@", "x@").split("csrfmiddlewaretoken")[0]
        for answer in (wrong, unknown)
    ]
    assert tidy[0] == tidy[1]


@pytest.mark.parametrize("address", ["ines@shop.example", "nobody@shop.example"])
def test_after_ten_failures_the_right_password_waits_too(client, address):
    an_operator("ines", "agent")
    for _ in range(9):
        assert sign_in(client, address, "wrong").status_code == 422

    tenth = sign_in(client, address, "wrong")
    right = sign_in(client, address, PASSWORD)

    assert tenth.status_code == right.status_code == 429
    assert "paused for fifteen minutes" in right.content.decode()
    assert "_auth_user_id" not in client.session


def test_who_tried_to_come_in_stands_nowhere_in_clear(client, caplog):
    an_operator("ines", "agent")
    with caplog.at_level("INFO"):
        for _ in range(10):
            sign_in(client, "Ines@Shop.example", "wrong", next="/console/?mail=x")
        assert sign_in(Client(REMOTE_ADDR="192.0.2.9"), "ines@shop.example", PASSWORD).status_code == 302

    with connection.cursor() as cursor:
        kept = ""
        for model in apps.get_app_config("axes").get_models():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {model._meta.db_table} AS t")
            kept += cursor.fetchone()[0]
    assert kept
    for said in (kept, caplog.text):
        assert "shop.example" not in said.lower()


def test_behind_a_trusted_proxy_each_caller_is_counted_alone(settings):
    settings.REGULARS_FAILURES_FROM_ONE_ADDRESS = 6
    settings.REGULARS_TRUSTED_PROXIES = networks("10.0.0.1")
    an_operator("ines", "agent")

    def through_the_proxy(caller: str) -> Client:
        return Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": caller})

    for number in range(6):
        sign_in(through_the_proxy("198.51.100.1"), f"nobody{number}@shop.example", "wrong")

    assert sign_in(through_the_proxy("198.51.100.1"), "ines@shop.example", PASSWORD).status_code == 429
    assert sign_in(through_the_proxy("6.6.6.6, 198.51.100.1"), "ines@shop.example", PASSWORD).status_code == 429
    assert sign_in(through_the_proxy("198.51.100.2"), "ines@shop.example", PASSWORD).status_code == 302


def test_one_persons_failures_do_not_stop_another(client):
    an_operator("ines", "agent")
    an_operator("marek", "agent")
    for _ in range(11):
        sign_in(client, "ines@shop.example", "wrong")
    assert sign_in(Client(), "marek@shop.example", PASSWORD).status_code == 302


def test_a_success_forgets_the_failures_before_it():
    an_operator("ines", "agent")
    client = Client()
    for _ in range(2):
        for _ in range(7):
            assert sign_in(client, "ines@shop.example", "wrong").status_code == 422
        assert sign_in(client, "ines@shop.example", PASSWORD).status_code == 302
        client.post("/console/sign-out")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/elsewhere/",
        "/console/\n//evil.example",
        "https:console/",
    ],
)
def test_sign_in_leads_nowhere_else(client, elsewhere):
    an_operator("ines", "agent")
    answer = sign_in(client, "ines@shop.example", PASSWORD, next=elsewhere)
    where = urlsplit(answer["Location"])
    assert (where.scheme, where.netloc) == ("", "")
    assert where.path.startswith("/console/")


def test_sign_in_leads_back_to_where_one_wanted_to_go(client):
    an_operator("ines", "owner")
    stopped = client.get("/console/staff/")
    assert stopped["Location"] == "/console/sign-in?next=/console/staff/"
    assert sign_in(client, "ines@shop.example", PASSWORD, next="/console/staff/")["Location"] == "/console/staff/"


def test_the_language_switch_leads_nowhere_else(client):
    answer = client.post("/console/language", {"language": "zh-hans", "next": "https://evil.example/"})
    assert answer["Location"] == "/console/sign-in"


def test_sign_out_needs_a_post_and_ends_the_session_on_the_server():
    client = signed_in("owner")
    old = client.cookies["sessionid"].value
    assert client.get("/console/sign-out").status_code == 405

    client.post("/console/sign-out")

    client.cookies["sessionid"] = old
    assert client.get("/console/").status_code == 302


def test_the_session_after_sign_in_is_not_the_one_before():
    client = Client()
    client.get("/console/sign-in")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = before
    an_operator("ines", "owner")

    sign_in(client, "ines@shop.example", PASSWORD)

    assert client.cookies["sessionid"].value != before


def test_the_language_is_kept_before_sign_in_and_on_the_account(client):
    client.post("/console/language", {"language": "zh-hans", "next": ""})
    assert "登录" in client.get("/console/sign-in").content.decode()

    an_operator("ines", "owner")
    sign_in(client, "ines@shop.example", PASSWORD)
    client.post("/console/language", {"language": "zh-hans", "next": "/console/"})
    elsewhere = Client()
    sign_in(elsewhere, "ines@shop.example", PASSWORD)

    assert "今日" in elsewhere.get("/console/").content.decode()
    assert operators.find("ines@shop.example").language == "zh-hans"


def test_an_unknown_language_changes_nothing(client):
    answer = client.post("/console/language", {"language": "xx", "next": ""})
    assert "django_language" not in answer.cookies


def test_a_password_change_asks_for_the_old_one_and_keeps_this_browser():
    here = signed_in("owner", name="marek")
    there = Client()
    sign_in(there, "marek@shop.example", PASSWORD)

    wrong = here.post("/console/account", {"current": "guess", "new": "eleven purple lamps"})
    right = here.post("/console/account", {"current": PASSWORD, "new": "eleven purple lamps"})

    assert (wrong.status_code, right.status_code) == (422, 302)
    assert here.get("/console/").status_code == 200
    assert there.get("/console/").status_code == 302


def test_pages_forbid_scripts_of_others_frames_and_caches(client):
    doorstep = client.get("/console/sign-in")
    chrome = signed_in("owner").get("/console/")

    assert "script-src" not in doorstep["Content-Security-Policy"]
    assert "default-src 'none'" in doorstep["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval';" in chrome["Content-Security-Policy"]
    for answer in (doorstep, chrome):
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


def test_no_page_has_a_script_in_it_or_calls_another_host():
    page = signed_in("owner").get("/console/").content.decode()
    assert "<script>" not in page
    assert " onclick=" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_wrong_address_gets_a_page_of_the_house(client, language):
    client.cookies["django_language"] = language
    answer = client.get("/console/nothing-here")
    assert answer.status_code == 404
    assert {"en": "There is nothing at this address", "zh-hans": "这个地址没有内容"}[
        language
    ] in answer.content.decode()


def test_a_forged_form_gets_a_page_of_the_house():
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/console/sign-in", {"email": "ines@shop.example", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This page has grown old" in answer.content.decode()


def test_a_breakdown_gets_a_page_of_the_house(monkeypatch):
    client = signed_in("owner")
    client.raise_request_exception = False
    monkeypatch.setattr(operators, "everybody", lambda: 1 / 0)
    answer = client.get("/console/staff/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()


def test_an_empty_shop_is_told_what_to_do_first():
    client = signed_in("owner")
    for path in ("/console/", "/console/members/", "/console/insight/"):
        assert "regulars import orders FILE" in client.get(path).content.decode()
