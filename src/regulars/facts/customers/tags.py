"""Tags: marks that staff and files set on customers and take off again. Every step stays on record.

A tag is set on a record and taken off it. Of a person the word told last counts, of whichever record, whatever came in
first; parted again each record has what was told of it alone.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers import _statements, customers, keys, persons, traits
from regulars.facts.customers.identifiers import check_namespace, is_contact
from regulars.facts.customers.models import Tag as Row
from regulars.facts.customers.models import Tagged, Tagging
from regulars.facts.customers.notices import CustomerTagged
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce_many
from regulars.runtime.trail import trail

LONGEST_CODE, LONGEST_KEY, MOST_TAGS = 40, 140, 2_000
_BETWEEN = frozenset(";,，；、|\n\r\t")


@dataclass(frozen=True)
class Tag:
    """One tag and its names by language."""

    code: str
    names: Mapping[str, str]
    is_retired: bool = False

    @property
    def name(self) -> str:
        """In the reader's language, else in any, else its code."""
        return traits.said(self.names) or self.code


@dataclass(frozen=True)
class Told:
    """That a customer has a tag, or has it no more, from `at` on; `key` makes its repeat harmless."""

    customer: int
    tag: str
    is_on: bool
    key: str
    at: datetime


@dataclass(frozen=True)
class Step:
    """One step in the history of somebody's tags. `by` is who wrote it down, as in the trail."""

    tag: Tag
    record: int
    is_on: bool
    source: str
    at: datetime
    by: str


class BadTag(Refusal):
    """Not a tag that can be kept."""

    code = "tags.bad_tag"


class UnknownTag(Refusal):
    """Not on the shop's list."""

    code = "tags.unknown"


_ACTS: keys.Acts[bool] = keys.Acts(of="tags", longest=LONGEST_KEY, kept=keys.same, read=keys.same, bad=BadTag)


def check_code(text: str) -> str:
    """A tag's code as it is kept: one short word or phrase in any script, in small letters. Refuses with BadTag."""
    code = unicodedata.normalize("NFC", " ".join(text.split())).casefold()
    if not 0 < len(code) <= LONGEST_CODE or not code.isprintable() or _BETWEEN & set(code) or is_contact(code):
        shown = "(a contact)" if is_contact(code) else repr(code[:LONGEST_CODE])
        raise BadTag(
            _("tag: %(shown)s is none; use up to %(longest_code)s characters without commas and semicolons")
            % {"shown": shown, "longest_code": LONGEST_CODE},
            field="tag",
            value=shown,
        )
    return code


def define(*, code: str, at: datetime, by: Actor, names: Mapping[str, str] | None = None) -> Tag:
    """Put a tag on the list, name it anew, or take it back into use. Without names it is called by its code."""
    code, told = check_code(code), traits.checked_names(names) if names else {}
    with transaction.atomic():
        _make([code])
        row = Row.objects.select_for_update().get(code=code)
        if (row.names, row.retired_at) != (told, None):
            Row.objects.filter(code=code).update(names=told, retired_at=None)
        _defined([code], at, by)
    return Tag(code, told)


def retire(*, code: str, at: datetime, by: Actor) -> None:
    """Take a tag off the list: nobody gets it any more. Who has it keeps it, and it is shown."""
    code = check_code(code)
    with transaction.atomic():
        if Row.objects.filter(code=code, retired_at=None).update(retired_at=at):
            trail.record(by=by, verb="tags.retire", subject="tags:shop", at=at, after={"tag": code})
        elif not Row.objects.filter(code=code).exists():
            raise _unknown(code)


def every(*, with_retired: bool = False) -> dict[str, Tag]:
    """The shop's tags by code. One query."""
    rows = Row.objects.order_by("code") if with_retired else Row.objects.filter(retired_at=None).order_by("code")
    return {row.code: _tag(row) for row in rows}


