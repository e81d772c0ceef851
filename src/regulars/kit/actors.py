"""Who does something."""

from dataclasses import dataclass
from typing import Literal

Origin = Literal["live", "history"]
ActorKind = Literal["operator", "member", "api", "import", "connector", "system"]


@dataclass(frozen=True)
class Actor:
    """`kind` says what sort of actor; `id` which one: an operator's number, an import run's, a job's name."""

    kind: ActorKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor("system", "regulars")
#: Somebody at the command line, where nobody signs in.
SHELL = Actor("system", "shell")
