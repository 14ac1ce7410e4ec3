"""Models of users, from untrusted files: what would run code in them is found before anything is loaded."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import tensorflow as tf
import tf_keras
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tasks.core.errors import DataError
from tasks.data.records import Array
from tasks.models.layers import copy_of
from tasks.models.plain_model import ACTIVATION, NO_ACTIVATION, QUANTIZE_INPUT, WRAPPERS, plain, wrapper_scopes
from tasks.models.tflite_converter import one_by_one, to_tflite

SAVE = "save the model again"
ARCHIVE = {"config.json", "metadata.json", "model.weights.h5"}
EXPORT = "call `model.export('folder')` where the model comes from, and give that folder: it holds operators alone"
# The layers that hold code, name files, or load other models.
REFUSED_LAYERS = {"Lambda", "TFSMLayer", "StringLookup", "IntegerLookup", "TextVectorization", "Hashing"}
MODULES = (
    tf_keras.layers, tf_keras.initializers, tf_keras.regularizers, tf_keras.constraints, tf_keras.optimizers,
    tf_keras.optimizers.schedules, tf_keras.losses, tf_keras.metrics,
)  # fmt: skip
STRUCTURES = {"Functional", "Sequential", "Model", "Policy", "__tensor__", "__tuple__"}
KNOWN = {name for module in MODULES for name in dir(module) if name[0].isupper()} - REFUSED_LAYERS | STRUCTURES
# TFMOT's own classes: its wrappers, which are taken off, and what stands in their configuration.
OPTIMIZATION = {*WRAPPERS, QUANTIZE_INPUT, ACTIVATION, NO_ACTIVATION, "ConstantSparsity", "PolynomialDecay"}
OPTIMIZATION_CONFIGS = re.compile(r"(Default8Bit|DefaultNBit|NoOp|OutputOnly)\w*Config|\w+Quantizer")
HALF_FLOATS = {"float16": types_pb2.DT_HALF, "bfloat16": types_pb2.DT_BFLOAT16}
# Functions of TensorFlow that became layers by being called on one.
FUNCTION_LAYERS = {"TFOpLambda", "SlicingOpLambda"}
FUNCTIONS = re.compile(r"(math|nn|__operators__|image)\.\w+|cast|clip_by_value|concat|expand_dims|reshape|split|squeeze"
                       r"|stack|transpose|identity|pad|tile|zeros_like|ones_like")  # fmt: skip
# Operators that run Python, or read or write files; a checkpoint's own are in functions that no other calls.
REFUSED_OPERATORS = re.compile(
    r"(Eager)?PyFunc(Stateless)?|ReadFile|WriteFile|MatchingFiles|ImmutableConst|Print(V2)?|Debug\w+|\w*Summary\w*"
    r"|\w*Reader(V2)?|\w*Dataset\w*|\w*Iterator\w*|InitializeTableFromTextFile(V2)?|LoadLibrary|RemoteCall|\w*Blob\w*"
    r"|(Save|Restore)(Slices?)?|Xla\w*Callback|TPU\w*|_?(Host)?(Send|Recv)|RpcCall|Experimental\w*"
)
CHECKPOINT_OPERATORS = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}
CHECKPOINT_FUNCTION = re.compile(r"__inference__traced_(save|restore)_\d+")


def require_safe_archive(path: Path) -> Any:
    """Return the configuration of a `.keras` file; refuse one that is not of the layers of tf_keras or TFMOT.

    Raises:
        DataError: the file is damaged, of Keras 3, or names code of its own.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name for name in archive.namelist() if not name.endswith("/")}
            if names != ARCHIVE:
                raise refused(path, f"files {sorted(names)}", f"a Keras archive of {sorted(ARCHIVE)}")
            config, metadata = (json.loads(archive.read(name)) for name in ("config.json", "metadata.json"))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise refused(path, str(error), "a .keras file as `model.save` wrote it") from None
    _require_keras_2(path, str(metadata.get("keras_version")), config)
    config.pop("compile_config", None)  # is not loaded
    _require_known(path, config)
    return config


