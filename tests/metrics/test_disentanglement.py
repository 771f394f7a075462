"""The measures of disentanglement: known codes, hand-made tables, and independent implementations."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from deepspace.data.schema import Column
from deepspace.errors import SpaceError
from deepspace.metrics import Measure, disentanglement, measure
from deepspace.metrics.disentanglement import dci, factor_vae_score, infomec, information, mig, sap
from deepspace.metrics.disentanglement.dci import completeness_of, disentanglement_of
from deepspace.metrics.disentanglement.forest import grow
from deepspace.metrics.disentanglement.infomec import compactness_of, modularity_of
from deepspace.metrics.disentanglement.information import _mutual, levels

SIZES = (3, 6, 10)


def factors(n: int = 3000, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, k, n) for k in sizes], 1)


def every(z: np.ndarray, f: np.ndarray) -> dict[str, Measure]:
    found = (mig(z, f), *dci(z, f), sap(z, f), factor_vae_score(z, f), *infomec(z, f))
    return {m.name: m for m in found}


def rotated(f: np.ndarray, seed: int = 0) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(f.shape[1], f.shape[1])))[0]
    return ((f - f.mean(0)) / f.std(0)) @ turn


ONE = ("mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae_score", "infom", "infoc")


@pytest.mark.parametrize("kind", ["codes", "noisy", "stretched"])
def test_a_code_of_one_dimension_a_factor_reaches_the_top(kind: str) -> None:
    f, rng = factors(), np.random.default_rng(1)
    z = f.astype(float)
    if kind == "noisy":
        z = np.concatenate([z + 0.01 * rng.normal(size=z.shape), rng.normal(size=(len(z), 3))], 1)
    if kind == "stretched":
        z = np.stack([np.exp(z[:, 0]), -(z[:, 1] ** 3), z[:, 2] * 1e6], 1)  # any increasing or falling function will do
    found = every(z, f)
    for name in ONE:
        assert found[name].value > (0.9 if kind == "noisy" else 0.99), name
    assert found["sap"].value > (0.8 if kind == "stretched" else 0.9)
    for each in found.values():
        assert each.interval is not None
        assert each.interval[0] <= each.value <= each.interval[1], each.name


def test_a_rotated_code_falls_and_still_informs() -> None:
    f = factors()
    straight = every(f + 0.001 * np.random.default_rng(3).normal(size=f.shape), f)
    turned = every(rotated(f + 0.001 * np.random.default_rng(3).normal(size=f.shape), 2), f)
    for name in ("mig", "dci_disentanglement", "dci_completeness", "sap", "infom", "infoc"):
        assert turned[name].value < 0.7 * straight[name].value, name
    assert turned["infoe"].value == pytest.approx(straight["infoe"].value, abs=0.05)  # linear, whatever the axes


@pytest.mark.parametrize("n", [200, 3000])
def test_a_code_that_knows_nothing_gets_nothing(n: int) -> None:
    for seed in range(5):
        found = every(np.random.default_rng(seed + 10).normal(size=(n, 6)), factors(n, seed))
        for name in ("dci_disentanglement", "dci_completeness", "infom", "infoc"):
            assert found[name].value == 0, name
        assert found["mig"].value < (0.06 if n == 200 else 0.005)
        assert found["sap"].value < 0.1
        assert found["infoe"].value < 0.01
        assert found["dci_informativeness"].value == pytest.approx(found["dci_informativeness"].baseline, abs=0.08)
        # With few rows the same rows come up in many votes, so that what chance made of them is learned and met again.
        assert found["factor_vae_score"].value < (0.65 if n == 200 else 0.5)


def test_information_is_that_of_an_independent_implementation() -> None:
    rng = np.random.default_rng(3)
    f = factors(400)
    codes = np.stack([f[:, 0] * 2 + rng.integers(0, 2, 400), rng.integers(0, 7, 400), (f[:, 2] + f[:, 1]) % 5], 1)
    found, entropy = _mutual(codes, f)
    for d in range(3):
        for k in range(3):
            assert found[d, k] == pytest.approx(mutual_info_score(codes[:, d], f[:, k]), abs=1e-12)
    assert entropy == pytest.approx([mutual_info_score(f[:, k], f[:, k]) for k in range(3)])


def test_chance_is_taken_off_as_vinh_2010_does_exactly() -> None:
    """scikit-learn's adjusted score has the expectation in closed form; ours is the mean of ten orders."""
    f = factors(300, 5, (4, 4))
    z = np.stack([f[:, 0], np.random.default_rng(0).integers(0, 4, 300)], 1).astype(float)
    z[:100, 0] = 0
    nmi = information(z, f).nmi
    for d in range(2):
        for k in range(2):
            # Normalised by the factor's entropy, as MIG is.
            exact = adjusted_mutual_info_score(f[:, k], z[:, d], average_method="max")
            assert nmi[d, k] == pytest.approx(max(exact, 0), abs=0.02)


