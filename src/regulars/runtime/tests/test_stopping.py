"""A worker that is told to stop stops, at whichever step the signal finds it."""

import signal
import subprocess
import sys
import textwrap
import time

from regulars.runtime.postgres.tests.builders import SOURCE

A_LOOP = textwrap.dedent(
    """
    import os

    from regulars.runtime.stopping import stop_when_told

    stop = stop_when_told()
    print("listens", flush=True)
    for _ in range(300):
        stop.wait()
        stop.clear()
    # At once: on Python's own way out a signal would end it as it ends any process.
    os._exit(0)
    """
)


def test_a_burst_of_signals_is_heard_and_holds_nobody_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", A_LOOP], env={"PYTHONPATH": SOURCE}, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        gives_up_at = time.monotonic() + 30
        while worker.poll() is None and time.monotonic() < gives_up_at:
            worker.send_signal(signal.SIGTERM)
        worker.kill()
    assert worker.returncode == 0
