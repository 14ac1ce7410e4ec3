"""Raw files by URL, from any file system that fsspec knows (S3, Google Cloud, Azure, HTTP, SFTP).

The packages of the protocols raise types of their own, which need not be installed: they are known by their names.

Who we are and where the server is are environment, never parameters: `AWS_PROFILE`, `AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL` and the like, and `FSSPEC_S3='{"anon": true}'` for what fsspec itself takes.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.core.errors import DataError, ParamsError, TransientError, TrimlineError
from tasks.core.files import is_hidden, require_free_space
from tasks.core.params.data import UrlSource
from tasks.core.progress import Progress

NOT_LET_IN = {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "DefaultCredentialsError",
}  # fmt: skip
PASSING = {
    "ConnectionError", "TimeoutError", "HTTPClientError", "ClientConnectionError", "ClientPayloadError",
    "IncompleteReadError", "ResponseStreamingError", "gaierror",
}  # fmt: skip
PASSING_NUMBERS = {errno.EBUSY, errno.EIO, getattr(errno, "EREMOTEIO", errno.EIO)}  # what s3fs makes of 500 and 503
OURS = {errno.ENOSPC, errno.EDQUOT}  # of this machine's disk: the stage runner tells it
TOO_MANY_REQUESTS = 429


@contextmanager
def remote_errors_translated(url: str, missing: TrimlineError | None = None) -> Iterator[None]:
    """Tell the failures of calls to a file system as got, expected and to do.

    Args:
        url: the requested URL.
        missing: what to raise where there is nothing, if that is no fault of the URL.

    Raises:
        ParamsError: no credentials, or ones that the server refuses.
        DataError: there is nothing at the URL, or the server says that it makes no sense.
        TransientError: the server does not answer, or says that it is busy.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) in OURS:
            raise
        if isinstance(error, FileNotFoundError) and missing:
            raise missing from None
        raise _as_trimline_error(url, error) from error


def _as_trimline_error(url: str, error: Exception) -> TrimlineError:
    names = {base.__name__ for base in type(error).__mro__}
    status = getattr(error, "status", None)  # aiohttp's
    got = f"{url!r}: {type(error).__name__}: {error}"
    if names & NOT_LET_IN or status in {401, 403}:
        return ParamsError(
            got=got,
            expected="credentials in the environment with permission to list and read it",
            do="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (other protocols: their own variables)",
        )
    if names & PASSING or getattr(error, "errno", None) in PASSING_NUMBERS or _is_busy(status):
        return TransientError(
            got=got,
            do="run the command again; if it fails again, check AWS_ENDPOINT_URL, the host in the URL, and the network",
        )
    return DataError(
        got=got,
        do="correct ingest.<role>.url: the bucket or host, and the path in it",
    )


def _is_busy(status: int | None) -> bool:
    return status is not None and (status == TOO_MANY_REQUESTS or status >= 500)


FILES_PER_CALL = 64
FILES_AT_ONCE = 8  # of those, where the file system can: the memory is that of so many files' parts
# Three tries of botocore's own, with growing waits; at most 8 files x 2 parts x 4 MiB in memory.
S3_OPTIONS: dict[str, Any] = {
    "config_kwargs": {
        "connect_timeout": 5, "read_timeout": 15, "retries": {"mode": "standard", "total_max_attempts": 3},
    },
    "default_block_size": 4 << 20,
    "max_concurrency": 2,
}  # fmt: skip
OPTIONS = {"s3": S3_OPTIONS, "s3a": S3_OPTIONS}
ROUNDS = 2  # s3fs does all of botocore's tries again, five times if nobody says else: minutes for a silent server
# By any of these a file system tells one state of a file from another; each has some of them.
STAMPS = ("ETag", "etag", "LastModified", "last_modified", "Last-Modified", "mtime", "updated", "generation")

Listing = dict[str, tuple[Any, ...]]