def test_counts_alone_would_see_information_that_is_not_there() -> None:
    f = factors(300, 1, (10, 10))
    z = np.random.default_rng(2).normal(size=(300, 4))
    plain = np.array([[mutual_info_score(levels(z[:, d]), f[:, k]) for k in range(2)] for d in range(4)]) / np.log(10)
    assert plain.min() > 0.08
    assert information(z, f).nmi.max() < 0.05


def test_gap_of_a_table_made_by_hand() -> None:
    """One binary factor; the first dimension knows it, the second knows half of the rows."""
    f = np.tile([[0], [1]], (2000, 1))
    second = np.where(np.arange(4000) % 4 < 2, f[:, 0] + 1, 0)
    z = np.stack([f[:, 0], second], 1).astype(float)
    assert mig(z, f).value == pytest.approx(0.5, abs=0.01)


def test_dci_of_tables_made_by_hand() -> None:
    straight = np.array([[1.0, 0], [0, 1], [0, 0]])
    assert disentanglement_of(straight) == pytest.approx(1)
    assert completeness_of(straight) == pytest.approx(1)
    # The first dimension serves two factors alike and matters twice as much as the two that share the third factor.
    shared = np.array([[1.0, 1.0, 0], [0, 0, 0.5], [0, 0, 0.5]])
    assert disentanglement_of(shared) == pytest.approx(2 / 3 * (1 - np.log(2) / np.log(3)) + 1 / 3)
    assert completeness_of(shared) == pytest.approx((1 + 1 + 1 - np.log(2) / np.log(3)) / 3)
    assert disentanglement_of(np.zeros((3, 3))) == completeness_of(np.zeros((3, 3))) == 0


def test_infomec_of_tables_made_by_hand() -> None:
    nmi = np.array([[0.8, 0.0], [0.3, 0.1]])
    assert modularity_of(nmi) == pytest.approx(((1 + 0.75) / 2 - 0.5) / 0.5)
    told = np.array([True, True])
    assert compactness_of(nmi, told) == pytest.approx(((0.8 / 1.1 + 1) / 2 - 0.5) / 0.5)
    assert compactness_of(nmi, np.array([True, False])) == pytest.approx(((0.8 / 1.1 + 0.5) / 2 - 0.5) / 0.5)


def test_sap_is_the_gap_of_squared_correlations() -> None:
    f = factors(2000, 2, (9, 9))
    rng = np.random.default_rng(0)
    z = np.stack([f[:, 0] + rng.normal(size=2000), f[:, 0] + 3 * rng.normal(size=2000), f[:, 1]], 1)
    r = np.square(np.corrcoef(z.T, f.T)[:3, 3:])
    ordered = np.sort(r, 0)
    assert sap(z, f).value == pytest.approx((ordered[-1] - ordered[-2]).mean())
    # Unordered: dimension 2 tells factor 1 exactly, the others guess at one in nine.
    assert sap(z, f, [False, False]).value == pytest.approx(sap(z, f.astype(str)).value)
    assert sap(z[:, 2:], f.astype(str)).value == pytest.approx((1 + 1 / 9) / 2, abs=0.03)