def tag(*, customer: int, tag: str, key: str, at: datetime, by: Actor) -> bool:
    """Set a tag on a customer. Whether that was new. The same `key` again gives the first answer, whatever happened to
    the tag since. Refuses an unknown tag."""
    code = check_code(tag)

    def act() -> bool:
        if not Row.objects.filter(code=code, retired_at=None).exists():
            raise _unknown(code)
        return bool(tell_many(told=[Told(customer, code, True, key, at)], by=by, origin="live"))

    return _ACTS.once(key=key, told={"act": "tag", "customer": customer, "tag": code}, act=act)


def untag(*, customer: int, tag: str, key: str, at: datetime, by: Actor) -> bool:
    """Take a tag off a customer, whichever of the person's records it was set on. Whether they had it. The same `key`
    again gives the first answer, whatever happened to the tag since."""
    code = check_code(tag)

    def act() -> bool:
        has = bool(_standing({customer: persons.records_of(customer)}, [code]))
        told = [Told(customer, code, False, key, at)] if has else []
        return bool(tell_many(told=told, by=by, origin="live"))

    return _ACTS.once(key=key, told={"act": "untag", "customer": customer, "tag": code}, act=act)


def tell_many(*, told: Sequence[Told], by: Actor, origin: Origin, source: str | None = None) -> set[int]:
    """The set-based twin: any number of tags set and taken off. Tags that are not on the list are put on it.

    Returns the customers of whom something changed. Live changes are announced one by one, history leaves one line in
    the trail. A dozen statements whatever the number. Refuses a customer that does not exist.
    """
    if not told:
        return set()
    whose = _statements.source_of(by) if source is None else check_namespace(source)
    tidy = [Told(one.customer, check_code(one.tag), one.is_on, one.key, one.at) for one in told]
    for one in tidy:
        keys.check(one.key, LONGEST_KEY + 20, BadTag)
    with transaction.atomic():
        person_of = persons.held({one.customer for one in tidy})
        _check_customers(person_of)
        last_at = max(one.at for one in tidy)
        if new := _make({one.tag for one in tidy}):
            _defined(new, last_at, by)
        fresh = _write(tidy, whose, by)
        codes = {one.tag for one in fresh}
        records_of = persons.records_of_many(sorted({person_of[one.customer] for one in fresh}))
        before = _standing(records_of, codes)
        _stand(fresh)
        after = _standing(records_of, codes)
        people = {person for person in records_of if before.get(person) != after.get(person)}
        if people and origin == "history":
            trail.record(
                by=by,
                verb="tags.tell_many",
                subject="customers:many",
                at=last_at,
                after={"count": len(people), "first": min(people), "last": max(people), "source": whose},
            )
        elif people:
            announce_many(
                [(CustomerTagged(customer=person, at=last_at), {"source": whose}) for person in sorted(people)],
                by=by,
                verb="tags.tell_many",
            )
    return {one.customer for one in fresh if person_of[one.customer] in people}


def of_many(customers: Sequence[int]) -> dict[int, list[Tag]]:
    """The tags of each person that has some, in the order of their codes. Three queries."""
    having = _standing(persons.records_of_many(customers))
    if not having:
        return {}
    named = every(with_retired=True)
    return {customer: [named[code] for code in sorted(codes)] for customer, codes in having.items()}


def history(customer: int, limit: int = 50) -> list[Step]:
    """What was done with the tags of a person's records, newest first. Three queries."""
    rows = Tagging.objects.filter(customer_id__in=persons.records_of(customer)).select_related("tag")
    return [
        Step(_tag(row.tag), row.customer_id, row.is_on, row.source, row.at, row.by)
        for row in rows.order_by("-at", "-id")[:limit]
    ]


