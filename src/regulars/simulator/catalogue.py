"""What the simulated shop sells, in two languages, and where: five stores and the web. All of it invented here."""

from dataclasses import dataclass

SHOP_NAME = "Leaf & Lantern 叶与灯"


@dataclass(frozen=True)
class Category:
    """`returned_permille` of its lines come back. Items: English, Chinese, price of the first variant in yuan."""

    code: str
    name: str
    returned_permille: int
    items: tuple[tuple[str, str, int], ...]
    variants: tuple[tuple[str, str, int], ...]
    """English, Chinese, price in percent of the item's."""


@dataclass(frozen=True)
class Product:
    """`price_minor` in fen."""

    ref: str
    title: str
    category: int
    price_minor: int


@dataclass(frozen=True)
class Store:
    code: str
    name: str
    weight: int


WEB = "web"
STORE = "store"

STORES = (
    Store("xuhui", "Xuhui 徐汇店", 30),
    Store("jingan", "Jing'an 静安店", 26),
    Store("xihu", "West Lake 西湖店", 20),
    Store("gulou", "Drum Tower 鼓楼店", 14),
    Store("nanshan", "Nanshan 南山店", 10),
)

WEIGHTS = (("50 g", "50克", 100), ("100 g", "100克", 185), ("250 g gift tin", "250克礼罐", 430))
SIZES = (("small", "小号", 100), ("medium", "中号", 135), ("large", "大号", 180))
COLOURS = (("ink blue", "墨蓝", 100), ("moss green", "苔绿", 100), ("rice white", "米白", 100))
_PACKS = (("single", "单份", 100), ("pack of 3", "三份装", 275), ("gift box", "礼盒", 520))

CATEGORIES = (
    Category(
        "tea",
        "Tea 茶叶",
        8,
        (
            ("Misty Ridge green tea", "雾岭绿茶", 38),
            ("Old Grove black tea", "古林红茶", 42),
            ("Roasted oolong", "焙火乌龙", 46),
            ("Jasmine pearls", "茉莉龙珠", 52),
            ("White peony", "白牡丹", 58),
            ("Ripe pu'er", "熟普洱", 49),
            ("Chrysanthemum buds", "胎菊", 26),
            ("Buckwheat tea", "苦荞茶", 19),
            ("Osmanthus blend", "桂花调配茶", 33),
        ),
        WEIGHTS,
    ),
    Category(
        "teaware",
        "Teaware 茶具",
        45,
        (
            ("Lidded bowl", "盖碗", 88),
            ("Side-handle pot", "侧把壶", 168),
            ("Fair cup", "公道杯", 59),
            ("Tasting cup", "品茗杯", 29),
            ("Bamboo tray", "竹茶盘", 129),
            ("Travel tea set", "旅行茶具", 149),
            ("Glass infuser", "玻璃飘逸杯", 79),
            ("Tea caddy", "茶叶罐", 69),
        ),
        SIZES,
    ),
    Category(
        "snacks",
        "Snacks 点心",
        4,
        (
            ("Walnut crisps", "核桃酥", 16),
            ("Mung bean cakes", "绿豆糕", 18),
            ("Sesame brittle", "芝麻糖", 12),
            ("Dried persimmon", "柿饼", 22),
            ("Red date slices", "红枣片", 15),
            ("Salted egg rolls", "咸蛋卷", 24),
            ("Plum candies", "话梅糖", 9),
            ("Roasted chestnuts", "糖炒栗子", 20),
            ("Seaweed thins", "海苔脆片", 14),
        ),
        _PACKS,
    ),
    Category(
        "home",
        "Home 家居",
        60,
        (
            ("Linen cushion cover", "亚麻靠垫套", 79),
            ("Cotton throw", "棉质盖毯", 199),
            ("Paper lantern", "纸灯笼", 69),
            ("Soy candle", "大豆蜡烛", 58),
            ("Incense holder", "香插", 49),
            ("Table runner", "桌旗", 89),
            ("Bamboo blind", "竹帘", 159),
            ("Stoneware vase", "粗陶花瓶", 119),
        ),
        COLOURS,
    ),
    Category(
        "clothing",
        "Clothing 服饰",
        140,
        (
            ("Linen shirt", "亚麻衬衫", 229),
            ("Quilted vest", "绗缝马甲", 299),
            ("Wide trousers", "阔腿裤", 259),
            ("Canvas apron", "帆布围裙", 99),
            ("Wool scarf", "羊毛围巾", 189),
            ("House slippers", "居家拖鞋", 69),
            ("Rain jacket", "雨衣外套", 359),
            ("Knit socks", "针织袜", 29),
        ),
        COLOURS,
    ),
    Category(
        "paper",
        "Stationery 文具",
        12,
        (
            ("Stitched notebook", "线装笔记本", 28),
            ("Brush pen", "软笔", 15),
            ("Letter set", "信笺套装", 32),
            ("Wall calendar", "挂历", 48),
            ("Washi tape", "和纸胶带", 11),
            ("Seal paste", "印泥", 39),
            ("Desk organiser", "桌面收纳", 86),
            ("Bookmark set", "书签套装", 18),
        ),
        _PACKS,
    ),
    Category(
        "care",
        "Body care 洗护",
        20,
        (
            ("Camellia hand cream", "山茶护手霜", 45),
            ("Mugwort soap", "艾草皂", 22),
            ("Ginger shampoo", "生姜洗发水", 68),
            ("Rice water toner", "米水爽肤水", 88),
            ("Peach lip balm", "蜜桃润唇膏", 25),
            ("Tea tree wash", "茶树沐浴露", 59),
            ("Loofah mitt", "丝瓜络手套", 19),
            ("Sandalwood comb", "檀木梳", 75),
        ),
        _PACKS,
    ),
    Category(
        "kids",
        "Children 儿童",
        55,
        (
            ("Wooden blocks", "木质积木", 129),
            ("Picture book", "绘本", 42),
            ("Soft panda", "毛绒熊猫", 89),
            ("Paper kite", "纸风筝", 39),
            ("Bamboo tableware", "竹纤维餐具", 66),
            ("Cotton bib", "棉围嘴", 25),
            ("Rain boots", "雨靴", 99),
            ("Finger paints", "手指画颜料", 58),
        ),
        SIZES,
    ),
)


def _all_products() -> tuple[Product, ...]:
    return tuple(
        Product(
            ref=f"{category.code}-{item:02d}{variant}",
            title=f"{english}, {variant_english} {chinese} {variant_chinese}",
            category=number,
            price_minor=yuan * percent,
        )
        for number, category in enumerate(CATEGORIES)
        for item, (english, chinese, yuan) in enumerate(category.items, start=1)
        for variant, (variant_english, variant_chinese, percent) in zip("abc", category.variants, strict=True)
    )


PRODUCTS = _all_products()
