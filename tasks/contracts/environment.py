"""The conditions under which equal runs give equal bytes: package versions, threads, one trainer at a time."""

import ctypes
import fcntl
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tasks.contracts.errors import ParamsError, TransientError

LOCK_FILE = Path("requirements.lock")
STATE_FOLDER = Path(".trimline")
# The packages that can change the bytes of an artifact; the rest of the lock (servers, linters) cannot.
COMPUTING_PACKAGES = (
    "ai-edge-litert", "h5py", "mlxtend", "numpy", "pillow", "scikit-learn", "scipy",
    "tensorflow", "tensorflow-model-optimization", "tf-keras",
)  # fmt: skip
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
PR_SET_PDEATHSIG = 1


def locked_versions(lock: Path = LOCK_FILE) -> dict[str, str]:
    """Read the versions that `requirements.lock` gives the computing packages on this interpreter."""
    lines = (line.split("\\")[0].strip() for line in lock.read_text().splitlines() if line[:1].isalpha())
    pinned = (Requirement(line) for line in lines)
    valid = (pin for pin in pinned if pin.marker is None or pin.marker.evaluate())
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in valid if pin.name in COMPUTING_PACKAGES}


def require_locked_versions(lock: Path = LOCK_FILE) -> None:
    """Refuse an environment whose artifacts would differ from those of the lock.

    Raises:
        ParamsError: a computing package is missing, or installed in another version.
    """
    expected = locked_versions(lock)
    installed = {name: _installed_version(name) for name in expected}
    if wrong := [name for name in expected if installed[name] != expected[name]]:
        raise ParamsError(
            got=", ".join(f"{name} {installed[name] or 'missing'}" for name in wrong),
            expected=f"the versions of {lock}: " + ", ".join(f"{name} {expected[name]}" for name in wrong),
            do="`make test` or `make run` installs them into .venv; activate it with `source .venv/bin/activate`",
        )


def _installed_version(name: str) -> str | None:
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
        name: version for name in COMPUTING_PACKAGES if (version := _installed_version(name))
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
                expected="one run of a stage at a time",
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
