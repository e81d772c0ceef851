"""Traits of the shop's own: what may be told of customers beside the profile's fields, with a type. The shop's list."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from regulars.facts.customers import contacts
from regulars.facts.customers.models import Trait as Row
from regulars.facts.customers.notices import TraitDefined
from regulars.kit import languages
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce
from regulars.runtime.trail import trail

LONGEST_NAME, LONGEST_TEXT, LONGEST_ITEM = 80, 500, 80
MOST_TRAITS, MOST_ITEMS, MOST_DIGITS, MOST_CHOICES = 200, 50, 30, 100
#: How the fields of custom traits are called among those of a profile.
PREFIX = "trait."
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_BETWEEN = re.compile(r"[;,，；、|\n]")
_YES = frozenset(["yes", "y", "true", "t", "1", "on", "是", "有", "对"])
_NO = frozenset(["no", "n", "false", "f", "0", "off", "否", "无", "不"])


class Kind(StrEnum):
    """What a trait takes. A number is exact; a date is `2026-03-02`; a list is texts without an order."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"
    CHOICE = "choice"
    LIST = "list"


@dataclass(frozen=True)
class Trait:
    """One trait, its names by language, and of a choice what can be chosen: code to names by language."""

    code: str
    kind: Kind
    names: Mapping[str, str]
    is_personal: bool
    choices: Mapping[str, Mapping[str, str]]
    is_retired: bool = False

    @property
    def field(self) -> str:
        """As it is called among the fields of a profile."""
        return PREFIX + self.code

    @property
    def name(self) -> str:
        """In the reader's language, else in any."""
        return said(self.names)

    def shown(self, text: str) -> str:
        """A kept value as people read it."""
        if self.kind is Kind.CHOICE:
            return said(self.choices[text]) if text in self.choices else text
        return shown_list(text) if self.kind is Kind.LIST else text


class BadTrait(Refusal):
    """Not a trait that can be defined."""

    code = "traits.bad_trait"


class UnknownTrait(Refusal):
    """Nobody defined it."""

    code = "traits.unknown"


class BadValue(Refusal):
    """Not what the trait takes."""

    code = "traits.bad_value"


def said(names: Mapping[str, str]) -> str:
    """Of names by language the one the reader understands, else any."""
    return names.get(get_language() or "") or next(iter(names.values()), "")


