"""What a person reads of Python on the page of the record; a part of dashboard/words.py that only this room says."""

NO_INDEX = (
    "The record cannot be searched now: its index is missing or damaged. Nothing of the record is lost. Whoever runs "
    "the site runs manage.py search_index --rebuild."
)
NOT_LOOKED = "The texts above are long, so this one was not looked through: open it to see the words in it."


def found(count: int, *, most: int) -> str:
    """How many requests, counted up to `most`."""
    if count > most:
        return f"More than {most:,} requests"
    return "No request" if count == 0 else f"{count:,} request{'' if count == 1 else 's'}"
