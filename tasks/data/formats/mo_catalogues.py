"""Interface text in two languages: GNU `.mo` catalogues, as Debian's packages of translations have them.

Source of the format: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
"""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.records import Chunk
from tasks.data.text_lines import refused
from tasks.data.text_records import HEADER, chunk, files_of

UNIT = "messages"
MAGIC = 0x950412DE
CONTEXT, PLURALS = "\x04", "\x00"
CHARSET = re.compile(r"charset=([\w.-]+)")
# The letter that opens an entry of a menu: "~File", "_File"; a name such as my_file stays as it is.
ACCELERATOR = re.compile(r"(?<!\w)[~_](?=\w)")

Pair = tuple[int, str, str]


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is none.
    """
    return files_of(folder, params, (".mo",))


parts = files  # each can be read by itself


def units(path: Path) -> int:
    """Count the messages that a catalogue says it has.

    Raises:
        DataError: the file is no catalogue.
    """
    content = path.read_bytes()
    with _whole(path):
        return int(struct.unpack_from(f"{_order(content)}5I", content)[2])


def chunks(path: Path, params: Records) -> Iterator[Chunk]:
    """Yield the translated messages of a file; a message's number in it, from 1, stands for its line.

    Contexts and accelerators are left out, of plurals the first form is taken. In `columns` 0 is the message, 1 its
    translation. The message without text is the catalogue's header.

    Raises:
        DataError: the file is no catalogue, or damaged.
    """
    with _whole(path):
        found = _pairs(path.read_bytes())
    pairs, skipped = iter(found), Counter({HEADER: units(path) - len(found)})
    while block := list(islice(pairs, params.shard_rows)):
        texts = {role: [str(pair[int(place) + 1]) for pair in block] for role, place in params.columns.items()}
        yield chunk(path, texts, [pair[0] for pair in block], [], skipped)
        skipped = Counter()


def _pairs(content: bytes) -> list[Pair]:
    order = _order(content)
    _, _, count, messages, translations = struct.unpack_from(f"{order}5I", content)
    tables = [struct.unpack_from(f"{order}{2 * count}I", content, start) for start in (messages, translations)]
    raw = [[_cut(content, *each) for each in zip(table[::2], table[1::2], strict=True)] for table in tables]
    pairs = list(zip(*raw, strict=True))
    header = next((translation.decode("ascii", "replace") for message, translation in pairs if not message), "")
    charset = CHARSET.search(header)
    encoding = charset.group(1) if charset else "utf-8"
    return [
        (number, _plain(message.decode(encoding)), _plain(translation.decode(encoding)))
        for number, (message, translation) in enumerate(pairs, start=1)
        if message
    ]


def _order(content: bytes) -> str:
    for sign in "<>":
        if struct.unpack_from(f"{sign}I", content)[0] == MAGIC:
            return sign
    raise ValueError("its first bytes are another format's")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except (struct.error, UnicodeDecodeError, LookupError, ValueError) as error:
        raise refused(path.name, str(error), "a whole catalogue of GNU gettext (.mo)") from None


def _cut(content: bytes, length: int, start: int) -> bytes:
    if start + length > len(content):
        raise ValueError(f"a text that ends at byte {start + length:,} of {len(content):,}")
    return content[start : start + length]


def _plain(text: str) -> str:
    return ACCELERATOR.sub("", text.rpartition(CONTEXT)[2].partition(PLURALS)[0])
