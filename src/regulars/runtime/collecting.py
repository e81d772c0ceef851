"""How often a process that works in a loop looks for garbage that goes in circles."""

import gc

#: Objects that came since the last look; Python's own number is 700.
_YOUNG = 20_000


def seldom() -> None:
    """What is here now stays and is not looked at again; what comes is looked at seldom.

    A slice of events is tens of thousands of small objects that go as soon as it is done, without circles: by Python's
    own numbers they are looked through some sixty times while they are needed, a tenth of all that the slice takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 50, 100)
