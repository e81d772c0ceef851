"""Who has which benefit at a moment, by every source, and what of it is used: read, never written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from regulars.facts.customers import customers, persons
from regulars.kit import civil
from regulars.kit.money import Money
from regulars.levers.loyalty import programmes, tiers
from regulars.levers.loyalty._benefits.rows import BenefitGift, BenefitUse
from regulars.levers.loyalty._benefits.values import BenefitView, Entitlement, GivenBy
from regulars.levers.loyalty._earning.rows import Programme as ProgrammeRow
from regulars.levers.loyalty._memberships import state as membership_state
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import benefit_terms
from regulars.levers.loyalty.rules.benefit_terms import Span
from regulars.levers.loyalty.tiers import Status

#: The day of a use, the slot it took, from when on that counts, and the source.
_Use = tuple[date, int | None, date | None, str]


class Standing:
    """What one person has at a moment, read with as few questions as the benefits in force need."""

    def __init__(self, person: int, at: datetime, standing: Sequence[Status] | None = None) -> None:
        self.person, self.at, self.standing = person, at, standing
        self.records = persons.asked([person])
        self.active = programmes.active(at)
        self.saved: dict[str, Money] = {}
        self.used = self._used()
        self.numbers = dict(ProgrammeRow.objects.values_list("code", "id")) if self._has_any() else {}
        self._joined: date | None = None

    def _used(self) -> Mapping[tuple[str, str, str], list[_Use]]:
        """What counts of each benefit and source. What a plan gave counts for the membership, too, whatever plan it
        becomes."""
        found: dict[tuple[str, str, str], list[_Use]] = {}
        rows = BenefitUse.objects.filter(record_id__in=self.records, given_back_at__isnull=True).order_by("id")
        columns = (
            "programme__code",
            "benefit",
            "source",
            "membership_id",
            "on",
            "slot",
            "counts_from",
            "saved_minor",
            "saved_currency",
        )
        for code, benefit, source, member, on, slot, begun, minor, currency in rows.values_list(*columns):
            found.setdefault((code, benefit, source), []).append((on, slot, begun, source))
            if member is not None:
                found.setdefault((code, benefit, _of_membership(member)), []).append((on, slot, begun, source))
            if currency:
                self.saved[currency] = self.saved.get(currency, Money.zero(currency)) + Money(minor, currency)
        return found

    def _has_any(self) -> bool:
        return any(one.programme.benefits for one in self.active)

    def all(self) -> list[Entitlement]:
        return [*self._by_tiers(), *self._by_plans(), *self._by_gifts()]

    def slots(self, one: Entitlement) -> set[int]:
        """Those of the entitlement's present time that are taken."""
        mine = self._counted(one.view, one.source, one.membership)
        return {slot for _on, slot, begun, _source in mine if slot is not None and begun == one.counts_from}

    def _counted(self, view: BenefitView, source: str, membership: int | None) -> list[_Use]:
        code, benefit = view.programme, view.benefit.id
        mine = self.used.get((code, benefit, source), [])
        if membership is None:
            return mine
        whole = self.used.get((code, benefit, _of_membership(membership)), [])
        return [*mine, *(one for one in whole if one[3] != source)]

    def _by_tiers(self) -> Iterable[Entitlement]:
        views = [view for one in self.active for view in in_force(one.programme, one.version) if view.benefit.levels]
        if not views:
            return
        standing: dict[str, dict[str, Status]] = {}
        for status in tiers.of(customer=self.person, at=self.at) if self.standing is None else self.standing:
            standing.setdefault(status.set.programme, {})[status.set.tiers.id] = status
        for view in views:
            here = standing.get(view.programme, {})
            right = view.benefit.on({name: status.rank for name, status in here.items()})
            if right is None:
                continue
            status = here[right.on.tiers]
            falls = status.next_on if _falls_below(status, right.on.rank) else None
            yield self._entitled(
                view,
                "tier",
                "tier",
                f"{right.on.tiers}.{status.level}",
                status.since,
                falls,
                right.most,
                self._span(view, None),
            )

    def _by_plans(self) -> Iterable[Entitlement]:
        found: set[tuple[str, str]] = set()
        for row in membership_state.living(self.records):
            one = membership_state.at(row, self.at)
            place = (row.programme.code, one.plan.id)
            # Of two records that are one person each may have brought the same plan: it is had once.
            if not one.gives or place in found:
                continue
            found.add(place)
            version = row.version_id if one.plan.id == row.plan else row.wants_version_id or row.version_id
            says = programmes.read_plainly(version)
            self.numbers[says.code] = row.programme_id
            views = {view.benefit.id: view for view in in_force(says, version)}
            for told in one.plan.benefits:
                view = views[told.benefit]
                yield self._entitled(
                    view,
                    f"plan:{one.plan.id}",
                    "plan",
                    one.plan.id,
                    one.joined_on,
                    one.until_known,
                    told.most,
                    self._span(view, Span(one.uses_from, one.until)),
                    membership=row.id,
                )

    def _by_gifts(self) -> Iterable[Entitlement]:
        rows = BenefitGift.objects.filter(record_id__in=self.records, withdrawn_at__isnull=True).order_by("id")
        for row in rows:
            view = self._given(row)
            today = civil.day_of(self.at, civil.zone(view.zone))
            if row.since_on <= today and (row.until_on is None or today < row.until_on):
                yield self._entitled(
                    view,
                    f"gift:{row.id}",
                    "partner" if row.partner else "gift",
                    row.partner or row.reason,
                    row.since_on,
                    row.until_on,
                    row.most,
                    benefit_terms.ALWAYS,
                    is_once=True,
                )

    def _given(self, row: BenefitGift) -> BenefitView:
        """The benefit as it was when it was given."""
        says = programmes.read_plainly(row.version_id)
        self.numbers[says.code] = row.programme_id
        return next(view for view in in_force(says, row.version_id) if view.benefit.id == row.benefit)

    def _entitled(
        self,
        view: BenefitView,
        source: str,
        given_by: GivenBy,
        because: str,
        since: date | None,
        until: date | None,
        most: int | None,
        span: Span,
        *,
        is_once: bool = False,
        membership: int | None = None,
    ) -> Entitlement:
        benefit = view.benefit
        counted = [on for on, *_rest in self._counted(view, source, membership) if on >= span.since]
        frees = None
        if most is not None and len(counted) >= most and not is_once:
            frees = benefit_terms.frees_on(benefit.per, benefit.months, counted, most, span)
        return Entitlement(
            view=view,
            source=source,
            given_by=given_by,
            because=because,
            since=since,
            until=until,
            most=most,
            used=len(counted),
            counts_from=span.since,
            counts_until=until if is_once else span.until,
            frees_on=frees,
            membership=membership,
        )

    def _span(self, view: BenefitView, paid: Span | None) -> Span:
        today, benefit = civil.day_of(self.at, civil.zone(view.zone)), view.benefit
        joined = self._joined_on(view) if benefit.per == "anniversary" else today
        return benefit_terms.span(benefit.per, benefit.months, today, joined=joined, paid=paid)

    def _joined_on(self, view: BenefitView) -> date:
        if self._joined is None:
            seen = customers.get(self.person).first_seen_at
            self._joined = civil.day_of(seen or self.at, civil.zone(view.zone))
        return self._joined


def in_force(says: Programme, version: int) -> list[BenefitView]:
    """The benefits of a version."""
    return [BenefitView(says.code, one, says.money, says.zone, version) for one in says.benefits]


def _of_membership(number: int) -> str:
    return f"membership:{number}"


def first(one: Entitlement) -> tuple[bool, date, str]:
    """Of several that give the same, by which order they are taken from."""
    ends = [day for day in (one.until, one.counts_until) if day is not None]
    return (one.most is not None, min(ends, default=date.max), one.source)


def _falls_below(status: Status, rank: int) -> bool:
    """Whether, if nothing else happens, their next level is under that rank."""
    return status.next_on is not None and status.set.tiers.rank(status.next_level or "") < rank
