"""What was concluded of the shop: figures with their intervals, groups and how customers moved, and past refreshes."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Path, Query, Router

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey
from regulars.doors.api.v1.problems import NotFound
from regulars.insight.audiences import audiences, exploring
from regulars.insight.measures import readings, runs, series
from regulars.insight.measures.estimates import Estimate
from regulars.insight.measures.exploring import EVERYBODY
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.series import Point, Series
from regulars.kit.refusals import Refusal

router = Router(tags=["insight"])

GroupName = Literal["champions", "loyal", "promising", "new", "cooling", "wavering", "at_risk", "must_keep", "sleeping"]
OfGroup = Annotated[GroupName | None, Query(description="One of the groups, as it is today; everybody without it.")]


OfAudience = Annotated[
    str | None,
    Query(
        max_length=60,
        description="Of the members of an audience, by its id, once they were counted: "
        "`POST /audiences/{id}/figures` asks for that.",
    ),
]


class NothingConcludedYet(NotFound):
    """Nobody has refreshed the insight since the shop began."""

    code = "insight.none_yet"


class NotCountedYet(NotFound):
    """Nobody asked for the figures of this audience, or they are still being counted."""

    code = "insight.not_counted_yet"


class OneOfBoth(Refusal):
    """Figures are of a group or of an audience, not of those who are in both."""

    code = "insight.group_or_audience"


class UnknownFigure(NotFound):
    """No figure has this name."""

    code = "insight.unknown_figure"


class UnknownRun(NotFound):
    """No refresh has this number, or it was too long ago."""

    code = "insight.unknown_run"


class EstimateOut(exact.Shown):
    """A number with what it rests on. Null with the reason in `lacks`; of an exact one both ends are the value.

    `unit` is `money` (then `currency` says whose), share, count, days, months, years, number or times. `is_open`: it
    may be more than `high` as well, for nothing was watched for longer. `factors` are the numbers it was made of.
    """

    value: str | None
    low: str | None
    high: str | None
    n: int
    of: str
    unit: str
    currency: str | None
    is_exact: bool
    is_open: bool
    lacks: str | None
    factors: "dict[str, EstimateOut]"


class AtOut(exact.Shown):
    """One span of days, both included. `is_over` is false for a month that runs. Null where the group had nobody."""

    start_on: date
    end_on: date
    is_over: bool
    estimate: EstimateOut | None


class FigureOut(exact.Shown):
    """A figure over the last 365 days and month by month, oldest first."""

    figure: str
    name_en: str
    name_zh: str
    meaning_en: str
    meaning_zh: str
    group: str | None
    audience: str | None
    as_of: date
    computed_at: datetime
    year: AtOut
    months: list[AtOut]


class FiguresOut(exact.Shown):
    """All figures, without their months."""

    items: list[FigureOut]


class GroupAfterOut(exact.Shown):
    """Of those who were in the group, how many bought in the days that followed."""

    group: str
    bought: EstimateOut


class GroupMoveOut(exact.Shown):
    """`from_group` is null for those who were not customers yet; `share` is of all who were in it."""

    from_group: str | None
    to_group: str
    customers: int
    share: EstimateOut


class MovesOut(exact.Shown):
    """One month: where everybody was at its beginning and at its end."""

    month: date
    moves: list[GroupMoveOut]


class GroupSizeOut(exact.Shown):
    """How many are in the group."""

    group: str
    customers: int


class StoreVisitsOut(exact.Shown):
    """Customers who in the last 365 days were in a store on no day (`never`), on one or two (`sometimes`), on three or
    more (`often`), to buy or to look; and the groups they are in."""

    visits: str
    customers: int
    groups: list[GroupSizeOut]


class GroupsOut(exact.Shown):
    """What became of groups as they stood on `after_as_of`, within `after_days`; and the moves of the last months."""

    as_of: date
    after_as_of: date | None
    after_days: int | None
    after: list[GroupAfterOut]
    months: list[MovesOut]
    by_store_visits: list[StoreVisitsOut]


class InsightRunOut(exact.Shown):
    """One refresh: what computed it, seen from which day, and the figures of everybody over the 365 days up to it."""

    number: int
    computed_at: datetime
    as_of: date
    engine: str
    customers: int
    changed: int
    figures: dict[str, EstimateOut]


class InsightRunsOut(exact.Shown):
    """The newest runs, newest first."""

    items: list[InsightRunOut]


class DifferenceOut(exact.Shown):
    """One figure in two runs; `is_clear` where both are exact and differ, or their intervals do not touch."""

    figure: str
    earlier: EstimateOut | None
    later: EstimateOut | None
    is_clear: bool


class RunsComparedOut(exact.Shown):
    """Two runs side by side."""

    earlier: int
    later: int
    differences: list[DifferenceOut]


@router.get("/insight/figures", auth=ApiKey("insight.read"), response=FiguresOut, operation_id="list_figures")
def list_figures(request: HttpRequest, group: OfGroup = None, audience: OfAudience = None) -> FiguresOut:
    """Every figure over the last 365 days, of everybody, of a group, or of an audience."""
    found = _all_of(group, audience)
    return FiguresOut(items=[_figure(one, group, audience, with_months=False) for one in found])


@router.get("/insight/figures/{name}", auth=ApiKey("insight.read"), response=FigureOut, operation_id="get_figure")
def get_figure(
    request: HttpRequest,
    name: Annotated[str, Path(max_length=60)],
    group: OfGroup = None,
    audience: OfAudience = None,
) -> FigureOut:
    """One figure over the last 365 days and month by month."""
    if name not in {one.name for one in FIGURES}:
        raise UnknownFigure(_("%(name)s is no figure; see the list of figures") % {"name": repr(name)}, field="name")
    found = next((one for one in _all_of(group, audience) if one.name == name), None)
    if found is None and audience is not None:
        raise UnknownFigure(_("%(name)s is told of the whole shop alone") % {"name": repr(name)}, field="name")
    if found is None:
        raise none_yet()
    return _figure(found, group, audience, with_months=True)


@router.get("/insight/groups", auth=ApiKey("insight.read"), response=GroupsOut, operation_id="get_groups")
def get_groups(request: HttpRequest) -> GroupsOut:
    """What became of each group of customers, and who moved between them in the last months."""
    after, moves, visits = (readings.shop(name) for name in ("afterwards", "moves", "rfm_by_visits"))
    if after is None or moves is None:
        raise none_yet()
    is_grouped = bool(after.value["segments"])
    return GroupsOut(
        as_of=after.as_of,
        after_as_of=date.fromisoformat(after.value["as_of"]) if is_grouped else None,
        after_days=after.value["days"] if is_grouped else None,
        after=[
            GroupAfterOut(group=row["segment"], bought=told_exactly(row["bought"], after.currency))
            for row in after.value["segments"]
        ],
        months=[
            MovesOut(
                month=date.fromisoformat(month["month"]),
                moves=[
                    GroupMoveOut(
                        from_group=row["from"] or None,
                        to_group=row["to"],
                        customers=row["customers"],
                        share=told_exactly(row["share"], moves.currency),
                    )
                    for row in month["rows"]
                ],
            )
            for month in moves.value["months"]
        ],
        by_store_visits=[
            StoreVisitsOut(
                visits=name,
                customers=told["customers"],
                groups=[GroupSizeOut(group=one["segment"], customers=one["customers"]) for one in told["segments"]],
            )
            for name, told in ({} if visits is None else visits.value["bins"]).items()
        ],
    )


@router.get("/insight/runs", auth=ApiKey("insight.read"), response=InsightRunsOut, operation_id="list_insight_runs")
def list_insight_runs(request: HttpRequest, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> InsightRunsOut:
    """The newest refreshes and what the shop came to in each."""
    return InsightRunsOut(
        items=[
            InsightRunOut(
                number=run.number,
                computed_at=run.computed_at,
                as_of=run.as_of,
                engine=run.engine,
                customers=run.customers,
                changed=run.changed,
                figures={name: told_exactly(one, run.currency) for name, one in run.figures.items()},
            )
            for run in runs.latest(limit)
        ]
    )


RunNumber = Annotated[int, Path(ge=1, le=2**62)]


@router.get(
    "/insight/runs/{earlier}/{later}",
    auth=ApiKey("insight.read"),
    response=RunsComparedOut,
    operation_id="compare_insight_runs",
)
def compare_insight_runs(request: HttpRequest, earlier: RunNumber, later: RunNumber) -> RunsComparedOut:
    """Two refreshes side by side."""
    found = {number: runs.of(number) for number in (earlier, later)}
    one, other = found[earlier], found[later]
    if one is None or other is None:
        lacking = "earlier" if one is None else "later"
        number = {"number": earlier if one is None else later}
        raise UnknownRun(_("%(number)s is no run; see the list of runs") % number, field=lacking)
    return RunsComparedOut(
        earlier=earlier,
        later=later,
        differences=[
            DifferenceOut(
                figure=each.name,
                earlier=None if each.earlier is None else told_exactly(each.earlier, one.currency),
                later=None if each.later is None else told_exactly(each.later, other.currency),
                is_clear=each.is_clear,
            )
            for each in runs.compared(one, other)
        ],
    )


def none_yet() -> NothingConcludedYet:
    """What is answered before the first refresh."""
    return NothingConcludedYet(_("nothing was computed yet; refresh the insight"))


def _all_of(group: str | None, audience: str | None) -> Sequence[Series]:
    if audience is None:
        return series.all_of(group or EVERYBODY)
    if group is not None:
        raise OneOfBoth(_("audience: ask for a group or for an audience, not for both"), field="audience")
    found = exploring.of(audiences.by_public_id(audience).number)
    if found is None or not found.figures:
        raise NotCountedYet(
            _("audience: its figures were not counted yet; POST to its /figures and ask again in a moment"),
            field="audience",
        )
    return found.figures


def _figure(found: Series, group: str | None, audience: str | None, *, with_months: bool) -> FigureOut:
    about = next(one for one in FIGURES if one.name == found.name)
    return FigureOut(
        figure=found.name,
        name_en=about.en.name,
        name_zh=about.zh.name,
        meaning_en=about.en.meaning,
        meaning_zh=about.zh.meaning,
        group=group,
        audience=audience,
        as_of=found.as_of,
        computed_at=found.computed_at,
        year=_at(found.year, found.currency),
        months=[_at(at, found.currency) for at in found.months] if with_months else [],
    )


def _at(at: Point, currency: str) -> AtOut:
    return AtOut(
        start_on=at.span.start_on,
        end_on=at.span.end_on,
        is_over=at.span.is_over,
        estimate=None if at.estimate is None else told_exactly(at.estimate, currency),
    )


def told_exactly(estimate: Estimate, currency: str) -> EstimateOut:
    """An estimate as programs get it; money is of `currency`."""

    def text(value: float | None) -> str | None:
        if value is None:
            return None
        if estimate.unit == "money":
            return exact.shown(int(value), currency)
        return format(Decimal(str(round(value, 6))).normalize(), "f")

    return EstimateOut(
        value=text(estimate.value),
        low=text(estimate.low),
        high=text(estimate.high),
        n=estimate.n,
        of=estimate.of,
        unit=estimate.unit,
        currency=currency if estimate.unit == "money" else None,
        is_exact=estimate.is_exact,
        is_open=estimate.is_open,
        lacks=estimate.lack,
        factors={name: told_exactly(one, currency) for name, one in estimate.factors.items()},
    )
