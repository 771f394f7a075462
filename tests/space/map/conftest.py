"""Maps are what is tested here, so none is cut short."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _whole(whole_maps: None) -> None:
    """Every file here fits maps as users get them."""
