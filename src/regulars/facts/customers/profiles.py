"""What tells who a customer is. Sealed at rest, masked in lists, opened for a purpose and with a line in the trail."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import company
from regulars.facts.customers import (
    _also_known,
    _claims,
    _in_bulk,
    _looking_again,
    _names,
    _opening,
    _sealing,
    _statements,
    _values,
    contacts,
    customers,
    kept_nos,
    keys,
    kinds,
    persons,
    traits,
)
from regulars.facts.customers._opening import UnknownField
from regulars.facts.customers._profile import (
    FIELDS,
    LISTS,
    LONGEST,
    MASKED,
    NAMES,
    READABLE,
    SEALED,
    BadLanguage,
    Profile,
    TooLong,
    Unreadable,
    checked,
    checked_leniently,
    lists_for,
)
from regulars.facts.customers._statements import SURER_SOURCES, Statements
from regulars.facts.customers.customers import public_id
from regulars.facts.customers.identifiers import check_namespace
from regulars.facts.customers.models import Customer, Description, Statement
from regulars.facts.customers.models import Profile as Row
from regulars.facts.customers.notices import CustomerDescribed
from regulars.kit.actors import Actor, Origin
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, announce_many
from regulars.runtime.preferences import preferences
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail

__all__ = [
    "FIELDS",
    "LISTS",
    "LONGEST",
    "MASKED",
    "READABLE",
    "SEALED",
    "BadLanguage",
    "Profile",
    "TooLong",
    "UnknownField",
    "Unreadable",
]

LONGEST_KEY = 120
#: Customers that are folded anew in one transaction.
_LOT = 1_000


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
    #: Who says so, a namespace; who writes it down where it is empty.
    source: str = ""


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


_ACTS: keys.Acts[Described] = keys.Acts(
    of="profile",
    longest=LONGEST_KEY,
    kept=lambda done: [done.changed, done.shared],
    read=lambda kept: Described(tuple(kept[0]), tuple(kept[1])),
    bad=TooLong,
)


def describe(
    *,
    customer: int,
    profile: Profile,
    key: str,
    at: datetime,
    by: Actor,
    source: str | None = None,
    is_dated: bool = False,
) -> Described:
    """Write down what somebody told about themselves. The same `key` again changes nothing and gives the first answer.

    `source` is who says so, a namespace; who wrote it down where it is not given (`staff`, `member`, `api`). What every
    source said last is kept; what is shown is chosen by `survivorship`, so a field may stay as it is. `is_dated`: the
    source said when; else `at` is when it came, and another is no other word under the same key.
    A phone number without a country code is read in the customer's country, or the shop's. An e-mail address or a phone
    number becomes an identifier of the customer unless somebody else has it: then it is kept as a contact and reported
    as shared, for a wrong guess would give one person's points to another. A replaced contact stops identifying.
    """

    def act() -> Described:
        person_of, rows = _locked([customer])
        if customer not in rows:
            raise customers.no_number(customer)
        person = person_of[customer]
        row = rows[person]
        told = checked(
            profile,
            region=profile.country or row.country or company.shop().country,
            on=at.date(),
            lists=lists_for([profile]),
        )
        kept, said = _opening.known([person], rows)
        changes = said.take(person, customer, _source(source, by), told, at, str(by))
        found = _write_many(rows, kept, said, {person: changes} if changes else {}, _since([person], kept, at))
        _looking_again.defer(said.told_anew)
        shared = tuple(kind for _, kind in found)
        if changes:
            announce(
                CustomerDescribed(customer=person, fields=tuple(sorted(changes)), shared=shared, at=at),
                by=by,
                verb="customers.describe",
                after={"fields": sorted(changes), "shared": list(shared)},
            )
        return Described(tuple(sorted(changes)), shared)

    content = {"customer": customer, "profile": asdict(profile), "source": source, "at": at if is_dated else None}
    return _ACTS.once(key=key, told=content, act=act)


def describe_many(
    *, profiles: Mapping[int, Profile], key: str, at: datetime, by: Actor, source: str | None = None
) -> DescribedMany:
    """The set-based twin of `describe`, for what a source knew before us: nobody is notified of anything.

    A dozen statements whatever the number; a few thousand customers at a time keep memory small. All or nothing: the
    first profile that cannot be is refused. Whoever was described under this `key` before is left as they are; that
    they were described otherwise is refused.
    """
    keys.check(key, LONGEST_KEY - 20, TooLong)
    with transaction.atomic():
        bulk.expect_many_rows(len(profiles))
        person_of, rows = _locked(profiles)
        if missing := sorted(set(profiles) - set(rows)):
            raise customers.no_number(missing[0])
        key_of = {customer: f"{key}:{customer}" for customer in profiles}
        what = {one: keys.digest({"profile": asdict(told), "source": source}) for one, told in profiles.items()}
        rows_before = Description.objects.filter(key__in=key_of.values(), told__isnull=False)
        for customer, before in rows_before.values_list("customer_id", "told"):
            keys.check_same(key, before=bytes(before or b""), now=what[customer])
        done = set(Description.objects.filter(key__in=key_of.values()).values_list("customer_id", flat=True))
        fresh = sorted(set(profiles) - done)
        region, whose, who = company.shop().country, _source(source, by), str(by)
        lists = lists_for(profiles.values())
        kept, said = _opening.known({person_of[customer] for customer in fresh}, rows)
        changes: dict[int, dict[str, str]] = {}
        for customer in fresh:
            profile, person = profiles[customer], person_of[customer]
            region_of = profile.country or rows[person].country or region
            told = checked(profile, region=region_of, on=at.date(), lists=lists)
            changes[customer] = said.take(person, customer, whose, told, at, who)
        changed: dict[int, dict[str, str]] = {}
        for customer, new in changes.items():
            if new:
                changed[person_of[customer]] = changed.get(person_of[customer], {}) | new
        shared = _write_many(rows, kept, said, changed, _since(changed, kept, at))
        _looking_again.defer(said.told_anew)
        Description.objects.bulk_create(
            Description(
                key=key_of[customer],
                customer_id=customer,
                told=what[customer],
                changed=sorted(new),
                shared=[kind for other, kind in shared if other == person_of[customer] and kind in new],
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

    A field that cannot be kept is left out and named. What was told before the profile's last description counts for
    the fields of which nothing newer was told. Live changes are announced one by one, history leaves one line in the
    trail. A dozen statements, and those of the notices. Customers that do not exist are passed over.
    """
    for one in told:
        keys.check(one.key, LONGEST_KEY, TooLong)
    with transaction.atomic():
        bulk.expect_many_rows(len(told))
        person_of, rows = _locked({one.customer for one in told})
        done = set(Description.objects.filter(key__in=[one.key for one in told]).values_list("key", flat=True))
        fresh = [one for one in told if one.key not in done and one.customer in rows]
        region, who = company.shop().country, str(by)
        lists = lists_for(one.profile for one in fresh)
        kept, said = _opening.known({person_of[one.customer] for one in fresh}, rows)
        at = {customer: row.described_at for customer, row in kept.items()}
        touched: dict[int, dict[str, str]] = {}
        changed_by: list[list[str]] = []
        left_out: list[tuple[str, str]] = []
        late: set[str] = set()
        for one in fresh:
            person = person_of[one.customer]
            wanted, bad = checked_leniently(
                one.profile,
                region=one.profile.country or said.shown(person, "country") or region,
                on=one.at.date(),
                lists=lists,
            )
            left_out += [(one.key, field) for field in bad]
            if person in at and one.at < at[person]:
                late.add(one.key)
            was = touched.setdefault(person, {})
            was |= {field: said.shown(person, field) for field in wanted if field not in was}
            new = said.take(person, one.customer, _source(one.source or None, by), wanted, one.at, who)
            changed_by.append(sorted(new))
            if new:
                at[person] = max(one.at, at.get(person, one.at))
        changed = {
            customer: new
            for customer, was in touched.items()
            if (new := {field: now for field, text in was.items() if (now := said.shown(customer, field)) != text})
        }
        shared = _write_many(rows, kept, said, changed, at)
        _looking_again.defer(said.told_anew)
        # Of one key told twice in a batch the second changed nothing.
        Description.objects.bulk_create(
            [
                Description(
                    key=one.key,
                    customer_id=one.customer,
                    changed=fields,
                    shared=[kind for other, kind in shared if other == person_of[one.customer] and kind in fields],
                    described_at=one.at,
                )
                for one, fields in zip(fresh, changed_by, strict=True)
            ],
            ignore_conflicts=True,
        )
        _tell_each(changed, shared, at, by, origin)
    whose = frozenset(one.customer for one in told if person_of.get(one.customer) in changed)
    return DescribedEach(len(changed), tuple(shared), tuple(left_out), whose, frozenset(late))


