"""Country codes: ISO 3166, two letters."""

import re

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

_FORM = re.compile(r"[A-Z]{2}", re.ASCII)


#: Second letters by the first: every code that ISO 3166 gives or keeps aside for a place, and Kosovo's.
_SECOND = {
    "A": "CDEFGILMOQRSTUWXZ",
    "B": "ABDEFGHIJLMNOQRSTVWYZ",
    "C": "ACDFGHIKLMNOPQRUVWXYZ",
    "D": "EGJKMOZ",
    "E": "ACEGHRST",
    "F": "IJKMOR",
    "G": "ABDEFGHILMNPQRSTUWY",
    "H": "KMNRTU",
    "I": "CDELMNOQRST",
    "J": "EMOP",
    "K": "EGHIMNPRWYZ",
    "L": "ABCIKRSTUVY",
    "M": "ACDEFGHKLMNOPQRSTUVWXYZ",
    "N": "ACEFGILOPRUZ",
    "O": "M",
    "P": "AEFGHKLMNRSTWY",
    "Q": "A",
    "R": "EOSUW",
    "S": "ABCDEGHIJKLMNORSTVXYZ",
    "T": "ACDFGHJKLMNORTVWZ",
    "U": "AGMSYZ",
    "V": "ACEGINU",
    "W": "FS",
    "X": "K",
    "Y": "ET",
    "Z": "AMW",
}
KNOWN = frozenset(first + second for first, seconds in _SECOND.items() for second in seconds)


class BadCountry(Refusal):
    """Not two capital letters, or not those of a country."""

    code = "country.bad"


def check_country(country: str, field: str = "country") -> str:
    """`country` when it has the form of an ISO 3166 two-letter code."""
    if not _FORM.fullmatch(country):
        raise BadCountry(
            _("%(field)s: %(value)r is no country code; use two capital letters such as CN or GB")
            % {"field": field, "value": country[:20]},
            field=field,
            value=country[:20],
        )
    return country


def check_known_country(country: str, field: str = "country") -> str:
    """`country` when there is such a one. For what people and programs tell of somebody; a shop's orders may name
    places of its own."""
    if check_country(country, field) not in KNOWN:
        raise BadCountry(
            _("%(field)s: there is no country %(value)r; use its two letters of ISO 3166")
            % {"field": field, "value": country},
            field=field,
            value=country,
        )
    return country
