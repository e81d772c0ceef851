"""`regulars doctor ledger`: every account's books."""

import json

import click

from regulars.kit.actors import SHELL
from regulars.levers.loyalty import examination
from regulars.runtime.database import clock


@click.command()
@click.option(
    "--thaw", type=int, metavar="NUMBER", help="Let this account take verbs again; refused while it is broken."
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def ledger(thaw: int | None, as_json: bool) -> None:
    """Look at the books of every account of points, and freeze those that do not agree; the others go on.

    One that is frozen though its books agree again is named: somebody looked at it, and lets it go on with --thaw.

    Exit code 0: all agree. 1: some do not.
    """
    if thaw is not None:
        examination.thaw(account=thaw, at=clock.now(), by=SHELL)
    done = examination.examine(at=clock.now(), by=SHELL)
    if as_json:
        click.echo(json.dumps({"accounts": done.accounts, "broken": done.broken, "mended": done.mended}))
    else:
        for account, invariants in sorted(done.broken.items()):
            click.echo(f"✗ account {account} is frozen: {', '.join(invariants)} do not agree")
        for account in done.mended:
            click.echo(
                f"· account {account} is frozen, and its books agree again:"
                f" `regulars doctor ledger --thaw {account}` lets it go on"
            )
        click.echo(f"{done.accounts:,} accounts looked at, {len(done.broken):,} do not agree")
    if done.broken:
        raise SystemExit(1)


EXAMINATIONS = (ledger,)
