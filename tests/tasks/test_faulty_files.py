"""Files of every format with every fault: what is in them is kept, quarantined or named, or the file is refused."""

import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.data import text_lines
from tasks.data.records import BadRow
from tasks.data.schema import rows_of
from tasks.kinds import data_of
from tasks.kinds.regression import Preprocess
from tasks.kinds.text_classification import Preprocess as TextPreprocess
from tasks.kinds.translation import Preprocess as PairPreprocess
from tests.tasks import faulty_files

FORMATS = ("csv", "tsv", "json_lines", "parquet", "lines_by_class", "tab_pairs")
SUFFIX = {"json_lines": "jsonl", "lines_by_class": "txt", "tab_pairs": "txt"}
FEW, MANY = 25, 1000


def settings(form: str, chance: random.Random) -> tuple[str, Any, dict[str, Any]]:
    """A kind that reads a format, its section and a schema."""
    shard_rows = chance.choice((3, 1000))
    if form == "lines_by_class":
        section: dict[str, Any] = {"format": form, "columns": {}, "lines": {}, "shard_rows": shard_rows}
        return "text_classification", TextPreprocess.model_validate(section), {"classes": ["rows", "b"]}
    if form == "tab_pairs":
        section = {"format": form, "columns": {"source": 0, "target": 1}, "shard_rows": shard_rows}
        letters = "".join(map(chr, range(32, 127)))
        return (
            "translation",
            PairPreprocess.model_validate(section),
            {"characters": dict.fromkeys(("source", "target"), letters)},
        )
    section = {
        "format": form, "columns": {name: name for name in faulty_files.NAMES}, "numeric": ["a"], "categorical": ["c"],
        "target": "y", "shard_rows": shard_rows,
    }  # fmt: skip
    believed = {"min": -1e30, "max": 1e30}
    return (
        "regression",
        Preprocess.model_validate(section),
        {"numeric": {"a": believed}, "categorical": ["c"], "target": believed},
    )


def made(form: str, chance: random.Random, folder: Path) -> tuple[faulty_files.File, Path]:
    path = folder / f"rows.{SUFFIX.get(form, form)}"
    if form == "parquet":
        return faulty_files.columns_file(chance, path), path
    if form == "json_lines":
        file = faulty_files.objects(chance)
    else:
        file = faulty_files.table(chance, "," if form == "csv" else "\t", quoted=form == "csv")
    return file, faulty_files.written(chance, file, path)


def require_account(form: str, seed: int, folder: Path) -> bool:
    """Read a file; compare what became of its lines with what is in it. Tells whether it was read at all."""
    chance = random.Random(f"{form} {seed}")
    folder.mkdir()
    file, path = made(form, chance, folder)
    kind, params, promised = settings(form, chance)
    reader, rules = import_module(f"tasks.data.formats.{form}"), data_of(kind)
    schema = rules.schema.model_validate({"kind": kind, **promised})
    kept, bad, skipped, named = 0, list[BadRow](), 0, set[str]()
    try:
        for chunk in rows_of(reader, folder, params):
            good, wrong = rules.good_rows(chunk, schema, params)
            kept, skipped = kept + len(good), skipped + chunk.skipped.total()
            bad += wrong
            named |= (
                {str(value) for value in good.columns["numbers"][:, 0].astype(int)}
                if "numbers" in good.columns
                else set()
            )
        units = sum(reader.units(one) for one in reader.files(folder, params))
    except (DataError, ParamsError) as error:
        assert error.do and ("rows" in error.got or "no " in error.got), error
        return False
    there = len(file.lines) if form == "parquet" else faulty_files.lines_in(path)
    assert there == units == kept + len(bad) + skipped, f"{form} {seed}: {file.faults}"
    assert all(row.source.startswith("rows") and row.reason for row in bad)
    assert len({row.source for row in bad}) == len(bad), f"{form} {seed}: a line is named twice"
    if kind == "regression" and not file.has_quotes:
        assert file.untouched <= named, f"{form} {seed}: {file.faults} lost {file.untouched - named}"
    return True


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_lost_of_files_with_every_fault(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MIN_BYTES", 64)  # so that small files have several parts
    read = [require_account(form, seed, tmp_path / str(seed)) for seed in range(FEW)]
    assert sum(read) > FEW / 2


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_lost_of_a_thousand_files_with_every_fault(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "MIN_BYTES", 64)
    read = [require_account(form, seed, tmp_path / str(seed)) for seed in range(MANY)]
    assert sum(read) > MANY / 2
