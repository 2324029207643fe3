"""What an agent says while several of its waits run at once: threads, tasks, one within another."""

from .instance import BeatReport


class Wait:
    """One that runs, and what is said while it is the newest."""

    def __init__(self, said: BeatReport) -> None:
        self.said = said


class WaitStack:
    """Those that run, oldest first. The newest counts; after the last of them, what was said before the first.

    What the agent itself says meanwhile stands. Its words are told from those of a wait by the object: they may be
    the same.
    """

    def __init__(self) -> None:
        self._running: list[Wait] = []
        self._before = BeatReport("starting", 0.0, "")

    def begin(self, said: BeatReport, last: BeatReport) -> Wait:
        """`said` is said from now on; `last` was said until now."""
        if self._is_own(last):
            self._before = last
            if self._running:
                self._running[-1].said = last
        self._running.append(Wait(said))
        return self._running[-1]

    def end(self, wait: Wait, last: BeatReport) -> BeatReport:
        """What is said after `wait`; `last` was said until now."""
        own = self._is_own(last)
        self._running.remove(wait)
        if own:
            self._before = last
            return last
        return self._running[-1].said if self._running else self._before

    def _is_own(self, last: BeatReport) -> bool:
        return all(wait.said is not last for wait in self._running)
