"""Why two records look alike, in words, and how much."""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from regulars.oversight.reporting import formats

#: Signs of likeness, as `likeness.FIELDS` names them. What differs is not listed: the sides show it.
SIGNS: Mapping[str, Promise] = {
    "given_name:same": gettext_lazy("same given name"),
    "given_name:close": gettext_lazy("given name a letter apart"),
    "given_name:loose": gettext_lazy("similar given name"),
    "given_name:swapped": gettext_lazy("given and family name swapped"),
    "given_name:different": gettext_lazy("another given name"),
    "family_name:same": gettext_lazy("same family name"),
    "family_name:close": gettext_lazy("family name a letter apart"),
    "family_name:loose": gettext_lazy("similar family name"),
    "family_name:different": gettext_lazy("another family name"),
    "birthday:same": gettext_lazy("same birthday"),
    "birthday:typo": gettext_lazy("birthday with one slip"),
    "birthday:near": gettext_lazy("birthday with two slips"),
    "birthday:different": gettext_lazy("another birthday"),
    "address:same": gettext_lazy("same address"),
    "address:close": gettext_lazy("nearly the same address"),
    "address:loose": gettext_lazy("similar address"),
    "address:different": gettext_lazy("another address"),
    "place:same": gettext_lazy("same place"),
    "place:one": gettext_lazy("same postcode or suburb"),
    "place:close": gettext_lazy("postcode or suburb a letter apart"),
    "place:state": gettext_lazy("same state"),
    "place:different": gettext_lazy("another place"),
    "phone:same": gettext_lazy("same phone"),
    "phone:typo": gettext_lazy("phone with one slip"),
    "phone:different": gettext_lazy("another phone"),
    "email:same": gettext_lazy("same e-mail"),
    "email:mailbox": gettext_lazy("same mailbox"),
    "email:typo": gettext_lazy("e-mail with one slip"),
    "email:name": gettext_lazy("same name of the mailbox elsewhere"),
    "email:different": gettext_lazy("another e-mail"),
    "national_id:same": gettext_lazy("same national id"),
    "national_id:typo": gettext_lazy("national id with one slip"),
    "national_id:near": gettext_lazy("national id with two slips"),
    "national_id:different": gettext_lazy("another national id"),
}
#: From which likeness on it is called so.
LIKELY = ((0.999, gettext_lazy("almost certain")), (0.98, gettext_lazy("very likely")), (0.0, gettext_lazy("likely")))


_TONES = {"same": "good", "mailbox": "good", "different": "care"}


def signs(of: Sequence[str]) -> list[tuple[str, str]]:
    """Signs in words, those that speak for one person first, each with its tone; those of a later release are left
    out."""
    known = [one for one in of if one in SIGNS]
    speaking = sorted(known, key=lambda one: one.endswith(":different"))
    return [(str(SIGNS[one]), _TONES.get(one.partition(":")[2], "")) for one in speaking]


def likely(score: float | None) -> tuple[str, str] | None:
    """How likely two are one person: a word, and the number as people write it, never rounded up to certainty."""
    if score is None:
        return None
    word = next(words for least, words in LIKELY if score >= least)
    return str(word), formats.percent(min(score, 0.999))
