"""The omnichannel year is the same on every machine, reaches nobody real, and is as hard as it says."""

from itertools import pairwise

import pytest

from regulars.kit.refusals import Refusal
from regulars.simulator.omnichannel import EVERYBODYS_PHONE, KEPT_BACK, SHOPS_OWN_PHONE, Plan, make

YEAR = make(Plan(people=400))


def test_the_same_plan_makes_the_same_year_and_another_seed_another():
    assert make(Plan(people=60)) == make(Plan(people=60))
    assert make(Plan(people=60, seed="other")) != make(Plan(people=60))


def test_nobody_real_can_be_reached():
    phones = {one.value for one in YEAR.proofs if one.kind == "phone"} | {row.phone for row in YEAR.rows}
    real = {phone for phone in phones if "55501" not in phone} - {"", SHOPS_OWN_PHONE, EVERYBODYS_PHONE, "0000000000"}
    assert real == set()
    mails = {one.value for one in YEAR.proofs if one.kind == "email"} - {"test@test.com"}
    assert all(mail.endswith(".example.com") for mail in mails)


def test_what_is_told_is_told_of_records_that_have_an_owner_and_in_the_order_of_time():
    assert {one.record for one in YEAR.proofs} <= set(YEAR.owners)
    assert {one.record for one in YEAR.rows} <= set(YEAR.owners)
    for acts in (YEAR.messages, YEAR.rows, YEAR.purchases, YEAR.proofs):
        times = [one.at for one in acts]
        assert times == sorted(times)


def test_a_number_gets_its_new_owner_after_the_operator_kept_it_back():
    used: dict[str, dict[int, list]] = {}
    for one in YEAR.proofs:
        if one.kind == "phone" and one.evidence == "platform" and one.record.namespace.startswith("mini"):
            used.setdefault(one.value, {}).setdefault(YEAR.owners[one.record], []).append(one.at)
    for owners in used.values():
        spans = sorted((min(times), max(times)) for times in owners.values())
        for (_, last), (first, _) in pairwise(spans):
            assert (first - last).days >= KEPT_BACK - 1


@pytest.mark.parametrize(
    "trouble",
    [
        "people who use another's phone",
        "people who share a mailbox",
        "numbers given up",
        "numbers with a new owner",
        "second accounts in the same shop",
        "addresses changed at the shop",
        "numbers mistyped into another's",
        "borrowed numbers proved at a till",
        "guests with a number of the shop's",
        "identifiers that are nobody's",
        "ids used by another app",
        "customer numbers that two shops use",
        "sign-ins on another's device",
    ],
)
def test_it_has_all_that_makes_it_hard(trouble):
    assert YEAR.trouble[trouble] > 0


def test_devices_have_all_their_users():
    assert any(len(users) > 3 for device, users in YEAR.devices.items() if device.ref.startswith("shop-tablet"))


def test_more_people_than_there_are_numbers_are_refused():
    with pytest.raises(Refusal, match="3,000"):
        make(Plan(people=3_001))
