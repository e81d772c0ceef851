"""Files of consents: bulk opt-outs and opt-ins, by number, address or phone, effective at once."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import connection

from regulars.doors.imports import commands, consents
from regulars.doors.imports.mapping import BadMapping
from regulars.doors.imports.tests.builders import NOW, a_file
from regulars.facts.customers import consent, customers, profiles
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import Actor

pytestmark = pytest.mark.django_db
MAREK = Actor("operator", "1")


@pytest.fixture
def li() -> int:
    return a_customer("li", email="li@example.cn", phone="+8613800138000")


def a_customer(ref: str, **told: str) -> int:
    made = customers.resolve_many(namespace="orders", refs=[ref], at=NOW, by=MAREK, origin="history")[ref]
    if told:
        profiles.describe(customer=made, profile=Profile(**told), key=ref, at=NOW, by=MAREK)
    return made


def may(customer: int, channel: str = "email", purpose: str = "marketing") -> str:
    return consent.may_send(customer=customer, purpose=purpose, channel=channel, at=NOW).code


def bring_in(path: Path, **options: Any) -> consents.Imported:
    return consents.import_consents(path, None, at=options.pop("at", NOW), by=MAREK, **options)


def answer(**told: str) -> dict[str, str]:
    usual = {"customer": "", "email": "", "phone": "", "channel": "email", "decision": "yes"}
    return usual | {"answered_at": "2025-05-01 10:00", "brand": "", "place": "", "proof": ""} | told


def test_answers_come_in_by_number_address_and_phone_and_count_at_once(tmp_path, li):
    ana, tom = a_customer("ana", email="ana@example.org"), a_customer("tom")
    path = a_file(
        tmp_path,
        [
            answer(phone="138 0013 8000", channel="短信", decision="同意", place="门店", proof="form 9"),
            answer(email="Ana@Example.org"),
            answer(customer="tom", channel="*", decision="退订", answered_at=""),
            answer(email="ANA@example.org", decision="unsubscribed", answered_at="2025-05-02 10:00"),
        ],
    )
    done = bring_in(path)
    assert (done.rows_good, done.rows_rejected, done.answers) == (4, 0, consents.Came(given=2, withdrawn=2))
    assert (may(li, "sms"), may(li), may(ana), may(tom)) == (
        "consent.granted",
        "consent.not_asked",
        "consent.withdrawn",
        "consent.withdrawn",
    )
    [line] = consent.history(customer=li)
    assert (line.place, line.proof, line.source, line.by) == ("store", "form 9", "orders", "operator:1")


def test_the_same_file_again_changes_nothing_and_a_repeated_row_counts_once(tmp_path, li):
    rows = [answer(customer="li"), answer(customer="li"), answer(customer="li", decision="no", answered_at="")]
    path = a_file(tmp_path, rows)
    assert bring_in(path).answers == consents.Came(given=1, withdrawn=1)
    assert bring_in(path, at=NOW.replace(hour=5)).answers == consents.Came(same=2)
    assert len(consent.history(customer=li)) == 2


def test_a_list_of_addresses_is_an_opt_out_of_everybody_who_has_them(tmp_path, li):
    son = a_customer("son", email="li@example.cn")
    path = tmp_path / "unsubscribed.csv"
    path.write_text("email\nli@example.cn\n")
    with pytest.raises(BadMapping, match="--decision no"):
        bring_in(path)
    bring_in(path, told={"decision": "no"})
    assert (may(li), may(son), may(li, "sms")) == ("consent.withdrawn",) * 3
    assert may(li, purpose="service") == "consent.not_needed"


def test_a_shared_address_opts_in_one_only(tmp_path, li):
    son = a_customer("son", email="li@example.cn")
    bring_in(a_file(tmp_path, [answer(email="li@example.cn")]))
    assert (may(li), may(son)) == ("consent.granted", "consent.not_asked")


@pytest.mark.parametrize(
    ("wrong", "column", "problem"),
    [
        ({"decision": "maybe"}, "decision", "says neither yes nor no"),
        ({"channel": "fax"}, "channel", "is no channel"),
        ({"channel": ""}, "channel", "is not told, and a yes to one channel is none to another"),
        ({"answered_at": ""}, "answered_at", "is empty, and a yes counts from when it was given"),
        ({"answered_at": "2026-05-01 10:00"}, "answered_at", "is in the future"),
        ({"brand": "nobody"}, "brand", "is none of the company's brands"),
        ({"place": "the moon"}, "place", "is no place"),
        ({"proof": "li@example.cn said so"}, "proof", "holds an address or a telephone number"),
        ({"customer": "stranger"}, "customer", "is nobody we know"),
        ({"customer": "0"}, "customer", "means nobody"),
    ],
)
def test_a_bad_row_stays_out_with_its_mend_and_the_others_come_in(tmp_path, li, wrong, column, problem):
    rows = [answer(customer="li"), answer(customer="li", answered_at="2025-05-03 10:00") | wrong]
    done = bring_in(a_file(tmp_path, rows))
    assert (done.rows_good, done.rows_rejected) == (1, 1)
    [told] = done.problems.to_dicts()
    assert (told["line_in_file"], told["column"], told["problem"]) == (3, column, problem)
    assert done.reject_file is not None
    assert len(consent.history(customer=li)) == 1


def test_rejects_come_in_once_mended(tmp_path, li):
    done = bring_in(a_file(tmp_path, [answer(customer="li", decision="perhaps")]))
    assert done.reject_file is not None
    done.reject_file.write_text(done.reject_file.read_text(encoding="utf-8-sig").replace("perhaps", "yes"))
    assert bring_in(done.reject_file).answers == consents.Came(given=1)
    assert may(li) == "consent.granted"


def test_a_dry_run_writes_nothing_and_names_strangers(tmp_path, li):
    done = bring_in(a_file(tmp_path, [answer(customer="li"), answer(email="who@example.org")]), dry_run=True)
    assert (done.run, done.rows_good, done.rows_rejected) == (None, 1, 1)
    assert consent.history(customer=li) == []
    assert list(tmp_path.glob("*rejects*")) == []
    assert "who@example.org" not in str(done.problems.to_dicts())


def test_nothing_personal_can_be_read_in_the_ledger_or_a_log(tmp_path, li, caplog):
    caplog.set_level(logging.DEBUG)
    bring_in(a_file(tmp_path, [answer(email="li@example.cn"), answer(phone="+8613800138000", channel="sms")]))
    with connection.cursor() as cursor:
        for table in ("customers_consent", "trail_line", "notices_notice", "sources_import_run"):
            cursor.execute(f"SELECT * FROM {table}")
            assert "li@example.cn" not in str(cursor.fetchall())
    assert "li@example.cn" not in caplog.text


def test_the_command_says_what_came(tmp_path, li):
    path = a_file(tmp_path, [answer(customer="li"), answer(customer="stranger", decision="no")])
    told = CliRunner().invoke(commands.import_group, ["consents", str(path), "--json"])
    assert told.exit_code == 3, told.output
    facts = json.loads(told.output)
    assert (facts["recorded"]["answers"], facts["rows_rejected"]) == (
        {"given": 1, "withdrawn": 0, "same": 0, "kept": 0},
        1,
    )
    again = CliRunner().invoke(commands.import_group, ["consents", str(path), "--dry-run"])
    assert "is nobody we know" in again.output


def test_a_no_of_an_address_that_nobody_has_waits_for_who_comes_with_it(tmp_path):
    path = a_file(
        tmp_path,
        [
            answer(email="Mei@Example.cn", decision="unsubscribed", channel="*"),
            answer(phone="138 1234 5678", decision="no", channel="sms"),
            answer(email="new@example.cn", decision="yes"),
        ],
    )
    done = bring_in(path)
    assert (done.answers, done.rows_rejected) == (consents.Came(kept=2), 1)
    assert bring_in(path).answers == consents.Came()

    mei = a_customer("mei", email="mei@example.cn", phone="+8613812345678")
    [sms, every] = sorted(consent.history(customer=mei), key=lambda line: line.channel, reverse=True)
    assert (sms.channel, every.channel, sms.is_granted, every.is_granted) == ("sms", "*", False, False)
    assert may(mei) == "consent.withdrawn"
    consent.give(
        customer=mei, purpose="marketing", channel="email", place="store", proof="form 3", key="mei", at=NOW, by=MAREK
    )
    profiles.describe(customer=mei, profile=Profile(email="mei@example.cn"), key="again", at=NOW, by=MAREK)
    assert may(mei) == "consent.granted"


def test_who_comes_later_with_the_address_of_a_known_no_is_left_in_peace_too(tmp_path, li):
    bring_in(a_file(tmp_path, [answer(email="li@example.cn", decision="no")]))
    son = a_customer("son", email="li@example.cn")
    assert (may(li), may(son)) == ("consent.withdrawn",) * 2
