"""Which goods lie together: in the same orders, and in the hands of the same customers.

Which two are worth looking at is known only when all baskets are there, so lines are kept as numbers until then.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulars.insight.measures.columns import Numbers, Places, begins, distinct, numbers
from regulars.insight.warehouse.session import Session

#: The pairs, by what holds a basket together.
PAIRS_IN: Mapping[str, str] = {"order_id": "_pairs_in_orders", "customer_id": "_pairs_in_hands"}
IN_BASKETS = "_in_baskets"
#: Among how many goods, those in most baskets, pairs are looked for.
WARES = 200


@dataclass(frozen=True)
class Goods:
    """Lines of purchases: the place of each one's purchase among those read, and of its product among `products`, which
    are in the order of their `kind`."""

    sale: Numbers
    ware: Numbers
    products: Numbers
    #: Of each product: the number of its category, -1 for none.
    kind: Numbers


@dataclass(frozen=True)
class _Held:
    """Which goods, by their places among the products, lie in which basket, in the order of baskets; each once."""

    basket: Numbers
    ware: Numbers


def _held(basket: Numbers, ware: Numbers, wares: int) -> _Held:
    basket, ware = distinct(basket, ware, wares)
    opens = np.zeros(len(basket), bool)
    opens[begins(basket)] = True
    return _Held(np.cumsum(opens, dtype=np.int32), ware.astype(np.int32))


class Together:
    """What lies together, of lots of customers: eight bytes for each line until all are there, because only then it is
    known which goods are the commonest."""

    def __init__(self) -> None:
        self._held: dict[str, list[_Held]] = {basket: [] for basket in PAIRS_IN}
        self._products: Numbers = np.empty(0, np.int64)

    def add(self, customer: Numbers, goods: Goods) -> None:
        """`customer` of each purchase read."""
        self.put(goods.sale, customer[goods.sale], goods.ware, goods.products)

    def put(self, basket: Numbers, customer: Numbers, ware: Numbers, products: Numbers) -> None:
        """Of each line: whatever tells its purchase from others, whose it was, and its place among `products`."""
        wares = len(products)
        self._products = products

        def by_customers() -> _Held:
            is_known = customer >= 0
            return _held(customer[is_known], ware[is_known], wares)

        with ThreadPoolExecutor(2) as pool:
            of_customers = pool.submit(by_customers)
            self._held["order_id"].append(_held(basket, ware, wares))
            self._held["customer_id"].append(of_customers.result())

    def common(self) -> "dict[str, Common]":
        """Of what was added, if that is all."""
        found = {}
        for basket, lots in self._held.items():
            many = np.zeros(len(self._products), np.int64)
            for lot in lots:
                many += np.bincount(lot.ware, minlength=len(many))
            found[basket] = Common(self._products, many, sum(len(begins(lot.basket)) for lot in lots))
        return found

    def keep(self, session: Session, common: "Mapping[str, Common]") -> None:
        for basket, name in PAIRS_IN.items():
            session.fill(name, _pairs(self._held.pop(basket), self._products, common[basket]))


@dataclass(frozen=True)
class Common:
    """In how many baskets each of the goods lies, and how many baskets have any."""

    products: Numbers
    many: Numbers
    baskets: int

    @classmethod
    def of(cls, known: pa.Table, basket: str) -> "Common":
        """From `IN_BASKETS`."""
        known = known.filter(pc.equal(known["basket"], basket))
        each, whole = known.filter(known["product_id"].is_valid()), known.filter(known["product_id"].is_null())
        return cls(numbers(each["product_id"]), numbers(each["many"]), int(pc.sum(whole["many"]).as_py() or 0))

    def told(self, basket: str) -> pa.Table:
        lies = self.many > 0
        product = pa.concat_arrays([pa.array(self.products[lies], pa.int64()), pa.nulls(1, pa.int64())])
        many = np.append(self.many[lies], self.baskets)
        return pa.table({"basket": [basket] * len(many), "product_id": product, "many": many})

    def best(self) -> Numbers:
        """The commonest, in the order of their numbers."""
        found: Numbers = self.products[np.lexsort((self.products, -self.many))[:WARES]]
        found.sort()
        return found


def _pairs(lots: Sequence[_Held], products: Numbers, common: Common) -> pa.Table:
    """Lots have no basket in common."""
    best = common.best()
    wares, commonest = len(best), Places(products).of(best)
    count = common.many[Places(common.products).of(best)]
    place = np.full(len(products), -1, np.int16)
    place[commonest] = np.arange(wares)
    both = np.zeros(wares * wares, np.int64)
    for lot in lots:
        among = place[lot.ware]
        is_in = among >= 0
        basket, among = lot.basket[is_in], among[is_in].astype(np.int64)
        # Of each, the one that lies so many places on, as long as it is still the same basket.
        one, on = np.arange(len(basket)), 1
        while len(one := one[: np.searchsorted(one, len(basket) - on)]):
            one = one[basket[one] == basket[one + on]]
            both += np.bincount(among[one] * wares + among[one + on], minlength=wares * wares)
            on += 1
    matrix = both.reshape(wares, wares)
    # Goods lie in a basket in another order than these.
    a, b = np.nonzero(np.triu(matrix + matrix.T, 1))
    return pa.table(
        {
            "a": best[a],
            "b": best[b],
            "both": (matrix + matrix.T)[a, b],
            "of_a": count[a],
            "of_b": count[b],
            "baskets": np.full(len(a), common.baskets),
        }
    )
