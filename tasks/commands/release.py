"""Takes a candidate at one's own risk: `trimline release --accept int8 --reason "the best there is for now"`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.commands import parser_of
from tasks.commands.set import put_values
from tasks.commands.stage import guarded
from tasks.core.errors import ParamsError
from tasks.core.files import read_json, sha256
from tasks.core.params.gates import Accept
from tasks.core.progress import say
from tasks.line import params_file
from tasks.tflite.bundle import tflite_file

MODELS, VERDICT = Path("models"), Path("reports/verdict.json")
DESCRIPTION = """\
Take a candidate at your own risk, although it fails a gate. This writes release.accept into params.yaml, with your
reason and the digest of the candidate's file; the next run releases that file, and says at whose risk in its manifest,
model card and page. A run that makes another file of the recipe does not release it. --withdraw takes it back."""


def accept(recipe: str, reason: str, path: Path = params_file.PARAMS_FILE) -> None:
    """Write `release.accept` for the file of a recipe as it lies here.

    Raises:
        ParamsError: there is no such recipe, the reason is empty, or the recipe's file is not there.
    """
    line = params_file.load(path)
    if recipe not in line.compress:
        raise ParamsError(
            got=f"--accept {recipe}", expected=f"one of {', '.join(line.compress)}, the recipes of {path}",
            do="correct the name",
        )  # fmt: skip
    if not reason.strip():
        raise ParamsError(got="an empty reason", do="say with --reason why the file may be used: others will read it")
    file = tflite_file(MODELS, recipe)
    if not file.is_file():
        raise ParamsError(
            got=f"no {file}: a file can be accepted once it was made and measured",
            do=f"`trimline run` makes it, or `dvc pull evaluate@{recipe}` brings it; then accept it",
        )
    taken = Accept(recipe=recipe, reason=" ".join(reason.split()), sha256=sha256(file))
    put_values(path, {"release.accept": taken.model_dump()})
    say("\n".join([f"{path}: accepts {recipe}, SHA-256 {taken.sha256[:12]}", *_broken(recipe), NEXT]))


def withdraw(path: Path = params_file.PARAMS_FILE) -> None:
    """Accept no candidate any more."""
    put_values(path, {"release.accept": None})
    say(f"{path}: accepts no candidate that fails a gate\n{NEXT}")


NEXT = "Next: `trimline run` decides again; it trains nothing"


def _broken(recipe: str) -> list[str]:
    """Say which gates the last verdict found broken."""
    candidates = read_json(VERDICT)["candidates"] if VERDICT.is_file() else []
    gates = [gate for one in candidates if one["recipe"] == recipe for gate in one["gates"] if not gate["passed"]]
    return [f"  in spite of {gate['reason']}" for gate in gates]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline release` and return its exit status."""
    parser = parser_of("release", DESCRIPTION, 'trimline release --accept int8 --reason "good enough for the trial"')
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--accept", metavar="RECIPE", help="the candidate; `reports/results.md` lists them")
    choice.add_argument("--withdraw", action="store_true", help="accept no candidate any more")
    parser.add_argument("--reason", metavar="TEXT", help="why; it is published with the model")
    options = parser.parse_args(arguments)
    if options.accept and not options.reason:
        parser.error("--accept needs --reason TEXT")
    if options.withdraw:
        return guarded(withdraw, "release")
    return guarded(lambda: accept(options.accept, options.reason), "release")


if __name__ == "__main__":
    sys.exit(main())
