"""Trains the base model: `dvc repro train`. The default line takes about 20 s and reaches .97 in validation.

With a pretrained architecture, such as `own_file`, nothing is trained: the model comes from a file or a package.
"""

from pathlib import Path

from tasks.core.files import replacing
from tasks.core.params.sections import Compute
from tasks.core.params.training import Taken, Trained
from tasks.data import columns
from tasks.kinds import model_of
from tasks.models.checkpoint import write_history
from tasks.models.layer_names import LayerReferences, require_layer_names


def train(
    params: Trained | Taken,
    compute: Compute,
    layer_references: LayerReferences | None,
    *,
    data: Path,
    model: Path,
    history: Path,
) -> None:
    """Build the architecture and train it on the base data set; or take a model from a file, with an empty history.

    `layer_references` are the settings that name layers, where only the model's file knows these; else it is None.

    Raises:
        ParamsError: the batch is larger than the training split, or a setting names a layer that the model lacks.
        DataError: the file of a model is refused, or is for other images or classes.
        StageError: the loss became NaN.
    """
    from tasks.models import architectures, saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.distributed import fit_distributed
    from tasks.models.learning_task import LearningTask
    from tasks.models.training_loop import History, seed

    base = columns.load(data)
    metadata = saving.metadata_of(base)
    checkpoint = Checkpoint("train", params, [data / columns.DATASET])
    rows: History = []
    if isinstance(params, Trained):
        seed(params.fit.seed)
        network = architectures.build(params, metadata)
        task = LearningTask(model_of(metadata.kind), metadata)
        rows = fit_distributed(network, base, task, params.fit, checkpoint, name="train", spread=params)
    else:
        network, metadata = architectures.take(params, base, metadata)
        if layer_references is not None:
            require_layer_names(network, layer_references)
    with replacing(model) as folder, replacing(history) as file:
        saving.save(network, metadata, folder)
        write_history(file, rows)
    checkpoint.remove()