def test_codes_are_told_by_their_values_whatever_their_order() -> None:
    """As indicators: a code whose numbers are out of order is as explicit as any."""
    f = factors(2000)
    shuffled = np.stack([np.random.default_rng(k).permutation(size)[f[:, k]] for k, size in enumerate(SIZES)], 1)
    for z in (f, shuffled):
        assert infomec(z, f)[1].value > 0.97


def test_a_dead_dimension_wins_no_vote() -> None:
    f = factors()
    rare = (np.random.default_rng(0).random((len(f), 1)) < 0.01) * 3.0
    z = np.concatenate([f, np.full((len(f), 1), 7.0), rare], 1)
    assert factor_vae_score(z, f).value == 1
    assert factor_vae_score(np.zeros((100, 2)), factors(100)).value == 0


def test_trees_part_where_the_classes_do() -> None:
    """Against scikit-learn's tree on the same bins: as many rows told right, and the same dimensions matter."""
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 16, (4000, 5))
    y = (codes[:, 1] > 7) * 2 + (codes[:, 3] + codes[:, 1] > 20)
    tree = grow(codes[:2000], y[:2000])
    theirs = DecisionTreeClassifier(max_depth=10, min_samples_leaf=4, random_state=0).fit(codes[:2000], y[:2000])
    ours = (tree.predict(codes[2000:]) == y[2000:]).mean()
    assert ours > theirs.score(codes[2000:], y[2000:]) - 0.01
    np.testing.assert_allclose(tree.importance / tree.importance.sum(), theirs.feature_importances_, atol=0.01)
    assert tree.importance[[0, 2, 4]].max() < 0.01 * tree.importance.sum()


