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
    """A failure that the user is told about in three lines: what was got, what was expected, what to do."""

    exit_status: ClassVar[int] = 1

    def __init__(self, *, got: str, expected: str, do: str) -> None:
        self.got, self.expected, self.do = got, expected, do
        super().__init__(f"got:      {got}\nexpected: {expected}\nto do:    {do}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come whole out of another process: by itself, an exception is made anew from its text alone."""
        return partial(type(self), got=self.got, expected=self.expected, do=self.do), ()


class StageError(TrimlineError):
    """The stage worked as written and its result is not acceptable, or it cannot go on."""

    exit_status = 1


class DataError(TrimlineError):
    """The input data are not what they should be (EX_DATAERR)."""

    exit_status = 65


class TransientError(TrimlineError):
    """Something that passes by itself, such as the same stage running elsewhere (EX_TEMPFAIL)."""

    exit_status = 75


class ParamsError(TrimlineError):
    """`params.yaml` or the installed packages are not what the stage may run with (EX_CONFIG)."""

    exit_status = 78
