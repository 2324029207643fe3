"""Places where a test may kill this process, to prove that nothing is lost there. Never outside of tests.

`TELEMETRY_FAILPOINT=name` kills with SIGKILL when the place is reached, `name:3` at the third time. It needs
`TELEMETRY_TESTING=1` beside it: with the first alone, or a name that is none of ours, nothing of this package
can be imported, so the process does not start. Without it `reach` does nothing.
"""

import os
import signal
from collections.abc import Mapping

NAME = "TELEMETRY_FAILPOINT"
SWITCH = "TELEMETRY_TESTING"

PLACES = {
    "site.before_intent": "a person has answered, nothing is written",
    "site.in_vote": "one of several has approved and that is written, nothing is committed",
    "site.after_signature": "a person's answer is signed, nothing is written",
    "site.after_extension": "a later deadline is in SQL, Redis was not asked",
    "site.after_extended": "Redis has the later deadline, nobody was told",
    "site.after_hold": "an approval is held in SQL, nobody was told and nothing will release it here",
    "site.after_undo": "it was taken back, nobody was told",
    "site.before_release": "an approval is held and its time has come, Redis was not asked",
    "site.after_intent": "the intent is in SQL, Redis was not asked",
    "site.after_script": "Redis has decided, nothing of that is in SQL",
    "site.after_note": "Redis has accepted it and that is in SQL, nobody was told",
    "site.before_reply": "all is done, the browser has no answer",
    "agent.before_request": "the agent wants to ask, nothing is stored",
    "agent.after_request": "the request is stored, the agent does not wait yet",
    "agent.before_collect": "the agent has read the outcome, it is not marked as collected",
    "agent.after_collect": "it is marked, the caller does not have it",
    "recorder.after_read": "entries are read, nothing is written",
    "recorder.before_commit": "everything of a batch is written, nothing is committed",
    "recorder.after_commit": "a batch is committed, no watcher was told",
    "recorder.after_sweep": "requests were ended at their deadline, their ends are not recorded",
    "recorder.after_lost": "an emptied Redis was noticed and its requests ended, the place is the old one",
    "recorder.in_set_aside": "an entry that cannot be read was set aside, its batch is not committed",
    "repair.before_redis": "SQL has all it lacked, what Redis offers wrongly is still open",
    "repair.before_commit": "what SQL lacks is written, nothing is committed",
    "notices.after_claim": "notices are claimed in SQL, nothing is sent",
    "notices.after_send": "notices are sent, SQL does not know it yet",
    "backup.before_rename": "a backup is written, it does not have its name yet",
    "migrate.after_one": "a migration is written down, in a transaction that is not committed",
    "migrate.before_guards": "every migration is committed, the record has no guards yet",
    "restore.before_commit": "a backup is restored and verified, nothing is committed",
}


class FailpointRefused(RuntimeError):
    """The environment asks for a failpoint where there must be none."""


class Failpoint:
    """One place, and how often it may still be passed."""

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self._left = times

    def __call__(self, name: str) -> None:
        """Die, if this is the place and the time."""
        if name != self.name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def armed(environment: Mapping[str, str]) -> Failpoint | None:
    """The failpoint that these variables ask for; FailpointRefused when they may not."""
    wanted = environment.get(NAME, "")
    if not wanted:
        return None
    if environment.get(SWITCH) != "1":
        raise FailpointRefused(
            f"{NAME}={wanted} kills this process on purpose and is for tests alone: unset it "
            f"(a test sets {SWITCH}=1 as well)"
        )
    name, colon, times = wanted.partition(":")
    if name not in PLACES:
        raise FailpointRefused(f"{NAME}={wanted}: no failpoint has this name. There are: {', '.join(PLACES)}")
    if colon and not (times.isascii() and times.isdecimal() and int(times)):
        raise FailpointRefused(f"{NAME}={wanted}: after the colon comes a number from 1")
    return Failpoint(name, int(times or 1))


def _pass_by(_name: str) -> None:
    """What `reach` is outside of tests."""


reach = armed(os.environ) or _pass_by
