"""An expected no: a small class with a stable code, beside the verb that raises it. Anything else is a bug."""

from typing import ClassVar


class Refusal(Exception):
    """Subclass it beside the verb. `code` never changes once released; it names the field, the value and the mend.

    `message` may be a text that is translated when it is read: it is read here, in the language of who is refused.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, message: object, **facts: object) -> None:
        self.message = str(message)
        super().__init__(self.message)
        self.facts = facts
