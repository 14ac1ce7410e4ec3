"""Models from anywhere are loaded exactly, or refused before a line of their code could run."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.tasks import own
from tests.tasks.own import RAN, load, outputs, refused

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def model() -> Any:
    return own.classifier()


@pytest.fixture(scope="module")
def files(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as .keras, .h5 and SavedModel. Tests read them, and copy what they change."""
    folder = tmp_path_factory.mktemp("own")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    model.save(folder / "saved", save_format="tf")
    return folder


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_each_format_answers_as_the_model_did(name: str, model: Any, files: Path, tmp_path: Path) -> None:
    rows = own.digits()[0][-50:]
    expected, loaded = model.predict(rows, verbose=0), load(files / name)
    if name == "saved":
        assert loaded.model is None and loaded.softmax is None
    else:
        assert loaded.softmax is True
        np.testing.assert_array_equal(loaded.model.predict(rows, verbose=0), expected)
    np.testing.assert_allclose(outputs(loaded.convert("float32", rows), rows, tmp_path), expected, atol=1e-5)


def test_int8_takes_and_gives_int8_and_stays_close(files: Path, tmp_path: Path) -> None:
    from tasks.tflite.runtime import UserFile

    rows = own.digits()[0]
    loaded = load(files / "model.h5")
    content = loaded.convert("int8", rows[:60])
    got, expected = outputs(content, rows[-300:], tmp_path), loaded.model.predict(rows[-300:], verbose=0)
    file = UserFile(tmp_path / "converted.tflite")
    assert file.input["dtype"] == file.output["dtype"] == np.int8
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95


def test_a_nested_compiled_model_with_functions_of_tensorflow_is_taken(tmp_path: Path) -> None:
    import tensorflow as tf
    import tf_keras

    inner = own.classifier(softmax=False, shape=(64,))
    given = tf_keras.Input((64,))
    outer = tf_keras.Model(given, tf.nn.relu6(inner(given)) * 2.0)
    for name in ("outer.keras", "outer.h5"):
        outer.save(tmp_path / name)
        loaded, rows = load(tmp_path / name), own.digits()[0][:20].reshape(-1, 64)
        assert loaded.softmax is False
        np.testing.assert_array_equal(loaded.model.predict(rows, verbose=0), outer.predict(rows, verbose=0))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layers_are_refused_and_do_not_run(suffix: str, tmp_path: Path) -> None:
    from tf_keras import Input, Sequential, layers

    def code(x: Any) -> Any:
        with Path(str(tmp_path / "ran")).open("a") as file:
            file.write(RAN)
        return x

    path = tmp_path / f"model{suffix}"
    Sequential([Input((4,)), layers.Lambda(lambda x, run=code: run(x), name="trap"), layers.Dense(2)]).save(path)
    (tmp_path / "ran").unlink()
    refused(path, "a Lambda layer 'trap'")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_custom_layers_are_refused_even_where_their_class_is_at_hand(suffix: str, tmp_path: Path) -> None:
    import tf_keras

    class Own(tf_keras.layers.Dense):  # type: ignore[misc]
        pass

    path = tmp_path / f"model{suffix}"
    tf_keras.Sequential([tf_keras.Input((4,)), Own(2)]).save(path)
    refused(path, r"Own of .*\nexpected: tf_keras's own layers")


def edited(source: Path, target: Path, edit: Callable[[dict[str, Any]], None], name: str = "config.json") -> Path:
    """A copy of a .keras file with one of its JSON files changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == name:
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            new.writestr(entry, content)
    return target


def test_a_config_that_names_any_function_of_python_is_refused(files: Path, tmp_path: Path) -> None:
    def activation(config: dict[str, Any]) -> None:
        layer = config["config"]["layers"][-1]["config"]
        layer["activation"] = {
            "module": "os",
            "class_name": "function",
            "config": "system",
            "registered_name": "system",
        }

    def initializer(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1]["config"]["bias_initializer"]["module"] = "subprocess"

    def function(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1] |= {"class_name": "TFOpLambda", "module": "tf_keras.src.layers.core.tf_op_layer"}
        config["config"]["layers"][-1]["config"]["function"] = "io.write_file"

    source = files / "model.keras"
    refused(edited(source, tmp_path / "a.keras", activation), "function of os")
    refused(edited(source, tmp_path / "b.keras", initializer), "Zeros of subprocess")
    refused(edited(source, tmp_path / "c.keras", function), r"TFOpLambda of .* \(io.write_file\)")


def test_models_of_keras_3_are_refused_with_the_way_to_bring_them(files: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", minversion="3")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        refused(tmp_path / name, r"a model of Keras 3.*\n.*\nto do:    call `model.export")
    shown = edited(
        files / "model.keras", tmp_path / "module.keras", lambda config: config.update(module="keras.src.models")
    )
    refused(shown, "a model of Keras 2")  # the version says 2, the modules say 3
    model.export(tmp_path / "exported", verbose=False)
    rows = own.digits()[0][:20, 0, :4, 0]
    content = load(tmp_path / "exported").convert("float32", rows)
    np.testing.assert_allclose(outputs(content, rows, tmp_path), model.predict(rows, verbose=0), atol=1e-5)


class Trap:
    def __reduce__(self) -> Any:
        return pytest.fail, (RAN,)


def test_pickles_are_refused_by_any_name(files: Path, tmp_path: Path) -> None:
    for name, told in (
        ("model.pkl", "a .pkl file"), ("model.joblib", "a .joblib file"), ("model.keras", "not a zip file"),
        ("model.h5", "model.h5"), ("model.bin", "a file of type '.bin'"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        refused(tmp_path / name, told)
    archive = Path(shutil.copy(files / "model.keras", tmp_path / "more.keras"))
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("assets/vocabulary.pkl", pickle.dumps(Trap()))
    refused(archive, "assets/vocabulary.pkl")


def test_missing_truncated_and_foreign_files_are_refused(files: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nothing.keras", "no such file")
    refused(tmp_path, "a folder without saved_model.pb")
    for name in ("model.keras", "model.h5", "saved/saved_model.pb"):
        content = (files / name).read_bytes()
        for part in (content[: len(content) // 2], b""):
            target = tmp_path / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(part)
            refused(target.parent if name.startswith("saved") else target, "got:")
    with h5py.File(files / "model.h5") as source, h5py.File(tmp_path / "weights.h5", "w") as weights:
        source.copy("model_weights", weights)
    refused(tmp_path / "weights.h5", "weights without an architecture")


def test_an_h5_file_that_points_into_another_is_refused(files: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(files / "model.h5", tmp_path / "linked.h5"))
    with h5py.File(path, "a") as file:
        file["model_weights"]["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    refused(path, "links to other files: elsewhere")
