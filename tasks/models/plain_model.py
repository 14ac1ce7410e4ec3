"""The plain form of a user's model: float32, of fixed sizes, without the wrappers that TFMOT trains by.

The model is built again from its own configuration with these entries changed, and gets the weights that it had.
"""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tf_keras import models

from tasks.core.errors import DataError

# TFMOT's layers around another layer, which `layer` of their configuration has.
WRAPPERS = {
    "PruneLowMagnitude", "ClusterWeights", "ClusterWeightsRNN", "ClusterWeightsMHA", "QuantizeWrapper",
    "QuantizeWrapperV2", "QuantizeAnnotate",
}  # fmt: skip
QUANTIZE_INPUT = "QuantizeLayer"
ACTIVATION, NO_ACTIVATION = "QuantizeAwareActivation", "NoOpActivation"
# What a model computes in where its layers are not of float32; integers are what some take.
OTHER_FLOATS = {"float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"}
INTEGERS = {"uint8", "int8", "int16", "int32", "int64"}


def plain(model: Any, row_shape: tuple[int, ...] | None = None) -> tuple[Any, list[str]]:
    """Return a model that the converter takes, and what was changed for that; the model itself where nothing was.

    Args:
        model: as it was loaded, with one input.
        row_shape: of the rows that it will be given, which fixes the sizes that its input leaves open.

    Raises:
        DataError: sizes are open and no rows are known, the rows have another shape, or the layers need an input of
            integers.
    """
    model, notes = without_wrappers(model)
    config = json.loads(model.to_json())
    notes += [*_to_float32(config), *_fixed(config, tuple(model.inputs[0].shape), row_shape)]
    if config == json.loads(model.to_json()):
        return model, notes
    try:
        changed = models.model_from_json(json.dumps(config))
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise DataError(
            got=f"a model that cannot be built anew ({'; '.join(notes)}): {reason}",
            expected="layers that take an input of float32 and of fixed sizes",
            do="build the model with such an input (`tf_keras.Input((height, width, channels))`), load its weights "
            "with `load_weights`, and save it with `model.save`",
        ) from None
    changed.set_weights(model.get_weights())
    return changed, notes


def without_wrappers(model: Any) -> tuple[Any, list[str]]:
    """Return a model without TFMOT's wrappers, with the weights that it computes with; itself where it has none."""
    config = json.loads(model.to_json())
    found = sorted({str(part["class_name"]) for part in _parts(config)} & {*WRAPPERS, QUANTIZE_INPUT})
    if not found:
        return model, []
    _unwrap(config["config"])
    stripped = models.model_from_json(json.dumps(config))
    if any(name.startswith("Cluster") for name in found):
        import tensorflow_model_optimization as tfmot

        model = tfmot.clustering.keras.strip_clustering(model)  # computes the kernels from indices and centroids
    _copy_weights(model, stripped)
    return stripped, [f"TFMOT's wrappers are taken off: {', '.join(found)}"]


def wrapper_scopes() -> ExitStack:
    """Return a context in which TFMOT's wrappers can be loaded; importing TFMOT takes seconds."""
    import tensorflow_model_optimization as tfmot

    stack = ExitStack()
    for scope in (
        tfmot.sparsity.keras.prune_scope, tfmot.clustering.keras.cluster_scope, tfmot.quantization.keras.quantize_scope,
    ):  # fmt: skip
        stack.enter_context(scope())
    return stack


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a configuration that names a class."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _parts(value)


def _unwrap(config: dict[str, Any]) -> None:
    """Put what is inside in the place of each wrapper, also in what refers to it by its name."""
    names: dict[str, str] = {}
    kept = []
    for entry in config["layers"]:
        if entry["class_name"] == QUANTIZE_INPUT:
            if "inbound_nodes" not in entry:  # in a Sequential nothing refers to it
                continue
            name = entry["config"]["name"]
            entry.update(class_name="Activation", config={"name": name, "activation": "linear"})
            entry.pop("module", None)
            entry.pop("build_config", None)
        elif entry["class_name"] in WRAPPERS:
            outer, inner = entry["config"]["name"], entry["config"]["layer"]
            names[outer] = inner["config"]["name"]
            entry.update(class_name=inner["class_name"], config=inner["config"])
            entry.update({key: inner.get(key) for key in ("module", "registered_name") if key in entry})
            entry.pop("build_config", None)
            if "name" in entry:
                entry["name"] = names[outer]
        if isinstance(entry["config"], dict) and "layers" in entry["config"]:
            _unwrap(entry["config"])
        _plain_activations(entry["config"])
        kept.append(entry)
    config["layers"] = kept
    for entry in kept:
        if "inbound_nodes" in entry:
            entry["inbound_nodes"] = _renamed(entry["inbound_nodes"], names)
    for ends in {"input_layers", "output_layers"} & set(config):
        config[ends] = _renamed(config[ends], names)
    config.pop("build_input_shape", None)


