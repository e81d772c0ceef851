"""What this room offers of a customer to conditions, templates and lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.utils import timezone
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.facts.customers import birthdays, consent, customers, households, permissions, profiles, tags, traits
from regulars.facts.customers.customers import Customer
from regulars.facts.customers.purposes import Channel, Purpose
from regulars.facts.customers.traits import Kind, Trait
from regulars.kit import civil
from regulars.runtime.database import clock
from regulars.runtime.database.offered import Field, FieldType, Value
from regulars.runtime.staff import operators


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


def _staff() -> Sequence[tuple[str, str | Promise]]:
    return [(str(person.id), person.name) for person in operators.everybody()]


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
            everyone=None
            if trait.is_personal
            else _values_of_everyone(trait.field, _AS_VALUE.get(trait.kind, "told.value")),
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


#: Everyone's, in the words of the published tables: what stands with the person's own record.
_PERSONS = "FROM customers AS customer{joined} WHERE customer.person_id = customer.customer_id"


def _of_everyone(value: str, joined: str = "") -> str:
    return f"SELECT customer.customer_id AS person, {value} AS value {_PERSONS.format(joined=joined)}"


def _known_of_everyone(value: str) -> str:
    return f"{_of_everyone(value)} AND {value} IS NOT NULL"


def _has_everyone(kind: str) -> str:
    joined = " LEFT JOIN profiles AS profile ON profile.customer_id = customer.customer_id"
    return _of_everyone(f"COALESCE(profile.has_{kind}, false)", joined)


def _permitted_to_everyone(what: str) -> str:
    joined = (
        f" CROSS JOIN (SELECT {what} FROM permissions WHERE customer_id = {permissions.NOBODY}) AS most"  # noqa: S608 - of constants
        " LEFT JOIN permissions AS told ON told.customer_id = customer.customer_id"
    )
    return _of_everyone(f"COALESCE(told.{what}, most.{what})", joined)


def _values_of_everyone(name: str, value: str = "told.value") -> str:
    return (
        f"SELECT told.customer_id AS person, {value} AS value FROM customer_values AS told WHERE told.name = '{name}'"  # noqa: S608 - a code
    )


#: A number has up to thirty digits; here up to 29 before the point and nine behind it.
_AS_VALUE: Mapping[Kind, str] = {
    Kind.NUMBER: "CASE WHEN length(told.value) <= 29 THEN CAST(told.value AS DECIMAL(38, 9)) END",
    Kind.DATE: "CAST(told.value AS DATE)",
    Kind.YES_NO: "told.value = 'yes'",
}
_EMPLOYEES = (
    " LEFT JOIN customer_values AS told ON told.customer_id = customer.customer_id AND told.name = 'is_employee'"
)
#: Of each tag the word told last of any of the person's records counts, of two at once the one that takes it off.
_TAGS_OF_EVERYONE = (
    "SELECT person, value FROM (SELECT customer.person_id AS person, told.tag AS value, told.is_on,"
    " row_number() OVER (PARTITION BY customer.person_id, told.tag ORDER BY told.at DESC, told.is_on ASC) AS place"
    " FROM customer_tags AS told JOIN customers AS customer ON customer.customer_id = told.customer_id) AS told"
    " WHERE place = 1 AND is_on"
)
#: Where each lives: the home they came to last of those that none of their records left since.
_HOUSEHOLDS_OF_EVERYONE = (
    "WITH told AS (SELECT customer.person_id AS person, stay.* FROM householders AS stay"
    " JOIN customers AS customer ON customer.customer_id = stay.customer_id),"
    " gone AS (SELECT DISTINCT stay.householder_id FROM told AS stay JOIN told AS gone"
    " ON gone.person = stay.person AND gone.household_id = stay.household_id AND gone.customer_id <> stay.customer_id"
    " WHERE gone.until_at IS NOT NULL AND (gone.until_at > stay.since_at"
    " OR (gone.until_at = stay.since_at AND gone.householder_id > stay.householder_id))),"
    " home AS (SELECT person, household_id FROM (SELECT told.person, told.household_id,"
    " row_number() OVER (PARTITION BY told.person ORDER BY told.since_at DESC, told.householder_id DESC) AS place"
    " FROM told LEFT JOIN gone ON gone.householder_id = told.householder_id"
    " WHERE told.until_at IS NULL AND gone.householder_id IS NULL) AS stay WHERE place = 1)"
    " SELECT person, CAST(count(*) OVER (PARTITION BY household_id) AS BIGINT) AS value FROM home"
)

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
        everyone=_has_everyone("email"),
    ),
    Field(
        name="customers.has_phone",
        type="bool",
        kind="fact",
        label=_("Has a phone number"),
        meaning=_("Whether a phone number is known."),
        read=_has("phone"),
        everyone=_has_everyone("phone"),
    ),
    Field(
        name="customers.country",
        type="text",
        kind="fact",
        label=_("Country"),
        meaning=_("Two letters, such as CN or GB."),
        read=lambda wanted: dict(customers.countries_of(wanted)),
        everyone=_known_of_everyone("customer.country"),
    ),
    Field(
        name="customers.language",
        type="text",
        kind="fact",
        label=_("Language"),
        meaning=_("The language they want to be spoken to in, such as zh-Hans or en."),
        read=_of_customer(lambda one: one.language),
        everyone=_known_of_everyone("customer.language"),
    ),
    Field(
        name="customers.first_seen_at",
        type="timestamp",
        kind="fact",
        label=_("First seen"),
        meaning=_("When somebody first met them."),
        read=_of_customer(lambda one: one.first_seen_at),
        everyone=_known_of_everyone("customer.first_seen_at"),
    ),
    *(
        Field(
            name=f"customers.marketing_by_{channel.value}",
            type="bool",
            kind="fact",
            label=label,
            meaning=_("Whether their consent allows marketing by this channel; wishes and the hour aside."),
            read=_allowed(Purpose.MARKETING, channel),
            everyone=_permitted_to_everyone(f"marketing_by_{channel.value}"),
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
        everyone=_permitted_to_everyone("is_personalised"),
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
        everyone=_values_of_everyone("preferred_store"),
    ),
    Field(
        name="customers.preferred_channel",
        type="text",
        kind="fact",
        label=_("Preferred channel"),
        meaning=_("The way they like to be reached."),
        read=_readable("preferred_channel"),
        everyone=_values_of_everyone("preferred_channel"),
    ),
    Field(
        name="customers.is_employee",
        type="bool",
        kind="fact",
        label=_("Works here"),
        meaning=_("Whether they work for the shop themselves."),
        read=_is_employee,
        everyone=_of_everyone("COALESCE(told.value = 'yes', false)", _EMPLOYEES),
    ),
    Field(
        name="customers.cared_by",
        type="text",
        kind="fact",
        label=_("Looked after by"),
        meaning=_("Who of the staff looks after them."),
        read=_readable("cared_by"),
        everyone=_values_of_everyone("cared_by"),
        choices=_staff,
    ),
    Field(
        name="customers.interests",
        type="texts",
        kind="fact",
        label=_("Interests"),
        meaning=_("What they said they are interested in."),
        read=_readable("interests"),
        everyone=_values_of_everyone("interests"),
    ),
    Field(
        name="customers.values",
        type="texts",
        kind="fact",
        label=_("Values"),
        meaning=_("What they said matters to them."),
        read=_readable("values"),
        everyone=_values_of_everyone("values"),
    ),
    Field(
        name="customers.tags",
        type="texts",
        kind="fact",
        label=_("Tags"),
        meaning=_("The tags staff and files set on them."),
        read=_tags,
        everyone=_TAGS_OF_EVERYONE,
    ),
    Field(
        name="customers.household_size",
        type="int64",
        kind="fact",
        label=_("Household size"),
        meaning=_("How many live in their household, themselves included."),
        read=_household,
        everyone=_HOUSEHOLDS_OF_EVERYONE,
    ),
)
