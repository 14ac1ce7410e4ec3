"""A trained model of the user's own goes through the line: `architecture: own_file`, `fine_tune: null`."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ParamsError
from tasks.core.files import read_json, sha256
from tasks.data import columns
from tasks.data.records import Array
from tasks.line import params_file
from tests.tasks import line, own

RECIPES = ("float32", "int8", "rounded_int8")
MODEL = "incoming/model.h5"

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def own_params() -> dict[str, Any]:
    """The tiny line's parameters with the preset's model and recipes; base and target are the same digits."""
    params, preset = line.tiny_params(), line.complete("presets/own_model.yaml")
    params["ingest"]["base"] = params["ingest"]["target"]
    params["preprocess"]["base"] = params["preprocess"]["target"]
    return params | {name: preset[name] for name in ("fine_tune", "compress")} | {
        "train": preset["train"] | {"tracked": MODEL}
    }  # fmt: skip


def split_of(folder: Path, split: Any) -> tuple[Array, Array]:
    """Images as such a model takes them, (rows, 16, 16, 1) of float32 in [0, 1], and labels."""
    data = columns.load(folder / "data/ready/target")
    return data.column(split, "image").all().astype(np.float32) / 255, data.column(split, "label").all()


def network(x: Array, y: Array) -> Any:
    """A network with a softmax, trained to about 95 %."""
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip
    from tf_keras import Input, Sequential, layers, optimizers, utils

    utils.set_random_seed(0)
    model = Sequential([
        Input((16, 16, 1)), layers.Conv2D(8, 3, strides=2, activation="relu"), layers.Flatten(),
        layers.Dense(24, activation="relu"), layers.Dense(10, activation="softmax", name="answer"),
    ])  # fmt: skip
    model.compile(optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=15, batch_size=16, verbose=0)
    return model


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data ready and the model beside them. Tests read it, and copy what they change."""
    folder = line.create(tmp_path_factory.mktemp("own") / "line")
    line.write_params(folder, own_params())
    line.run_all(folder, line.FILES)
    network(*split_of(folder, "train")).save(folder / MODEL)
    return folder


