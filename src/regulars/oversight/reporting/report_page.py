"""The page for a shop's owner: who the regulars are and who is slipping away, in one self-contained HTML file.

Renders values; computes nothing but their form. Every text from a file is escaped: by Django in the template, by Vega
in charts.
"""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from regulars.insight.measures import catalogue
from regulars.oversight.reporting import charts, formats
from regulars.oversight.reporting._report_sections import Sections
from regulars.oversight.reporting.shop_report import ShopReport

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


def page(report: ShopReport) -> str:
    """One HTML document: styles and drawings inside, no script, nothing fetched."""
    with formats.spoken_in(report.language):
        return render_to_string("reporting/shop_report.html", _Page(report).context())


def headline(report: ShopReport) -> list[str]:
    """The page's first sentences, as plain text."""
    with formats.spoken_in(report.language):
        return _Page(report).headline()


def to_mind(report: ShopReport) -> list[str]:
    """What the reader must know before the first number: what was assumed, and what is left out of the money."""
    with formats.spoken_in(report.language):
        return _Page(report).to_mind()


class _Page(Sections):
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
        return {
            "lang": self.say("html_lang"),
            "brand": self.say("brand"),
            "title": self.say("title"),
            "subtitle": subtitle,
            "to_mind": self.to_mind(),
            "headline": self.headline(),
            "tiles": self.tiles() if has_customers else (),
            "sections": self.all(),
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
        back_again = rate["came_back"]
        n, k = back_again.n, back_again.count
        is_one = n == 1
        who = self.say("one_customer") if is_one else self.say("customers", n=formats.number(n))
        if k == 0:
            back = self.say("none_came_back")
        elif is_one:
            back = self.say("the_one_came_back")
        else:
            key = "one_came_back" if k == 1 else "came_back"
            back = self.say(key, k=formats.number(k), share=formats.percent(back_again.value))
        interval = self.say("interval", low=formats.percent(back_again.low), high=formats.percent(back_again.high))
        joint = "" if self.language == "zh" else " "
        return [who + joint + back, *([] if is_one else [interval]), joint.join(self.about_regulars())]

    def about_regulars(self) -> list[str]:
        found = self.report.shop["regulars_at_stake"]
        regulars, lapsing = found["regulars"].count, found["lapsing"].count
        if not regulars:
            return [self.say("no_regulars")]
        words = self.say(
            "one_regular" if regulars == 1 else "regulars",
            k=formats.number(regulars),
            share=self.sure(found["regulars"]),
            spend_share=self.sure(found["share_of_spend"]),
        )
        if not lapsing:
            return [words, self.say("no_lapsing")]
        key = "one_lapsing" if lapsing == 1 else "lapsing"
        return [words, self.say(key, k=formats.number(lapsing), money=self.money(found["at_stake_minor"]))]

    def tiles(self) -> list[tuple[str, str, str]]:
        rate, found = self.report.shop["repeat_rate"]["came_back"], self.report.shop["regulars_at_stake"]
        return [
            (
                self.say("tile_customers"),
                formats.number(self.overview["customers"]),
                self.say("tile_customers_note", orders=formats.number(self.overview["orders"])),
            ),
            (
                self.say("tile_rate"),
                formats.percent(rate.value),
                self.say(
                    "tile_rate_note",
                    k=formats.number(rate.count),
                    n=formats.number(rate.n),
                    low=formats.percent(rate.low),
                    high=formats.percent(rate.high),
                ),
            ),
            (
                self.say("tile_regulars"),
                formats.number(found["regulars"].count),
                self.say("tile_regulars_note", share=self.sure(found["regulars"])),
            ),
            (
                self.say("tile_stake"),
                self.money(found["at_stake_minor"]),
                self.say("tile_stake_note", k=formats.number(found["lapsing"].count)),
            ),
        ]

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
