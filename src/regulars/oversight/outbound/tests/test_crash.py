"""The sender is killed in the middle: what it had under way goes again, under the same id, and nothing is lost."""

import os
import signal
import threading
import time
from datetime import UTC, datetime

import pytest

from regulars.kit.actors import Actor
from regulars.oversight.outbound import _queues, addresses, deliveries, endpoints
from regulars.oversight.outbound._sending import Sender
from regulars.oversight.outbound.models import Lane
from regulars.oversight.outbound.tests.receivers import receiving
from regulars.runtime.serving.tests import nursery

MAREK = Actor("operator", "7")
SENDING = "import django; django.setup(); import threading; from regulars.oversight.outbound._sending import Sender; "


@pytest.mark.crash
def test_a_killed_senders_messages_go_again_with_their_ids(fresh_database, settings, monkeypatch):
    monkeypatch.setenv(addresses.SETTING, "127.0.0.1")
    now, met, go_on = datetime.now(UTC), threading.Event(), threading.Event()

    def answer(message):
        met.set()
        go_on.wait(60)
        return 204

    with receiving() as receiver:
        made = endpoints.make(name="erp", url=receiver.url, at=now, by=MAREK)
        receiver.secret, receiver.answer = made.secret, answer
        trials = {deliveries.send_trial(endpoint=made.endpoint.id, at=now, by=MAREK).message_id for _ in range(6)}
        child = nursery.start(
            SENDING + "Sender().run(threading.Event())",
            environment={
                **os.environ,
                **fresh_database,
                "DJANGO_SETTINGS_MODULE": "regulars.main.settings",
                "REGULARS_HOME": str(settings.REGULARS_HOME),
            },
        )
        try:
            # For a hang to be told from a busy machine.
            assert met.wait(90)
            time.sleep(0.1)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        under_way = set(receiver.ids)
        assert 1 <= len(under_way) <= _queues.AT_ONCE
        assert all(one.state == "waiting" for one in deliveries.of_endpoint(made.endpoint.id))
        go_on.set()
        # The claims of the dead run out.
        Lane.objects.update(claimed_until=now)
        Sender(at_once=8).drain(patience=5)
    assert set(receiver.ids) == trials
    assert all(receiver.ids.count(one) == 2 for one in under_way)
    assert [one.state for one in deliveries.of_endpoint(made.endpoint.id)] == ["delivered"] * 6
