"""Fake people for the simulated shop. Names are put together from our own short lists, addresses end in example.com
and phone numbers lie in +1 … 555-0100 to 0199, which are reserved for fiction: nobody real can be reached by mistake.
"""

from dataclasses import dataclass

import numpy as np

from regulars.simulator.chance import Chance
from regulars.simulator.names import AREAS, FAMILY, GIVEN, LAST, number_of_nobody

_GIVEN = (
    ("小兰", "Xiaolan"), ("子涵", "Zihan"), ("雨桐", "Yutong"), ("浩然", "Haoran"), ("思源", "Siyuan"),
    ("佳怡", "Jiayi"), ("明轩", "Mingxuan"), ("静", "Jing"), ("磊", "Lei"), ("婷", "Ting"), ("建国", "Jianguo"),
    ("丽华", "Lihua"), ("晨曦", "Chenxi"), ("梦琪", "Mengqi"), ("志远", "Zhiyuan"), ("欣妍", "Xinyan"),
    ("俊杰", "Junjie"), ("雪", "Xue"), ("文博", "Wenbo"), ("可欣", "Kexin"), ("海燕", "Haiyan"), ("宇航", "Yuhang"),
    ("诗涵", "Shihan"), ("强", "Qiang"),
)  # fmt: skip
_COUNTRIES = ("CN", "HK", "SG", "GB", "DE", "US")
_ABROAD = (10, 20, 25, 20, 25)


@dataclass(frozen=True)
class Person:
    """`ref` is the shop's own customer number, the one orders carry. `phone` is in E.164 form or empty."""

    ref: str
    name: str
    email: str
    phone: str
    language: str
    country: str


def people(*, shoppers: int, chance: Chance) -> list[Person]:
    """One person a shopper, in order."""
    draw = chance.stream("people")
    chinese = draw.chance(820, shoppers)
    family, given = draw.below(len(FAMILY), shoppers), draw.below(len(_GIVEN), shoppers)
    first, last = draw.below(len(GIVEN), shoppers), draw.below(len(LAST), shoppers)
    abroad, shy = 1 + draw.pick(_ABROAD, shoppers), draw.chance(250, shoppers)
    country = np.where(chinese, 0, abroad)
    found = []
    for n in range(shoppers):
        if chinese[n]:
            (family_name, spelt), (given_name, given_spelt) = FAMILY[family[n]], _GIVEN[given[n]]
            name, mail = family_name + given_name, f"{given_spelt}.{spelt}"
        else:
            name = f"{GIVEN[first[n]]} {LAST[last[n]]}"
            mail = name.replace(" ", ".")
        area, line = divmod(n, 100)
        found.append(
            Person(
                ref=customer_ref(n),
                name=name,
                email=f"{mail.lower()}.{n + 1}@example.com",
                # Where the numbers end, people have none.
                phone="" if shy[n] or area >= len(AREAS) else number_of_nobody(area, line),
                language="zh-Hans" if chinese[n] else "en",
                country=_COUNTRIES[country[n]],
            )
        )
    return found


def customer_ref(shopper: int) -> str:
    """The customer number of the shopper with this index."""
    return f"M{shopper + 1:06d}"
