"""The explorer inside a notebook: the page in a frame, its selection readable and settable from Python.

Only this room needs anywidget, which ``pip install 'deepspace[notebook]'`` brings.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepspace.errors import DeepspaceError

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.notebook.widget import ExplorerWidget
    from deepspace.space import BaseSpace

__all__ = ["in_notebook", "show"]


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel (JupyterLab, Notebook, VS Code), where there is a page to show things in."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def show(
    space: BaseSpace, *, beside: BaseSpace | None = None, audits: Sequence[Audit] = (), height: int = 640
) -> ExplorerWidget:
    """The page of ``space``, compared with ``beside`` and with predictors to look at, as a widget.

    Raises DeepspaceError, with what to do, when anywidget is not installed.
    """
    try:
        from deepspace.notebook.widget import ExplorerWidget
    except ImportError as error:
        if error.name not in ("anywidget", "traitlets", "ipywidgets"):
            raise
        raise DeepspaceError(
            "space.explore() needs anywidget to show the page inside a notebook: pip install 'deepspace[notebook]' and "
            f"restart the kernel, or run `deepspace explore {space.folder}` in a terminal."
        ) from error
    return ExplorerWidget(space, beside=beside, audits=audits, height=height)
