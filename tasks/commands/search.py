"""Searches for the smallest recipe within bounds: `trimline search`."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.commands import parser_of
from tasks.commands.set import put_recipe
from tasks.commands.stage import guarded
from tasks.compression.search.space import Sensitivity
from tasks.compression.search.study import CHOOSING, CONFIRMING, STRIDE, Confirmation, Found, confirmed, front
from tasks.compression.search.study import search as run_study
from tasks.compression.search.trial import Journal, Outcome, Task, Workers, require_latency
from tasks.core import environment
from tasks.core.errors import DataError, ParamsError, StageError
from tasks.core.files import replacing, sha256, sha256_tree, write_json
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Search
from tasks.core.progress import say
from tasks.line import params_file
from tasks.line.params import Params
from tasks.reporting.results import pareto_page, pareto_picture

TUNED, DATA, REPORTS = Path("models/tuned"), Path("data/ready/target"), Path("reports/search")
NAME = "searched"
DESCRIPTION = """\
Search for the smallest recipe within the bounds of `search` in params.yaml, then write it there as `searched`. The
search uses the validation rows of the target, never its test rows: one half chooses, the other confirms. Run it after
`dvc repro fine_tune`, read reports/search/pareto.md, then commit params.yaml; the next run takes the recipe through the
normal stages."""
FLOAT32, INT8 = (
    Recipe.model_validate({"steps": [], "precision": precision, "float_layers": [], "finish": []})
    for precision in ("float32", "int8")
)


def search(line: Params) -> None:
    """Search, write the report, and put the chosen recipe into `params.yaml`.

    Raises:
        ParamsError: params.yaml has no search.
        DataError: the float parent is not there.
        StageError: no trial keeps all bounds; params.yaml stays as it is.
    """
    if line.search is None:
        raise ParamsError(
            got="search: null",
            expected="bounds and a number of trials, for a line of images",
            do="write `search: {}` in params.yaml, or bounds of your own; `trimline params search` shows the defaults",
        )
    weights = TUNED / "model.h5"
    if not weights.exists():
        raise DataError(
            got=f"no {weights}, the float model that the search starts from", do="run `dvc repro fine_tune` first"
        )
    environment.set_threads(line.compute.threads, line.compute.onednn)
    settings = line.model_dump(mode="json", include={"search", "export", "evaluate", "compute"})
    code = {name: digest for name, digest in sha256_tree(Path(__file__).parents[1]).items() if name.endswith(".py")}
    journal = Journal([settings, sha256(weights), sha256(DATA / "dataset.json"), code])
    with Workers(line.search.workers, journal) as workers:
        float32 = workers.required(_task(line, "float32", FLOAT32, None))
        int8_task = _task(line, "int8", INT8, float32)
        int8 = workers.required(int8_task)
        layers = workers.sensitivities(int8_task)
        if line.search.max_latency_us:
            require_latency(workers.latency_us(int8_task, line.profile), line.search.max_latency_us)
        found = run_study(
            line.search,
            layers,
            lambda recipes: workers.measure([_task(line, name, recipe, float32) for name, recipe in recipes.items()]),
        )
    outcomes = {one.name: one.outcome for one in found}
    tested = confirmed(outcomes, float32.right, line.search, line.evaluate.confidence)
    passing = [one for one in found if one.name in tested and tested[one.name].kept]
    chosen = min(passing, key=lambda one: (one.outcome.zip_bytes, one.name), default=None)
    _write(line, float32, int8, layers, found, tested, chosen)
    if chosen is None:
        raise _none_fits(found, tested, line.search)
    put_recipe(params_file.PARAMS_FILE, NAME, chosen.recipe.model_dump(mode="json"))
    say(f"search: {chosen.name} is compress.{NAME} of params.yaml now; see {REPORTS / 'pareto.md'}")


def _task(line: Params, name: str, recipe: Recipe, float32: Outcome | None) -> Task:
    reference = float32.right if float32 else None
    return Task(name, recipe, TUNED, DATA, line.export, line.evaluate.confidence, reference, stride=STRIDE)


def _none_fits(found: list[Found], tested: dict[str, Confirmation], bounds: Search) -> StageError:
    upper = {name: one.accuracy_drop_interval[1] for name, one in tested.items()}
    rows = [f"{name}: accuracy drop up to {drop:.4f} > {bounds.max_accuracy_drop:g}" for name, drop in upper.items()]
    smallest = min((one.outcome.zip_bytes for one in found), default=0)
    if found and bounds.max_zip_bytes and smallest > bounds.max_zip_bytes:
        rows = [f"the smallest of {len(found)} has {smallest:,} zip bytes > {bounds.max_zip_bytes:,}"]
    elif found and not rows:
        least = min(one.outcome.accuracy_drop for one in found)
        rows = [f"the least drop of {len(found)} is {least:.4f} on the rows that choose"]
    return StageError(
        got="no trial inside the bounds\n  " + ("\n  ".join(rows) or "every one failed"),
        do="raise the bounds or the number of trials; with few validation rows the interval alone is wide",
    )


def _write(
    line: Params,
    float32: Outcome,
    int8: Outcome,
    layers: list[Sensitivity],
    found: list[Found],
    tested: dict[str, Confirmation],
    chosen: Found | None,
) -> None:
    best = front({one.name: one.outcome for one in found})
    document: dict[str, Any] = {
        "rows": {"choosing": len(float32.right[CHOOSING]), "confirming": len(float32.right[CONFIRMING])},
        "confidence": line.evaluate.confidence,
        "float32": float32.summary(),
        "int8": int8.summary(),
        "trials": [
            {
                "name": one.name, "technique": one.technique, **one.outcome.summary(), "front": one.name in best,
                "confirmed": asdict(tested[one.name]) if one.name in tested else None, "chosen": one is chosen,
                "recipe": one.recipe.model_dump(mode="json"),
            }
            for one in found
        ],
        "layers": [{**asdict(layer), "bytes_per_point": layer.bytes_per_point()} for layer in layers],
    }  # fmt: skip
    with replacing(REPORTS) as folder:
        write_json(folder / "pareto.json", document)
        (folder / "pareto.md").write_text(pareto_page(document), encoding="utf-8")
        pareto_picture(document, folder / "pareto.svg")


def _run() -> None:
    line = params_file.load()
    environment.require_locked_versions()
    with environment.only_one("search"):
        search(line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline search` and return its exit status."""
    parser_of("search", DESCRIPTION, "trimline search").parse_args(arguments)
    environment.die_with_parent()
    return guarded(_run, "search")


if __name__ == "__main__":
    sys.exit(main())
