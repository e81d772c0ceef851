"""The page for a shop's owner: who the regulars are and who is slipping away, in one self-contained HTML file.

Renders values; computes nothing but their form. Every text from a file is escaped: by Django in the template, by Vega
in charts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from regulars.insight.measures import catalogue, segments
from regulars.kit.languages import Language
from regulars.oversight.reporting import charts, formats
from regulars.oversight.reporting._report_texts import TEXTS
from regulars.oversight.reporting.charts import Cell, Point, Series

#: How much of a long history the charts show.
MONTHS_SHOWN = 36
COHORTS_SHOWN = 13
OFFSETS_SHOWN = 12
NARROW_OFFSETS = 5
LAPSING_SHOWN = 25
#: Measures whose words are explained at the end, in this order.
EXPLAINED = (
    "repeat_rate",
    "is_regular",
    "is_lapsing",
    "typical_gap_days",
    "at_stake_minor",
    "retention",
    "spend_minor",
)


#: What neither the file nor whoever asked has said, so that it was taken for granted.
Assumed = Literal["currency", "zone", "language"]


@dataclass(frozen=True)
class LapsingRegular:
    """One line of the list: `ref` is what the shop itself calls the customer."""

    ref: str
    last_on: date
    typical_gap_days: float
    recency_days: int
    at_stake_minor: int


@dataclass(frozen=True)
class FileNotes:
    """What reading the file came to. `reasons` are the rejected rows by reason, most first, in the reader's words."""

    name: str
    rows: int
    rejected: int = 0
    reasons: Sequence[tuple[str, int]] = ()
    conflicts: int = 0


@dataclass(frozen=True)
class ShopReport:
    """Everything the page shows. `shop` holds the shop measures' values by name, as `insight.measures` has them."""

    file: FileNotes
    language: Language
    zone: str
    shop: Mapping[str, Mapping[str, Any]]
    lapsing: Sequence[LapsingRegular]
    made_on: date
    is_as_of_asked: bool = False
    assumed: Sequence[Assumed] = ()


@dataclass(frozen=True)
class _Table:
    """`numeric` says of each column whether its cells stand on the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]

    def cells(self) -> list[list[tuple[str, str, bool]]]:
        return [list(zip(self.heads, row, self.numeric, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class _Section:
    title: str
    words: Sequence[str] = ()
    chart: SafeString | None = None
    table: _Table | None = None
    is_table_folded: bool = True
    after: Sequence[str] = field(default_factory=tuple)


def page(report: ShopReport) -> str:
    """One HTML document: styles and drawings inside, no script, nothing fetched."""
    with formats.spoken_in(report.language):
        return render_to_string("reporting/shop_report.html", _Writer(report).context())


def headline(report: ShopReport) -> list[str]:
    """The page's first sentences, as plain text."""
    with formats.spoken_in(report.language):
        return _Writer(report).headline()


def to_mind(report: ShopReport) -> list[str]:
    """What the reader must know before the first number: what was assumed, and what is left out of the money."""
    with formats.spoken_in(report.language):
        return _Writer(report).to_mind()


