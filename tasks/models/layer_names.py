"""Names of layers in `params.yaml`, compared with those of the network, before anything is trained.

Nothing here starts TensorFlow. The layers of a user's own model are only known once it is loaded: for that there is
`require_layer_names`.
"""

from collections.abc import Iterator, Mapping

from pydantic import Field

from tasks.core.errors import ParamsError
from tasks.core.params import Name, Section
from tasks.core.params.recipes import Cluster, Prune, QuantizeAware, Recipe, ReEstimateBatchNorm
from tasks.core.params.sections import FineTune
from tasks.models.architectures import Network

# Layers whose kernel is pruned and clustered, as `tasks.models.layers` finds them.
WITH_KERNEL = ("Conv2D", "Dense", "Embedding", "SeparableConv1D")
# Before quantization-aware training a SeparableConv1D is rewritten, and a Conv1D becomes a Conv2D.
WITH_QUANTIZED_KERNEL = ("Conv1D", "Conv2D", "Dense", "Embedding")
# Layers that leave no operator in the file, so that `float_layers` cannot mean them.
WITHOUT_OPERATOR = ("InputLayer", "Dropout")


class LayerReferences(Section):
    """The settings that name layers; `plan` makes it, and `train` compares it with a model whose layers a file has."""

    compress: dict[Name, Recipe] = Field(description="the recipes")
    fine_tune: FineTune | None = Field(description="the section `fine_tune`")


def require_layer_names(network: Network, references: LayerReferences) -> None:
    """Make sure that recipes and `fine_tune.frozen` name only layers that a loaded network has.

    Raises:
        ParamsError: they name others; all are listed.
    """
    types = {layer.name: type(layer).__name__ for layer in network.layers}
    if problems := layer_problems(types, network.name, references):
        raise ParamsError(got="\n".join(problems), expected="names of layers in the network", do="correct the names")


def layer_problems(types: Mapping[str, str], network: str, references: LayerReferences) -> list[str]:
    """Compare the names of layers in recipes and in `fine_tune.frozen` with a network's.

    Args:
        types: the Keras class of each layer of the network by its name.
        network: what the network is called.
        references: the settings that name layers.

    Returns:
        A sentence for each setting that names what the network does not have.
    """
    problems = []
    for recipe, params in references.compress.items():
        for key, names, allowed in _named(params, types):
            if unknown := [name for name in names if name not in allowed]:
                what = _what(unknown, types, network, is_float=key == "float_layers")
                problems.append(f"compress.{recipe}.{key}: {what}; its layers: {', '.join(allowed) or 'none'}")
        if "BatchNormalization" not in types.values():
            problems += [
                f"compress.{recipe}.steps.{index}: {step.step}, and {network} has no batch normalization; take it out"
                for index, step in enumerate(params.steps)
                if isinstance(step, ReEstimateBatchNorm)
            ]
    for prefix in references.fine_tune.frozen if references.fine_tune else []:
        if not any(name.startswith(prefix) for name in types):
            problems.append(
                f"fine_tune.frozen: no layer of {network} has a name that begins with {prefix}; "
                f"its layers: {', '.join(types)}"
            )
    return problems


def names_with_kernel(types: Mapping[str, str]) -> list[str]:
    """Return the layers whose kernels are pruned and clustered."""
    return [name for name, kind in types.items() if kind in WITH_KERNEL]


def _named(recipe: Recipe, types: Mapping[str, str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each setting of a recipe that names layers: its key, the names, and those that it may name."""
    for index, step in enumerate(recipe.steps):
        if isinstance(step, Prune | Cluster):
            yield f"steps.{index}.layers", list(step.layers), names_with_kernel(types)
        elif isinstance(step, QuantizeAware):
            allowed = [name for name, kind in types.items() if kind in WITH_QUANTIZED_KERNEL]
            yield f"steps.{index}.layers", list(step.layers), allowed
    yield "float_layers", recipe.float_layers, [n for n, kind in types.items() if kind not in WITHOUT_OPERATOR]


def _what(unknown: list[str], types: Mapping[str, str], network: str, *, is_float: bool) -> str:
    """Say of each name whether it is no layer at all, or one that the setting does not apply to."""
    lacks = "no operator in the file" if is_float else "no kernel that this step changes"
    return ", ".join(
        f"{name} ({types[name]}) has {lacks}" if name in types else f"{name} is no layer of {network}"
        for name in unknown
    )
