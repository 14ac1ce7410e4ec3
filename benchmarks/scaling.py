"""How `preprocess` grows: speed, one process beside two, ten times the data, and the memory of all its processes.

`python -m benchmarks.scaling` takes a minute and half a gigabyte of disk; with `--large` the larger of two sizes is 5
GB of raw data, which takes some ten minutes and 25 GB of disk. The data are made from seeds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.generated import DATA, made
from tasks.core import processes
from tasks.core.files import read_json, remove, write_json
from tasks.core.progress import say

SECONDS_BETWEEN_LOOKS = 0.02


@dataclass(frozen=True)
class Measured:
    """A run of `preprocess` in a process of its own, whose imports are left out of the time.

    Attributes:
        seconds: of wall clock; on a machine that is shared they say little.
        processor_seconds: of all its processes together.
        peak_bytes: resident memory of all of them, what they share counted in each.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: float


def main(told: Callable[[str], None], bytes_of_large: int = 400_000_000, rounds: int = 3) -> None:
    """Measure both kinds of data at a tenth of a size and at the size."""
    with TemporaryDirectory(prefix="trimline-bench-") as name:
        for title, data in DATA.items():
            small, large = (int(bytes_of_large / data.row_bytes / part) for part in (10, 1))
            folder = Path(name) / data.kind
            for rows in (small, large):
                made(folder / str(rows), data, rows)
            found: dict[tuple[int, int], list[Measured]] = {}
            for _ in range(rounds):
                for rows in (small, large, small):  # before and after: the processors' speed changes within minutes
                    for count in (1, 2):
                        found.setdefault((rows, count), []).append(measured(title, folder / str(rows), count))
            for line in lines(title, small, large, found):
                told(line)
            remove(folder)


def lines(title: str, small: int, large: int, found: dict[tuple[int, int], list[Measured]]) -> Iterator[str]:
    """Yield what is told of the measurements, by rows and processes, medians of the runs."""
    middle = {
        asked: Measured(*map(statistics.median, zip(*map(astuple, runs), strict=True))) for asked, runs in found.items()
    }
    for (rows, count), run in middle.items():
        yield (
            f"{title}: {rows:11,} rows, {count} processes: {run.seconds:7.2f} s, {rows / run.seconds:9,.0f} a second, "
            f"{run.processor_seconds:7.2f} s of processors, peak {run.peak_bytes / 2**20:5,.0f} MiB"
        )
    for count in (1, 2):
        time_, memory = (
            getattr(middle[large, count], each) / getattr(middle[small, count], each)
            for each in ("seconds", "peak_bytes")
        )
        grown = f"{large / small:.1f} times the rows: {time_:.2f} times the time, {memory:.2f} times the memory"
        yield f"{title}, {count} processes, {grown}"
    for rows in (small, large):
        efficiency = middle[rows, 1].seconds / middle[rows, 2].seconds / 2
        yield f"{title}: {rows:11,} rows: parallel efficiency of 2 processes {efficiency:.0%}"


def measured(title: str, folder: Path, count: int) -> Measured:
    """Preprocess in a process of its own with so many workers, and look at the memory of all of them."""
    command = [sys.executable, "-m", "benchmarks.scaling", "--run", title, "--folder", str(folder)]
    peak = 0
    with subprocess.Popen(command, env=os.environ | {processes.WORKERS: str(count)}) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, _tree(process.pid))))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(f"{title}: failed")
    remove(folder / "ready")
    seconds, processor_seconds = read_json(folder / "seconds.json")
    return Measured(seconds, processor_seconds, peak)


def run(title: str, folder: Path) -> None:
    """Preprocess once and write down the seconds."""
    from tasks.preprocess import preprocess

    data, started, used = DATA[title], time.perf_counter(), sum(os.times()[:4])
    preprocess(data.params, data.kind, raw=folder / "raw", schema=folder / "schema.json", ready=folder / "ready")
    write_json(folder / "seconds.json", [time.perf_counter() - started, sum(os.times()[:4]) - used])


def _tree(process: int) -> list[int]:
    """Return a process and all that it started, and that these did."""
    found = [process]
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [each for child in path.read_text().split() for each in _tree(int(child))]
        except OSError:
            continue
    return found


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--large", action="store_true", help="up to 5 GB of raw data, once")
    parser.add_argument("--run", choices=DATA, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.folder)
    elif options.large:
        main(say, 5_200_000_000, rounds=1)
    else:
        main(say)
