"""How a command asks for the few words that the trail keeps."""

import click

from regulars.runtime.trail import only_ids


def few_words(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """A click option's callback: what the trail does not take is refused before anything is done."""
    try:
        return only_ids.text("It", value)
    except only_ids.NotForTheTrail as problem:
        raise click.BadParameter(f"{problem}. The trail is never erased.") from problem
