"""Tables written as text: delimiter, header, comments, missing marks and encoding are found out, then Arrow reads."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from deepspace.data.files import head_of, is_gzip, read_bytes, source_of
from deepspace.data.frames import unique_names
from deepspace.data.raw import Batches, Frame
from deepspace.errors import DataError

__all__ = ["Layout", "open_text", "read_text", "sniff"]

NULLS = ["", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "<NA>"]
_SAMPLE_LINES = 200
_MAX_RAGGED = 0.05
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*%?\s*")
_AMOUNT = re.compile(r"[+-]?\s*[$€£]?\s*[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s*[%$€£]?")
_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y")


@dataclass(frozen=True)
class Layout:
    """How a text table is written. ``skip`` lines come before the first; ``squeeze``: runs of blanks part the cells.
    ``codes`` are columns of digits with leading zeros, which are kept as text."""

    delimiter: str
    names: tuple[str, ...]
    header: bool
    skip: int
    squeeze: bool = False
    decimal: str = "."
    quoted: bool = True
    codes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def sniff(text: str, name: str) -> Layout:
    """Judge the first lines. Raises DataError where they are not a table."""
    lines = text.splitlines()[: _SAMPLE_LINES + 20]
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise DataError(f"'{name}' holds no text but blanks.")
    delimiter, squeeze = _delimiter(filled)
    if delimiter is None:
        raise DataError(
            f"'{name}' does not look like a table: no comma, tab, semicolon or blank parts its lines into columns."
        )
    parsed = [_split(line, delimiter, squeeze) for line in lines]
    width = Counter(len(cells) for cells, line in zip(parsed, lines, strict=True) if line.strip()).most_common(1)[0][0]
    skip = next(i for i, cells in enumerate(parsed) if len(cells) == width and lines[i].strip())
    body = [cells for cells in parsed[skip:] if len(cells) == width]
    header = _has_header(body)
    notes: list[str] = []
    if skip and any(line.strip() for line in lines[:skip]):
        notes.append(
            f"the first {skip} line{'s' * (skip > 1)} of '{name}' ({lines[0][:40]!r}) are no rows and are skipped."
        )
    if header:
        names = unique_names(body[0], notes)
    else:
        names = [f"column_{i}" for i in range(1, width + 1)]
        notes.append(f"'{name}' has no header; its columns are called column_1 to column_{width}.")
    cells = [cell for row in body[header : 50 + header] for cell in row]
    comma = delimiter == ";" and any(re.fullmatch(r"[+-]?\d+,\d+", cell) for cell in cells)
    quoted = any('"' in line for line in lines)
    columns = zip(names, zip(*body[header:], strict=True), strict=True) if body[header:] else ()
    codes = tuple(name for name, values in columns if any(re.fullmatch(r"0\d+", cell) for cell in values))
    return Layout(delimiter, tuple(names), header, skip, squeeze, "," if comma else ".", quoted, codes, tuple(notes))


def _split(line: str, delimiter: str, squeeze: bool) -> list[str]:
    if squeeze:
        return line.split()
    if delimiter == " " and '"' not in line:
        return line.split(" ")  # a run of blanks parts empty cells here; squeezed lines are tried beside it
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]


def _delimiter(lines: list[str]) -> tuple[str | None, bool]:
    """The delimiter that parts most lines into the same number (>= 2) of cells; a lone column of values needs none."""
    best: tuple[float, int, str, bool] = (0.0, 0, "", False)
    for delimiter, squeeze in ((",", False), ("\t", False), (";", False), ("|", False), (" ", True), (" ", False)):
        try:
            widths = Counter(len(_split(line, delimiter, squeeze)) for line in lines[:_SAMPLE_LINES])
        except csv.Error:
            continue
        width, count = widths.most_common(1)[0]
        agree = count / sum(widths.values())
        blank = delimiter == " "
        if width < 2 or agree < (0.9 if blank else 0.5):
            continue
        if agree > best[0] + (0.05 if blank else 0.0) or (not blank and agree > best[0] - 0.05 and width > best[1]):
            best = (agree, width, delimiter, squeeze)
    if best[2]:
        squeeze = best[3] and any(line != " ".join(line.split()) for line in lines)
        return best[2], squeeze
    numbers = sum(bool(_NUMBER.fullmatch(line)) for line in lines)
    return (",", False) if numbers >= len(lines) - 1 and len(lines) > 1 else (None, False)


def _has_header(rows: list[list[str]]) -> bool:
    """A first row of unlike, filled cells that are no numbers, above rows with numbers or with other words."""
    first, rest = rows[0], rows[1:]
    if not rest:
        return not any(_NUMBER.fullmatch(cell) for cell in first)
    numbered = [_NUMBER.fullmatch(cell) is not None for cell in first]
    if any(numbered):
        counting = all(numbered) and [cell.strip() for cell in first] in (
            [str(i) for i in range(len(first))], [str(i) for i in range(1, len(first) + 1)])  # fmt: skip
        return counting and len(first) > 2
    if any(cell in NULLS[1:] for cell in first):
        return False
    columns = list(zip(*rest, strict=True))
    if any(sum(bool(_NUMBER.fullmatch(c)) for c in column) > 0.5 * len(column) for column in columns):
        return True
    return len(set(first)) == len(first) and not any(c in column for c, column in zip(first, columns, strict=True))


def read_text(path: Path, fingerprint: bool = True) -> Frame:
    """A text table in memory, gzipped or not."""
    data = read_bytes(path)
    notes: list[str] = []
    data = _as_utf8(data, path.name, notes)
    layout = sniff(data[: 1 << 20].decode("utf-8", "ignore"), path.name)
    notes += layout.notes
    if layout.squeeze:
        data = re.sub(rb"[ \t]+", b" ", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", data))
    ragged: list[tuple[int | None, int]] = []
    try:
        table = pacsv.read_csv(pa.BufferReader(data), **_options(layout, ragged, threads=True))
        if ragged:
            ragged.clear()
            table = pacsv.read_csv(pa.BufferReader(data), **_options(layout, ragged, threads=False))
    except pa.ArrowInvalid as error:
        raise DataError(f"'{path.name}' cannot be read as a table: {_first_line(error)}.") from None
    _check_ragged(ragged, table.num_rows, layout, path.name, notes)
    table = _tidy(table, notes, whole=True)
    return Frame(table, source_of([path], fingerprint), layout.header, "arrow", tuple(notes))


def open_text(path: Path, fingerprint: bool = True) -> Batches:
    """A text table too big for memory, read in batches. Its column types are those of its first rows, widened where a
    later cell does not fit."""
    head = head_of(path, 1 << 20)
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            raise DataError(
                f"'{path.name}' is not UTF-8 and too big to be converted in memory; convert it first."
            ) from None
    layout = sniff(head.decode("utf-8", "ignore").rsplit("\n", 1)[0], path.name)
    if layout.squeeze:
        raise DataError(
            f"'{path.name}' is aligned by blanks and too big for memory; write it with commas or as Parquet."
        )
    types: dict[str, pa.DataType] = {}

    def batches(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with _big_csv(path, layout, types, columns) as reader:
            for batch in reader:
                yield from _tidy(pa.Table.from_batches([batch]), [], whole=False).to_batches()

    _settle_types(path, layout, types)
    schema = pa.schema([pa.field(name, types[name]) for name in layout.names])
    source = source_of([path], fingerprint)
    return Batches(batches, lambda: schema, layout.names, source, layout.header, layout.notes)


def _big_csv(
    path: Path, layout: Layout, types: dict[str, pa.DataType], columns: Sequence[str] | None = None
) -> pacsv.CSVStreamingReader:
    stream = pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None)
    options = _options(layout, [], threads=True)
    options["convert_options"].column_types = {name: pa.string() for name in layout.codes} | types
    if columns is not None:
        options["convert_options"].include_columns = list(columns)
    return pacsv.open_csv(stream, **options)


def _settle_types(path: Path, layout: Layout, types: dict[str, pa.DataType]) -> None:
    """Read once, widening a column's type (whole number, number, text) whenever a cell does not fit."""
    for _ in range(2 * len(layout.names) + 1):
        try:
            with _big_csv(path, layout, types) as reader:
                settled = {field.name: types.get(field.name, field.type) for field in reader.schema}
                for field in reader.schema:
                    if pa.types.is_null(field.type):
                        settled[field.name] = pa.string()
                if any(pa.types.is_null(field.type) for field in reader.schema):
                    types.update(settled)
                    continue
                for _batch in reader:
                    pass
            types.update(settled)
            return
        except pa.ArrowInvalid as error:
            found = re.search(r"In CSV column #(\d+)", str(error))
            if not found:
                raise DataError(f"'{path.name}' cannot be read as a table: {_first_line(error)}.") from None
            name = layout.names[int(found[1])]
            current = types.get(name) or settled[name]
            types[name] = pa.float64() if pa.types.is_integer(current) else pa.string()


