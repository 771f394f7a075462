"""Names of factors: what is planted is named, what is shuffled is not, and how sure it is is said rightly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from deepspace.data.schema import Column as SchemaColumn
from deepspace.errors import SpaceError
from deepspace.explore import name_factors
from deepspace.explore.association import Column, Design, association, permutation_p, ranks
from deepspace.explore.discovery import adjusted
from tests.linear import LinearSpace, PlainSchema

KINDS = ("setosa", "versicolor", "virginica")


def planted(n: int = 1500, seed: int = 0, shuffled: int = 0) -> LinearSpace:
    """Dimension 0 follows "length" upwards, dimension 1 "weight" downwards and "kind"; "noise" follows nothing."""
    space = LinearSpace(n, seed=seed)
    rng = np.random.default_rng(seed + 100)
    z = space.z
    columns = {
        "length": np.exp(z[:, 0] + 0.2 * rng.normal(size=n)),
        "weight": np.where(rng.random(n) < 0.1, np.nan, -z[:, 1] + 0.3 * rng.normal(size=n)),
        "kind": np.array(KINDS)[np.digitize(z[:, 1] + 0.2 * rng.normal(size=n), [-0.5, 0.5])],
        "noise": rng.normal(size=n),
        **{f"shuffled {i}": rng.permutation(z[:, i % 3]) for i in range(shuffled)},
    }
    space.table = pa.table({name: pa.array(values.tolist(), from_pandas=True) for name, values in columns.items()})
    kinds = {"kind": ("categorical", KINDS)}
    described = tuple(
        SchemaColumn(name, *(("categorical", "metadata", "", KINDS) if name in kinds else ("numeric", "metadata")))
        for name in columns
    )
    space.schema = PlainSchema((6,), described)
    return space


def test_what_is_planted_is_named_and_nothing_else() -> None:
    found = name_factors(planted())
    assert {(name.factor, name.title) for name in found} == {
        (0, "length, rising"),
        (1, "weight, falling"),
        (1, "kind, from setosa to virginica"),
    }
    strengths = [abs(name.strength) for name in found.of(1)]
    assert strengths == sorted(strengths, reverse=True)
    assert found.of(2) == ()
    assert found.dimensions == (0, 1, 2), "the dead dimension is not tested"
    assert found.tested == 12


def test_its_figures_are_those_of_scipy() -> None:
    space = planted()
    (name,) = name_factors(space).of(0)
    seen = np.setdiff1d(np.arange(len(space)), space.validation_index)
    length = np.array(space.table.column("length"))
    rho = stats.spearmanr(space.latents.mean[seen, 0], length[seen]).statistic
    assert name.strength == pytest.approx(rho, abs=1e-6)
    assert (name.n, name.confirmed, name.held_out) == (len(seen), len(space.validation_index), True)
    there = stats.spearmanr(space.latents.mean[space.validation_index, 0], length[space.validation_index]).statistic
    assert name.interval[0] < there < name.interval[1]
    assert name.q < 0.01
    assert str(name).startswith(f"length, rising (rho {name.strength:.2f}".replace("0.", "."))
    assert str(name).endswith("on 150 held-out rows; stable over seeds not tested)")


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_association_is_spearmans_and_kelleys(missing: float) -> None:
    rng = np.random.default_rng(1)
    line, other = rng.normal(size=(2, 80))
    other = np.round(other + line, 1)
    codes = rng.integers(0, 4, 80).astype(float)
    other[rng.random(80) < missing] = np.nan
    codes[rng.random(80) < missing] = np.nan
    columns = [Column("codes", codes, tuple("abcd")), Column("other", other)]
    found = association(ranks(line[None]), Design.of(columns, slice(0, 80)))[0]
    known = np.isfinite(other)
    if not missing:
        assert found[1] == pytest.approx(stats.spearmanr(line, other).statistic)
    expected = np.corrcoef(ranks(line[None])[0, known], ranks(other[known]))[0, 1]
    assert found[1] == pytest.approx(expected)
    known = np.isfinite(codes)
    ranked = ranks(line[None])[0]
    groups = [ranked[codes == code] for code in range(4)]
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (known.sum() - 4)
    assert found[0] == pytest.approx(np.sqrt(max(0, 1 - within / ranked[known].var(ddof=1))))


def test_p_values_by_permutation_agree_with_theory() -> None:
    """Spearman's p is nearly that of Student's t at this size."""
    rng = np.random.default_rng(2)
    lines = rng.normal(size=(6, 200))
    column = lines[0] * 0.15 + rng.normal(size=200)
    design = Design.of([Column("c", column)], slice(0, 200))
    p = permutation_p(np.abs(association(ranks(lines), design)), design, 4999, rng)[:, 0]
    expected = [stats.spearmanr(line, column).pvalue for line in lines]
    np.testing.assert_allclose(p, expected, atol=0.02)


def test_adjusted_p_is_scipys() -> None:
    p = np.random.default_rng(3).random((5, 7)) ** 3
    np.testing.assert_allclose(adjusted(p), stats.false_discovery_control(p.ravel()).reshape(5, 7))


def test_shuffled_columns_get_no_name() -> None:
    """Of 3 x 41 pairs in each of five spaces at most a twentieth may be named; small spaces, where chance is strong."""
    named = tested = 0
    for seed in range(5):
        found = name_factors(planted(60, seed=seed, shuffled=40), seed=seed)
        named += sum(name.column.startswith(("shuffled", "noise")) for name in found)
        tested += 3 * 41
    assert named <= 0.05 * tested / 10, "far below the bound: it must also be confirmed on other rows"


def test_by_chance_p_is_uniform() -> None:
    rng = np.random.default_rng(5)
    lines = ranks(rng.normal(size=(20, 50)))
    columns = [Column(f"n{i}", rng.normal(size=50)) for i in range(20)]
    columns += [Column(f"c{i}", rng.integers(0, 3, 50).astype(float), tuple("abc")) for i in range(20)]
    design = Design.of(columns, slice(0, 50))
    p = permutation_p(np.abs(association(lines, design)), design, 999, rng)
    for kind in (p[:, :20], p[:, 20:]):
        assert 0.02 < (kind < 0.05).mean() < 0.09, "400 pairs, of which a twentieth should be below"
        assert 0.17 < (kind < 0.25).mean() < 0.34


def test_without_held_out_rows_the_other_half_confirms() -> None:
    space = planted(400)
    space.validation_index = np.empty(0, np.int64)
    (name,) = name_factors(space).of(0)
    assert (name.held_out, name.n, name.confirmed) == (False, 200, 200)
    assert "on 200 other rows" in name.certainty


def test_what_only_training_rows_show_gets_no_name() -> None:
    space = planted()
    length = np.array(space.table.column("length").to_pylist())
    length[space.validation_index] = np.random.default_rng(0).permutation(length[space.validation_index])
    space.table = space.table.set_column(0, "length", pa.array(length))
    assert name_factors(space).of(0) == ()


def test_other_seeds_must_find_it_again() -> None:
    space, same = planted(), planted()
    same.latents.mean = same.latents.mean[:, ::-1]
    same.latents.scale = same.latents.scale[:, ::-1]
    (name,) = name_factors(space, others=[same]).of(0)
    assert name.seeds == 1
    assert "found again with 1 other seed" in name.certainty
    blind = planted()
    blind.latents.mean = np.random.default_rng(0).permutation(blind.latents.mean)
    assert len(name_factors(space, others=[blind])) == 0
    with pytest.raises(SpaceError, match="hold 1,500 and 60 rows"):
        name_factors(space, others=[planted(60)])


def test_it_prints_converts_and_has_nothing_to_say_without_columns() -> None:
    found = name_factors(planted())
    assert str(found).startswith(
        "2 of 3 active dimensions have a name (12 pairs tested, false discoveries held to 5 %)"
    )
    assert found.to_arrow().column("title").to_pylist() == [name.title for name in found]
    bare = LinearSpace(200)
    bare.schema = PlainSchema((6,), ())
    assert len(name_factors(bare)) == 0
    assert str(name_factors(bare)).startswith("0 of 3 active dimensions")
