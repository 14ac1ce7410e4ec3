"""Models of users as they come: in TFMOT's wrappers, of half floats, of open sizes; each is converted, or named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.data.records import Array
from tests.graph_rules import ROOT
from tests.tasks.own import load, outputs, refused

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CASES = ROOT.parent / "shared/cases"


@pytest.fixture(scope="module")
def rows() -> Array:
    return np.random.default_rng(0).normal(size=(200, 8, 8, 1)).astype(np.float32)


def network(*, functional: bool) -> Any:
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip
    from tf_keras import Input, Model, Sequential, layers, utils

    utils.set_random_seed(0)
    parts = [
        layers.Conv2D(4, 3, use_bias=False, name="conv"), layers.BatchNormalization(name="norm"),
        layers.ReLU(name="act"),
        layers.Flatten(name="flat"), layers.Dense(12, activation="relu", name="hidden"),
        layers.Dense(3, activation="softmax", name="answer"),
    ]  # fmt: skip
    given = Input((8, 8, 1))
    if not functional:
        return Sequential([given, *parts])
    answer = given
    for part in parts:
        answer = part(answer)
    return Model(given, answer)


def trained(model: Any, rows: Array, callbacks: Any = ()) -> Any:
    model.compile("adam", "sparse_categorical_crossentropy")
    labels = (rows.mean((1, 2, 3)) > 0).astype(int)
    model.fit(rows, labels, epochs=1, verbose=0, callbacks=list(callbacks))
    return model


def pruned(model: Any, rows: Array) -> Any:
    import tensorflow_model_optimization as tfmot

    keras = tfmot.sparsity.keras
    schedule = keras.ConstantSparsity(0.5, 0, frequency=1)
    return trained(keras.prune_low_magnitude(model, schedule), rows, [keras.UpdatePruningStep()])


def clustered(model: Any, rows: Array) -> Any:
    import tensorflow_model_optimization as tfmot

    keras = tfmot.clustering.keras
    start = keras.CentroidInitialization.LINEAR
    return trained(keras.cluster_weights(model, number_of_clusters=4, cluster_centroids_init=start), rows)


def quantized(model: Any, rows: Array) -> Any:
    import tensorflow_model_optimization as tfmot

    return trained(tfmot.quantization.keras.quantize_model(model), rows)


@pytest.mark.parametrize("functional", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("wrapped", "told", "tolerance"),
    [(pruned, "PruneLowMagnitude", 1e-5), (clustered, "ClusterWeights", 1e-5), (quantized, "QuantizeWrapperV2", 0.1)],
)
def test_the_wrappers_of_tfmot_are_taken_off_with_the_weights_that_they_compute_with(
    wrapped: Any, told: str, tolerance: float, functional: bool, rows: Array, tmp_path: Path
) -> None:
    model = wrapped(trained(network(functional=functional), rows), rows)
    model.save(tmp_path / "model.h5")
    own = load(tmp_path / "model.h5")
    names = [layer.name for layer in own.model.layers]
    assert any(told in note for note in own.notes) and own.softmax
    assert [name for name in names if name in {"conv", "norm", "act", "flat", "hidden", "answer"}] == [
        "conv", "norm", "act", "flat", "hidden", "answer",
    ]  # fmt: skip
    expected = model.predict(rows, verbose=0)
    np.testing.assert_allclose(own.model.predict(rows, verbose=0), expected, atol=tolerance)
    got = outputs(own.convert("float32", rows[:0]), rows, tmp_path)
    np.testing.assert_allclose(got, expected, atol=tolerance)
    kernel = own.model.get_layer("hidden").kernel.numpy()
    if wrapped is pruned:
        assert (kernel == 0).mean() == pytest.approx(0.5, abs=0.01)
    if wrapped is clustered:
        assert len(np.unique(kernel)) <= 4


def test_a_class_that_only_bears_the_name_of_a_wrapper_is_refused(tmp_path: Path) -> None:
    import tf_keras

    class PruneLowMagnitude(tf_keras.layers.Dense):  # type: ignore[misc]
        pass

    tf_keras.Sequential([tf_keras.Input((4,)), PruneLowMagnitude(2)]).save(tmp_path / "model.keras")
    refused(tmp_path / "model.keras", "PruneLowMagnitude of ")


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "float64"])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_model_of_another_float_computes_in_float32(policy: str, suffix: str, rows: Array, tmp_path: Path) -> None:
    import tf_keras

    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        model = network(functional=True)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    model.save(tmp_path / f"model{suffix}")
    own = load(tmp_path / f"model{suffix}")
    assert own.notes == [f"layers of {policy} compute in float32"]
    got = outputs(own.convert("int8", rows[:50]), rows, tmp_path)
    np.testing.assert_allclose(got, model.predict(rows, verbose=0), atol=0.1)


def test_a_saved_model_of_half_floats_is_named_and_its_h5_file_is_taken(rows: Array, tmp_path: Path) -> None:
    import tf_keras

    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = network(functional=True)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    model.save(tmp_path / "saved", save_format="tf")
    with pytest.raises(DataError, match="operators of float16, as the policy mixed_float16") as error:
        load(tmp_path / "saved").convert("float32", rows[:0])
    assert "model.save('model.h5')" in error.value.do
    model.save(tmp_path / "model.h5")
    assert load(tmp_path / "model.h5").convert("float32", rows[:0])


def open_sizes() -> Any:
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip
    from tf_keras import Input, Sequential, layers

    return Sequential([
        Input((None, None, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu"),
        layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax"),
    ])  # fmt: skip


def test_open_sizes_are_those_of_the_samples_or_are_named(tmp_path: Path) -> None:
    from tasks.models.user_model import load_user_model

    model, rows = open_sizes(), np.random.default_rng(0).uniform(0, 255, (50, 16, 12, 3)).astype(np.float32)
    path = tmp_path / "model.h5"
    model.save(path)
    refused(path, r"an input of \(any, any, 3\): 2 of its sizes are open")
    with pytest.raises(DataError, match=r"rows of shape \(16, 12, 1\)\nexpected: \(any, any, 3\)"):
        load_user_model(path, (16, 12, 1))
    own = load_user_model(path, rows.shape[1:])
    assert own.notes == ["the open sizes of its input (any, any, 3) are those of the samples, (16, 12, 3)"]
    np.testing.assert_allclose(
        outputs(own.convert("float32", rows[:0]), rows, tmp_path), model.predict(rows, verbose=0), atol=1e-5
    )
    model.save(tmp_path / "saved", save_format="tf")
    refused(tmp_path / "saved", r"an input of \(any, any, 3\): 2 of its sizes are open")


def test_the_remedy_for_open_sizes_leads_to_a_file(tmp_path: Path) -> None:
    import tf_keras

    model = open_sizes()
    model.save_weights(tmp_path / "weights.h5")
    fixed = tf_keras.Sequential([tf_keras.Input((16, 12, 3)), *(tf_keras.models.clone_model(model).layers)])
    fixed.load_weights(tmp_path / "weights.h5")
    for name in ("fixed.h5", "fixed"):
        fixed.save(tmp_path / name)
        assert load(tmp_path / name).convert("float32", np.zeros((0, 16, 12, 3), np.float32))


def test_an_input_of_integers_is_taken_as_float32_where_the_layers_allow_it(tmp_path: Path) -> None:
    from tf_keras import Input, Sequential, layers

    pixels = Sequential([Input((8, 8, 1), dtype="uint8"), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
    tokens = Sequential([Input((6,), dtype="int32"), layers.Embedding(20, 4), layers.Flatten(), layers.Dense(2)])
    random = np.random.default_rng(0)
    for model, rows in (
        (pixels, random.integers(0, 256, (30, 8, 8, 1), np.uint8)), (tokens, random.integers(0, 20, (30, 6), np.int32)),
    ):  # fmt: skip
        model.save(tmp_path / "model.h5")
        own = load(tmp_path / "model.h5")
        assert "is taken as float32" in own.notes[0]
        got = outputs(own.convert("float32", rows[:0]), rows.astype(np.float32), tmp_path)
        np.testing.assert_allclose(got, model.predict(rows, verbose=0), atol=1e-5)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_the_cases_of_half_floats_and_of_open_sizes_are_taken(tmp_path: Path) -> None:
    from tasks.models.user_model import load_user_model

    assert load(CASES / "mixed16.h5").convert("int8", np.random.default_rng(0).random((30, 12, 12, 3), np.float32))
    own = load_user_model(CASES / "anysize.h5", (20, 20, 3))
    assert own.convert("int8", np.random.default_rng(0).random((30, 20, 20, 3), np.float32))
