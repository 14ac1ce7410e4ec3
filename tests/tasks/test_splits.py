"""No content stands in two splits, and a row's split hangs on its content alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.core.params.data import Split
from tasks.data import columns, deduplication, splits
from tasks.data.records import SPLITS, Array
from tests.tasks import line, oracles

ROWS = line.digits(0, 1000)
IMAGES = line.pixels(ROWS).astype(np.uint8)
LABELS = np.array([int(row.rpartition(",")[2]) for row in ROWS])
DIGESTS = splits.content_digests(IMAGES)
NOT_GIVEN = np.full(len(ROWS), "")


def split(validation: float | str = 0.1, test: float | str = 0.3, seed: int = 0) -> Split:
    return Split.model_validate({"validation": validation, "test": test, "seed": seed})


def assign(digests: Array, strata: Array, given: Array, params: Split, at_once: int = 64) -> Array:
    """The split of each row, (rows,) of str, found with few rows at a time."""
    records = np.zeros(len(digests), splits.RANKED)
    records["rank"], records["row"] = splits.keyed(digests, params.seed), np.arange(len(digests))
    names, records["stratum"] = np.unique(strata, return_inverse=True)
    records["given"] = [splits.GIVEN_SPLITS.index(name) for name in given]

    def ranked(function: Callable[[Array], Array]) -> Iterator[Array]:
        return (function(records[start : start + at_once]) for start in range(0, len(records), at_once))

    places = np.concatenate(list(splits.assigned(ranked, len(names), params)))
    found: Array = np.array(SPLITS)[places]
    return found


def first_of_each(digests: Array, given: Array) -> Array:
    """The row that is kept in place of each row, found by what tells of the copies."""
    codes = np.array([splits.GIVEN_SPLITS.index(name) for name in given], np.uint8)
    own = np.arange(len(digests))
    found = deduplication.find_duplicates(deduplication.digest_rows(digests, own, np.zeros(len(own), np.int64), codes))
    own[found["row"]] = found["first"]
    return own


def assigned(rows: Array, given: Array = NOT_GIVEN, params: Split | None = None) -> dict[int, str]:
    """The split of each of these rows, given in this order."""
    names = assign(DIGESTS[rows], LABELS[rows], given[rows], params or split())
    return dict(zip(rows.tolist(), names.tolist(), strict=True))


def test_each_class_gives_the_same_fraction_to_each_split() -> None:
    names = assign(DIGESTS, LABELS, NOT_GIVEN, split())
    for label in range(10):
        of_class = names[label == LABELS]
        assert (of_class == "test").sum() == round(0.3 * len(of_class))
        assert (of_class == "validation").sum() == round(0.1 * len(of_class))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    rows = np.arange(len(ROWS))
    assert assigned(np.random.default_rng(seed).permutation(rows)) == assigned(rows)


@pytest.mark.parametrize("added", [20, 300, 500])
def test_no_test_row_is_trained_on_when_rows_are_added(added: int) -> None:
    old, new = assigned(np.arange(500)), assigned(np.arange(500 + added))
    assert [row for row, name in old.items() if name == "test" and new[row] == "train"] == []


@pytest.mark.parametrize("added", [20, 300])
def test_few_rows_change_their_split_when_rows_are_added(added: int) -> None:
    old, new = assigned(np.arange(500)), assigned(np.arange(500 + added))
    assert sum(old[row] != new[row] for row in old) < 0.1 * 500  # by chance alone it would be 54 %


@pytest.mark.parametrize("counts", [1, 500, splits.MAX_COUNTS])
def test_many_strata_are_divided_as_each_alone(counts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "MAX_COUNTS", counts)
    strata = np.random.default_rng(0).integers(0, 150, len(ROWS))
    expected = oracles.assign(DIGESTS, strata, NOT_GIVEN, split(0.2, 0.3))
    assert assign(DIGESTS, strata, NOT_GIVEN, split(0.2, 0.3)).tolist() == expected.tolist()


def test_another_seed_gives_another_split() -> None:
    rows = np.arange(len(ROWS))
    one, two = assigned(rows), assigned(rows, params=split(seed=1))
    assert 0.3 < np.mean([one[row] != two[row] for row in one]) < 0.7


def test_given_splits_are_respected() -> None:
    given = np.resize(np.array(["train", "test", "validation", ""]), len(ROWS))
    names = assign(DIGESTS, LABELS, given, split("given", "given"))
    assert names.tolist() == np.where(given == "", "train", given).tolist()


def test_a_validation_split_is_taken_from_the_given_training_rows_only() -> None:
    given = np.where(np.arange(len(ROWS)) < 800, "train", "test")
    names = assign(DIGESTS, LABELS, given, split(0.1, "given"))
    assert ((names == "test") == (given == "test")).all()
    assert (names == "validation").sum() == sum(round(0.1 * np.count_nonzero(label == LABELS)) for label in range(10))


def test_a_fraction_takes_no_notice_of_the_given_split() -> None:
    given = np.where(np.arange(len(ROWS)) < 800, "train", "test")
    rows = np.arange(len(ROWS))
    assert assigned(rows, given) == assigned(rows)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["", "", ""], 0), (["train", "test", "train"], 1), (["train", "validation", "test"], 2),
        (["validation", "train", "validation"], 0), (["train", "test", "test"], 1),
    ],
)  # fmt: skip
def test_of_copies_that_of_the_test_split_is_kept_then_the_first(given: list[str], kept: int) -> None:
    three = np.concatenate([DIGESTS[:1], DIGESTS[:1], DIGESTS[:1], DIGESTS[1:2]])
    assert first_of_each(three, np.array([*given, ""])).tolist() == [kept, kept, kept, 3]


def test_no_content_stands_in_two_splits_of_a_table_full_of_copies(tmp_path: Path) -> None:
    shuffled = np.random.default_rng(0).permutation([*ROWS[:200], *ROWS[:200], *ROWS[:50]]).tolist()
    ready = line.prepared(tmp_path, line.csv_of(tmp_path, shuffled), line.section(max_bad_fraction=0.6))
    data = columns.load(ready)
    seen = [image.tobytes() for name in SPLITS for image in data.column(name, "image").all()]
    assert len(seen) == len(set(seen)) == 200


def test_a_split_without_rows_says_how_to_get_some(tmp_path: Path) -> None:
    params = line.section(split={"validation": 0.1, "test": 0.0, "seed": 0})
    data = columns.load(line.prepared(tmp_path, line.csv_of(tmp_path, ROWS[:200]), params))
    assert json.loads((tmp_path / "ready/dataset.json").read_text())["splits"]["test"] == []
    with pytest.raises(DataError, match="no rows in split 'test'"):
        data.column("test", "image")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("validation", [0.0, 0.13, "given"])
@pytest.mark.parametrize("test", [0.0, 0.31, 0.8, "given"])
def test_splits_found_by_counting_are_those_of_sorting(test: float | str, validation: float | str, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 400, 1000 + seed)
    strata, given = (
        random.choice(["a", "b", "c"], len(rows)),
        random.choice(["", "train", "validation", "test"], len(rows)),
    )
    if isinstance(test, float) and isinstance(validation, float) and test + validation >= 1:
        validation = 0.1
    params = split(validation, test, seed)
    expected = oracles.assign(DIGESTS[rows], strata, given, params)
    assert (assign(DIGESTS[rows], strata, given, params) == expected).all()  # equal contents are equal ranks here
    assert (first_of_each(DIGESTS[rows], given) == oracles.first_of_each(DIGESTS[rows], given)).all()
