"""The public API: from raw data to a ``Space``, and everything that can be asked of one."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepspace.fitting import Fit, empty_folder
from deepspace.space import BaseSpace, open_space
from deepspace.space.files import Work

if TYPE_CHECKING:
    import numpy.typing as npt

    from deepspace.data.dataset import Dataset
    from deepspace.data.schema import Schema
    from deepspace.decisions import Audit, Precedents
    from deepspace.explore import (
        Axes,
        Communities,
        Direction,
        FactorNames,
        Factors,
        LocalFactors,
        Paths,
        Regions,
        Sum,
        Traversal,
    )
    from deepspace.explore import Path as Walk
    from deepspace.explore.directions import Method
    from deepspace.explore.paths import Kind
    from deepspace.layers import Layers
    from deepspace.metrics import (
        Comparison,
        Disentanglement,
        Measures,
        OutOfDistribution,
        SideBySide,
        Stability,
        Uncovered,
        WorstRows,
    )
    from deepspace.models import Config, LatentModel
    from deepspace.models.foreign import Inputs, Second
    from deepspace.notebook.widget import ExplorerWidget
    from deepspace.training import TrainConfig
    from deepspace.training.events import Progress

__all__ = ["Space", "attach", "compare", "fit", "open", "stability"]


class Space(BaseSpace):
    """A space that answers questions. Made by ``fit``, ``attach`` or ``open``."""

    def factors(self, **options: Any) -> Factors:
        """Each latent dimension: its KL, whether it is active, what it does to the decode."""
        from deepspace.explore import factors

        return factors(self, **options)

    def name_factors(self, **options: Any) -> FactorNames:
        """The columns that single dimensions follow, where tests allow a name, with how sure it is."""
        from deepspace.explore import name_factors

        return name_factors(self, **options)

    def local_factors(self, place: Any, k: int = 3, **options: Any) -> LocalFactors:
        """The k directions in which the decode changes most around a place (a row number or latents)."""
        from deepspace.explore import local_factors

        return local_factors(self, place, k, **options)

    def traverse(self, factor: Any, **options: Any) -> Traversal:
        """Move along one latent dimension and decode each step."""
        from deepspace.explore import traverse

        return traverse(self, factor, **options)

    def axes(self, which: str | Sequence[int] | Sequence[str] = "map") -> Axes:
        """Other two dimensions to look through: "map", "pca", two latent dimensions, or two columns of numbers."""
        from deepspace.explore import axes

        return axes(self, which)

    def path(self, *through: Any, kind: Kind = "linear", steps: int = 11) -> Walk:
        """Walk through two or more places (row numbers or latents) and decode each step; ``kind`` is "linear",
        "spherical", "geodesic" or "density"."""
        from deepspace.explore import path

        return path(self, *through, kind=kind, steps=steps)

    def paths(self, *through: Any, steps: int = 11) -> Paths:
        """The four kinds of path through the same places, to be compared."""
        from deepspace.explore import paths

        return paths(self, *through, steps=steps)

    def direction(self, positive: Any, negative: Any = None, *, method: Method = "means", seed: int = 0) -> Direction:
        """From one group of rows (else the rest) to another: numbers, a mask, {column: value} or an SQL condition."""
        from deepspace.explore import direction

        return direction(self, positive, negative, method=method, seed=seed)

    def arithmetic(self, plus: Sequence[Any], minus: Sequence[Any] = (), *, k: int = 8) -> Sum:
        """a - b + c of places (row numbers or latents): its decode and the k real rows nearest to it."""
        from deepspace.explore import arithmetic

        return arithmetic(self, plus, minus, k=k)

    def regions(self, **options: Any) -> Regions:
        """The parts of the map: how many rows each has, what is distinctive of them, and a row that stands for them."""
        from deepspace.explore import regions

        return regions(self, **options)

    def communities(self, k: int = 10, *, seed: int = 0) -> Communities:
        """At most k groups of rows that hang together in the neighbour graph of the latents, found without labels."""
        from deepspace.explore import communities

        return communities(self, k, seed=seed)

    def measure(self, names: Sequence[str] | None = None) -> Measures:
        """How good the space is, on the rows that training did not see."""
        from deepspace.metrics import measure

        return measure(self, names)

    def disentanglement(self, columns: Sequence[str] | None = None) -> Disentanglement:
        """MIG, DCI, SAP, FactorVAE score and InfoMEC against two or more discrete columns that were not trained on."""
        from deepspace.metrics import disentanglement

        return disentanglement(self, columns)

    def twin(self, model: str | Config = "pca", *, on_progress: Callable[[Progress], None] | None = None) -> Space:
        """Another model of the same training rows at the same number of dimensions, as a space: principal components,
        or the family or config that is named. Made at the first ask and kept beside this one as ``NAME.FAMILY.space``.
        """
        from deepspace.metrics import record, twin

        return twin(self, model, measure=record, on_progress=on_progress)

    def side_by_side(
        self, *others: Space | str | Config, on_measure: Callable[[str], None] | None = None
    ) -> SideBySide:
        """Every measure of this space beside those of others of the same rows: spaces, or models to make twins of.
        ``on_measure`` hears what is being measured."""
        from deepspace.metrics import measure, side_by_side

        spaces = (o if isinstance(o, BaseSpace) else self.twin(o) for o in others)
        return side_by_side(self, *spaces, measure=partial(measure, tell=on_measure))

    def compare(self, other: Space | None = None, *, k: int = 10) -> Comparison:
        """This space beside another one of the same rows, or beside its own principal components."""
        return compare(self, other if other is not None else self.twin(), k=k)

    def worst_rows(self, k: int = 12) -> WorstRows:
        """The rows that the model rebuilds worst, and how many lie far outside what is usual."""
        from deepspace.metrics import worst_rows

        return worst_rows(self, k)

    def uncovered(self, *, k: int = 5, seed: int = 0, kind: Any = "principal") -> Uncovered:
        """The real rows that the model generates nothing like, and the classes and values they have more often than
        others. ``kind``: in which numbers rows are compared, "principal", "latent", "raw" or a function of your own."""
        from deepspace.metrics import uncovered

        return uncovered(self, k=k, seed=seed, kind=kind)

    def ood(
        self, x: Any, *, scores: Sequence[str] | None = None, calibration: Any = None, groups: Any = None
    ) -> OutOfDistribution:
        """Out-of-distribution scores of items in the user's units, with p-values by rows that training never saw, whole
        groups of them where ``fit`` was told of groups, or by ``calibration``, items of your own and their ``groups``.
        """
        from deepspace.metrics import ood

        return ood(self, x, scores=scores, calibration=calibration, groups=groups)

    def layers(self, net: Any = None, **options: Any) -> Layers:
        """The layers of encoder and decoder, or of another network on the same rows; see ``deepspace.layers``.

        net: a ``torch.nn.Module``, as a classifier of the same data, which is given the encoded rows (pictures in
        0..1); ``prepare`` and ``call`` say otherwise, ``held_out`` which rows it was not trained on.
        """
        from deepspace.layers import layers, look

        return layers(self) if net is None else look(net, self, **options)

    def precedents(
        self, x: Any = None, *, row: int | None = None, z: npt.ArrayLike | None = None, k: int = 10
    ) -> Precedents:
        """The nearest real rows, with their target."""
        from deepspace.decisions import precedents

        return precedents(self, x, row=row, z=z, k=k)

    def attach(self, model: Any = None, *, encode: Any = None, decode: Any = None, **options: Any) -> Space:
        """Give an opened space back the model it was made around by ``deepspace.attach`` (the same arguments), after a
        look at a few rows whether it is the same one."""
        from deepspace.space.attaching import Foreign, attach_again

        attach_again(self, Foreign(model, encode, decode, **options))
        return self

    def audit(self, predictor: Any, *, target: str | None = None, favourable: Any = None, **options: Any) -> Audit:
        """A predictor of yours, seen through this space; ``deepspace.decisions.Audit`` has the options.

        predictor: a scikit-learn estimator, a torch module, any callable, or the name of a .skops or .onnx file,
        ``package:function`` or an address. target: the column with what really happened, by default the space's own.
        favourable: the outcome that people want. Raises ModelError for what cannot be asked.
        """
        from deepspace.decisions import Audit

        return Audit(self, predictor, target=target, favourable=favourable, **options)

    def report(self, file: str | Path, *, audit: Audit | None = None, **options: Any) -> Path:
        """Write one HTML file that needs no network, and return its path.

        With an ``audit`` it is about the predictor, with JSON beside it; the options are those of
        ``deepspace.report.audit_report``.
        """
        from deepspace.report import audit_report, report

        return report(self, Path(file)) if audit is None else audit_report(audit, Path(file), **options)

    def explore(
        self,
        *,
        beside: Space | None = None,
        audit: Audit | Sequence[Audit] | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        open_browser: bool = True,
        height: int = 640,
    ) -> ExplorerWidget | None:
        """Serve the page of this space until Ctrl-C, and open it in a browser.

        beside: another space of the same rows to compare it with there, instead of its principal components.
        audit: predictors of this space, one or several, to see how they decide (``deepspace.decisions.Audit``).

        In a notebook the page is shown inline, ``height`` pixels high, and the answer is a widget whose ``selection``
        and ``pinned`` can be read, set and observed; host, port and open_browser are for the browser. Raises
        DeepspaceError in a notebook without anywidget.
        """
        from deepspace.notebook import in_notebook, show

        audits = () if audit is None else tuple(audit) if isinstance(audit, Sequence) else (audit,)
        if in_notebook():
            return show(self, beside=beside, audits=audits, height=height)
        from deepspace.server import Session, serve

        session = Session(self.name, space=self, beside=beside, audits=audits)
        serve(session, host=host, port=port, open_browser=open_browser)
        return None

    def save(self, path: str | Path, *, overwrite: bool = True) -> Space:
        """Copy the space to ``path``, whole or not at all, and open it there. An existing space there is replaced."""
        saved = super().save(path, overwrite=overwrite)
        assert isinstance(saved, Space)
        return saved


def open(path: str | Path, *, verify: bool = False) -> Space:
    """Open a space that was saved. ``verify`` checks every byte against its checksum, not only a sample.

    Raises SpaceError, naming the file at fault, for what is not a whole space.
    """
    return open_space(path, verify=verify, kind=Space)


def compare(a: Space, b: Space, *, k: int = 10) -> Comparison:
    """Two spaces of the same rows: which rebuilds better, at how many dimensions, and which neighbours they agree on.

    Raises SpaceError unless both are of the same rows, read alike.
    """
    from deepspace.metrics import compare as compared

    return compared(a, b, k=k)


def stability(spaces: Sequence[Space]) -> Stability:
    """Which latent dimensions of the first space come back in the others, of the same rows and fitted with other seeds.

    Raises SpaceError unless there are two or more, of the same rows.
    """
    from deepspace.metrics import stability as measured

    return measured(spaces)


def fit(
    source: Any,
    *,
    model: Config | None = None,
    path: str | Path | None = None,
    target: str | None = None,
    include_target: bool = False,
    groups: str | npt.ArrayLike | None = None,
    schema: Schema | Mapping[str, Any] | str | Path | None = None,
    modality: str | None = None,
    image_size: int | None = None,
    seed: int = 0,
    training: TrainConfig | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[LatentModel, int], None] | None = None,
    on_dataset: Callable[[Dataset], None] | None = None,
    on_places: Callable[[npt.NDArray[Any], npt.NDArray[Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    overwrite: bool = True,
) -> Space:
    """Learn a space from data.

    source: a path (file, folder, zip), a data frame, an Arrow table, an array, or (array, labels).
    model: a model configuration; whatever it leaves open is chosen from the data.
    path: the folder to keep the space in. Without it the space lives in a temporary folder until it is garbage
        collected or Python ends; ``Space.save`` keeps it.
    target, include_target, schema, modality, image_size: how to read the data, as in ``deepspace.data.load``.
    groups: where rows come in clumps, as several of one person: a column, which is then not learned from, or one value
        a row (N,). Whole groups are held out together, so that what is measured on them holds for new ones.
    seed: with the same input, device and threads, the same seed gives the same space.
    training: how to train; ``seed`` and the checkpoint are filled in here.
    on_progress: called with a ``Progress`` many times a second; on_epoch: with the model and the epoch, after each;
        on_dataset: with the data, as soon as it is read; on_places: with row numbers and their positions while the map
        takes shape.
    should_stop: asked after each epoch; True ends training and keeps the best model so far.
    overwrite: whether a space already at ``path`` is replaced, once the new one is whole.

    Cut short by Ctrl-C or a kill, the same call goes on where it stopped: what is needed lies in ``PATH.partial``.
    Raises DeepspaceError with one sentence for input that cannot be used.
    """
    fitting = Fit(seed, on_progress)
    reading = {
        "target": target, "include_target": include_target, "schema": schema, "modality": modality,
        "image_size": image_size, "groups": groups,
    }  # fmt: skip

    def make(work: Work) -> None:
        fitting.run(work, source, reading, model, training, on_epoch, on_dataset, on_places, should_stop)

    return _made(path, _name_of(source), overwrite, make)


def attach(
    model: Any = None,
    *,
    data: Any,
    encode: Any = None,
    decode: Any = None,
    latents: Any = None,
    inputs: Inputs | None = None,
    flat: bool | None = None,
    second: Second | None = None,
    prior: Literal["normal", "none"] | None = None,
    held_out: Sequence[int] | None = None,
    path: str | Path | None = None,
    device: str = "cpu",
    batch: int = 256,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    overwrite: bool = True,
    **reading: Any,
) -> Space:
    """A space around a model that was trained elsewhere, or around latents alone.

    model: an object with ``encode`` and ``decode`` (diffusers' AutoencoderKL among them), ``encoder`` and ``decoder``
        (pythae), ``transform`` and ``inverse_transform`` (scikit-learn), or a trained scvi-tools model.
    encode, decode: instead of a model, two callables or torch modules. Arrays or tensors, whichever they take. encode
        gives latents (B, D) or (B, c, h, w), alone or with a posterior: (mean, scale), (mean, log-variance) or a
        distribution. Without decode, what needs to decode says so and the rest works.
    latents: (N, D), the latents of the rows where they are known already; then no encoder is needed.
    data: the rows, as for ``fit``; ``reading`` goes to ``deepspace.data.load`` (target, schema, modality, image_size).
    inputs: what the model is handed: "raw", the data's own units and value range; for pictures also "unit", 0 to 1, or
        "signed", -1 to 1; "encoded", rows as this house's models see them (standardised). Pictures are (B, C, H, W)
        float32. Left out, it is "raw", and for pictures the one that rebuilds a few rows best, which a note says.
    flat: hand over (B, values) instead; scikit-learn's always are.
    second: what the second of a pair is, "scale" or "log_variance"; without it, one with negative values is the latter.
    prior: "normal" if places may be drawn from N(0, I); by default where the encoder gives a posterior.
    held_out: rows that the model was not trained on, by number or mask; without it measures are taken on all rows,
        and flatter the model.
    ``groups``, as for ``fit``, says which rows belong together; ``held_out`` is then whole groups.

    The folder keeps rows, latents, map and figures, and none of the model: ``open`` it, and ``Space.attach`` the model
    again for what needs one. Raises DeepspaceError with one sentence where model and rows do not fit together.
    """
    from deepspace.data import load
    from deepspace.metrics import record
    from deepspace.space.attaching import Foreign, build_attached
    from deepspace.space.opening import check_room

    foreign = Foreign(model, encode, decode, latents, inputs, flat, second, prior, device, batch)
    attached: list[LatentModel] = []

    def make(work: Work) -> None:
        dataset = load(data, workdir=empty_folder(work.folder / "data"), **reading)
        check_room(work.target, dataset.array.nbytes)
        attached.append(
            build_attached(
                dataset, foreign, work, held_out=held_out, seed=seed, on_progress=on_progress, measure=record
            )
        )

    space = _made(path, _name_of(data), overwrite, make)
    space.give_model(attached[0])
    return space


def _made(path: str | Path | None, name: str, overwrite: bool, make: Callable[[Work], None]) -> Space:
    """Open what ``make`` built at ``path``, or in a temporary folder that lives as long as the space."""
    if path is not None:
        with Work(Path(path), overwrite=overwrite) as work:
            make(work)
        return open(work.target)
    folder = Path(tempfile.mkdtemp(prefix="deepspace-"))
    try:
        with Work(folder / f"{name}.space") as work:
            make(work)
        space = open(work.target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(space, shutil.rmtree, folder, ignore_errors=True)  # also called when Python ends
    return space


def _name_of(source: Any) -> str:
    """A name for a space without a path: the file's stem, else 'space'."""
    if not isinstance(source, (str, os.PathLike)):
        return "space"
    stem = Path(os.path.abspath(os.fspath(source))).name.split(".")[0]
    return stem or "space"
