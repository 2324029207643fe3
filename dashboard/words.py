"""Every sentence and every word of a status that a person reads and that Python says, by word of the house.

Templates hold their own text. Why a decision was refused is said by who refuses it, in core/history/approvals.
"""

from datetime import datetime

from core.history.proof.verification import RecordState
from core.store.recorder import RecorderHeartbeat
from core.values.approvals import PENDING

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


def unavailable(error: Exception) -> str:
    """Redis is away, and what it said."""
    return f"{UNAVAILABLE} ({error})"


def queue_away(error: Exception) -> str:
    """The Redis of the jobs is away, and what it said."""
    return f"The queue of jobs does not answer. ({error})"


# Who may not

NOT_VIEWER = "This account sees nothing yet. Ask an administrator for the group “viewer”."
NOT_AUDITOR = "This account may not read the record. Ask an administrator for the group “auditor”."
NO_HEALTH = "This account may not see how the site is doing. Ask for the group “maintainer”."
NO_RETRY = "This account may not record set aside changes again. Ask for the group “maintainer”."
NO_JOBS = "This account may not see the jobs. Ask for the group “maintainer”."

# What is not there

NO_AGENT = "No such agent."
NO_ENTRY = "No such entry."
NO_FILE = "No such file."
NO_JOB = "No such job."
NO_REQUEST = "No such request."
FORGOTTEN_REQUEST = "This request is not known any more."

# Approvals

STATUSES = {
    "pending": "Waiting",
    "approved": "Approved",
    "rejected": "Denied",
    "timeout": "Timed out",
    "cancelled": "Cancelled",
}
STEPS = {
    "approval.requested": "Asked",
    **{f"approval.{status}": word for status, word in STATUSES.items() if status != PENDING},
    "approval.collected": "The agent has the answer",
    "decision.refused": "Refused attempt",
    "decision.uncertain": "An answer that may have taken effect",
    "record.repaired": "Repaired",
    "record.contradicted": "Ended in another way in a Redis that was restored",
}
UNVERIFIED = " by a direct call, person not verified"
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
NOTHING_DECIDED = "Nothing was decided."
YOU = "You"


def accepted(*, approved: bool) -> str:
    """The answer took effect."""
    return f"You {'approved' if approved else 'denied'} it. The agent is being told."


def already_decided(status: str, who: str, when: datetime | None) -> str:
    """Somebody was faster."""
    at = f"{when:%H:%M:%S} UTC" if when else ""
    return f"{who} already {STATUSES.get(status, status).lower()} it at {at}. Your answer changed nothing."


def only_in_redis(told: str) -> str:
    """What came of it, `told`, is not in SQL yet."""
    return (
        f"{told} It stands in the telemetry server alone, because the record cannot be written now. The "
        "recorder writes it as soon as it can: look again in a minute, and do not restart the server before."
    )


def not_decided(why: object) -> str:
    """The answer was no good."""
    return f"Nothing was decided: {why}."


def unreadable_request(error: Exception) -> str:
    """The request is damaged."""
    return f"Nothing was decided, because the request cannot be read: {error}"


def refused_attempt(outcome: str, *, approved: bool) -> str:
    """What the record says of an attempt that changed nothing."""
    return f"tried to {_verb(approved)}: {OUTCOMES.get(outcome, outcome)}"


def uncertain_attempt(*, approved: bool) -> str:
    """What the record says of an attempt of which nobody knows what came of it."""
    return (
        f"tried to {_verb(approved)}: the telemetry server lost the request before it was known what came of it. "
        "The agent may have heard this answer and acted on it."
    )


def repaired(what: str, was: object, now: object) -> str:
    """What the record says of a repair."""
    return f"{what}: was {was}, is {now}"


def _verb(approved: bool) -> str:
    return "approve" if approved else "deny"


# Agents

RUN_STATES = {"running": "running", "stopped": "ended", "lost": "lost"}
TASK_HOW = {"automated": "by itself", "human_review": "reviewed by a person"}
SOME_REQUEST = "a request"


def direction(*, sent: bool, to_all: bool) -> str:
    """Which way a signal went, before the name of the other agent."""
    if sent:
        return "to all" if to_all else "to"
    return "to all, from" if to_all else "from"


def progress(first: int, last: int) -> str:
    """What a chart of progress shows, in percent, for those who cannot see it."""
    return f"Progress from {first} % to {last} %"


# Usage

USAGE_NOT_NEW = (
    "The telemetry server does not answer. This page shows what was recorded before; "
    "calls made now wait on their machines and are counted later."
)
USAGE_UNREADABLE = (
    "The database does not answer, so nothing can be shown. Nothing is lost: calls are recorded later."
)
NO_EARLIER_DAY = "No earlier day to compare with."


def compared_later(until: datetime) -> str:
    """In the first hour of a day."""
    return f"Compared with the days before from 01:00 {until:%Z} on."


def average_of(days: int) -> str:
    """What today is compared with."""
    return "the day before" if days == 1 else f"the average of the {days} days before"


