"""Random lives in a small shop, and random conditions about them, for the properties of the one language."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from regulars.kit.conditions.holding import Known, Row

ZONES = ("Asia/Shanghai", "Europe/London", "America/New_York")
#: London and New York change their clocks in March 2026: lives and questions lie around that.
MIDDLE = datetime(2026, 3, 15, tzinfo=UTC)
PRODUCTS, CITIES, TAGS, NAMES = ("tea", "cup", "pot"), ("上海", "London", ""), ("vip", "tea"), ("Viewed", "Carted")


def moment(chance):
    """Often on the edges of windows: whole hours and days from the middle, and a little beside."""
    seconds = chance.choice((1, 3600, 86_400)) * chance.randint(-40, 40)
    return MIDDLE + timedelta(seconds=seconds, microseconds=chance.choice((0, 0, 0, 1, -1)))


def a_day(chance):
    return date(2024, 2, 29) if not chance.randrange(9) else MIDDLE.date() + timedelta(days=chance.randint(-400, 40))


def some_of(chance, likely, **told):
    """Each value, or it is not known."""
    return {name: make() for name, make in told.items() if chance.random() < likely}


def a_line(chance):
    return {"amount": 100 * chance.randint(0, 4)} | some_of(
        chance,
        0.8,
        product=lambda: chance.choice(PRODUCTS),
        category=lambda: chance.choice(("drinks", "ware")),
        quantity=lambda: Decimal(chance.randint(1, 4)) / 2,
    )


def an_order(chance):
    told = {"total": 100 * chance.randint(0, 9)} | some_of(
        chance,
        0.7,
        channel=lambda: chance.choice(("web", "store")),
        placed_on=lambda: a_day(chance),
        is_gift=lambda: chance.random() < 0.5,
    )
    return Row(moment(chance), told, {"lines": [a_line(chance) for _ in range(chance.randint(0, 3))]})


def an_event(chance):
    told = {"name": chance.choice(NAMES)} | some_of(chance, 0.6, product=lambda: chance.choice(PRODUCTS))
    return Row(moment(chance), told)


def a_life(chance):
    fields = some_of(
        chance,
        0.7,
        country=lambda: chance.choice(("CN", "GB")),
        city=lambda: chance.choice(CITIES),
        tags=lambda: tuple(tag for tag in TAGS if chance.random() < 0.5),
        orders=lambda: chance.randint(0, 4),
        spend=lambda: 100 * chance.randint(0, 5),
        weight=lambda: Decimal(chance.randint(-3, 3)) / 10,
        birthday=lambda: a_day(chance),
        last_seen=lambda: moment(chance),
        is_member=lambda: chance.random() < 0.5,
    )
    rows = {
        "orders": [an_order(chance) for _ in range(chance.randint(0, 4))],
        "events": [an_event(chance) for _ in range(chance.randint(0, 5))],
    }
    return Known(fields, rows, frozenset({"aud_1"}) if chance.random() < 0.5 else frozenset())


instants = st.integers().map(lambda seed: moment(Random(seed)))
days = st.integers().map(lambda seed: a_day(Random(seed)))

small = st.integers(0, 4)
amounts = st.integers(0, 9).map(lambda hundreds: str(hundreds))
number_tests = st.sampled_from(("is", "is_not", "at_least", "at_most", "more_than", "less_than"))
spans = st.one_of(
    st.none(),
    st.builds(
        lambda unit, n: {"last": {unit: n}}, st.sampled_from(("hours", "days", "weeks", "months")), st.integers(1, 5)
    ),
    st.builds(lambda p, ago: {"calendar": p, "ago": ago}, st.sampled_from(("day", "week", "month", "year")), small),
    days.map(lambda day: {"between": [day.isoformat(), (day + timedelta(days=9)).isoformat()]}),
)
row_spans = spans | st.just({"since": "birthday"})


def checks_of(kind):
    if kind in ("int64", "money", "decimal"):
        numbers = small if kind == "int64" else amounts
        if kind == "decimal":
            numbers = st.integers(-3, 3).map(lambda tenths: f"{tenths / 10:.1f}")
        return st.one_of(
            st.builds(lambda test, n: {test: n}, number_tests, numbers),
            st.builds(
                lambda test, ns: {test: ns},
                st.sampled_from(("in", "not_in")),
                st.lists(numbers, min_size=1, max_size=3),
            ),
            st.booleans().map(lambda is_known: {"is_known": is_known}),
        )
    if kind == "bool":
        return st.builds(lambda test, so: {test: so}, st.sampled_from(("is", "is_known")), st.booleans())
    if kind == "date":
        return st.one_of(
            st.builds(lambda test, day: {test: day.isoformat()}, st.sampled_from(("is", "before", "from")), days),
            spans.filter(bool).map(lambda span: {"during": span}),
            st.integers(1, 366).map(lambda many: {"anniversary_within_days": many}),
            st.booleans().map(lambda is_known: {"is_known": is_known}),
        )
    return st.one_of(
        st.builds(lambda test, at: {test: at.isoformat()}, st.sampled_from(("before", "from")), instants),
        spans.filter(bool).map(lambda span: {"during": span}),
    )


def texts_of(choices):
    one = st.sampled_from(choices)
    return st.one_of(
        st.builds(lambda test, word: {test: word}, st.sampled_from(("is", "is_not")), one),
        st.builds(
            lambda test, ws: {test: ws}, st.sampled_from(("in", "not_in")), st.lists(one, min_size=1, max_size=2)
        ),
        st.builds(lambda test, word: {test: word[:1]}, st.sampled_from(("starts_with", "contains")), one),
        st.booleans().map(lambda is_known: {"is_known": is_known}),
    )


def of_column(name, tests):
    return tests.map(lambda test: {"column": name} | test)


line_checks = st.lists(
    st.one_of(
        of_column("product", texts_of(PRODUCTS)),
        of_column("quantity", checks_of("decimal")),
        of_column("amount", checks_of("money")),
    ),
    max_size=2,
)
order_checks = st.lists(
    st.one_of(
        of_column(
            "channel", texts_of(("web", "store")).filter(lambda test: not {"starts_with", "contains"} & set(test))
        ),
        of_column("total", checks_of("money")),
        of_column("placed_on", checks_of("date")),
        of_column("is_gift", checks_of("bool")),
    ),
    max_size=2,
)
which = st.one_of(
    st.builds(
        lambda where, some: {"did": "orders", "where": where, "some": [{"of": "lines", "where": one} for one in some]},
        order_checks,
        st.lists(line_checks, max_size=1),
    ),
    st.builds(
        lambda where: {"did": "events", "where": where},
        st.lists(of_column("name", texts_of(NAMES)) | of_column("product", texts_of(PRODUCTS)), max_size=2),
    ),
)
of_orders = which.filter(lambda told: told["did"] == "orders")
counted = st.one_of(
    st.builds(lambda told, test, n: told | {"count": {test: n}}, which, number_tests, small),
    st.builds(lambda told, test, n: told | {"sum": "total", "amount": {test: n}}, of_orders, number_tests, amounts),
    st.builds(
        lambda told, test, n: told | {"distinct": "channel", "amount": {test: n}}, of_orders, number_tests, small
    ),
    st.builds(
        lambda told, checks, test, n: (
            told | {"each": "lines", "of_each": checks, "sum": "quantity", "amount": {test: str(n)}}
        ),
        of_orders,
        line_checks,
        number_tests,
        small,
    ),
    st.builds(
        lambda told, checks, test, n: (
            told | {"each": "lines", "of_each": checks, "distinct": "product", "amount": {test: n}}
        ),
        of_orders,
        line_checks,
        number_tests,
        small,
    ),
)


def spanned(node, span):
    return node if span is None else node | {"during": span}


gaps = st.builds(lambda unit, n: {unit: n}, st.sampled_from(("hours", "days")), st.integers(1, 5))
sequences = st.builds(
    lambda first, rest, last, gap, is_missing, span: spanned(
        {"sequence": [first, *rest, last | {"within": gap} | ({"missing": True} if is_missing else {})]}, span
    ),
    which,
    st.lists(st.builds(lambda step, gap: step | {"within": gap}, which, gaps) | which, max_size=1),
    which,
    gaps,
    st.booleans(),
    row_spans,
)
leaves = st.one_of(
    texts_of(("CN", "GB"))
    .filter(lambda test: not {"starts_with", "contains"} & set(test))
    .map(lambda test: {"field": "country"} | test),
    texts_of(CITIES).map(lambda test: {"field": "city"} | test),
    st.builds(
        lambda test, tags: {"field": "tags", test: tags},
        st.sampled_from(("has_any", "has_all")),
        st.lists(st.sampled_from(TAGS), min_size=1, max_size=2),
    ),
    st.booleans().map(lambda is_known: {"field": "tags", "is_known": is_known}),
    *(
        checks_of(kind).map(lambda test, name=name: {"field": name} | test)
        for name, kind in (
            ("orders", "int64"),
            ("spend", "money"),
            ("weight", "decimal"),
            ("birthday", "date"),
            ("last_seen", "timestamp"),
            ("is_member", "bool"),
        )
    ),
    st.builds(
        lambda which, percent: {"field": "spend", which: {"percent": percent}},
        st.sampled_from(("highest", "lowest")),
        st.sampled_from(("1", "10", "33.3", "50", "100")),
    ),
    st.just({"audience": "aud_1"}),
    st.builds(spanned, counted, row_spans),
    sequences,
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"all": of}),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"any": of}),
        inner.map(lambda of: {"not": of}),
    ),
    max_leaves=6,
)
