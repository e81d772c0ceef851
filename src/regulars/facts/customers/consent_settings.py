"""What the shop decides about consent: what needs no yes, and the age from which somebody may decide alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from django.utils.translation import gettext as _

from regulars.facts.customers.purposes import ANY, Channel, Purpose
from regulars.runtime.preferences.preferences import Preference

#: Ages by country, as the laws of data protection have them (GDPR article 8 as the countries set it, COPPA, PIPL).
AGES: Final = (
    *("AT:14", "BE:13", "BG:14", "CN:14", "CY:14", "CZ:15", "DK:15", "EE:13", "ES:14", "FI:13", "FR:15", "GB:13"),
    *("GR:15", "IS:13", "IT:14", "KR:14", "LT:14", "LV:13", "MT:13", "NO:13", "PT:13", "SE:13", "SI:15", "US:13"),
    "*:16",
)
_AGE = re.compile(r"([A-Z]{2}|\*):([1-9]|1[0-9]|2[01])", re.ASCII)


def _uses(told: tuple[str, ...]) -> str | None:
    if len(set(told)) != len(told):
        return _("name each once")
    for one in told:
        purpose, slash, channel = one.partition("/")
        if not slash or purpose not in set(Purpose) or channel not in {ANY, *Channel}:
            return _("%(told)s is none; write a purpose, a slash and a channel or *, like marketing/post") % {
                "told": one[:40]
            }
    return None


def _ages(told: tuple[str, ...]) -> str | None:
    if len({one.partition(":")[0] for one in told}) != len(told):
        return _("name each country once")
    for one in told:
        if not _AGE.fullmatch(one):
            return _("%(told)s is none; write a country or *, a colon and an age, like CN:14") % {"told": one[:40]}
    return None


#: `purpose/channel` pairs that need no yes before; everybody may still say no.
WITHOUT_ASKING: Final[Preference[tuple[str, ...]]] = Preference(
    "consent.without_asking",
    tuple[str, ...],
    default=("service/*", "personalisation/*", "analytics/*"),
    check=_uses,
)
AGE_OF_CONSENT: Final[Preference[tuple[str, ...]]] = Preference(
    "consent.age_of_consent", tuple[str, ...], default=AGES, check=_ages
)


def free(told: Sequence[str]) -> dict[tuple[str, str], bool]:
    """(purpose, channel or `*`) that need no yes."""
    return {(purpose, channel): True for purpose, _slash, channel in (one.partition("/") for one in told)}


def age_in(country: str, ages: Mapping[str, int]) -> int:
    """The age from which somebody in `country` may decide alone; 0 where nobody says."""
    return ages.get(country, ages.get(ANY, 0))


def by_country(told: Sequence[str]) -> dict[str, int]:
    """Country or `*` to age."""
    return {country: int(age) for country, _colon, age in (one.partition(":") for one in told)}


def ages_of(told: Mapping[str, int]) -> tuple[str, ...]:
    """The other way round, by country, the rest of the world last."""
    return tuple(f"{country}:{told[country]}" for country in sorted(told, key=lambda one: (one == ANY, one)))
