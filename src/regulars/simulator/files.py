"""A world as files: the order file that goes in through the import door, and the truth beside it, kept for exams.

One row a line, goods that came back as rows of their own kind. Columns are those of the import door's own format,
so no mapping has to be written for it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.simulator.catalogue import CATEGORIES, PRODUCTS, STORE, STORES, WEB
from regulars.simulator.chance import Chance, Ints
from regulars.simulator.people import customer_ref, people
from regulars.simulator.world import World


class UnknownFileKind(Refusal):
    code = "simulator.unknown_file_kind"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path.name}: write to a name that ends in .csv or .parquet", path=str(path))


class NoSuchFolder(Refusal):
    code = "simulator.no_such_folder"


def check_place(path: Path) -> None:
    """Refuses a name that nothing can be written to, before the work of making what is to be written."""
    if path.suffix not in {".csv", ".parquet"}:
        raise UnknownFileKind(path)
    if not path.parent.is_dir():
        raise NoSuchFolder(f"{path.parent}: there is no such folder; make it first", path=str(path))
    disk.make_way(path)


def order_frame(world: World) -> pl.DataFrame:
    """Sales by time, then returns by time. Instants are local with their offset; amounts have two decimals."""
    return pl.concat([_sales(world), _returns(world)])


def truth_frame(world: World) -> pl.DataFrame:
    """One row a shopper: what the process knew and no shop ever learns. Never imported.

    `rate` is purchases a shop day; `*_shop_day` are days of shop time since the window began; `gone_on` is the civil
    day of the last instant at which they might have bought, empty where `is_alive`.
    """
    truth, start = world.shoppers, world.plan.start
    is_alive = truth.gone_on < 0
    return pl.DataFrame(
        {
            "customer": [customer_ref(n) for n in range(truth.rate.size)],
            "is_guest": truth.is_guest,
            "rate": truth.rate,
            "arrived_shop_day": truth.arrived_at,
            "gone_shop_day": np.where(is_alive, np.nan, truth.gone_at),
            "gone_on": pl.Series(truth.gone_on, dtype=pl.Int64),
            "is_alive": is_alive,
            "orders": truth.orders,
        }
    ).with_columns(
        pl.when("is_alive").then(None).otherwise(pl.lit(start) + pl.duration(days="gone_on")).alias("gone_on"),
        pl.col("gone_shop_day").fill_nan(None),
    )


def customer_frame(world: World) -> pl.DataFrame:
    """One row a shopper who is no guest: who they are, all made up."""
    known = people(shoppers=world.plan.shoppers, chance=Chance(world.plan.seed))
    told = [one for one, is_guest in zip(known, world.shoppers.is_guest.tolist(), strict=True) if not is_guest]
    return pl.DataFrame(
        {
            "customer": [one.ref for one in told],
            "name": [one.name for one in told],
            "email": [one.email for one in told],
            "phone": [one.phone or None for one in told],
            "country": [one.country for one in told],
            "language": [one.language for one in told],
        }
    )


def write(frame: pl.DataFrame, path: Path) -> None:
    """CSV (UTF-8, comma, header) or Parquet, by the name's ending.

    Raises:
        UnknownFileKind: for any other ending.
    """
    if path.suffix == ".csv":
        frame.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%:z")
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        raise UnknownFileKind(path)


def _sales(world: World) -> pl.DataFrame:
    orders, lines = world.orders, world.lines
    of_order = lines.order
    return _rows(
        world,
        ref=_numbered("S", of_order),
        kind="sale",
        shopper=orders.shopper[of_order],
        number=lines.number,
        at=orders.at[of_order],
        store=orders.store[of_order],
        line=np.arange(of_order.size),
        quantity=lines.quantity,
        unit_minor=lines.unit_minor,
        discount_minor=lines.discount_minor,
        returned=pl.repeat(None, of_order.size, dtype=pl.String, eager=True),
    )


def _returns(world: World) -> pl.DataFrame:
    back, of_order = world.returns, world.lines.order[world.returns.line]
    return _rows(
        world,
        ref=_numbered("R", back.document),
        kind="return",
        shopper=world.orders.shopper[of_order],
        number=back.number,
        at=back.at,
        store=back.store,
        line=back.line,
        quantity=back.quantity,
        unit_minor=back.unit_minor,
        discount_minor=np.zeros(back.line.size, dtype=np.int64),
        returned=pl.select(
            pl.when(pl.Series(back.is_nameless)).then(None).otherwise(_numbered("S", of_order))
        ).to_series(),
    )


def _rows(
    world: World,
    *,
    ref: pl.Series,
    kind: str,
    shopper: Ints,
    number: Ints,
    at: Ints,
    store: Ints,
    line: Ints,
    quantity: Ints,
    unit_minor: Ints,
    discount_minor: Ints,
    returned: pl.Series,
) -> pl.DataFrame:
    product = world.lines.product[line]
    guest = world.shoppers.is_guest[shopper]
    customers = _texts([customer_ref(n) for n in range(world.shoppers.rate.size)], shopper)
    return pl.DataFrame(
        {
            "order": ref,
            "line": number,
            "kind": pl.repeat(kind, ref.len(), eager=True),
            "returned_order": returned,
            "placed_at": pl.Series(at * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "customer": pl.select(pl.when(pl.Series(guest)).then(None).otherwise(customers)).to_series(),
            "channel": _texts([STORE, WEB], (store < 0).astype(np.int64)),
            "store": _texts([*(store.code for store in STORES), None], np.where(store < 0, len(STORES), store)),
            "currency": pl.repeat(world.plan.currency, ref.len(), eager=True),
            "product": _texts([product.ref for product in PRODUCTS], product),
            "title": _texts([product.title for product in PRODUCTS], product),
            "category": _texts([CATEGORIES[product.category].name for product in PRODUCTS], product),
            "quantity": quantity,
            "unit_price": _amount(unit_minor),
            "discount": _amount(discount_minor),
        }
    ).with_columns(pl.col("placed_at").dt.convert_time_zone(world.plan.zone.key))


def _numbered(letter: str, index: Ints) -> pl.Series:
    return pl.select(pl.lit(letter) + (pl.Series(index, dtype=pl.Int64) + 1).cast(pl.String).str.zfill(7)).to_series()


def _texts(texts: Sequence[str | None], index: Ints) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).gather(index)


def _amount(minor: Ints) -> pl.Series:
    return (pl.Series(minor).cast(pl.Decimal(18, 2)) / pl.Series([100], dtype=pl.Decimal(18, 2))).cast(
        pl.Decimal(18, 2)
    )
