"""Trouble that lasts and is tried again all the time: the log tells of it once, and once of its end."""

import logging


class Trouble:
    """One trouble, such as a server that is away."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lasts = False

    def begins(
        self, text: str, *args: object, level: int = logging.WARNING, trace: Exception | None = None
    ) -> None:
        """It is there, or there still: say so unless that was said. `trace`: an error whose stack is wanted too."""
        if not self._lasts:
            self._logger.log(level, text, *args, exc_info=trace)
        self._lasts = True

    def ends(self, text: str, *args: object) -> None:
        """All is well: say so where it was not."""
        if self._lasts:
            self._logger.warning(text, *args)
        self._lasts = False
