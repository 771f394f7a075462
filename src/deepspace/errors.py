"""The errors a user can cause: one sentence saying what, where, what was got and what to do."""

from __future__ import annotations

__all__ = ["DataError", "DeepspaceError", "ModelError", "ServerError", "SpaceError", "TrainingError"]


class DeepspaceError(Exception):
    """Base of every error whose message is meant for the user; the command line prints it and exits with 2."""


class DataError(DeepspaceError):
    """Input that cannot be used."""


class ModelError(DeepspaceError):
    """A model configuration, or a tensor handed to a model, that cannot work."""


class TrainingError(DeepspaceError):
    """Training that cannot start or go on."""


class SpaceError(DeepspaceError):
    """A space folder that cannot be written or opened, or a question it cannot answer."""


class ServerError(DeepspaceError):
    """A page that cannot be served."""
