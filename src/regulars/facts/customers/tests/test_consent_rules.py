"""What the shop decides about consent, and what it says beforehand that this would change."""

from collections import Counter
from datetime import timedelta

import pytest

from regulars.facts.customers import consent, consent_rules, identity, preferences
from regulars.facts.customers.consent_rules import Change, ConsentRules
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.purposes import MESSAGES, USES, Channel
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described
from regulars.runtime.preferences.preferences import BadValue
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

NOW = MONDAY + timedelta(days=9)
PAIRS = [*((purpose, channel) for purpose in MESSAGES for channel in Channel), *((use, None) for use in USES)]


def people() -> dict[str, int]:
    """Somebody of each kind: silent, asked, unwilling, young, and of two records."""
    found = {name: a_customer(name) for name in ("silent", "asked", "no", "child", "teen", "quiet", "one", "other")}
    for name, born in (("child", 2021), ("teen", 2011), ("one", 1990)):
        described(found[name], Profile(birthday=f"{born}-01-02"))
    told = {"place": "web_form", "at": MONDAY, "by": MAREK}
    consent.give(customer=found["asked"], purpose="marketing", channel="email", key="a", **told)
    consent.withdraw(customer=found["no"], purpose="marketing", channel="*", key="b", **told)
    consent.give(customer=found["teen"], purpose="marketing", channel="sms", key="c", **told)
    consent.withdraw(customer=found["other"], purpose="analytics", channel="*", key="d", **told)
    preferences.change(
        customer=found["quiet"], wishes={"is_personalised": False}, place="app", key="e", at=MONDAY, by=MAREK
    )
    identity.join(one=found["one"], other=found["other"], why=Reason.ASKED, key="f", at=MONDAY, by=MAREK)
    return found


def allowed(customers) -> set[tuple[int, str, str | None]]:
    """Everything that is allowed of everybody, asked one by one."""
    found = set()
    for customer in customers:
        standing = consent.standing(customer=customer, at=NOW)
        found |= {(customer, *pair) for pair in PAIRS if standing.may(*pair, NOW).is_allowed}
    return found


@pytest.mark.parametrize(
    ("free", "ages"),
    [
        (("service/*", "personalisation/*", "analytics/*", "marketing/post"), None),
        (("service/email", "analytics/*"), ("CN:18", "*:16")),
        ((), None),
        (None, ("*:3",)),
    ],
)
def test_what_another_rule_would_change_is_what_it_changes(free, ages):
    now, who = consent_rules.now(), people()
    rules = ConsentRules(now.without_asking if free is None else free, now.ages if ages is None else ages)
    persons = {number for name, number in who.items() if name != "other"}
    before, told = allowed(persons), consent_rules.what_if(rules, at=NOW)
    assert allowed(persons) == before
    consent_rules.change(rules=rules, at=NOW, by=MAREK, why="our lawyer")
    after = allowed(persons)
    more, fewer = Counter(pair[1:] for pair in after - before), Counter(pair[1:] for pair in before - after)
    assert more or fewer
    assert told.changes == tuple(Change(*pair, more[pair], fewer[pair]) for pair in PAIRS if more[pair] or fewer[pair])
    assert (told.people, told.told, told.looked_at, told.is_estimate) == (7, 6, 6, False)
    [line, *_] = trail.of(f"preference:consent.{'without_asking' if free is not None else 'age_of_consent'}")
    assert (line.verb, line.why) == ("preferences.write", "our lawyer")


def test_of_many_some_are_looked_at_and_the_rest_is_estimated(monkeypatch):
    people()
    monkeypatch.setattr(consent_rules, "MOST_LOOKED_AT", 3)
    told = consent_rules.what_if(ConsentRules((), consent_rules.now().ages), at=NOW)
    assert (told.told, told.looked_at, told.is_estimate) == (6, 3, True)
    [service, *_] = told.changes
    assert (service.purpose, service.more, service.fewer) == ("service", 0, 7)


@pytest.mark.parametrize(
    "rules",
    [
        ConsentRules(("marketing",), ("*:16",)),
        ConsentRules(("service/*", "service/*"), ("*:16",)),
        ConsentRules((), ("CN:14", "CN:15")),
        ConsentRules((), ("China:14",)),
    ],
)
def test_what_is_no_rule_is_refused_and_nothing_of_it_counts(rules):
    before = consent_rules.now()
    for act in (
        lambda: consent_rules.what_if(rules, at=NOW),
        lambda: consent_rules.change(rules=rules, at=NOW, by=MAREK),
    ):
        with pytest.raises(BadValue):
            act()
    assert consent_rules.now() == before