def define(
    *,
    code: str,
    kind: Kind,
    names: Mapping[str, str],
    at: datetime,
    by: Actor,
    is_personal: bool = False,
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> Trait:
    """Put a trait on the list, name it anew, give it more choices, or take it back into use. Again changes nothing.

    What it takes, and whether it is personal, is said once: values were kept by it. A trait of events that is called
    so goes into profiles; what was told of it before follows in the background.
    """
    told = Trait(code, Kind(kind), checked_names(names), is_personal, dict(choices or {}))
    _check(told)
    with transaction.atomic():
        if Row.objects.exclude(code=code).count() >= MOST_TRAITS:
            raise BadTrait(
                _("code: there are %(most_traits)s traits already; retire one first") % {"most_traits": MOST_TRAITS},
                field="code",
                value=code,
            )
        Row.objects.bulk_create(
            [Row(code=code, kind=told.kind.value, names={}, is_personal=is_personal)], ignore_conflicts=True
        )
        row = Row.objects.select_for_update().get(code=code)
        if (row.kind, row.is_personal) != (told.kind.value, is_personal):
            raise BadTrait(
                (
                    _("code: %(code)r is there as %(kind)s, personal; define another")
                    if row.is_personal
                    else _("code: %(code)r is there as %(kind)s; define another")
                )
                % {"code": code, "kind": row.kind},
                field="code",
                value=code,
            )
        if gone := sorted(set(row.choices) - set(told.choices)):
            raise BadTrait(
                _("choices: %(gone)r was there and may have been chosen; keep it among them") % {"gone": gone[0]},
                field="choices",
                value=gone[0],
            )
        if (row.names, row.choices, row.retired_at) != (told.names, told.choices, None):
            Row.objects.filter(code=code).update(names=told.names, choices=told.choices, retired_at=None)
            after = {"kind": told.kind.value, "personal": is_personal, "languages": sorted(told.names)}
            if not row.names or row.retired_at is not None:
                announce(TraitDefined(code=code, at=at), by=by, verb="traits.define", after=after)
            else:
                trail.record(by=by, verb="traits.define", subject=f"trait:{code}", at=at, after=after)
    return told


def retire(*, code: str, at: datetime, by: Actor) -> None:
    """Take a trait off the list: nothing more is told of it, and what was told stays on record."""
    with transaction.atomic():
        if Row.objects.filter(code=code, retired_at=None).update(retired_at=at):
            trail.record(by=by, verb="traits.retire", subject=f"trait:{code}", at=at)
        elif not Row.objects.filter(code=code).exists():
            raise unknown(code)


def every(*, with_retired: bool = False) -> dict[str, Trait]:
    """The shop's traits by code. One query."""
    rows = Row.objects.order_by("code") if with_retired else Row.objects.filter(retired_at=None).order_by("code")
    return {row.code: _trait(row) for row in rows}


def unknown(code: str) -> UnknownTrait:
    """The refusal of a trait that is not on the list."""
    return UnknownTrait(
        _("traits.%(code)s: the shop has no such trait; define it first, or leave it out") % {"code": code[:40]},
        field=f"traits.{code[:40]}",
        value=code[:40],
    )


def check(trait: Trait, told: object) -> str:
    """What was told, in the form it is kept in; empty text takes the value away. Refuses with BadValue."""
    if told is None or (isinstance(told, str) and not told.strip()):
        return ""
    text = _CHECKS[trait.kind](trait, told)
    if text is None or "\x00" in text:
        shown = _("(hidden)") if trait.is_personal else str(told)[:40]
        raise BadValue(
            _("traits.%(code)s: %(shown)s will not do; %(mend)s")
            % {"code": trait.code, "shown": shown, "mend": _mend(trait)},
            field=f"traits.{trait.code}",
            value=shown,
        )
    if not trait.is_personal and trait.kind in (Kind.TEXT, Kind.LIST) and contacts.is_in(text):
        raise BadValue(
            _("traits.%(code)s: holds an address or a telephone number; only a personal trait keeps them sealed")
            % {"code": trait.code},
            field=f"traits.{trait.code}",
            value="(hidden)",
        )
    return text


def items(text: str) -> tuple[str, ...]:
    """The texts of a kept list."""
    return tuple(json.loads(text)) if text else ()


def shown_list(text: str) -> str:
    """A kept list as the reader's language writes one."""
    return ("、" if (get_language() or "").startswith("zh") else ", ").join(items(text))


def as_list(told: Iterable[object]) -> str | None:
    """Texts as a list is kept: each once, in the order of the alphabet; None where one of them is none or too long."""
    found = []
    for one in told:
        if isinstance(one, bool) or not isinstance(one, str | int | Decimal):
            return None
        text = unicodedata.normalize("NFC", str(one).strip())
        if len(text) > LONGEST_ITEM or "\x00" in text:
            return None
        if text:
            found.append(text)
    kept = sorted(set(found))
    if len(kept) > MOST_ITEMS:
        return None
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def split(text: str) -> list[str]:
    """The parts of a list as people write it: between commas, semicolons, bars or lines."""
    return [part.strip() for part in _BETWEEN.split(text) if part.strip()]


def checked_names(names: Mapping[str, str], *, what: str = "names") -> dict[str, str]:
    """Names by language. Refuses with BadTrait."""
    told = {language: name.strip() for language, name in names.items() if name.strip()}
    for language, name in told.items():
        if language not in languages.CODES or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadTrait(
                _("%(what)s: the one in %(language)r will not do; give up to %(longest)s characters in %(choices)s")
                % {
                    "what": what,
                    "language": language[:10],
                    "longest": LONGEST_NAME,
                    "choices": ", ".join(languages.CODES),
                },
                field=what,
                value=language[:10],
            )
    if not told:
        raise BadTrait(
            _("%(what)s: there are none; give one in %(choices)s")
            % {"what": what, "choices": ", ".join(languages.CODES)},
            field=what,
            value="",
        )
    return told


def _check(told: Trait) -> None:
    if not _CODE.fullmatch(told.code):
        raise BadTrait(
            _("code: %(code)r is none; use up to 40 small letters, digits and underscores, a letter first")
            % {"code": told.code[:40]},
            field="code",
            value=told.code[:40],
        )
    if (told.kind is Kind.CHOICE) != bool(told.choices) or len(told.choices) > MOST_CHOICES:
        raise BadTrait(
            _("choices: a choice needs some, up to %(most_choices)s; no other kind has any")
            % {"most_choices": MOST_CHOICES},
            field="choices",
            value=len(told.choices),
        )
    for choice, names in told.choices.items():
        if not _CODE.fullmatch(choice):
            raise BadTrait(
                _("choices: %(choice)r is no code; use small letters, digits and underscores, a letter first")
                % {"choice": choice[:40]},
                field="choices",
                value=choice[:40],
            )
        checked_names(names, what="choices")


def _trait(row: Row) -> Trait:
    return Trait(row.code, Kind(row.kind), row.names, row.is_personal, row.choices, row.retired_at is not None)


def _text(trait: Trait, told: object) -> str | None:
    del trait
    if isinstance(told, bool | list | tuple | dict):
        return None
    text = unicodedata.normalize("NFC", str(told).strip())
    return text if len(text) <= LONGEST_TEXT else None


def _number(trait: Trait, told: object) -> str | None:
    del trait
    if isinstance(told, bool) or not isinstance(told, str | int | Decimal | float):
        return None
    try:
        number = Decimal(str(told).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or len(number.as_tuple().digits) > MOST_DIGITS or abs(number.adjusted()) > MOST_DIGITS:
        return None
    plain = f"{number.normalize():f}"
    return "0" if plain == "-0" else plain


def _yes_no(trait: Trait, told: object) -> str | None:
    del trait
    word = ("yes" if told else "no") if isinstance(told, bool) else str(told).strip().casefold()
    return "yes" if word in _YES else "no" if word in _NO else None


def _date(trait: Trait, told: object) -> str | None:
    del trait
    try:
        return date.fromisoformat(str(told).strip()[:10]).isoformat()
    except ValueError:
        return None


def _choice(trait: Trait, told: object) -> str | None:
    word = str(told).strip().casefold()
    for code, names in trait.choices.items():
        if word == code or word in {name.casefold() for name in names.values()}:
            return code
    return None


def _list(trait: Trait, told: object) -> str | None:
    del trait
    if isinstance(told, list | tuple):
        return as_list(told)
    return None if isinstance(told, bool | dict) else as_list(split(str(told)))


_CHECKS = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.YES_NO: _yes_no,
    Kind.DATE: _date,
    Kind.CHOICE: _choice,
    Kind.LIST: _list,
}


def _mend(trait: Trait) -> str:
    match trait.kind:
        case Kind.TEXT:
            return _("give up to %(most)s characters") % {"most": LONGEST_TEXT}
        case Kind.NUMBER:
            return _("write a number like 12.5")
        case Kind.YES_NO:
            return _("give yes or no")
        case Kind.DATE:
            return _("write a day like 2026-03-02")
        case Kind.CHOICE:
            return _("choose from %(choices)s") % {"choices": ", ".join(list(trait.choices)[:20])}
    return _("give up to %(most_items)s texts of up to %(longest_item)s characters") % {
        "most_items": MOST_ITEMS,
        "longest_item": LONGEST_ITEM,
    }
