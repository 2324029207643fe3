"""What a person reads of Python on the health page and in the line above every page; a part of dashboard/words.py."""


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
        "that under “Record and people”."
    )
