"""What a search has measured so far, outside DVC's outputs: a line per outcome, so that a killed search goes on."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tasks.compression.search.trial import Outcome
from tasks.contracts.environment import STATE_FOLDER, lock_file
from tasks.contracts.files import sha256


class Journal:
    """A file whose name is the digest of everything that the outcomes depend on."""

    def __init__(self, origin: list[Any], folder: Path = STATE_FOLDER) -> None:
        digest = hashlib.sha256(json.dumps([*origin, sha256(lock_file())], sort_keys=True).encode()).hexdigest()
        self.path = folder / f"search-{digest[:32]}.jsonl"
        self.outcomes = self._read()

    def _read(self) -> dict[str, Outcome]:
        if not self.path.exists():
            return {}
        lines = self.path.read_text(encoding="utf-8").split("\n")
        # what follows the last line break was cut off by a kill
        return {line["name"]: Outcome(**line["outcome"]) for line in map(json.loads, lines[:-1])}

    def add(self, name: str, outcome: Outcome) -> None:
        """Write an outcome behind the others."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = "".join(_line(*item) for item in self.outcomes.items())
        self.outcomes[name] = outcome
        partial = self.path.with_suffix(".partial")
        partial.write_text(whole + _line(name, outcome), encoding="utf-8")
        partial.replace(self.path)


def _line(name: str, outcome: Outcome) -> str:
    return json.dumps({"name": name, "outcome": vars(outcome)}) + "\n"
