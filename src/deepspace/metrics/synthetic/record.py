"""The fidelity and privacy figures of one set of synthetic rows, as they are written beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import held_out
from deepspace.metrics.measure import Measure, Measures
from deepspace.metrics.synthetic.fidelity import fidelity_of
from deepspace.metrics.synthetic.privacy import privacy_of
from deepspace.metrics.synthetic.tables import need_table
from deepspace.metrics.synthetic.utility import utility_of

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["synthetic_record"]


def synthetic_record(space: BaseSpace, encoded: npt.NDArray[np.float32]) -> Measures:
    """Fidelity, privacy and use of these encoded synthetic rows (N, F); what cannot be taken is in ``skipped``."""
    held = held_out(space)
    taken: list[Measure] = []
    skipped: dict[str, str] = {}
    for name, figures in (("fidelity", fidelity_of), ("privacy", privacy_of), ("utility", utility_of)):
        try:
            need_table(space, held)
            taken.extend(figures(space, held, encoded))
        except SpaceError as error:
            skipped[name] = str(error)
    return Measures(tuple(taken), skipped)
