"""Pictures from folders, archives, idx files and arrays."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from deepspace.data import ImageSchema, load, schema_from_json, stream
from deepspace.errors import DataError


def picture(seed: int, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four colour pictures, 16 x 16, lossless."""
    root = tmp_path / "pets"
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        for i in range(4):
            picture(i + 10 * (label == "dog")).save(root / label / f"{i}.png")
    return root


def image_schema(schema: object) -> ImageSchema:
    assert isinstance(schema, ImageSchema)
    return schema


def test_folder_of_classes(folder: Path):
    dataset = load(folder)
    assert dataset.array.shape == (8, 3, 16, 16)
    assert dataset.array.dtype == np.uint8
    assert dataset.rows["file"].to_pylist()[4:6] == ["dog/0.png", "dog/1.png"]
    assert dataset.rows["class"].to_pylist() == ["cat"] * 4 + ["dog"] * 4
    assert [c.name for c in dataset.schema.columns if c.role == "target"] == ["class"]
    back = dataset.schema.decode(dataset.array)
    np.testing.assert_array_equal(back[4], np.asarray(Image.open(folder / "dog" / "0.png")))


def test_zip_is_the_same_as_its_folder(folder: Path, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, "pets/" + path.relative_to(folder).as_posix())
    packed, plain = load(tmp_path / "pets.zip"), load(folder)
    np.testing.assert_array_equal(packed.array, plain.array)
    assert packed.rows["class"] == plain.rows["class"]


def test_fingerprint_is_of_the_content(folder: Path):
    first = load(folder).source.fingerprint
    assert len(first) == 64
    assert load(folder).source.fingerprint == first
    picture(99).save(folder / "cat" / "0.png")
    assert load(folder).source.fingerprint != first


def test_a_flat_folder_has_no_class(tmp_path: Path):
    for i in range(6):
        picture(i).save(tmp_path / f"{i}.png")
    dataset = load(tmp_path)
    assert dataset.rows.schema.names == ["file"]
    assert dataset.schema.target is None


def test_large_pictures_are_made_smaller_and_said_so(tmp_path: Path):
    for i in range(5):
        picture(i, (300, 200)).save(tmp_path / f"{i}.jpg")
    dataset = load(tmp_path)
    assert dataset.array.shape == (5, 3, 43, 64)
    assert any("300 x 200 are resized to 64 x 43" in note for note in dataset.notes)
    assert load(tmp_path, image_size=32).array.shape == (5, 3, 32, 32)


def test_mixed_sizes_go_to_the_commonest(folder: Path):
    picture(5, (30, 20)).save(folder / "cat" / "0.png")
    dataset = load(folder)
    assert dataset.array.shape == (8, 3, 16, 16)
    assert any("1 of 8 pictures have another size" in note for note in dataset.notes)


def test_wildly_mixed_sizes_become_squares(tmp_path: Path):
    for i in range(6):
        picture(i, (70 + 10 * i, 90)).save(tmp_path / f"{i}.png")
    assert load(tmp_path).array.shape == (6, 3, 64, 64)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16", "CMYK"])
def test_mixed_modes_become_colour(folder: Path, mode: str):
    odd = picture(3, mode="L" if mode == "I;16" else mode if mode != "LA" else "RGBA")
    odd = Image.fromarray(np.asarray(odd).astype(np.uint16) * 257) if mode == "I;16" else odd.convert(mode)
    odd.save(folder / "cat" / ("9.tif" if mode in ("I;16", "CMYK") else "9.png"))
    dataset = load(folder)
    assert dataset.array.shape == (9, 3, 16, 16)
    assert dataset.array[4].std() > 10


def test_transparency_lies_over_white(tmp_path: Path):
    for i in range(5):
        Image.new("RGBA", (8, 8), (0, 0, 0, 0 if i == 0 else 255)).save(tmp_path / f"{i}.png")
    array = load(tmp_path).array
    assert array.shape[1] == 1  # black and white only: one channel is enough
    assert array[0].min() == 255
    assert array[1].max() == 0


