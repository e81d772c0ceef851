"""A process of ours ends when the one that started it is gone, however that one went; and it has a name of its own."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
#: Set by the supervisor for its children: its own pid.
SUPERVISOR = "REGULARS_SUPERVISOR"


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies. Linux only; elsewhere the supervisor's own end is trusted."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def end_with_supervisor() -> None:
    """For a child of the supervisor, first thing: also covers a supervisor that died before this line."""
    if supervisor := os.environ.get(SUPERVISOR):
        end_with_parent()
        if os.getppid() != int(supervisor):
            sys.exit("the supervisor that started this process is gone")


def call_this_process(name: str) -> None:
    """As which `ps -o comm` and `top` show it: 15 bytes. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