def unlike_shown(told: Sequence[Told]) -> list[Told]:
    """Those that say something else than is shown of the person, in their order. Two queries.

    For sources that tell everything time and again and do not say since when it is so. What is not sealed always counts
    as something else.
    """
    people = persons.of_many({one.customer for one in told})
    fields = [name for name in SEALED if any(getattr(one.profile, name) is not None for one in told)]
    shown = opened(sorted(set(people.values())), fields)
    region, lists = company.shop().country, lists_for(one.profile for one in told)
    found = []
    for one in told:
        said, _ = checked_leniently(one.profile, region=one.profile.country or region, on=one.at.date(), lists=lists)
        known = shown.get(people.get(one.customer, one.customer), {})
        if any(known.get(name, "") != text for name, text in said.items()):
            found.append(one)
    return found


def _source(told: str | None, by: Actor) -> str:
    return _statements.source_of(by) if told is None else check_namespace(told)


def _locked(customers: Iterable[int]) -> tuple[dict[int, int], dict[int, Customer]]:
    """Each customer's person, and the rows of both, locked; those that do not exist are in neither."""
    person_of = persons.held(customers)
    rows = _in_bulk.lock({*person_of, *person_of.values()})
    return {customer: person for customer, person in person_of.items() if customer in rows}, rows


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


