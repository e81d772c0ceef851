"""Topics: what the shop writes about, which each customer may want or not. The shop's own list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from regulars.facts.customers.models import Topic as Row
from regulars.kit import languages
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

LONGEST_NAME = 80
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Topic:
    """One topic and its names by language."""

    code: str
    names: Mapping[str, str]
    is_retired: bool

    @property
    def name(self) -> str:
        """In the reader's language, else in any."""
        return self.names.get(get_language() or "") or next(iter(self.names.values()))


class BadTopic(Refusal):
    """Not a topic that can be kept."""

    code = "consent.bad_topic"


class UnknownTopic(Refusal):
    """Not on the shop's list."""

    code = "consent.unknown_topic"


def define(*, code: str, names: Mapping[str, str], at: datetime, by: Actor) -> Topic:
    """Put a topic on the list, name it anew, or take it back into use. The same again changes nothing."""
    if not _CODE.fullmatch(code):
        raise BadTopic(
            _("code: %(code)r is none; use up to 40 small letters, digits, dots and dashes") % {"code": code[:40]},
            field="code",
            value=code[:40],
        )
    told = {language: name.strip() for language, name in names.items()}
    for language, name in told.items():
        if language not in languages.CODES or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise BadTopic(
                _("names: the one in %(language)r will not do; give 1 to %(longest_name)s characters in %(choices)s")
                % {"language": language[:10], "longest_name": LONGEST_NAME, "choices": ", ".join(languages.CODES)},
                field="names",
                value=language[:10],
            )
    if not told:
        raise BadTopic(
            _("names: there are none; give one in %(choices)s") % {"choices": ", ".join(languages.CODES)},
            field="names",
            value="",
        )
    with transaction.atomic():
        made = Row.objects.bulk_create([Row(code=code, names={})], ignore_conflicts=True)
        row = Row.objects.select_for_update().get(code=made[0].code)
        if row.names != told or row.retired_at is not None:
            Row.objects.filter(code=code).update(names=told, retired_at=None)
            trail.record(by=by, verb="topics.define", subject=f"topic:{code}", at=at, after={"languages": sorted(told)})
    return Topic(code, told, is_retired=False)


def retire(*, code: str, at: datetime, by: Actor) -> None:
    """Take a topic off the list. What customers said of it stays on record."""
    with transaction.atomic():
        if Row.objects.filter(code=code, retired_at=None).update(retired_at=at):
            trail.record(by=by, verb="topics.retire", subject=f"topic:{code}", at=at)
        elif not Row.objects.filter(code=code).exists():
            raise _unknown(code)


def every(*, with_retired: bool = False) -> list[Topic]:
    """The list, by code. One query."""
    rows = Row.objects.order_by("code") if with_retired else Row.objects.filter(retired_at=None).order_by("code")
    return [Topic(row.code, row.names, row.retired_at is not None) for row in rows]


def check(codes: Iterable[str]) -> None:
    """Refuses the first code that never was on the list. One query, none for no codes."""
    wanted = set(codes)
    there = set(Row.objects.filter(code__in=wanted).values_list("code", flat=True)) if wanted else set()
    if missing := sorted(wanted - there):
        raise _unknown(missing[0])


def _unknown(code: str) -> UnknownTopic:
    return UnknownTopic(
        _("topic: %(code)r is not on the shop's list; define it first") % {"code": code[:40]},
        field="topic",
        value=code[:40],
    )
