"""Tables: rows, features and metrics of real houses and real irises."""

import csv
import gzip
from collections.abc import Callable, Iterator
from importlib import import_module, util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.core.params.data import Tables
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data import columns
from tasks.data.records import Array, Chunk, Columns, Result
from tasks.data.shards import write_split
from tasks.data.tables import TableEncoder
from tasks.kinds import evaluation_of, export_of, model_of
from tasks.kinds.regression.data import DATA, RegressionSchema
from tasks.kinds.regression.evaluation import EVALUATION
from tasks.kinds.tabular_classification.data import DATA as CLASSIFIED
from tasks.metrics.kind_evaluation import Predictions
from tests.graph_rules import ROOT
from tests.tasks import line

HOUSES = ROOT.parent / "shared/data/tabular/housing.csv"
with_houses = pytest.mark.skipif(not HOUSES.exists(), reason="the shared data are not here")
NUMBERS, CATEGORY, VALUE = ["latitude", "total_bedrooms"], "ocean_proximity", "median_house_value"
MAIN = {"numeric": NUMBERS, "categorical": [CATEGORY], "target": VALUE}


class InShards:
    """Training rows in memory."""

    def __init__(self, shards: list[Columns]) -> None:
        self._shards = shards
        self.rows = sum(len(next(iter(columns.values()))) for columns in shards)

    def map(self, function: Callable[[Columns], Result], *names: str) -> Iterator[Result]:
        return (function({name: columns[name] for name in names}) for columns in self._shards)


def settings(**roles: Any) -> Tables:
    names = [*roles["numeric"], *roles["categorical"], roles["target"]]
    shared = {**line.complete("presets/housing.yaml")["preprocess"]["base"], "columns": {name: name for name in names}}
    return Tables.model_validate({**shared, **roles})


