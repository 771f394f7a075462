"""What is not a whole space does not open, and the sentence names the file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepspace.errors import SpaceError
from deepspace.space import BaseSpace, manifest, open_space, verify
from deepspace.space.manifest import FILES

ZEROS = b"0" * 64


@pytest.fixture
def folder(digits: BaseSpace, tmp_path: Path) -> Path:
    """A copy to be harmed."""
    shutil.copytree(digits.folder, tmp_path / "harmed.space")
    return tmp_path / "harmed.space"


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and give it the checksum that belongs to it, as a forger would."""
    content = json.loads((folder / "manifest.json").read_bytes())
    change(content)
    content["checksum"] = ZEROS.decode()
    text = json.dumps(content, indent=1).encode()
    (folder / "manifest.json").write_bytes(text.replace(ZEROS, hashlib.sha256(text).hexdigest().encode(), 1))


@pytest.mark.parametrize("name", [*FILES, "validation.npy", "manifest.json"])
def test_one_byte_flipped(folder: Path, name: str) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    for place in np.random.default_rng(len(name)).integers(0, len(data), 12):
        harmed = data.copy()
        harmed[place] ^= 0x01
        path.write_bytes(harmed)
        with pytest.raises(SpaceError, match=f"cannot open 'harmed.space': .*{name} "):
            open_space(folder)
    path.write_bytes(data)
    open_space(folder)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("keep", [0.0, 0.5, -1])
def test_truncated(folder: Path, name: str, keep: float) -> None:
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)] if keep >= 0 else data[:-1])
    with pytest.raises(SpaceError, match=f"cannot open 'harmed.space': .*{name} "):
        open_space(folder)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SpaceError, match=r"manifest\.json" if name == "manifest.json" else f"{name} is missing"):
        open_space(folder)


def test_long_files_are_sampled_by_open_and_read_whole_by_verify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "WHOLE_BELOW", 0)
    blocks = 9
    data = np.random.default_rng(0).bytes(blocks * (1 << 20) - 5)
    (folder / "extra.npy").write_bytes(data)
    digests = [hashlib.sha256(data[i << 20 : (i + 1) << 20]).hexdigest() for i in range(blocks)]
    rewrite(
        folder, lambda m: m["files"].update({"extra.npy": {"bytes": len(data), "block": 1 << 20, "sha256": digests}})
    )
    verify(folder)
    for block, seen in enumerate([True, False, False, True, False, True, False, False, True]):
        harmed = bytearray(data)
        harmed[(block << 20) + 1000] ^= 1
        (folder / "extra.npy").write_bytes(harmed)
        if seen:
            with pytest.raises(SpaceError, match=r"extra\.npy is damaged"):
                open_space(folder)
        else:
            open_space(folder)
        with pytest.raises(SpaceError, match=r"extra\.npy is damaged"):
            open_space(folder, verify=True)
        with pytest.raises(SpaceError, match=r"extra\.npy is damaged"):
            verify(folder)


def test_newer_format(folder: Path) -> None:
    rewrite(folder, lambda m: m.update(format_version=99))
    with pytest.raises(SpaceError, match=r"manifest\.json has format version 99, this deepspace reads up to 1; update"):
        open_space(folder)


@pytest.mark.parametrize("version", [None, "1", True, 0, -1, 1.5])
def test_no_format_version(folder: Path, version: object) -> None:
    rewrite(folder, lambda m: m.update(format_version=version))
    with pytest.raises(SpaceError, match="has no format version"):
        open_space(folder)


@pytest.mark.parametrize(
    "name", ["../outside.npy", "/etc/passwd", "a/b.npy", "..", ".", "", "..\\x", "x\x00y", "a b", ".hidden", "a..b"]
)
def test_names_that_lead_out_of_the_folder(folder: Path, name: str) -> None:
    rewrite(folder, lambda m: m["files"].update({name: {"bytes": 0, "block": 1 << 20, "sha256": ["0"]}}))
    with pytest.raises(SpaceError, match="which is not a plain file name"):
        open_space(folder)


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "map.npy", tmp_path / "map.npy")
    os.symlink(tmp_path / "map.npy", folder / "map.npy")
    with pytest.raises(SpaceError, match=r"map\.npy is not an ordinary file"):
        open_space(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("files"),
        lambda m: m.update(files=[]),
        lambda m: m["files"].pop("samples.npy"),
        lambda m: m["files"]["samples.npy"].pop("sha256"),
        lambda m: m["files"]["samples.npy"].update(bytes=-1),
        lambda m: m["files"]["samples.npy"].update(block=7),
        lambda m: m.pop("rows"),
        lambda m: m.update(rows="many"),
        lambda m: m.update(rows=161),
        lambda m: m.update(latent_dim=4),
        lambda m: m.update(schema={}),
        lambda m: m.update(schema=3),
        lambda m: m.pop("columns"),
    ],
)
def test_manifests_that_do_not_hold_together(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rewrite(folder, change)
    with pytest.raises(SpaceError, match=r"cannot open 'harmed\.space': "):
        open_space(folder)


def test_weights_of_another_model(folder: Path) -> None:
    rewrite(folder, lambda m: m["model"]["config"].update(hidden=[7]))
    with pytest.raises(SpaceError, match=r"cannot load the model of 'harmed': .*weights\.safetensors does not fit it"):
        _ = open_space(folder).model


def test_arrays_with_pickles_are_refused(folder: Path) -> None:
    array = np.array([{"a": 1}] * 160, dtype=object)
    np.save(folder / "map.npy", array, allow_pickle=True)
    data = (folder / "map.npy").read_bytes()
    entry = {"bytes": len(data), "block": 1 << 20, "sha256": [hashlib.sha256(data).hexdigest()]}
    rewrite(folder, lambda m: m["files"].update({"map.npy": entry}))
    with pytest.raises(SpaceError, match=r"map\.npy is not a \.npy file"):
        _ = open_space(folder).map


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"3", b'{"format": "other"}', b"[" * 100_000, b"\xff\xfe\x00", b'{"a": NaN}']
)
def test_foreign_manifests(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_bytes(content)
    with pytest.raises(SpaceError, match=r"cannot open 'other': .*manifest\.json"):
        open_space(tmp_path / "other")


def test_not_a_space(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"cannot open 'gone\.space': there is nothing at"):
        open_space(tmp_path / "gone.space")
    (tmp_path / "file.space").write_text("x")
    with pytest.raises(SpaceError, match="is a file, and a space is a folder"):
        open_space(tmp_path / "file.space")
    (tmp_path / "photos").mkdir()
    with pytest.raises(SpaceError, match=r"is not a space: it has no manifest\.json"):
        open_space(tmp_path / "photos")


def test_every_refusal_is_one_sentence(folder: Path) -> None:
    (folder / "map.npy").unlink()
    with pytest.raises(SpaceError) as caught:
        open_space(folder)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")
