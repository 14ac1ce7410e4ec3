"""The networks that a line can have: `train.architecture` is the name of a module here.

A module has the settings (`Train`), the network (`build`, or `take` where the weights come from elsewhere) and the
names of its layers (`layer_types`). Importing it starts no TensorFlow: that is left to `build` and `take`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

from tasks.core.params.data import Preprocess
from tasks.core.params.training import Base, Taken, Trained
from tasks.models.saving import ModelMetadata

if TYPE_CHECKING:  # brings numpy, for which whoever reads settings need not wait
    from tasks.data.columns import Dataset

Network: TypeAlias = Any  # a `tf_keras.Model`: TensorFlow has no types
# The Keras class of each layer by the layer's name, the input first and the head last.
LayerTypes: TypeAlias = dict[str, str]

Settings = TypeVar("Settings", bound=Base)
TrainedSettings = TypeVar("TrainedSettings", bound=Trained)
TakenSettings = TypeVar("TakenSettings", bound=Taken)


class Architecture(Protocol[Settings]):
    """What every module of this package has."""

    @property
    def Train(self) -> type[Settings]:
        """The section `train`."""

    def layer_types(self, params: Settings, preprocess: Preprocess) -> LayerTypes | None:
        """Return the layers of the network without building it; None where only its file knows them."""


class TrainedArchitecture(Architecture[TrainedSettings], Protocol[TrainedSettings]):
    """A network that starts with random weights and is trained on the base data set."""

    def build(self, params: TrainedSettings, metadata: ModelMetadata) -> Network:
        """Build the network: what is on disk in, logits or predictions out."""


class TakenArchitecture(Architecture[TakenSettings], Protocol[TakenSettings]):
    """A network whose weights come from a file or a package."""

    def take(self, params: TakenSettings, base: "Dataset", metadata: ModelMetadata) -> tuple[Network, ModelMetadata]:
        """Return the network with its weights, and the metadata with its own normalisation.

        Raises:
            ParamsError: the data are of a kind that the weights were not trained on, or the package is not installed.
            DataError: the file of weights is missing, damaged, or of another network.
        """


def architecture_of(name: str) -> Architecture[Base]:
    """Return the module of an architecture; `Train` of `params.yaml` has made sure that there is one."""
    return cast(Architecture[Base], import_module(f"tasks.models.architectures.{name}"))


def build(params: Trained, metadata: ModelMetadata) -> Network:
    """Build the network of a section `train`, with random weights; see `TrainedArchitecture`."""
    return cast(TrainedArchitecture[Trained], architecture_of(params.architecture)).build(params, metadata)


def take(params: Taken, base: "Dataset", metadata: ModelMetadata) -> tuple[Network, ModelMetadata]:
    """Return the network of a section `train` with the weights of its file or package; see `TakenArchitecture`."""
    return cast(TakenArchitecture[Taken], architecture_of(params.architecture)).take(params, base, metadata)


def layer_types(params: Base, preprocess: Preprocess) -> LayerTypes | None:
    """Return the layers of the network of a section `train`, without TensorFlow; see `Architecture`.

    Args:
        params: the section `train`.
        preprocess: of either data set; the layers of a table's network follow from the names of its columns.
    """
    return architecture_of(params.architecture).layer_types(params, preprocess)
