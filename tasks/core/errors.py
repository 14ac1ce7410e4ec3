"""Errors that a stage may raise, each with its exit status.

TrimlineError
├── StageError       1   the stage failed
├── DataError       65   bad input data
├── TransientError  75   temporary failure, run it again
└── ParamsError     78   bad params.yaml, or environment
"""

from functools import partial
from typing import Any, ClassVar


class TrimlineError(Exception):
    """A failure with a message of two or three lines: what was found, what was expected, how to fix it.

    Attributes:
        got: what was found.
        expected: what is allowed; None where it would only deny what was found.
        do: how to fix it.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, *, got: str, do: str, expected: str | None = None) -> None:
        self.got, self.expected, self.do = got, expected, do
        middle = "" if expected is None else f"\nexpected: {expected}"
        super().__init__(f"got:      {got}{middle}\nto do:    {do}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Make the error picklable: by default, an exception is rebuilt from its text alone."""
        return partial(type(self), got=self.got, expected=self.expected, do=self.do), ()


class StageError(TrimlineError):
    """The stage cannot go on, or its result is not acceptable."""

    exit_status = 1


class DataError(TrimlineError):
    """The input data are invalid (EX_DATAERR)."""

    exit_status = 65


class TransientError(TrimlineError):
    """A temporary failure, such as the same stage running in another process (EX_TEMPFAIL)."""

    exit_status = 75


class ParamsError(TrimlineError):
    """`params.yaml` or the environment is invalid (EX_CONFIG)."""

    exit_status = 78