def _since(people: Iterable[int], kept: Mapping[int, Row], at: datetime) -> dict[int, datetime]:
    """When each was described last, now that something is told of `at`."""
    return {person: max(at, kept[person].described_at) if person in kept else at for person in people}


def _write_many(
    rows: Mapping[int, Customer],
    kept: Mapping[int, Row],
    said: Statements,
    changed: Mapping[int, Mapping[str, str]],
    at: Mapping[int, datetime],
) -> list[tuple[int, str]]:
    """What was said, and what is shown now. Returns the contacts somebody else is known by."""
    several = said.told_of()
    said.save()
    _also_known.follow(said, several)
    if not changed:
        return []
    digests: dict[tuple[int, str], bytes | None] = {
        (customer, kind): lookup.digest(kind, compared(kind, new[kind])) if new[kind] else None
        for customer, new in changed.items()
        for kind in ("email", "phone")
        if kind in new
    }
    given_up = {
        (kind, bytes(before))
        for (customer, kind), digest in digests.items()
        if customer in kept and (before := getattr(kept[customer], f"{kind}_digest")) not in (None, digest)
    }
    _in_bulk.write_customers(rows, changed)
    shown, hidden, kinds_of_own = _readable(said, changed)
    _in_bulk.write_profiles(kept, changed, digests, sealed=SEALED, at=at, readable=shown, hidden=hidden)
    if shown:
        _values.write(shown, kinds_of_own)
    _in_bulk.index_names(
        {
            customer: [said.shown(customer, field) for field in NAMES]
            for customer, new in changed.items()
            if not set(NAMES).isdisjoint(new)
        }
    )
    latest_at = max(at[customer] for customer in changed)
    # Nobody is known by what people type to be let through, and nobody is asked about it.
    claimed = {
        (customer, kind): None if digest and kinds.is_nobodys(kind, compared(kind, changed[customer][kind])) else digest
        for (customer, kind), digest in digests.items()
    }
    shared = _in_bulk.claim(claimed, latest_at)
    _claims.follow(claimed, shared, given_up)
    kept_nos.count_for(claimed)
    return shared


def masked(customers: Sequence[int]) -> dict[int, MaskedProfile]:
    """What a list may show of each of `customers`; all of them are in the answer. One query."""
    opened = _sealing.open_of(customers, MASKED)
    empty = MaskedProfile()
    return {customer: mask(opened[customer]) if customer in opened else empty for customer in customers}