def _options(layout: Layout, ragged: list[tuple[int | None, int]], threads: bool) -> dict[str, Any]:
    def keep_count(row: pacsv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    first = layout.skip + (1 if layout.header else 0)
    return {
        "read_options": pacsv.ReadOptions(column_names=list(layout.names), skip_rows=first, use_threads=threads,
                                          block_size=8 << 20),
        "parse_options": pacsv.ParseOptions(delimiter=layout.delimiter, quote_char='"' if layout.quoted else False,
                                            invalid_row_handler=keep_count, newlines_in_values=layout.quoted),
        "convert_options": pacsv.ConvertOptions(null_values=NULLS + [" " + mark for mark in NULLS],
                                                strings_can_be_null=True, decimal_point=layout.decimal,
                                                column_types={name: pa.string() for name in layout.codes}),
    }  # fmt: skip


def _check_ragged(ragged: list[tuple[int | None, int]], rows: int, layout: Layout, name: str, notes: list[str]) -> None:
    if not ragged:
        return
    number, cells = ragged[0]
    line = f"line {number + layout.skip}" if number is not None else "a line"
    what = f"{len(ragged):,} of {rows + len(ragged):,} rows do not have {len(layout.names)} cells; {line} has {cells}"
    if len(ragged) > max(1, _MAX_RAGGED * (rows + len(ragged))):
        raise DataError(f"'{name}' is ragged: {what}; check the delimiter and the quotes.")
    notes.append(f"left out of '{name}': {what}.")


def _as_utf8(data: bytes, name: str, notes: list[str]) -> bytes:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        notes.append(f"'{name}' is written in UTF-16.")
        return data.decode("utf-16", "replace").encode()
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if b"\0" in data[:4096]:
        raise DataError(
            f"'{name}' is not a text file nor any format that is known; its first bytes are {data[:4].hex(' ')}."
        )
    try:
        data.decode("utf-8")
        return data
    except UnicodeDecodeError as error:
        place = data[: error.start].count(b"\n") + 1
    notes.append(f"'{name}' is not UTF-8 (line {place}); it is read as Windows-1252.")
    try:
        return data.decode("cp1252").encode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()


def _tidy(table: pa.Table, notes: list[str], whole: bool) -> pa.Table:
    """Blanks around text go, missing marks behind blanks count, dates written the usual ways become dates."""
    for i, field in enumerate(table.schema):
        if pa.types.is_null(field.type) or pa.types.is_time(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
        elif pa.types.is_string(field.type):
            column = pc.utf8_trim_whitespace(table.column(i))
            column = pc.if_else(pc.is_in(column, value_set=pa.array(NULLS)), pa.scalar(None, pa.string()), column)
            if whole:
                column = _amounts(column, field.name, notes)
                table = table.set_column(i, field.name, column)
                if not pa.types.is_string(column.type):
                    continue
                column = _dates(column, field.name, notes)
                if i == table.num_columns - 1:
                    column = _without_dot(column, field.name, notes)
            table = table.set_column(i, field.name, column)
    return table


def _amounts(column: pa.ChunkedArray, name: str, notes: list[str]) -> pa.ChunkedArray:
    """Numbers written with a currency, a percent sign or commas between thousands."""
    head = column.slice(0, 200).drop_null().to_pylist()
    if not head or not all(_AMOUNT.fullmatch(text) for text in head) or all(text.isdigit() for text in head):
        return column
    bare = pc.replace_substring_regex(column, r"[$€£%,\s]", "")
    try:
        numbers = bare.cast(pa.float64())
    except pa.ArrowInvalid:
        return column
    notes.append(f"column '{name}' is read as numbers, without the signs in cells such as '{head[0]}'.")
    return numbers


def _dates(column: pa.ChunkedArray, name: str, notes: list[str]) -> pa.ChunkedArray:
    head = column.slice(0, 200).drop_null()
    if not len(head) or not any(ch.isdigit() for ch in head[0].as_py()) or len(head[0].as_py()) > 12:
        return column
    for pattern in _DATES:
        if pc.strptime(head, pattern, "s", error_is_null=True).null_count:
            continue
        parsed = pc.strptime(column, pattern, "s", error_is_null=True)
        if parsed.null_count == column.null_count:
            notes.append(f"column '{name}' is read as dates written {pattern}.")
            return parsed.cast(pa.date32())
    return column


def _without_dot(column: pa.ChunkedArray, name: str, notes: list[str]) -> pa.ChunkedArray:
    """C4.5 files may end each row with a full stop, which would make other classes of the same labels."""
    labels = pc.unique(column.drop_null())
    if 0 < len(labels) <= 100 and pc.all(pc.ends_with(labels, ".")).as_py():
        notes.append(f"the full stop that ends every row is not part of '{name}'.")
        return pc.utf8_rtrim(column, ".")
    return column


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removeprefix("CSV parse error: ").rstrip(".")[:200]