def require_safe_h5(path: Path) -> Any:
    """Return the configuration of an `.h5` file; refuse one that is not of the layers of tf_keras or TFMOT.

    Raises:
        DataError: the file is damaged, of Keras 3, without an architecture, or names code or files of its own.
    """
    try:
        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
            links = list(_outside(file))
    except OSError as error:
        raise refused(path, str(error), "an .h5 file as `model.save` wrote it") from None
    if config is None:
        raise refused(path, "weights without an architecture", "a whole model", "save it with `model.save`")
    if links:
        raise refused(path, f"links to other files: {', '.join(links)}", "a file that holds its weights itself")
    try:
        parsed = json.loads(config)
    except ValueError as error:
        raise refused(path, f"model_config: {error}", "JSON") from None
    _require_keras_2(path, _text(version), parsed)
    _require_known(path, parsed)
    return parsed


def require_safe_saved_model(folder: Path) -> Any:
    """Return the graph of a SavedModel; refuse one with operators that run Python or touch files, or with assets.

    Raises:
        DataError: there is no SavedModel, it is damaged, or it has such operators.
    """
    file, model = folder / "saved_model.pb", saved_model_pb2.SavedModel()
    if not file.is_file():
        raise refused(folder, "a folder without saved_model.pb", "a SavedModel", "correct the path")
    try:
        model.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise refused(folder, f"saved_model.pb: {error}", "a SavedModel as `model.export` wrote it") from None
    graphs = [graph for graph in model.meta_graphs if "serving_default" in graph.signature_def]
    if len(model.meta_graphs) != 1 or not graphs:
        raise refused(folder, "no signature serving_default", "a SavedModel that can be called", EXPORT)
    if bad := sorted(set(_operators_outside(graphs[0]))):
        raise refused(
            folder, f"operators that run code or touch files: {', '.join(bad)}", "arithmetic alone",
            "leave reading and printing out of what is exported",
        )  # fmt: skip
    return graphs[0]


def _require_fixed_sizes(folder: Path, graph: Any) -> None:
    """Refuse a SavedModel whose input has open sizes beside the number of rows: no file can be made of it."""
    for given in graph.signature_def["serving_default"].inputs.values():
        sizes = [size.size for size in given.tensor_shape.dim]
        if -1 in sizes[1:]:
            shown = ", ".join("any" if size == -1 else str(size) for size in sizes[1:])
            raise refused(
                folder, f"an input of ({shown}): {sizes[1:].count(-1)} of its sizes are open",
                "fixed sizes: a file for a device has buffers of one size",
                "save the model with `model.save('model.h5')`, which takes the sizes of the samples; or build it with "
                "an Input of fixed sizes, load its weights and export it again",
            )  # fmt: skip


def _half_floats(graph: Any) -> list[str]:
    """Return the types of less than 32 bits that the operators of a SavedModel have."""
    nodes = [*graph.graph_def.node, *(node for each in graph.graph_def.library.function for node in each.node_def)]
    types = {value.type for node in nodes for name, value in node.attr.items() if name in {"T", "DstT"}}
    return [name for name, number in HALF_FLOATS.items() if number in types]


def refused(path: Path, got: str, expected: str, do: str = SAVE) -> DataError:
    """Return the error of a model file that is not taken."""
    return DataError(got=f"{path}: {got}", expected=expected, do=do)


def _require_keras_2(path: Path, version: str, config: Any) -> None:
    if not version.startswith("2.") or any(
        str(item.get("module")).startswith("keras.src") for item in _objects(config)
    ):
        raise refused(path, f"a model of Keras {version}", "Keras 2 (tf_keras): TFMOT refuses Keras 3", EXPORT)


