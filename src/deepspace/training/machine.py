"""What this machine offers: device, memory, threads, and whether 16-bit products pay."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from deepspace.errors import TrainingError

__all__ = ["available_memory", "has_bfloat16", "keep_freed_memory", "pick_device", "pick_threads"]


def pick_device(name: str) -> torch.device:
    """ "auto" is the CUDA device when there is one, else the CPU. Raises TrainingError for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TrainingError(f"Device {name!r} cannot be used here; leave device at 'auto' or choose 'cpu'.") from error
    return device


def available_memory() -> int:
    """Bytes that a new allocation can take without swapping, the container's limit included."""
    free = 4 * 2**30
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            free = min(free, max(int(limit) - used, 0))
    except (OSError, ValueError):
        pass
    return free


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let the C library keep what a step frees for the next step, instead of handing it back and faulting it in again.

    A training step allocates and frees the same tens of megabytes over and over; with glibc's defaults a third of the
    time of a small network goes into the kernel clearing those pages. Elsewhere this does nothing. Freed memory is
    given back at the end.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        yield
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # the names in malloc.h
    libc.mallopt(trim_threshold, 2**30)
    libc.mallopt(top_pad, 2**26)
    libc.mallopt(mmap_threshold, 2**25)
    try:
        yield
    finally:
        # Not glibc's first values but those that it settles at by itself once large blocks come and go.
        libc.mallopt(trim_threshold, 2**26)
        libc.mallopt(top_pad, 2**17)
        libc.malloc_trim(0)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 natively; where it is only emulated it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    line = next((row for row in flags.splitlines() if row.startswith(("flags", "Features"))), "").split()
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(line)


def pick_threads(work: Callable[[], None]) -> int:
    """The number of threads with which ``work`` is fastest, from 1, 2, 4, ... and all cores that this process may use.

    More threads must gain a tenth to be taken, so that noise does not decide.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = min(cores, torch.get_num_threads()) if "OMP_NUM_THREADS" in os.environ else cores
    before = torch.get_num_threads()
    best, fastest = 1, float("inf")
    try:
        for threads in sorted({min(2**i, limit) for i in range(limit.bit_length() + 1)}):
            torch.set_num_threads(threads)
            work()
            spent = []
            for _ in range(3):
                start = time.perf_counter()
                work()
                spent.append(time.perf_counter() - start)
            if min(spent) < 0.9 * fastest:
                best, fastest = threads, min(spent)
    finally:
        torch.set_num_threads(before)
    return best
