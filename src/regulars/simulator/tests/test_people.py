"""The simulated people cannot be taken for real ones."""

import re

from regulars.simulator.chance import Chance
from regulars.simulator.people import people


def test_nobody_real_can_be_reached():
    crowd = people(shoppers=5_000, chance=Chance("crowd"))
    assert all(person.email.endswith("@example.com") for person in crowd)
    assert all(person.phone == "" or re.fullmatch(r"\+1[2-9]\d{2}55501\d{2}", person.phone) for person in crowd)


def test_refs_addresses_and_numbers_are_each_ones_own():
    crowd = people(shoppers=5_000, chance=Chance("crowd"))
    numbers = [person.phone for person in crowd if person.phone]
    assert len({person.ref for person in crowd}) == len({person.email for person in crowd}) == len(crowd)
    assert len(set(numbers)) == len(numbers) > 2_000


def test_most_speak_chinese():
    crowd = people(shoppers=5_000, chance=Chance("crowd"))
    chinese = sum(person.language == "zh-Hans" for person in crowd) / len(crowd)
    assert 0.78 < chinese < 0.86
    assert {person.country for person in crowd if person.language == "zh-Hans"} == {"CN"}
