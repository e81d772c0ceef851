"""A worker as a process of its own, made to be killed. The nursery forks one for each line it reads."""

import os
import signal
import sys
import time

from django.core.management import call_command
from django.db import connection

from regulars.runtime.jobs.tasks import task


def take_effect(what):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO job_effect (what) VALUES (%s)", [what])


@task("tests.slow_once", once=True)
def slow_once(what):
    take_effect(what)
    time.sleep(2)


@task("tests.slow_plain")
def slow_plain(what):
    take_effect(what)
    time.sleep(2)


def nursery():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            call_command("work_jobs", heartbeat=0.3, poll=0.3)
            os._exit(0)
        print(child, flush=True)