@pytest.mark.parametrize("score", [lambda z, f: mig(z, f), lambda z, f: infomec(z, f)[0], lambda z, f: sap(z, f)])
def test_intervals_hold_what_they_promise(score: Callable[[Any, Any], Measure]) -> None:
    """What many rows say lies in the interval that few rows give about as often as it says."""

    def made(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        f = factors(n, seed, (5, 4))
        noise = np.random.default_rng(seed + 1000).normal(size=(n, 2))
        return np.stack([f[:, 0] + noise[:, 0], f[:, 1] + 0.4 * f[:, 0] + 0.5 * noise[:, 1]], 1), f

    truth = score(*made(60_000, 10_000)).value
    hits = 0
    for seed in range(60):
        interval = score(*made(1500, seed)).interval
        assert interval is not None
        hits += interval[0] <= truth <= interval[1]
    assert hits >= 49, hits  # 57 expected; 48 or fewer has a chance of 1 in 2,000


WRONG: list[tuple[Any, Any, str]] = [
    (np.zeros((50, 2)), np.zeros((40, 2)), "same rows"),
    (np.zeros(50), np.zeros((50, 2)), r"latents \(n, D\)"),
    (np.full((50, 2), np.nan), factors(50), "finite latents"),
    (np.zeros((5, 2)), factors(5), "at least 20 rows"),
    (np.zeros((50, 2)), np.zeros((50, 2)), "factor 0 has 1 different values"),
    (np.zeros((50, 2)), np.random.default_rng(0).normal(size=(50, 2)), "bin a continuous one first"),
]


@pytest.mark.parametrize(("z", "f", "message"), WRONG)
def test_what_cannot_be_measured_is_refused(z: Any, f: Any, message: str) -> None:
    for score in (mig, dci, sap, factor_vae_score, infomec):
        with pytest.raises(SpaceError, match=message):
            score(z, f)


def test_one_factor_is_enough_for_a_gap_but_not_for_a_table() -> None:
    f = factors(100)[:, :1]
    assert mig(f.astype(float), f).value == pytest.approx(1, abs=0.005)
    for score in (dci, factor_vae_score, infomec):
        with pytest.raises(SpaceError, match="at least 2 known factors, got 1"):
            score(f.astype(float), f)
    with pytest.raises(SpaceError, match="one entry of ordered a factor: 1, got 2"):
        sap(f.astype(float), f, [True, True])


class Known:
    """Duck-typed ``BaseSpace`` whose latents are some columns."""

    def __init__(self, roles: tuple[str, str, str] = ("metadata", "metadata", "target"), n: int = 2000) -> None:
        f = factors(n)
        self.name, self.latent_dim = "known", 3
        self.latents = SimpleNamespace(mean=f.astype(np.float32), scale=np.ones((n, 3), np.float32))
        names = ("shape", "size", "place")
        values: list[Any] = [
            np.array(["square", "heart", "ellipse"])[f[:, 0]].tolist(),
            f[:, 1].tolist(),
            f[:, 2].tolist(),
        ]
        values[1][5] = None
        kinds = ("categorical", "integer", "integer")
        columns = [Column(c, k, r) for c, k, r in zip(names, kinds, roles, strict=True)]  # type: ignore[arg-type]
        columns.append(Column("length", "numeric", "metadata"))
        self.schema = SimpleNamespace(columns=tuple(columns), target=None)
        table = pa.table({**dict(zip(names, values, strict=True)), "length": np.random.default_rng(0).normal(size=n)})
        self.rows = SimpleNamespace(column=table.column)
        self.cluster_column = None
        self.validation_index = np.arange(0, n, 2)
        self.groups = None

    def __len__(self) -> int:
        return len(self.latents.mean)


def test_a_space_is_measured_on_its_held_out_rows() -> None:
    found = disentanglement(Known())  # type: ignore[arg-type]
    assert found.factors == ("shape", "size", "place")  # and not the length, which has too many values
    assert found.nmi.shape == (3, 3)
    assert found.measures["mig"].value == pytest.approx(1, abs=0.005)
    assert found.measures["mig"].n == 1000
    assert "dimension 0" in str(found)
    assert "infoc" in str(found)
    assert found.to_arrow().column_names == ["dimension", "shape", "size", "place"]
    two = disentanglement(Known(), ["size", "place"])  # type: ignore[arg-type]
    assert two.factors == ("size", "place")
    assert [m.name for m in measure(Known(), ["disentanglement"])] == [m.name for m in found.measures]  # type: ignore[arg-type]


def test_a_dimension_that_is_not_active_closes_no_gap() -> None:
    """Its mean follows a factor, but by less than its posterior is wide."""
    space = Known()
    whisper = (space.latents.mean[:, :1] - 1) * 0.05
    space.latents.mean = np.concatenate([space.latents.mean, whisper], 1)
    space.latents.scale = np.ones((len(space), 4), np.float32)
    found = disentanglement(space)  # type: ignore[arg-type]
    assert found.nmi[3].max() == 0
    assert found.measures["mig"].value == pytest.approx(1, abs=0.005)


def test_columns_that_prove_nothing_are_refused() -> None:
    trained = Known(("feature", "metadata", "feature"))
    with pytest.raises(SpaceError, match="'shape' cannot be a factor: the model was trained on it"):
        disentanglement(trained, ["shape", "size"])  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match=r"two or more discrete columns that the model was not trained on.* has 1"):
        disentanglement(trained)  # type: ignore[arg-type]
    assert "two or more discrete columns" in measure(trained, ["disentanglement"]).skipped["disentanglement"]  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="no column 'colour'; those that can be a factor are: 'shape', 'size'"):
        disentanglement(Known(), ["colour", "size"])  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="'length' cannot be a factor: it has 1000 different values"):
        disentanglement(Known(), ["length", "size"])  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="has 1"):
        disentanglement(Known(), ["size", "size"])  # type: ignore[arg-type]
