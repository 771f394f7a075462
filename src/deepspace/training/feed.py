"""Rows on their way into a training: as one tensor where they fit, else from disk in shuffled blocks."""

from __future__ import annotations

import mmap
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["BlockFeed", "Feed", "TensorFeed", "gather", "make", "read"]

_POOL = 256 * 2**20  # bytes shuffled together, at most


def _order(seed: int, epoch: int) -> np.random.Generator:
    """Random numbers for the order of one epoch: a function of seed and epoch, so resuming needs no state."""
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, 2 + epoch]))


class Feed(ABC):
    """Batches of one epoch after another. ``batches`` yields tensors on the device: rows (B, *shape), their numbers."""

    steps: int

    def __init__(self, array: npt.NDArray[Any], held_out: npt.NDArray[np.int64], batch: int, seed: int) -> None:
        self.array, self.held_out, self.batch, self.seed = array, held_out, batch, seed
        self.count = len(array) - len(held_out)

    @abstractmethod
    def batches(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of epoch ``epoch``, from number ``first`` on."""


class TensorFeed(Feed):
    """The whole set as one tensor; an epoch is a permutation cut into near-equal batches."""

    def __init__(
        self, array: npt.NDArray[Any], held_out: npt.NDArray[np.int64], batch: int, seed: int, device: torch.device
    ) -> None:
        super().__init__(array, held_out, batch, seed)
        self.steps = -(-self.count // batch)
        with warnings.catch_warnings():  # read-only arrays are never written to here
            warnings.simplefilter("ignore", UserWarning)
            self.data = torch.from_numpy(np.ascontiguousarray(array)).to(device)
        kept = np.ones(len(array), bool)
        kept[held_out] = False
        self.rows = np.flatnonzero(kept)

    def batches(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.from_numpy(_order(self.seed, epoch).permutation(self.rows)).to(self.data.device)
        for index in order.tensor_split(self.steps)[first:]:
            yield self.data.index_select(0, index), index


class BlockFeed(Feed):
    """Rows on disk: runs of neighbouring rows are read in random order and shuffled together, a pool at a time.

    Memory is two pools (one in use, one being read by a thread) whatever the number of rows.
    """

    def __init__(
        self,
        array: npt.NDArray[Any],
        held_out: npt.NDArray[np.int64],
        batch: int,
        seed: int,
        device: torch.device,
        memory: int,
    ) -> None:
        super().__init__(array, held_out, batch, seed)
        self.steps = -(-self.count // batch)
        self.device = device
        row = max(1, array[:1].nbytes)
        pool = max(2 * batch, min(_POOL, memory // 4) // row)
        # Small enough runs that a pool mixes many places, large enough that a disk reads them in one go.
        self.run = max(1, min(pool // 32, max(1, 2**20 // row)))
        self.runs_per_pool = max(1, pool // self.run)
        self.out = np.zeros(len(array), bool)
        self.out[held_out] = True

    def _read(self, runs: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        parts, numbers = [], []
        for i in runs:
            rows = slice(int(i) * self.run, (int(i) + 1) * self.run)
            kept = ~self.out[rows]
            parts.append(read(self.array, rows)[kept])
            numbers.append(rows.start + np.flatnonzero(kept))
        return np.concatenate(parts), np.concatenate(numbers)

    def batches(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        order = _order(self.seed, epoch)
        runs = order.permutation(-(-len(self.array) // self.run))
        pools = np.array_split(runs, -(-len(runs) // self.runs_per_pool))
        rest, rest_numbers = self.array[:0], np.zeros(0, np.int64)
        step = 0
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._read, pools[0])
            for i in range(len(pools)):
                pool, numbers = ahead.result()
                if i + 1 < len(pools):
                    ahead = reader.submit(self._read, pools[i + 1])
                mixed = order.permutation(len(pool))
                pool, numbers = np.concatenate([rest, pool[mixed]]), np.concatenate([rest_numbers, numbers[mixed]])
                whole = len(pool) if i + 1 == len(pools) else len(pool) // self.batch * self.batch
                for start in range(0, whole, self.batch):
                    if step >= first:
                        part = slice(start, start + self.batch)
                        rows, index = (torch.from_numpy(each[part]).to(self.device) for each in (pool, numbers))
                        yield rows, index
                    step += 1
                rest, rest_numbers = pool[whole:].copy(), numbers[whole:]


def _whole_file(array: npt.NDArray[Any]) -> str | None:
    """The file that ``array`` maps from its first row to its last, if it does."""
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous:
        return str(array.filename) if array.filename else None
    return None


def read(array: npt.NDArray[Any], rows: slice) -> npt.NDArray[Any]:
    """A copy of some rows. A mapped file is read instead of looked at, so that its pages do not pile up in memory."""
    file = _whole_file(array)
    if file is None:
        return np.array(array[rows])
    start, stop, _ = rows.indices(len(array))
    row = array.nbytes // max(1, len(array))
    flat = np.fromfile(
        file,
        array.dtype,
        count=max(0, stop - start) * (row // array.dtype.itemsize),
        offset=array.offset + start * row,  # type: ignore[attr-defined]
    )
    return flat.reshape(-1, *array.shape[1:])


def gather(array: npt.NDArray[Any], index: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """A copy of the rows at sorted ``index``, read as ``read`` does."""
    file = _whole_file(array)
    if file is None:
        return np.array(array[index])
    out = np.empty((len(index), *array.shape[1:]), array.dtype)
    row = array.nbytes // max(1, len(array))
    with open(file, "rb", buffering=0) as stream:
        for place, i in zip(out, index, strict=True):
            stream.seek(array.offset + int(i) * row)  # type: ignore[attr-defined]
            stream.readinto(memoryview(place).cast("B"))
    return out


def make(
    array: npt.NDArray[Any],
    held_out: npt.NDArray[np.int64],
    batch: int,
    seed: int,
    device: torch.device,
    memory: int,
) -> Feed:
    """One tensor if the rows are in memory already or fit into ``memory`` bytes, else blocks from disk."""
    if not isinstance(array, np.memmap) or array.nbytes <= memory:
        return TensorFeed(array, held_out, batch, seed, device)
    return BlockFeed(array, held_out, batch, seed, device, memory)
