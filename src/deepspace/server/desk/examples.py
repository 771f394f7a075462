"""Data to try, on every machine without a download: the real sets that scikit-learn ships."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepspace.errors import DataError

__all__ = ["EXAMPLES", "Example", "write_example"]


@dataclass(frozen=True)
class Example:
    """``file`` is written by ``write`` (a path -> nothing) when the example is first used."""

    name: str
    title: str
    modality: str
    rows: int
    says: str
    file: str
    write: Callable[[Path], None]


def _digits(path: Path) -> None:
    """images: uint8 (1797, 8, 8), the 0..16 of the original spread over 0..255; label: int64 (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    with path.open("wb") as file:
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)
        np.savez_compressed(file, images=images, label=digits.target)


def _patches(path: Path) -> None:
    """image: uint8 (2294, 32, 32, 3), squares of 64 pixels from two photographs at half their size."""
    from sklearn.datasets import load_sample_images

    squares, names = [], []
    sample = load_sample_images()
    for photograph, name in zip(sample.images, sample.filenames, strict=True):
        height, width = (s // 2 * 2 for s in photograph.shape[:2])
        half = photograph[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
        for top in range(0, half.shape[0] - 31, 6):
            for left in range(0, half.shape[1] - 31, 8):
                squares.append(half[top : top + 32, left : left + 32].round().astype(np.uint8))
                names.append(Path(name).stem)
    with path.open("wb") as file:
        np.savez_compressed(file, image=np.stack(squares), label=np.array(names))


def _table(load: Callable[..., Any], target: str, names: Mapping[str, str] | None = None) -> Callable[[Path], None]:
    """A writer of CSV: the columns of a set with their own names, then its target; ``names`` renames columns."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.csv

        data = load()
        columns = {(names or {}).get(n, n): data.data[:, i] for i, n in enumerate(map(str, data.feature_names))}
        classes = getattr(data, "target_names", None)
        columns[target] = data.target if classes is None else np.asarray(classes)[data.target]
        pyarrow.csv.write_csv(pa.table({n: pa.array(v) for n, v in columns.items()}), path)

    return write


def _loaded(name: str, **options: Any) -> Callable[[], Any]:
    def load() -> Any:
        import sklearn.datasets

        return getattr(sklearn.datasets, name)(**options)

    return load


_BLOOD = {
    "s1": "total cholesterol", "s2": "LDL", "s3": "HDL", "s4": "cholesterol ratio", "s5": "log triglycerides",
    "s6": "glucose", "bp": "blood pressure",
}  # fmt: skip

EXAMPLES: dict[str, Example] = {
    example.name: example
    for example in (
        Example(
            "digits", "Handwritten digits", "image", 1797,
            "8 x 8 pixels from 43 people. The quickest way to see what a map that decodes is.", "digits.npz", _digits,
        ),
        Example(
            "photographs", "Squares of two photographs", "image", 2294,
            "32 x 32 pixels in colour, from a temple and from a flower.", "photographs.npz", _patches,
        ),
        Example(
            "iris", "Irises", "table", 150, "Four lengths of each flower, and which of three species it is.",
            "iris.csv", _table(_loaded("load_iris"), "species"),
        ),
        Example(
            "wine", "Wines", "table", 178, "Thirteen chemical measurements of wines from three growers.",
            "wine.csv", _table(_loaded("load_wine"), "grower"),
        ),
        Example(
            "breast-cancer", "Breast tumours", "table", 569,
            "Thirty measurements of cell nuclei, and whether the tumour was malignant.",
            "breast-cancer.csv", _table(_loaded("load_breast_cancer"), "diagnosis"),
        ),
        Example(
            "diabetes", "Diabetes", "table", 442,
            "Ten measurements of patients in their own units, and the progression of the disease a year later.",
            "diabetes.csv", _table(_loaded("load_diabetes", scaled=False), "progression", _BLOOD),
        ),
    )
}  # fmt: skip


def write_example(name: str, folder: Path) -> Path:
    """The example's file in ``folder``, written if it is not there yet. Raises DataError for an unknown name."""
    example = EXAMPLES.get(name)
    if example is None:
        raise DataError(f"there is no example '{name[:60]}'; there are {', '.join(EXAMPLES)}.")
    path = folder / example.file
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            written = Path(aside) / example.file
            example.write(written)
            os.replace(written, path)
    except OSError as error:
        raise DataError(f"the example cannot be written to '{folder}': {error.strerror or error}.") from None
    return path
