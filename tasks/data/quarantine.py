"""The rows that are left out: a file of them with their reasons, and the bound on how many there may be."""

import shutil
from collections import Counter
from pathlib import Path

from tasks.contracts.errors import DataError
from tasks.data.cleaning import SHOWN, LeftOut
from tasks.data.records import BadRow


class Quarantine:
    """Takes bad rows in their order; a context manager that closes the file.

    Attributes:
        counts: of the kinds of reasons.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.counts = Counter[str]()
        self._first = list[BadRow]()
        self._file.write(b"source,reason\n")

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, rows: LeftOut) -> None:
        """Add rows, and remove the file that they are in."""
        with rows.path.open("rb") as file:
            shutil.copyfileobj(file, self._file)
        rows.path.unlink()
        self.counts.update(rows.counts)
        self._first += rows.first[: SHOWN - len(self._first)]

    def require_few(self, kept: int, max_bad_fraction: float) -> None:
        """Refuse too many bad rows beside so many that are kept.

        Raises:
            DataError: they are more than the fraction of all.
        """
        bad = self.counts.total()
        total = kept + bad
        if bad <= max_bad_fraction * total:
            return
        counts = ", ".join(f"{count} {reason}" for reason, count in self.counts.most_common())
        first = "\n  ".join(f"{row.source}: {row.reason}" for row in self._first)
        raise DataError(
            got=f"{bad} bad rows of {total} ({counts}), the first of them:\n  {first}",
            expected=f"at most {max_bad_fraction:.2%} bad rows (preprocess.<role>.max_bad_fraction)",
            do="mend the data; where they are right and the promise is old: `python -m tasks.schema <role> --replace`",
        )