def test_grey_pictures_have_one_channel(tmp_path: Path):
    for i in range(5):
        picture(i, mode="L").save(tmp_path / f"{i}.png")
    dataset = load(tmp_path)
    assert dataset.array.shape == (5, 1, 16, 16)
    assert dataset.schema.decode(dataset.array).shape == (5, 16, 16)


def test_a_corrupt_jpeg_is_left_out_and_labels_stay_aligned(folder: Path):
    whole = io.BytesIO()
    picture(1, (16, 16)).save(whole, "JPEG")
    (folder / "cat" / "1.png").write_bytes(whole.getvalue()[:200])
    (folder / "dog" / "0.png").write_bytes(b"not a picture")
    dataset = load(folder)
    assert len(dataset) == 6
    assert dataset.rows["class"].to_pylist() == ["cat"] * 3 + ["dog"] * 3
    assert dataset.rows["file"].to_pylist() == [
        "cat/0.png",
        "cat/2.png",
        "cat/3.png",
        *(f"dog/{i}.png" for i in (1, 2, 3)),
    ]
    np.testing.assert_array_equal(
        dataset.schema.decode(dataset.array)[3], np.asarray(Image.open(folder / "dog" / "1.png"))
    )
    assert any("2 pictures left out" in note and "cat/1.png" in note for note in dataset.notes)


