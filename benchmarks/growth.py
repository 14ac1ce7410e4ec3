"""What grows with models and with files: DVC's graph, its digests, and S3; by hand: `python -m benchmarks.growth`.

Of the graph, seconds of the processor: DVC waits for nothing there, and other work on the machine does not count.
The figures of docs/how-to/past-one-machine.md. The S3 server is moto, in Python and on this machine: a floor of what a
real one gives for large objects, and without a network's latency for small ones.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tasks.core.params.data import UrlSource
from tasks.core.progress import say
from tasks.ingest import ingest
from tests import s3

RECIPES = (5, 20, 60)
STAGES_PER_RECIPE = 4
LARGE_BYTES, SMALL_FILES, SMALL_BYTES = 1 << 30, 10_000, 5_000
S3_BYTES, S3_FILES = 256 << 20, 1_000
GRAPH = """stages:
  first: {{cmd: echo 1 > first, outs: [first]}}
  compress: {{foreach: {names}, do: {{cmd: "cp first c_${{item}}", deps: [first], outs: ["c_${{item}}"]}}}}
  export: {{foreach: {names}, do: {{cmd: "cp c_${{item}} x_${{item}}", deps: ["c_${{item}}"], outs: ["x_${{item}}"]}}}}
  evaluate: {{foreach: {names}, do: {{cmd: "cp first e_${{item}}", deps: ["x_${{item}}"], outs: ["e_${{item}}"]}}}}
  profile: {{foreach: {names}, do: {{cmd: "cp first p_${{item}}", deps: ["x_${{item}}"], outs: ["p_${{item}}"]}}}}
"""


def main() -> None:
    """Print seconds and rates."""
    for recipes in RECIPES:
        with repository() as name:
            graph(Path(name), recipes)
    with repository() as name:
        digests(Path(name))
    with s3.server() as environment, repository() as name:
        os.environ |= environment
        bucket(Path(name), environment)


def repository() -> "TemporaryDirectory[str]":
    """A folder that git and DVC keep."""
    folder = TemporaryDirectory(prefix="trimline-bench-")
    subprocess.run(["git", "init", "--quiet"], cwd=folder.name, check=True)
    dvc(Path(folder.name), "init", "--quiet")
    return folder


def dvc(root: Path, *arguments: str) -> float:
    """Seconds of a DVC command."""
    return seconds(lambda: _dvc(root, *arguments))


def processor(root: Path, *arguments: str) -> float:
    """Seconds of the processor that a DVC command takes, its children counted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _dvc(root, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True, capture_output=True)


def seconds(work: Callable[[], object]) -> float:
    """How long it took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def graph(root: Path, recipes: int) -> None:
    """A line with nothing to do, of as many recipes; the flow asks for each stage by itself."""
    (root / "dvc.yaml").write_text(GRAPH.format(names=[f"r{number}" for number in range(recipes)]))
    first = processor(root, "repro", "--quiet")
    shown = statistics.median(processor(root, "dag", "--dot") for _ in range(3))
    nothing = statistics.median(processor(root, "repro", "--quiet") for _ in range(3))
    single = statistics.median(processor(root, "repro", "--quiet", "--single-item", "evaluate@r3") for _ in range(3))
    stages = 1 + STAGES_PER_RECIPE * recipes
    say(f"{stages:4} stages: dag {shown:5.2f} s, nothing to do {nothing:5.2f} s, one stage alone {single:5.2f} s,")
    say(f"             all by the flow {shown + stages * single:7.0f} s, all run by dvc repro {first:5.0f} s")


def digests(root: Path) -> None:
    """What DVC takes to learn what is in a large file and in many small ones, the first time and again."""
    block = np.random.default_rng(0).bytes(LARGE_BYTES // 16)
    with (root / "large").open("wb") as file:
        for number in range(16):
            file.write(number.to_bytes(8, "little") + block[8:])
    (root / "small").mkdir()
    for number in range(SMALL_FILES):
        (root / "small" / f"{number}").write_bytes(number.to_bytes(8, "little") + block[8:SMALL_BYTES])
    large, small = dvc(root, "add", "large"), dvc(root, "add", "small")
    again = dvc(root, "status")
    say(f"dvc add: {LARGE_BYTES / large / 1e6:6.0f} MB/s of one file, {SMALL_FILES / small:6.0f} files/s of small ones")
    say(f"dvc status afterwards: {again:5.1f} s")


def bucket(root: Path, environment: dict[str, str]) -> None:
    """Ingest from S3, and DVC's push and pull."""
    name, block = f"bench-{uuid.uuid4()}", np.random.default_rng(0).bytes(S3_BYTES)
    client = s3.fill(environment, name, {"large": block})
    for number in range(S3_FILES):
        client.put_object(Bucket=name, Key=f"small/{number}", Body=number.to_bytes(8, "little") + block[8:SMALL_BYTES])
    (root / "large").write_bytes(block)
    (root / "small").mkdir()
    for what in ("large", "small"):
        source = UrlSource(source="url", url=f"s3://{name}/{what}", tracked=f"s3://{name}/{what}")
        before = time.process_time()
        took = seconds(lambda source=source, what=what: ingest(source, raw=root / f"raw_{what}"))  # type: ignore[misc]
        own = time.process_time() - before  # the server is another process
        say(f"ingest from S3, {what}: {rate(what, took)}; of the processor's own seconds {rate(what, own)}")
    subprocess.run(["cp", "-r", "raw_small/files/.", "small"], cwd=root, check=True)
    dvc(root, "remote", "add", "--default", "store", f"s3://{name}/artifacts")
    for what in ("large", "small"):
        dvc(root, "add", what)
        say(f"dvc push, {what}: {rate(what, dvc(root, 'push', f'{what}.dvc'))}")
        subprocess.run(["rm", "-r", what, ".dvc/cache"], cwd=root, check=True)
        say(f"dvc pull, {what}: {rate(what, dvc(root, 'pull', f'{what}.dvc'))}")


def rate(what: str, took: float) -> str:
    """Of the one large file, or of the many small ones."""
    return f"{S3_BYTES / took / 1e6:6.0f} MB/s" if what == "large" else f"{S3_FILES / took:6.0f} files/s"


if __name__ == "__main__":
    main()