@pytest.fixture(scope="module")
def released(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, after the stages up to the report."""
    folder = tmp_path_factory.mktemp("own") / "line"
    shutil.copytree(prepared, folder)
    stages = [f"{name}@{recipe}" for name in ("compress", "export", "evaluate", "profile") for recipe in RECIPES]
    return line.run_all(folder, ["train", "fine_tune", "cross_validate", *stages, *line.DECISION])


def probabilities(folder: Path, recipe: str) -> Array:
    content: Array = np.load(folder / f"reports/evaluate/{recipe}/predictions.npz")["outputs"]
    return content


def test_the_float_file_answers_as_the_model_itself_does(released: Path) -> None:
    x, y = split_of(released, "test")
    expected = own.load(released / MODEL).model.predict(x, verbose=0)
    assert (expected.argmax(axis=1) == y).mean() > 0.75
    np.testing.assert_allclose(probabilities(released, "float32"), expected, atol=1e-5)


@pytest.mark.parametrize("recipe", ["int8", "rounded_int8"])
def test_an_int8_file_agrees_with_the_model(recipe: str, released: Path) -> None:
    guesses = [probabilities(released, name).argmax(axis=1) for name in ("float32", recipe)]
    assert (guesses[0] == guesses[1]).mean() >= 0.95
    sizes = {
        name: read_json(released / f"reports/evaluate/{name}/metrics.json")["zip_bytes"] for name in ("float32", recipe)
    }
    assert sizes[recipe] < 0.4 * sizes["float32"]


def test_nothing_is_trained_and_the_pages_say_so(released: Path) -> None:
    base, tuned = (read_json(released / f"models/{name}/model.json") for name in ("base", "tuned"))
    assert base == tuned and base["data"]["normalisation"] == {"mean": 0, "std": 255.0}
    assert sha256(released / "models/base/model.h5") == sha256(released / "models/tuned/model.h5") == base["sha256"]
    for stage in ("train", "fine_tune"):
        with (released / f"reports/{stage}/history.csv").open(newline="") as file:
            assert len(list(csv.reader(file))) == 1
    compared = read_json(released / "reports/fine_tune/comparison.json")
    assert compared["tuned"] is False and set(compared) == {"tuned", "primary", "as_it_is"}
    float32 = read_json(released / "reports/evaluate/float32/metrics.json")
    assert compared["as_it_is"]["accuracy"] == pytest.approx(float32["scores"]["accuracy"]["value"])
    folds = read_json(released / "reports/cross_validation.json")
    assert folds["as_it_is"] is True and {fold["epochs"] for fold in folds["folds"]} == {0}
    for page in ("reports/results.md", "reports/model_card.md", "reports/report.html"):
        text = (released / page).read_text()
        assert "Nothing was fine-tuned" in text and "transfer gains" not in text


def test_the_folds_only_measure_the_model_on_all_rows_and_say_how_many_the_base_data_set_has(released: Path) -> None:
    data = columns.load(released / "data/ready/target")
    found = np.load(released / "reports/cross_validate/predictions.npz")
    order = np.argsort(data.pooled("row").all())
    x = data.pooled("image").take(order).astype(np.float32) / 255
    expected = own.load(released / MODEL).model.predict(x, verbose=0)
    assert (np.sort(found["row"]) == data.pooled("row").all()[order]).all()
    np.testing.assert_allclose(found["outputs"][np.argsort(found["row"])], expected, atol=1e-5)
    known = data.rows("train") + data.rows("validation")  # base and target are the same here
    assert read_json(released / "reports/cross_validation.json")["rows_in_base"] == known


def refusal(prepared: Path, folder: Path, model: Any, name: str = "model.h5") -> str:
    """What the train stage says of a model that it refuses."""
    shutil.copytree(prepared, folder)
    params = own_params()
    params["train"]["tracked"] = f"incoming/{name}"
    line.write_params(folder, params)
    model.save(folder / f"incoming/{name}")
    done = line.run_warm(folder, "train")
    assert done.returncode == 65 and not (folder / "models/base").exists(), done.stdout
    assert "expected: " in done.stdout and "to do: " in done.stdout
    return done.stdout


def test_another_number_of_classes_is_refused(prepared: Path, tmp_path: Path) -> None:
    from tf_keras import Input, Sequential, layers

    model = Sequential([Input((16, 16, 1)), layers.Flatten(), layers.Dense(9, activation="softmax")])
    assert "(batch, 9)\nexpected: (batch, 10)" in refusal(prepared, tmp_path / "line", model)


def test_another_shape_of_images_is_refused(prepared: Path, tmp_path: Path) -> None:
    assert "(batch, 8, 8, 1), float32" in refusal(prepared, tmp_path / "line", own.classifier())


def test_a_softmax_that_cannot_be_taken_off_is_refused(prepared: Path, tmp_path: Path) -> None:
    from tf_keras import Input, Model

    images = Input((16, 16, 1))
    nested = Model(images, own.load(prepared / MODEL).model(images))
    assert "as probabilities have" in refusal(prepared, tmp_path / "line", nested)


def test_a_lambda_layer_is_refused(prepared: Path, tmp_path: Path) -> None:
    from tf_keras import Input, Sequential, layers

    model = Sequential(
        [Input((16, 16, 1)), layers.Lambda(lambda x: x, name="trap"), layers.Flatten(), layers.Dense(10)]
    )
    assert "a Lambda layer 'trap'" in refusal(prepared, tmp_path / "line", model)


def test_a_model_of_keras_3_is_refused(prepared: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", minversion="3")
    model = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    assert "a model of Keras 3" in refusal(prepared, tmp_path / "line", model, "model.keras")


def test_other_classes_need_fine_tuning(released: Path, tmp_path: Path) -> None:
    shutil.copytree(released, tmp_path / "line")
    metadata = tmp_path / "line/data/ready/target/dataset.json"
    metadata.write_text(metadata.read_text().replace('"9"', '"nine"'))
    done = line.run_warm(tmp_path / "line", "fine_tune")
    assert done.returncode == 65 and "a target of the classes" in done.stdout, done.stdout


def test_a_model_of_ones_own_is_fine_tuned_with_its_own_normalisation(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "line")
    line.write_params(tmp_path / "line", own_params() | {"fine_tune": line.tiny_params()["fine_tune"]})
    folder = line.run_all(tmp_path / "line", ["train", "fine_tune"])
    base, tuned = (read_json(folder / f"models/{name}/model.json") for name in ("base", "tuned"))
    assert tuned["data"]["normalisation"] == base["data"]["normalisation"] == {"mean": 0, "std": 255.0}
    assert base["sha256"] != tuned["sha256"]
    compared = read_json(folder / "reports/fine_tune/comparison.json")
    assert compared["fine_tuned"]["accuracy"] > 0.75


@pytest.mark.parametrize(
    ("key", "value"), [("mean", 0.5), ("mean", 256), ("std", 0.0), ("tracked", "model.pkl"), ("filters", [8])]
)
def test_a_wrong_value_of_a_model_of_ones_own_is_named(key: str, value: Any) -> None:
    params = own_params()
    params["train"][key] = value
    with pytest.raises(ParamsError, match=rf"1 problem in params.yaml:\n  train\.{key}: "):
        params_file.check(params)