def write_idx(path: Path, array: np.ndarray, cut: int = 0) -> None:
    data = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    data = data[: len(data) - cut] if cut else data
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_finds_its_labels(tmp_path: Path, ending: str):
    images = np.random.default_rng(0).integers(0, 256, (20, 9, 11), dtype=np.uint8)
    labels = (np.arange(20) % 4).astype(np.uint8)
    write_idx(tmp_path / f"train-images-idx3-ubyte{ending}", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", labels)
    for path in (tmp_path / f"train-images-idx3-ubyte{ending}", tmp_path / "train-labels-idx1-ubyte.gz", tmp_path):
        dataset = load(path)
        np.testing.assert_array_equal(dataset.array[:, 0], images)
        assert dataset.rows["label"].to_pylist() == labels.tolist()
        assert dataset.schema.target is not None
        assert dataset.schema.target.categories == ("0", "1", "2", "3")


def test_idx_with_wrong_magic_or_size_is_refused(tmp_path: Path):
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, np.zeros((20, 9, 11), np.uint8), cut=7)
    with pytest.raises(DataError, match=r"should hold 1,980 bytes for shape \(20, 9, 11\), but holds 1,973"):
        load(path)
    path.write_bytes(b"\x01\x02\x03\x04" * 30)
    with pytest.raises(DataError, match="is not an IDX file: it starts with 01 02 03 04"):
        load(path)
    write_idx(path, np.zeros((20, 9, 11), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(19, np.uint8))
    with pytest.raises(DataError, match="19 labels for 20 images"):
        load(path)


@pytest.mark.parametrize("layout", ["hw", "hwc", "chw"])
def test_arrays_of_any_layout(layout: str):
    raw = np.random.default_rng(0).integers(
        0, 256, {"hw": (9, 12, 10), "hwc": (9, 12, 10, 3), "chw": (9, 3, 12, 10)}[layout]
    )
    dataset = load((raw.astype(np.uint8), np.arange(9) % 2))
    assert dataset.array.shape == (9, 1 if layout == "hw" else 3, 12, 10)
    back = dataset.schema.decode(dataset.array)
    np.testing.assert_array_equal(back, raw if layout != "chw" else raw.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(dataset.schema.encode(back), dataset.array)


def test_float_pixels_are_spread_over_bytes_and_encode_again():
    digits = load_digits()
    dataset = load((digits.images, digits.target))
    assert dataset.schema.modality == "image"
    assert dataset.array.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(dataset.array[:, 0], np.rint(digits.images * 255 / 16))
    np.testing.assert_array_equal(dataset.schema.encode(digits.images), dataset.array)
    np.testing.assert_array_equal(dataset.schema.encode(dataset.schema.decode(dataset.array)), dataset.array)


def test_scikit_learn_bunch():
    dataset = load(load_digits())
    assert dataset.array.shape == (1797, 1, 8, 8)
    assert dataset.schema.target is not None
    assert dataset.schema.target.name == "target"


def test_flat_bytes_are_square_pictures():
    raw = np.random.default_rng(0).integers(0, 256, (9, 144), dtype=np.uint8)
    dataset = load(raw)
    assert dataset.array.shape == (9, 1, 12, 12)
    np.testing.assert_array_equal(dataset.schema.encode(raw), dataset.array)


def test_names_turn_labels_into_words(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(12) % 3, classes=np.array(["ant", "bee", "cow"]),
             masks=images, split=np.array(["train", "test"] * 6))  # fmt: skip
    dataset = load(tmp_path / "a.npz")
    assert dataset.rows["labels"].to_pylist()[:4] == ["ant", "bee", "cow", "ant"]
    assert [(c.name, c.role) for c in dataset.schema.columns] == [("labels", "target"), ("split", "metadata")]
    assert any("'masks'" in note for note in dataset.notes)


def test_memory_mapped_npy_is_not_copied(tmp_path: Path):
    np.save(tmp_path / "images.npy", np.zeros((20, 16, 16), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None])
    np.save(tmp_path / "labels.npy", np.arange(20) % 2)
    dataset = load(tmp_path / "images.npy")
    assert dataset.memory_mapped
    assert dataset.schema.target is not None


def test_single_pictures_and_other_sizes_encode(folder: Path):
    dataset = load(folder)
    schema = dataset.schema
    one = np.asarray(Image.open(folder / "cat" / "2.png"))
    np.testing.assert_array_equal(schema.encode(one)[0], dataset.array[2])
    assert schema.encode(np.zeros((2, 40, 30, 3), np.uint8)).shape == (2, 3, 16, 16)
    assert schema.encode(np.full((2, 16, 16), 7, np.uint8)).shape == (2, 3, 16, 16)


def test_json_and_stream(folder: Path):
    dataset = load(folder)
    schema = schema_from_json(json.loads(json.dumps(dataset.schema.to_json())))
    assert schema == dataset.schema
    blocks = list(stream(folder, schema, rows=3))
    assert [len(b) for b in blocks] == [3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), dataset.array)


def test_decode_rounds_and_clips():
    schema = image_schema(load(np.zeros((9, 8, 8), np.uint8) + np.arange(9, dtype=np.uint8)[:, None, None]).schema)
    wild = np.full((1, 1, 8, 8), 300.0)
    wild[0, 0, 0, :3] = -5, 12.6, np.nan
    out = schema.decode(wild)
    assert out.dtype == np.uint8
    assert out[0, 0, :4].tolist() == [0, 13, 0, 255]


def test_folders_of_splits_are_not_classes(folder: Path, tmp_path: Path):
    root = tmp_path / "all"
    for split in ("train", "test"):
        for path in folder.rglob("*.png"):
            (root / split / path.parent.name).mkdir(parents=True, exist_ok=True)
            (root / split / path.parent.name / path.name).write_bytes(path.read_bytes())
    dataset = load(root)
    assert set(dataset.rows["class"].to_pylist()) == {"cat", "dog"}
    assert dataset.rows["split"].to_pylist() == ["test"] * 8 + ["train"] * 8
    assert dataset.schema.target is not None
    assert dataset.schema.target.name == "class"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("place", ["first", "last"])
def test_csv_of_pixels(tmp_path: Path, header: bool, place: str):
    digits = load_digits()
    pixels, label = digits.data[:200].astype(int), digits.target[:200]
    body = np.column_stack([label, pixels] if place == "first" else [pixels, label])
    names = [f"pixel{i}" for i in range(64)]
    names = ["label", *names] if place == "first" else [*names, "label"]
    path = tmp_path / "digits.csv"
    np.savetxt(path, body, "%d", ",", header=",".join(names) if header else "", comments="")
    dataset = load(path)
    assert dataset.schema.modality == "image"
    assert dataset.array.shape == (200, 1, 8, 8)
    np.testing.assert_array_equal(dataset.array[:, 0], np.rint(digits.images[:200] * 255 / 16))
    assert dataset.rows["label"].to_pylist() == label.tolist()
    np.testing.assert_array_equal(dataset.schema.encode(path), dataset.array)
    np.testing.assert_array_equal(np.concatenate(list(stream(path, dataset.schema, rows=64))), dataset.array)
