"""What points buy in the demo shop besides what its programme's file says."""

from regulars.kit.money import Money
from regulars.levers.loyalty.rewards import Terms

REWARDS = {
    "coffee": Terms(
        kind="partner",
        handed="code",
        titles={"en": "A flat white at Bean Street", "zh": "豆街馥芮白一杯"},
        price=80,
        low_at=20,
        most=2,
        per="month",
        partner="bean_street",
        owed=Money(1800, "CNY"),
    ),
    "tea_mug": Terms(
        kind="goods",
        handed="sent",
        titles={"en": "Stoneware tea mug", "zh": "粗陶茶杯"},
        price=300,
        stock=40,
        low_at=5,
        cancel_days=7,
    ),
    "teapot": Terms(
        kind="goods",
        handed="sent",
        titles={"en": "Yixing teapot", "zh": "宜兴紫砂壶"},
        about={"en": "Thrown by hand; 180 ml.", "zh": "手工制作，180 毫升。"},
        price=2_500,
        cash=Money(9900, "CNY"),
        level_prices={"classic.status.gold": 2_000, "classic.status.platinum": 1_500},
        from_level="classic.status.silver",
        stock=12,
        low_at=3,
        cancel_days=7,
    ),
}


def codes() -> list[str]:
    """Of the coffee bar, as many as a month needs."""
    return [f"BEAN-{number:04d}" for number in range(1, 201)]
