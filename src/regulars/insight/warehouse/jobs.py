"""Each night one table is read anew as a whole and compared with how it grew: another one every night."""

from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from regulars.insight.warehouse import publishing
from regulars.insight.warehouse._files import TablePublished
from regulars.runtime.jobs.tasks import every, task


class RowsDiffered(Exception):
    """A table had not grown as it should have. It is right again; how it went wrong wants to be known."""


@task("warehouse.check", lock="insight.refresh")
def check(timestamp: int) -> None:
    """The table whose turn it is on that day. A difference is mended, and the job fails once to be seen."""
    names = [table.name for table in publishing.published_tables()]
    turn = datetime.fromtimestamp(timestamp, UTC).date().toordinal()
    found: list[TablePublished] = []
    publishing.publish(
        Path(settings.REGULARS_HOME), at=timezone.now(), rebuilt=[names[turn % len(names)]], tell=found.append
    )
    publishing.forget_removals(Path(settings.REGULARS_HOME))
    if differing := [one.name for one in found if one.differs]:
        raise RowsDiffered(f"warehouse: rows of {', '.join(differing)} were not those of the database; they are now")


every("41 2 * * *", check)
