"""What this room offers of a customer to conditions, templates and lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.utils import timezone
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.facts.customers import birthdays, consent, customers, households, profiles, tags, traits
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.purposes import Channel, Purpose
from regulars.facts.customers.traits import Kind, Trait
from regulars.kit import civil
from regulars.runtime.database import clock
from regulars.runtime.database.offered import Field, FieldType, Value


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
    told = {number: one.get("birthday", "") for number, one in profiles.opened(wanted, ["birthday"]).items()}
    return {number: date.fromisoformat(text) for number, text in told.items() if text and not text.startswith("-")}


def _next_birthday(wanted: Sequence[int]) -> Mapping[int, Value]:
    today = civil.day_of(timezone.now(), civil.zone(company.shop().zone)) if wanted else date.min
    found: dict[int, Value] = {}
    for number, one in profiles.opened(wanted, ["birthday", "lunar_birthday"]).items():
        if one.get("lunar_birthday"):
            found[number] = birthdays.next_lunar(birthdays.lunar(one["lunar_birthday"], today), today)
        elif one.get("birthday"):
            found[number] = birthdays.next_solar(one["birthday"], today)
    return found


def _readable(name: str) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        return {number: one[name] for number, one in profiles.readable(wanted).items() if name in one}

    return read


def _is_employee(wanted: Sequence[int]) -> Mapping[int, Value]:
    told = profiles.readable(wanted)
    return {number: told.get(number, {}).get("is_employee") == "yes" for number in wanted}


def _tags(wanted: Sequence[int]) -> Mapping[int, Value]:
    return {number: tuple(tag.code for tag in having) for number, having in tags.of_many(wanted).items()}


def _household(wanted: Sequence[int]) -> Mapping[int, Value]:
    return dict(households.size_of_many(list(wanted)))


def _of_trait(trait: Trait) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        told: Mapping[int, Mapping[str, str | tuple[str, ...]]]
        told = profiles.opened_traits(wanted) if trait.is_personal else profiles.readable(wanted)
        return {number: _typed(trait, one[trait.field]) for number, one in told.items() if trait.field in one}

    return read


def _typed(trait: Trait, value: str | tuple[str, ...]) -> Value:
    if not isinstance(value, str):
        return value
    if trait.kind is Kind.NUMBER:
        return Decimal(value)
    if trait.kind is Kind.DATE:
        return date.fromisoformat(value)
    if trait.kind is Kind.YES_NO:
        return value == "yes"
    return traits.items(value) if trait.kind is Kind.LIST else value


_TYPES: Mapping[Kind, FieldType] = {
    Kind.TEXT: "text",
    Kind.NUMBER: "decimal",
    Kind.YES_NO: "bool",
    Kind.DATE: "date",
    Kind.CHOICE: "text",
    Kind.LIST: "texts",
}
_in_words = lazy(traits.said, str)


def _choices(trait: Trait) -> Callable[[], Sequence[tuple[str, str | Promise]]]:
    return lambda: [(code, _in_words(names)) for code, names in trait.choices.items()]


def defined() -> tuple[Field, ...]:
    """The shop's own traits. One query."""
    return tuple(
        Field(
            name=f"customers.trait.{trait.code}",
            type=_TYPES[trait.kind],
            kind="fact",
            label=_in_words(trait.names),
            meaning=_("A trait of the shop's own."),
            read=_of_trait(trait),
            choices=_choices(trait) if trait.choices else None,
            is_personal=trait.is_personal,
        )
        for trait in traits.every().values()
    )


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
        everyone="SELECT customer_id AS person, country AS value FROM customers"
        " WHERE customer_id = person_id AND country IS NOT NULL",
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
        everyone="SELECT customer_id AS person, first_seen_at AS value FROM customers"
        " WHERE customer_id = person_id AND first_seen_at IS NOT NULL",
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
    Field(
        name="customers.next_birthday",
        type="date",
        kind="fact",
        label=_("Next birthday"),
        meaning=_("The next day their birthday is kept, of the lunar calendar where they told that."),
        read=_next_birthday,
        is_personal=True,
    ),
    Field(
        name="customers.preferred_store",
        type="text",
        kind="fact",
        label=_("Preferred store"),
        meaning=_("The store they like to go to."),
        read=_readable("preferred_store"),
    ),
    Field(
        name="customers.preferred_channel",
        type="text",
        kind="fact",
        label=_("Preferred channel"),
        meaning=_("The way they like to be reached."),
        read=_readable("preferred_channel"),
    ),
    Field(
        name="customers.is_employee",
        type="bool",
        kind="fact",
        label=_("Works here"),
        meaning=_("Whether they work for the shop themselves."),
        read=_is_employee,
    ),
    Field(
        name="customers.interests",
        type="texts",
        kind="fact",
        label=_("Interests"),
        meaning=_("What they said they are interested in."),
        read=_readable("interests"),
    ),
    Field(
        name="customers.values",
        type="texts",
        kind="fact",
        label=_("Values"),
        meaning=_("What they said matters to them."),
        read=_readable("values"),
    ),
    Field(
        name="customers.tags",
        type="texts",
        kind="fact",
        label=_("Tags"),
        meaning=_("The tags staff and files set on them."),
        read=_tags,
    ),
    Field(
        name="customers.household_size",
        type="int64",
        kind="fact",
        label=_("Household size"),
        meaning=_("How many live in their household, themselves included."),
        read=_household,
    ),
)
