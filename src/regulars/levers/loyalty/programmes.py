"""Programmes: what earns points, as files with versions. Draft, look at what changes, try on real history, approve,
activate at a time, roll back. Nothing here posts points; `earning` does, by the version that is active.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import yaml
from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.company import company
from regulars.insight.audiences import vocabulary
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programme_files, programme_places
from regulars.levers.loyalty._earning.rows import Activation, Approval, Version, Withdrawal
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty.models import Currency
from regulars.levers.loyalty.programme_files import BadProgramme, Programme
from regulars.levers.loyalty.rules import birthday_bonus
from regulars.runtime.trail import trail

__all__ = (
    "BadProgramme",
    "Change",
    "CurrencyDiffers",
    "DayIsOver",
    "NeedsAnother",
    "NotActive",
    "NotApproved",
    "NothingToRollBack",
    "Programme",
    "Turn",
    "UnknownProgramme",
    "VersionView",
    "activate",
    "activations",
    "active",
    "approve",
    "begins",
    "bring_terms",
    "diff",
    "draft",
    "end",
    "events_wanted",
    "every",
    "get",
    "is_kept_by_activity",
    "latest",
    "needs_another",
    "number_of",
    "read",
    "roll_back",
    "to_come",
    "untried",
    "validate",
    "versions",
)


class UnknownProgramme(Refusal):
    """No such programme, or no such version of it."""

    code = "programmes.unknown"


class NotApproved(Refusal):
    """Nobody has approved it."""

    code = "programmes.not_approved"


class NotActive(Refusal):
    """Nothing is earned by it now."""

    code = "programmes.not_active"


class NeedsAnother(Refusal):
    """It gives so much that its author cannot approve it."""

    code = "programmes.needs_another"


class NothingToRollBack(Refusal):
    """Nothing was in force before it."""

    code = "programmes.nothing_to_roll_back"


class CurrencyDiffers(Refusal):
    """Points of that code have other decimals already, or another programme says otherwise of them."""

    code = "programmes.currency_differs"


class DayIsOver(Refusal):
    """A version was to come into force on a day that is over: what was bought since would be decided otherwise."""

    code = "programmes.day_is_over"


@dataclass(frozen=True)
class VersionView:
    """One version. `cost`: how many parts a year of history would have given when it was approved."""

    id: int
    programme: str
    number: int
    text: str
    drafted_by: str
    drafted_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    cost: int | None


@dataclass(frozen=True)
class Listed:
    """A programme as a list shows it."""

    code: str
    latest: int
    active: int | None
    since: datetime | None


@dataclass(frozen=True)
class Change:
    """What differs between two versions at one place; None where it is not there."""

    place: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Active:
    """A version that says what is earned, read."""

    version: int
    number: int
    programme: Programme


@dataclass(frozen=True)
class Turn:
    """From `from_at` on a version is what a programme says; with `number` None nothing is. `at`: when `by` said so.
    `withdrawn_at`: when it was withdrawn, before it could come into force."""

    number: int | None
    from_at: datetime
    at: datetime
    by: str
    why: str
    withdrawn_at: datetime | None = None


def validate(text: str) -> Programme:
    """The programme that a file's text says, checked against this shop. Raises BadProgramme with field and mend, and
    CurrencyDiffers."""
    shop = company.shop()
    customers = vocabulary.current()
    try:
        programme_places.refuse_twice(text)
        found = programme_files.read(text, currency=shop.currency, zone=shop.zone, customers=customers)
    except BadProgramme as refused:
        raise programme_places.spoken(refused, text) from refused
    _check_currency(found)
    return found


def draft(*, text: str, at: datetime, by: Actor) -> VersionView:
    """Keep what a file says as the next version; the same as the latest is the latest. Raises BadProgramme."""
    programme = validate(text)
    birthday_bonus.unapplied(programme.rules, programme.benefits)
    digest = blake2b(text.encode(), digest_size=16).digest()
    with transaction.atomic():
        ProgrammeRow.objects.bulk_create([ProgrammeRow(code=programme.code)], ignore_conflicts=True)
        row = ProgrammeRow.objects.select_for_update().get(code=programme.code)
        last = Version.objects.filter(programme=row).order_by("-number").first()
        if last is None or bytes(last.digest) != digest:
            number = 1 if last is None else last.number + 1
            last = Version.objects.create(
                programme=row, number=number, text=text, digest=digest, drafted_by=str(by), drafted_at=at
            )
            trail.record(
                by=by,
                verb="loyalty.programmes.draft",
                subject=f"programme:{row.id}",
                at=at,
                after={"version": number},
            )
    return get(programme.code, last.number)


def diff(before: str, after: str) -> list[Change]:
    """What differs between two files, place by place; rules are told apart by their ids."""
    was, now = _flat(yaml.safe_load(before) or {}, ""), _flat(yaml.safe_load(after) or {}, "")
    return [
        Change(place, was.get(place), now.get(place))
        for place in [*was, *(one for one in now if one not in was)]
        if was.get(place) != now.get(place)
    ]


def needs_another(programme: Programme, cost: int) -> bool:
    """Whether what it gives in a year is above what its author may approve: the limit of the version that is active,
    for a draft may raise its own; the draft's where none is."""
    standing = _active_of(programme.code, None)
    return cost > (standing.programme if standing is not None else programme).approval_above


