"""The work of audiences that takes long: looking at everybody, each night in both ways, and tidying up."""

from regulars.insight.audiences import filling
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

_BY = Actor("system", "audiences.night")


def fill_soon(audience: int) -> None:
    """Ask for a look at everybody, in the caller's transaction."""
    fill.defer(audience=audience)


@task("audiences.fill", lock="insight.refresh")
def fill(audience: int) -> None:
    """Look at everybody for one audience. Harmless to repeat; nothing where it was done meanwhile."""
    filling.fill(audience)


@task("audiences.prove", lock="insight.refresh")
def prove(timestamp: int) -> None:
    """Each night: everybody, for every audience, in both ways; and who may change until the next night."""
    filling.prove_all(by=_BY)


every("41 3 * * *", prove)
