"""A unit's page: a planted detector is found out, shuffled labels name nothing, and the box is what it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepspace.errors import SpaceError
from deepspace.explore.association import Column
from deepspace.layers import drivers, look, record, strip, unit, units


def planted(n: int = 300) -> tuple[nn.Sequential, np.ndarray, np.ndarray, np.ndarray]:
    """Channel 2 answers to a vertical bar, which half of the pictures have, somewhere."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.2, (n, 1, 14, 14)).astype(np.float32)
    has, at = rng.random(n) < 0.5, rng.integers(2, 12, (n, 2))
    for i in np.flatnonzero(has):
        x[i, 0, at[i, 0] - 1 : at[i, 0] + 2, at[i, 1]] += 2
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(784, 2)
    )
    with torch.no_grad():
        net[0].weight.mul_(0.1)
        net[0].weight[2] = torch.tensor([[-1.0, 2, -1]] * 3) / 3
    return net, x, has, at


def test_the_planted_detector_is_found_with_its_items_and_its_place() -> None:
    net, x, has, at = planted()
    listed = look(net, x, columns={"bar": np.where(has, "yes", "no")})
    made = record(listed)
    found = units(listed, "0", recording=made)
    others = [abs(k.strength) for u in found.items if u.index != 2 for k in u.links if k.column == "bar"]
    link = found[2].links[0]
    assert (link.column, link.value) == ("bar", "yes")
    assert abs(link.strength) >= max([0.5, *others])
    assert link.q < 0.01
    assert link.area is not None
    assert link.area > 0.95
    assert found[2].name == "bar is yes"
    most = drivers(listed, "0", 2, made)
    assert has[[d.row for d in most]].all()
    for driver in most:
        assert driver.box is not None
        (top, bottom), (left, right) = driver.box
        assert (bottom - top, right - left) in ((3, 3), (2, 3), (3, 2))
        assert top <= at[driver.row, 0] < bottom
        assert left <= at[driver.row, 1] < right
    least = drivers(listed, "0", 2, made, least=True)
    assert least[0].answer <= min(d.answer for d in most)
    page, top_rows, _ = unit(listed, "0", 2, recording=made)
    assert page.name == "bar is yes"
    assert top_rows == most
    assert "bar is yes" in str(found)
    assert found.to_arrow().num_rows == 4


def test_shuffled_labels_name_at_most_one_unit_in_twenty() -> None:
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(10, 100), nn.ReLU())
    x = rng.normal(size=(400, 10)).astype(np.float32)
    listed = look(net, x)
    made = record(listed)
    named = []
    for _ in range(10):
        labels = [
            Column("class", rng.integers(0, 5, 400).astype(float), tuple("abcde")),
            Column("number", rng.normal(size=400)),
        ]
        named.append(len(units(listed, "1", recording=made, columns=labels).named))
    assert np.mean(named) <= 5


def test_silent_units_and_layers_without_positions() -> None:
    net, x, has, _ = planted(60)
    with torch.no_grad():
        net[0].weight[1] = 0
    listed = look(net, x, columns={"bar": np.where(has, "yes", "no")})
    made = record(listed)
    found = units(listed, "1", recording=made)
    assert found[1].links == ()
    assert found[1].fires == 0
    assert all(d.box is None for d in drivers(listed, "1", 1, made))
    assert all(d.box is None for d in drivers(listed, "3", 0, made))  # it sees the whole picture
    with pytest.raises(SpaceError, match="Layer '0' has units 0 to 3, and unit 4 was asked for"):
        unit(listed, "0", 4, recording=made)


def test_a_strip_is_what_the_layers_answer_and_ranks_what_matters() -> None:
    net, x, _, _ = planted(20)
    with torch.no_grad():
        net[3].weight.zero_()
        net[3].weight[0, 2 * 196 : 3 * 196] = 1.0  # only channel 2 reaches the answer
        net[3].bias.zero_()
        net[3].bias[1] = -100
    listed = look(net, x)
    found = strip(listed, 5)
    assert [layer.name for layer in found.layers] == ["0", "1", "2", "3"]
    answers = listed.activations([5])
    first, bent = found.layers[:2]
    assert bent.units[0] == 2
    assert bent.shares[0] == pytest.approx(1)
    np.testing.assert_allclose(first.maps, answers["0"][0][first.units], atol=1e-6)
    assert first.low == pytest.approx(float(answers["0"].min()), abs=1e-6)
    assert first.low < 0 == bent.low  # the rectifier works in place, after its input was looked at
    np.testing.assert_allclose(found.concluded, answers["3"][0], rtol=1e-5)
    for call, message in (
        (lambda: strip(listed), "either a row or a place z"),
        (lambda: strip(listed, 20), "has rows 0 to 19, and row 20"),
        (lambda: strip(listed, z=[0.0]), "has no decoder"),
    ):
        with pytest.raises(SpaceError, match=message):
            call()