def untried(programme: Programme, at: datetime, *, tried: Collection[str] = ()) -> list[str]:
    """The rules and missions whose cost nobody knows: no trial can say it (`Programme.untried`), and the version in
    force does not have them just so."""
    standing = _active_of(programme.code, None)
    found = programme.untried(civil.day_of(at, civil.zone(programme.zone)), tried=tried)
    if standing is None:
        return list(found)
    before = standing.programme
    if (before.caps, before.currency.code) != (programme.caps, programme.currency.code):
        return list(found)
    missions = {one.id: one for one in before.missions}
    mine = {one.id: one for one in programme.missions}
    return [
        one for one in found if programme.by_id.get(one) != before.by_id.get(one) or mine.get(one) != missions.get(one)
    ]


def approve(
    *,
    programme: str,
    version: int,
    cost: int,
    at: datetime,
    by: Actor,
    why: str = "",
    tried: Collection[str] = (),
) -> VersionView:
    """Say that it may become active. `cost` is what a dry run over a year gave, in parts, and `tried` the rules for
    events of which it can tell the cost. Again changes nothing.

    Its author cannot where it gives more than `approval_above`, or has something new that no trial can tell the cost of
    (`untried`), with NeedsAnother; who sits at the machine itself can, and says why.
    """
    found = get(programme, version)
    if found.approved_at is not None:
        return found
    is_author = found.drafted_by == str(by)
    if is_author and not (by.kind == "system" and why):
        says = validate(found.text)
        if needs_another(says, cost):
            raise NeedsAnother(
                _("by: version %(version)s would have given %(cost)s in a year; somebody else has to approve it")
                % {"version": version, "cost": cost},
                field="by",
                value=str(by),
            )
        if unknown := untried(says, at, tried=tried):
            raise NeedsAnother(
                _("by: nobody could try what %(rules)s of version %(version)s give; somebody else has to approve it")
                % {"rules": ", ".join(unknown), "version": version},
                field="by",
                value=str(by),
            )
    with transaction.atomic():
        Approval.objects.bulk_create(
            [Approval(version_id=found.id, by=str(by), at=at, cost=cost)], ignore_conflicts=True
        )
        trail.record(
            by=by,
            verb="loyalty.programmes.approve",
            subject=f"programme:{_row(programme).id}",
            at=at,
            after={"version": version, "cost": cost},
            why=why,
        )
    return get(programme, version)


def activate(
    *, programme: str, version: int, at: datetime, by: Actor, from_at: datetime | None = None, why: str = ""
) -> VersionView:
    """From `from_at`, never before `at`, this version says what is earned. Raises NotApproved.

    What was earned before is untouched, and goes on by the version it was earned by. The kind of points is made where
    there is none; what it is called, its zone and what may stay owed are as the file says from then on (`bring_terms`).
    Raises CurrencyDiffers where another programme says otherwise of the same points.
    """
    found = get(programme, version)
    if found.approved_at is None:
        raise NotApproved(
            _("version: nobody has approved version %(version)s; have it approved") % {"version": version},
            field="version",
            value=version,
        )
    _activate(found, validate(found.text), at=at, by=by, from_at=max(from_at or at, at), why=why)
    return found


