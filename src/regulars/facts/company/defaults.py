"""What a shop is taken for until somebody says otherwise."""

from typing import Final

CURRENCY: Final = "CNY"
ZONE: Final = "Asia/Shanghai"
LANGUAGE: Final = "zh-hans"
COUNTRY: Final = "CN"
