"""What a person reads of Python on the health page and in the line above every page; a part of dashboard/words.py."""

from collections.abc import Mapping

from core.history.proof.verification import RecordState

NO_CHECKPOINT = "There is no checkpoint of the record, or its file cannot be seen: a cut would not show."
OLD_CHECKPOINT = (
    "The newest checkpoint of the record is more than an hour old: a cut of what came later would not show."
)
# What helps, beside what needs a look.
DATABASE_HELP = "Look at the site's log, the database and the disk below it. The site goes on by itself."
REDIS_HELP = "Look at Redis and its disk. Agents keep waiting, and pages go on by themselves."
RECORDER_HELP = {
    "never": "Start manage.py recorder. Nothing is lost meanwhile.",
    "silent": "Look at its log, and start manage.py recorder again. Nothing is lost meanwhile.",
    "troubled": "Its last error stands below: mostly a full disk or a locked database. Nothing is lost meanwhile.",
}
BEHIND_HELP = "It catches up by itself. If it does not, look at the database."
SET_ASIDE_HELP = "They are listed below, with why. A maintainer can have each recorded again."
CHECKPOINT_HELP = "Look at the worker, its failed jobs, and the disk of TELEMETRY_CHECKPOINT_FILE."
CLOCK_OFF = (
    "The clocks of Redis and of {host}, which serves this page, differ by {seconds:,} s: what {host} writes into the "
    "record has wrong times, and codes of second factors may not fit."
)
CLOCK_HELP = "Have both set by NTP. Answers and deadlines go by the clock of Redis alone."
EVICTS_HELP = "Set its maxmemory-policy to noeviction."
NOT_ON_DISK_HELP = "Set its appendonly to yes."
DISK_HELP = "Free its disk."
MEMORY_HELP = "Give it more by maxmemory, or find what fills it."
QUEUE_HELP = "Look at the Redis of TELEMETRY_SITE_REDIS_URL."
WORKER_HELP = "Start manage.py worker."
FAILED_JOBS_HELP = (
    "Those of the clock are tried again after five minutes, then more and more seldom. "
    "Under “Background jobs” below, a maintainer sees why and runs them again at once."
)
BACKUPS_UNREADABLE_HELP = "See who may read the folder of TELEMETRY_BACKUP_DIR."
OLD_BACKUP_HELP = "Look at the worker, its failed jobs, and the disk of TELEMETRY_BACKUP_DIR."
NOTHING_PUT_AWAY = "There was nothing to put away: it was done already, or recorded meanwhile."


def put_away_words(count: int) -> str:
    """That a banner is gone, and what stays."""
    if count == 1:
        return "The banner of 1 set aside change is put away. It stays set aside, and can be recorded again here."
    return f"The banner of {count} set aside changes is put away. They stay set aside, and can be recorded again here."


def checkpoint_worry(state: RecordState) -> str:
    """That the record's newest checkpoint is old or away; '' when there is nothing to worry about."""
    if not state.checkpoint_old:
        return ""
    return NO_CHECKPOINT if state.checkpoint_at is None else OLD_CHECKPOINT


def forgery_worry(count: int) -> str:
    """What was found in Redis that is not so; '' when there was nothing for a day."""
    if not count:
        return ""
    what = "one thing that is" if count == 1 else f"{count} things that are"
    return (
        f"Within a day {what} not so stood in the telemetry server: a request that was changed, or an answer that "
        "nothing confirms. The record tells each. See who can write to that server."
    )


def unanswerable_worry(count: int) -> str:
    """Requests that wait in vain; '' where there are none."""
    if not count:
        return ""
    what = "One request waits that nobody" if count == 1 else f"{count:,} requests wait that nobody"
    return (
        f"{what} can approve, as people, grants, owners and kinds of requests are set now. An administrator can change "
        "that under “Admin”."
    )


def callback_worry(counts: Mapping[str, int]) -> str:
    """Ends that their agents did not take, by state; '' where there is none."""
    said = {"over": "given up within a day: {}", "due": "not taken so far: {}"}
    parts = [sentence.format(counts[state]) for state, sentence in said.items() if counts.get(state)]
    return f"Callbacks to agents {', '.join(parts)}. They are listed below." if parts else ""


# What a check says to whoever runs the site

NOT_COLLECTED = "{count} files of pages are not collected, such as {first}."
COLLECT = "Run `manage.py collectstatic --noinput`."
