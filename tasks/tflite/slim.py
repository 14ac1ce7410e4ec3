"""Slimming a `.tflite` file: strip metadata, deduplicate, repack; the outputs are shown to be equal, to the bit.

What a runtime reads stays: weights, scales, zero points, the order of inputs and outputs, their shapes with unknown
sizes, options and versions of operators. A file of one input and one output loses its signature, which says nothing
else; with more, the signature stays, as its names tell them apart.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tasks.core.errors import DataError, StageError
from tasks.data.records import Array, Columns
from tasks.tflite.file import File
from tasks.tflite.flatbuffer import repack
from tasks.tflite.translator import Translator

KERNELS = {"XNNPACK": OpResolverType.AUTO, "the reference kernels": OpResolverType.BUILTIN_REF}


def first_difference(
    before: bytes, after: bytes, rows: int, seed: int, given: list[Columns] | None = None
) -> str | None:
    """Say where the outputs of two files differ first, None if nowhere.

    They are fed all-lowest, all-highest and all-zero inputs and `rows` random ones, once with the default delegate
    (XNNPACK) and once with reference kernels. Where any whole number would not do, as for a token, they are fed `given`
    instead: rows of inputs by name.

    Raises:
        ValueError: a file cannot be loaded.
    """
    for kernels, resolver in KERNELS.items():
        runners = [_Runner(content, resolver) for content in (before, after)]
        if runners[0].ends != runners[1].ends:
            return f"inputs and outputs: {runners[0].ends}, then {runners[1].ends}"
        drawn = _inputs(runners[0].inputs, rows, seed) if given is None else map(runners[0].ordered, given)
        for name, inputs in drawn:
            for number, (one, other) in enumerate(zip(*(runner.run(inputs) for runner in runners), strict=True)):
                if one.tobytes() != other.tobytes():
                    return f"output {number} of {name}, by {kernels}: {one.ravel()[:8]}, then {other.ravel()[:8]}"
    return None


def require_equal_outputs(
    before: bytes, after: bytes, rows: int, seed: int, given: list[Columns] | None = None
) -> None:
    """Refuse a file whose outputs are not those of the file that it was made from; see `first_difference`.

    Raises:
        StageError: an output differs.
    """
    if difference := first_difference(before, after, rows, seed, given):
        raise StageError(
            got=difference,
            expected="the same outputs as before slimming",
            do="this is a fault of Trimline: report it with the recipe",
        )


def require_equal_translations(before: bytes, after: bytes, sources: Array) -> None:
    """Refuse a translator whose outputs are not those of the file that it was made from, at any step.

    Args:
        before: a file with the signatures of `tasks.tflite.translator`.
        after: another.
        sources: rows of source tokens, (rows, max_tokens) of int32, of which every step is compared.

    Raises:
        StageError: an output differs.
    """
    runners = [Translator(content, threads=1) for content in (before, after)]
    for source in sources:
        for one, other in zip(*(runner.steps(source) for runner in runners), strict=True):
            if one.tobytes() != other.tobytes():
                raise StageError(
                    got=f"logits {one[:8]}, then {other[:8]}", expected="the same outputs",
                    do="this is a fault of Trimline: report it with the recipe",
                )  # fmt: skip


class _Runner:
    def __init__(self, content: bytes, resolver: OpResolverType) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)
        self._interpreter.allocate_tensors()
        self.inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self._outputs: list[dict[str, Any]] = self._interpreter.get_output_details()
        self.ends = [
            (str(np.dtype(end["dtype"])), end["shape"].tolist(), end["quantization"])
            for end in [*self.inputs, *self._outputs]
        ]

    def ordered(self, row: Columns) -> tuple[str, list[Array]]:
        """Put a row's inputs into the order of the file's; the type of each is the file's."""
        signatures: dict[str, Any] = self._interpreter._get_full_signature_list()
        names = {index: name for name, index in next(iter(signatures.values()), {"inputs": {}})["inputs"].items()}
        alone = next(iter(row)) if len(self.inputs) == 1 else ""
        values = [row[names.get(each["index"], alone)].astype(each["dtype"]) for each in self.inputs]
        return "a row of the data", values

    def run(self, inputs: list[Array]) -> list[Array]:
        for detail, values in zip(self.inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]


def _inputs(details: list[dict[str, Any]], rows: int, seed: int) -> Iterator[tuple[str, list[Array]]]:
    for name, place in (("all lowest", 0), ("all highest", 1)):
        yield name, [np.full(each["shape"], _range(each["dtype"])[place], each["dtype"]) for each in details]
    yield "all zero", [np.zeros(each["shape"], each["dtype"]) for each in details]
    random = np.random.default_rng(seed)
    for row in range(rows):
        yield f"random row {row}", [_drawn(random, each["shape"], each["dtype"]) for each in details]


def _drawn(random: np.random.Generator, shape: Array, dtype: Any) -> Array:
    low, high = _range(dtype)
    if np.issubdtype(dtype, np.floating):
        return random.uniform(low, high, shape).astype(dtype)
    return random.integers(low, high, shape, np.int64, endpoint=True).astype(dtype)


def _range(dtype: Any) -> tuple[int, int]:
    """What to draw from: all that an integer type has, and a byte of pixels for a float."""
    if np.issubdtype(dtype, np.floating):
        return 0, 255
    if dtype == np.bool_:
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


UNREAD_METADATA = {b"min_runtime_version", b"CONVERSION_METADATA"}


