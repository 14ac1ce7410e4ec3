"""A `.tflite` file as objects that can be changed, with its signatures, with the activations of calibration rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

from tasks.core.errors import DataError
from tasks.data.records import Array
from tasks.tflite.flatbuffer import FILE_IDENTIFIER, repack

DTYPES: dict[int, Any] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
}
WEIGHTED = {
    schema.BuiltinOperator.CONV_2D: "conv",
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: "depthwise",
    schema.BuiltinOperator.FULLY_CONNECTED: "dense",
}


@dataclass(frozen=True)
class Weighted:
    """An operator with a constant kernel.

    Attributes:
        kind: conv (kernel (out, h, w, in)), depthwise (1, h, w, out) or dense (out, in).
        options: the operator's own, such as strides.
        inputs, kernel, bias, output: indices of tensors; bias is None where there is none.
    """

    kind: str
    options: Any
    inputs: int
    kernel: int
    bias: int | None
    output: int


class File:
    """The objects of a file; `content()` gives the bytes of what was changed."""

    def __init__(self, content: bytes) -> None:
        if content[4:8] != FILE_IDENTIFIER:
            raise DataError(got="bytes that are no TFLite model", do="export it again")
        self.model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))

    def content(self) -> bytes:
        """Return the file's bytes, with the data of its buffers aligned as a device needs them."""
        return repack(self.model)

    @property
    def tensors(self) -> list[Any]:
        """The tensors of the main graph."""
        return list(self.model.subgraphs[0].tensors)

    def weighted(self) -> list[Weighted]:
        """Return the operators of the main graph whose kernel is a constant, in their order."""
        return [found for operator in self.model.subgraphs[0].operators if (found := self._weighted(operator))]

    def _weighted(self, operator: Any) -> Weighted | None:
        kind = WEIGHTED.get(self.code(operator))
        if kind is None or not self.is_constant(operator.inputs[1]):
            return None
        bias = int(operator.inputs[2]) if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
        return Weighted(
            kind, operator.builtinOptions, int(operator.inputs[0]), int(operator.inputs[1]), bias,
            int(operator.outputs[0]),
        )  # fmt: skip

    def without_softmax(self) -> bytes:
        """Return a file that ends with the logits, where this one ends with a softmax or a sigmoid over them.

        Probabilities hide what happens to the logits of a model that is sure of itself.
        """
        file = File(self.content())
        graph = file.model.subgraphs[0]
        last = next(operator for operator in graph.operators if graph.outputs[0] in operator.outputs)
        if self.code(last) in {schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.LOGISTIC}:
            graph.outputs = np.array([last.inputs[0]], np.int32)
            file.model.signatureDefs = []
        return file.content()

    def code(self, operator: Any) -> int:
        """Return which of the builtin operators this is."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        return int(max(code.builtinCode, code.deprecatedBuiltinCode))

    def is_constant(self, index: int) -> bool:
        """Whether a tensor's values stand in the file."""
        data = self.model.buffers[self.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def values(self, index: int) -> Array:
        """Return a copy of a constant tensor's values."""
        tensor = self.tensors[index]
        data = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8).tobytes()
        values: Array = np.frombuffer(data, DTYPES[tensor.type]).reshape(tensor.shape).copy()
        return values

    def set_values(self, index: int, values: Array) -> None:
        """Replace a constant tensor's values, which keep their type and shape; a buffer of two tensors is split."""
        tensor = self.tensors[index]
        if sum(other.buffer == tensor.buffer for other in self.tensors) > 1:
            self.model.buffers.append(schema.BufferT())
            tensor.buffer = len(self.model.buffers) - 1
        raw = np.ascontiguousarray(values, DTYPES[tensor.type]).tobytes()
        self.model.buffers[tensor.buffer].data = np.frombuffer(raw, np.uint8)

    def dtype(self, index: int) -> Any:
        """Return the numpy type of a tensor, None for one that is not numeric here (int4, bool, strings)."""
        return DTYPES.get(self.tensors[index].type)

    def scales(self, index: int) -> tuple[Array, Array]:
        """Return the per-channel scales (float64) and zero points (int64) of a tensor, or one each; a float's is 1."""
        quantization = self.tensors[index].quantization
        if quantization is None or quantization.scale is None:
            return np.ones(1), np.zeros(1, np.int64)
        return np.asarray(quantization.scale, np.float64), np.asarray(quantization.zeroPoint, np.int64)


