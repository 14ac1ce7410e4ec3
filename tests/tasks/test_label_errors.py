"""Wrong labels, planted among real ones, stand on top of the list of likely wrong labels."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tasks.core.params.gates import Baseline
from tasks.data import columns
from tasks.data.columns import Dataset
from tasks.kinds import evaluation_of
from tasks.metrics import label_errors
from tests.tasks import line, texts

PLANTED, READ, FOUND = 0.05, 0.08, 0.8  # of all rows are wrong; so many are looked at; so many of the wrong are there


def listed(target: Dataset, folder: Path) -> list[dict[str, str]]:
    """The list that the kind's simple methods give."""
    predicted = label_errors.by_simple_method(evaluation_of(target.metadata["kind"]), target, Baseline())
    label_errors.write(folder / "labels.csv", target, predicted)
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_wrong_labels(lines: list[str], classes: list[str], separator: str, place: int) -> tuple[list[str], set[str]]:
    """The lines of a file, some with another class, and where these are: `rows.csv:17`."""
    random, changed = np.random.default_rng(0), list(lines)
    wrong = random.choice(len(lines), round(PLANTED * len(lines)), replace=False).tolist()
    for row in wrong:
        cells = lines[row].split(separator)
        cells[place] = str(random.choice([name for name in classes if name != cells[place]]))
        changed[row] = separator.join(cells)
    return changed, {str(row + 1) for row in wrong}


def share_found(target: Dataset, planted: set[str], folder: Path) -> float:
    rows = sum(target.rows(split) for split in ("train", "validation", "test"))
    first = listed(target, folder)[: int(READ * rows)]
    kept = planted & {source.rpartition(":")[2] for source in target.row_sources(np.arange(rows))}
    return len(kept & {row["source"].rpartition(":")[2] for row in first}) / len(kept)


def test_wrong_labels_of_digits_are_on_top(tmp_path: Path) -> None:
    lines, planted = with_wrong_labels(line.digits(0, 1797), [str(digit) for digit in range(10)], ",", -1)
    ready = line.prepared(tmp_path, line.csv_of(tmp_path / "source", lines), line.section(image_shape=[8, 8, 1]))
    assert share_found(columns.load(ready), planted, tmp_path) >= FOUND


def test_wrong_labels_of_messages_are_on_top(tmp_path: Path) -> None:
    lines, planted = with_wrong_labels(texts.messages(0, 5574), ["ham", "spam"], "\t", 0)
    target = texts.ready(tmp_path, lines, tokenizer={"vocabulary": 300, "lowercase": True})
    assert share_found(target, planted, tmp_path) >= FOUND


def test_a_row_of_the_list_says_where_it_is_and_what_it_should_be(tmp_path: Path) -> None:
    lines = texts.messages(0, 600)
    spam = next(number for number, text in enumerate(lines) if text.startswith("spam\tFree"))
    lines[spam] = lines[spam].replace("spam", "ham", 1)
    target = texts.ready(tmp_path, lines)
    first = {row["source"]: row for row in listed(target, tmp_path)[:30]}[f"sms.tsv:{spam + 1}"]
    assert (first["label"], first["suggested"]) == ("ham", "spam")
    assert first["text"].startswith("Free") and first["predicted_by"] == "tfidf_linear"
    before = (tmp_path / "labels.csv").read_bytes()
    listed(target, tmp_path)
    assert (tmp_path / "labels.csv").read_bytes() == before


@pytest.mark.parametrize("rows", [1, 2])
def test_a_class_of_one_or_two_rows_is_left_out(tmp_path: Path, rows: int) -> None:
    lines = [*(text for text in texts.messages(0, 300) if text.startswith("ham")), *["spam\tx1", "spam\ty2"][:rows]]
    assert listed(texts.ready(tmp_path, lines, split={"validation": 0.0, "test": 0.0, "seed": 0}), tmp_path) == []