def _activate(found: VersionView, says: Programme, *, at: datetime, by: Actor, from_at: datetime, why: str) -> None:
    with transaction.atomic():
        row = ProgrammeRow.objects.select_for_update().get(code=found.programme)
        _check_currency(says)
        _make_currency(says)
        _agree(row, says, from_at)
        Activation.objects.create(programme=row, version_id=found.id, from_at=from_at, by=str(by), at=at, why=why)
        if from_at <= at:
            bring_terms(at=at, currency=says.currency.code)
        trail.record(
            by=by,
            verb="loyalty.programmes.activate",
            subject=f"programme:{row.id}",
            at=at,
            after={"version": found.number, "from": from_at.isoformat()},
            why=why,
        )


def bring_terms(*, at: datetime, currency: str | None = None) -> None:
    """What kinds of points are called, their zone and what may stay owed are as the versions say that are in force at
    that moment; of one kind where it is named. Again changes nothing. Three queries where nothing is other.

    Of programmes that give the same points the one that says something says it for all.
    """
    told: dict[str, list[Programme]] = {}
    for one in active(at):
        if currency in (None, one.programme.currency.code):
            told.setdefault(one.programme.currency.code, []).append(one.programme)
    zone = company.shop().zone
    for row in Currency.objects.filter(code__in=told):
        if _terms_of(row) != (terms := _terms(told[row.code], zone)):
            Currency.objects.filter(id=row.id).update(**vars(terms))


def roll_back(*, programme: str, at: datetime, by: Actor, why: str = "") -> VersionView:
    """What was in force before the present version came into force is so again; of what was ended, what was in force
    then. Each goes one further back, never to what was rolled back. What was to come into force later is withdrawn.
    Raises NothingToRollBack."""
    row = _row(programme)
    turns = Activation.objects.filter(programme=row, from_at__lte=at, withdrawal=None).order_by("from_at", "id")
    past = list(turns.values_list("version__number", flat=True))
    earlier = _before(past)
    if earlier is None:
        there = sorted({one for one in past if one is not None and one != past[-1]})
        told = {"programme": programme, "versions": ", ".join(str(one) for one in there)}
        said = _("programme: nothing of %(programme)s was in force before this")
        if there:
            said = _(
                "programme: nothing of %(programme)s was in force before this; to have another version again,"
                " activate it: %(versions)s"
            )
        raise NothingToRollBack(said % told, field="programme", value=programme)
    found = get(programme, earlier)
    with transaction.atomic():
        _withdraw(row, at=at, by=by)
        # What was promised once may be so again, whatever is refused of drafts since.
        _activate(found, read(found.id), at=at, by=by, from_at=at, why=why or "roll back")
    return found


def _withdraw(programme: ProgrammeRow, *, at: datetime, by: Actor) -> None:
    """What was to come into force after that moment never will."""
    ProgrammeRow.objects.select_for_update().get(id=programme.id)
    to_come = Activation.objects.filter(programme=programme, from_at__gt=at, withdrawal=None)
    for one in to_come.order_by("id").values("id", "from_at", "version__number"):
        Withdrawal.objects.create(activation_id=one["id"], by=str(by), at=at)
        trail.record(
            by=by,
            verb="loyalty.programmes.withdraw",
            subject=f"programme:{programme.id}",
            at=at,
            after={"version": one["version__number"], "from": one["from_at"].isoformat()},
        )


def _before(past: Sequence[int | None]) -> int | None:
    """The version that was in force before what is so last: of versions in the order of their turns, None where one
    was ended."""
    if not past:
        return None
    now = past[-1]
    first = len(past) - 1 if now is None else past.index(now)
    return next((one for one in reversed(past[:first]) if one is not None), None)


