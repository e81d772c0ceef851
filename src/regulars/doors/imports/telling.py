"""What an import came to, as facts for programs and in words for people: one way for every kind of file."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext, gettext_noop, ngettext
from rich.cells import cell_len

from regulars.doors.imports import checking, consents, costs, customers, events, orders, points, wares
from regulars.doors.imports.outcomes import Came as Counted
from regulars.doors.imports.outcomes import Imported

#: The control totals' names in words.
_TOTALS: Mapping[str, str] = {
    "lines": gettext_noop("Lines"),
    "documents": gettext_noop("Documents"),
    "orders": gettext_noop("Orders"),
    "return_documents": gettext_noop("Return documents"),
    "adjustment_documents": gettext_noop("Adjustment documents"),
    "adjustments_of_money": gettext_noop("Adjustment documents of money"),
    "guest_lines": gettext_noop("Guest lines"),
    "return_lines": gettext_noop("Return lines"),
    "adjustment_lines": gettext_noop("Adjustment lines"),
    "clean_lines": gettext_noop("Clean lines"),
    "clean_orders": gettext_noop("Clean orders"),
    "exact_duplicate_lines": gettext_noop("Exact duplicate lines"),
    "zero_price_lines": gettext_noop("Zero price lines"),
    "zero_amount_lines": gettext_noop("Zero amount lines"),
    "negative_price_lines": gettext_noop("Negative price lines"),
    "zero_quantity_lines": gettext_noop("Zero quantity lines"),
    "customers": gettext_noop("Customers"),
    "products": gettext_noop("Products"),
    "countries": gettext_noop("Countries"),
    "stores": gettext_noop("Stores"),
    "first_at": gettext_noop("First at"),
    "last_at": gettext_noop("Last at"),
    "sold_quantity": gettext_noop("Sold quantity"),
    "returned_quantity": gettext_noop("Returned quantity"),
    "matched_quantity": gettext_noop("Matched quantity"),
    "unmatched_quantity": gettext_noop("Unmatched quantity"),
    "net_value": gettext_noop("Net value"),
    "return_amount": gettext_noop("Return amount"),
    "adjustment_amount": gettext_noop("Adjustment amount"),
    "clean_value": gettext_noop("Clean value"),
    "line_discounts": gettext_noop("Line discounts"),
    "clean_customers": gettext_noop("Clean customers"),
    "control_sums": gettext_noop("Other columns, added up"),
    "control_rows": gettext_noop("Rows that have them"),
    "customers_who_came_back": gettext_noop("Customers who came back"),
    "rows": gettext_noop("Rows"),
    "rows_yes": gettext_noop("Rows yes"),
    "rows_no": gettext_noop("Rows no"),
    "events": gettext_noop("Events"),
    "visitors": gettext_noop("Visitors"),
    "with_user": gettext_noop("With user"),
    "event_names": gettext_noop("Event names"),
    "repeated_rows": gettext_noop("Repeated rows"),
    "outdated_rows": gettext_noop("Outdated rows"),
    "rejected_rows": gettext_noop("Rejected rows"),
    "variants": gettext_noop("Variants"),
    "with_title": gettext_noop("With a title"),
    "with_category": gettext_noop("With a category"),
    "with_brand": gettext_noop("With a brand"),
    "with_barcode": gettext_noop("With a barcode"),
    "prices": gettext_noop("Prices"),
    "sale_prices": gettext_noop("Sale prices"),
    "price_sum": gettext_noop("Sum of prices"),
    "levels": gettext_noop("Stock levels"),
    "units": gettext_noop("Units in stock"),
    "with_name": gettext_noop("With a name"),
    "with_email": gettext_noop("With an e-mail address"),
    "with_phone": gettext_noop("With a phone number"),
    "with_birthday": gettext_noop("With a birthday"),
    "with_address": gettext_noop("With a postal address"),
    "with_country": gettext_noop("With a country"),
    "points": gettext_noop("Points"),
    "earned": gettext_noop("Points earned"),
    "spent": gettext_noop("Points spent"),
    "ended": gettext_noop("Points ended"),
    "changed": gettext_noop("Points changed"),
    "balance": gettext_noop("Points left"),
    "rows_that_end": gettext_noop("Rows with a last day"),
    "with_language": gettext_noop("With a language"),
    "months": gettext_noop("Months"),
    "costs": gettext_noop("Costs"),
}

_LABEL_WIDTH = 26
_OF_SHOP = ("name", "currency", "zone", "language", "country")


@dataclass(frozen=True)
class Came:
    """What one kind of import says in its own words: what it settled, what became of its documents, how one is called,
    what it means that one stands twice, and where the one that is kept stands."""

    settled: Sequence[str]
    counted: Sequence[str]
    what: str
    twice: str
    where: str


def facts(file: Path, done: Imported) -> dict[str, object]:
    """What every import says of itself, as JSON has it. `problems` and `conflicts` are the first of each."""
    return {
        "file": str(file),
        "run": done.run,
        "mapping": done.mapping.name,
        "source": done.mapping.source,
        "rows_read": done.rows_read,
        "rows_good": done.rows_good,
        "rows_rejected": done.rows_rejected,
        "rows_bad": done.rows_bad,
        "rows_held": done.rows_held,
        "rows_repeated": done.rows_repeated,
        "reject_file": str(done.reject_file) if done.reject_file else None,
        "recorded": done.recorded(),
        "totals": done.totals,
        "problems": done.problems.to_dicts(),
        "conflicts": done.conflicts.to_dicts(),
        "notes": list(done.notes),
        "seconds": done.seconds,
    }


def of_orders(done: orders.Imported) -> Came:
    """What an import of orders and returns says."""
    settled: list[str] = []
    if done.settled:
        words = gettext(
            "First import, so this is settled by what the file tells or by guess: the shop is %(name)s, its currency"
            " %(currency)s, its zone %(zone)s, its language %(language)s, its country %(country)s. Mend what is wrong"
            " with `regulars shop settle`; `regulars shop settle --help` says how."
        )
        shop = done.settled
        settled.append("  " + words % {**{name: getattr(shop, name) for name in _OF_SHOP}, "name": repr(shop.name)})
        if shop.guessed:
            options = " ".join(f"--{name} {shlex.quote(getattr(shop, name))}" for name in shop.guessed)
            words = gettext("Nobody chose %(what)s: `regulars shop settle %(options)s` says it is so.")
            settled.append("  " + words % {"what": ", ".join(shop.guessed), "options": options})
    counted = _counted(((gettext("Orders"), done.orders), (gettext("Returns"), done.returns)))
    twice = gettext("Orders that stand twice in the file with different content: the first is kept")
    return Came(settled, counted, gettext("order"), twice, gettext("before"))


def of_wares(done: wares.Imported) -> Came:
    """What an import of products, prices or stock says."""
    named = {
        "products": gettext("Products"),
        "variants": gettext("Variants"),
        "prices": gettext("Prices"),
        "stock": gettext("Stock levels"),
    }
    counted = _counted((named[name], came) for name, came in done.things.items())
    twice = gettext("What stands twice in the file with different content: the newest, or the first, is kept")
    return Came([], counted, gettext("number"), twice, gettext("where it is kept"))


def _counted(things: Iterable[tuple[str, Counted]]) -> list[str]:
    counted: list[str] = []
    for what, came in things:
        words = gettext(
            "%(what)s: %(new)s new, %(changed)s changed, %(same)s known already, %(stale)s older than what is known,"
            " %(conflicts)s in conflict."
        )
        counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same", "stale", "conflicts")}
        counted.append(words % {"what": what, **counts})
        if came.refs_in_conflict:
            refs = ", ".join(came.refs_in_conflict)
            words = gettext("On record with other content and no update time that decides, so left as it was: %(refs)s")
            counted.append("  " + words % {"refs": refs})
    return counted


def of_customers(done: customers.Imported) -> Came:
    """What an import of customers says."""
    came = done.customers
    words = gettext(
        "Customers: %(new)s new, %(changed)s changed, %(same)s known already, %(older)s known from later than the file"
        " tells."
    )
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same", "older")}
    counted = [words % counts]
    if came.shared:
        words = gettext("Contacts kept by which somebody else is known already: %(count)s.")
        counted.append("  " + words % {"count": f"{came.shared:,}"})
    twice = gettext("Customers that stand twice in the file with different content: the newest, or the first, is kept")
    return Came([], counted, gettext("customer"), twice, gettext("where it is kept"))


def of_consents(done: consents.Imported) -> Came:
    """What an import of consents says."""
    came = done.answers
    words = gettext("Answers: %(given)s yes, %(withdrawn)s no, %(same)s known already.")
    counted = [words % {name: f"{getattr(came, name):,}" for name in ("given", "withdrawn", "same")}]
    if came.kept:
        waits = gettext("Nos kept for whoever comes with an address that nobody has yet: %(kept)s.")
        counted.append(waits % {"kept": f"{came.kept:,}"})
    twice = gettext("Answers that stand twice in the file with different content: the first is kept")
    return Came([], counted, gettext("answer"), twice, gettext("before"))


def of_points(done: points.Imported) -> Came:
    """What an import of points says."""
    came = done.rows
    words = gettext("Points: %(new)s rows new, %(same)s known already, %(conflicts)s in conflict.")
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "same", "conflicts")}
    twice = gettext("Rows that stand twice in the file with different content: none of them is taken")
    said = [words % counts]
    if done.unequal:
        differ = gettext("Customers whose history does not come to what was brought along for them: %(count)s.")
        said.append(differ % {"count": f"{done.unequal:,}"})
    return Came([], said, gettext("row"), twice, gettext("before"))


def of_costs(done: costs.Imported) -> Came:
    """What an import of costs says."""
    came = done.noted
    words = gettext("Costs of a month and channel: %(new)s new, %(changed)s changed, %(same)s known already.")
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "changed", "same")}
    return Came([], [words % counts], gettext("row"), "", "")


def of_events(done: events.Imported) -> Came:
    """What an import of events says."""
    came = done.events
    words = gettext(
        "Events under %(source)s: %(new)s new, %(same)s known already or twice in the file, %(conflicts)s in conflict."
    )
    counts = {name: f"{getattr(came, name):,}" for name in ("new", "same", "conflicts")}
    counted = [words % {"source": repr(done.source), **counts}]
    twice = gettext("Messages under an id that is taken by another: the first is kept")
    return Came([], counted, gettext("message"), twice, gettext("before"))


def told(file: Path, done: Imported, came: Came) -> str:
    """All of it in the reader's language, lines for a terminal."""
    words = gettext("%(file)s: %(read)s rows read, %(good)s good, in %(seconds)s s.")
    rows = {"read": f"{done.rows_read:,}", "good": f"{done.rows_good:,}", "seconds": f"{done.seconds:.1f}"}
    said = [words % {"file": file.name, **rows}]
    said += [f"  {note}" for note in done.notes]
    said += came.settled
    if done.run is None:
        said.append(gettext("Nothing is recorded: this was a dry run."))
    else:
        said += came.counted
    said += ["", gettext("Control totals")]
    said += [f"  {_padded(_label(name))} {_value(value)}" for name, value in done.totals.items()]
    if not done.problems.is_empty():
        words = gettext("Problems (rows: %(bad)s; %(held)s more wait with them or stand twice)")
        said += ["", words % {"bad": f"{done.rows_bad:,}", "held": f"{done.rows_held:,}"}]
        said += [
            f"  {file.name}:{line}: {sentence}; {mend}"
            for _row, line, sentence, mend in checking.told(done.problems).iter_rows()
        ]
    if not done.conflicts.is_empty():
        words = gettext("%(what)s %(ref)s: %(column)s %(here)s here, %(kept)s %(where)s")
        said += ["", came.twice]
        said += [
            f"  {file.name}:{row['line_in_file']}: "
            + words
            % {
                "what": came.what,
                "ref": row["ref"],
                "column": row["column"],
                "here": _shown(row["left_out"]),
                "kept": _shown(row["kept"]),
                "where": came.where,
            }
            for row in done.conflicts.iter_rows(named=True)
        ]
    count = {"rows": f"{done.rows_rejected:,}", "file": str(done.reject_file)}
    if done.reject_file:
        words = ngettext(
            "%(rows)s row is in %(file)s: mend there, and import that file.",
            "%(rows)s rows are in %(file)s: mend there, and import that file.",
            done.rows_rejected,
        )
        said += ["", words % count]
    elif done.rows_rejected:
        words = ngettext(
            "%(rows)s row would be left out; --reject-file FILE writes down which.",
            "%(rows)s rows would be left out; --reject-file FILE writes down which.",
            done.rows_rejected,
        )
        said += ["", words % count]
    return "\n".join(said)


def _label(name: str) -> str:
    return gettext(_TOTALS[name]) if name in _TOTALS else name.replace("_", " ").capitalize()


def _padded(text: str) -> str:
    """To one width in a terminal, where a Chinese character is as wide as two others."""
    return text + " " * (_LABEL_WIDTH - cell_len(text))


def _shown(value: str | None) -> str:
    return gettext("(nothing)") if value is None else repr(value)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{currency} {amount}" for currency, amount in value.items()) or "0"
    return f"{value:,}" if isinstance(value, int) else str(value)
