"""What a person reads of Python in the admin alone; a part of dashboard/words.py of this room."""

POLICY = "Who answers, who is told"
NO_JOBS_OF = {
    "waiting": "No job waits.",
    "running": "No job runs at this moment.",
    "failed": "No job has failed in the last week.",
    "finished": "No job has finished lately.",
}
