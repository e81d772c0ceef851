"""What the benchmarks' client sends."""

from itertools import pairwise

from regulars.doors.ingest._sender import VISIT, Again, message

NOW = "2026-11-20T09:00:00.000Z"


def test_who_comes_back_is_known_and_does_something_new():
    first = {(told["userId"], told["anonymousId"]) for told in (message("steady", number, NOW) for number in range(60))}
    back = [message("back", number, NOW, Again("steady", 60 // VISIT)) for number in range(60)]

    assert {(told["userId"], told["anonymousId"]) for told in back} <= first
    assert len({told["messageId"] for told in back}) == 60
    # Each event is another one's than the one before.
    assert all(one["anonymousId"] != other["anonymousId"] for one, other in pairwise(back))