def compared(until: datetime, cost: str, change: str, days: int, average: str) -> str:
    """Today against the days before; `change` as `share_of_change` says it."""
    return f"Until {until:%H:00}: {cost}, {change} {average_of(days)} ({average})."


def compared_with_nothing(until: datetime, cost: str, days: int) -> str:
    """Today against days without any call."""
    return f"Until {until:%H:00}: {cost}; {average_of(days)}: nothing until then."


def share_of_change(change: int, percent: str) -> str:
    """12.3 % more than."""
    return "the same as" if change == 0 else f"{percent} {'more' if change > 0 else 'less'} than"


# The record by content

NO_INDEX = (
    "The record cannot be searched now: its index is missing or damaged. Nothing of the record is lost. Whoever runs "
    "the site runs manage.py search_index --rebuild."
)


def found(count: int, *, most: int) -> str:
    """How many requests, counted up to `most`."""
    if count > most:
        return f"More than {most:,} requests"
    return "No request" if count == 0 else f"{count:,} request{'' if count == 1 else 's'}"


# Exports


def not_started(error: Exception) -> str:
    """A file was asked for in vain."""
    return f"Nothing was started: {error}"


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


def recorder_worry(word: RecorderHeartbeat) -> str:
    """Whether the record is being written; '' when it is."""
    return RECORDER_WORRIES.get(word.state, "")


def set_aside_worry(count: int) -> str:
    """Changes that are not in the record; '' when there are none."""
    if not count:
        return ""
    return f"{count} {'change is' if count == 1 else 'changes are'} set aside and not in the record."


def still_set_aside(error: str) -> str:
    """Recording it again was in vain."""
    return f"It still cannot be recorded, and stays set aside: {error}"


def nothing_changed(error: Exception) -> str:
    """Redis is away, so what was asked for was not done."""
    return f"Nothing was changed: the telemetry server does not answer. ({error})"


def evicts(policy: str) -> str:
    """What Redis does when it is full."""
    return f"Redis may throw away requests when it is full: its policy is {policy}."


def failed_jobs(count: int) -> str:
    """How many stand as failed."""
    return f"{count} background {'job has' if count == 1 else 'jobs have'} failed."


def cut(text: str, more: int) -> str:
    """The beginning of a text that is too long to be shown."""
    return f"{text} … and {more:,} more characters, kept in the record"


# Jobs in the background

BACKGROUND = "Background"
JOBS = "Jobs"
JOB = "Job"
JOB_STATES = {"waiting": "Waiting", "running": "Running", "failed": "Failed", "finished": "Finished"}
JOB_RETRIED = "It waits for a worker again."
JOB_DELETED = "It is deleted."
JOB_UNCHANGED = "Nothing was changed: the job went on meanwhile, or it cannot be read."

# The record

SITE = "Agent telemetry"
RECORD_AND_PEOPLE = "Record and people"
ENTRIES = {
    "approval.requested": "approval asked",
    **{f"approval.{status}": word.lower() for status, word in STATUSES.items() if status != PENDING},
    "approval.collected": "answer collected",
    "decision.refused": "refused attempt to decide",
    "decision.uncertain": "answer that may have taken effect",
    "session.started": "signed in",
    "session.ended": "signed out",
    "session.refused": "sign-in failed",
    "session.refused_more": "more sign-ins failed",
    "account.created": "account created",
    "account.changed": "account changed",
    "account.password": "password changed",
    "account.deleted": "account deleted",
    "group.created": "group created",
    "group.renamed": "group renamed",
    "group.deleted": "group deleted",
    "rights.granted": "rights granted",
    "rights.taken": "rights taken",
    "settings.changed": "settings changed",
    "record.contradicted": "ended in another way in Redis",
    "record.exported": "record exported",
    "record.guarded": "guards put in place",
    "record.pruned": "texts removed by retention",
    "record.repaired": "record repaired",
    "record.restored": "restored from a backup",
    "record.retried": "repair tried in vain",
}
NEVER_VERIFIED = "The record was never verified: run manage.py verify_audit daily."
NO_CHECKPOINT = "There is no checkpoint of the record, or its file cannot be seen: a cut would not show."
OLD_CHECKPOINT = (
    "The newest checkpoint of the record is more than an hour old: a cut of what came later would not show."
)


def verification_worry(state: RecordState) -> str:
    """What the last verification found, or that it is old; '' when there is nothing to worry about."""
    if state.problems:
        more = f" There are {state.problems} problems in all." if state.problems > 1 else ""
        found = f"The record is not whole: {state.first_problem}.{more}"
        return f"{found} Found on {state.verified_at:%Y-%m-%d %H:%M UTC}: run manage.py verify_audit for all of it."
    if not state.verification_old:
        return ""
    if state.verified_at is None:
        return NEVER_VERIFIED
    return f"The record was last verified on {state.verified_at:%Y-%m-%d}: run manage.py verify_audit daily."


def checkpoint_worry(state: RecordState) -> str:
    """The same of the checkpoints."""
    if not state.checkpoint_old:
        return ""
    return NO_CHECKPOINT if state.checkpoint_at is None else OLD_CHECKPOINT
