"""Interface text in two languages: GNU `.mo` catalogues, as Debian's packages of translations have them.

Source of the format: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.records import Chunk
from tasks.data.text_records import chunk, files_of, refused

MAGIC = 0x950412DE
CONTEXT, PLURALS = "\x04", "\x00"
CHARSET = re.compile(r"charset=([\w.-]+)")
# The letter that opens an entry of a menu: "~File", "_File"; a name such as my_file stays as it is.
ACCELERATOR = re.compile(r"(?<!\w)[~_](?=\w)")

Pair = tuple[int, str, str]


def parts(folder: Path, params: Records) -> list[Path]:
    """Return what can be read by itself: the files.

    Raises:
        DataError: there is no file.
    """
    return files_of(folder, params, (".mo",))


def chunks(path: Path, params: Records) -> Iterator[Chunk]:
    """Yield the translated messages of a file; a message's number in it, from 1, stands for its line.

    Contexts and accelerators are left out, of plurals the first form is taken. In `columns` 0 is the message, 1 its
    translation.

    Raises:
        DataError: the file is no catalogue, or damaged.
    """
    pairs = _pairs(path)
    while block := list(islice(pairs, params.shard_rows)):
        numbers, *sides = ([pair[place] for pair in block] for place in range(3))
        texts = {role: [str(text) for text in sides[int(place)]] for role, place in params.columns.items()}
        yield chunk(path, texts, [int(number) for number in numbers], [])


def _pairs(path: Path) -> Iterator[Pair]:
    content = path.read_bytes()
    try:
        order = next(sign for sign in "<>" if struct.unpack_from(f"{sign}I", content)[0] == MAGIC)
        _, _, count, messages, translations = struct.unpack_from(f"{order}5I", content)
        tables = [struct.unpack_from(f"{order}{2 * count}I", content, start) for start in (messages, translations)]
        raw = [[_cut(content, *each) for each in zip(table[::2], table[1::2], strict=True)] for table in tables]
        header = next(
            (
                message_text.decode("ascii", "replace")
                for message, message_text in zip(*raw, strict=True)
                if not message
            ),
            "",
        )
        charset = CHARSET.search(header)
        encoding = charset.group(1) if charset else "utf-8"
        for number, pair in enumerate(zip(*raw, strict=True), start=1):
            if pair[0]:
                message, translation = (_plain(text.decode(encoding)) for text in pair)
                yield number, message, translation
    except (struct.error, StopIteration, UnicodeDecodeError, LookupError, ValueError) as error:
        reason = str(error) or "its first bytes are another format's"
        raise refused(path.name, reason, "a whole catalogue of GNU gettext (.mo)") from None


def _cut(content: bytes, length: int, start: int) -> bytes:
    if start + length > len(content):
        raise ValueError(f"a text that ends at byte {start + length:,} of {len(content):,}")
    return content[start : start + length]


def _plain(text: str) -> str:
    return ACCELERATOR.sub("", text.rpartition(CONTEXT)[2].partition(PLURALS)[0])
