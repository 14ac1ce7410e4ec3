"""FlatBuffers written compactly: every equal part is stored once, in a layout that deflates well.

The generated `Pack` methods of a schema's objects drive a builder. `Recorder` stands in for the builder: it keeps what
would be written as nodes, and `written` then lays them out (https://flatbuffers.dev/internals).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partialmethod
from typing import Any

from tasks.data.records import Array

OFFSET = "I"
HEADER_BYTES, TABLE_HEADER_BYTES, COUNT_BYTES = 8, 4, 4


@dataclass(frozen=True)
class Table:
    """Fields as (slot, struct code, value, is child); the value is packed, or the child's number."""

    fields: tuple[tuple[int, str, Any, bool], ...]


@dataclass(frozen=True)
class Vector:
    """`content` of `count` numbers or characters, or `children`, the numbers of nodes."""

    item_size: int
    count: int
    content: bytes
    children: tuple[int, ...]


Node = Table | Vector


class Recorder:
    """The part of `flatbuffers.Builder` that `Pack` methods use. Equal nodes are one; a number stands for a node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._fields: list[tuple[int, str, Any, bool]] = []
        self._items: list[bytes] = []
        self._children: list[int] = []
        self._item_size = 0

    def _number(self, node: Node) -> int:
        """Return the node's number; they count from 1, as an offset of 0 means none."""
        if node not in self._numbers:
            self.nodes.append(node)
            self._numbers[node] = len(self.nodes)
        return self._numbers[node]

    def StartObject(self, slots: int) -> None:  # noqa: D102
        self._fields = []

    def EndObject(self) -> int:  # noqa: D102
        return self._number(Table(tuple(self._fields)))

    def _slot(self, code: str, slot: int, value: Any, default: Any) -> None:
        if value is not None and value != default:
            self._fields.append((slot, code, struct.pack(f"<{code}", value), False))

    def PrependUOffsetTRelativeSlot(self, slot: int, child: int, default: int) -> None:  # noqa: D102
        if child != default:
            self._fields.append((slot, OFFSET, child, True))

    def StartVector(self, item_size: int, count: int, alignment: int) -> None:  # noqa: D102
        self._items, self._children, self._item_size = [], [], item_size

    def _item(self, code: str, value: Any) -> None:
        self._items.append(struct.pack(f"<{code}", value))

    def PrependUOffsetTRelative(self, child: int) -> None:  # noqa: D102
        self._children.append(child)

    def EndVector(self) -> int:  # noqa: D102
        count = len(self._items) or len(self._children)
        content, children = b"".join(reversed(self._items)), tuple(reversed(self._children))
        return self._number(Vector(self._item_size, count, content, children))

    def CreateNumpyVector(self, values: Array) -> int:  # noqa: D102
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        return self._number(Vector(values.itemsize, len(values), little.tobytes(), ()))

    def CreateString(self, text: str | bytes) -> int:  # noqa: D102
        raw = text.encode() if isinstance(text, str) else bytes(text)
        return self._number(Vector(1, len(raw), raw + b"\0", ()))

    PrependBoolSlot = partialmethod(_slot, "?")
    PrependInt8Slot = partialmethod(_slot, "b")
    PrependUint8Slot = partialmethod(_slot, "B")
    PrependInt32Slot = partialmethod(_slot, "i")
    PrependUint32Slot = partialmethod(_slot, "I")
    PrependInt64Slot = partialmethod(_slot, "q")
    PrependUint64Slot = partialmethod(_slot, "Q")
    PrependFloat32Slot = partialmethod(_slot, "f")
    PrependBool = partialmethod(_item, "?")
    PrependUint8 = partialmethod(_item, "B")
    PrependUint16 = partialmethod(_item, "H")
    PrependInt32 = partialmethod(_item, "i")
    PrependUint32 = partialmethod(_item, "I")
    PrependInt64 = partialmethod(_item, "q")
    PrependFloat32 = partialmethod(_item, "f")


