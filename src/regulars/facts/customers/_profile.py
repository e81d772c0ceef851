"""A profile as somebody tells it: its fields, which of them are sealed, and the form each is kept in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date

from django.utils.translation import gettext as _

from regulars.facts.company import stores
from regulars.facts.customers import birthdays, contacts, traits
from regulars.facts.customers.purposes import Channel
from regulars.facts.customers.traits import Trait
from regulars.kit import languages
from regulars.kit.countries import check_known_country
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators

LONGEST = {"given_name": 80, "family_name": 80, "display_name": 160, "address": 500, "note": 2000}
LONGEST |= {"preferred_store": 64, "preferred_channel": 64, "cared_by": 20}
NAMES = ("given_name", "family_name", "display_name")


@dataclass(frozen=True)
class Profile:
    """What somebody told about themselves. None leaves a field as it is; empty text, and an empty list, clear it.

    Birthdays are written as `birthdays` says. `interests` and `values` are those the person declared, never those that
    were concluded. `cared_by` is the number of the operator whose customer it is. `traits` are the shop's own, by code.
    """

    given_name: str | None = None
    family_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthday: str | None = None
    address: str | None = None
    note: str | None = None
    lunar_birthday: str | None = None
    country: str | None = None
    language: str | None = None
    preferred_store: str | None = None
    preferred_channel: str | None = None
    is_employee: bool | None = None
    cared_by: str | None = None
    interests: tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None
    traits: Mapping[str, object] = field(default_factory=dict)


#: What is masked in lists.
MASKED = (*NAMES, "email", "phone")
#: Nobody's secret; they stand readable, as do the shop's own traits that are not personal.
READABLE = ("preferred_store", "preferred_channel", "is_employee", "cared_by", "interests", "values")
LISTS = ("interests", "values")
#: Every field there is but the shop's own traits, in the order it is read.
FIELDS = tuple(one.name for one in fields(Profile) if one.name != "traits")
#: The sealed ones; `country` and `language` stand readable in the customer's row, lists filter by them.
SEALED = tuple(name for name in FIELDS if name not in {"country", "language", *READABLE})


class TooLong(Refusal):
    """More text than the field holds."""

    code = "customers.too_long"


class Unreadable(Refusal):
    """A text with a character that no database keeps."""

    code = "customers.unreadable"


class NotListed(Refusal):
    """Not one of the shop's stores, not a channel, or nobody who works here."""

    code = "customers.not_listed"


@dataclass(frozen=True)
class Lists:
    """What the shop's own lists have: its traits by code, the codes of its stores, the numbers of those who work here,
    where somebody told one."""

    traits: Mapping[str, Trait]
    stores: frozenset[str]
    staff: frozenset[str]


class BadLanguage(Refusal):
    """Not a language tag."""

    code = "customers.bad_language"


def checked(profile: Profile, *, region: str, on: date, lists: Lists) -> dict[str, str]:
    """The told fields in the form they are kept in."""
    told = {name: value.strip() for name in FIELDS if isinstance(value := getattr(profile, name), str)}
    for name, most in LONGEST.items():
        if "\x00" in told.get(name, ""):
            raise Unreadable(
                _("%(name)s: has a character of code zero, which no text has; leave it out") % {"name": name},
                field=name,
            )
        if len(told.get(name, "")) > most:
            raise TooLong(
                _("%(name)s: has %(length)s characters; give up to %(most)s")
                % {"name": name, "length": len(told[name]), "most": most},
                field=name,
                value=len(told[name]),
            )
    if told.get("email"):
        told["email"] = contacts.email(told["email"]).shown
    if told.get("phone"):
        told["phone"] = contacts.phone(told["phone"], region)
    if told.get("birthday"):
        told["birthday"] = birthdays.solar(told["birthday"], on)
    if told.get("lunar_birthday"):
        told["lunar_birthday"] = str(birthdays.lunar(told["lunar_birthday"], on))
    if told.get("country"):
        check_known_country(told["country"])
    if told.get("language") and not languages.is_language(told["language"]):
        raise BadLanguage(
            _("language: %(language)r is no language tag; write it like zh-Hans or en")
            % {"language": told["language"][:20]},
            field="language",
            value=told["language"][:20],
        )
    _check_listed("preferred_channel", told, [channel.value for channel in Channel])
    _check_listed("preferred_store", told, lists.stores)
    _check_listed("cared_by", told, lists.staff)
    if profile.is_employee is not None:
        told["is_employee"] = "yes" if profile.is_employee else "no"
    for name in LISTS:
        if (items := getattr(profile, name)) is not None:
            told[name] = _list(name, items)
    for code, value in profile.traits.items():
        if code not in lists.traits:
            raise traits.unknown(code)
        told[lists.traits[code].field] = traits.check(lists.traits[code], value)
    return told


def _check_listed(field: str, told: Mapping[str, str], known: Collection[str]) -> None:
    if told.get(field) and not known:
        raise NotListed(
            _("%(field)s: the shop has no list of them yet; put one on the list first") % {"field": field},
            field=field,
            value=told[field][:40],
        )
    if told.get(field) and told[field] not in known:
        raise NotListed(
            _("%(field)s: there is no %(value)r; choose from %(choices)s")
            % {"field": field, "value": told[field][:40], "choices": ", ".join(sorted(known)[:20])},
            field=field,
            value=told[field][:40],
        )


def _list(name: str, items: Sequence[str]) -> str:
    text = traits.as_list(items)
    if text is None:
        raise TooLong(
            _("%(name)s: give up to %(most_items)s texts of up to %(longest_item)s characters")
            % {"name": name, "most_items": traits.MOST_ITEMS, "longest_item": traits.LONGEST_ITEM},
            field=name,
            value=len(items),
        )
    if contacts.is_in(text):
        raise Unreadable(
            _("%(name)s: holds an address or a telephone number, which does not belong there; leave it out")
            % {"name": name},
            field=name,
        )
    return text


def checked_leniently(profile: Profile, *, region: str, on: date, lists: Lists) -> tuple[dict[str, str], list[str]]:
    """The told fields that can be kept, in the form they are kept in, and the names of the others."""
    try:
        return checked(profile, region=region, on=on, lists=lists), []
    except Refusal:
        good: dict[str, str] = {}
        bad: list[str] = []
        parts = [(name, Profile(**{name: getattr(profile, name)})) for name in FIELDS]
        parts += [(traits.PREFIX + code, Profile(traits={code: value})) for code, value in profile.traits.items()]
        for name, part in parts:
            try:
                good |= checked(part, region=region, on=on, lists=lists)
            except Refusal:
                bad.append(name)
        return good, bad


def lists_for(told: Iterable[Profile]) -> Lists:
    """The shop's lists, asked for where somebody tells something of them. A query each."""
    profiles = list(told)
    return Lists(
        traits.every() if any(profile.traits for profile in profiles) else {},
        frozenset(store.code for store in stores.every())
        if any(profile.preferred_store for profile in profiles)
        else frozenset(),
        frozenset(str(one.id) for one in operators.everybody() if one.active)
        if any(profile.cared_by for profile in profiles)
        else frozenset(),
    )
