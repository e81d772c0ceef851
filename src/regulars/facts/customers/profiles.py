"""What tells who a customer is. Sealed at rest, masked in lists, opened for a purpose and with a line in the trail."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.facts.customers import _in_bulk, _names, _sealing, contacts
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.models import Customer, Description, Identifier, NamePrefix
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.notices import CustomerDescribed
from regulars.kit.actors import Actor, Origin
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, announce_many
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail

LONGEST = {"given_name": 80, "family_name": 80, "display_name": 160, "address": 500, "note": 2000}
LONGEST_KEY = 120
_NAMES = ("given_name", "family_name", "display_name")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """What somebody told about themselves. None leaves a field as it is, empty text clears it. Days are ISO dates."""

    given_name: str | None = None
    family_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthday: str | None = None
    address: str | None = None
    note: str | None = None
    country: str | None = None
    language: str | None = None


#: The sealed ones; `country` and `language` stand readable in the customer's row, lists filter by them.
SEALED = tuple(field.name for field in fields(Profile) if field.name not in {"country", "language"})


@dataclass(frozen=True)
class Described:
    """Which fields changed, and which contacts somebody else is known by already: shared, or the same person twice."""

    changed: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True)
class MaskedProfile:
    """What a list may show: `L** W**`, `l***@example.com`, `138****1234`; empty where nothing is known."""

    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class DescribedMany:
    """How many customers changed, and which of their contacts (customer, kind) somebody else is known by already."""

    changed: int
    shared: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Told:
    """What one customer told about themselves at one time; `key` makes its repeat harmless."""

    customer: int
    profile: Profile
    key: str
    at: datetime


@dataclass(frozen=True)
class DescribedEach:
    """As DescribedMany; `left_out` are the fields (key, field) that could not be kept as they were told.

    `whose` are the customers that changed; `late` are the keys of what was told before the profile's last description.
    """

    changed: int
    shared: tuple[tuple[int, str], ...]
    left_out: tuple[tuple[str, str], ...]
    whose: frozenset[int]
    late: frozenset[str]


class Purpose(StrEnum):
    """Why somebody opens what is sealed. Kept in the trail and shown to the member who asks who looked."""

    SERVICE = "service"
    DELIVERY = "delivery"
    REFUND = "refund"
    VERIFICATION = "verification"
    DATA_REQUEST = "data_request"


PURPOSE_LABELS = {
    Purpose.SERVICE: _("Helping the customer"),
    Purpose.DELIVERY: _("Delivering an order"),
    Purpose.REFUND: _("Returning money"),
    Purpose.VERIFICATION: _("Making sure who it is"),
    Purpose.DATA_REQUEST: _("The customer asked for their data"),
}


class TooLong(Refusal):
    """More text than the field holds."""

    code = "customers.too_long"


class Unreadable(Refusal):
    """A text with a character that no database keeps."""

    code = "customers.unreadable"


class BadBirthday(Refusal):
    """Not a day of a living person's birth."""

    code = "customers.bad_birthday"


class BadLanguage(Refusal):
    """Not a language tag."""

    code = "customers.bad_language"


class UnknownField(Refusal):
    """Not a sealed field."""

    code = "customers.unknown_field"


class KeyTaken(Refusal):
    """The key belongs to a description of somebody else."""

    code = "customers.key_taken"


