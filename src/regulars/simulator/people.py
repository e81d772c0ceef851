"""Fake people for the simulated shop. Names are put together from our own short lists, addresses end in example.com
and phone numbers lie in +1 … 555-0100 to 0199, which are reserved for fiction: nobody real can be reached by mistake.
"""

from dataclasses import dataclass

import numpy as np

from regulars.simulator.chance import Chance

_FAMILY = (
    ("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"), ("黄", "Huang"),
    ("赵", "Zhao"), ("吴", "Wu"), ("周", "Zhou"), ("徐", "Xu"), ("孙", "Sun"), ("马", "Ma"), ("朱", "Zhu"),
    ("胡", "Hu"), ("郭", "Guo"), ("何", "He"), ("林", "Lin"), ("高", "Gao"), ("罗", "Luo"), ("宋", "Song"),
    ("谢", "Xie"), ("唐", "Tang"), ("韩", "Han"),
)  # fmt: skip
_GIVEN = (
    ("小兰", "Xiaolan"), ("子涵", "Zihan"), ("雨桐", "Yutong"), ("浩然", "Haoran"), ("思源", "Siyuan"),
    ("佳怡", "Jiayi"), ("明轩", "Mingxuan"), ("静", "Jing"), ("磊", "Lei"), ("婷", "Ting"), ("建国", "Jianguo"),
    ("丽华", "Lihua"), ("晨曦", "Chenxi"), ("梦琪", "Mengqi"), ("志远", "Zhiyuan"), ("欣妍", "Xinyan"),
    ("俊杰", "Junjie"), ("雪", "Xue"), ("文博", "Wenbo"), ("可欣", "Kexin"), ("海燕", "Haiyan"), ("宇航", "Yuhang"),
    ("诗涵", "Shihan"), ("强", "Qiang"),
)  # fmt: skip
_FIRST = (
    "Ines", "Tomas", "Priya", "Marek", "Amara", "Jonas", "Leila", "Oskar", "Noor", "Elif", "Mateo", "Freya", "Kofi",
    "Hanna", "Diego", "Sanna",
)  # fmt: skip
_LAST = (
    "Okafor", "Lindqvist", "Marchetti", "Dvorak", "Haddad", "Novak", "Petrov", "Silva", "Brandt", "Kaya", "Moreau",
    "Sharma", "Wells", "Yilmaz", "Costa", "Ferrari",
)  # fmt: skip
#: North American area codes; with 555-0100 to 0199 behind them they make 4,000 numbers, and no more people get one.
_AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 301, 302,
    303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323,
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
    family, given = draw.below(len(_FAMILY), shoppers), draw.below(len(_GIVEN), shoppers)
    first, last = draw.below(len(_FIRST), shoppers), draw.below(len(_LAST), shoppers)
    abroad, shy = 1 + draw.pick(_ABROAD, shoppers), draw.chance(250, shoppers)
    country = np.where(chinese, 0, abroad)
    found = []
    for n in range(shoppers):
        if chinese[n]:
            (family_name, spelt), (given_name, given_spelt) = _FAMILY[family[n]], _GIVEN[given[n]]
            name, mail = family_name + given_name, f"{given_spelt}.{spelt}"
        else:
            name = f"{_FIRST[first[n]]} {_LAST[last[n]]}"
            mail = name.replace(" ", ".")
        area, line = divmod(n, 100)
        found.append(
            Person(
                ref=customer_ref(n),
                name=name,
                email=f"{mail.lower()}.{n + 1}@example.com",
                phone="" if shy[n] or area >= len(_AREAS) else f"+1{_AREAS[area]}55501{line:02d}",
                language="zh-Hans" if chinese[n] else "en",
                country=_COUNTRIES[country[n]],
            )
        )
    return found


def customer_ref(shopper: int) -> str:
    """The customer number of the shopper with this index."""
    return f"M{shopper + 1:06d}"
