"""What a person reads of Python in the admin alone; a part of dashboard/words.py of this room."""

POLICY = "Who answers, who is told"
TOLD = "What agents told"
# By what an auditor asks, with the beginnings of the kinds of entries that answer it.
KINDS = {
    "requests": ("Requests and their ends", ("approval.",)),
    "answers": ("Answers refused, held or special", ("decision.",)),
    "outcomes": ("What came of it", ("tool.", "outcome.", "callback.")),
    "people": ("People and rights", ("account.", "group.", "rights.")),
    "sign-ins": ("Sign-ins and second factors", ("session.", "factor.")),
    "policy": ("Policy, rules and settings", ("policy.", "rule.", "settings.")),
    "tokens": (
        "Tokens, keys and accounts of agents",
        ("token.", "device.", "decision_key.", "redis_account."),
    ),
    "record": ("The record itself, and what is hidden", ("record.", "contexts.", "secrets.", "agents.")),
}
GROUPS = {
    "viewer": "sees agents and requests",
    "approver": "sees, and answers what a grant lets them",
    "auditor": "sees, reads the record and takes it away; tick below too",
    "maintainer": "sees, and looks after what went wrong; for the jobs tick below too",
    "administrator": "sets people and who answers what, and reads the record; tick below too",
}
STAFF = "May open the admin"
STAFF_HELP = "For auditors, administrators, and maintainers who look after jobs."
NO_JOBS_OF = {
    "waiting": "No job waits.",
    "running": "No job runs at this moment.",
    "failed": "No job has failed in the last week.",
    "finished": "No job has finished lately.",
}
# What each function of core/jobs.py does, by the name that the queue keeps.
JOB_NAMES = {
    "core.jobs.backup": "Make a backup",
    "core.jobs.checkpoint": "Note how far the record is",
    "core.jobs.clear_sessions": "Remove sessions that are over",
    "core.jobs.export": "Write a file that somebody asked for",
    "core.jobs.price_usage": "Price calls whose models had no price",
    "core.jobs.prune": "Remove what is older than it is kept for",
    "core.jobs.rebuild_usage": "Add up usage anew",
    "core.jobs.tell_askers": "Tell agents how their requests ended",
    "core.jobs.tell_people": "Tell people what waits for them",
    "core.jobs.tidy_callbacks": "Remove old answers told to agents",
    "core.jobs.tidy_exports": "Remove old files of exports",
    "core.jobs.tidy_notices": "Remove old notices",
    "core.jobs.verify": "Verify the record",
}
