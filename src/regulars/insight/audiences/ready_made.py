"""Audiences that most shops want, to be taken as they are and changed at will: stages of a customer's life, and the
kinds of customers that recency and frequency tell apart."""

from datetime import datetime

from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.insight.audiences import audiences, vocabulary
from regulars.insight.audiences._ready_made import ALL, LIFECYCLE, SEGMENT, ReadyMade
from regulars.insight.audiences.audiences import Audience, BadAudience
from regulars.kit.actors import Actor
from regulars.kit.languages import Language

__all__ = ["ALL", "LIFECYCLE", "ReadyMade", "offered", "take"]


def offered() -> list[ReadyMade]:
    """Those that this shop has not taken, or has put away."""
    taken = {one.ready_made for one in audiences.every(with_archived=True)}
    known = vocabulary.current().fields
    return [one for one in ALL if one.code not in taken and (one in LIFECYCLE or SEGMENT in known)]


def take(*, code: str, language: Language, at: datetime, by: Actor) -> Audience:
    """Make it an audience of the shop. Again answers with the one that was made.

    It is called so in each reader's language until somebody calls it something else; `language` is that of who took it.
    """
    found = next((one for one in ALL if one.code == code), None)
    if found is None:
        raise BadAudience(
            _("ready_made: there is no %(code)r; choose one of the list") % {"code": code[:40]},
            field="ready_made",
            value=code[:40],
        )
    before = next((one for one in audiences.every(with_archived=True) if one.ready_made == code), None)
    if before is not None:
        return before
    return audiences.define(
        name=found.names[language],
        meaning=found.meanings[language],
        condition={"version": 1, "zone": company.shop().zone, "if": found.node},
        ready_made=code,
        key=f"ready-made:{code}",
        at=at,
        by=by,
    )
