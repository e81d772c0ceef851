"""The report's sections: each a title, some words, a drawing and its table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from regulars.insight.measures import segments
from regulars.insight.measures.estimates import Estimate
from regulars.oversight.reporting import charts, estimates, formats
from regulars.oversight.reporting._report_words import Words
from regulars.oversight.reporting.charts import Cell, Point, Series
from regulars.oversight.reporting.shop_report import LAPSING_SHOWN

#: How much of a long history the charts show.
MONTHS_SHOWN = 36
COHORTS_SHOWN = 13
OFFSETS_SHOWN = 12
NARROW_OFFSETS = 5


@dataclass(frozen=True)
class Table:
    """`numeric` says of each column whether its cells stand on the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]

    def cells(self) -> list[list[tuple[str, str, bool]]]:
        return [list(zip(self.heads, row, self.numeric, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Section:
    title: str
    words: Sequence[str] = ()
    chart: SafeString | None = None
    table: Table | None = None
    is_table_folded: bool = True
    after: Sequence[str] = field(default_factory=tuple)


class Sections(Words):
    """Builds them, in the order of the page."""

    def all(self) -> list[Section]:
        """Those that this shop has something to say in."""
        has_customers, has_orders = self.overview["customers"] > 0, self.overview["all_orders"]
        return [
            *(self.return_sections() if has_customers else ()),
            *([self.months()] if has_orders else ()),
            *([self.groups(), self.lapsing()] if has_customers else ()),
            *([self.returns()] if has_orders else ()),
        ]

    def point(self, label: str, share: Estimate) -> str:
        if share.value is None or share.low is None or share.high is None:
            return self.say("point_unknown", label=label)
        low, high = formats.percent(share.low), formats.percent(share.high)
        return self.say("point", label=label, share=formats.percent(share.value), low=low, high=high)

    def sure(self, share: Estimate) -> str:
        """The share and, in brackets, its interval."""
        told = estimates.written(share, self.currency)
        return f"{told.value} ({told.sure})" if told.is_known else "–"

    def drawn(self, draw: Callable[[int], str]) -> SafeString:
        # Vega escapes every text it writes; the tests put tags into them.
        return mark_safe(charts.figure(draw(charts.WIDE), draw(charts.NARROW)))  # noqa: S308

    def return_sections(self) -> list[Section]:
        rate = self.report.shop["repeat_rate"]
        curve = rate["curve"]
        words = [self.say("p_return")]
        customers = rate["came_back"].n
        if rate["newcomers"] and customers > 1:
            words.append(
                self.say(
                    "p_newcomers",
                    newcomers=formats.number(rate["newcomers"]),
                    n=formats.number(customers),
                    days=rate["newcomer_days"],
                    as_of=self.day(self.overview["as_of"]),
                )
            )
        sections = []
        known = [p for p in curve if not p["back"].lack]
        if len(known) < len(curve) and known:
            words.append(self.say("p_unwatched", days=known[-1]["days"]))
        if known and customers > 1:
            backs = [(p["days"], p["back"]) for p in curve]
            points = [Point(str(days), back.value, back.low or 0, back.high or 0, back.n) for days, back in backs]
            alt = self.say("alt_return", points="; ".join(self.point(self.days(days), back) for days, back in backs))
            axis, across = self.say("axis_return"), self.say("across_return")
            chart = self.drawn(lambda width: charts.line(points, alt_text=alt, axis=axis, across=across, width=width))
            sections.append(Section(self.say("h_return"), words, chart))
        return [*sections, *self.cohorts()]

    def cohorts(self) -> list[Section]:
        retention = self.report.shop["retention"]
        cohorts = retention["cohorts"]
        if not any(len(c["cells"]) > 1 for c in cohorts):
            return [Section(self.say("h_cohorts"), [self.say("too_short")])]
        return [self.cohort_rate(retention), self.cohort_squares(retention)]

    def cohort_rate(self, retention: Mapping[str, Any]) -> Section:
        cohorts = retention["cohorts"][-MONTHS_SHOWN:]
        is_open, last = retention["last_month_is_incomplete"], retention["last_month"]
        points = [
            Point(
                self.month(c["month"]),
                c["came_back"].value,
                c["came_back"].low,
                c["came_back"].high,
                c["customers"],
                is_incomplete=is_open and c["month"] == last,
            )
            for c in cohorts
        ]
        said = "; ".join(self.point(self.month(c["month"]), c["came_back"]) for c in cohorts)
        alt, axis = self.say("alt_cohort_rate", points=said), self.say("axis_cohort_rate")
        rows = [
            [
                self.month(c["month"]),
                formats.number(c["customers"]),
                formats.number(c["came_back"].count),
                formats.percent(c["came_back"].value),
                f"{formats.percent(c['came_back'].low)} – {formats.percent(c['came_back'].high)}",
            ]
            for c in cohorts
        ]
        heads = [self.say("th_month"), self.say("th_new"), self.say("returning"), "%", "95 %"]
        shown = [self.say("latest_only", n=MONTHS_SHOWN)] if len(cohorts) < len(retention["cohorts"]) else []
        return Section(
            self.say("h_cohort_rate"),
            [self.say("p_cohort_rate"), *shown],
            self.drawn(lambda width: charts.line(points, alt_text=alt, axis=axis, width=width)),
            Table(heads, rows, [False, True, True, True, True]),
        )

    def cohort_squares(self, retention: Mapping[str, Any]) -> Section:
        cohorts = [c for c in retention["cohorts"][-COHORTS_SHOWN:] if len(c["cells"]) > 1]
        rows = {c["month"]: f"{self.month(c['month'])} · {formats.number(c['customers'])}" for c in cohorts}

        def draw(width: int) -> str:
            most = OFFSETS_SHOWN if width >= charts.TURN else NARROW_OFFSETS
            reach = min(most, max(len(c["cells"]) for c in cohorts) - 1)
            cells = [
                Cell(
                    rows[c["month"]],
                    str(cell["offset"]),
                    cell["active"].value,
                    formats.whole_percent(cell["active"].value),
                    formats.number(cell["active"].count),
                    cell["is_incomplete"],
                )
                for c in cohorts
                for cell in c["cells"][1 : reach + 1]
            ]
            columns = [str(offset) for offset in range(1, reach + 1)]
            across = self.say("across_cohorts")
            return charts.heatmap(list(rows.values()), columns, cells, alt_text=alt, across=across, width=width)

        said = " ".join(
            self.say(
                "cohort_row",
                month=self.month(c["month"]),
                n=formats.number(c["customers"]),
                cells=", ".join(
                    f"{cell['offset']}: {formats.whole_percent(cell['active'].value)}" for cell in c["cells"][1:]
                ),
            )
            for c in cohorts
        )
        alt = self.say("alt_cohorts", rows=said)
        is_open = retention["last_month_is_incomplete"]
        incomplete = self.say("p_incomplete", month=self.month(retention["last_month"])) if is_open else ""
        shown = [self.say("latest_only", n=COHORTS_SHOWN)] if len(retention["cohorts"]) > COHORTS_SHOWN else []
        table = Table(
            [self.say("th_month"), "+", "n", "%", "95 %"],
            [
                [
                    self.month(c["month"]),
                    str(cell["offset"]),
                    formats.number(cell["active"].count),
                    formats.percent(cell["active"].value),
                    f"{formats.percent(cell['active'].low)} – {formats.percent(cell['active'].high)}",
                ]
                for c in cohorts
                for cell in c["cells"][1 : OFFSETS_SHOWN + 1]
            ],
            [False, True, True, True, True],
        )
        words = [self.say("p_cohorts", incomplete=incomplete), *shown]
        return Section(self.say("h_cohorts"), words, self.drawn(draw), table)

    def months(self) -> Section:
        found = self.report.shop["months"]
        months = found["months"][-MONTHS_SHOWN:]
        labels = [self.month(m["month"]) for m in months]
        parts = {
            "returning": ("accent", "returning_minor"),
            "first_time": ("soft", "new_minor"),
            "guests": ("sand", "guest_minor"),
        }
        if not any(m["guest_minor"] for m in months):
            del parts["guests"]
        largest = max(sum(max(m[column], 0) for _, column in parts.values()) for m in months)
        unit, letters = formats.axis_unit(largest, self.currency)
        tones: dict[str, charts.Tone] = {"returning": "accent", "first_time": "soft", "guests": "sand"}
        series = [
            Series(self.say(key), tones[key], [m[column] / unit for m in months]) for key, (_, column) in parts.items()
        ]
        said = "; ".join(
            self.say(
                "months_point",
                month=self.month(m["month"]),
                returning=self.money(m["returning_minor"]),
                first_time=self.money(m["new_minor"]),
            )
            for m in months
        )
        alt, axis = self.say("alt_months", points=said), self.say("axis_months", currency=self.currency)
        chart = self.drawn(
            lambda width: charts.bars(labels, series, alt_text=alt, axis=axis, suffix=letters, width=width)
        )
        heads = [
            self.say("th_month"),
            self.say("th_orders"),
            self.say("th_new"),
            *(self.say(key) for key in parts),
            self.say("th_returned"),
        ]
        rows = [
            [
                label,
                formats.number(m["orders"] + m["guest_orders"]),
                formats.number(m["new_customers"]),
                *(self.money(m[column]) for _, column in parts.values()),
                self.money(m["returned_minor"]),
            ]
            for label, m in zip(labels, months, strict=True)
        ]
        is_open = found["last_month_is_incomplete"]
        incomplete = self.say("p_months_incomplete", month=labels[-1]) if is_open else ""
        shown = [self.say("latest_only", n=MONTHS_SHOWN)] if len(found["months"]) > MONTHS_SHOWN else []
        words = [self.say("p_months", incomplete=incomplete), *shown]
        return Section(self.say("h_months"), words, chart, Table(heads, rows, [False, *[True] * (len(heads) - 1)]))

    def groups(self) -> Section:
        grid = self.report.shop["rfm_grid"]
        if grid["is_too_small"]:
            few = self.say("too_few_to_group", n=formats.number(grid["customers"]), needed=grid["needed"])
            return Section(self.say("h_groups"), [few])
        names = {segment.name: getattr(segment, self.language).name for segment in segments.SEGMENTS}

        def cells(width: int) -> list[Cell]:
            return [
                Cell(
                    str(c["r"]),
                    str(c["f"]),
                    c["share"].value,
                    formats.number(c["customers"]),
                    names[c["segment"]].replace(" ", "\n", 1) if width < charts.TURN else names[c["segment"]],
                )
                for c in grid["cells"]
            ]

        said = "; ".join(
            self.say(
                "groups_point",
                name=names[s["segment"]],
                n=formats.number(s["customers"]),
                share=formats.percent(s["share"].value),
            )
            for s in grid["segments"]
        )
        alt = self.say("alt_groups", points=said)
        chart = self.drawn(
            lambda width: charts.grid(
                [str(r) for r in (5, 4, 3, 2, 1)],
                [str(f) for f in (1, 2, 3, 4, 5)],
                cells(width),
                alt_text=alt,
                across=self.say("across_groups"),
                down=self.say("down_groups"),
                width=width,
            )
        )
        by_name = {s["segment"]: s for s in grid["segments"]}
        rows = []
        for segment in segments.SEGMENTS:
            found = by_name[segment.name]
            rows.append(
                [
                    names[segment.name],
                    formats.number(found["customers"]),
                    self.sure(found["share"]),
                    self.money(found["spend_minor"]),
                    self.sure(found["spend_share"]),
                    segment.advice_zh if self.language == "zh" else segment.advice_en,
                ]
            )
        heads = [
            self.say(key) for key in ("th_group", "th_customers", "th_share", "th_spend", "th_spend_share", "th_advice")
        ]
        table = Table(heads, rows, [False, True, True, True, True, False])
        return Section(self.say("h_groups"), [self.say("p_groups")], chart, table, is_table_folded=False)

    def lapsing(self) -> Section:
        count = self.report.shop["regulars_at_stake"]["lapsing"].count
        if not count:
            regulars = self.report.shop["regulars_at_stake"]["regulars"].count
            return Section(self.say("h_lapsing"), [self.say("no_lapsing" if regulars else "no_regulars")])
        shown = self.report.lapsing[:LAPSING_SHOWN]
        heads = [self.say(key) for key in ("th_customer", "th_last", "th_rhythm", "th_since", "th_value")]
        rows = [
            [
                regular.ref,
                self.day(regular.last_on),
                self.days(regular.typical_gap_days),
                self.days(regular.recency_days),
                self.money(regular.at_stake_minor),
            ]
            for regular in shown
        ]
        more = (
            [self.say("p_lapsing_more", shown=formats.number(len(shown)), n=formats.number(count))]
            if count > len(shown)
            else []
        )
        return Section(
            self.say("h_lapsing"),
            [self.say("p_lapsing"), *more],
            table=Table(heads, rows, [False, True, True, True, True]),
            is_table_folded=False,
        )

    def returns(self) -> Section:
        overview = self.overview
        if not overview["returns"]:
            return Section(self.say("h_returns"), [self.say("no_returns")])
        words = [
            self.say(
                "p_returns",
                n=formats.number(overview["returns"]),
                money=self.money(overview["returns_minor"]),
                matched=self.money(overview["matched_minor"]),
                share=self.sure(overview["returned_share"]),
            )
        ]
        if overview["unmatched_returns_minor"]:
            words.append(self.say("p_unmatched", money=self.money(overview["unmatched_returns_minor"])))
        return Section(self.say("h_returns"), words)
