"""The console draws the charts of new readings before anybody asks for them."""

from regulars.doors.console import insight
from regulars.runtime.jobs.tasks import every, task


@task("console.draw_insight", lock="console.draw_insight")
def draw_insight(timestamp: int) -> None:
    """Insight's charts in both languages. With nothing new it reads a few rows."""
    insight.draw()


every("* * * * *", draw_insight)