def end(*, programme: str, at: datetime, by: Actor, why: str = "") -> None:
    """Nothing more is earned by it; what was earned goes on. What was to come into force later is withdrawn."""
    with transaction.atomic():
        row = _row(programme)
        _withdraw(row, at=at, by=by)
        Activation.objects.create(programme=row, version=None, from_at=at, by=str(by), at=at, why=why)
        trail.record(by=by, verb="loyalty.programmes.end", subject=f"programme:{row.id}", at=at, why=why)


def every(*, at: datetime) -> list[Listed]:
    """The programmes there are. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTED, [at])
        return [Listed(*row) for row in cursor.fetchall()]


def to_come(programme: str, *, at: datetime) -> list[Turn]:
    """When which version will be what a programme says, the next first. One query."""
    rows = Activation.objects.filter(programme__code=programme, from_at__gt=at, withdrawal=None).order_by(
        "from_at", "id"
    )
    return [Turn(*row) for row in rows.values_list("version__number", "from_at", "at", "by", "why")]


def begins(day: date, *, zone: str, at: datetime) -> datetime:
    """When a version comes into force that does so on that day: when it begins there, now where it has begun already.
    Raises DayIsOver."""
    told = civil.zone(zone)
    if day < civil.day_of(at, told):
        raise DayIsOver(
            _(
                "from: %(day)s is over; write today or a later day: a version decides what is bought from then on, and"
                " what was bought before only by a batch for the past"
            )
            % {"day": day},
            field="from",
            value=str(day),
        )
    return max(civil.start_of_day(day, told), at)


def versions(programme: str) -> list[VersionView]:
    """All versions, the latest first. One query."""
    return _versions("WHERE programme.code = %s ORDER BY version.number DESC", [programme])


def activations(programme: str, *, limit: int = 50) -> list[Turn]:
    """When which version was, will be, or was to be what a programme says, the latest first. One query."""
    rows = Activation.objects.filter(programme__code=programme).order_by("-from_at", "-id")
    told = rows.values_list("version__number", "from_at", "at", "by", "why", "withdrawal__at")[:limit]
    return [Turn(*row) for row in told]


def get(programme: str, version: int) -> VersionView:
    """One version; refused where there is none."""
    found = _versions("WHERE programme.code = %s AND version.number = %s", [programme, version])
    if not found:
        raise _unknown(programme, version)
    return found[0]


def latest(programme: str) -> VersionView:
    """The version that was drafted last; refused where there is none."""
    found = versions(programme)
    if not found:
        raise _unknown(programme, None)
    return found[0]


def active(at: datetime | None = None) -> list[Active]:
    """The version of each programme that is active at that moment, by the database's clock where none is given, read.

    One query, more where a version is seen for the first time.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE, [at])
        rows = cursor.fetchall()
    return [Active(number, version, read(number)) for number, version in rows]


def events_wanted(at: datetime) -> dict[str, datetime]:
    """What has to be heard of for the versions that were in force by then, and since when. One query, more where a
    version is seen for the first time."""
    turns = Activation.objects.filter(version__isnull=False, withdrawal=None, from_at__lte=at).order_by("-from_at")
    of = turns.values_list("version_id", "from_at")
    return {name: from_at for version, from_at in of if version is not None for name in read(version).events}


def active_one(programme: str, at: datetime) -> Active:
    """The version of this programme that is active at that moment. Raises `NotActive`."""
    found = _active_of(programme, at)
    if found is None:
        raise not_active(programme)
    return found


def number_of(version: int) -> int:
    """The number of a version by its row's. One query."""
    return Version.objects.values_list("number", flat=True).get(id=version)


def is_kept_by_activity(version: int, number: int, says: Programme) -> bool:
    """Whether activity keeps points of that programme: by this version of it, or by one before it. No query where the
    version says so itself or is the first, else one where it is seen for the first time."""
    if says.expiry.kind == "activity" or number == 1:
        return says.expiry.kind == "activity"
    place = (str(connection.settings_dict["NAME"]), version)
    found = _KEPT_BY_ACTIVITY.get(place)
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(_ANY_BY_ACTIVITY, [version])
            [(found,)] = cursor.fetchall()
        _KEPT_BY_ACTIVITY[place] = found
    return found


