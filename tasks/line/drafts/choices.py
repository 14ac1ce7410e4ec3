"""What the person who starts a line decides: by an option, at a question on the terminal, or by the default."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.core.errors import DataError, ParamsError

MAX_SHOWN = 4  # readings in an error
NONE = "none"  # what an option says for "leave it"


@dataclass(frozen=True)
class Reading:
    """One way to read the data.

    Attributes:
        value: what the option would say.
        meaning: what follows, for people.
    """

    value: str
    meaning: str


@dataclass(frozen=True)
class Choices:
    """The options that were given, and whether there is somebody to ask.

    Attributes:
        options: by name, without the dashes; None where one was not given.
        interactive: whether questions can be asked.
    """

    options: Mapping[str, str | None]
    interactive: bool = False

    def given(self, option: str) -> str | None:
        """Return what an option says, None where it was not given."""
        return self.options.get(option)

    def choose(self, option: str, question: str, readings: list[Reading], *, sure: bool) -> str:
        """Return the value that counts: that of the option, of the answer, or the first reading where it is sure.

        Args:
            option: its name, without the dashes.
            question: for a person.
            readings: the likely one first.
            sure: whether the first may be taken where nobody is asked.

        Raises:
            DataError: the data fit two readings, and nobody says which.
        """
        if (value := self.given(option)) is not None:
            return value
        if self.interactive:
            return _asked(question, readings)
        if sure or len(readings) == 1:
            return readings[0].value
        shown = readings[:MAX_SHOWN]
        ways = {2: "two", 3: "three"}.get(len(readings), str(len(readings)))
        raise DataError(
            got=f"data that can be read in {ways} ways: {', or '.join(reading.meaning for reading in shown)}",
            expected="to know which",
            do=" or ".join(f"--{option} {_quoted(reading.value)}" for reading in shown),
        )

    def text(self, option: str, question: str, default: str) -> str:
        """Return a free text."""
        if (value := self.given(option)) is not None:
            return value
        return (_input(f"{question}\n  [{default}] ") or default) if self.interactive else default

    def one_of(self, option: str, allowed: list[str]) -> str | None:
        """Return what an option says.

        Raises:
            ParamsError: it is none of what is allowed.
        """
        value = self.given(option)
        if value is not None and value not in allowed:
            raise ParamsError(got=f"--{option} {value}", expected=f"one of {', '.join(allowed)}", do="correct it")
        return value


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def _asked(question: str, readings: list[Reading]) -> str:
    values = [reading.value for reading in readings]
    lines = [f"  {number}  {reading.value}: {reading.meaning}" for number, reading in enumerate(readings, start=1)]
    while True:
        answer = _input("\n".join([question, *lines, f"  [{values[0]}] "])) or values[0]
        if answer.isdigit() and 1 <= int(answer) <= len(values) and answer not in values:
            return values[int(answer) - 1]
        if answer in values or len(values) == 1:
            return answer
        sys.stdout.write(f"{answer!r} is none of {', '.join(values)}\n")


def _input(prompt: str) -> str:
    sys.stdout.write(prompt)
    sys.stdout.flush()
    return sys.stdin.readline().strip()