def activations(content: bytes, rows: Array, tensors: list[int]) -> Iterator[dict[int, Array]]:
    """Yield what the given tensors hold for each row, (1, ...), as the file's reference kernels compute it.

    Args:
        content: of the file.
        rows: what the file is fed, (rows, ...), of its input's type.
        tensors: indices of tensors of the main graph.
    """
    interpreter = Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]["index"]
    for row in rows:
        interpreter.set_tensor(given, row[np.newaxis])
        interpreter.invoke()
        yield {index: interpreter.get_tensor(index) for index in tensors}


def outputs(content: bytes, rows: Array) -> Array:
    """Return the file's dequantized outputs for what it is fed, (rows, ...) of float32."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]
    scale, zero_point = answer["quantization"]
    got = []
    for row in rows:
        interpreter.set_tensor(given, row[np.newaxis])
        interpreter.invoke()
        got.append(interpreter.get_tensor(answer["index"])[0].astype(np.float32))
    values = np.stack(got)
    real: Array = (values - zero_point) * np.float32(scale) if scale else values
    return real


def feed(content: bytes, rows: Array) -> Array:
    """Return float rows (rows, ...) as the file takes them: as they are, or quantized by its input's scale."""
    given = Interpreter(model_content=content).get_input_details()[0]
    dtype, (scale, zero_point) = given["dtype"], given["quantization"]
    if dtype == np.float32 or not scale:
        return rows.astype(dtype)
    limits = np.iinfo(dtype)
    quantized: Array = np.clip(np.round(rows / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return quantized


# Their options name graphs by number.
CONTROL_FLOW = {schema.BuiltinOperator.WHILE, schema.BuiltinOperator.IF, schema.BuiltinOperator.CALL_ONCE}


def with_first(content: bytes, key: str) -> bytes:
    """Return a file whose first graph is that of a signature; nothing else changes.

    Raises:
        DataError: the file has no such signature, or control flow, whose graphs cannot change places.
    """
    file = File(content)
    places = {signature.signatureKey.decode(): signature.subgraphIndex for signature in _signatures(file)}
    graphs = file.model.subgraphs
    if key not in places or CONTROL_FLOW & {file.code(one) for graph in graphs for one in graph.operators}:
        raise DataError(
            got=f"a file with the signatures {', '.join(places) or 'none'}", expected=f"{key}, without control flow",
            do="export it again",
        )  # fmt: skip
    order = [places[key], *(index for index in range(len(graphs)) if index != places[key])]
    file.model.subgraphs = [graphs[index] for index in order]
    for signature in _signatures(file):
        signature.subgraphIndex = order.index(signature.subgraphIndex)
    return file.content()


def parts(content: bytes) -> list[bytes]:
    """Return a file for each signature of a file with several, without the others' graphs; else the file itself."""
    keys = [signature.signatureKey.decode() for signature in _signatures(File(content))]
    return [_alone(with_first(content, key)) for key in keys] if len(keys) > 1 else [content]


def _alone(content: bytes) -> bytes:
    file = File(content)
    file.model.subgraphs = file.model.subgraphs[:1]
    file.model.signatureDefs = [one for one in _signatures(file) if one.subgraphIndex == 0]
    used = np.unique([0, *(tensor.buffer for tensor in file.model.subgraphs[0].tensors)])
    for index in np.setdiff1d(np.arange(len(file.model.buffers)), used):
        file.model.buffers[index].data = None
    return file.content()


def _signatures(file: File) -> list[Any]:
    return file.model.signatureDefs or []