def read(version: int) -> Programme:
    """A version by its row's number, read with what conditions can ask now. Kept: versions never change."""
    place = (str(connection.settings_dict["NAME"]), version)
    found = _READ.get(place)
    if found is None:
        text = Version.objects.values_list("text", flat=True).get(id=version)
        shop = company.shop()
        found = programme_files.read(
            text, currency=shop.currency, zone=shop.zone, customers=_with_past(text), is_kept=True
        )
        _READ[place] = found
    return found


def read_plainly(version: int) -> Programme:
    """`read`, without looking at what conditions may ask of customers: what they may ask of status rests on this."""
    place = (str(connection.settings_dict["NAME"]), version)
    found = _PLAIN.get(place)
    if found is None:
        shop = company.shop()
        text = Version.objects.values_list("text", flat=True).get(id=version)
        found = _PLAIN[place] = programme_files.read(text, currency=shop.currency, zone=shop.zone, is_kept=True)
    return found


_PLAIN: dict[tuple[str, int], Programme] = {}
#: By database and version.
_READ: dict[tuple[str, int], Programme] = {}
_KEPT_BY_ACTIVITY: dict[tuple[str, int], bool] = {}
# What the word stands for is not asked: lots say it themselves.
_ANY_BY_ACTIVITY = """
SELECT EXISTS (SELECT FROM loyalty_version AS mine JOIN loyalty_version AS before USING (programme_id)
                WHERE mine.id = %s AND before.number < mine.number AND before.text ~ '\\mactivity\\M')
"""
_LISTED = """
SELECT programme.code, (SELECT max(number) FROM loyalty_version AS version WHERE version.programme_id = programme.id),
       version.number, active.from_at
  FROM loyalty_programme AS programme
  LEFT JOIN LATERAL (SELECT version_id, from_at FROM loyalty_activation AS one
                      WHERE one.programme_id = programme.id AND one.from_at <= %s
                        AND NOT EXISTS (SELECT FROM loyalty_withdrawal AS gone WHERE gone.activation_id = one.id)
                      ORDER BY from_at DESC, id DESC LIMIT 1) AS active ON true
  LEFT JOIN loyalty_version AS version ON version.id = active.version_id
 ORDER BY programme.code
"""
_ACTIVE = """
SELECT version.id, version.number FROM loyalty_programme AS programme
 CROSS JOIN LATERAL (SELECT version_id FROM loyalty_activation AS one
                      WHERE one.programme_id = programme.id AND one.from_at <= COALESCE(%s, now())
                        AND NOT EXISTS (SELECT FROM loyalty_withdrawal AS gone WHERE gone.activation_id = one.id)
                      ORDER BY from_at DESC, id DESC LIMIT 1) AS active
  JOIN loyalty_version AS version ON version.id = active.version_id ORDER BY programme.code
"""
_VERSIONS = """
SELECT version.id, programme.code, version.number, version.text, version.drafted_by, version.drafted_at, approval.by,
       approval.at, approval.cost
  FROM loyalty_version AS version JOIN loyalty_programme AS programme ON programme.id = version.programme_id
  LEFT JOIN loyalty_approval AS approval ON approval.version_id = version.id
"""


def _versions(where: str, values: Sequence[Any]) -> list[VersionView]:
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS + where, values)
        return [VersionView(*row) for row in cursor.fetchall()]


def _unknown(programme: str, version: int | None) -> UnknownProgramme:
    named = programme[:40] if version is None else f"{programme[:40]} {version}"
    return UnknownProgramme(
        _("programme: there is no %(named)s; look at the list of programmes") % {"named": named},
        field="programme",
        value=named,
    )


def not_active(programme: str) -> NotActive:
    """A refusal of a programme by which nothing is earned now."""
    return NotActive(
        _("programme: %(programme)s is not active; activate a version first") % {"programme": programme[:40]},
        field="programme",
        value=programme[:40],
    )


def _row(programme: str) -> ProgrammeRow:
    row = ProgrammeRow.objects.filter(code=programme).first()
    if row is None:
        raise _unknown(programme, None)
    return row


def _active_of(programme: str, at: datetime | None) -> Active | None:
    return next((one for one in active(at) if one.programme.code == programme), None)


