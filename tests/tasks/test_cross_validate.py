"""Every row of the target is measured once, by a model that was not tuned on it."""

import csv
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tasks.core.errors import DataError, ParamsError, StageError, TransientError, TrimlineError
from tasks.core.files import read_json, sha256, write_json
from tasks.data import columns
from tasks.data.columns import Parts
from tasks.data.records import SPLITS, Array
from tasks.line import params_file
from tasks.models.cross_validation import open_fold, require_stopping, rows_in, split_into_folds, together
from tests.tasks import line

FOLDS = 2
WRITERS = 12
OUTPUTS = ["reports/cross_validation.json", "reports/cross_validate"]


def params(**changes: Any) -> dict[str, Any]:
    """The tiny line's parameters, with runs long enough to be killed in their midst."""
    tiny = line.tiny_params()
    tiny["preprocess"]["target"]["attributes"] = "writers.csv"  # `plan` asks for it; `with_column` adds the column
    tiny["fine_tune"] |= {"head": line.fit(2), "all_layers": line.fit(12)}
    tiny["cross_validate"] |= {"folds": FOLDS, "group": "writer"} | changes
    return tiny


def with_column(ready: Path, name: str, value_of: Callable[[Array], Array]) -> None:
    """Give a ready data set one more column, made from the numbers of its rows."""
    metadata = read_json(ready / columns.DATASET)
    for split in SPLITS:
        for index, shard in enumerate(metadata["splits"][split]):
            path = f"{split}/{name}-{index:05d}.npy"
            np.save(ready / path, value_of(np.load(ready / shard["row"]["path"])))
            shard[name] = {"path": path, "sha256": sha256(ready / path)}
    metadata["attributes"] = sorted({*metadata["attributes"], name})
    write_json(ready / columns.DATASET, metadata)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line up to its base model, whose target says who wrote a digit. Tests read it, and copy what they change."""
    folder = line.create(tmp_path_factory.mktemp("folds") / "line")
    line.run_all(folder, [*line.FILES, "train"])
    line.write_params(folder, params())
    with_column(folder / "data/ready/target", "writer", lambda rows: np.char.add("w", (rows % WRITERS).astype(str)))
    return folder


@pytest.fixture(scope="module")
def undisturbed(prepared: Path) -> Path:
    """The same after its cross-validation."""
    return line.run_all(prepared, ["cross_validate"])


@pytest.fixture
def target(prepared: Path) -> columns.Dataset:
    return columns.load(prepared / "data/ready/target")


def measured_in(parts: list[Parts]) -> Array:
    """The fold of each row; asserts that each is measured once."""
    rows = np.concatenate([part["test"] for part in parts])
    assert sorted(rows) == list(range(300))
    fold = np.empty(300, np.int64)
    fold[rows] = np.repeat(np.arange(len(parts)), [len(part["test"]) for part in parts])
    return fold


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_part_the_rows_of_each_class_evenly(folds: int, target: columns.Dataset) -> None:
    labels = target.pooled("label").all()
    parts = split_into_folds(target, folds, seed=0, group=None)
    fold = measured_in(parts)
    counts = np.array([np.bincount(labels[fold == number], minlength=10) for number in range(folds)])
    assert (np.ptp(counts, axis=0) <= 1).all()
    for part in parts:
        assert sorted(np.concatenate(list(part.values()))) == list(range(300))


def test_as_large_a_part_of_each_class_stops_the_training_as_the_validation_split_is_now(
    target: columns.Dataset,
) -> None:
    labels = target.pooled("label").all()
    validation, train = target.rows("validation"), target.rows("train")
    for part in split_into_folds(target, FOLDS, seed=0, group=None):
        stopping, training = (np.bincount(labels[part[split]], minlength=10) for split in ("validation", "train"))
        assert (np.abs(stopping - validation / (validation + train) * (stopping + training)) <= 0.5).all()


def test_a_seed_gives_its_folds_and_another_seed_others(target: columns.Dataset) -> None:
    first, again, other = (measured_in(split_into_folds(target, FOLDS, seed, None)) for seed in (0, 0, 1))
    assert (first == again).all() and not (first == other).all()


@pytest.mark.parametrize("folds", [2, 5, WRITERS])
def test_rows_of_a_group_are_measured_in_one_fold(folds: int, target: columns.Dataset) -> None:
    fold, writers = measured_in(split_into_folds(target, folds, 0, "writer")), target.pooled("writer").all()
    assert len(set(fold)) == folds
    assert all(len(set(fold[writers == writer])) == 1 for writer in set(writers))


def test_a_fold_is_normalised_by_its_own_training_rows(target: columns.Dataset) -> None:
    part = split_into_folds(target, FOLDS, 0, None)[0]
    fold, images = open_fold(target, part), target.pooled("image").all()
    for split in SPLITS:
        assert (fold.column(split, "image").all() == images[part[split]]).all()
        assert fold.rows(split) == len(part[split])
    pixels = images[part["train"]].astype(np.float64)
    assert fold.metadata["normalisation"] == {
        "mean": round(pixels.mean()),
        "std": pytest.approx(pixels.std(), abs=1e-6),
    }
    assert fold.metadata["normalisation"] != target.metadata["normalisation"]


def test_a_class_with_fewer_rows_than_folds_is_refused_by_name_and_number(target: columns.Dataset) -> None:
    counts = np.bincount(target.pooled("label").all())
    few = int(counts.min())
    split_into_folds(target, few, 0, None)
    with pytest.raises(ParamsError) as error:
        split_into_folds(target, few + 1, 0, None)
    assert error.value.got == "rows: " + ", ".join(f"{few} of class '{name}'" for name in np.flatnonzero(counts == few))
    assert f"cross_validate.folds: {few + 1}" in str(error.value.expected)


def test_fewer_groups_than_folds_are_refused(target: columns.Dataset) -> None:
    with pytest.raises(ParamsError, match=f"{WRITERS} groups in column 'writer'"):
        split_into_folds(target, WRITERS + 1, 0, "writer")


@pytest.mark.parametrize("group", ["author", "label", "row", "rows"])
def test_a_column_that_cannot_group_is_refused(group: str, target: columns.Dataset) -> None:
    with pytest.raises(ParamsError, match=r"it has \['writer'\]"):
        split_into_folds(target, FOLDS, 0, group)


def test_without_a_validation_split_there_is_nothing_to_stop_a_training(tmp_path: Path) -> None:
    split = {"validation": 0.0, "test": 0.3, "seed": 0}
    ready = line.prepared(tmp_path, line.csv_of(tmp_path, line.digits(0, 200)), line.section(split=split))
    data = columns.load(ready)
    with pytest.raises(DataError, match="a validation split of 0 rows"):
        require_stopping(data, split_into_folds(data, FOLDS, 0, None))


@pytest.mark.parametrize("folds", [1, 0, 2.5])
def test_fewer_than_two_folds_are_a_fault_of_the_parameters(folds: Any) -> None:
    with pytest.raises(ParamsError, match=r"1 problem in params.yaml:\n  cross_validate\.folds: "):
        params_file.check(params(folds=folds))


def test_a_refusal_comes_before_tensorflow_and_any_training(prepared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "line", ignore=shutil.ignore_patterns("reports")))
    line.write_params(folder, params(group="author"))
    done = line.run(folder, "cross_validate")
    assert done.returncode == 78 and "cross_validate.group: 'author'" in done.stdout, done.stdout
    assert "epoch" not in done.stdout and not (folder / "reports").exists()


@pytest.mark.parametrize("kind", [StageError, DataError, TransientError, ParamsError])
def test_a_failure_comes_whole_out_of_another_process(kind: type[TrimlineError]) -> None:
    error = kind(got="one", expected="another", do="this")
    sent = pickle.loads(pickle.dumps(error))
    assert type(sent) is kind and vars(sent) == vars(error) and str(sent) == str(error)


def test_rows_that_the_base_model_was_trained_on_are_counted(prepared: Path, target: columns.Dataset) -> None:
    assert rows_in(target, columns.load(prepared / "data/ready/base")) == 0
    assert rows_in(target, target) == target.rows("train") + target.rows("validation")


def test_a_metric_that_is_undefined_in_a_fold_has_no_mean() -> None:
    both = together([{"accuracy": 0.5, "roc_auc_macro": None}, {"accuracy": 1.0, "roc_auc_macro": 0.5}])
    assert both == {"mean": {"accuracy": 0.75}, "std": {"accuracy": pytest.approx(0.5 / 2**0.5)}}


def test_the_report_is_what_scikit_learn_makes_of_the_predictions(undisturbed: Path, target: columns.Dataset) -> None:
    report = read_json(undisturbed / "reports/cross_validation.json")
    found = np.load(undisturbed / "reports/cross_validate/predictions.npz")
    label_of = dict(zip(target.pooled("row").all(), target.pooled("label").all(), strict=True))
    assert sorted(found["row"]) == sorted(label_of) and report["rows"] == 300
    assert [label_of[row] for row in found["row"]] == found["label"].tolist()
    accuracies = []
    for number, told in enumerate(report["folds"]):
        labels, shares = (found[name][found["fold"] == number] for name in ("label", "outputs"))
        guesses = shares.argmax(axis=1)
        accuracies.append(metrics.accuracy_score(labels, guesses))
        assert (told["fold"], told["rows"], told["epochs"]) == (number, len(labels), 14)
        assert told["accuracy"] == accuracies[-1] > 0.5
        assert told["f1_macro"] == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
        assert told["log_loss"] == pytest.approx(metrics.log_loss(labels, shares / shares.sum(axis=1, keepdims=True)))
    assert report["mean"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert report["std"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (report["as_it_is"], report["group"], report["rows_in_base"]) == (False, "writer", 0)
    writer_of = dict(zip(target.pooled("row").all(), target.pooled("writer").all(), strict=True))
    writers = [{writer_of[row] for row in found["row"][found["fold"] == number]} for number in range(FOLDS)]
    assert sum(map(len, writers)) == len(set.union(*writers)) == WRITERS
    with (undisturbed / "reports/cross_validate/folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in rows] == accuracies and rows[0]["fold"] == "0"


def killed_at(folder: Path, moment: str) -> None:
    """Start the stage, and kill it when it says this."""
    stage = line.begin(folder, "cross_validate")
    assert stage.stdout
    while moment not in (said := stage.stdout.readline()):
        assert said, f"it ended before it said {moment!r}"
    stage.send_signal(signal.SIGKILL)
    stage.wait()


def processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if (process / "cwd").readlink() == folder else []
        except OSError:
            continue  # it ended meanwhile
    return found


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes_in_another_number_of_processes(
    undisturbed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(undisturbed, tmp_path / "line", ignore=shutil.ignore_patterns("reports")))
    line.write_params(folder, params(workers=1))
    killed_at(folder, "fold 1, all_layers: epoch 1 of 12")
    for _ in range(100):
        if not processes_in(folder):
            break
        time.sleep(0.1)
    assert processes_in(folder) == []
    left = sorted(path.name.rsplit("-", 1)[0] for path in (folder / ".trimline/checkpoints").glob("*.npz"))
    assert {"cross_validate-0", "cross_validate-1-head", "cross_validate-1-all_layers"} == set(left)
    assert not any((folder / path).exists() for path in OUTPUTS)

    line.write_params(folder, params())
    done = line.run(folder, "cross_validate")
    assert done.returncode == 0 and "fold 0: it was measured before" in done.stdout, done.stdout
    assert "fold 0, " not in done.stdout and "fold 1, all_layers: epoch 1 of" not in done.stdout
    for path in OUTPUTS:
        expected, got = undisturbed / path, folder / path
        assert line.tree(got) == line.tree(expected) if got.is_dir() else got.read_bytes() == expected.read_bytes()
    assert line.tree(folder / ".trimline/checkpoints") == {}