def masked_alone(records: Sequence[int]) -> dict[int, MaskedProfile]:
    """What a list may show of each of `records` itself, whoever it was joined to. A few queries."""
    if not records:
        return {}
    rows = Customer.objects.in_bulk(list(records))
    kept = Row.objects.in_bulk(list(records))
    alone = {record: (record,) for record in records}
    surest_first = preferences.read(SURER_SOURCES)
    said = Statements(alone, rows, kept, surest_first, sealed=SEALED)
    told = (*NAMES, "email", "phone")
    return {record: mask({field: said.shown(record, field) for field in told}) for record in records}


def reveal(*, customer: int, fields: Iterable[str], purpose: Purpose, at: datetime, by: Actor) -> dict[str, str]:
    """The asked-for sealed fields in plain text, empty where nothing is known. Leaves a line in the trail, every time.

    Whoever calls it has checked that `by` may do `contacts.reveal`.
    """
    wanted = _opening.asked(fields, SEALED)
    with transaction.atomic():
        if not Customer.objects.filter(id=customer).exists():
            raise customers.no_number(customer)
        person = persons.of(customer)
        opened = _sealing.open_rows(Row.objects.filter(customer_id=person), wanted).get(person, {})
        _opening.looked(customer, wanted, Purpose(purpose).value, at, by)
    return {field: opened.get(field, "") for field in wanted}


def masked_text(field: str, text: str) -> str:
    """A sealed field as people may read it; `name` is any name."""
    if not text:
        return ""
    if field in (*NAMES, "name"):
        return contacts.masked_name(text)
    if field == "email":
        return contacts.masked_email(text)
    return contacts.masked_phone(text) if field == "phone" else "***"


def opened(customers: Sequence[int], fields: Sequence[str]) -> dict[int, dict[str, str]]:
    """Sealed fields of each customer in plain text, where there is something, for the machine alone.

    For rules and messages about the person themselves. Who shows it to somebody else asks `reveal`, which says so in
    the trail. One query.
    """
    wanted = _opening.asked(fields, SEALED)
    return _sealing.open_of(customers, wanted)


