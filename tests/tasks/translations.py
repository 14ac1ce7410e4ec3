"""Slices of real English-French pairs, and what reads and trains on them."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.data import columns
from tasks.kinds.translation import Preprocess
from tests.graph_rules import ROOT
from tests.tasks import line

PAIRS = ROOT.parent / "shared/data/translation/fra-eng.zip"
MAX_TOKENS = 16


def pairs(start: int, stop: int) -> list[str]:
    """Lines of Tatoeba's pairs: English, tab, French; the shortest first."""
    if not PAIRS.is_file():
        pytest.skip(f"no {PAIRS}: the shared data are not here")
    with zipfile.ZipFile(PAIRS) as archive:
        return archive.read("fra.txt").decode("utf-8").splitlines()[start:stop]


def section(**changes: Any) -> Preprocess:
    """The preset's section preprocess.target, smaller and changed."""
    shared: dict[str, Any] = line.complete("presets/translation.yaml")["preprocess"]["target"]
    return Preprocess.model_validate(
        shared
        | {
            "sentences": shared["sentences"] | {"min_character_rows": 2},
            "split": {"validation": 0.05, "test": 0.1, "seed": 0, "min_words": 3, "max_linked": 8},
            "tokenizers": {"vocabulary": 300, "lowercase_source": True},
            "max_tokens": MAX_TOKENS, "max_bad_fraction": 0.5, "shard_rows": 700,
        }
        | changes
    )  # fmt: skip


def written(folder: Path, lines: list[str], name: str = "fra.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    return folder


def ready(folder: Path, lines: list[str], **changes: Any) -> columns.Dataset:
    """Ingest such lines and preprocess them, in this process."""
    from tasks.data.formats import tab_pairs
    from tasks.data.schema import rows_of
    from tasks.kinds.translation.data import DATA

    source, params = written(folder / "source", lines), section(**changes)
    schema = DATA.observe(rows_of(tab_pairs, source, params), "translation", params)
    return columns.load(line.prepared(folder, source, params, schema.model_dump()))


def params(**fit: Any) -> Any:
    """The architecture of the preset, tiny."""
    from tasks.models.architectures.translator_gru import Train

    preset: dict[str, Any] = line.complete("presets/translation.yaml")["train"]
    tiny = {"width": 32, "fit": preset["fit"] | {"epochs": 1} | fit}
    return Train.model_validate(preset | tiny)


def recipe(precision: str, **changes: Any) -> Any:
    from tasks.core.params.recipes import Recipe

    plain = {"steps": [], "precision": precision, "float_layers": [], "finish": []}
    return Recipe.model_validate(plain | changes)