class _Writer:
    def __init__(self, report: ShopReport) -> None:
        self.report = report
        self.language = report.language
        self.overview = report.shop["overview"]
        self.currency: str = self.overview["currency"]

    def say(self, key: str, **values: object) -> str:
        return TEXTS[self.language][key].format(**values)

    def money(self, minor: int) -> str:
        return formats.money(minor, self.currency)

    def day(self, iso: str | date) -> str:
        return formats.day(iso if isinstance(iso, date) else date.fromisoformat(iso))

    def month(self, iso: str) -> str:
        return formats.month(date.fromisoformat(iso))

    def days(self, count: float) -> str:
        whole = round(count)
        return self.say("one_day") if whole == 1 else self.say("days", n=formats.number(whole))

    def context(self) -> dict[str, Any]:
        overview, report = self.overview, self.report
        has_customers = overview["customers"] > 0
        first = self.report.shop["months"]["months"]
        subtitle = (
            self.say(
                "subtitle",
                name=report.file.name,
                first=self.day(overview["first_on"] or first[0]["month"]),
                last=self.day(overview["as_of"]),
            )
            if overview["all_orders"]
            else self.say("subtitle_empty", name=report.file.name)
        )
        sections = [
            *(self.return_sections() if has_customers else ()),
            *([self.months()] if overview["all_orders"] else ()),
            *([self.groups(), self.lapsing()] if has_customers else ()),
            *([self.returns()] if overview["all_orders"] else ()),
        ]
        return {
            "lang": self.say("html_lang"),
            "brand": self.say("brand"),
            "title": self.say("title"),
            "subtitle": subtitle,
            "to_mind": self.to_mind(),
            "headline": self.headline(),
            "tiles": self.tiles() if has_customers else (),
            "sections": sections,
            "notes_title": self.say("h_notes"),
            "notes": self.notes(),
            "reasons": [(reason, formats.number(count)) for reason, count in report.file.reasons],
            "rejected": self.say("n_rejected", n=formats.number(report.file.rejected)) if report.file.rejected else "",
            "meaning_title": self.say("h_meaning"),
            "meanings": [
                (words.name, words.meaning)
                for words in (getattr(catalogue.measure(name), self.language) for name in EXPLAINED)
            ]
            if has_customers
            else (),
            "numbers": self.say("numbers"),
            "footer": self.say("footer", today=self.day(report.made_on)),
            "chart_style": mark_safe(charts.STYLE),  # noqa: S308 - our own constant
            "font": mark_safe(charts.FONT),  # noqa: S308 - our own constant
        }

    def to_mind(self) -> list[str]:
        said = [
            self.say(f"assumed_{what}", currency=self.currency, zone=self.report.zone) for what in self.report.assumed
        ]
        if foreign := self.overview["foreign_orders"]:
            said.insert(0, self.say("n_foreign", n=formats.number(foreign), currency=self.currency))
        return said

    def headline(self) -> list[str]:
        overview = self.overview
        if not overview["all_orders"]:
            return [self.say("nothing"), self.say("nothing_more")]
        if not overview["customers"]:
            orders, minor = overview["guest_orders"], overview["guest_minor"]
            more = self.say("no_customers_more", orders=formats.number(orders), money=self.money(minor))
            return [self.say("no_customers"), more]
        rate = self.report.shop["repeat_rate"]
        n, k = rate["of"], rate["count"]
        is_one = n == 1
        who = self.say("one_customer") if is_one else self.say("customers", n=formats.number(n))
        if k == 0:
            back = self.say("none_came_back")
        elif is_one:
            back = self.say("the_one_came_back")
        else:
            key = "one_came_back" if k == 1 else "came_back"
            back = self.say(key, k=formats.number(k), share=formats.percent(rate["share"]))
        interval = self.say("interval", low=formats.percent(rate["low"]), high=formats.percent(rate["high"]))
        joint = "" if self.language == "zh" else " "
        return [who + joint + back, *([] if is_one else [interval]), joint.join(self.about_regulars())]

    def about_regulars(self) -> list[str]:
        found = self.report.shop["regulars_at_stake"]
        regulars, lapsing = found["regulars"]["count"], found["lapsing"]["count"]
        if not regulars:
            return [self.say("no_regulars")]
        spend = self.overview["spend_minor"]
        words = self.say(
            "one_regular" if regulars == 1 else "regulars",
            k=formats.number(regulars),
            share=formats.percent(found["regulars"]["share"]),
            spend_share=formats.percent(found["regulars_spend_minor"] / spend) if spend > 0 else "–",
        )
        if not lapsing:
            return [words, self.say("no_lapsing")]
        key = "one_lapsing" if lapsing == 1 else "lapsing"
        return [words, self.say(key, k=formats.number(lapsing), money=self.money(found["at_stake_minor"]))]

    def tiles(self) -> list[tuple[str, str, str]]:
        rate, found = self.report.shop["repeat_rate"], self.report.shop["regulars_at_stake"]
        return [
            (
                self.say("tile_customers"),
                formats.number(self.overview["customers"]),
                self.say("tile_customers_note", orders=formats.number(self.overview["orders"])),
            ),
            (
                self.say("tile_rate"),
                formats.percent(rate["share"]),
                self.say(
                    "tile_rate_note",
                    k=formats.number(rate["count"]),
                    n=formats.number(rate["of"]),
                    low=formats.percent(rate["low"]),
                    high=formats.percent(rate["high"]),
                ),
            ),
            (
                self.say("tile_regulars"),
                formats.number(found["regulars"]["count"]),
                self.say("tile_regulars_note", share=formats.percent(found["regulars"]["share"])),
            ),
            (
                self.say("tile_stake"),
                self.money(found["at_stake_minor"]),
                self.say("tile_stake_note", k=formats.number(found["lapsing"]["count"])),
            ),
        ]

    def point(self, label: str, share: Mapping[str, Any]) -> str:
        if share["share"] is None:
            return self.say("point_unknown", label=label)
        low, high = formats.percent(share["low"]), formats.percent(share["high"])
        return self.say("point", label=label, share=formats.percent(share["share"]), low=low, high=high)

    def drawn(self, draw: Callable[[int], str]) -> SafeString:
        # Vega escapes every text it writes; the tests put tags into them.
        return mark_safe(charts.figure(draw(charts.WIDE), draw(charts.NARROW)))  # noqa: S308

    def return_sections(self) -> list[_Section]:
        rate = self.report.shop["repeat_rate"]
        curve = rate["curve"]
        words = [self.say("p_return")]
        if rate["newcomers"] and rate["of"] > 1:
            words.append(
                self.say(
                    "p_newcomers",
                    newcomers=formats.number(rate["newcomers"]),
                    n=formats.number(rate["of"]),
                    days=rate["newcomer_days"],
                    as_of=self.day(self.overview["as_of"]),
                )
            )
        sections = []
        known = [p for p in curve if p["share"] is not None]
        if len(known) < len(curve) and known:
            words.append(self.say("p_unwatched", days=known[-1]["days"]))
        if known and rate["of"] > 1:
            points = [Point(str(p["days"]), p["share"], p["low"] or 0, p["high"] or 0, p["watched"]) for p in curve]
            alt = self.say("alt_return", points="; ".join(self.point(self.days(p["days"]), p) for p in curve))
            axis, across = self.say("axis_return"), self.say("across_return")
            chart = self.drawn(lambda width: charts.line(points, alt_text=alt, axis=axis, across=across, width=width))
            sections.append(_Section(self.say("h_return"), words, chart))
        return [*sections, *self.cohorts()]

    def cohorts(self) -> list[_Section]:
        retention = self.report.shop["retention"]
        cohorts = retention["cohorts"]
        if not any(len(c["cells"]) > 1 for c in cohorts):
            return [_Section(self.say("h_cohorts"), [self.say("too_short")])]
        return [self.cohort_rate(retention), self.cohort_squares(retention)]

    def cohort_rate(self, retention: Mapping[str, Any]) -> _Section:
        cohorts = retention["cohorts"][-MONTHS_SHOWN:]
        is_open, last = retention["last_month_is_incomplete"], retention["last_month"]
        points = [
            Point(
                self.month(c["month"]),
                c["came_back"]["share"],
                c["came_back"]["low"],
                c["came_back"]["high"],
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
                formats.number(c["came_back"]["count"]),
                formats.percent(c["came_back"]["share"]),
                f"{formats.percent(c['came_back']['low'])} – {formats.percent(c['came_back']['high'])}",
            ]
            for c in cohorts
        ]
        heads = [self.say("th_month"), self.say("th_new"), self.say("returning"), "%", "95 %"]
        shown = [self.say("latest_only", n=MONTHS_SHOWN)] if len(cohorts) < len(retention["cohorts"]) else []
        return _Section(
            self.say("h_cohort_rate"),
            [self.say("p_cohort_rate"), *shown],
            self.drawn(lambda width: charts.line(points, alt_text=alt, axis=axis, width=width)),
            _Table(heads, rows, [False, True, True, True, True]),
        )

    def cohort_squares(self, retention: Mapping[str, Any]) -> _Section:
        cohorts = [c for c in retention["cohorts"][-COHORTS_SHOWN:] if len(c["cells"]) > 1]
        rows = {c["month"]: f"{self.month(c['month'])} · {formats.number(c['customers'])}" for c in cohorts}

        def draw(width: int) -> str:
            most = OFFSETS_SHOWN if width >= charts.TURN else NARROW_OFFSETS
            reach = min(most, max(len(c["cells"]) for c in cohorts) - 1)
            cells = [
                Cell(
                    rows[c["month"]],
                    str(cell["offset"]),
                    cell["share"],
                    formats.whole_percent(cell["share"]),
                    formats.number(cell["count"]),
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
                cells=", ".join(f"{cell['offset']}: {formats.whole_percent(cell['share'])}" for cell in c["cells"][1:]),
            )
            for c in cohorts
        )
        alt = self.say("alt_cohorts", rows=said)
        is_open = retention["last_month_is_incomplete"]
        incomplete = self.say("p_incomplete", month=self.month(retention["last_month"])) if is_open else ""
        shown = [self.say("latest_only", n=COHORTS_SHOWN)] if len(retention["cohorts"]) > COHORTS_SHOWN else []
        table = _Table(
            [self.say("th_month"), "+", "n", "%", "95 %"],
            [
                [
                    self.month(c["month"]),
                    str(cell["offset"]),
                    formats.number(cell["count"]),
                    formats.percent(cell["share"]),
                    f"{formats.percent(cell['low'])} – {formats.percent(cell['high'])}",
                ]
                for c in cohorts
                for cell in c["cells"][1 : OFFSETS_SHOWN + 1]
            ],
            [False, True, True, True, True],
        )
        words = [self.say("p_cohorts", incomplete=incomplete), *shown]
        return _Section(self.say("h_cohorts"), words, self.drawn(draw), table)

    def months(self) -> _Section:
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
        return _Section(self.say("h_months"), words, chart, _Table(heads, rows, [False, *[True] * (len(heads) - 1)]))

    def groups(self) -> _Section:
        grid = self.report.shop["rfm_grid"]
        if grid["is_too_small"]:
            few = self.say("too_few_to_group", n=formats.number(grid["customers"]), needed=grid["needed"])
            return _Section(self.say("h_groups"), [few])
        names = {segment.name: getattr(segment, self.language).name for segment in segments.SEGMENTS}

        def cells(width: int) -> list[Cell]:
            return [
                Cell(
                    str(c["r"]),
                    str(c["f"]),
                    c["share"],
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
                share=formats.percent(s["share"]),
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
            share = found["spend_share"]
            rows.append(
                [
                    names[segment.name],
                    formats.number(found["customers"]),
                    formats.percent(found["share"]),
                    self.money(found["spend_minor"]),
                    "–" if share is None else formats.percent(share),
                    segment.advice_zh if self.language == "zh" else segment.advice_en,
                ]
            )
        heads = [
            self.say(key) for key in ("th_group", "th_customers", "th_share", "th_spend", "th_spend_share", "th_advice")
        ]
        table = _Table(heads, rows, [False, True, True, True, True, False])
        return _Section(self.say("h_groups"), [self.say("p_groups")], chart, table, is_table_folded=False)

    def lapsing(self) -> _Section:
        count = self.report.shop["regulars_at_stake"]["lapsing"]["count"]
        if not count:
            regulars = self.report.shop["regulars_at_stake"]["regulars"]["count"]
            return _Section(self.say("h_lapsing"), [self.say("no_lapsing" if regulars else "no_regulars")])
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
        return _Section(
            self.say("h_lapsing"),
            [self.say("p_lapsing"), *more],
            table=_Table(heads, rows, [False, True, True, True, True]),
            is_table_folded=False,
        )

    def returns(self) -> _Section:
        overview = self.overview
        if not overview["returns"]:
            return _Section(self.say("h_returns"), [self.say("no_returns")])
        gross, matched = overview["gross_minor"], overview["matched_minor"]
        words = [
            self.say(
                "p_returns",
                n=formats.number(overview["returns"]),
                money=self.money(overview["returns_minor"]),
                matched=self.money(matched),
                share=formats.percent(overview["returned_minor"] / gross) if gross else "–",
            )
        ]
        if overview["unmatched_returns_minor"]:
            words.append(self.say("p_unmatched", money=self.money(overview["unmatched_returns_minor"])))
        return _Section(self.say("h_returns"), words)

    def notes(self) -> list[str]:
        overview, file = self.overview, self.report.file
        notes = [self.say("n_rows", read=formats.number(file.rows), name=file.name)]
        if overview["all_orders"]:
            key = "n_as_of_asked" if self.report.is_as_of_asked else "n_as_of"
            notes.insert(0, self.say(key, as_of=self.day(overview["as_of"]), zone=self.report.zone))
        if overview["customers"]:
            notes.append(
                self.say(
                    "n_totals",
                    gross=self.money(overview["gross_minor"]),
                    returned=self.money(overview["returned_minor"]),
                    spend=self.money(overview["spend_minor"]),
                )
            )
        counted = (
            ("n_conflicts", file.conflicts),
            ("n_guests", overview["guest_orders"]),
            ("n_cancelled", overview["cancelled_orders"]),
            ("n_giveaways", overview["giveaways"]),
            ("n_adjustments", overview["adjustments"]),
            ("n_later", overview["later_orders"]),
        )
        for key, count in counted:
            if count:
                guests = self.money(overview["guest_minor"])
                notes.append(self.say(key, n=formats.number(count), money=guests, currency=self.currency))
        if not file.rejected and file.rows:
            notes.append(self.say("n_none_rejected"))
        return notes
