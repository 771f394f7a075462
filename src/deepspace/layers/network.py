"""What is looked into: the two networks of a space, or a network that the user brings, and how rows go through it."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from deepspace.errors import ModelError, SpaceError
from deepspace.explore.association import Column, read_columns

if TYPE_CHECKING:
    import torch

    from deepspace.models import LatentModel
    from deepspace.space import BaseSpace

__all__ = ["ModuleNetwork", "Network", "Note", "Part", "SpaceNetwork", "scripted", "watch"]

Part = Literal["encoder", "decoder", "network"]
Note = Callable[[str, Part, "torch.nn.Module", "torch.Tensor"], "torch.Tensor | None"]
Rows = npt.NDArray[np.int64]


class Network(ABC):
    """Modules with names, rows to run through them, and what is known of those rows."""

    name: str
    rows: int
    """How many there are."""
    held_out: Rows | None
    """Rows that training never saw; None where nobody says."""
    module: torch.nn.Module
    latent: bool = False
    """Whether what it concludes lies between its layers, as a space's posterior mean does."""

    @property
    def device(self) -> torch.device:
        import torch

        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @abstractmethod
    def inputs(self, rows: npt.ArrayLike) -> torch.Tensor:
        """(M, *shape) floats on the network's device, which gradients may reach."""

    @abstractmethod
    def run(self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None) -> torch.Tensor:
        """(M, *shape) -> what the network concludes, (M, K): latent means, or the module's own answer.

        ``part`` is told which part runs next. Of a space, the decoder runs after the encoder.
        """

    @abstractmethod
    def worth(
        self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(M, *shape) -> one number a row, (M,), that the whole network works for, and what ``run`` gives."""

    @abstractmethod
    def columns(self, rows: Rows) -> list[Column]:
        """What is known of the rows, beside what the network sees."""

    def untrained(self, seed: int = 0) -> Self:
        """The same network with each weight tensor's entries in a random order: what the architecture alone gives."""
        import torch

        twin = copy.copy(self)
        twin.module = copy.deepcopy(self.module)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in twin.module.parameters():
                order = torch.randperm(p.numel(), generator=generator).to(p.device)
                p.copy_(p.flatten()[order].reshape(p.shape))
        return twin

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """No dropout and no batch statistics for as long as the block lasts."""
        modes = [(m, m.training) for m in self.module.modules()]
        self.module.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode


class SpaceNetwork(Network):
    """Encoder and decoder of a space. Raises SpaceError for a model trained elsewhere."""

    latent = True

    def __init__(self, space: BaseSpace) -> None:
        if space.lacks:
            raise SpaceError(
                f"'{space.name}' was made around a model trained elsewhere, whose layers are not looked into."
            )
        self.space, self.name, self.rows = space, space.name, len(space)
        self.module: LatentModel = space.model
        held = np.asarray(space.validation_index, np.int64)
        self.held_out = held if len(held) else None

    def inputs(self, rows: npt.ArrayLike) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.array(self.space.samples[np.asarray(rows, np.int64)])).to(self.device).float()

    def run(self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None) -> torch.Tensor:
        part("encoder")
        mean = self.module.encode(x).mean
        part("decoder")
        self.module.decode(mean)
        return mean

    def worth(
        self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How well each row is rebuilt from its posterior mean: log p(x|z), or where there is no likelihood minus the
        squared error."""
        mean = self.module.encode(x).mean
        part("decoder")
        try:
            return self.module.log_likelihood(x, mean), mean
        except ModelError:
            return -(self.module.expected(mean) - x.flatten(1)).square().sum(1), mean

    def columns(self, rows: Rows) -> list[Column]:
        return read_columns(self.space, rows)


class ModuleNetwork(Network):
    """Any ``nn.Module`` on rows (N, *shape) of an array or a tensor.

    prepare: a batch as it lies in x -> the tensor that the network takes; without, floats, and uint8 in 0..1. call: how
    the network is called, (net, tensor) -> answer, for one that takes more than a tensor. columns: name -> N values,
    numbers or words. held_out: rows that the network was not trained on.
    """

    def __init__(
        self,
        net: torch.nn.Module,
        x: Any,
        *,
        name: str | None = None,
        columns: Mapping[str, Any] | None = None,
        held_out: npt.ArrayLike | None = None,
        prepare: Callable[[Any], torch.Tensor] | None = None,
        call: Callable[[torch.nn.Module, torch.Tensor], Any] | None = None,
    ) -> None:
        import torch

        if not isinstance(net, torch.nn.Module):
            raise SpaceError(f"Layers are those of a torch.nn.Module or of a space, got {type(net).__name__}.")
        if not hasattr(x, "__len__") or not hasattr(x, "shape") or not len(x):
            raise SpaceError(f"Layers need rows to run, an array or tensor (N, ...), got {type(x).__name__}.")
        self.module, self.x, self.rows = net, x, len(x)
        self.name = name or type(net).__name__
        self._prepare, self._call = prepare or _floats, call or (lambda net, x: net(x))
        self.held_out = None if held_out is None else np.unique(np.asarray(held_out, np.int64))
        if self.held_out is not None and not (self.held_out[0] >= 0 and self.held_out[-1] < self.rows):
            raise SpaceError(f"held_out has row {self.held_out[-1]:,} and there are {self.rows:,} rows.")
        self._columns = [_column(k, v, self.rows) for k, v in (columns or {}).items()]
        self._space: BaseSpace | None = None

    @classmethod
    def on(cls, net: torch.nn.Module, space: BaseSpace, **options: Any) -> ModuleNetwork:
        """A network of the user's on the encoded rows of a space, with the space's columns beside those given."""
        made = cls(net, space.samples, **options)
        made._space = space
        return made

    def inputs(self, rows: npt.ArrayLike) -> torch.Tensor:
        chosen = np.asarray(rows, np.int64)
        return self._prepare(self.x[chosen]).to(self.device)

    def run(self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None) -> torch.Tensor:
        part("network")
        try:
            answer = _tensor(self._call(self.module, x))
        except (TypeError, NotImplementedError) as error:
            raise SpaceError(
                f"'{self.name}' does not run on a batch of shape {tuple(x.shape)}: {error}; "
                "one that takes more than a tensor needs call=lambda net, x: ..."
            ) from error
        except RuntimeError as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SpaceError(
                f"'{self.name}' does not run on a batch of shape {tuple(x.shape)}: {line}; "
                "prepare= says how rows become what it takes."
            ) from error
        if answer is None:
            raise SpaceError(f"'{self.name}' answers with no tensor; call=lambda net, x: ... may pick one out.")
        return answer.flatten(1) if answer.ndim > 1 else answer[:, None]

    def worth(
        self, x: torch.Tensor, part: Callable[[Part], None] = lambda part: None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The largest answer of each row."""
        answer = self.run(x, part)
        return answer.max(1).values, answer

    def columns(self, rows: Rows) -> list[Column]:
        own = [Column(c.name, c.values[rows], c.categories) for c in self._columns]
        taken = {c.name for c in own}
        return own + [c for c in (read_columns(self._space, rows) if self._space else []) if c.name not in taken]


def _floats(batch: Any) -> torch.Tensor:
    import torch

    x = batch if isinstance(batch, torch.Tensor) else torch.from_numpy(np.array(batch))
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()


def _column(name: str, values: Any, rows: int) -> Column:
    found = np.asarray(values)
    if found.shape != (rows,):
        raise SpaceError(f"columns['{name}'] needs one value a row, ({rows},), got shape {found.shape}.")
    if found.dtype.kind == "f":
        return Column(name, found.astype(np.float64))
    if found.dtype.kind in "iub" and len(np.unique(found)) > 50:
        return Column(name, found.astype(np.float64))
    words, codes = np.unique(found.astype(str), return_inverse=True)
    return Column(name, codes.reshape(-1).astype(np.float64), tuple(words.tolist()))


def _tensor(output: Any) -> torch.Tensor | None:
    """The first tensor of what a module gives."""
    import torch

    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        return next((t for t in map(_tensor, output) if t is not None), None)
    return None


@contextmanager
def watch(network: Network, note: Note, *, worth: bool = False) -> Iterator[Callable[[torch.Tensor], Any]]:
    """Hooks on every layer for as long as the block lasts; yields what runs a batch.

    A layer is a module without children that runs. One that runs again has a number behind its name
    (``relu:2``), and one that the decoder shares with the encoder is NAME (decoder). What ``note`` returns goes on in
    the output's place. worth: what runs a batch gives ``network.worth``.
    """

    mine = threading.get_ident()  # a server may decode with the same model in another thread
    current: Part = "network"
    owner: dict[str, Part] = {}
    runs: dict[tuple[str, Part], int] = {}

    def begin(part: Part) -> None:
        nonlocal current
        current = part

    def hook(name: str) -> Callable[[torch.nn.Module, Any, Any], torch.Tensor | None]:
        def seen(module: torch.nn.Module, _inputs: Any, output: Any) -> torch.Tensor | None:
            found = _tensor(output)
            if found is None or threading.get_ident() != mine:
                return None
            runs[name, current] = count = runs.get((name, current), 0) + 1
            label = name if count == 1 else f"{name}:{count}"
            if owner.setdefault(name, current) != current:
                label = f"{label} ({current})"
            instead = note(label, current, module, found)
            return instead if found is output else None

        return seen

    handles = [m.register_forward_hook(hook(name)) for name, m in _leaves(network.module)]

    def run(x: torch.Tensor) -> Any:
        runs.clear()
        return network.worth(x, begin) if worth else network.run(x, begin)

    with network.evaluating():
        try:
            yield run
        finally:
            for handle in handles:
                handle.remove()


def _leaves(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Modules that are watched, each once: those without children."""
    within = scripted(module)
    for name, child in module.named_modules():
        if not any(child.children()) and not any(name == w or name.startswith(f"{w}.") or not w for w in within):
            yield name or type(child).__name__, child


def scripted(module: torch.nn.Module) -> tuple[str, ...]:
    """The outermost scripted modules, "" for the module itself: what they run is not Python, and no hook reaches it."""
    import torch

    found: list[str] = []
    for name, child in module.named_modules():
        inside = any(not outer or name.startswith(f"{outer}.") for outer in found)
        if isinstance(child, torch.jit.ScriptModule) and not inside:
            found.append(name)
    return tuple(found)