def _require_known(path: Path, config: Any) -> None:
    if "class_name" not in config:
        raise refused(path, "a config without class_name", "the architecture of a Keras model")
    for item in _objects(config):
        name, nested = str(item["class_name"]), item.get("config")
        inner = nested if isinstance(nested, dict) else {}
        module = str(item.get("module") or "keras")
        if name in REFUSED_LAYERS:
            raise refused(
                path, f"a {name} layer {inner.get('name')!r}", "layers that hold no code and name no files", EXPORT
            )
        if _is_of_optimization(item):
            continue
        known = name in KNOWN or (name in FUNCTION_LAYERS and FUNCTIONS.fullmatch(str(inner.get("function"))))
        if not known or not re.fullmatch(r"(tf_)?keras(\.\w+)*", module):
            raise refused(
                path, f"{name} of {module} ({inner.get('function') or item.get('registered_name') or 'custom'})",
                "tf_keras's own layers: custom classes would have to run their code", EXPORT,
            )  # fmt: skip


def _is_of_optimization(item: dict[str, Any]) -> bool:
    """Whether a class is TFMOT's own by its name and by its module, where it has one."""
    name, module = str(item["class_name"]), str(item.get("module") or "")
    known = name in OPTIMIZATION or OPTIMIZATION_CONFIGS.fullmatch(name) is not None
    return known and (not module or module.startswith("tensorflow_model_optimization."))


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a config that names a class."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from _objects(value)


def _outside(group: Any) -> Iterator[str]:
    """Yield the names of what an HDF5 file takes from other files."""
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield name
        elif isinstance(link, h5py.HardLink):
            item = group[name]
            if isinstance(item, h5py.Group):
                yield from _outside(item)
            elif item.external or item.is_virtual:
                yield name


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _operators_outside(graph: Any) -> Iterator[str]:
    """Yield the operators of a graph, and of its functions, that must not run."""
    if graph.asset_file_def:
        yield "assets"
    yield from (node.op for node in graph.graph_def.node if _is_refused(node.op))
    for function in graph.graph_def.library.function:
        of_checkpoint = CHECKPOINT_FUNCTION.fullmatch(function.signature.name) is not None
        for node in function.node_def:
            calls = [value.func.name for value in node.attr.values() if value.HasField("func")]
            if any(CHECKPOINT_FUNCTION.fullmatch(name) for name in calls):
                yield "a call of the checkpoint's functions"
            if _is_refused(node.op) or (node.op in CHECKPOINT_OPERATORS and not of_checkpoint):
                yield node.op


def _is_refused(operator: str) -> bool:
    return REFUSED_OPERATORS.fullmatch(operator) is not None


FORMATS = "an .h5 file, a .keras file of tf_keras, or the folder of a SavedModel"


@dataclass(frozen=True)
class UserModel:
    """A model as its file has it.

    Attributes:
        path: of the file or folder.
        model: of tf_keras, with its outputs as they are; None for a SavedModel, which is converted as it is.
        softmax: whether the model ends in a softmax, so that its outputs are probabilities; None where only
            measuring can tell.
        notes: what was changed so that it can be converted.
        half_floats: types of less than 32 bits that a SavedModel computes in.
    """

    path: Path
    model: Any | None
    softmax: bool | None
    notes: list[str] = field(default_factory=list)
    half_floats: list[str] = field(default_factory=list)

    def convert(self, precision: str, rows: Array) -> bytes:
        """Convert the model to a file of a precision; see `convert`."""
        if self.model is not None:
            return convert(self.model, precision, rows)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(self.path))
        try:
            return to_tflite(converter, precision, one_by_one(rows), integer_ends=True)
        except DataError as error:
            if self.half_floats:
                raise refused(
                    self.path, f"operators of {', '.join(self.half_floats)}, as the policy mixed_float16 makes them",
                    "float32: TFLite has no operators of these types",
                    "set `tf_keras.mixed_precision.set_global_policy('float32')` before the model is built, load its "
                    "weights and export it again; or give the file that `model.save('model.h5')` writes",
                ) from None  # fmt: skip
            raise error


