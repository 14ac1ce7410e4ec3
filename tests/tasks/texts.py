"""Small slices of real short messages, and what reads and trains on them."""

from pathlib import Path
from typing import Any

import pytest

from tasks.data import columns
from tasks.kinds.text_classification import Preprocess
from tests.graph_rules import ROOT
from tests.tasks import line

MESSAGES = ROOT.parent / "shared/data/text/sms.tsv"
POLARITY = ROOT.parent / "shared/data/text/sentence_polarity.zip"
SCHEMA = {"kind": "text_classification", "classes": ["ham", "spam"]}


def messages(start: int, stop: int) -> list[str]:
    """Lines of the SMS Spam Collection: class, tab, text."""
    if not MESSAGES.is_file():
        pytest.skip(f"no {MESSAGES}: the shared data are not here")
    return MESSAGES.read_text(encoding="utf-8").splitlines()[start:stop]


def section(**changes: Any) -> Preprocess:
    """A section preprocess.<role> for them, changed."""
    return Preprocess.model_validate(
        {
            "format": "tsv", "columns": {"label": 0, "text": 1}, "header": False, "lines": None,
            "text": {"unicode": "NFC", "strip_html": True, "min_characters": 2, "max_characters": 2000},
            "tokenizer": {"vocabulary": 500, "lowercase": True}, "max_tokens": 32,
            "split": {"validation": 0.1, "test": 0.3, "seed": 0}, "attributes": None, "max_bad_fraction": 0.5,
            "shard_rows": 150,
        }
        | changes
    )  # fmt: skip


def written(folder: Path, lines: list[str], name: str = "sms.tsv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    return folder


def ready(folder: Path, lines: list[str], **changes: Any) -> columns.Dataset:
    """Ingest such lines and preprocess them, in this process."""
    source = written(folder / "source", lines)
    return columns.load(line.prepared(folder, source, section(**changes), SCHEMA))


def metadata(vocabulary: int, max_tokens: int) -> Any:
    from tasks.models.saving import ModelMetadata

    inputs = {"tokens": {"shape": [max_tokens], "dtype": "int32"}}
    return ModelMetadata(
        "text_classification", {"classes": ["ham", "spam"], "inputs": inputs, "vocabulary": vocabulary}
    )  # fmt: skip
