"""The draft of a line for rows of tables: texts, numbers, ratings, pairs of sentences."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.params import Settings
from tasks.data.inspection.column_profile import Column
from tasks.data.inspection.files import Files
from tasks.data.inspection.names import ENGLISH, TEXTS, TITLES, words_of
from tasks.data.inspection.tables import Table
from tasks.line.drafts import effort
from tasks.line.drafts.choices import Choices, Reading
from tasks.line.drafts.draft import Draft, Key
from tasks.line.drafts.importing import Imported, import_table
from tasks.line.drafts.rating_roles import rating_roles
from tasks.line.drafts.roles import (
    NamedRoles,
    TableRoles,
    is_text,
    pair_roles,
    table_roles,
    text_roles,
)
from tasks.line.drafts.splits import split_of_rows
from tasks.line.drafts.trial import Trial, tried, typed_section

TABLES = ("regression", "tabular_classification")
KINDS = ("image_classification", "text_classification", *TABLES, "recommendation", "translation")
MAX_CLASSES_SAID = 8
MAX_CHARACTERS = 20_000  # of a text: a book is no row

SPLIT_ROLES = frozenset({"time", "group"})
A_SENTENCE = 5  # words, in the mean
MANY_BESIDE = 3  # columns that tell something

Find = Callable[..., NamedRoles | None]
NAMED: dict[str, Find] = {
    "recommendation": rating_roles,
    "translation": pair_roles,
    "text_classification": text_roles,
}


def drafted(files: Files, tables: list[Table], choices: Choices, line: Path, name: str) -> Draft:
    """Return the draft of a line for the rows of the largest table, which is brought into its folder.

    Raises:
        DataError: nothing says what is to be learnt, or two readings fit.
    """
    table = tables[0]
    wanted = choices.one_of("kind", list(KINDS))
    kind, roles = _kind(table, wanted, choices)
    if kind is None or roles is None:
        return _of_table(files, table, table_roles(table, wanted if wanted in TABLES else None, choices), line, name)
    makers = {"recommendation": _of_ratings, "translation": _of_pairs, "text_classification": _of_texts}
    return makers[kind](files, tables, roles, line, name)


def _kind(table: Table, wanted: str | None, choices: Choices) -> tuple[str | None, NamedRoles | None]:
    """Return the kind with its roles, without roles that of a table.

    Raises:
        DataError: the table is not what the user says, or texts stand among other columns.
    """
    for kind, find in NAMED.items():
        if wanted not in {None, kind}:
            continue
        roles = find(table, choices, asked=wanted == kind)
        if roles and (wanted or kind != "text_classification" or _only_texts(table, roles, choices)):
            return kind, roles
        if wanted == kind:
            titles = ", ".join(column.title for column in table.columns[:12])
            raise DataError(
                got=f"{table.files[0].path.name} with the columns {titles}",
                expected=f"the columns of {kind}: {_needed(kind)}",
                do="name them by the options, or name another --kind",
            )
    return wanted, None


def _needed(kind: str) -> str:
    return {
        "recommendation": "who (--user) rated what (--item) how high (--rating), and when (--time), if known",
        "translation": "a sentence (--source) and its translation (--text)",
        "text_classification": "a text (--text) and its class (--label)",
    }[kind]


def _only_texts(table: Table, roles: NamedRoles, choices: Choices) -> bool:
    """Whether the class follows from the text rather than from the columns beside it; asks where both may be.

    Raises:
        DataError: nobody says which.
    """
    if choices.given("text"):
        return True
    used = set(map(id, roles.columns.values()))
    beside = [column for column in table.columns if id(column) not in used and _tells_something(column)]
    text = roles.columns["text"]
    if len(beside) < 2:
        return True
    if "".join(words_of(text.name)) not in TEXTS and (text.words < A_SENTENCE or len(beside) > MANY_BESIDE):
        return False
    readings = [
        Reading("text_classification", f"the class follows from the texts in {text.title}"),
        Reading("tabular_classification", f"it follows from {len(beside)} other columns"),
    ]
    return choices.choose("kind", "What does the class follow from?", readings, sure=False) == readings[0].value


def _tells_something(column: Column) -> bool:
    if column.holds == "number":
        return not column.counts_up() and not (column.unique and column.whole)  # numbers of rows tell nothing
    return column.holds == "text" and not is_text(column) and 2 <= column.distinct <= column.filled // 3


def role_names(columns: Iterable[Column]) -> dict[int, str]:
    """Return a name for each column, by its place, as settings allow it: lower case letters, digits, underscores."""
    found = dict[int, str]()
    for column in columns:
        plain = unicodedata.normalize("NFKD", column.name.replace("ß", "ss")).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "_", "_".join(words_of(plain)) or plain.casefold()).strip("_")
        if not name or not name[0].isalpha():
            name = f"column_{name or column.place}"
        while name in found.values() or name in SPLIT_ROLES:
            name = f"{name}_{column.place}"
        found[column.place] = name
    return found


def _split_roles(group: Column | None, time: Column | None) -> dict[str, Column]:
    """Return the column that a split is made by, by its role."""
    return {"time": time} if time else {"group": group} if group else {}


def _places(columns: dict[str, Column], imported: Imported) -> dict[str, str | int]:
    return {role: column.name if imported.header else column.place for role, column in columns.items()}


def _first_keys(imported: Imported, columns: dict[str, Column], comment: str = "") -> list[Key]:
    keys = [] if imported.format == "csv" else [Key("format", imported.format)]
    keys.append(Key("columns", _places(columns, imported), comment))
    return keys if imported.header else [*keys, Key("header", False, "columns are numbers from 0")]


def _of_table(files: Files, table: Table, roles: TableRoles, line: Path, name: str) -> Draft:
    if roles.kind == "tabular_classification":
        _require_classes(roles.target)
    features = [*roles.numeric, *roles.categorical]
    names = role_names([*features, roles.target])
    imported = import_table(files, table, [*features, roles.target], line, name, dates=roles.time)
    split, chosen = split_of_rows(table.rows, table.splits, "rows", roles.group, roles.time)
    used = [column for column in table.columns if column.place in names]
    columns = {names[column.place]: column for column in used}
    columns |= {} if table.splits else _split_roles(roles.group, roles.time)
    keys = _first_keys(imported, columns)
    keys += [
        Key("numeric", [names[column.place] for column in roles.numeric], "take a name out, here and above"),
        Key("categorical", [names[column.place] for column in roles.categorical]),
        Key("target", names[roles.target.place]), split,
    ]  # fmt: skip
    trial, keys = _with_trial(line, imported, roles.kind, keys)
    work = effort.of_table(table.rows)
    predicted, why = roles.target.title, f"{roles.because}; --target NAME takes another"
    holds = "number" if roles.kind == "regression" else f"{roles.target.distinct} classes"
    reasons = ", ".join(f"{title} ({why})" for title, why in roles.left_out.items())
    left = [f"left out: {reasons}"] if reasons else []
    return Draft(
        kind=roles.kind, tracked=imported.tracked, rows=table.rows,
        seen=[f"{table.said()}, {predicted} is predicted ({holds}; {why})",
              *(classes_said(roles.target) if roles.kind == "tabular_classification" else [])],
        chosen=[*left, chosen, *imported.changes, *trial, work.why], preprocess=[*keys, *work.preprocess],
        sections=work.sections, minutes=work.minutes,
        task=f"Predicting {roles.target.title} from {len(features)} columns.", limits=_limits(table, files),
    )  # fmt: skip


def _require_classes(label: Column) -> None:
    if label.distinct < 2:
        raise DataError(
            got=f"one class, {next(iter(label.counts), 'which is empty')!r}, in {label.title}",
            expected="rows of at least two classes",
            do="bring rows of another class, or name the column of the classes: --target NAME, of texts --label NAME",
        )


def classes_said(label: Column) -> list[str]:
    """Say which classes there are, the rarest last, and whether some of them look like several in one."""
    counts = label.counts.most_common()
    shown = counts if len(counts) <= MAX_CLASSES_SAID else [*counts[:4], ("...", 0), *counts[-3:]]
    said = [f"classes: {', '.join(f'{name} {count:,}' if count else name for name, count in shown)}"]
    parts = [frozenset(re.split(r"\s*[;|,]\s*", name)) for name in label.counts]
    several = [names for names in parts if len(names) > 1]
    if len(several) * 3 > len(parts) and len(frozenset().union(*parts)) < len(parts):
        name = next(name for name, names in zip(label.counts, parts, strict=True) if len(names) > 1)
        said.append(
            f"classes such as {name!r} seem to be several; nothing here learns several of a row: each is its own"
        )
    return said


def _limits(table: Table, files: Files) -> str:
    return f"Learnt from {table.rows:,} rows of {files.source.name}; says nothing of rows that are unlike these."


def _of_texts(files: Files, tables: list[Table], roles: NamedRoles, line: Path, name: str) -> Draft:
    table, label = tables[0], roles.columns["label"]
    _require_classes(label)
    imported = import_table(files, table, [], line, name, dates=roles.time)
    split, chosen = split_of_rows(table.rows, table.splits, "texts", roles.group, roles.time)
    columns = roles.columns | ({} if table.splits else _split_roles(roles.group, roles.time))
    keys = [*_first_keys(imported, columns), *text_keys(roles.columns["text"].counts), split]
    trial, keys = _with_trial(line, imported, "text_classification", keys)
    work = effort.of_texts(table.rows, are_english(roles.columns["text"].counts))
    return Draft(
        kind="text_classification", tracked=imported.tracked, rows=table.rows,
        seen=[f"{table.said()}, texts in {roles.columns['text'].title}, {label.distinct} classes in {label.title}",
              *classes_said(label)],
        chosen=[*_left(roles), chosen, *imported.changes, *trial, work.why], preprocess=[*keys, *work.preprocess],
        sections=work.sections, minutes=work.minutes,
        task=f"Telling texts of {label.distinct} classes apart.", limits=_limits(table, files),
    )  # fmt: skip


def _left(roles: NamedRoles) -> list[str]:
    return [f"left out: {', '.join(roles.left_out)}"] if roles.left_out else []


def are_english(texts: Iterable[str]) -> bool:
    """Whether most texts have one of the commonest words of English."""
    texts = list(texts)
    return sum(not ENGLISH.isdisjoint(text.casefold().split()) for text in texts) > 0.6 * len(texts)


def text_keys(texts: Iterable[str]) -> list[Key]:
    """Return the settings that follow from how long texts are: 19 in 20 are read to their end."""
    lengths = sorted(map(len, texts))
    words = sorted(len(text.split()) for text in texts)
    longest, most_words = lengths[-1], words[int(0.95 * (len(words) - 1))]
    most_characters = lengths[int(0.95 * (len(lengths) - 1))]
    tokens = max(1.4 * most_words, most_characters / 4.5)
    max_tokens = min(256, max(16, 8 * math.ceil(tokens / 8)))
    keys = [Key("max_tokens", max_tokens, "of a text; the rest is cut off: a third more are a third slower")]
    if longest > 2000:
        keys.insert(0, Key("text", {"max_characters": min(MAX_CHARACTERS, 1000 * math.ceil(longest / 1000))}))
    return keys


def _with_trial(line: Path, imported: Imported, kind: str, keys: list[Key]) -> tuple[list[str], list[Key]]:
    """Read the rows as `preprocess` will; return what to say, and the settings with the bound that the rows need."""
    below = line / imported.tracked
    settings: Settings = {key.name: key.value for key in keys}
    found: Trial = tried(below if below.is_dir() else below.parent, kind, settings)
    params = typed_section(kind, settings)
    bound = found.bound(params.max_bad_fraction)
    said = [found.said()] if found.said() else []
    return said, keys if bound is None else [
        *keys,
        Key("max_bad_fraction", bound, "rows that may be left out, copies included"),
    ]


def _of_ratings(files: Files, tables: list[Table], roles: NamedRoles, line: Path, name: str) -> Draft:
    table, columns = tables[0], dict(roles.columns)
    time = columns.pop("time", None)
    rating = columns["rating"]
    numbers = rating.numbers()
    if len(numbers) < 2:
        raise DataError(
            got=f"ratings in {rating.title} that are all {next(iter(rating.counts), 'blank')}",
            expected="at least two different ones",
            do="count how often each user took each item, a row for each two, and name that column: --rating NAME",
        )
    used = [*columns.values(), *([time] if time else [])]
    items = _items(tables, columns["item"])
    imported = import_table(files, table, used, line, name, dates=time)
    places = _places(columns | ({"time": time} if time else {}), imported)
    keys = (
        [Key("columns", places)]
        if imported.format == "csv"
        else [Key("format", imported.format), Key("columns", places)]
    )
    keys += [] if imported.header else [Key("header", False, "columns are numbers from 0")]
    keys.append(Key("rating", {"min": numbers[0], "max": numbers[-1]}, "the scale; ratings outside of it are left out"))
    if items:
        imported, key = _with_items(files, items, imported, line, name)
        keys.append(key)
    trial, keys = _with_trial(line, imported, "recommendation", keys)
    work = effort.of_ratings(table.rows, timed=time is not None)
    seen = (
        f"{table.said()}: {columns['user'].distinct:,} users rated {columns['item'].distinct:,} items, "
        f"{numbers[0]:g} to {numbers[-1]:g}, {'without a time' if time is None else 'with a time'}"
    )
    beside = [str(each.files[0].path) for each in tables[1:] if not items or each is not items[0]]
    return Draft(
        kind="recommendation", tracked=imported.tracked, rows=table.rows, seen=[seen],
        chosen=[*_left(roles), *([f"other tables, left out: {', '.join(beside)}"] if beside else []),
                "the last ratings of each user measure" if time else "ratings of each user measure, by chance",
                *imported.changes, *trial, work.why],
        preprocess=[*keys, *work.preprocess], sections=work.sections, minutes=work.minutes,
        task="Proposing items to a user from what the user rated before.", limits=_limits(table, files),
    )  # fmt: skip


def _items(tables: list[Table], item: Column) -> tuple[Table, Column, Column] | None:
    """Return the table that has titles of the items, with the columns of their ids and of the titles."""
    for table in tables[1:]:
        ids = next((column for column in table.columns if column.name == item.name and column.unique), None)
        titles = next((column for column in table.columns if "".join(words_of(column.name)) in TITLES), None)
        if ids and titles and len(table.files) == 1 and len(set(ids.counts) & set(item.counts)) > 0.5 * item.distinct:
            return table, ids, titles
    return None


def _with_items(
    files: Files, items: tuple[Table, Column, Column], imported: Imported, line: Path, name: str
) -> tuple[Imported, Key]:
    """Bring the titles in beside the ratings, in one folder."""
    table, ids, titles = items
    folder = imported.tracked if (line / imported.tracked).is_dir() else imported.tracked.parent / name
    if folder != imported.tracked:
        (line / folder).mkdir(parents=True)
        (line / imported.tracked).rename(line / folder / imported.tracked.name)
    beside = import_table(files, table, [], line, name)
    target = line / folder / f"{beside.tracked.stem}.csv"
    (line / beside.tracked).rename(target)
    value = {"file": target.name, "id": ids.name, "title": titles.name}
    return Imported(folder, imported.format, imported.header, imported.changes), Key(
        "items", value, "titles of the items"
    )


def _of_pairs(files: Files, tables: list[Table], roles: NamedRoles, line: Path, name: str) -> Draft:
    table = tables[0]
    imported = import_table(files, table, [], line, name)
    columns = roles.columns
    languages = " to ".join(columns[side].title for side in ("source", "target"))
    keys = [
        Key("format", imported.format),
        Key("columns", _places(columns, imported), "swap them for the other direction"),
    ]
    keys.append(Key("header", imported.header))
    work = effort.of_pairs(table.rows)
    return pairs_draft(
        files,
        table.rows,
        imported,
        keys,
        work,
        line,
        f"{table.said()}, {languages}",
        [*_left(roles), *imported.changes],
        table.splits,
    )


def pairs_draft(
    files: Files, rows: int, imported: Imported, keys: list[Key], work: effort.Effort, line: Path, seen: str,
    chosen: list[str], given: Iterable[str] = (),
) -> Draft:  # fmt: skip
    """Return the draft of a line for pairs of sentences that are in its folder."""
    part = 0.05 if rows < 30_000 else 0.03
    split: Settings = {"validation": 0.03, "test": part}
    split |= {name: "given" for name in given if name != "train"}
    keys = [*keys, *work.preprocess, Key("split", split, "pairs that share a sentence stay together")]
    measured = "the split is given" if split["test"] == "given" else f"{part:.0%} of the pairs measure"
    trial, keys = _with_trial(line, imported, "translation", keys)
    return Draft(
        kind="translation", tracked=imported.tracked, rows=rows, seen=[seen],
        chosen=[*chosen, measured, *trial, work.why], preprocess=keys,
        sections=work.sections, minutes=work.minutes,
        task="Translating short sentences.",
        limits=f"Learnt from {rows:,} pairs of {files.source.name}; nobody should rely on a translation unread.",
    )  # fmt: skip
