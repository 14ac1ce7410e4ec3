"""A trial of the reader on the data of a draft: how many rows it leaves out, for which reasons."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError
from tasks.core.params import Settings
from tasks.data.records import Chunk
from tasks.data.schema import rows_of
from tasks.kinds import data_of
from tasks.line.params import kind_settings, known_defaults, merged

MAX_CHUNKS = 40  # of up to 10,000 rows: a trial of a large file looks at its first rows alone
COPIES, CONTRADICTIONS = "copies of another row", "copies with another class"
RATED_AGAIN = "further ratings of an item by the same user"  # the reader drops them as copies
MARGIN = 1.25  # later data may be a little worse


@dataclass(frozen=True)
class Trial:
    """What a reader makes of rows.

    Attributes:
        rows: that were tried, bad ones among them.
        bad: that cannot be used.
        reasons: of the rows that are left out, by what they begin with; copies are among them.
    """

    rows: int
    bad: int
    reasons: Counter[str]

    @property
    def bad_fraction(self) -> float:
        """The fraction of the rows that `max_bad_fraction` is about."""
        return self.bad / max(self.rows, 1)

    def said(self) -> str:
        """Say how many rows will be left out, and why."""
        if not self.reasons:
            return ""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common(4))
        return f"{self.reasons.total():,} of {self.rows:,} rows will be left out and named: {reasons}"

    def bound(self, default: float) -> float | None:
        """Return the `max_bad_fraction` that such data need, None where the default is enough."""
        if self.bad_fraction * MARGIN <= default:
            return None
        return min(1.0, math.ceil(self.bad_fraction * MARGIN * 100) / 100)


def tried(raw: Path, kind: str, preprocess: Settings, architecture: str | None = None) -> Trial:
    """Read rows as `schema` and `preprocess` will.

    Raises:
        DataError: nothing can be learnt from them, or more than half of them cannot be read at all.
    """
    params = typed_section(kind, preprocess, architecture)
    reader, rules = import_module(f"tasks.data.formats.{params.format}"), data_of(kind)
    schema = rules.observe(_few(reader, raw, params), kind, params)
    rows, seen, reasons = 0, dict[Any, Any](), Counter[str]()
    copies = RATED_AGAIN if kind == "recommendation" else COPIES
    for chunk in _few(reader, raw, params):
        rows += len(chunk) + len(chunk.unreadable)
        good, bad = rules.good_rows(chunk, schema, params)
        reasons.update(row.reason.partition(":")[0] for row in bad)
        if len(good):
            pairs = zip(rules.content_digests(good).tolist(), rules.strata(good.columns).tolist(), strict=True)
            for digest, stratum in pairs:
                if digest in seen:
                    reasons[copies if seen[digest] == stratum else CONTRADICTIONS] += 1
                seen.setdefault(digest, stratum)
    reasons = +reasons
    unread = reasons.total() - reasons[copies]
    found = Trial(
        rows, unread, reasons if params.duplicates == "drop" else reasons - Counter({copies: reasons[copies]})
    )
    if unread * 2 > rows:
        raise DataError(
            got=f"{unread:,} of {rows:,} rows that cannot be used: {found.said()}",
            expected="rows that can, most of them",
            do="correct the data, or say what they are: --kind, --target, --text, --label; `--help` explains them",
        )
    return found


def _few(reader: Any, raw: Path, params: Any) -> Iterator[Chunk]:
    return islice(rows_of(reader, raw, params), MAX_CHUNKS)


def typed_section(kind: str, preprocess: Settings, architecture: str | None = None) -> Any:
    """Return a section `preprocess.target` with its defaults, as its kind takes it."""
    known = known_defaults(kind, architecture)
    complete = merged(known.part("preprocess"), preprocess)
    return vars(kind_settings(kind))["Preprocess"].model_validate(complete)
