"""What is wrong with the database, in one sentence for whoever runs a command."""

from django.db import DEFAULT_DB_ALIAS, DataError, Error, IntegrityError, connections


def sentence(error: Error) -> str:
    """Why a command could not use the database, and what to look at; '' where the fault is not the database's."""
    if isinstance(error, DataError | IntegrityError):
        return ""
    why = " ".join((_refusal() or str(error)).split())
    return (
        f"The database cannot be used: {why}. See that it runs, that DATABASE_URL is right, "
        "and that `manage.py migrate` was run."
    )


def _refusal() -> str:
    """The server's own words: a pool only says that it has no connection."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql" or not connection.settings_dict["OPTIONS"].get("pool"):
        return ""
    import psycopg

    try:
        psycopg.connect(**connection.get_connection_params()).close()
    except psycopg.Error as error:
        return str(error)
    return ""
