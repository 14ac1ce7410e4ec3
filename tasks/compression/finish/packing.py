"""The objects of a TFLite model as the bytes of a file, compact, and aligned as the schema asks for."""

from typing import Any

from tasks.compression.finish.flatbuffer import Node, Recorder, Vector, children_of, written

FILE_IDENTIFIER = b"TFL3"
BUFFERS_SLOT = 4
BUFFER_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which the generated code for Python leaves out
LONG_VECTOR_BYTES = 32
FLOAT_BYTES = 4


def packed(model: Any, late: bool = False) -> bytes:
    """Write a model; with `late`, long vectors of scales stand behind the weights."""
    recorder = Recorder()
    root = model.Pack(recorder)
    tables, data = _buffers(recorder.nodes, root)
    last = dict.fromkeys([*tables, *data], 1)
    if late:
        last |= {number: 2 for number, node in enumerate(recorder.nodes, 1) if _is_long(node) and number not in last}
    return written(recorder.nodes, root, FILE_IDENTIFIER, last, dict.fromkeys(data, BUFFER_ALIGNMENT))


def _buffers(nodes: list[Node], root: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the tables of buffers and of their data."""
    fields = {slot: child for slot, _, child, is_child in nodes[root - 1].fields if is_child}  # type: ignore[union-attr]
    tables = list(children_of(nodes[fields[BUFFERS_SLOT] - 1]))
    return tables, [child for table in tables for child in children_of(nodes[table - 1])]


def _is_long(node: Node) -> bool:
    return (
        isinstance(node, Vector)
        and not node.children
        and node.item_size == FLOAT_BYTES
        and len(node.content) > LONG_VECTOR_BYTES
    )