def describe(*, customer: int, profile: Profile, key: str, at: datetime, by: Actor) -> Described:
    """Write down what somebody told about themselves. The same `key` again changes nothing and gives the first answer.

    A phone number without a country code is read in the customer's country, or the shop's. An e-mail address or a phone
    number becomes an identifier of the customer unless somebody else has it: then it is kept as a contact and reported
    as shared, for a wrong guess would give one person's points to another. A replaced contact stops identifying.
    """
    if not key or len(key) > LONGEST_KEY:
        raise TooLong(f"key: give 1 to {LONGEST_KEY} characters, not {len(key)}", field="key", value=len(key))
    with transaction.atomic():
        row = Customer.objects.select_for_update(no_key=True).filter(id=customer).first()
        if row is None:
            raise UnknownCustomer(
                f"customer: there is no number {customer}; look it up again", field="customer", value=customer
            )
        if earlier := Description.objects.filter(key=key).first():
            if earlier.customer_id != customer:
                raise KeyTaken(
                    f"key: {key!r} described another customer; give each act its own key",
                    field="key",
                    value=key,
                )
            return Described(tuple(earlier.changed), tuple(earlier.shared))
        told = _checked(profile, region=profile.country or row.country or company.shop().country, on=at.date())
        known = _known(row)
        changes = {field: value for field, value in told.items() if value != known.get(field, "")}
        shared = _write(row, known, changes, at) if changes else ()
        Description.objects.create(
            key=key, customer_id=customer, changed=sorted(changes), shared=list(shared), described_at=at
        )
        if changes:
            announce(
                CustomerDescribed(customer=customer, fields=tuple(sorted(changes)), shared=shared, at=at),
                by=by,
                verb="customers.describe",
                after={"fields": sorted(changes), "shared": list(shared)},
            )
    return Described(tuple(sorted(changes)), shared)


def describe_many(*, profiles: Mapping[int, Profile], key: str, at: datetime, by: Actor) -> DescribedMany:
    """The set-based twin of `describe`, for what a source knew before us: nobody is notified of anything.

    A dozen statements whatever the number; a few thousand customers at a time keep memory small. All or nothing: the
    first profile that cannot be is refused. Whoever was described under this `key` before is left as they are.
    """
    if not key or len(key) + 20 > LONGEST_KEY:
        raise TooLong(f"key: give 1 to {LONGEST_KEY - 20} characters, not {len(key)}", field="key", value=len(key))
    with transaction.atomic():
        bulk.expect_many_rows(len(profiles))
        rows = _in_bulk.lock(profiles)
        if missing := sorted(set(profiles) - set(rows)):
            raise UnknownCustomer(
                f"customer: there is no number {missing[0]}; look it up again", field="customer", value=missing[0]
            )
        keys = {customer: f"{key}:{customer}" for customer in profiles}
        done = set(Description.objects.filter(key__in=keys.values()).values_list("customer_id", flat=True))
        fresh = {customer: row for customer, row in rows.items() if customer not in done}
        region = company.shop().country
        kept = {row.customer_id: row for row in Row.objects.filter(customer_id__in=fresh)}
        opened = _sealing.open_rows(kept.values(), SEALED)
        known = {
            customer: opened.get(customer, {}) | {"country": row.country or "", "language": row.language or ""}
            for customer, row in fresh.items()
        }
        changes: dict[int, dict[str, str]] = {}
        for customer, row in fresh.items():
            profile = profiles[customer]
            told = _checked(profile, region=profile.country or row.country or region, on=at.date())
            changes[customer] = {field: text for field, text in told.items() if text != known[customer].get(field, "")}
        changed = {customer: new for customer, new in changes.items() if new}
        shared = _write_many(fresh, kept, known, changed, dict.fromkeys(changed, at))
        Description.objects.bulk_create(
            Description(
                key=keys[customer],
                customer_id=customer,
                changed=sorted(new),
                shared=[kind for other, kind in shared if other == customer],
                described_at=at,
            )
            for customer, new in changes.items()
        )
        if changed:
            trail.record(
                by=by,
                verb="customers.describe_many",
                subject="customers:many",
                at=at,
                after={"count": len(changed), "first": min(changed), "last": max(changed), "shared": len(shared)},
            )
    return DescribedMany(len(changed), tuple(shared))


