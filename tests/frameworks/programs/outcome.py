"""What a program leaves for its test: with what its tool ran, and what its model heard."""

import json
from pathlib import Path


def ran(to: str, amount: int) -> str:
    """The tool itself."""
    with Path("ran").open("a") as file:
        file.write(json.dumps([to, amount]) + "\n")
    return f"paid {amount} to {to}"


def note(name: str, said: str) -> None:
    """How the run of this name ended."""
    Path(f"{name}.said").write_text(said)


def timeout(name: str) -> float:
    """Nobody answers a run that is called so."""
    return 5.0 if name == "late" else 3600.0


note.timeout = timeout
