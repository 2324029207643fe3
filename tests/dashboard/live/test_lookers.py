"""Who else looks at a request: told to its pages in every web process, forgotten when nobody repeats it."""

import json

import pytest

from dashboard.live.follower import follower
from dashboard.live.looking import KEPT_SECONDS, TOLD_AGAIN_SECONDS, Lookers
from tests.dashboard.live.frames import next_frame

ID, OTHER = "7f4fa705-53e6-89d5-8be0-0b43139937db", "7f4fa705-53e6-89d5-8be0-0b43139937dc"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_changed_is_told_once_and_all_of_it_again_while_somebody_looks():
    clock = Clock()
    here, there = Lookers(clock), Lookers(clock)
    first = here.take({ID: {"ann"}})
    assert first is not None
    assert (first["looks"], first["asks"]) == ({ID: ("ann",)}, True)
    there.hear(first)
    assert there.of(ID) == ("ann",)
    assert here.take({ID: {"ann"}}) is None
    moved = here.take({OTHER: {"ann"}})
    assert moved is not None
    assert moved["looks"] == {OTHER: ("ann",), ID: ()}
    there.hear(moved)
    assert (there.of(ID), there.of(OTHER)) == ((), ("ann",))
    clock.now += TOLD_AGAIN_SECONDS
    again = here.take({OTHER: {"ann"}})
    assert again is not None
    assert again["looks"] == {OTHER: ("ann",)}


def test_a_process_that_begins_is_told_and_one_that_ends_is_forgotten():
    clock = Clock()
    here, there = Lookers(clock), Lookers(clock)
    here.take({ID: {"ann"}})
    asked = there.take({ID: {"tom"}})
    assert asked is not None
    here.hear(asked)
    answer = here.take({ID: {"ann"}})
    assert answer is not None
    there.hear(answer)
    assert here.of(ID) == there.of(ID) == ("ann", "tom")
    clock.now += KEPT_SECONDS + 1
    assert there.of(ID) == ("tom",)


def looking(socket, request_id: str, names: list[str]) -> None:
    """Wait until a page is told that these look at a request."""

    def tells(frame: str) -> bool:
        return frame.startswith("{") and json.loads(frame).get("looking") == {
            "id": request_id,
            "names": names,
        }

    next_frame(socket, tells, f"{names} look")


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_a_request_see_each_other_and_a_third_sees_nobody(gate, signed_in, open_socket):
    request = gate.open_request("deploy")
    own = open_socket(signed_in("approver"), f"/ws/approvals/{request.request_id}/")
    inbox = open_socket(signed_in("viewer"))
    inbox.send(request.request_id)
    looking(own, request.request_id, ["the viewer"])
    looking(inbox, request.request_id, ["the approver"])
    follower.hear_lookers({"process": "another", "looks": {request.request_id: ["tom"]}, "asks": False})
    looking(own, request.request_id, ["the viewer", "tom"])
    inbox.send("")
    looking(own, request.request_id, ["tom"])
