"""What was spent to win customers, from a file: each month and channel it tells of is as it says from then on."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.utils.translation import gettext

from regulars.doors.imports import cost_files, outcomes, rejects
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.walking import Progress
from regulars.facts.company import channels, company
from regulars.facts.sources import import_runs
from regulars.insight.measures import costs
from regulars.insight.measures.costs import Noted
from regulars.insight.measures.scope import Cost
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal


class NotTheShopsCurrency(Refusal):
    """Costs are reckoned against margins, which are in the shop's money."""

    code = "imports.not_the_shops_currency"


@dataclass(frozen=True, kw_only=True)
class Imported(outcomes.Imported):
    """What an import of costs came to, by months and channels."""

    noted: Noted

    @property
    def came(self) -> Mapping[str, int]:
        """Months and channels, by what became of them."""
        return asdict(self.noted)

    def recorded(self) -> Mapping[str, object]:
        """The same."""
        return {"costs": asdict(self.noted)}


def import_costs(
    path: Path,
    wanted: FileMapping | None,
    *,
    at: datetime,
    by: Actor,
    dry_run: bool = False,
    reject_file: Path | None = None,
    zone: str | None = None,
    currency: str | None = None,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Bring in what a file tells of costs: rows of one month and channel are added up, and count instead of what was
    told of it before. The same file again changes nothing. All in one transaction; with `dry_run` nothing is written
    but a reject file that was asked for.
    """
    began = time.monotonic()
    rejects_go = None if dry_run and reject_file is None else rejects.place(path, reject_file)
    shop = company.shop()
    if currency not in (None, shop.currency):
        told = {"currency": currency, "shops": shop.currency}
        raise NotTheShopsCurrency(
            gettext("currency: %(currency)s is not the shop's; write what it came to in %(shops)s") % told,
            field="currency",
            value=currency,
        )
    with cost_files.walk(
        path,
        wanted,
        zone=shop.zone,
        zone_told=zone,
        currency=shop.currency,
        is_told=currency is not None,
        channels={called.lower(): one.code for one in channels.every() for called in (one.name, one.code)},
        now=at,
        progress=progress,
    ) as file:

        def bring_in(run: int | None) -> Imported:
            file.read()
            found = [Cost(month, channel, minor) for (month, channel), minor in sorted(file.sums.minor.items())]
            noted = Noted(0, 0, 0) if run is None else costs.tell(costs=found, at=at, by=by)
            if run is not None:
                import_runs.progress(
                    run=run, rows_read=file.rows_read, rows_good=file.rows_good, rejects=file.left_out.rows_bad
                )
            return Imported(
                **outcomes.ended(file, run, file.totals(), rejects_go),
                noted=noted,
                seconds=round(time.monotonic() - began, 3),
            )

        if dry_run:
            return bring_in(None)
        return outcomes.on_record("costs", file.columns.mapping.source, path, file, bring_in, at=at, by=by)
