"""Names of nobody, and the telephone numbers that are reserved for fiction: what all simulated people are made of."""

#: Family names as they are written and spelt.
FAMILY = (
    ("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"), ("黄", "Huang"),
    ("赵", "Zhao"), ("吴", "Wu"), ("周", "Zhou"), ("徐", "Xu"), ("孙", "Sun"), ("马", "Ma"), ("朱", "Zhu"),
    ("胡", "Hu"), ("郭", "Guo"), ("何", "He"), ("林", "Lin"), ("高", "Gao"), ("罗", "Luo"), ("宋", "Song"),
    ("谢", "Xie"), ("唐", "Tang"), ("韩", "Han"),
)  # fmt: skip
#: Given and family names from elsewhere.
GIVEN = (
    "Ines", "Tomas", "Priya", "Marek", "Amara", "Jonas", "Leila", "Oskar", "Noor", "Elif", "Mateo", "Freya", "Kofi",
    "Hanna", "Diego", "Sanna",
)  # fmt: skip
LAST = (
    "Okafor", "Lindqvist", "Marchetti", "Dvorak", "Haddad", "Novak", "Petrov", "Silva", "Brandt", "Kaya", "Moreau",
    "Sharma", "Wells", "Yilmaz", "Costa", "Ferrari",
)  # fmt: skip
#: North American area codes; with 555-0100 to 0199 behind them they make 4,000 numbers that reach nobody.
AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 301, 302,
    303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323,
)  # fmt: skip


def number_of_nobody(area: int, line: int) -> str:
    """One of them in E.164 form: `area` is a place in AREAS, `line` from 0 to 99."""
    return f"+1{AREAS[area]}55501{line:02d}"