def _standing(records_of: Mapping[int, Sequence[int]], codes: Collection[str] | None = None) -> dict[int, set[str]]:
    """The tags of each of these people who has any, of `codes` alone where they are given: of each tag the word told
    last of any of their records counts, at the same instant the one that takes it off. One query."""
    records = {record for records in records_of.values() for record in records}
    rows = Tagged.objects.filter(customer_id__in=records)
    if codes is not None:
        rows = rows.filter(tag_id__in=codes)
    told: dict[int, list[tuple[str, datetime, bool]]] = {}
    for record, code, at, is_on in rows.values_list("customer_id", "tag_id", "at", "is_on"):
        told.setdefault(record, []).append((code, at, is_on))
    found: dict[int, set[str]] = {}
    for person, records_ in records_of.items():
        last: dict[str, tuple[datetime, bool]] = {}
        for code, at, is_on in (one for record in set(records_) for one in told.get(record, ())):
            last[code] = max(last.get(code, (at, not is_on)), (at, not is_on))
        if having := {code for code, (_at, is_off) in last.items() if not is_off}:
            found[person] = having
    return found


def _make(codes: Iterable[str]) -> list[str]:
    """Put those on the list that are not there. Returns them."""
    wanted = sorted(set(codes))
    known = set(Row.objects.filter(code__in=wanted).values_list("code", flat=True))
    new = [code for code in wanted if code not in known]
    if new and Row.objects.count() + len(new) > MOST_TAGS:
        raise BadTag(
            _("tag: a shop has up to %(most_tags)s tags; retire some") % {"most_tags": MOST_TAGS},
            field="tag",
            value=new[0],
        )
    Row.objects.bulk_create([Row(code=code, names={}) for code in new], ignore_conflicts=True)
    return new


def _defined(codes: Sequence[str], at: datetime, by: Actor) -> None:
    trail.record(by=by, verb="tags.define", subject="tags:shop", at=at, after={"tags": list(codes)[:100]})


def _check_customers(person_of: Mapping[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT told.id FROM unnest(%s::bigint[]) AS told(id)"
            " WHERE NOT EXISTS (SELECT FROM customers_customer WHERE id = told.id) LIMIT 1",
            [list(person_of)],
        )
        if (row := cursor.fetchone()) is not None:
            raise customers.no_number(row[0])


def _write(told: Sequence[Told], source: str, by: Actor) -> list[Told]:
    """Add the steps to the history; those whose key was not there."""
    by_key = {one.key: one for one in told}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_tagging (tag_id, customer_id, is_on, source, key, at, by)"
            " SELECT tag, customer, is_on, %s, key, at, %s FROM unnest(%s::text[], %s::bigint[], %s::bool[],"
            " %s::text[], %s::timestamptz[]) AS told(tag, customer, is_on, key, at)"
            " ON CONFLICT (key) DO NOTHING RETURNING key",
            [
                source,
                str(by),
                [one.tag for one in by_key.values()],
                [one.customer for one in by_key.values()],
                [one.is_on for one in by_key.values()],
                list(by_key),
                [one.at for one in by_key.values()],
            ],
        )
        return [by_key[key] for (key,) in cursor.fetchall()]


def _stand(fresh: Sequence[Told]) -> None:
    """Of each tag of each record the word told last stands."""
    last: dict[tuple[int, str], Told] = {}
    for one in fresh:
        known = last.get((one.customer, one.tag))
        if known is None or (one.at, not one.is_on) >= (known.at, not known.is_on):
            last[one.customer, one.tag] = one
    wanted = sorted(last)
    with connection.cursor() as cursor:
        # At the same instant it is taken off: whoever says no to one of two means it.
        cursor.execute(
            "INSERT INTO customers_tagged AS tagged (customer_id, tag_id, is_on, at)"
            " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bool[], %s::timestamptz[])"
            " ON CONFLICT (customer_id, tag_id) DO UPDATE SET is_on = excluded.is_on, at = excluded.at"
            " WHERE (excluded.at, NOT excluded.is_on) >= (tagged.at, NOT tagged.is_on)",
            [
                [customer for customer, _tag in wanted],
                [tag for _customer, tag in wanted],
                [last[one].is_on for one in wanted],
                [last[one].at for one in wanted],
            ],
        )


def _tag(row: Row) -> Tag:
    return Tag(row.code, row.names, row.retired_at is not None)


def _unknown(code: str) -> UnknownTag:
    return UnknownTag(_("tag: the shop has no tag %(code)r; define it first") % {"code": code}, field="tag", value=code)
