"""What this room offers of a customer to conditions, templates and lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import consent, customers, profiles
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.purposes import Channel, Purpose
from regulars.runtime.database import clock
from regulars.runtime.database.offered import Field, Value


def _of_customer(pick: Callable[[Customer], Value | None]) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        found = {number: pick(one) for number, one in customers.get_many(wanted).items()}
        return {number: value for number, value in found.items() if value is not None}

    return read


def _sealed(field: str) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        return {number: one[field] for number, one in profiles.opened(wanted, [field]).items() if one.get(field)}

    return read


def _name(wanted: Sequence[int]) -> Mapping[int, Value]:
    names = profiles.opened(wanted, ["given_name", "family_name", "display_name"])
    shown = {number: profiles.shown_name(one) for number, one in names.items()}
    return {number: name for number, name in shown.items() if name}


def _birthday(wanted: Sequence[int]) -> Mapping[int, Value]:
    told = profiles.opened(wanted, ["birthday"])
    return {number: date.fromisoformat(one["birthday"]) for number, one in told.items() if one.get("birthday")}


def _has(kind: str) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        having = profiles.who_has(wanted, kind)
        return {number: number in having for number in wanted}

    return read


_MARKETING = {
    Channel.EMAIL: _("Marketing by e-mail allowed"),
    Channel.SMS: _("Marketing by text message allowed"),
    Channel.WECHAT: _("Marketing by WeChat allowed"),
    Channel.PUSH: _("Marketing by push allowed"),
    Channel.PHONE: _("Marketing by telephone allowed"),
    Channel.POST: _("Marketing by post allowed"),
    Channel.IN_APP: _("Marketing in the app allowed"),
}


def _allowed(purpose: Purpose, channel: Channel) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        return dict(consent.allowed(customers=wanted, purpose=purpose, channel=channel, at=clock.now()))

    return read


def _personalised(wanted: Sequence[int]) -> Mapping[int, Value]:
    return {
        number: one.is_allowed for number, one in consent.may_personalise_many(customers=wanted, at=clock.now()).items()
    }


FIELDS: tuple[Field, ...] = (
    Field(
        name="customers.name",
        type="text",
        kind="fact",
        label=_("Name"),
        meaning=_("The name to greet with."),
        read=_name,
        is_personal=True,
    ),
    Field(
        name="customers.given_name",
        type="text",
        kind="fact",
        label=_("Given name"),
        meaning=_("The given name alone."),
        read=_sealed("given_name"),
        is_personal=True,
    ),
    Field(
        name="customers.birthday",
        type="date",
        kind="fact",
        label=_("Birthday"),
        meaning=_("The day they were born."),
        read=_birthday,
        is_personal=True,
    ),
    Field(
        name="customers.has_email",
        type="bool",
        kind="fact",
        label=_("Has an e-mail address"),
        meaning=_("Whether an e-mail address is known."),
        read=_has("email"),
    ),
    Field(
        name="customers.has_phone",
        type="bool",
        kind="fact",
        label=_("Has a phone number"),
        meaning=_("Whether a phone number is known."),
        read=_has("phone"),
    ),
    Field(
        name="customers.country",
        type="text",
        kind="fact",
        label=_("Country"),
        meaning=_("Two letters, such as CN or GB."),
        read=_of_customer(lambda one: one.country),
        published="customers.country",
    ),
    Field(
        name="customers.language",
        type="text",
        kind="fact",
        label=_("Language"),
        meaning=_("The language they want to be spoken to in, such as zh-Hans or en."),
        read=_of_customer(lambda one: one.language),
    ),
    Field(
        name="customers.first_seen_at",
        type="timestamp",
        kind="fact",
        label=_("First seen"),
        meaning=_("When somebody first met them."),
        read=_of_customer(lambda one: one.first_seen_at),
        published="customers.first_seen_at",
    ),
    *(
        Field(
            name=f"customers.marketing_by_{channel.value}",
            type="bool",
            kind="fact",
            label=label,
            meaning=_("Whether their consent allows marketing by this channel; wishes and the hour aside."),
            read=_allowed(Purpose.MARKETING, channel),
        )
        for channel, label in _MARKETING.items()
    ),
    Field(
        name="customers.is_personalised",
        type="bool",
        kind="fact",
        label=_("Personalisation allowed"),
        meaning=_("Whether what they see may be chosen for them."),
        read=_personalised,
    ),
)
