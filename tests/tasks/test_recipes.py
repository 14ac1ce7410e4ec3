"""Recipes that cannot work are refused when params.yaml is checked, before anything is trained."""

from typing import Any

import pytest

from tasks.core.errors import ParamsError
from tasks.line import params_file
from tests.tasks import line

TUNE = {"step": "tune", "distillation": None, "fit": line.fit(1)}
PRUNE = line.prune_step()
NORM = {"step": "re_estimate_batch_norm", "rows": 10, "seed": 0}
CLUSTER, AWARE = line.cluster_step(), line.aware_step()
SPARSE_CLUSTER, SPARSE_AWARE = CLUSTER | {"preserve_sparsity": True}, AWARE | {"preserve_sparsity": True}
BIAS, ROUND, SLIM = {"step": "correct_bias"}, {"step": "round_weights", "noise_per_bit": 1e-6}, {"step": "slim"}


def recipe(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"steps": list(steps), "precision": "int8", "float_layers": [], "finish": []} | changes


@pytest.mark.parametrize(
    "given",
    [
        recipe(precision="float16"),
        recipe(precision="dynamic"),
        recipe(precision="int16x8"),
        recipe(float_layers=["logits"]),
        recipe(finish=[BIAS, ROUND, SLIM]),
        recipe(TUNE, PRUNE, NORM, precision="float32", finish=[SLIM]),
        recipe(PRUNE | {"pattern": "2_of_4", "sparsity": 0.5, "layers": {"logits": 0.0}}),
        recipe(PRUNE, NORM, SPARSE_CLUSTER, SPARSE_AWARE | {"preserve_clusters": True}, finish=[ROUND, SLIM]),
        recipe(PRUNE, SPARSE_AWARE | {"weight_step": 1.0, "layers": {"logits": None}}),
        recipe(CLUSTER, AWARE | {"preserve_clusters": True}),
    ],
)
def test_a_recipe_that_can_work_is_accepted(given: dict[str, Any]) -> None:
    params = line.tiny_params()
    params["compress"]["odd"] = given
    assert params_file.check(params).compress["odd"].precision == given["precision"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (recipe(PRUNE, PRUNE), "repeat a technique"),
        (recipe(finish=[SLIM, SLIM]), "repeat a technique"),
        (recipe(AWARE, TUNE), "make it the last step"),
        (recipe(AWARE, NORM), "make it the last step"),
        (recipe(CLUSTER, PRUNE), "put them before cluster"),
        (recipe(CLUSTER, TUNE), "put them before cluster"),
        (recipe(PRUNE, TUNE), "put it before prune"),
        (recipe(finish=[SLIM, ROUND]), "make it the last step of finish"),
        (recipe(PRUNE, AWARE), "preserve_sparsity"),
        (recipe(SPARSE_AWARE), "preserve_sparsity"),
        (recipe(PRUNE, CLUSTER), "preserve_sparsity"),
        (recipe(SPARSE_CLUSTER), "preserve_sparsity"),
        (recipe(CLUSTER, AWARE), "preserve_clusters"),
        (recipe(AWARE | {"preserve_clusters": True}), "preserve_clusters"),
        (recipe(CLUSTER, AWARE | {"preserve_clusters": True, "weight_step": 1.0}), "would merge clusters"),
        (
            recipe(CLUSTER, AWARE | {"preserve_clusters": True, "layers": {"logits": 1.0}}),
            "would merge clusters",
        ),
        (recipe(AWARE, precision="float32"), "set precision: int8"),
        (recipe(AWARE, precision="int16x8"), "set precision: int8"),
        (recipe(precision="float16", float_layers=["logits"]), "float_layers"),
        (recipe(AWARE, float_layers=["logits"]), "float_layers works after training"),
        (recipe(precision="dynamic", finish=[BIAS]), "correct_bias works on an int8 file"),
        (recipe(precision="float32", finish=[ROUND]), "round_weights works on an int8 file"),
        (recipe(AWARE, finish=[BIAS]), "has trained its biases"),
        (recipe(PRUNE | {"pattern": "2_of_4"}), "half of the weights"),
        (recipe(PRUNE | {"pattern": "2_of_4", "sparsity": 0.5, "layers": {"logits": 0.5}}), "half of the weights"),
        (recipe(PRUNE | {"pattern": "1_of_4"}), "pattern"),
        (recipe(PRUNE | {"sparsity": 1.0}), "sparsity"),
        (recipe(PRUNE | {"layers": {"logits": 1.0}}), "layers.logits"),
        (recipe(CLUSTER | {"clusters": 1}), "clusters"),
        (recipe(CLUSTER | {"clusters": 257}), "clusters"),
        (recipe(PRUNE, SPARSE_CLUSTER | {"clusters": 2}), "3 clusters at least"),
        (recipe(PRUNE, SPARSE_CLUSTER | {"layers": {"logits": 2}}), "3 clusters at least"),
        (recipe(AWARE | {"weight_step": 0.0}), "weight_step"),
        (recipe(PRUNE | {"distillation": {"weight": 0.0, "temperature": 1.0}}), "distillation.weight"),
        (recipe(PRUNE | {"distillation": {"weight": 1.5, "temperature": 1.0}}), "distillation.weight"),
        (recipe(NORM | {"rows": 0}), "rows"),
        (recipe({"step": "shrink"}), "shrink"),
        (recipe(precision="int4"), "precision"),
        (recipe(finish=[ROUND | {"noise_per_bit": 0.0}]), "noise_per_bit"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    params = line.tiny_params()
    params["compress"]["odd"] = given
    with pytest.raises(ParamsError) as caught:
        params_file.check(params)
    assert caught.value.exit_status == 78
    assert "compress.odd" in caught.value.got and reason in caught.value.got
