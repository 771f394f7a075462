"""pythae's VAE with the networks of Burda 2016, trained by its own trainer, and asked as one of ours is asked."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deepspace.models import Posterior

__all__ = ["fitted"]

_BATCH = 128


class Asked(nn.Module):
    """A pythae VAE with what ``deepspace.metrics.importance.estimate`` asks of a model. x: (B, 1, 28, 28), 0..255."""

    nominal = False

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def observe(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (torch.rand(x.shape, generator=generator) * 255 < x).float()

    def encode(self, x: Tensor) -> Posterior:
        h = self.model.encoder(x)
        return Posterior(h.embedding, torch.exp(0.5 * h.log_covariance))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        logits = self.model.decoder.layers(z)
        return -F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)

    def log_prior(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)


def _body(*widths: int) -> nn.Sequential:
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers)


def _model(seed: int) -> Any:
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.mean, self.log_variance = _body(784, 200, 200), nn.Linear(200, 50), nn.Linear(200, 50)

        def forward(self, x: Tensor) -> Any:
            h = self.body(x.flatten(1))
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(_body(50, 200, 200), nn.Linear(200, 784))

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28).sigmoid())

    torch.manual_seed(seed)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=50, reconstruction_loss="bce")
    return VAE(config, encoder=Encoder(), decoder=Decoder())


def _train(model: Any, images: NDArray[np.uint8], epochs: int) -> float:
    """CPU minutes. Its data set binarises every image anew at each look, as ours does."""
    from pythae.data.datasets import BaseDataset, DatasetOutput
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Binarised(BaseDataset):
        def __getitem__(self, index: Any) -> Any:
            return DatasetOutput(data=torch.bernoulli(self.data[index]), labels=self.labels[index])

    rows = torch.from_numpy(images).float() / 255
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, per_device_train_batch_size=_BATCH, learning_rate=1e-3,
            no_cuda=True, keep_best_on_train=True,
        )  # fmt: skip
        trainer = BaseTrainer(model, Binarised(rows, torch.ones(len(rows))), training_config=settings)
        start = time.process_time()
        trainer.train()
        return (time.process_time() - start) / 60


def fitted(images: NDArray[np.uint8], minutes: float, seed: int) -> tuple[Asked, int, float]:
    """The model after about so many CPU minutes, its epochs, and what they took. One epoch is timed first."""
    each = _train(_model(seed), images, 1)
    epochs = max(1, round(minutes / max(each, 1e-6)))
    model = _model(seed)
    spent = _train(model, images, epochs)
    return Asked(model.eval()), epochs, spent
