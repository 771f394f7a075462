"""Text tables as people write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from deepspace.data import load
from deepspace.data.text import sniff

ROWS = [(i % 7 + 0.5 * i, "ab"[i % 2], i * 31 % 101) for i in range(60)]


def lines(separator: str, header: bool = True) -> str:
    body = [separator.join(map(str, row)) for row in ROWS]
    return "\n".join(([separator.join(("size", "kind", "score"))] if header else []) + body) + "\n"


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", " ", ", ", "   "])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_with_and_without_header(tmp_path: Path, separator: str, header: bool):
    path = tmp_path / "t.data"
    path.write_text(lines(separator, header))
    rows = load(path, target="none").rows
    names = ["size", "kind", "score"] if header else ["column_1", "column_2", "column_3"]
    assert rows.schema.names == names
    assert list(zip(*(rows[name].to_pylist() for name in names), strict=True)) == ROWS


def test_gzip_is_known_by_its_content(tmp_path: Path):
    plain, packed = tmp_path / "t.csv", tmp_path / "u.csv"
    plain.write_text(lines(","))
    packed.write_bytes(gzip.compress(lines(",").encode()))
    np.testing.assert_array_equal(load(plain).array, load(packed).array)


@pytest.mark.parametrize("mark", ["?", "", "NA", "nan", "NULL", " ?"])
def test_missing_marks(tmp_path: Path, mark: str):
    path = tmp_path / "t.csv"
    text = lines(",").replace("\n", f"\n{mark},a,3\n", 1)
    path.write_text(text)
    dataset = load(path, target="none")
    assert dataset.rows["size"][0].as_py() is None
    assert np.isnan(dataset.array[0, 0])


def test_a_word_for_none_stays_a_category(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("test,x\n" + "\n".join(f"{['None', 'high'][i % 2]},{i * 7 % 13}.5" for i in range(60)))
    assert load(path, target="none").schema.features[0].categories == ("None", "high")


def test_comment_above_and_full_stop_behind(tmp_path: Path):
    path = tmp_path / "adult.test"
    path.write_text("|1x3 Cross validator\n" + "".join(f"{i}, x{i % 3}, <={i % 2}K.\n" for i in range(40)))
    dataset = load(path)
    assert dataset.schema.target is not None
    assert dataset.schema.target.categories == ("<=0K", "<=1K")
    assert len(dataset) == 40


def test_decimal_commas(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "\n".join(f"{i},25;{i % 9},5" for i in range(40)))
    assert load(path, target="none").rows["a"].to_pylist()[:2] == [0.25, 1.25]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str):
    path = tmp_path / "t.csv"
    path.write_bytes(
        ("größe,stadt\n" + "\n".join(f"{i}.5,{'Köln' if i % 2 else 'Genève'}" for i in range(40))).encode(encoding)
    )
    dataset = load(path, target="none")
    assert dataset.rows.schema.names == ["größe", "stadt"]
    assert set(dataset.rows["stadt"].to_pylist()) == {"Köln", "Genève"}
    assert any("UTF" in note for note in dataset.notes) == (encoding != "utf-8-sig")


def test_quoted_cells_may_hold_delimiters_and_line_ends(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("name,x\n" + "".join(f'"Doe, {"AB"[i % 2]}\nPhD",{i * 3 % 17}\n' for i in range(40)))
    assert load(path, target="none").rows["name"][0].as_py() == "Doe, A\nPhD"


@pytest.mark.parametrize(("text", "first"), [("03/02/2020", "2020-02-03"), ("2020/02/03", "2020-02-03")])
def test_dates_written_the_usual_ways(tmp_path: Path, text: str, first: str):
    path = tmp_path / "t.csv"
    path.write_text("day,x\n" + "\n".join(f"{text},{i}" for i in range(5)) + "\n"
                    + "\n".join(f"{text.replace('03', f'{d:02d}')},{d}.5" for d in range(10, 29)) + "\n")  # fmt: skip
    dataset = load(path, target="none")
    assert dataset.schema.features[0].kind == "date"
    assert str(dataset.rows["day"][0].as_py()) == first


def test_duplicate_and_empty_column_names(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,a,,b\n" + "\n".join(f"{i},{i * 7 % 11},{i * 5 % 13},{i * 3 % 7}" for i in range(60)))
    dataset = load(path, target="none")
    assert dataset.rows.schema.names == ["a", "a.1", "column_3", "b"]
    assert any("occurs more than once" in note for note in dataset.notes)


def test_header_of_words_over_words():
    assert sniff("colour,shape\nred,round\nblue,square\nred,square\n", "t").header
    assert not sniff("red,round\nblue,square\nred,square\nred,round\n", "t").header


def test_ucr_rows_are_signals(tmp_path: Path):
    grid = np.linspace(0, 6, 50)
    rows = [np.r_[1 + i % 3, np.sin(grid * (1 + i % 3)) + 0.1 * i] for i in range(30)]
    path = tmp_path / "Waves_TRAIN.tsv"
    path.write_text("\n".join("\t".join(f"{v:.5f}" for v in row) for row in rows))
    dataset = load(path)
    assert dataset.schema.modality == "signal"
    assert dataset.array.shape == (30, 1, 50)
    assert dataset.rows["label"].to_pylist()[:3] == [1, 2, 3]


@pytest.mark.parametrize(("cell", "value"), [("$1,234.50", 1234.5), ("12 %", 12.0), ("3 €", 3.0), ("1,000,000", 1e6)])
def test_amounts_with_signs_are_numbers(tmp_path: Path, cell: str, value: float):
    path = tmp_path / "t.csv"
    path.write_text("a\tx\n" + f"{cell}\t1\n" + "\n".join(f"${i * 7 % 31}\t{i}.5" for i in range(40)))
    dataset = load(path, target="none")
    assert dataset.rows["a"][0].as_py() == value
    assert any("without the signs" in note for note in dataset.notes)


def test_codes_keep_their_leading_zeros(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("zip,x\n" + "\n".join(f"{['01067', '99084', '10115'][i % 3]},{i * 3 % 7}.5" for i in range(60)))
    dataset = load(path, target="none")
    assert dataset.schema.features[0].categories == ("01067", "10115", "99084")
    assert dataset.schema.decode(dataset.array)["zip"][0].as_py() == "01067"
