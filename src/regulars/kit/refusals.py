"""An expected no: a small class with a stable code, beside the verb that raises it. Anything else is a bug."""

from typing import ClassVar


class Refusal(Exception):
    """Subclass it beside the verb. `code` never changes once released; it names the field, the value and the mend."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