def readable(customers: Sequence[int]) -> dict[int, dict[str, str | tuple[str, ...]]]:
    """What is nobody's secret of each customer: READABLE fields and the shop's own traits by field. One query."""
    rows = Row.objects.filter(customer_id__in=customers).exclude(traits={}).values_list("customer_id", "traits")
    return {
        customer: {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
        for customer, told in rows
    }


def opened_traits(customers: Sequence[int]) -> dict[int, dict[str, str]]:
    """The shop's own personal traits of each customer by field, for the machine alone, as `opened`. Two queries."""
    rows = Row.objects.filter(customer_id__in=customers, sealed_traits__isnull=False)
    return _sealed_traits(list(rows.only("customer_id", "sealed_traits")))


def _sealed_traits(rows: Sequence[Row]) -> dict[int, dict[str, str]]:
    opened = _sealing.open_rows(rows, ["sealed_traits"])
    return {customer: json.loads(one["sealed_traits"]) for customer, one in opened.items()}


def public_ids(records: Sequence[int]) -> dict[int, str]:
    """Each record's own public id, also of those that were joined to a person. One query."""
    found = Customer.objects.filter(id__in=records).values_list("id", "public_id")
    return {number: public_id(uuid) for number, uuid in found}


def who_has(customers: Sequence[int], kind: str) -> set[int]:
    """Those of the customers of whom an `email` or a `phone` is known. Opens nothing. One query."""
    rows = Row.objects.filter(customer_id__in=customers, **{f"{kind}_digest__isnull": False})
    return set(rows.values_list("customer_id", flat=True))


def refold_many(*, customers: Iterable[int], at: datetime, by: Actor) -> int:
    """Show of these customers what follows from all that was said. How many changed; again changes none.

    For when something else than a new word changed what follows: the order of sources, or which records are one person.
    Of a record that was joined to a person nothing is shown: it is shown of the person.
    """
    with transaction.atomic():
        person_of, rows = _locked(customers)
        people = {person for customer, person in person_of.items() if customer == person}
        kept, said = _opening.known(person_of.values(), rows)
        joined = {row.customer_id for row in kept.values()} & (rows.keys() - people) & person_of.keys()
        opened = _sealing.open_rows(kept.values(), SEALED)
        changed: dict[int, dict[str, str]] = {}
        for customer in sorted(people | joined):
            was = opened.get(customer, {})
            new = dict.fromkeys(was, "")
            if customer in people:
                row = rows[customer]
                was = was | {"country": row.country or "", "language": row.language or ""}
                was |= _were(kept.get(customer), said.fields(customer))
                new = {name: said.shown(customer, name) for name in {*FIELDS, *was}}
            if different := {name: text for name, text in new.items() if text != was.get(name, "")}:
                changed[customer] = different
        at_last = {customer: said.latest(customer) or at for customer in changed}
        _write_many(rows, kept, said, changed, at_last)
        _also_known.follow(said, persons.records_of_many(sorted(people)))
        silent = joined | {customer for customer in people if customer in kept and said.latest(customer) is None}
        Row.objects.filter(customer_id__in=silent).delete()
        _values.write({customer: {} for customer in silent}, {})
        if changed:
            trail.record(
                by=by,
                verb="customers.refold_many",
                subject="customers:many",
                at=at,
                after={"count": len(changed), "first": min(changed), "last": max(changed)},
            )
    return len(changed)


def _were(row: Row | None, told: Iterable[str]) -> dict[str, str]:
    """What stood readable, as texts, and the traits that stood or are told."""
    was = dict.fromkeys((name for name in told if name.startswith(traits.PREFIX)), "")
    if row is not None:
        was |= {name: (traits.as_list(one) or "") if isinstance(one, list) else one for name, one in row.traits.items()}
        was |= _sealed_traits([row]).get(row.customer_id, {}) if row.sealed_traits is not None else {}
    return was


def refold_everybody(*, at: datetime, by: Actor) -> int:
    """`refold_many` for all of whom several sources said something, some at a time. How many changed."""
    changed, after = 0, 0
    several = Statement.objects.values("customer_id").annotate(count=Count("source")).filter(count__gt=1)
    while lot := list(several.filter(customer_id__gt=after).order_by("customer_id")[:_LOT]):
        changed += refold_many(customers=[one["customer_id"] for one in lot], at=at, by=by)
        after = lot[-1]["customer_id"]
    return changed


def _readable(
    said: Statements, changed: Mapping[int, Mapping[str, str]]
) -> tuple[dict[int, dict[str, object]], dict[int, dict[str, str]], dict[str, traits.Kind]]:
    """Of those whose readable fields or traits changed: what stands readable, and the personal traits to seal; and the
    kinds of the shop's own traits, by field."""
    touched = [
        customer
        for customer, new in changed.items()
        if any(name in READABLE or name.startswith(traits.PREFIX) for name in new)
    ]
    if not touched:
        return {}, {}, {}
    names = {customer: [one for one in said.fields(customer) if one.startswith(traits.PREFIX)] for customer in touched}
    defined = traits.every(with_retired=True) if any(names.values()) else {}
    kinds = {trait.field: trait for trait in defined.values()}
    shown: dict[int, dict[str, object]] = {}
    hidden: dict[int, dict[str, str]] = {}
    for customer in touched:
        told = {name: text for name in (*READABLE, *names[customer]) if (text := said.shown(customer, name))}
        hidden[customer] = {name: text for name, text in told.items() if name in kinds and kinds[name].is_personal}
        shown[customer] = {
            name: list(traits.items(text))
            if name in LISTS or (name in kinds and kinds[name].kind is traits.Kind.LIST)
            else text
            for name, text in told.items()
            if name not in hidden[customer]
        }
    return shown, hidden, {name: trait.kind for name, trait in kinds.items()}


def compared(kind: str, value: str) -> str:
    """A kept contact in the form that look-ups compare."""
    return contacts.email(value).key if kind == "email" else value


def mask(opened: Mapping[str, str]) -> MaskedProfile:
    """What a list may show of these fields in plain text."""
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