def _with_past(text: str) -> Vocabulary:
    """What can be asked now, with every audience that the text names: what is active goes on when one is archived."""
    words = vocabulary.current()
    named = {word.strip("'\"{}[], ") for word in text.split() if "aud_" in word}
    return Vocabulary(words.fields, words.collections, words.currency, dict.fromkeys(named, "") | dict(words.audiences))


def _check_currency(programme: Programme) -> None:
    there = Currency.objects.filter(code=programme.currency.code).values_list("scale", flat=True).first()
    if there is not None and there != programme.currency.scale:
        raise CurrencyDiffers(
            _("currency.decimals: %(code)s have %(scale)s decimals already; write that, or another code")
            % {"code": programme.currency.code, "scale": there},
            field="currency.decimals",
            value=programme.currency.scale,
        )


def _make_currency(programme: Programme) -> None:
    """What it gives, where there is none yet, as it says; locked, so that programmes of the same agree one by one."""
    told, terms = programme.currency, _terms([programme], company.shop().zone)
    Currency.objects.bulk_create([Currency(code=told.code, scale=told.scale, **vars(terms))], ignore_conflicts=True)
    # Whoever opens accounts meanwhile does not wait.
    Currency.objects.select_for_update(no_key=True).get(code=told.code)


@dataclass(frozen=True)
class _Terms:
    """What programmes say of a kind of points."""

    titles: dict[str, str]
    zone: str
    debt_limit: int | None


def _terms_of(row: Currency) -> _Terms:
    return _Terms(row.titles, row.zone, row.debt_limit)


def _terms(programmes: Sequence[Programme], zone: str) -> _Terms:
    """What these say together; `zone` is the shop's. Who keeps to what is so without a word says nothing."""
    named = [one for one in programmes if not _is_unnamed(one)] or programmes
    zones = [one.zone for one in programmes]
    limits = [one.debt_limit for one in programmes if one.debt_limit is not None]
    return _Terms(
        dict(named[0].currency.titles),
        next((one for one in zones if one != zone), zones[0]),
        min(limits, default=None),
    )


def _is_unnamed(programme: Programme) -> bool:
    return set(programme.currency.titles.values()) == {programme.currency.code}


def _agree(row: ProgrammeRow, says: Programme, from_at: datetime) -> None:
    """Refuses what another programme, in force then or later, says otherwise of the same points."""
    later = Activation.objects.filter(from_at__gt=from_at, version__isnull=False, withdrawal=None).exclude(
        programme=row
    )
    others = [one.programme for one in active(from_at)]
    others += [read(version) for version in later.values_list("version_id", flat=True)]
    zone = company.shop().zone
    for other in others:
        if other.code == says.code or other.currency.code != says.currency.code:
            continue
        names = " / ".join(says.currency.titles.values()), " / ".join(other.currency.titles.values())
        told = (
            ("debt.limit", says.debt_limit, other.debt_limit, None in (says.debt_limit, other.debt_limit)),
            ("zone", says.zone, other.zone, zone in (says.zone, other.zone)),
            ("currency.name", *names, any(_is_unnamed(one) for one in (says, other))),
        )
        for field, mine, theirs, is_silent in told:
            if mine != theirs and not is_silent:
                raise CurrencyDiffers(
                    _(
                        "%(field)s: %(programme)s gives the same points and says %(theirs)s; say the same, leave it"
                        " out in one of them, or give points of another code"
                    )
                    % {"field": field, "programme": other.code, "theirs": theirs},
                    field=field,
                    value=mine,
                )


def _flat(told: object, place: str) -> dict[str, str]:
    if isinstance(told, Mapping):
        return {
            key: value
            for name, one in told.items()
            for key, value in _flat(one, f"{place}.{name}" if place else str(name)).items()
        }
    if isinstance(told, list) and told and all(isinstance(one, Mapping) and "id" in one for one in told):
        return {key: value for one in told for key, value in _flat(one, f"{place}[{one['id']}]").items()}
    if isinstance(told, list):
        # As the file writes it.
        return {
            place: yaml.safe_dump(
                told, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6
            ).strip()
        }
    return {place: str(told)}
