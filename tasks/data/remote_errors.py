"""What the servers behind a URL answer with, told as ours.

The packages of the protocols raise types of their own, which need not be installed: they are known by their names.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.contracts.errors import DataError, ParamsError, TransientError, TrimlineError

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
def told(url: str, missing: TrimlineError | None = None) -> Iterator[None]:
    """Tell the failures of calls to a file system as got, expected and to do.

    Args:
        url: what was asked for.
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
        raise _ours(url, error) from error


def _ours(url: str, error: Exception) -> TrimlineError:
    names = {base.__name__ for base in type(error).__mro__}
    status = getattr(error, "status", None)  # aiohttp's
    got = f"{url!r}: {type(error).__name__}: {error}"
    if names & NOT_LET_IN or status in {401, 403}:
        return ParamsError(
            got=got,
            expected="credentials in the environment that may list and read it",
            do="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (other protocols: their own variables)",
        )
    if names & PASSING or getattr(error, "errno", None) in PASSING_NUMBERS or _is_busy(status):
        return TransientError(
            got=got,
            expected="a server that answers",
            do="run the command again; if it stays so, look at AWS_ENDPOINT_URL, the host in the URL, and the network",
        )
    return DataError(
        got=got,
        expected="a file or a folder that can be read",
        do="correct ingest.<role>.url: the bucket or host, and the path in it",
    )


def _is_busy(status: int | None) -> bool:
    return status is not None and (status == TOO_MANY_REQUESTS or status >= 500)
