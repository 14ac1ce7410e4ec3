"""Gradient boosting in a TFLite file: trees of scikit-learn as lookups that every runtime has.

On tables they are hard to beat, take seconds to fit, and need no scaling of a number (Grinsztajn and others 2022,
arXiv:2207.08815). The leaves' values are weights like others: recipes prune and quantize them.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tasks.core.params import Positive, Rate, Seed, Settings
from tasks.core.params.data import Preprocess, Tables
from tasks.core.params.training import Taken
from tasks.core.progress import say
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.tables import FEATURES
from tasks.models.saving import ModelMetadata
from tasks.models.tree_ensemble import (
    MAX_TREES,
    Ensemble,
    categories_of,
    ensemble_of,
    rows_of,
    seen_by_trees,
    sizes_of,
)

DEFAULTS: Settings = {
    # A step of Adam moves the leaves of all trees at once: their sum goes hundreds of times as far as a leaf.
    "steps": {"prune": {"fit": {"epochs": 3, "batch_size": 128, "learning_rate": 2e-5}}},
}


class Train(Taken):
    """The base model, an ensemble of boosted trees, fitted on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    rounds: Positive = Field(
        500, description="trees, for each class where there are more than two; fewer where the validation rows say so"
    )
    leaves: Annotated[int, Field(ge=2, le=63)] = Field(31, description="leaves of a tree, at most")
    depth: Annotated[int, Field(ge=1, le=30)] = Field(
        8, description="levels of a tree, at most; the file takes a step for each of them"
    )
    learning_rate: Rate = Field(0.1, description="part of each tree that counts; less asks for more rounds")
    min_leaf_rows: Positive = Field(20, description="training rows of a leaf, at least")
    patience: Positive = Field(40, description="rounds without a lower validation loss before no more trees are added")
    seed: Seed = Field(0, description="seed of the rows that bounds of numbers are taken from, where there are many")


def take(params: Train, base: Dataset, metadata: ModelMetadata) -> tuple[Any, ModelMetadata]:
    """Fit the trees and return them as a network: logits, or one number in standard deviations, as `tables` gives."""
    ensemble = fitted(params, base, metadata)
    say(f"[100%] train: {len(ensemble.roots):,} trees with {len(ensemble.values):,} leaves, {ensemble.depth} levels")
    return network_of(ensemble, metadata), metadata


def fitted(params: Train, base: Dataset, metadata: ModelMetadata) -> Ensemble:
    """Fit the trees on the training rows; the validation rows say after which round they are best."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rows, classes = rows_of(base, base.target), metadata.data.get("classes")
    if not classes:
        scale = metadata.data["target_scale"]
        rows = {split: (given, (value - scale["mean"]) / scale["std"]) for split, (given, value) in rows.items()}
    features, targets = rows["train"]
    outputs = len(classes) if classes and len(classes) > 2 else 1
    wanted = np.eye(len(classes))[targets] if classes else targets[:, np.newaxis].astype(np.float64)
    categories = categories_of(features, wanted[:, -1:] if outputs == 1 else wanted, sizes_of(metadata.data["table"]))
    watched = rows.get("validation")
    trees = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(
        learning_rate=params.learning_rate, max_iter=max(1, min(params.rounds, MAX_TREES // outputs)),
        max_leaf_nodes=params.leaves, max_depth=params.depth, min_samples_leaf=params.min_leaf_rows,
        early_stopping=watched is not None, n_iter_no_change=params.patience, random_state=params.seed,
    )  # fmt: skip
    stops = {"X_val": seen_by_trees(watched[0], categories), "y_val": watched[1]} if watched else {}
    trees.fit(seen_by_trees(features, categories), targets, **stops)
    return ensemble_of(trees, features.shape[1] - len(categories), categories)


def network_of(ensemble: Ensemble, metadata: ModelMetadata) -> Any:
    """Build the network of an ensemble: features (batch, features) of float32 in; logits, or one number, out."""
    from tasks.models.quiet_tensorflow import Model, layers
    from tasks.models.tree_layers import TableBins, TreeRouting

    (width,) = metadata.data["inputs"][FEATURES]["shape"]
    classes, outputs = metadata.data.get("classes"), len(ensemble.start)
    numbers, bounds = ensemble.bounds.shape
    bins = TableBins(numbers, bounds, [list(table.shape) for table in ensemble.tables], name="bins")
    routing = TreeRouting(
        len(ensemble.column), len(ensemble.roots), ensemble.depth, ensemble.column.dtype.name, name="leaves"
    )
    values = layers.Embedding(len(ensemble.values), 1, name="leaf_values")
    head = layers.Dense(len(classes) if classes else 1, name="logits" if classes else "value")
    features = layers.Input((width,), name=FEATURES)
    by_round = layers.Reshape((ensemble.rounds, outputs), name="by_round")(values(routing(bins(features))))
    answer = head(layers.GlobalAveragePooling1D(name="mean_of_rounds")(by_round))
    bins.set_weights([*([ensemble.bounds] if numbers else []), *ensemble.tables])
    routing.set_weights([
        ensemble.column, ensemble.greatest, ensemble.behind, ensemble.leaf, ensemble.roots, ensemble.first_leaves
    ])  # fmt: skip
    values.set_weights([ensemble.values[:, np.newaxis]])
    directions = _directions(outputs, classes)
    head.set_weights([ensemble.rounds * directions, ensemble.start @ directions])
    return Model(features, answer, name="boosted_trees")


def _directions(outputs: int, classes: list[str] | None) -> Array:
    """Return how much each sum of trees counts for each answer, (outputs, answers): one sum parts two classes."""
    return np.array([[-0.5, 0.5]]) if classes and outputs == 1 else np.eye(outputs)


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str] | None:
    """Return the layers of the network, without TensorFlow; None for data that are no tables."""
    if not isinstance(preprocess, Tables):
        return None
    return {
        FEATURES: "InputLayer", "bins": "TableBins", "leaves": "TreeRouting", "leaf_values": "Embedding",
        "by_round": "Reshape", "mean_of_rounds": "GlobalAveragePooling1D",
        "value" if preprocess.TARGET_IS_NUMBER else "logits": "Dense",
    }  # fmt: skip