def describe_each(*, told: Sequence[Told], by: Actor, origin: Origin) -> DescribedEach:
    """`describe` for what a stream tells: in order, also several times of one customer, and never all for one's fault.

    A field that cannot be kept is left out and named. What was told before the profile's last description only fills
    what is empty. Live changes are announced one by one, history leaves one line in the trail. A dozen statements, and
    those of the notices. Customers that do not exist are passed over.
    """
    for one in told:
        if not one.key or len(one.key) > LONGEST_KEY:
            raise TooLong(f"key: give 1 to {LONGEST_KEY} characters", field="key", value=len(one.key))
    with transaction.atomic():
        bulk.expect_many_rows(len(told))
        rows = _in_bulk.lock({one.customer for one in told})
        done = set(Description.objects.filter(key__in=[one.key for one in told]).values_list("key", flat=True))
        fresh = [one for one in told if one.key not in done and one.customer in rows]
        region = company.shop().country
        kept = {row.customer_id: row for row in Row.objects.filter(customer_id__in={one.customer for one in fresh})}
        opened = _sealing.open_rows(kept.values(), SEALED)
        known = {
            customer: opened.get(customer, {}) | {"country": row.country or "", "language": row.language or ""}
            for customer, row in rows.items()
        }
        now = {customer: dict(fields) for customer, fields in known.items()}
        at = {customer: row.described_at for customer, row in kept.items()}
        changed_by: list[list[str]] = []
        left_out: list[tuple[str, str]] = []
        late: set[str] = set()
        for one in fresh:
            mine = now[one.customer]
            wanted, bad = _checked_leniently(
                one.profile, region=one.profile.country or mine["country"] or region, on=one.at.date()
            )
            left_out += [(one.key, field) for field in bad]
            is_late = one.customer in at and one.at < at[one.customer]
            if is_late:
                late.add(one.key)
            new = {
                field: text
                for field, text in wanted.items()
                if text != mine.get(field, "") and not (is_late and mine.get(field))
            }
            mine |= new
            changed_by.append(sorted(new))
            if new:
                at[one.customer] = max(one.at, at.get(one.customer, one.at))
        changed = {
            customer: new
            for customer, fields in now.items()
            if (new := {field: text for field, text in fields.items() if text != known[customer].get(field, "")})
        }
        shared = _write_many(rows, kept, known, changed, at)
        # Of one key told twice in a batch the second changed nothing.
        Description.objects.bulk_create(
            [
                Description(
                    key=one.key,
                    customer_id=one.customer,
                    changed=fields,
                    shared=[kind for other, kind in shared if other == one.customer and kind in fields],
                    described_at=one.at,
                )
                for one, fields in zip(fresh, changed_by, strict=True)
            ],
            ignore_conflicts=True,
        )
        _tell_each(changed, shared, at, by, origin)
    return DescribedEach(len(changed), tuple(shared), tuple(left_out), frozenset(changed), frozenset(late))


def _tell_each(
    changed: Mapping[int, Mapping[str, str]],
    shared: Sequence[tuple[int, str]],
    at: Mapping[int, datetime],
    by: Actor,
    origin: Origin,
) -> None:
    if not changed:
        return
    if origin == "history":
        trail.record(
            by=by,
            verb="customers.describe_each",
            subject="customers:many",
            at=max(at[customer] for customer in changed),
            after={"count": len(changed), "first": min(changed), "last": max(changed), "shared": len(shared)},
        )
        return
    notices = [
        CustomerDescribed(
            customer=customer,
            fields=tuple(sorted(new)),
            shared=tuple(kind for other, kind in shared if other == customer),
            at=at[customer],
        )
        for customer, new in sorted(changed.items())
    ]
    announce_many(
        [(notice, {"fields": list(notice.fields), "shared": list(notice.shared)}) for notice in notices],
        by=by,
        verb="customers.describe_each",
    )


def _write_many(
    rows: Mapping[int, Customer],
    kept: Mapping[int, Row],
    known: Mapping[int, Mapping[str, str]],
    changed: Mapping[int, Mapping[str, str]],
    at: Mapping[int, datetime],
) -> list[tuple[int, str]]:
    """Everything but the descriptions themselves. Returns the contacts somebody else is known by."""
    if not changed:
        return []
    digests: dict[tuple[int, str], bytes | None] = {
        (customer, kind): _contact_digest(kind, new[kind]) if new[kind] else None
        for customer, new in changed.items()
        for kind in ("email", "phone")
        if kind in new
    }
    _in_bulk.write_customers(rows, changed)
    _in_bulk.write_profiles(kept, changed, digests, sealed=SEALED, at=at)
    _in_bulk.index_names(
        {
            customer: [{**known[customer], **new}.get(field, "") for field in _NAMES]
            for customer, new in changed.items()
            if not set(_NAMES).isdisjoint(new)
        }
    )
    return _in_bulk.claim(digests, max(at[customer] for customer in changed))


