"""The same outputs from fewer bytes: names, statistics, metadata and duplicates leave the file.

What a runtime reads stays: weights, scales, zero points, the order of inputs and outputs, their shapes with unknown
sizes, options and versions of operators. A file of one input and one output loses its signature, which says nothing
else; with more, the signature stays, as its names tell them apart.
"""

import struct
import zipfile
import zlib
from io import BytesIO
from itertools import product
from typing import Any

from tasks.compression.file import File
from tasks.compression.finish.lighten import lighten
from tasks.compression.finish.packing import packed
from tasks.contracts.errors import DataError

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
        lighten(model)
        candidates = [packed(_ordered(model, order), late) for order, late in product(ORDERS, (False, True))]
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            got=f"a TFLite model that cannot be read: {error}", expected="a whole .tflite file", do="export it again"
        ) from None
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