def locate(source: UrlSource, scratch: Path) -> Path:
    """Fetch the file, or the files of the folder, into `scratch`; hidden ones are left out.

    Raises:
        ParamsError: fsspec does not know the protocol, its package is not installed, or the server lets us not in.
        DataError: there is nothing at the URL, or a name that cannot be a file here.
        TransientError: the server does not answer, or the files changed while they were read.
    """
    system, top = opened(source.url)
    is_folder, before = listing(source.url, system, top)
    require_usable(source.url, before)
    require_free_space(scratch, sum(size or 0 for size, *_ in before.values()))
    target = scratch / PurePosixPath(top.partition("?")[0]).name
    if is_folder:
        fetch(source.url, system, {name: (f"{top}/{name}", target / name) for name in before}, before)
    else:
        fetch(source.url, system, dict.fromkeys(before, (top, target)), before)
    if listing(source.url, system, top)[1] != before:
        raise changed(source.url, "the listing")
    return target


def opened(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it.

    Raises:
        ParamsError: see `locate`.
    """
    import fsspec

    protocol = url.partition("://")[0]
    try:
        system, top = fsspec.core.url_to_fs(url, skip_instance_cache=True, **OPTIONS.get(protocol, {}))
    except ImportError as error:
        raise ParamsError(
            got=f"{url!r}, and no package for {protocol}:// ({error})",
            do="add the package to pyproject.toml, then `make lock` and `make test`",
        ) from None
    except ValueError as error:
        raise ParamsError(
            got=f"{url!r}: {error}",
            expected="a protocol that fsspec knows, such as s3, gs, abfs, https, sftp",
            do="correct ingest.<role>.url",
        ) from None
    if hasattr(system, "retries"):
        system.retries = ROUNDS
    return system, top.rstrip("/")


def listing(url: str, system: Any, top: str) -> tuple[bool, Listing]:
    """Return whether `top` is a folder, and the size and the stamps of every file, by its name below `top`."""
    with remote_errors_translated(url):
        system.invalidate_cache()
        info = system.info(top)
        if info["type"] != "directory":
            return False, {PurePosixPath(top).name: stamps(info)}
        found = system.find(top, detail=True)
    below = {path.removeprefix(f"{top}/"): info for path, info in found.items() if path.startswith(f"{top}/")}
    return True, {name: stamps(info) for name, info in sorted(below.items()) if not is_hidden(PurePosixPath(name))}


def stamps(info: dict[str, Any]) -> tuple[Any, ...]:
    """Return the size of a file in bytes, None where nobody knows, and what changes when it is written again."""
    return info.get("size"), *(str(info[name]) for name in STAMPS if name in info)


def require_usable(url: str, found: Listing) -> None:
    """Refuse an empty folder, and names that would lead outside of the target or stand for a file and a folder.

    Raises:
        DataError: see above.
    """
    if not found:
        raise DataError(got=f"no file at {url!r}", do="correct ingest.<role>.url")
    for name in found:
        path = PurePosixPath(name)
        is_plain = path.as_posix() == name and not path.is_absolute() and ".." not in path.parts and "\\" not in name
        if not is_plain or any(parent.as_posix() in found for parent in path.parents):
            raise DataError(
                got=f"{name!r} at {url!r}",
                expected="names that are valid in one folder: no empty part, no '..', no file that is also a folder",
                do="rename the file at the source",
            )


def fetch(url: str, system: Any, paths: dict[str, tuple[str, Path]], expected: Listing) -> None:
    """Fetch some files at a time, each in ranges of bytes, to the path beside it.

    Raises:
        TransientError: a file has gone, or has another size than the listing had said.
    """
    progress, names = Progress(len(paths)), list(paths)
    for start in range(0, len(names), FILES_PER_CALL):
        part = names[start : start + FILES_PER_CALL]
        for name in part:
            paths[name][1].parent.mkdir(parents=True, exist_ok=True)
        at_once = {"batch_size": FILES_AT_ONCE} if system.async_impl else {}
        with remote_errors_translated(url, missing=changed(url, "a file that was listed")):
            system.get([paths[name][0] for name in part], [str(paths[name][1]) for name in part], **at_once)
        for name in part:
            size = expected[name][0]
            if size is not None and paths[name][1].stat().st_size != size:
                raise changed(url, name)
        progress.advance(f"ingest: {start + len(part)} of {len(names)} files fetched", by=len(part))


def changed(url: str, what: str) -> TransientError:
    """The failure of a source that somebody writes to while it is read."""
    return TransientError(
        got=f"{what} of {url!r} changed while it was read",
        do="run the command again when the upload is done",
    )
