"""Layers of Keras that answer as a boosted ensemble of trees does, from operators that every TFLite runtime has.

A number becomes the count of bounds below it, a category what a table has for it; a tree compares these counts on its
way from the root to a leaf, all trees side by side, a step for each level. All of that are whole numbers of 8 bits on
disk; only the values of the leaves are trained on, pruned or quantized, and they are an `Embedding` of their own.
"""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras
from tf_keras import layers

LOWEST = -128  # of int8: a count of 0


@tf_keras.saving.register_keras_serializable(package="trimline")
class TableBins(layers.Layer):  # type: ignore[misc]
    """Features of a table, (batch, features) of float32, as counts, (batch, columns) of int32 from -128 on."""

    def __init__(self, numbers: int, bounds: int, tables: list[list[int]], **kwargs: Any) -> None:
        """Take how many features are numbers, how many bounds each has, and the shapes of the categories' tables."""
        super().__init__(**{**kwargs, "trainable": False})
        self._config: dict[str, Any] = {
            "numbers": numbers,
            "bounds": bounds,
            "tables": [list(shape) for shape in tables],
        }
        if numbers:
            self.bounds = self._fixed("bounds", (numbers, bounds), "float32")
        self.tables = [self._fixed(f"table_{index}", tuple(shape), "int8") for index, shape in enumerate(tables)]

    def _fixed(self, name: str, shape: tuple[int, ...], dtype: str) -> Any:
        return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Keras calls this."""
        numbers, parts = self._config["numbers"], []
        if numbers:
            above = features[:, :numbers, tf.newaxis] > self.bounds
            parts.append(tf.reduce_sum(tf.cast(above, tf.int32), axis=2) + LOWEST)
        for index, table in enumerate(self.tables):
            chosen = tf.cast(features[:, numbers + index], tf.int32)
            parts.append(tf.cast(tf.gather(table, chosen), tf.int32))
        return tf.concat(parts, axis=1) if len(parts) > 1 else parts[0]

    def get_config(self) -> dict[str, Any]:
        """Keras calls this."""
        return {**super().get_config(), **self._config}


@tf_keras.saving.register_keras_serializable(package="trimline")
class TreeRouting(layers.Layer):  # type: ignore[misc]
    """Counts, (batch, columns), as the number of the leaf that each tree ends in, (batch, trees) of int32.

    A node says which column it looks at, which count still goes left, and how far behind it its left child lies, which
    its right child follows. A leaf lies 0 behind itself, and no count goes right there.
    """

    def __init__(self, nodes: int, trees: int, depth: int, column_type: str = "int8", **kwargs: Any) -> None:
        """Take the sizes; `column_type` is int32 where there are more than 127 columns."""
        super().__init__(**{**kwargs, "trainable": False})
        self._config: dict[str, Any] = {"nodes": nodes, "trees": trees, "depth": depth, "column_type": column_type}
        types = {"column": column_type, "greatest": "int8", "behind": "int8", "leaf": "int8"}
        self.columns, self.greatest, self.behind, self.leaf = (
            self.add_weight(name=name, shape=(nodes,), dtype=dtype, initializer="zeros", trainable=False)
            for name, dtype in types.items()
        )
        self.roots, self.first_leaves = (
            self.add_weight(name=name, shape=(trees,), dtype="int32", initializer="zeros", trainable=False)
            for name in ("root", "first_leaf")
        )

    def call(self, counts: tf.Tensor) -> tf.Tensor:
        """Keras calls this."""
        node = tf.zeros_like(counts[:, :1]) + self.roots
        for _ in range(self._config["depth"]):
            seen = tf.gather(counts, _of(self.columns, node), batch_dims=1)
            is_right = tf.minimum(tf.maximum(seen - _of(self.greatest, node), 0), 1)  # no booleans
            node = node + _of(self.behind, node) + is_right
        return _of(self.leaf, node) + self.first_leaves

    def get_config(self) -> dict[str, Any]:
        """Keras calls this."""
        return {**super().get_config(), **self._config}


def _of(values: tf.Tensor, node: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.gather(values, node), tf.int32)
