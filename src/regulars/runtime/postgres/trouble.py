"""Why the embedded database cannot run, in words for the person who started it."""

from typing import ClassVar

from regulars.kit.refusals import Refusal


class DatabaseTrouble(Refusal):
    """Expected and explained: the message says what is wrong and what to do, and is shown without a traceback."""

    code: ClassVar[str] = "postgres.trouble"
