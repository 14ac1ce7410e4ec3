"""Files with several signatures: each is a graph of its own, and the first graph is what most readers look at."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tasks.compression.file import File
from tasks.contracts.errors import DataError

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