def load_user_model(path: Path, row_shape: tuple[int, ...] | None = None) -> UserModel:
    """Load a model without running code of its file, in a form that can be converted; see `plain_model.plain`.

    Args:
        path: of the file or folder.
        row_shape: of the rows that it will be given, which fixes the sizes that its input leaves open.

    Raises:
        DataError: there is no such file, it cannot be read, it is of Keras 3, or it would run code: pickles, Lambda
            layers, custom classes, operators of Python or of files. Or it has several inputs or outputs, or sizes are
            open and no rows are known.
    """
    if path.is_dir():
        graph = require_safe_saved_model(path)
        _require_fixed_sizes(path, graph)
        return UserModel(path, None, None, half_floats=_half_floats(graph))
    if not path.is_file():
        raise refused(path, "no such file", FORMATS, "correct the path")
    if path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"}:
        raise refused(
            path, f"a {path.suffix} file: it holds no Keras model, or runs code when it is read", FORMATS, EXPORT
        )
    if path.suffix not in {".h5", ".hdf5", ".keras"}:
        raise refused(path, f"a file of type {path.suffix or 'unknown'!r}", f"{FORMATS}, or a .tflite file")
    config = (require_safe_archive if path.suffix == ".keras" else require_safe_h5)(path)
    wrapped = any(_is_of_optimization(item) for item in _objects(config))
    try:
        with wrapper_scopes() if wrapped else nullcontext():
            model = tf_keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        do = "save it as .h5: `model.save('model.h5')`; TFMOT's wrappers do not load from .keras" if wrapped else SAVE
        raise refused(path, f"{type(error).__name__}: {reason}", "a model that tf_keras can load", do) from None
    counts = len(model.inputs or []), len(model.outputs or [])
    if counts != (1, 1):
        raise refused(
            path, f"{counts[0]} inputs and {counts[1]} outputs", "one input and one output", "split the model"
        )
    try:
        model, notes = plain(model, row_shape)
    except DataError as error:
        raise DataError(got=f"{path}: {error.got}", expected=error.expected, do=error.do) from None
    return UserModel(path, model, ends_in_softmax(model), notes)


def ends_in_softmax(model: Any) -> bool:
    """Whether the last layer of a model gives probabilities."""
    last = last_layer(model)
    return isinstance(last, tf_keras.layers.Softmax) or (
        getattr(last, "activation", None) is tf_keras.activations.softmax
    )


def last_layer(model: Any) -> Any:
    """Return the layer whose output is the model's."""
    return model.outputs[0]._keras_history.layer


def logits_of(model: Any) -> Any:
    """Return a copy of a model without the softmax that it ends in, if it does: training and conversion take logits."""
    copy = copy_of(model)
    if not ends_in_softmax(copy):
        return copy
    last = last_layer(copy)
    if isinstance(last, tf_keras.layers.Softmax | tf_keras.layers.Activation):
        return tf_keras.Model(copy.inputs, last.input)
    last.activation = tf_keras.activations.linear
    return copy_of(copy)  # cloned from its config, so that the graph has no softmax either


def convert(model: Any, precision: str, rows: Array) -> bytes:
    """Convert a tf_keras model to a file that takes one row at a time, with inputs and outputs as they are.

    Args:
        model: with one input, float32.
        precision: float32, float16, dynamic, int8 (inputs and outputs too, their scales stand in the file) or int16x8.
        rows: calibration rows, (rows, ...) of float32, for the integer precisions.

    Raises:
        DataError: an operator of the model has no form in that precision.
    """
    given = tf_keras.Input(model.inputs[0].shape[1:], batch_size=1, dtype=model.inputs[0].dtype, name="input")
    single = tf_keras.Model(given, model(given))  # a batch of unknown size would add operators
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    return to_tflite(converter, precision, one_by_one(rows), integer_ends=True)


def convert_saved(path: Path, precision: str, rows: Array) -> bytes:
    """Convert a model of our own from its `.h5` file as it is, TFMOT's quantization included; see `convert`."""
    with h5py.File(path, "r") as file:
        wrapped = any(_is_of_optimization(item) for item in _objects(json.loads(file.attrs["model_config"])))
    with wrapper_scopes() if wrapped else nullcontext():
        return convert(tf_keras.models.load_model(path, compile=False), precision, rows)
