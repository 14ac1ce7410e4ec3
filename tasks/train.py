"""Trains the base model: `dvc repro train`. The default line takes about 20 s and reaches .97 in validation."""

from importlib import import_module
from pathlib import Path

from tasks.contracts import stage
from tasks.contracts.files import replacing
from tasks.contracts.params import Compute, Train
from tasks.data import columns
from tasks.reporting.history import write_history


def train(params: Train, compute: Compute, *, data: Path, model: Path, history: Path) -> None:
    """Build the architecture and train it on the base data set.

    Raises:
        ParamsError: the batch is larger than the training split.
        StageError: the loss became NaN.
    """
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.fitting import fit
    from tasks.models.seeding import seed

    base = columns.load(data)
    facts = saving.facts_of(base)
    checkpoint = Checkpoint("train", params, [data / columns.DATASET])
    seed(params.fit.seed)
    architecture = import_module(f"tasks.models.architectures.{params.architecture}")
    network = architecture.build(params.filters, tuple(facts.image_shape), len(facts.classes))
    rows = fit(network, base, facts, params.fit, checkpoint, name="train")
    with replacing(model) as folder, replacing(history) as file:
        saving.save(network, facts, folder)
        write_history(file, rows)
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(train)
