"""What needs no yes, and from which age somebody decides alone: as a table to tick, and what another would change."""

import hashlib
import re
from typing import Any

from django.http import HttpRequest

from regulars.facts.customers import consent_settings, consent_words
from regulars.facts.customers.consent_rules import ConsentRules, Preview
from regulars.facts.customers.purposes import ANY, MESSAGES, Channel, Purpose

_BETWEEN = re.compile(r"[\s,，、;；]+")


def card(rules: ConsentRules, preview: Preview | None) -> dict[str, Any]:
    """The table of purposes and channels, the ages as they are typed, and what would change, in words."""
    free = set(rules.without_asking)
    return {
        "free_channels": [consent_words.CHANNELS[ANY], *(consent_words.CHANNELS[channel] for channel in Channel)],
        "free": [
            (consent_words.PURPOSES[purpose], [_cell(purpose, channel, free) for channel in (ANY, *Channel)])
            for purpose in Purpose
        ],
        "ages": " ".join(_ages(rules)),
        "tried": preview,
        "effects": [(_words(one.purpose, one.channel), one.more, one.fewer) for one in preview.changes]
        if preview
        else [],
    }


def _cell(purpose: Purpose, channel: str, free: set[str]) -> tuple[str, str, bool] | None:
    """Its name, its words, whether it is ticked; None where there is nothing to tick: a use has no channel."""
    if channel != ANY and purpose not in MESSAGES:
        return None
    name = f"{purpose}/{channel}"
    return name, str(consent_words.CHANNELS[channel]), name in free


def _words(purpose: str, channel: str | None) -> str:
    words = str(consent_words.PURPOSES[Purpose(purpose)])
    return f"{words} · {consent_words.CHANNELS[Channel(channel)]}" if channel else words


def _ages(rules: ConsentRules) -> tuple[str, ...]:
    try:
        return consent_settings.ages_of(consent_settings.by_country(rules.ages))
    except ValueError:
        # Typed, and no age: shown again as it was.
        return rules.ages


def told(request: HttpRequest) -> ConsentRules:
    """The rules of the form; ages as they were typed, to be refused by name."""
    ticked = set(request.POST.getlist("free"))
    pairs = [f"{purpose}/{channel}" for purpose in Purpose for channel in (ANY, *Channel)]
    known = tuple(
        pair
        for pair in pairs
        # All channels say each of them.
        if pair in ticked and (pair.endswith(f"/{ANY}") or f"{pair.partition('/')[0]}/{ANY}" not in ticked)
    )
    text = request.POST.get("ages", "")[:2_000].replace("：", ":").upper()
    ages = tuple(part for part in _BETWEEN.split(text) if part)
    found = ConsentRules(known, ages)
    is_twice = len({age.partition(":")[0] for age in ages}) < len(ages)
    return found if is_twice else ConsentRules(known, _ages(found))


def seal(told: ConsentRules) -> str:
    """Names exactly these rules, so that nobody saves others than those whose effect they saw."""
    return hashlib.sha256(repr(told).encode()).hexdigest()
