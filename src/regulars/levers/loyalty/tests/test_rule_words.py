"""What a programme's rules say, as somebody reads it who reads no files."""

import pytest
from django.utils import translation

from regulars.kit.money import Money
from regulars.levers.loyalty import programme_files, rule_words

FILE = """
programme: club
rules:
  - {id: spend, kind: spend, points: 2, per: 1, at_least: 20, where: {field: weekday, is: tue}, funded_by: bank}
  - {id: item, kind: item, points: 3}
  - {id: first, kind: first_order, points: 50}
  - {id: fifth, kind: nth_order, every: 5, points: 60}
  - {id: review, kind: event, event: review, points: 15, once: about, caps: [{per: member, period: month, most: 60}]}
  - {id: weeks, kind: streak, length: 4, period: week, points: 40}
  - {id: luck, kind: surprise, points: 30, chance: 5, period: month}
  - {id: days, kind: window_bonus, times: "1.5", multiplies: [spend], from: 2027-03-01, until: 2027-03-08}
  - {id: trees, kind: donation, percent: "0.5", cause: trees}
  - {id: level, kind: tier_bonus, tiers: sky, times: {gold: "1.25"}, multiplies: [spend]}
  - {id: birthday, kind: birthday_bonus, benefit: party, multiplies: [spend]}
tiers:
  - {id: sky, levels: [{id: green}, {id: gold, name: {en: Gold, zh: 金星}, all: [{what: orders, at_least: 5}]}]}
benefits:
  - {id: party, kind: birthday_multiplier, times: 2, name: {en: Party, zh: 派对}, for: [{tiers: sky, from: gold}]}
"""
ENGLISH = {
    "spend": "2 points for every GBP 1.00 spent; on orders from GBP 20.00; only where day of the week is Tuesday; "
    "paid by bank",
    "item": "3 points for each item",
    "first": "50 points for the first order",
    "fifth": "60 points for every 5 orders",
    "review": "15 points for: review, once for each thing it is about; at most 60 points a month",
    "weeks": "40 points for orders in 4 weeks in a row",
    "luck": "30 points by luck, with a chance of 5 %, once a month",
    "days": "1.5 times the points of “spend”; from 2027-03-01; through 2027-03-07",
    "trees": "0.5 % of what is spent for trees",
    "level": "more points of “spend” by level: Gold × 1.25",
    "birthday": "as many times the points of “spend” as the benefit “Party” says",
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_kind_of_rule_says_what_it_gives_for_what(language: str):
    said = programme_files.read(FILE, currency="GBP", zone="Europe/London")
    with translation.override(language):
        words = {
            rule.id: rule_words.said(
                rule, said, lambda minor, code: f"{code} {Money(minor, code).decimal}", lambda day: day.isoformat()
            )
            for rule in said.rules
        }
    if language == "en":
        assert words == ENGLISH
    else:
        assert words["level"].endswith("金星 × 1.25")
        assert not any(" for " in one for one in words.values())
