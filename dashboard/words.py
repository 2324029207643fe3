"""Every sentence and every word of a status that a person reads and that Python says, by word of the house.

Templates hold their own text. Why a decision was refused is said by who refuses it, core/history/approvals/policy.py.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from core.history.proof.verification import RecordState
from core.values.approvals import PENDING
from core.values.skeleton import scripts_of

_PLAIN_NAME = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]{0,63}")

# What is away

UNAVAILABLE = (
    "The telemetry server does not answer: nothing can be approved or denied now. Agents keep waiting."
)
DATABASE_AWAY = (
    "The record cannot be read or written: nobody can sign in, and nothing can be approved, denied or changed now. "
    "Agents keep waiting. Try again in a minute. If it stays so, whoever runs the site looks at its log, its "
    "database and the disk below it."
)
SLOW = (
    "The record is slow to answer: what this page shows may be out of date. It follows by itself as soon as it can. "
    "Agents keep waiting."
)

NOT_READY = "The site is not ready yet"


def not_live(sentence: str) -> str:
    """What the head of a page says of trouble: the beginning of the sentence that the page says of it, or of none."""
    beginning = (sentence or NOT_READY).partition(":")[0]
    return f"Not live: {beginning[0].lower()}{beginning[1:]}"


def unavailable(error: Exception) -> str:
    """Redis is away, and what it said."""
    return f"{UNAVAILABLE} ({error})"


# Who may not

NOT_VIEWER = "This account sees nothing yet. Ask an administrator for the group “viewer”."
NOT_AUDITOR = "This account may not read the record. Ask an administrator for the group “auditor”."
NO_HEALTH = "This account may not see how the site is doing. Ask for the group “maintainer”."
NO_RETRY = "This account may not record set aside changes again. Ask for the group “maintainer”."
NO_PUTTING_AWAY = "This account may not put agents away. Ask for the group “approver” or “maintainer”."
NO_SENDING_AGAIN = (
    "This account may not have agents told again. Ask for the group “approver” or “maintainer”."
)
NO_REVOKING = "This account may not revoke rules. Ask an administrator for the group “approver”."
NO_HANDING = "This account may not hand requests over. Ask an administrator for the group “approver”."
NO_SECRETS = "This account may not see what is hidden. Ask for the group “approver” or “auditor”."
NO_JOBS = "This account may not see the jobs. Ask for the group “maintainer”."

# What is not there

NO_AGENT = "No such agent."
NO_ENTRY = "No such entry."
NO_FILE = "No such file."
NO_JOB = "No such job."
NO_REQUEST = "No such request."
NO_RULE = "No such rule."
FORGOTTEN_REQUEST = "This request is not known any more."

# Approvals

STATUSES = {
    "pending": "Waiting",
    "approved": "Approved",
    "rejected": "Denied",
    "timeout": "Timed out",
    "cancelled": "Cancelled",
}
NEEDS = {
    "override": "that you mean it",
    "reason": "a reason",
    "digest": "its digest",
    "sign_in": "your password again",
}
STEPS = {
    "approval.requested": "Asked",
    **{f"approval.{status}": word for status, word in STATUSES.items() if status != PENDING},
    "approval.collected": "The agent has the answer",
    "approval.commented": "Comment",
    "approval.extended": "Given more time",
    "approval.handed_over": "Handed over",
    "decision.taken_back": "Took back their approval",
    "decision.voided": "Approval that did not count",
    "approval.altered": "Changed in the telemetry server since it was asked",
    "approval.doubted": "The agent did not believe a yes",
    "approval.unconfirmed": "Somebody claimed what nothing confirms",
    "approval.told_otherwise": "Whoever waited may have been told another end",
    "decision.refused": "Refused attempt",
    "decision.uncertain": "An answer that may have taken effect",
    "decision.voted": "Approved by one of several",
    "decision.alone": "Answered for their own agent, as nobody else may",
    "decision.overridden": "Answered for themselves, on purpose",
    "record.repaired": "Repaired",
    "agents.put_away": "Put away",
    "record.contradicted": "Ended in another way in a Redis that was restored",
    "secrets.shown": "Looked at hidden values",
    "tool.ran": "Then the tool ran",
    "tool.failed": "Then the tool failed",
    "tool.never_ran": "The tool never ran",
    "outcome.succeeded": "The agent says that it succeeded",
    "outcome.failed": "The agent says that it failed",
    "callback.sent_again": "Had its end sent to the agent again",
}
OUTCOMES = {
    "already_decided": "already decided",
    "expired": "too late",
    "cancelled": "already cancelled",
    "changed": "the page showed something else",
    "lapsed": "took too long to arrive",
    "unknown": "no such request",
}
NOT_DECIDED = {
    "expired": "Too late: its time had run out, so the agent went on without an approval. Nothing was decided.",
    "cancelled": "It was cancelled before your answer came. Nothing was decided.",
    "changed": "This is not what your page showed. Nothing was decided: read the request again, then answer.",
    "lapsed": "Your answer took too long to reach the telemetry server. Nothing was decided: try again.",
}
NOT_CONFIRMED = (
    "Not confirmed: the telemetry server did not answer, so your decision may or may not have taken "
    "effect. The card shows the truth as soon as the server is back."
)
NOT_WRITTEN = (
    "Nothing was decided, because the record cannot be written. Answer again in a minute. If it stays so, whoever "
    "runs the site looks at its database and the disk below it."
)
NOT_SIGNED = (
    "Nothing was decided, because the key that signs decisions cannot be used. Whoever runs the site finds the reason "
    "in its log."
)
NOTHING_DECIDED = "Nothing was decided."
BAD_ANSWER = "Nothing was decided: {why}."
UNREADABLE_REQUEST = "Nothing was decided, because the request cannot be read: {error}"
ONLY_IN_REDIS = (
    "{told} It stands in the telemetry server alone, because the record cannot be written now. The "
    "recorder writes it as soon as it can: look again in a minute, and do not restart the server before."
)
YOU = "You"
NO_DEADLINE = "no deadline"
ALTERED = (
    "What the telemetry server holds of this request is not what the agent asked: somebody changed it there. "
    "Nobody can answer it."
)


def quoted(name: str) -> str:
    """A name that somebody outside chose: in quotes where it is more than a plain word, and might pose as ours."""
    return name if _PLAIN_NAME.fullmatch(name) else f"“{name}”"


def request_name(kind: str, agent: str) -> str:
    """How a notice calls a request."""
    return f"{quoted(kind)} of {quoted(agent)}"


def about(name: str, sentence: str) -> str:
    """A notice that speaks of one request says of which, where that is known."""
    return f"{sentence} This was about {name}." if name else sentence


def accepted(name: str, *, approved: bool, gone: str = "") -> str:
    """The answer took effect; `gone` says why nobody hears it."""
    told = f"Nobody waits for it now: {gone}" if gone else "The agent is being told."
    return f"You {'approved' if approved else 'denied'} {name}. {told}"


def counted(name: str, votes: int, approvers: int) -> str:
    """An approval that is one of several."""
    more = approvers - votes
    people = "one more person" if more == 1 else f"{more} more people"
    return f"Counted: {votes} of {approvers} approved {name}. Nothing is decided until {people} did so too."


def already_decided(name: str, status: str, who: str, when: datetime | None) -> str:
    """Somebody was faster."""
    at = f"{when:%H:%M:%S} UTC" if when else ""
    return (
        f"{who} already {STATUSES.get(status, status).lower()} {name} at {at}. Your answer changed nothing."
    )


def asker_gone(last_beat: datetime, *, finished: bool) -> str:
    """Why nobody waits for an answer: the agent that asked has said that it stops, or says nothing any more."""
    at = f"{last_beat:%Y-%m-%d %H:%M:%S} UTC"
    if finished:
        return f"the agent that asked has stopped, at {at}."
    return f"the agent that asked is gone, its last sign of life was at {at}."


def card_of_gone(gone: str) -> str:
    """The same as a sentence of its own."""
    return f"{gone[:1].upper()}{gone[1:]} Nobody waits for the answer now." if gone else ""


# Text from outside


def text_warnings(unseen: int, mixed: Iterable[tuple[str, tuple[str, ...]]], hidden: int = 0) -> list[str]:
    """What a reader must know of a text: characters that draw nothing or reorder, words of mixed scripts, secrets."""
    told = []
    if unseen:
        what = "1 character is" if unseen == 1 else f"{unseen:,} characters are"
        told.append(f"{what} unseen, or reorder text. Each is shown as a mark with its number.")
    named = [f"{_cut(word)} ({' and '.join(scripts)})" for word, scripts in mixed]
    if named:
        more = f", and {len(named) - MIXED_SHOWN} more" if len(named) > MIXED_SHOWN else ""
        told.append(f"Letters of several scripts in one word: {', '.join(named[:MIXED_SHOWN])}{more}.")
    if hidden:
        told.append(
            "1 value is hidden: it looks like a secret."
            if hidden == 1
            else f"{hidden:,} values are hidden: they look like secrets."
        )
    return told


MIXED_SHOWN = 5
WORD_SHOWN = 60  # characters


def _cut(word: str) -> str:
    return word if len(word) <= WORD_SHOWN else f"{word[:WORD_SHOWN]}…"


KNOWN = {"agent": "a known agent", "person": "somebody's account", "value": "approved before"}


def lookalike(name: str, what: str, like: str) -> str:
    """A name or value that is not the known one that it looks like."""
    scripts = [script for script in scripts_of(name) if script != "Latin"]
    by = f" It has {' and '.join(scripts)} letters." if scripts else ""
    return f"“{name}” only looks like “{like}” ({KNOWN[what]}), and is another.{by}"


# Policy

LETS_IN_NOBODY = "nobody"
SEEN_FIRST = "Shown before it is saved."
GRANT_SEEN = "This lets in, as things stand: {names}. Nothing is saved yet: save again if that is meant."

# Rules

NOT_MADE = "Nothing is saved: {why}."
NO_RULE_MADE = "Nothing is saved: the record cannot be written. Try again in a minute."
MADE = "{rule} is at work. It answers what is asked from now on."
REVOKED = "{rule} is revoked, and answers nothing any more."
CHOOSE = "choose what it answers"
TOO_MANY_VALUES = "This request has more than {most} values, so no rule can be made from it."
LONG_NAMES = "The names that lead to a value of this request are too long for a rule."
NO_TEXT = "The text of this request is not kept any more, so no rule can be made from it."
NOT_SO = "{name} of this request is not so"
NO_NUMBER = "{name} needs a number, not {text}"
NO_WHOLE_NUMBER = "how often must be a number, not {text}"
STUCK = "{told} The same request of this run is refused from now on."
NOT_STUCK = "{told} That it stands on could not be saved: {why}"
HOW = {"is": "exactly this", "begins": "begins with", "between": "a number between", "any": "anything"}
LASTING = {1: "1 hour", 4: "4 hours", 24: "1 day", 168: "7 days", 720: "30 days", 2160: "90 days"}
ALWAYS = {
    "approved": "People approved the last ten requests that said the very same.",
    "rejected": "People denied the last ten requests that said the very same.",
}
RULE_STATES = {
    "works": "at work",
    "revoked": "revoked",
    "over": "over",
    "used": "used up",
    "idle": "stopped: its owner may not decide",
}
NOTHING = "nothing"
HIDDEN = "hidden"
NOT_OFFERED = "{name} must be one of what the form offers"


# Agents

RUN_STATES = {"running": "running", "stopped": "ended", "lost": "lost"}
TASK_HOW = {"automated": "by itself", "human_review": "reviewed by a person"}
SOME_REQUEST = "a request"
SENT = {True: "to all", False: "to"}  # which way a signal went, by whether it went to all
RECEIVED = {True: "to all, from", False: "from"}
PROGRESS = "Progress from {first} % to {last} %"  # what a chart shows, for those who cannot see it
AGENT_COLUMNS = {
    "state": "State",
    "name": "Name",
    "task": "Status and task",
    "progress": "Progress",
    "unchanged": "Unchanged for",
    "waiting": "Waiting for",
    "cost": "Cost today",
    "beat": "Last beat",
}
AGENT_STATES = {
    "failed": "It said that it failed. Look at its last task, then start it again or put it away.",
    "lost": "No beat for 30 s, and it never said that it stops: it crashed, hangs, or is cut off.",
    "stuck": "It beats and says the same for longer than its limit: a long step that it did not declare, or it hangs.",
    "late": "No beat for 20 s. After 30 s it counts as lost.",
    "doubled": "Two processes beat under this name. Give each its own, or stop one.",
    "alive": "The last beat is less than 20 s old.",
    "finished": "It said that it stopped.",
}
NOBODY_PUT_AWAY = "Nothing was put away: who was meant has beaten since, or is away already."
NOT_PUT_AWAY = "Nothing was put away: the record cannot be written."
NOT_MEANT = "Nothing was put away: the page did not say whom."


def put_away(count: int, left: int) -> str:
    """So many agents have left the lists; `left` are still there, because one act takes only so many."""
    done = f"{count} {'agent is' if count == 1 else 'agents are'} put away. One that beats again comes back."
    return f"{done} {left} more are left: put them away too." if left else done


# Usage

USAGE_NOT_NEW = (
    "The telemetry server does not answer. This page shows what was recorded before; "
    "calls made now wait on their machines and are counted later."
)
USAGE_UNREADABLE = (
    "The database does not answer, so nothing can be shown. Nothing is lost: calls are recorded later."
)
NO_EARLIER_DAY = "No earlier day to compare with."
COMPARED_LATER = "Compared with the days before from {then:%H:%M} {then:%Z} on."
SPLIT_HOUR = (
    "Costs are summed by the hour of UTC, so a day of {zone} is counted from {at:%H:%M} of the day before."
)
COMPARED = "Until {until:%H:%M}: {cost}, {change} {average_of} ({average})."
COMPARED_WITH_NOTHING = "Until {until:%H:%M}: {cost}; {average_of}: nothing until then."


def average_of(days: int) -> str:
    """What today is compared with."""
    return "the day before" if days == 1 else f"the average of the {days} days before"


def share_of_change(change: int, percent: str) -> str:
    """12.3 % more than."""
    return "the same as" if change == 0 else f"{percent} {'more' if change > 0 else 'less'} than"


# Exports

NOT_STARTED = "Nothing was started: {error}"
NO_DAYS = "Nothing was taken: give days such as 2026-11-22, or none for the whole record."

# Health

RECORDER_STATES = {
    "recording": "Recording",
    "troubled": "Cannot record",
    "silent": "Silent",
    "never": "Not running",
}
RECORDER_BEHIND = "Recording, but behind"
RECORDER_UNKNOWN = "Unknown: Redis does not answer"
RECORDER_WORRIES = {
    "never": "No recorder runs: answers reach the agents, but nothing is recorded.",
    "silent": "The recorder is silent: answers reach the agents, but nothing is recorded.",
    "troubled": "The recorder cannot record: answers reach the agents, but they wait for the record.",
}
WITHOUT_DATABASE = "The database does not answer: nobody can sign in, and nothing is recorded."
WITHOUT_REDIS = "Redis does not answer: nothing can be approved or denied now."
WITHOUT_QUEUE = "The queue of background jobs does not answer."
CHANGES_WAIT = "The recorder is behind: changes wait longer than they should."
NOT_ON_DISK = "Redis keeps nothing on disk: a restart loses what is open."
DISK_FAILS = "Redis cannot write to its disk."
NO_MEMORY = "Redis has almost no memory left."
NO_WORKER = "No worker runs: background jobs wait."
BACKUPS_UNREADABLE = "The folder of the backups cannot be read."
NO_BACKUP = "There is no backup yet: a worker makes the next one at 2:00 UTC."
OLD_BACKUP = "The newest backup is more than a day and a half old."
NO_TYPE = "of no type"
SET_ASIDE_REPAIRED = "It is in the record now."
SET_ASIDE_REPAIRED_BEFORE = "It was in the record already. Nothing was changed."
NOTHING_WRITTEN = "Nothing was changed: the record cannot be written."
BUSY = "Many people sign in at this moment. Nothing was compared: try again in a few seconds."
NOTHING_CHANGED = "Nothing was changed: the telemetry server does not answer. ({error})"
STILL_SET_ASIDE = "It still cannot be recorded, and stays set aside: {error}"
EVICTS = "Redis may throw away requests when it is full: its policy is {policy}."
CUT = "{text} … and {more:,} more characters, kept in the record"


def set_aside_worry(count: int) -> str:
    """Changes that are not in the record; '' when there are none."""
    if not count:
        return ""
    return f"{count} {'change is' if count == 1 else 'changes are'} set aside and not in the record."


def failed_jobs(count: int) -> str:
    """How many stand as failed."""
    return f"{count} background {'job has' if count == 1 else 'jobs have'} failed."


# Jobs in the background

BACKGROUND = "Background"
QUEUE_AWAY = "The queue of jobs does not answer. ({error})"
JOBS = "Jobs"
JOB = "Job"
JOB_STATES = {"waiting": "Waiting", "running": "Running", "failed": "Failed", "finished": "Finished"}
JOB_RETRIED = "It waits for a worker again."
JOB_DELETED = "It is deleted."
JOB_UNCHANGED = "Nothing was changed: the job went on meanwhile, or it cannot be read."

# The record

SITE = "Agent telemetry"
RECORD_AND_PEOPLE, NEW_PASSWORD = "Record and people", "A new password"
ENTRIES = {
    "agents.put_away": "agents put away",
    "approval.requested": "approval asked",
    **{f"approval.{status}": word.lower() for status, word in STATUSES.items() if status != PENDING},
    "approval.collected": "answer collected",
    "approval.commented": "comment on a request",
    "approval.extended": "deadline extended",
    "approval.handed_over": "request handed over",
    "decision.taken_back": "approval taken back",
    "decision.voided": "held approval that did not count",
    "approval.altered": "request changed in Redis",
    "approval.doubted": "yes that its agent did not believe",
    "approval.unconfirmed": "claim that nothing confirms",
    "approval.told_otherwise": "waiters told another end",
    "contexts.sealed": "contexts sealed or opened",
    "decision_key.announced": "next key for signing decisions",
    "decision_key.rotated": "new key for signing decisions",
    "redis_account.made": "account of an agent made in Redis",
    "decision.refused": "refused attempt to decide",
    "decision.uncertain": "answer that may have taken effect",
    "decision.voted": "approval of one of several",
    "decision.alone": "own agent answered, as nobody else may",
    "decision.overridden": "own request answered on purpose",
    "session.started": "signed in",
    "session.ended": "signed out",
    "session.refused": "sign-in failed",
    "session.refused_more": "more sign-ins failed",
    "session.throttled": "sign-in throttled",
    "session.ended_everywhere": "signed out everywhere",
    "factor.added": "second factor added",
    "factor.removed": "second factor removed",
    "factor.refused": "second factor refused",
    "account.created": "account created",
    "account.changed": "account changed",
    "account.password": "password changed",
    "account.deleted": "account deleted",
    "group.created": "group created",
    "group.renamed": "group renamed",
    "group.deleted": "group deleted",
    "rights.granted": "rights granted",
    "rights.taken": "rights taken",
    "policy.changed": "policy changed",
    "rule.made": "rule made",
    "rule.refused": "refused attempt to make a rule",
    "rule.revoked": "rule revoked",
    "settings.changed": "settings changed",
    "record.contradicted": "ended in another way in Redis",
    "record.exported": "record exported",
    "record.guarded": "guards put in place",
    "record.put_away": "banner put away",
    "record.pruned": "texts removed by retention",
    "record.repaired": "record repaired",
    "record.restored": "restored from a backup",
    "record.retried": "repair tried in vain",
    "secrets.shown": "hidden values looked at",
    "tool.ran": "a tool ran that was asked about",
    "tool.failed": "a tool failed that was asked about",
    "tool.never_ran": "a tool never ran that was asked about",
    "outcome.succeeded": "an agent said that what was approved succeeded",
    "outcome.failed": "an agent said that what was approved failed",
    "callback.sent_again": "end of a request sent to its agent again",
    "token.made": "token of an agent made",
    "token.renewed": "token of an agent renewed",
    "token.revoked": "token of an agent revoked",
    "token.shortened": "secret from before a renewal ended",
    "device.given": "command on a machine given a token",
    "device.refused": "command on a machine refused a token",
}
NEVER_VERIFIED = "The record was never verified: run manage.py verify_audit daily."


def verification_worry(state: RecordState) -> str:
    """What the last verification found, or that it is old; '' when there is nothing to worry about."""
    if state.problems:
        more = f" There are {state.problems:,} problems in all." if state.problems > 1 else ""
        found = f"The record is not whole: {state.first_problem}.{more}"
        return f"{found} Found on {state.verified_at:%Y-%m-%d %H:%M UTC}: run manage.py verify_audit for all of it."
    if not state.verification_old:
        return ""
    if state.verified_at is None:
        return NEVER_VERIFIED
    return f"The record was last verified on {state.verified_at:%Y-%m-%d}: run manage.py verify_audit daily."
