"""Dispatchers and producers as processes of their own, made to be killed. Started by the crash test.

The nursery sets Django up once and then forks a process for each line it reads: "dispatch" or "produce".
"""

import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from django.db import connection, transaction

from regulars.kit.actors import SYSTEM
from regulars.runtime.notices.dispatch import Dispatcher
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce
from regulars.runtime.notices.subscriptions import subscribe

PEOPLE = 40


@dataclass(frozen=True, kw_only=True)
class Counted(Notice):
    kind: ClassVar[str] = "tests.counted"

    person: int
    number: int

    @property
    def subject(self) -> str:
        return f"customer:{self.person}"


def take_effect(listener, notices):
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO storm_effect (listener, person, number) VALUES (%s, %s, %s)",
            [(listener, notice.person, notice.number) for notice in notices],
        )


def listen():
    @subscribe(Counted, name="storm.plain")
    def plain(notice):
        take_effect("storm.plain", [notice])

    @subscribe(Counted, name="storm.batched", in_batches=True)
    def batched(notices):
        take_effect("storm.batched", notices)
        time.sleep(0.02)

    @subscribe(Counted, name="storm.flaky", strict=True)
    def flaky(notice):
        take_effect("storm.flaky", [notice])
        if random.random() < 0.02:
            raise RuntimeError("a bad day")


def dispatch():
    listen()
    Dispatcher().run(threading.Event())


def produce():
    """Until told to stop: short and slow transactions, one or two people each, some rolled back."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    now = datetime(2026, 3, 2, tzinfo=UTC)
    number = os.getpid() * 1_000_000
    while not stop.is_set():
        with transaction.atomic():
            for person in sorted(random.sample(range(PEOPLE), random.choice((1, 1, 2)))):
                number += 1
                announce(Counted(person=person, number=number, at=now), by=SYSTEM, verb="storm.count")
            if random.random() < 0.1:
                time.sleep(random.uniform(0, 0.05))
            if random.random() < 0.1:
                transaction.set_rollback(True)
        time.sleep(0.002)
    connection.close()


def nursery():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            random.seed()
            {"dispatch": dispatch, "produce": produce}[line.strip()]()
            os._exit(0)
        print(child, flush=True)
