"""Write scikit-learn's 1,797 handwritten digits to one .npz file: `python examples/digits.py demo/digits.npz`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

__all__ = ["write"]


def write(path: Path) -> Path:
    """images: uint8 (1797, 8, 8), the 0..16 of the original spread over 0..255; label: int64 (1797,)."""
    digits = load_digits()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, images=np.round(digits.images * (255 / 16)).astype(np.uint8), label=digits.target)
    return path


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
