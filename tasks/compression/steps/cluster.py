"""Weight clustering by TFMOT: kernels of few different values, that training moves together."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.clustering.keras.cluster_wrapper import ClusterWeights
from tf_keras import models

from tasks.compression.steps import Training
from tasks.compression.steps.sparsity import require_clusters, require_sparsity, sparsities_of
from tasks.core.params.recipes import Cluster
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.models.layers import copy_of, copy_with_weights_of, kernels_of, per_layer
from tasks.models.training_loop import History

Way = Literal["per_channel", "whole", "as_it_is"]


def cluster(model: Any, params: Cluster, training: Training) -> tuple[Any, History]:
    """Return a clustered copy of `model`, and the history.

    A convolution with too few weights in a channel for `per_channel` is clustered as a whole. A kernel that has no more
    weights than clusters keeps them, untrained.

    Raises:
        ParamsError: `params.layers` names a layer that the model lacks.
        StageError: a kernel has more values than clusters, or zeros of a pruned model were lost.
    """
    where = f"{training.name}-cluster"
    wanted = per_layer(model, params.clusters, params.layers, "cluster")
    kernels = kernels_of(model)

    def wrapped(layer: Any) -> Any:
        if layer.name not in wanted:
            return layer
        sparse = params.preserve_sparsity and bool((kernels[layer.name] == 0).any())
        way = way_of(kernels[layer.name], wanted[layer.name], per_channel=params.per_channel, sparse=sparse)
        if way == "as_it_is":
            say(f"{where}: {layer.name} has no more weights than clusters and stays as it is")
            layer.trainable = False
            return layer
        # Not through tfmot's cluster_weights: it takes a convolution without a bias for one with one weight a channel,
        # and leaves it as it is.
        return ClusterWeights(
            layer,
            number_of_clusters=wanted[layer.name],
            cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
            preserve_sparsity=sparse,
            cluster_per_channel=way == "per_channel",
        )

    network = models.clone_model(copy_of(model), clone_function=wrapped)
    history = training.run(network, params)
    clustered = copy_with_weights_of(tfmot.clustering.keras.strip_clustering(network), model)
    require_clusters(clustered, wanted, where, per_channel=params.per_channel)
    if params.preserve_sparsity:
        require_sparsity(clustered, sparsities_of(model), where)
    return clustered, history


def way_of(kernel: Array, clusters: int, *, per_channel: bool, sparse: bool) -> Way:
    """Return how a kernel can be clustered: k-means++ needs a weight for each requested cluster."""
    if per_channel and kernel.ndim == 4 and all(map(_fits(clusters, sparse=sparse), np.moveaxis(kernel, -1, 0))):
        return "per_channel"
    return "whole" if _fits(clusters, sparse=sparse)(kernel) else "as_it_is"


def _fits(clusters: int, *, sparse: bool) -> Callable[[Array], bool]:
    def fits(weights: Array) -> bool:
        if not sparse:
            return weights.size > clusters
        # One cluster is zero; TFMOT shares the others out among negative and positive weights by their numbers.
        negative, positive = int((weights < 0).sum()), int((weights > 0).sum())
        if not negative + positive:
            return False
        of_negative = round((clusters - 1) * negative / (negative + positive))
        return of_negative <= negative and clusters - 1 - of_negative <= positive

    return fits
