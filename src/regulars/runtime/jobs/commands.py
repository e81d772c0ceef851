"""For whoever can reach the machine's shell: what has failed, and trying it again."""

import json

import click
from django.utils import timezone

from regulars.kit.actors import SHELL
from regulars.runtime.jobs import jobs
from regulars.runtime.trail.asking import few_words


@click.group("jobs")
def jobs_group() -> None:
    """Work done aside: what has failed, and trying it again."""


@jobs_group.command("failed")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def failed(as_json: bool) -> None:
    """Jobs that have used up their tries, newest first."""
    rows = jobs.failed(limit=200)
    if as_json:
        facts = [
            {
                "id": row.id,
                "task": row.task,
                "arguments": row.arguments,
                "attempts": row.attempts,
                "error": row.error,
                "failed_at": row.failed_at and row.failed_at.isoformat(),
            }
            for row in rows
        ]
        click.echo(json.dumps(facts))
        return
    for row in rows:
        click.echo(f"{row.id}  {row.task}  {row.error}")
    if not rows:
        click.echo("No job has failed.")


@jobs_group.command("retry")
@click.argument("job", type=int)
def retry(job: int) -> None:
    """Try the failed JOB again at once."""
    jobs.retry(job=job, at=timezone.now(), by=SHELL)


@jobs_group.command("set-aside")
@click.argument("job", type=int)
@click.option("--why", callback=few_words, required=True, help="A few words for the trail.")
def set_aside(job: int, why: str) -> None:
    """Take the failed JOB off the list."""
    jobs.set_aside(job=job, at=timezone.now(), by=SHELL, why=why)


COMMANDS: tuple[click.Command, ...] = (jobs_group,)