def masked(customers: Sequence[int]) -> dict[int, MaskedProfile]:
    """What a list may show of each of `customers`; all of them are in the answer. One query, and one for their keys."""
    rows = Row.objects.filter(customer_id__in=customers)
    opened = _sealing.open_rows(rows, (*_NAMES, "email", "phone"))
    empty = MaskedProfile()
    return {customer: _mask(opened[customer]) if customer in opened else empty for customer in customers}


def reveal(*, customer: int, fields: Iterable[str], purpose: Purpose, at: datetime, by: Actor) -> dict[str, str]:
    """The asked-for sealed fields in plain text, empty where nothing is known. Leaves a line in the trail, every time.

    Whoever calls it has checked that `by` may do `contacts.reveal`.
    """
    wanted = tuple(dict.fromkeys(fields))
    for field in wanted:
        if field not in SEALED:
            raise UnknownField(
                f"fields: {field[:40]!r} is no sealed field; choose from {', '.join(SEALED)}",
                field="fields",
                value=field[:40],
            )
    with transaction.atomic():
        if not Customer.objects.filter(id=customer).exists():
            raise UnknownCustomer(
                f"customer: there is no number {customer}; look it up again", field="customer", value=customer
            )
        opened = _sealing.open_rows(Row.objects.filter(customer_id=customer), wanted).get(customer, {})
        trail.record(
            by=by,
            verb="customers.reveal",
            subject=f"customer:{customer}",
            at=at,
            after={"fields": list(wanted)},
            why=Purpose(purpose).value,
        )
    return {field: opened.get(field, "") for field in wanted}


def find_by_email(text: str) -> list[int]:
    """Customers with that address: who is known by it, then others who gave it as a contact. Two indexed queries."""
    return _find("email", lookup.digest("email", contacts.email(text).key))


def find_by_phone(text: str, region: str | None = None) -> list[int]:
    """Customers with that number. Without a country code it is read in `region`, or the shop's country."""
    return _find("phone", lookup.digest("phone", contacts.phone(text, region or company.shop().country)))


def find_by_name_prefix(text: str, limit: int = 50) -> list[int]:
    """Customers with a name that begins so, oldest first: two letters at least, or one Chinese character. One query.

    No more than the first six letters (three Chinese characters) of the first word count, and accents do not.
    """
    prefix = _names.sought(text)
    if not prefix:
        return []
    found = NamePrefix.objects.filter(digest=_names.digest(prefix)).order_by("customer_id")[:limit]
    return list(found.values_list("customer_id", flat=True))


def _find(kind: str, digest: bytes) -> list[int]:
    known_by = Identifier.objects.filter(namespace="", kind=kind, digest=digest).values_list("customer_id", flat=True)
    given = (
        Row.objects.filter(**{f"{kind}_digest": digest}).order_by("customer_id").values_list("customer_id", flat=True)
    )
    return list(dict.fromkeys([*known_by, *given]))


def _checked(profile: Profile, *, region: str, on: date) -> dict[str, str]:
    """The told fields in the form they are kept in."""
    told = {
        field.name: value.strip() for field in fields(profile) if (value := getattr(profile, field.name)) is not None
    }
    for field, most in LONGEST.items():
        if "\x00" in told.get(field, ""):
            raise Unreadable(f"{field}: has a character of code zero, which no text has; leave it out", field=field)
        if len(told.get(field, "")) > most:
            raise TooLong(
                f"{field}: has {len(told[field])} characters; give up to {most}",
                field=field,
                value=len(told[field]),
            )
    if told.get("email"):
        told["email"] = contacts.email(told["email"]).shown
    if told.get("phone"):
        told["phone"] = contacts.phone(told["phone"], region)
    if told.get("birthday"):
        told["birthday"] = _birthday(told["birthday"], on)
    if told.get("country"):
        check_country(told["country"])
    if told.get("language") and not _LANGUAGE.fullmatch(told["language"]):
        raise BadLanguage(
            f"language: {told['language'][:20]!r} is no language tag; write it like zh-Hans or en",
            field="language",
            value=told["language"][:20],
        )
    return told


