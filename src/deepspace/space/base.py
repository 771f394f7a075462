"""A space: the rows, the model, the latents and the map under one name, all of it lazily read from one folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from deepspace.data.groups import Groups
from deepspace.data.schema import Schema
from deepspace.errors import DataError, SpaceError
from deepspace.space.density import Density
from deepspace.space.figures import FIGURES, batch_rows
from deepspace.space.manifest import joined
from deepspace.space.neighbours import Index, Neighbours
from deepspace.space.rows import Rows

if TYPE_CHECKING:
    from deepspace.models.base import LatentModel
    from deepspace.space.map import FittedMap
    from deepspace.space.map.distortion import Distortion

__all__ = ["BaseSpace", "Latents"]

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Latents:
    """The posterior of every row. mean, scale: (N, D) float32, memory-mapped and read-only."""

    mean: Float
    scale: Float

    def __len__(self) -> int:
        return len(self.mean)


class BaseSpace:
    """What a model has learned from data, and the data, under one name.

    Made by ``build`` or ``open_space``. Opening reads a manifest and maps files; the model, the map and the database
    are loaded when first asked for. Every array that belongs to the rows is in the rows' order.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], *, name: str | None = None) -> None:
        self.folder = folder
        self.manifest = dict(manifest)
        self.name = name or folder.name.removesuffix(".space") or folder.name
        self._lock = threading.RLock()
        from deepspace.data import schema_from_json

        where = f"cannot open '{folder.name}': {folder / 'manifest.json'}"
        try:
            rows, dim = int(manifest["rows"]), int(manifest["latent_dim"])
            self.schema: Schema = schema_from_json(manifest["schema"])
            columns = [str(name) for name in manifest["columns"]]
        except DataError as error:
            raise SpaceError(f"{where} has a schema that cannot be used: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise SpaceError(f"{where} lacks {error}; restore it from a copy") from error
        shape = self.schema.shape
        self.latents = Latents(self._map("latents_mean.npy", (rows, dim)), self._map("latents_scale.npy", (rows, dim)))
        self.samples: npt.NDArray[Any] = self._map("samples.npy", (rows, *shape), self.schema.dtype)
        table = self._map("figures.npy", (len(FIGURES), rows))
        self.figures: dict[str, Float] = {
            name: table[i] for i, name in enumerate(FIGURES) if name in manifest.get("figures", FIGURES)
        }
        self.rows = Rows(folder / "rows.parquet", columns, rows, self.figures)

    def _map(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        path = self.folder / name
        try:
            array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SpaceError(f"cannot open '{self.folder.name}': {path} is not a .npy file ({error})") from error
        if array.shape != shape or array.dtype != np.dtype(dtype) or not array.flags.c_contiguous:
            raise SpaceError(
                f"cannot open '{self.folder.name}': {path} holds {array.dtype} {array.shape}, "
                f"the manifest says {np.dtype(dtype)} {shape}"
            )
        return array

    def __len__(self) -> int:
        return len(self.latents)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.schema.shape))
        rows = f"{len(self)} {self.schema.modality} rows of {shape}"
        return f"{type(self).__name__}('{self.name}': {rows}, {self.latent_dim} latents)"

    @property
    def latent_dim(self) -> int:
        """D."""
        return int(self.latents.mean.shape[1])

    @property
    def history(self) -> dict[str, Any]:
        """How training went: ``History.to_json``, timings included."""
        timings = self.manifest.get("run", {}).get("history", {})
        return dict(joined(self.manifest.get("history", {}), timings))

    @cached_property
    def validation_index(self) -> npt.NDArray[np.int64]:
        """Rows that training did not see, ascending; empty if it saw them all."""
        if "validation.npy" not in self.manifest["files"]:
            return np.empty(0, np.int64)
        return np.asarray(np.load(self.folder / "validation.npy", allow_pickle=False), np.int64)

    @cached_property
    def groups(self) -> Groups | None:
        """Which rows belong together (windows of one person, stays of one patient) and were held out together; None
        where rows were held out one by one."""
        if "groups.npy" not in self.manifest["files"]:
            return None
        told = self.manifest.get("groups") or {}
        codes = self._map("groups.npy", (len(self),), np.int32)
        return Groups(np.asarray(codes), str(told.get("column", "")), int(told.get("missing", 0)))

    @property
    def cluster_column(self) -> str | None:
        """The column that holds each row's cluster, where the model's prior is made of clusters."""
        name = self.manifest.get("clusters")
        return None if name is None else str(name)

    def clusters(self, x: Any = None, *, z: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """(n, K): how probable each cluster is, for rows in the user's units or for latents (n, D).

        Raises SpaceError where the model's prior is not made of clusters.
        """
        from deepspace.space.clusters import probabilities

        if (x is None) == (z is None):
            raise SpaceError(f"cannot find clusters in '{self.name}': give either x or z")
        found = probabilities(self.model, self.encode(x) if z is None else self._check_z(z, "find the clusters of"))
        if found is None:
            raise SpaceError(
                f"'{self.name}' has no clusters: its prior is not a mixture; fit with VAE(prior='mixture')"
            )
        return found

    @cached_property
    def measures(self) -> dict[str, Any]:
        """What was measured when the space was built."""
        return dict(json.loads((self.folder / "measures.json").read_bytes()))

    @cached_property
    def model(self) -> LatentModel:
        """The trained model, in evaluation mode."""
        import torch
        from safetensors.torch import load_file

        from deepspace.models import from_json

        # Whoever asks first may be in inference mode; weights made there could never be differentiated through.
        with self._lock, torch.inference_mode(False):
            model: LatentModel = from_json(self.manifest["model"])
            path = self.folder / "weights.safetensors"
            try:
                model.load_state_dict(load_file(path))
            except Exception as error:  # safetensors and torch each raise their own
                first = str(error).strip().splitlines()[0]
                raise SpaceError(f"cannot load the model of '{self.name}': {path} does not fit it ({first})") from error
            return model.eval()

    def give_model(self, model: LatentModel) -> None:
        """From now on encode and decode with this one, for a model that is not kept in the folder."""
        self.__dict__["model"] = model

    @property
    def lacks(self) -> frozenset[str]:
        """What a model trained elsewhere was attached without, or is without until it is attached again: "encoder",
        "decoder", "posterior", "prior", "likelihood". Empty for this house's own models."""
        return self.model.lacks

    @cached_property
    def map(self) -> FittedMap:
        """The two-dimensional view: ``transform``, ``inverse_transform``, ``positions``, ``trust``."""
        from safetensors.torch import load_file

        from deepspace.space.map import FittedMap

        with self._lock:
            positions = self._map("map.npy", (len(self), 2))
            tensors = load_file(self.folder / "map.safetensors")
            return FittedMap.load(tensors, self.manifest["map"], positions, self.latents.mean)

    # From the user's units to latents and back

    def encode(self, x: Any) -> Float:
        """Whatever the space could be fitted on (rows, a frame, an array, a path) -> posterior means (M, D).

        A path is read in blocks, with reading ahead, so that a file larger than memory is encoded in constant memory.
        """
        means = [self._encode_block(block)[0] for block in self._blocks(x)]
        return _joined(means, self.latent_dim)

    def posterior(self, x: Any) -> tuple[Float, Float]:
        """As ``encode``: posterior mean and scale, each (M, D)."""
        pairs = [self._encode_block(block, scaled=True) for block in self._blocks(x)]
        mean, scale = ([pair[i] for pair in pairs] for i in (0, 1))
        return _joined(mean, self.latent_dim), _joined(scale, self.latent_dim)

    def _blocks(self, x: Any) -> Iterator[npt.NDArray[Any]]:
        """Encoded rows in blocks of a model batch or more."""
        if isinstance(x, (str, Path)):
            from deepspace.data import stream

            yield from stream(x, self.schema)
        else:
            yield self.schema.encode(x)

    def _encode_block(self, block: npt.NDArray[Any], *, scaled: bool = False) -> tuple[Float, Float]:
        """Posterior mean and, where asked for, scale of encoded rows; one model batch at a time."""
        import torch

        self._check_encoded(block)
        model, rows = self.model, batch_rows(self.schema.shape)
        mean = np.empty((len(block), self.latent_dim), np.float32)
        scale = np.empty_like(mean) if scaled else mean[:0]
        with torch.inference_mode():
            for start in range(0, len(block), rows):
                piece = np.ascontiguousarray(block[start : start + rows])
                posterior = model.encode(torch.from_numpy(piece if piece.flags.writeable else piece.copy()))
                mean[start : start + rows] = posterior.mean
                if scaled:
                    scale[start : start + rows] = posterior.scale
        return mean, scale

    def _check_encoded(self, block: npt.NDArray[Any]) -> None:
        if tuple(block.shape[1:]) != tuple(self.schema.shape):
            raise SpaceError(
                f"cannot encode with '{self.name}': rows have shape {block.shape[1:]}, "
                f"this space has {self.schema.shape}"
            )

    @property
    def conditions(self) -> tuple[str, ...]:
        """The values of the column that the model was told of (``ConditionalVAE``), the commonest first; else none."""
        return self.model.conditions

    @cached_property
    def condition_codes(self) -> npt.NDArray[np.int64] | None:
        """(N,): each row's place among ``conditions``; None for a model without a condition."""
        from deepspace.models.conditions import codes_of

        name = self.model.condition
        return None if name is None else codes_of(self.model, self.rows.table([name]))

    def decode(self, z: Any, *, condition: Any = None) -> Any:
        """z: (M, D), or one (D,) -> M rows in the user's own units: the mean of p(x|z), categories by their mode.

        A table's cell is missing where the model says that it is more likely missing than not. condition: one of
        ``conditions``, for a model that has them; without it the commonest.
        """
        from deepspace.space.sampling import blank

        z = self._check_z(z, "decode")
        decoded = self.decode_encoded(z, condition=condition)
        return self.schema.decode(blank(self, z, decoded, self._codes(condition, len(z))))

    def decode_encoded(self, z: Any, *, condition: Any = None) -> Float:
        """z: (M, D) -> (M, *shape) float32, as the model gives them: images 0..255, other modalities standardised.

        condition: as for ``decode``, or codes (M,), one a row.
        """
        import torch

        z = self._check_z(z, "decode")
        result = np.empty((len(z), *self.schema.shape), np.float32)
        rows, codes = batch_rows(self.schema.shape), self._codes(condition, len(z))
        with torch.inference_mode():
            for start in range(0, len(z), rows):
                part = slice(start, start + rows)
                model = self.model if codes is None else self.model.given(torch.from_numpy(codes[part]))
                result[part] = model.decode(torch.from_numpy(z[part])).float().numpy()
        return result

    def _codes(self, condition: Any, count: int) -> npt.NDArray[np.int64] | None:
        """(count,): the codes of a condition given by name or, as codes, row by row."""
        if condition is None:
            return None
        if isinstance(condition, np.ndarray) and condition.dtype.kind == "i" and condition.shape == (count,):
            return condition
        if str(condition) not in self.conditions:
            known = f"it has {', '.join(self.conditions)}" if self.conditions else "its model has none"
            raise SpaceError(f"cannot decode with '{self.name}': there is no condition {condition!r}; {known}")
        return np.full(count, self.conditions.index(str(condition)), np.int64)

    def reconstruct(self, x: Any, *, condition: Any = None) -> Any:
        """Encode, then decode the posterior mean: M rows in the user's own units. ``condition`` as for ``decode``; a
        frame that has the condition's column is rebuilt under each row's own."""
        return self.decode(self.encode(x), condition=self._told(x) if condition is None else condition)

    def _told(self, x: Any) -> npt.NDArray[np.int64] | None:
        """(M,): the conditions that a frame of rows says; None where it says none."""
        from deepspace.data.frames import flavour_of, from_frame
        from deepspace.models.conditions import codes_of

        if self.model.condition is None or flavour_of(x) is None:
            return None
        table = from_frame(x)[0]
        return codes_of(self.model, table) if self.model.condition in table.column_names else None

    def sample(
        self, n: int, seed: int = 0, *, noise: bool | None = None, given: Mapping[str, Any] | None = None
    ) -> Any:
        """n new rows in the user's own units, from z drawn from the model's prior.

        With ``noise`` each row is a draw from p(x|z), without it the mean. By default tables and counts are drawn,
        since a mean of ages or the most frequent category would be the same in every row; the rest are means.
        ``given`` {column: value} are conditions that the rows fulfil; see ``deepspace.space.sampling``.
        """
        if self._draws(noise):
            return self.schema.decode(self.sample_encoded(n, seed, noise=True, given=given))
        from deepspace.space.sampling import latents

        return self.decode(latents(self, n, seed, given=given))

    def sample_encoded(
        self, n: int, seed: int = 0, *, noise: bool | None = None, given: Mapping[str, Any] | None = None
    ) -> Float:
        """(n, *shape): as ``sample``, as encoded rows; NaN where a drawn cell of a table is missing."""
        from deepspace.space.sampling import draw_encoded, latents

        if self._draws(noise):
            return draw_encoded(self, n, seed, given=given).encoded
        return self.decode_encoded(latents(self, n, seed, given=given))

    def _draws(self, noise: bool | None) -> bool:
        return self.schema.form in ("table", "counts") if noise is None else noise

    def impute(self, x: Any, *, samples: int = 100, seed: int = 0) -> Any:
        """Rows of a table in the user's own units -> the same rows, each missing cell filled with what the model
        expects from the cells that are there: a mean, or the likeliest category. See ``deepspace.space.imputing``."""
        from deepspace.space.imputing import impute

        return impute(self, x, samples=samples, seed=seed)

    def sample_prior(self, n: int, seed: int = 0) -> Float:
        """(n, D): latents drawn from the model's prior, those that ``sample`` decodes."""
        import torch

        with torch.inference_mode():
            z = self.model.sample_prior(n, torch.Generator().manual_seed(seed))
        return np.asarray(z.numpy(), np.float32)

    # Where things are

    def neighbors(self, x: Any = None, *, z: Any = None, k: int = 10) -> Neighbours:
        """The k rows nearest to each of x (the user's units) or z (latents), by Euclidean distance between means (each
        dimension weighed as the model asks: principal components by their variance).

        Exact for up to 100,000 rows, and for a few queries up to 1,000,000; beyond, by an index whose measured recall
        the answer carries. A row of the space is its own nearest neighbour.
        """
        if (x is None) == (z is None):
            raise SpaceError(f"cannot find neighbours in '{self.name}': give either x or z")
        if not 1 <= k <= len(self):
            raise SpaceError(
                f"cannot find {k} neighbours in '{self.name}': it has {len(self)} rows; k may be 1 to {len(self)}"
            )
        places = self.encode(x) if z is None else self._check_z(z, "find neighbours")
        return self._index.search(places, k)

    def density(self, z: Any) -> Float:
        """(M,) log density, in nats, of the encoded rows at z (M, D). See ``deepspace.space.density``."""
        return self._density.at(self._check_z(z, "measure density"))

    def density_percentile(self, z: Any) -> Float:
        """(M,) 0..100: the share of the space's rows that lie in less crowded places than z, each left out in turn."""
        return self.percentile_of(self.density(z))

    def percentile_of(self, log_density: npt.ArrayLike) -> Float:
        """Log densities (M,) -> percentiles 0..100 among the rows' own leave-one-out values."""
        values = np.asarray(log_density, np.float32)
        return (100.0 * np.searchsorted(self._sorted_density, values) / len(self)).astype(np.float32)

    @cached_property
    def _sorted_density(self) -> Float:
        return np.sort(self.figures["log_density"])

    def uncertainty(self, z: Any) -> Float:
        """(M,) how far the decode of z (M, D) moves, in encoded units, when z moves by the posterior scale of the rows
        near it: root mean square over elements. Not a measure of whether there is data at z: that is ``density``.

        Grey levels for images, standard deviations for numbers; see ``deepspace.space.uncertainty``.
        """
        from deepspace.space.uncertainty import uncertainty

        return uncertainty(self, self._check_z(z, "measure uncertainty"))

    def uncertainty_percentile(self, z: Any) -> Float:
        """(M,) 0..100: the share of the space's rows (a fixed sample) whose decode is surer than that of z."""
        return self.uncertainty_percentile_of(self.uncertainty(z))

    def uncertainty_percentile_of(self, values: npt.ArrayLike) -> Float:
        """What ``uncertainty`` gave (M,) -> percentiles 0..100 among the own values of a fixed sample of rows."""
        own = self._sorted_uncertainty
        return (100.0 * np.searchsorted(own, np.asarray(values, np.float32)) / len(own)).astype(np.float32)

    def distortion(self) -> Distortion:
        """What the flattening did to each row's neighbourhood; its means are ``space.map.trust``. A few seconds."""
        from deepspace.space.map.distortion import measure_distortion

        seed = int(self.manifest.get("provenance", {}).get("seed", 0))
        rows, k = int(self.map.trust["n"]), int(self.map.trust["k"])
        return measure_distortion(self.latents.mean, self.map.positions, k=k, rows=rows, seed=seed)

    @cached_property
    def _sorted_uncertainty(self) -> Float:
        from deepspace.space.uncertainty import uncertainty_of_rows

        return uncertainty_of_rows(self)

    @cached_property
    def _index(self) -> Index:
        weights = self.manifest.get("neighbours", {}).get("weights")
        return Index(self.latents.mean, weights=None if weights is None else np.asarray(weights, np.float32))

    @cached_property
    def _density(self) -> Density:
        return Density(self.latents.mean, np.asarray(self.manifest["density"]["unit"], np.float32))

    def _check_z(self, z: Any, doing: str) -> Float:
        try:
            array = np.ascontiguousarray(z.detach().cpu() if hasattr(z, "detach") else z, np.float32)
        except (TypeError, ValueError):
            raise SpaceError(f"cannot {doing} with '{self.name}': z is not an array of numbers") from None
        if array.ndim == 1 and array.shape[0] == self.latent_dim:
            array = array[None]
        if array.ndim != 2 or array.shape[1] != self.latent_dim:
            raise SpaceError(
                f"cannot {doing} with '{self.name}': z has shape {tuple(np.shape(z))}, "
                f"this space has {self.latent_dim} latent dimensions"
            )
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array).all(1))[0])
            raise SpaceError(f"cannot {doing} with '{self.name}': row {row} of z holds NaN or infinity")
        return array if array.flags.writeable else array.copy()

    # On disk

    def save(self, path: str | Path, *, overwrite: bool = True) -> BaseSpace:
        """Copy the space to another folder, whole or not at all, and open it there.

        An existing space at ``path`` is replaced (unless ``overwrite`` is False); any other folder is left alone.
        """
        from deepspace.space.opening import copy_space

        return copy_space(self, Path(path), overwrite=overwrite)

    def close(self) -> None:
        """Let go of open files. Arrays taken from the space stay valid."""
        self.rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _joined(blocks: list[Float], dim: int) -> Float:
    """Blocks (B, D) as one array; no copy of a single one."""
    if not blocks:
        return np.empty((0, dim), np.float32)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
