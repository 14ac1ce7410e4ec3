"""`compress` applies a recipe to a model in memory, and leaves that model as it was."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.data.user_samples import Samples
from tasks.tflite.runtime import UserFile
from tests.graph_rules import ROOT
from tests.tasks import own

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X, Y = own.digits()
TRAIN, TEST = slice(0, own.TRAINED_ROWS), slice(own.TRAINED_ROWS, None)
FIT = {"epochs": 4, "batch_size": 32, "learning_rate": 3e-3, "patience": 4, "augment": None, "seed": 0}
PRUNE = {"step": "prune", "schedule": "polynomial", "sparsity": 0.5, "layers": {}, "pattern": "unstructured",
         "distillation": None, "fit": FIT}  # fmt: skip
AWARE = {"step": "quantize_aware", "preserve_sparsity": True, "preserve_clusters": False, "weight_step": None,
         "layers": {}, "distillation": {"weight": 0.5, "temperature": 2.0}, "fit": FIT}  # fmt: skip


def recipe(*steps: Any, precision: str = "int8", finish: tuple[dict[str, Any], ...] = ({"step": "slim"},)) -> Any:
    return {"steps": list(steps), "precision": precision, "float_layers": [], "finish": list(finish)}


def compress(*arguments: Any) -> Any:
    from tasks.compression import compress as function

    return function(*arguments)


def run(content: bytes, rows: Any, folder: Path) -> Any:
    (folder / "file.tflite").write_bytes(content)
    return UserFile(folder / "file.tflite").answers(rows)


def accuracy(outputs: Any) -> float:
    return float((outputs.argmax(axis=1) == Y[TEST]).mean())


@pytest.mark.parametrize("softmax", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_model_is_pruned_and_quantized_and_the_given_one_stays_as_it_was(softmax: bool, tmp_path: Path) -> None:
    model = own.classifier(softmax=softmax)
    config, weights, before = model.to_json(), model.get_weights(), model.predict(X[TEST], verbose=0)
    layers = list(model.layers)
    done = compress(model, recipe(PRUNE, AWARE), Samples(X[TRAIN], Y[TRAIN]))

    assert model.to_json() == config and all(a is b for a, b in zip(model.layers, layers, strict=True))
    assert all((a == b).all() for a, b in zip(model.get_weights(), weights, strict=True))
    np.testing.assert_array_equal(model.predict(X[TEST], verbose=0), before)

    answers, outputs = done.model.predict(X[TEST], verbose=0), run(done.tflite, X[TEST], tmp_path)
    assert accuracy(outputs) > accuracy(before) - 0.03
    assert (outputs.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.97
    assert np.allclose(answers.sum(axis=1), 1) == softmax
    kernels = [w.numpy() for w in done.model.weights if w.name.rsplit("/", 1)[-1].startswith("kernel:")]
    assert sum((kernel == 0).sum() for kernel in kernels) / sum(kernel.size for kernel in kernels) > 0.48


def test_the_input_of_a_quantized_file_has_the_range_of_the_samples(tmp_path: Path) -> None:
    done = compress(
        own.classifier(),
        recipe(AWARE | {"preserve_sparsity": False, "fit": FIT | {"epochs": 1}}),
        Samples(X[TRAIN], Y[TRAIN]),
    )
    run(done.tflite, X[:20], tmp_path)
    scale, zero_point = UserFile(tmp_path / "file.tflite").input["quantization"]
    assert (scale, zero_point) == (pytest.approx(1 / 255), -128)


def test_rows_that_are_no_images_are_compressed_and_labelled_by_the_model_itself(tmp_path: Path) -> None:
    model, flat = own.classifier(shape=(64,)), X.reshape(-1, 64)
    done = compress(model, recipe(PRUNE, precision="float16"), SimpleNamespace(x=flat[TRAIN], y=None))
    assert accuracy(run(done.tflite, flat[TEST], tmp_path)) > accuracy(model.predict(flat[TEST], verbose=0)) - 0.03


def test_the_finish_works_on_the_file_and_equal_calls_give_equal_bytes(tmp_path: Path) -> None:
    model, samples = own.classifier(), Samples(X[TRAIN], Y[TRAIN])
    plain = compress(model, recipe(finish=()), samples).tflite
    finish = ({"step": "correct_bias"}, {"step": "round_weights", "noise_per_bit": 1e-8}, {"step": "slim"})
    first, second = (
        compress(model, recipe(PRUNE | {"fit": FIT | {"epochs": 1}}, finish=finish), samples) for _ in "ab"
    )
    assert first.tflite == second.tflite and len(first.tflite) < len(plain)
    assert accuracy(run(first.tflite, X[TEST], tmp_path)) > 0.8


def test_what_cannot_be_compressed_is_refused_with_the_reason() -> None:
    import tf_keras

    model, samples = own.classifier(), Samples(X[TRAIN], Y[TRAIN])
    regression = tf_keras.Sequential([tf_keras.Input((8, 8, 1)), tf_keras.layers.Flatten(), tf_keras.layers.Dense(1)])
    shifted = recipe(PRUNE | {"fit": FIT | {"augment": {"max_shift": 1, "flip": False}}})
    flat = own.classifier(shape=(64,))
    for error, arguments, told in (
        (DataError, (regression, recipe(), samples), r"\(batch, classes\)"),
        (DataError, ("model.h5", recipe(), samples), "a builtins.str"),
        (DataError, (model, recipe(), Samples(X[TRAIN], Y[TRAIN] + 1)), "label 10"),
        (DataError, (model, recipe(), Samples(X[:5], Y[:5])), "5 different rows"),
        (DataError, (model, recipe(), Samples(X.reshape(-1, 64), Y)), r"rows of shape \(64,\)"),
        (ParamsError, (flat, shifted, Samples(X.reshape(-1, 64), Y)), "only images can be augmented"),
        (ParamsError, (model, recipe() | {"precision": "int9"}, samples), "precision: Input should be"),
        (ParamsError, (model, recipe() | {"float_layers": ["answer"]}, samples), "float_layers"),
        (ParamsError, (model, recipe(PRUNE | {"fit": FIT | {"batch_size": 5000}}), samples), "batch_size: 5000"),
    ):  # fmt: skip
        with pytest.raises(error, match=told):
            compress(*arguments)


def test_a_model_of_keras_3_is_refused() -> None:
    keras = pytest.importorskip("keras", minversion="3")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    with pytest.raises(DataError, match=r"a keras\.src.*\nexpected: a built model of tf_keras"):
        compress(model, recipe(), Samples(X, Y))


def test_the_package_is_imported_without_tensorflow() -> None:
    code = "import sys, tasks.compression; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    import tasks.compression

    with pytest.raises(AttributeError, match="no attribute 'squash'"):
        _ = tasks.compression.squash


def test_the_example_of_the_how_to_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/how-to/own-model.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    outputs = UserFile(tmp_path / "small.tflite").answers(X[1200:])
    assert (outputs.argmax(axis=1) == Y[1200:]).mean() > 0.8