def strip_metadata(model: Any) -> None:
    """Change the objects of a model in place; what is left depends on nothing that is taken out."""
    unambiguous = (
        len(model.subgraphs) == 1 and max(len(model.subgraphs[0].inputs), len(model.subgraphs[0].outputs)) == 1
    )
    model.description = model.metadataBuffer = None
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in UNREAD_METADATA] or None
    model.signatureDefs = None if unambiguous else model.signatureDefs
    for number, graph in enumerate(model.subgraphs):
        graph.name = graph.name if len(model.subgraphs) > 1 else None
        ends = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            _strip_tensor(tensor, index in ends, index in ends and not unambiguous and not model.signatureDefs)
        for operator in graph.operators:
            _strip_operator(operator)
        signatures = [signature for signature in model.signatureDefs or [] if signature.subgraphIndex == number]
        _drop_unused_tensors(graph, [end for signature in signatures for end in signature.inputs + signature.outputs])
    _drop_unused_codes(model)
    _deduplicate_buffers(model)


def _strip_tensor(tensor: Any, is_end: bool, keep_name: bool) -> None:
    tensor.name = tensor.name if keep_name else None
    if not is_end or tensor.shapeSignature is None or list(tensor.shapeSignature) == list(tensor.shape):
        tensor.shapeSignature = None
    quantization = tensor.quantization
    if quantization is not None:
        quantization.min = quantization.max = None
        if not _length(quantization.scale) and not quantization.detailsType:
            tensor.quantization = None


def _strip_operator(operator: Any) -> None:
    if not np.any(operator.mutatingVariableInputs):
        operator.mutatingVariableInputs = None
    if not _length(operator.intermediates):
        operator.intermediates = None


def _length(values: Any) -> int:
    return 0 if values is None else len(values)


def _drop_unused_tensors(graph: Any, ends: list[Any]) -> None:
    """Renumber the tensors that an operator, the graph or a signature (its `ends`) uses; -1 stands for none."""
    holders = [(graph, "inputs"), (graph, "outputs")]
    holders += [(each, name) for each in graph.operators for name in ("inputs", "outputs", "intermediates")]
    holders = [(holder, name) for holder, name in holders if getattr(holder, name) is not None]
    used = {int(index) for holder, name in holders for index in getattr(holder, name)}
    used_only = sorted((used | {end.tensorIndex for end in ends}) - {-1})
    numbers = {-1: -1} | {old: new for new, old in enumerate(used_only)}
    graph.tensors = [graph.tensors[index] for index in used_only]
    for holder, name in holders:
        setattr(holder, name, np.array([numbers[int(index)] for index in getattr(holder, name)], np.int32))
    for end in ends:
        end.tensorIndex = numbers[end.tensorIndex]


def _drop_unused_codes(model: Any) -> None:
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used_only = sorted({operator.opcodeIndex for operator in operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used_only]
    for operator in operators:
        operator.opcodeIndex = used_only.index(operator.opcodeIndex)


def _deduplicate_buffers(model: Any) -> None:
    """Keep the buffers that are used, once each, in the order of their use; 0 is the empty one, by convention."""
    used_only, numbers = [schema.BufferT()], {b"": 0}
    for user in [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or [])]:
        data = model.buffers[user.buffer].data
        content = b"" if data is None else np.asarray(data, np.uint8).tobytes()
        if content not in numbers:
            numbers[content] = len(used_only)
            used_only.append(schema.BufferT(data=np.frombuffer(content, np.uint8)))
        user.buffer = numbers[content]
    model.buffers = used_only


ORDERS = (0, 1, -1)
COMPILED = b"DISPATCH_OP"


def slim(content: bytes) -> bytes:
    """Return the smallest file, by its zip, that gives the same outputs; slimming it again changes nothing.

    A file that carries data beside its flatbuffer (weights over 2 GB, compiled code, a zip of labels) stays as it is.

    Raises:
        DataError: `content` is no TFLite model, or only a part of one.
    """
    try:
        model = File(content).model
        if _has_data_outside(model, content):
            return content
        strip_metadata(model)
        candidates = [repack(_ordered(model, order), late) for order, late in product(ORDERS, (False, True))]
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(got=f"a TFLite model that cannot be read: {error}", do="export it again") from None
    # Which is best depends on where deflate happens to end its blocks.
    return min(candidates, key=lambda candidate: (deflated_bytes(candidate), len(candidate)))


def deflated_bytes(content: bytes) -> int:
    """Return how many bytes the content takes inside a zip (deflate, default level)."""
    compressor = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(compressor.compress(content) + compressor.flush())


def _has_data_outside(model: Any, content: bytes) -> bool:
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    return (
        bool(model.externalBuffers)
        or any(buffer.offset > 1 for buffer in model.buffers)
        or any(operator.largeCustomOptionsOffset > 1 for operator in operators)
        or any(code.customCode == COMPILED for code in model.operatorCodes)
        or zipfile.is_zipfile(BytesIO(content))
    )


def _ordered(model: Any, order: int) -> Any:
    """Put the buffers in the order of their use, or small (1) or large (-1) ones first; return the model."""
    sizes = [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers]
    old = [0, *sorted(range(1, len(sizes)), key=lambda index: order * sizes[index])]
    numbers = {before: after for after, before in enumerate(old)}
    model.buffers = [model.buffers[index] for index in old]
    for user in [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or [])]:
        user.buffer = numbers[user.buffer]
    return model