def _checked_leniently(profile: Profile, *, region: str, on: date) -> tuple[dict[str, str], list[str]]:
    """The told fields that can be kept, in the form they are kept in, and the names of the others."""
    try:
        return _checked(profile, region=region, on=on), []
    except Refusal:
        good: dict[str, str] = {}
        bad: list[str] = []
        for field in fields(profile):
            try:
                good |= _checked(Profile(**{field.name: getattr(profile, field.name)}), region=region, on=on)
            except Refusal:
                bad.append(field.name)
        return good, bad


def _birthday(text: str, on: date) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not date(1900, 1, 1) <= day <= on:
        # The value stays out of the message: it is personal, and messages end up in logs.
        raise BadBirthday(
            "birthday: not a day from 1900 until now; write it like 1990-12-31", field="birthday", value="(hidden)"
        )
    return day.isoformat()


def _known(row: Customer) -> dict[str, str]:
    opened = _sealing.open_rows(Row.objects.filter(customer_id=row.id), SEALED).get(row.id, {})
    return opened | {"country": row.country or "", "language": row.language or ""}


def _write(row: Customer, known: Mapping[str, str], changes: Mapping[str, str], at: datetime) -> tuple[str, ...]:
    """Everything but the description itself. Returns the contacts somebody else is known by."""
    plain = {field: changes[field] for field in ("country", "language") if field in changes}
    if plain:
        Customer.objects.filter(id=row.id).update(**{field: value or None for field, value in plain.items()})
    columns: dict[str, bytes | datetime | None] = {"described_at": at}
    columns |= _sealing.seal_fields(row.id, {field: value for field, value in changes.items() if field in SEALED})
    digests = {
        kind: _contact_digest(kind, changes[kind]) if changes[kind] else None
        for kind in ("email", "phone")
        if kind in changes
    }
    columns |= {f"{kind}_digest": digest for kind, digest in digests.items()}
    Row.objects.update_or_create(customer_id=row.id, defaults=columns)
    if not set(_NAMES).isdisjoint(changes):
        names = {**known, **changes}
        _index_names(row.id, [names.get(field, "") for field in _NAMES])
    return tuple(kind for kind, digest in digests.items() if not _claim(row.id, kind, digest, at))


def _contact_digest(kind: str, value: str) -> bytes:
    return lookup.digest(kind, contacts.email(value).key if kind == "email" else value)


def _claim(customer: int, kind: str, digest: bytes | None, at: datetime) -> bool:
    """The contact becomes the customer's only identifier of its kind. False when somebody else is known by it."""
    mine = Identifier.objects.filter(customer_id=customer, namespace="", kind=kind)
    mine.exclude(digest=digest).delete() if digest else mine.delete()
    if digest is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_identifier (customer_id, namespace, kind, digest, since_at)"
            " VALUES (%s, '', %s, %s, %s) ON CONFLICT DO NOTHING",
            [customer, kind, digest, at],
        )
    return mine.filter(digest=digest).exists()


def _index_names(customer: int, names: Sequence[str]) -> None:
    digests = {_names.digest(prefix) for name in names for prefix in _names.prefixes(name)}
    kept = NamePrefix.objects.filter(customer_id=customer)
    kept.exclude(digest__in=digests).delete()
    NamePrefix.objects.bulk_create(
        [NamePrefix(customer_id=customer, digest=digest) for digest in sorted(digests)], ignore_conflicts=True
    )


def _mask(opened: Mapping[str, str]) -> MaskedProfile:
    return MaskedProfile(
        name=contacts.masked_name(shown_name(opened)),
        email=contacts.masked_email(opened["email"]) if opened.get("email") else "",
        phone=contacts.masked_phone(opened["phone"]) if opened.get("phone") else "",
    )


def shown_name(opened: Mapping[str, str]) -> str:
    """The name to show: the chosen one, else the given and family names in the order of their script."""
    given, family = opened.get("given_name", ""), opened.get("family_name", "")
    if chosen := opened.get("display_name"):
        return chosen
    return family + given if _names.is_cjk(family or given) else f"{given} {family}".strip()
