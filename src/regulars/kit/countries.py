"""Country codes: ISO 3166, two letters."""

import re

from regulars.kit.refusals import Refusal

_FORM = re.compile(r"[A-Z]{2}", re.ASCII)


class BadCountry(Refusal):
    """Not two capital letters."""

    code = "country.bad"


def check_country(country: str, field: str = "country") -> str:
    """`country` when it has the form of an ISO 3166 two-letter code."""
    if not _FORM.fullmatch(country):
        raise BadCountry(
            f"{field}: {country[:20]!r} is no country code; use two capital letters such as CN or GB",
            field=field,
            value=country[:20],
        )
    return country
