"""How a process that works in a loop hears that it shall end."""

import signal
import threading
from queue import SimpleQueue

TOLD_BY = (signal.SIGTERM, signal.SIGINT)


def stop_when_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set from now on. Only the main thread may call this.

    A handler must not set it: it runs between two steps of the main thread, which may hold the event's own lock at
    that moment, as may a handler when signals come in a burst; it would wait for itself for ever. So handlers only put
    a word into a queue whose `put` may interrupt itself, and a thread waits for the word.
    """
    stop = threading.Event()
    told: SimpleQueue[int] = SimpleQueue()

    def hear_words() -> None:
        while told.get():
            stop.set()

    threading.Thread(target=hear_words, daemon=True, name="stop when told").start()
    for number in TOLD_BY:
        signal.signal(number, lambda heard, _frame: told.put(heard))
    return stop