def _plain_activations(config: Any) -> None:
    for name, value in list(config.items()) if isinstance(config, dict) else []:
        if isinstance(value, dict) and value.get("class_name") == ACTIVATION:
            inner = value["config"]["activation"]
            is_none = isinstance(inner, dict) and inner.get("class_name") == NO_ACTIVATION
            config[name] = "linear" if is_none else inner


def _renamed(nodes: Any, names: dict[str, str]) -> Any:
    if isinstance(nodes, list):
        return [_renamed(node, names) for node in nodes]
    if isinstance(nodes, dict):
        return {key: _renamed(node, names) for key, node in nodes.items()}
    return names.get(nodes, nodes) if isinstance(nodes, str) else nodes


def _copy_weights(source: Any, target: Any) -> None:
    """Set the weights of a model by the names of its layers and theirs: in wrappers they come in another order."""
    # A wrapper has all weights; the layer in it has none of those that it computes with instead of keeping them.
    around = {getattr(layer, "layer", layer).name: layer for layer in source.layers}
    for layer in target.layers:
        if isinstance(layer, models.Model):
            _copy_weights(getattr(around[layer.name], "layer", around[layer.name]), layer)
            continue
        if not layer.weights:
            continue
        there = {_tail(weight): weight for weight in around[layer.name].weights}
        for weight in layer.weights:
            weight.assign(there[_tail(weight)])


def _tail(weight: Any) -> str:
    return str(weight.name.rpartition("/")[2])


def _to_float32(config: dict[str, Any]) -> list[str]:
    """Let every layer compute in float32, and the input be of it; return what was changed."""
    floats, integers = set[str](), set[str]()
    for part in _parts(config):
        inner = part.get("config")
        if not isinstance(inner, dict) or "dtype" not in inner:
            continue
        dtype = inner["dtype"]
        name = dtype["config"]["name"] if isinstance(dtype, dict) and "config" in dtype else str(dtype)
        if name in OTHER_FLOATS:
            floats.add(name)
            inner["dtype"] = "float32"
    for entry in config["config"]["layers"]:
        inner = entry["config"]
        if entry["class_name"] == "InputLayer" and inner["dtype"] in INTEGERS:
            integers.add(inner["dtype"])
            inner["dtype"] = "float32"
    notes = [f"layers of {', '.join(sorted(floats))} compute in float32"] if floats else []
    return notes + ([f"the input of {', '.join(sorted(integers))} is taken as float32"] if integers else [])


def _fixed(config: dict[str, Any], shape: tuple[int | None, ...], row_shape: tuple[int, ...] | None) -> list[str]:
    """Fix the sizes that the input of a model leaves open; return what was changed."""
    if None not in shape[1:]:
        return []
    open_shape = f"({', '.join('any' if size is None else str(size) for size in shape[1:])})"
    if row_shape is None:
        raise DataError(
            got=f"an input of {open_shape}: {shape[1:].count(None)} of its sizes are open",
            expected="fixed sizes: a file for a device has buffers of one size",
            do="build the model with `tf_keras.Input((height, width, channels))`, load its weights with "
            "`load_weights`, and save it with `model.save`; `trimline squeeze` takes the sizes of the samples",
        )
    if len(row_shape) != len(shape) - 1 or any(
        size not in (None, given) for size, given in zip(shape[1:], row_shape, strict=True)
    ):
        raise DataError(
            got=f"samples with rows of shape {row_shape}", expected=f"{open_shape}, as the model takes them",
            do="prepare the samples as for the model's training",
        )  # fmt: skip
    for entry in config["config"]["layers"]:
        if "batch_input_shape" in entry["config"]:
            entry["config"]["batch_input_shape"] = [None, *row_shape]
        entry.pop("build_config", None)
    config["config"].pop("build_input_shape", None)
    return [f"the open sizes of its input {open_shape} are those of the samples, {row_shape}"]
