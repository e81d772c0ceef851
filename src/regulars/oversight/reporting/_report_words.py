"""The report's texts, money and days in its language."""

from datetime import date

from regulars.oversight.reporting import formats
from regulars.oversight.reporting._report_texts import TEXTS
from regulars.oversight.reporting.shop_report import ShopReport


class Words:
    """Says what `report` holds. Within `formats.spoken_in(report.language)` only."""

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
