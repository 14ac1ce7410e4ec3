"""Two files that give the same outputs, to the bit: what a lossless step has to show."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tasks.core.errors import StageError
from tasks.data.records import Array, Columns
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
            got=difference, expected="the same outputs", do="this is a fault of the step; report it with the recipe"
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
                    do="this is a fault of the step; report it with the recipe",
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