def children_of(node: Node) -> Iterator[int]:
    """Yield the numbers of a node's children, in the order of its fields or items."""
    if isinstance(node, Vector):
        yield from node.children
    else:
        yield from (value for _, _, value, is_child in node.fields if is_child)


def written(nodes: list[Node], root: int, identifier: bytes, last: dict[int, int], alignments: dict[int, int]) -> bytes:
    """Return the bytes of a tree of nodes.

    Each table follows its own vtable, and children their parent: equal distances deflate better than fewer bytes.

    Args:
        nodes: of a recorder.
        root: number of the root table.
        identifier: four bytes that name the format.
        last: numbers of nodes that stand behind all others, by rank; a child has no lower rank than its parents.
        alignments: of the items of vectors that the schema aligns to more than their size.
    """
    writer = _Writer(nodes, alignments)
    for number in sorted(_parents_first(nodes, root), key=lambda number: last.get(number, 0)):
        writer.add(number)
    return writer.finished(root, identifier)


def _parents_first(nodes: list[Node], root: int) -> list[int]:
    """Order the nodes under a root so that all offsets point forwards, as the format demands."""
    done: dict[int, None] = {}

    def visit(number: int) -> None:
        for child in reversed(list(children_of(nodes[number - 1]))):
            if child not in done:
                visit(child)
        done[number] = None

    visit(root)
    return list(reversed(done))


class _Writer:
    def __init__(self, nodes: list[Node], alignments: dict[int, int]) -> None:
        self._nodes, self._alignments = nodes, alignments
        self._bytes = bytearray(HEADER_BYTES)
        self._places: dict[int, int] = {}
        self._offsets: list[tuple[int, int]] = []

    def add(self, number: int) -> None:
        node = self._nodes[number - 1]
        self._places[number] = self._table(node) if isinstance(node, Table) else self._vector(number, node)

    def finished(self, root: int, identifier: bytes) -> bytes:
        for place, child in self._offsets:
            struct.pack_into("<I", self._bytes, place, self._places[child] - place)
        struct.pack_into("<I4s", self._bytes, 0, self._places[root], identifier)
        return bytes(self._bytes)

    def _pad(self, alignment: int, ahead: int) -> None:
        """Let what is written after `ahead` more bytes be aligned."""
        self._bytes += bytes(-(len(self._bytes) + ahead) % alignment)

    def _table(self, table: Table) -> int:
        widths = {slot: struct.calcsize(code) for slot, code, _, _ in table.fields}
        size, places = TABLE_HEADER_BYTES, {}
        for slot in sorted(widths, key=lambda slot: (-widths[slot], slot)):
            size += -size % widths[slot]
            places[slot] = size
            size += widths[slot]
        slots = [places.get(slot, 0) for slot in range(max(places, default=-1) + 1)]
        vtable = struct.pack(f"<{2 + len(slots)}H", 2 * (2 + len(slots)), size, *slots)
        self._pad(max([TABLE_HEADER_BYTES, *widths.values()]), len(vtable))
        self._bytes += vtable
        place = len(self._bytes)
        self._bytes += struct.pack("<i", len(vtable)) + bytes(size - TABLE_HEADER_BYTES)
        for slot, _, value, is_child in table.fields:
            start = place + places[slot]
            if is_child:
                self._offsets.append((start, value))
            else:
                self._bytes[start : start + len(value)] = value
        return place

    def _vector(self, number: int, vector: Vector) -> int:
        self._pad(max(COUNT_BYTES, vector.item_size, self._alignments.get(number, 0)), COUNT_BYTES)
        place = len(self._bytes)
        self._bytes += struct.pack("<I", vector.count) + vector.content
        for child in vector.children:
            self._offsets.append((len(self._bytes), child))
            self._bytes += bytes(4)
        return place


FILE_IDENTIFIER = b"TFL3"
BUFFERS_SLOT = 4
BUFFER_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which the generated code for Python leaves out
LONG_VECTOR_BYTES = 32
FLOAT_BYTES = 4


def repack(model: Any, late: bool = False) -> bytes:
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
