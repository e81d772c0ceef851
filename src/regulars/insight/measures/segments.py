"""The kinds of customers that recency and frequency scores tell apart, and what a shop can do for each."""

from dataclasses import dataclass

from regulars.insight.measures.measure import Words


@dataclass(frozen=True)
class Segment:
    """`en` and `zh` name it and say who they are; `advice_en` and `advice_zh` what to do."""

    name: str
    en: Words
    zh: Words
    advice_en: str
    advice_zh: str


SEGMENTS: tuple[Segment, ...] = (
    Segment(
        "champions",
        Words("Champions", "Bought lately, and most often of all."),
        Words("最佳顾客", "最近刚买过，而且买得最勤。"),
        "Thank them, show them new things first, ask them for a word to their friends.",
        "致谢、让他们先看新品，请他们推荐给朋友。",
    ),
    Segment(
        "loyal",
        Words("Loyal", "Buy often, seen not long ago."),
        Words("忠实顾客", "常来购买，不久前来过。"),
        "Keep the rhythm: remind them in time, reward the next visit.",
        "保持节奏：按时提醒，奖励下一次光顾。",
    ),
    Segment(
        "promising",
        Words("Promising", "Here lately, and not for the first time."),
        Words("潜力顾客", "最近来过，已不是第一次。"),
        "Suggest what goes with what they bought; make the third visit easy.",
        "推荐搭配商品，促成第三次购买。",
    ),
    Segment(
        "new",
        Words("New", "Bought for the first time, lately."),
        Words("新顾客", "最近第一次购买。"),
        "Welcome them well: the second visit decides.",
        "做好欢迎：第二次光顾最关键。",
    ),
    Segment(
        "cooling",
        Words("Cooling off", "Bought once or twice, some time ago."),
        Words("渐渐变冷", "买过一两次，有一阵没来。"),
        "Give one good reason to come back now.",
        "给一个现在就回来的好理由。",
    ),
    Segment(
        "wavering",
        Words("Wavering", "A regular with few visits, not here for some time: could go either way."),
        Words("摇摆顾客", "来得不多的回头客，有一阵没来，去留未定。"),
        "A small personal offer before they get used to staying away.",
        "趁还没养成不来的习惯，给一份小小的专属优惠。",
    ),
    Segment(
        "at_risk",
        Words("At risk", "Regulars not seen for long, or for more than twice their usual rhythm."),
        Words("有流失风险", "很久没见的回头客，或没来的时间已超过平时间隔的两倍。"),
        "Write in person, ask what was missing, invite them back.",
        "亲自联系，问问哪里不满意，邀请他们回来。",
    ),
    Segment(
        "must_keep",
        Words("Must not lose", "Among the most frequent, and gone quiet."),
        Words("不能失去", "曾是最常来的一批，现在没了消息。"),
        "Call them. No other group is worth as much of your time.",
        "打电话联系，没有哪一类顾客更值得花时间。",
    ),
    Segment(
        "sleeping",
        Words("Asleep", "Bought once or twice, long ago."),
        Words("沉睡顾客", "很久以前买过一两次。"),
        "Do not spend much; try them with the season's best offer.",
        "不必多花钱，用当季最好的活动试一试。",
    ),
)
NAMES: tuple[str, ...] = tuple(segment.name for segment in SEGMENTS)

#: Rows: recency 5 (lately) down to 1 (long ago); columns: frequency 1 (once), 2 (twice), 3 to 5 (regulars).
_TABLE = (
    ("new", "promising", "promising", "champions", "champions"),
    ("new", "promising", "promising", "loyal", "champions"),
    ("cooling", "cooling", "wavering", "loyal", "loyal"),
    ("sleeping", "sleeping", "at_risk", "at_risk", "must_keep"),
    ("sleeping", "sleeping", "at_risk", "at_risk", "must_keep"),
)
#: (recency score, frequency score) to the segment's name.
BY_SCORES: dict[tuple[int, int], str] = {
    (5 - row, column + 1): name for row, names in enumerate(_TABLE) for column, name in enumerate(names)
}

#: Where a regular is slipping away, that decides, however lately others bought: nobody reads "keep the rhythm" of them.
BY_FREQUENCY_WHERE_LAPSING: dict[int, str] = {3: "at_risk", 4: "at_risk", 5: "must_keep"}


def segment(name: str) -> Segment:
    """The segment called `name`; KeyError for any other text."""
    return {segment.name: segment for segment in SEGMENTS}[name]
