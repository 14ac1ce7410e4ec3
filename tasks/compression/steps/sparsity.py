"""Sparsity of kernels: how many weights are zero or equal, measured on the weights themselves."""

from typing import Any

import numpy as np

from tasks.core.errors import StageError
from tasks.data.records import Array
from tasks.models.layers import kernels_of

TOLERANCE = 0.01
Block = tuple[int, int]


def sparsity_of(model: Any) -> float:
    """Return the fraction of zeros in all kernels, wrapped for quantization or not."""
    kernels = kernels_of(model).values()
    return float(sum((kernel == 0).sum() for kernel in kernels) / sum(np.size(kernel) for kernel in kernels))


def sparsities_of(model: Any) -> dict[str, float]:
    """Return the fraction of zeros of each kernel, by the names of their layers."""
    return {name: float((kernel == 0).mean()) for name, kernel in kernels_of(model).items()}


def clusters_of(model: Any, *, per_channel: bool = False) -> dict[str, int]:
    """Return how many different values each kernel has, zero among them.

    With `per_channel` that of a convolution is the greatest number in one output channel.
    """
    return {
        name: max(len(np.unique(kernel[..., channel])) for channel in range(kernel.shape[-1]))
        if per_channel and kernel.ndim == 4
        else len(np.unique(kernel))
        for name, kernel in kernels_of(model).items()
    }


def zero_blocks(kernel: Array, block: Block) -> Array:
    """Return which blocks of a matrix are all zero, (rows of blocks, columns of blocks); the last may be smaller."""
    margins = [(0, -extent % size) for extent, size in zip(kernel.shape, block, strict=True)]
    padded = np.pad(kernel != 0, margins)
    blocks = padded.reshape(padded.shape[0] // block[0], block[0], padded.shape[1] // block[1], block[1])
    return np.asarray(~blocks.any(axis=(1, 3)))


def crowded_fours(kernel: Array) -> int:
    """Return how many groups of four consecutive inputs of one output have more than two weights."""
    by_input = np.moveaxis(kernel, -2, -1).reshape(-1, kernel.shape[-2]) != 0
    groups = np.pad(by_input, [(0, 0), (0, -by_input.shape[1] % 4)]).reshape(-1, 4)
    return int((groups.sum(axis=1) > 2).sum())


def require_sparsity(model: Any, expected: dict[str, float], where: str, block: Block = (1, 1)) -> None:
    """Refuse a model in which any layer is less sparse than was asked for.

    Args:
        model: whose layers are looked at.
        expected: fraction of zeros, by layer name.
        where: the step, for the message.
        block: of dense kernels, (inputs, outputs): the fraction is then of blocks.

    Raises:
        StageError: a layer has a hundredth, or more than one block, less zeros than expected.
    """
    kernels, short = kernels_of(model), []
    for name, fraction in expected.items():
        kernel = kernels[name]
        zeros = kernel == 0 if kernel.ndim != 2 else zero_blocks(kernel, block)
        if zeros.mean() < fraction - max(TOLERANCE, 1 / zeros.size):
            short.append(f"{name} {zeros.mean():.1%} of {fraction:.1%}")
    if short:
        raise StageError(
            got=f"{where}: weights that are zero: {', '.join(short)}",
            expected="the sparsity that was asked for, in every layer",
            do="give the recipe more epochs, so that its schedule ends",
        )


def require_two_of_four(model: Any, names: list[str], where: str) -> None:
    """Refuse a model in which a group of four weights of a named layer has more than two that are not zero.

    Raises:
        StageError: there is such a group.
    """
    kernels = kernels_of(model)
    if crowded := {name: count for name in names if (count := crowded_fours(kernels[name]))}:
        raise StageError(
            got=f"{where}: groups of four with more than two weights: {crowded}",
            expected="at most two of each four consecutive inputs",
            do="this is a fault of the step; report it with the recipe",
        )


def require_clusters(model: Any, expected: dict[str, int], where: str, *, per_channel: bool = False) -> None:
    """Refuse a model in which a kernel has more different values than expected; see `clusters_of`.

    Raises:
        StageError: one has more.
    """
    got = clusters_of(model, per_channel=per_channel)
    if more := {name: got[name] for name, clusters in expected.items() if got[name] > clusters}:
        raise StageError(
            got=f"{where}: different values of a kernel: {more}",
            expected=f"at most { ({name: expected[name] for name in more}) }",
            do="this is a fault of the step; report it with the recipe",
        )
