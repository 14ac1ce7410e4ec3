"""A slice of the real MovieLens ratings, and what reads it."""

from pathlib import Path
from typing import Any

import pytest

from tasks.data import columns
from tasks.kinds.recommendation import Preprocess
from tests.graph_rules import ROOT
from tests.tasks import line

RATINGS = ROOT.parent / "shared/data/recsys/ml-latest-small_ratings.csv"
TITLES = RATINGS.with_name("ml-latest-small_movies.csv")
SCHEMA = {"kind": "recommendation", "rating": {"min": 0.5, "max": 5.0}}
HEADER = "userId,movieId,rating,timestamp"
LENGTH = 12


def ratings(users: int) -> list[str]:
    """The ratings of the first users, a line each, in the order of the file: by user and film, not by time."""
    if not RATINGS.is_file():
        pytest.skip(f"no {RATINGS}: the shared data are not here")
    lines = RATINGS.read_text(encoding="utf-8").splitlines()[1:]
    return [one for one in lines if int(one.split(",", 1)[0]) <= users]


def roles(**changes: Any) -> dict[str, Any]:
    """A section preprocess.<role> for them, changed."""
    found: dict[str, Any] = line.complete("presets/movielens.yaml")["preprocess"]["base"]
    found |= {"min_count": 3, "shard_rows": 700}
    found["split"] = {"validation": 0.1, "test": 0.2, "seed": 0, "min_ratings": 30, "history": LENGTH}
    return found | changes


def written(folder: Path, lines: list[str]) -> Path:
    """A folder with ratings.csv and movies.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ratings.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    (folder / "movies.csv").write_bytes(TITLES.read_bytes())
    return folder


def ready(folder: Path, lines: list[str], **changes: Any) -> columns.Dataset:
    """Ingest such lines and preprocess them, in this process."""
    source = written(folder / "source", lines)
    return columns.load(line.prepared(folder, source, Preprocess.model_validate(roles(**changes)), SCHEMA))
