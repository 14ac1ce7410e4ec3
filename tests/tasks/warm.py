"""A process that has TensorFlow imported and forks itself for each stage: a stage's fresh state, without the import."""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NoReturn

from tasks.core import environment
from tests.graph_rules import ROOT

THREADS, ONEDNN = 1, True  # of params.yaml
PRELOADED = ("tensorflow", "tf_keras", "tensorflow_model_optimization")
LONGEST_STAGE_S = 300


@cache
def _process() -> subprocess.Popen[str]:
    """It ends when its input does: with the process of the tests."""
    words = [sys.executable, "-m", "tests.tasks.warm"]
    return subprocess.Popen(words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def is_running() -> bool:
    """Whether a stage was run here before."""
    return _process.cache_info().currsize > 0


def run(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run what `python -m` would, in `folder` and with the code that lies there, to its end."""
    process = _process()
    assert process.stdin and process.stdout
    with NamedTemporaryFile("r+") as said:
        process.stdin.write(json.dumps([str(folder), words, said.name]) + "\n")
        process.stdin.flush()
        return subprocess.CompletedProcess(words, int(process.stdout.readline()), Path(said.name).read_text())


def serve() -> None:
    """Fork for each line of the input, and answer with the exit status."""
    environment.set_threads(THREADS, ONEDNN)
    for name in PRELOADED:
        import_module(name)
    gc.freeze()  # a child's collections leave alone what all share
    for asked in sys.stdin:
        child = os.fork()
        if child == 0:
            become(*json.loads(asked))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the answer


def become(folder: str, words: list[str], said: str) -> NoReturn:
    """Be the process that was asked for."""
    signal.alarm(LONGEST_STAGE_S)
    os.chdir(folder)
    for number, name in ((0, os.devnull), (1, said), (2, said)):
        os.dup2(os.open(name, os.O_RDWR | os.O_APPEND), number)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tasks"]:
        del sys.modules[name]
    sys.path[0], sys.argv = folder, words
    import_module("tasks.core.environment").set_threads = require_threads  # type: ignore[attr-defined]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    sys.exit(0)


def require_threads(threads: int, onednn: bool) -> None:
    """In place of setting what TensorFlow was imported with."""
    if (threads, onednn) != (THREADS, ONEDNN):
        raise RuntimeError("TensorFlow was imported for another number of threads: run this stage as a process")


if __name__ == "__main__":
    serve()
