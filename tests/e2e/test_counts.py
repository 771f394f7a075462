"""Counts in the browser: a generated row as its telling genes, with bars; a real one beside its reconstruction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import until
from tests.spaces import fit


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fit("counts", tmp_path_factory.mktemp("counts"), epochs=6)


def test_genes_are_shown_with_bars(serve, browse, counted) -> None:
    from deepspace.server import Session

    page = browse(serve(Session("counts", space=counted)).address).ready()
    x, y = page.spots(50)[0]
    page.page.mouse.move(x, y)
    card = page.page.get_by_test_id("generated")
    until(lambda: card.locator(".barred").count() > 3, "bars of generated counts")
    names = set(counted.schema.names)
    shown = card.locator("th[scope=row], dt").all_inner_texts()
    assert names & set(shown)
