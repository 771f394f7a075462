"""What looking into a network costs: all layers' answers against the bare forward pass and captum, in one run.

    python benchmarks/layers.py [--rows 10000] [--repeats 5] [--deep]

The forward pass is the same batches through the same network, its answers thrown away. Ours keeps a summary of every
layer on disk; captum's LayerActivation keeps every layer's whole answer of one batch at a time, the least it can do.
Feature visualisation: steps a second of ``dream`` against lucent's recipe written in plain torch (Fourier basis,
decorrelated colours, jitter, scale, rotation, Adam), on the same network and the same size.
--deep: a network of the shape of ResNet-50 on 10,000 pictures of 64 x 64, with the memory it takes; some minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import math
import resource
import time

import numpy as np
import torch
from _paired import paired
from torch import Tensor, nn
from torch.nn import functional

from deepspace.layers import look, record

torch.set_num_threads(1)


def show(what: str, theirs: float, ours: float, ratio: np.ndarray, goal: str) -> None:
    """Ours over theirs, as ``paired(theirs, ours)`` gives it: below 1 ours is faster."""
    print(
        f"{what:58s} {ours:7.2f} s / {theirs:7.2f} s = {ratio[0]:5.2f} [{ratio[1]:.2f}, {ratio[2]:.2f}]  {goal}",
        flush=True,
    )


def convolutional() -> nn.Sequential:
    """A classifier of 32 x 32 pictures as CIFAR-10's tutorials have them, 310,000 weights."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for a, b in ((3, 32), (32, 64), (64, 128)):
        parts += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1)]
        parts += [nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)).eval()


class Bottleneck(nn.Module):
    """ResNet's block (He 2016)."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Identity()
        if stride > 1 or inside != out:
            self.down = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.down(x))


def resnet50() -> nn.Sequential:
    """Of its shape, with random weights: 50 layers, 25.6 million parameters."""
    torch.manual_seed(0)
    parts: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    parts.append(nn.MaxPool2d(3, 2, 1))
    inside = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            parts.append(Bottleneck(inside, width, stride if i == 0 else 1))
            inside = 4 * width
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000)).eval()


def activations(rows: int, repeats: int) -> None:
    net = convolutional()
    x = np.random.default_rng(0).integers(0, 256, (rows, 3, 32, 32)).astype(np.uint8)
    listed = look(net, x)
    batch = 256

    def bare() -> None:
        with torch.inference_mode():
            for start in range(0, rows, batch):
                net(listed.network.inputs(np.arange(start, min(rows, start + batch))))

    def ours() -> None:
        record(listed, range(rows)).close()

    show(f"all {len(listed)} layers of {rows:,} pictures / bare forward", *paired(bare, ours, repeats), "goal 1.3")
    try:
        from captum.attr import LayerActivation
    except ImportError:
        print("captum is not here: make bench installs it")
        return
    reader = LayerActivation(net, [module for _, module in net.named_modules() if not any(module.children())])

    def captum() -> None:
        with torch.inference_mode():
            for start in range(0, rows, batch):
                reader.attribute(listed.network.inputs(np.arange(start, min(rows, start + batch))))

    show("the same / captum's LayerActivation", *paired(captum, ours, repeats), "")


def lucent(net: nn.Module, channel: int, size: int, steps: int) -> Tensor:
    """Lucent's default recipe in plain torch: fft image, decorrelated, jitter 8, scale, rotate, jitter 4, Adam .05."""
    generator = torch.Generator().manual_seed(0)
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None])
    scale = 1 / frequency.clamp_min(1 / size)
    colours = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    colours = colours / colours.norm(dim=0).max()
    spectrum = (0.01 * torch.randn(1, 3, size, size // 2 + 1, 2, generator=generator)).requires_grad_(True)
    optimizer = torch.optim.Adam([spectrum], lr=0.05)
    answer: list[Tensor] = []
    handle = net[7].register_forward_hook(lambda m, i, o: answer.append(o))  # type: ignore[index]
    for _ in range(steps):
        picture = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(size, size)) / 4
        picture = torch.sigmoid(torch.einsum("bchw,dc->bdhw", picture, colours))
        moved = functional.pad(picture, (12,) * 4, value=0.5)
        at = torch.randint(0, 8, (2,), generator=generator)
        moved = moved[:, :, at[0] : at[0] + size + 16, at[1] : at[1] + size + 16]
        moved = functional.interpolate(
            moved, scale_factor=1 + float(torch.rand(1, generator=generator) - 0.5) / 10, mode="bilinear"
        )
        turn = math.radians(float(torch.rand(1, generator=generator) - 0.5) * 20)
        matrix = torch.tensor([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0]])[None]
        moved = functional.grid_sample(
            moved, functional.affine_grid(matrix, list(moved.shape), False), align_corners=False
        )
        answer.clear()
        net(moved)
        loss = -answer[0][:, channel].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    handle.remove()
    return picture.detach()


def dreams(repeats: int, steps: int = 64, size: int = 64) -> None:
    from deepspace.layers import dream

    net = convolutional().requires_grad_(False)
    x = np.random.default_rng(0).integers(0, 256, (300, 3, size, size)).astype(np.uint8)
    listed = look(net, x)

    def ours() -> None:
        dream(listed, "7", 5, steps=steps)

    def theirs() -> None:
        lucent(net, 5, size, steps)

    b, a, ratio = paired(theirs, ours, repeats)
    said = f"{steps / a:.0f} and {steps / b:.0f} steps a second"
    show(f"dream, {steps} steps at {size} x {size} / lucent's recipe", b, a, ratio, said)


def deep(rows: int = 10_000) -> None:
    net = resnet50()
    x = np.random.default_rng(0).integers(0, 256, (rows, 3, 64, 64)).astype(np.uint8)
    listed = look(net, x)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, time.process_time()
    made = record(listed, range(rows), tell=lambda what: print(what, end="\r", flush=True))
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(listed)} layers, {listed.parameters / 1e6:.1f} M parameters, {rows:,} pictures: {took / 60:.1f} CPU min"
    )
    print(
        f"{peak:.2f} GiB at most, {before:.2f} before (pictures, network, torch); {made.width} numbers a layer and row"
    )
    made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--deep", action="store_true")
    options = parser.parse_args()
    if options.deep:
        deep(options.rows)
        return
    activations(options.rows, options.repeats)
    dreams(options.repeats)


if __name__ == "__main__":
    main()
