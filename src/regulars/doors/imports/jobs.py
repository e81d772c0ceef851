"""What is done aside: looking into the watched folders, every minute."""

from regulars.doors.imports import watching
from regulars.runtime.jobs.tasks import every, task


@task("imports.watch", lock="imports.watch")
def watch(timestamp: int) -> None:
    """Look into every watched folder. One that is not there is the doctor's matter."""
    watching.look_into_all()


every("* * * * *", watch)