def houses(count: int = 400, **changed: dict[int, str]) -> Chunk:
    """The first districts of the file that are of all kinds, with single values changed, by column and row."""
    with HOUSES.open(newline="") as file:
        lines = list(csv.DictReader(file))[:: 20640 // count][:count]
    found = {name: np.array([line[name] for line in lines], object) for name in [*NUMBERS, CATEGORY, VALUE]}
    for name, values in changed.items():
        for row, value in values.items():
            found[name][row] = value
    return Chunk(found, np.array([f"housing.csv:{row + 2}" for row in range(count)]))


def prepared(chunk: Chunk, assets: Path) -> tuple[RegressionSchema, Columns, dict[str, Any]]:
    params = settings(**MAIN)
    schema = DATA.observe([chunk], "regression", params)
    good, _ = DATA.good_rows(chunk, schema, params)

    early = np.arange(len(good)) < 100
    train = InShards([good.chosen(some, []).columns for some in (early, ~early)])
    return schema, good.columns, DATA.fit(train, schema, params, assets)


@with_houses
def test_bad_rows_are_named_with_their_reasons() -> None:
    schema = DATA.observe([houses()], "regression", settings(**MAIN))
    chunk = houses(
        latitude={1: "far", 2: "1e999", 3: "1_000", 4: "-999"}, median_house_value={5: "", 6: "many", 7: "1e9"}
    )
    good, bad = DATA.good_rows(chunk, schema, settings(**MAIN))
    assert len(good) == 393
    assert sorted((row.source.split(":")[1], row.reason.split(":")[0]) for row in bad) == [
        ("3", "not a number"), ("4", "out of range of float32"), ("5", "not a number"), ("6", "out of range"),
        ("7", "missing target"), ("8", "not a number"), ("9", "out of range"),
    ]  # fmt: skip


@with_houses
def test_missing_and_unseen_values_have_their_places(tmp_path: Path) -> None:
    _, _, metadata = prepared(houses(total_bedrooms={0: "", 1: "NA"}), tmp_path)
    described = metadata["table"]["numeric"]
    assert [column["has_missing"] for column in described] == [False, True]
    assert metadata["inputs"]["features"]["shape"] == [4]
    encoder = TableEncoder(tmp_path)
    seen = metadata["table"]["categorical"][0]["values"]
    told = [f"{CATEGORY}={name}" for name in (seen[0], "MARS", "")]
    features = np.concatenate(
        [encoder.features(DATA.parse([one, "latitude=37.5", "total_bedrooms="], tmp_path)) for one in told]
    )
    np.testing.assert_allclose(features[:, 0], 37.5)
    np.testing.assert_allclose(features[:, 1], described[1]["median"])
    assert features[:, 2].tolist() == [1, 1, 1]
    assert features[:, 3].tolist() == [2, 1, 0]


@with_houses
@pytest.mark.parametrize(
    "words", [["latitude=1"], ["latitude=1", "total_bedrooms=x", f"{CATEGORY}=INLAND"], ["a text"]]
)
def test_a_row_that_cannot_be_read_is_refused(tmp_path: Path, words: list[str]) -> None:
    prepared(houses(), tmp_path)
    with pytest.raises(DataError):
        DATA.parse(words, tmp_path)


@with_houses
def test_only_equal_rows_with_equal_targets_are_copies() -> None:
    params, chunk = settings(**MAIN), houses()
    twice = Chunk(
        {name: np.concatenate([values, values]) for name, values in chunk.columns.items()},
        np.tile(chunk.sources.tolist(), 2),
    )
    twice.columns[VALUE][400] = "100"
    good, _ = DATA.good_rows(twice, DATA.observe([twice], "regression", params), params)
    digests = DATA.content_digests(good)
    assert digests[0] != digests[400]
    assert digests[1] == digests[401]


@with_houses
def test_targets_that_are_all_equal_and_a_single_class_are_refused() -> None:
    chunk = houses(median_house_value=dict.fromkeys(range(400), "5"))
    with pytest.raises(DataError, match="no two different numbers"):
        DATA.observe([chunk], "regression", settings(**MAIN))
    with pytest.raises(DataError, match="at least two"):
        CLASSIFIED.observe([chunk], "tabular_classification", settings(**MAIN))


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"numeric": ["a", "a"], "categorical": [], "target": "b"}, "once"),
        ({"numeric": [], "categorical": [], "target": "b"}, "both empty"),
    ],
)
def test_roles_that_do_not_add_up_are_refused(roles: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(**roles)


def test_an_exported_model_gives_the_target_in_its_own_unit(tmp_path: Path) -> None:
    import tensorflow as tf
    import tf_keras

    from tasks.models import saving
    from tasks.models.architectures.tables import Train, build

    data, truth = _irises(tmp_path)
    metadata = saving.metadata_of(data)
    params = Train.model_validate(line.complete("presets/diabetes.yaml")["train"])
    network = build(params, metadata)
    kind, to_tflite = model_of("regression"), export_of("regression").to_tflite
    features = data.column("train", "features").all()
    network.compile(tf_keras.optimizers.Adam(0.01), kind.loss())
    network.fit(features, kind.preprocess_targets(tf.constant(truth), metadata), epochs=15, batch_size=16, verbose=0)
    expected = kind.outputs(network(features), metadata).numpy()
    export = Export(calibration_rows=20, seed=0)
    for precision, off in (("float32", 1e-3), ("dynamic", 0.3)):
        recipe = {"steps": [], "precision": precision, "float_layers": [], "finish": [{"step": "slim"}]}
        content = to_tflite(network, metadata, Recipe.model_validate(recipe), data, export)
        answers = EVALUATION.infer(content, {"features": features}, threads=1)
        np.testing.assert_allclose(answers, expected, atol=off)
        assert EVALUATION.headline(truth, answers) < 0.5  # petals are 0.1 to 2.5 cm wide: std 0.76
    with pytest.raises(ParamsError, match="int8"):
        to_tflite(network, metadata, Recipe.model_validate({**recipe, "precision": "int8", "finish": []}), data, export)


def test_an_exported_classifier_of_tables_gives_probabilities(tmp_path: Path) -> None:
    from tasks.models.architectures.tables import Train, build
    from tasks.models.saving import ModelMetadata

    data, _ = _irises(tmp_path)
    metadata = ModelMetadata("tabular_classification", {**data.metadata, "classes": ["0", "1", "2"]})
    network = build(Train.model_validate(line.complete("presets/diabetes.yaml")["train"]), metadata)
    recipe = Recipe.model_validate({"steps": [], "precision": "dynamic", "float_layers": [], "finish": []})
    kind = model_of("tabular_classification")
    content = export_of("tabular_classification").to_tflite(
        network, metadata, recipe, data, Export(calibration_rows=20, seed=0)
    )
    features = data.column("train", "features").all()[:20]
    answers = evaluation_of("tabular_classification").infer(content, {"features": features}, 1)
    np.testing.assert_allclose(answers, kind.outputs(network(features), metadata).numpy(), atol=0.02)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def _irises(folder: Path) -> tuple[columns.Dataset, Array]:
    """The width of a petal from all else, as preprocess would write it, in one shard."""
    names = ["sepal_length", "sepal_width", "petal_length", "width", "class"]
    (package,) = util.find_spec("mlxtend").submodule_search_locations  # type: ignore[union-attr,misc]
    with gzip.open(Path(package) / "data/data/iris.csv.gz", "rt") as file:
        lines = list(csv.reader(file))
    chunk = Chunk(
        {name: np.array([line[index] for line in lines], object) for index, name in enumerate(names)},
        np.array([str(row) for row in range(len(lines))]),
    )
    params = settings(numeric=names[:3], categorical=["class"], target="width")
    schema = DATA.observe([chunk], "regression", params)
    good, bad = DATA.good_rows(chunk, schema, params)
    assert not bad
    (folder / "assets").mkdir()
    metadata = DATA.fit(InShards([good.columns]), schema, params, folder / "assets")
    encoded = DATA.encoder(folder / "assets").encode(good.columns)
    splits = {"train": write_split(folder, "train", [encoded]), "validation": [], "test": []}
    return columns.Dataset(folder, {"kind": "regression", **metadata, "splits": splits}), good.columns["value"]


def test_classes_of_a_table_become_numbers(tmp_path: Path) -> None:
    params = settings(numeric=["width"], categorical=[], target="kind")
    found = {"width": np.array(["1", "2", "3"], object), "kind": np.array(["b", " a", "?"], object)}
    chunk = Chunk(found, np.array(["t:1", "t:2", "t:3"]))
    schema = CLASSIFIED.observe([chunk.chosen(np.array([True, True, False]), [])], "tabular_classification", params)
    good, bad = CLASSIFIED.good_rows(chunk, schema, params)
    assert [(row.source, row.reason) for row in bad] == [("t:3", "unknown class: '?'")]
    CLASSIFIED.fit(InShards([good.columns]), schema, params, tmp_path)
    assert CLASSIFIED.encoder(tmp_path).encode(good.columns)["label"].tolist() == [1, 0]


def test_the_metrics_of_a_regressor_say_what_compression_costs() -> None:
    evaluate = import_module("tasks.core.params.gates").Evaluate()
    truth = np.linspace(0, 100, 200, dtype=np.float32)
    reference = (truth + np.tile([1, -1], 100))[:, np.newaxis].astype(np.float32)
    measured = EVALUATION.measure(
        Predictions(truth, reference * 1.01, reference, {"table": {"target": "price"}}, {}, evaluate)
    )
    assert measured["scores"]["rmse"]["drop"] > 0
    assert 0.9 < measured["agreement_with_float32"] < 1
    assert len(measured["slices"]) == 4
    assert measured["slices"][0]["slice"].startswith("price >= ")
    assert measured["undefined"] == {}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (182312.4, "182,300"),
        (0.012344, "0.01234"),
        (0.0, "0"),
        (-7.5, "-7.500"),
        (1.23456e25, "1.235e+25"),
        (-1.23456e-12, "-1.235e-12"),
    ],
)
def test_a_prediction_is_told_with_few_digits(tmp_path: Path, value: float, said: str) -> None:
    assert EVALUATION.describe(np.array([value]), tmp_path) == said
