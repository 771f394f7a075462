"""A save is whole or it is not there: kills at every step, full disks, folders that are not ours, two at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepspace.errors import SpaceError
from deepspace.space import BaseSpace, files, open_space, verify
from deepspace.space.files import Work, work_folder

STEPS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "open", "write")


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(step: int, work: Callable[[], None]) -> int:
    """As ``in_child``, with kill -9 just before the child's ``step``-th call into the system that changes a disk."""

    def doomed() -> None:
        left = [step]

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            changes = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.replace", "shutil.rmtree")
            writes = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & os.O_CREAT)
            if changes or writes:
                strike()

        def strike() -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def struck(call: Callable[..., object]) -> Callable[..., object]:
            def calling(*arguments: object) -> object:
                strike()
                return call(*arguments)

            return calling

        sys.addaudithook(watch)
        os.fsync = struck(os.fsync)  # type: ignore[assignment]
        files._exchange = struck(files._exchange)  # type: ignore[assignment]
        work()

    return in_child(doomed)


def test_kill_at_every_step_of_a_first_save(digits: BaseSpace, tmp_path: Path) -> None:
    target = tmp_path / "new.space"
    seen = set()
    for step in range(1000):
        status = killed_at(step, lambda: digits.save(target))
        whole = target.exists()
        seen.add((status, whole))
        if whole:
            verify(target)
            shutil.rmtree(target)
        else:
            with pytest.raises(SpaceError):
                open_space(target)
        if status == 0:
            break
        # Whatever was left behind is no obstacle, and is gone after the next save.
        digits.save(target)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["new.space"]
        shutil.rmtree(target)
    assert step > 30
    assert seen == {(-9, False), (-9, True), (0, True)}


@pytest.mark.parametrize("swap", [True, False])
def test_kill_at_every_step_of_a_replacement(
    digits: BaseSpace, others: BaseSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: bool
) -> None:
    """Where folders can be swapped there is a whole space at every moment; elsewhere the next save brings it back."""
    if not swap:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    target = tmp_path / "kept.space"
    modalities = set()
    for step in range(1000):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(others.folder, target)
        status = killed_at(step, lambda: digits.save(target))
        if not target.exists():
            assert not swap
            with pytest.raises(SpaceError, match="a save was cut short, and the space it was to replace is whole at"):
                open_space(target)
            Work(target).release()
        verify(target)
        modalities.add(open_space(target).schema.modality)
        Work(target).release()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["kept.space"]
        if status == 0:
            break
    assert modalities == {"vector", "image"}
    assert open_space(target).schema.modality == "image"


def test_a_folder_that_is_no_space_is_left_alone(digits: BaseSpace, tmp_path: Path) -> None:
    folder = tmp_path / "photos.space"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"jpg")
    with pytest.raises(SpaceError, match=r"cannot save 'photos\.space': .* is a folder but not a space; choose"):
        digits.save(folder)
    (folder / "manifest.json").write_text('{"format": "something else"}')
    with pytest.raises(SpaceError, match="is a folder but not a space"):
        digits.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["holiday.jpg", "manifest.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos.space"]


def test_a_space_with_something_of_the_users_in_it_is_left_alone(digits: BaseSpace, tmp_path: Path) -> None:
    target = tmp_path / "a.space"
    digits.save(target)
    (target / "report.html").write_text("mine")
    with pytest.raises(SpaceError, match=r"the space there also holds report\.html, which would be lost"):
        digits.save(target)
    assert (target / "report.html").read_text() == "mine"


def test_overwriting(digits: BaseSpace, others: BaseSpace, tmp_path: Path) -> None:
    target = tmp_path / "a.space"
    others.save(target)
    with pytest.raises(SpaceError, match="is already a space; pass overwrite=True to replace it"):
        digits.save(target, overwrite=False)
    old = open_space(target)
    assert digits.save(target).schema.modality == "image"
    assert old.latents.mean.sum() == others.latents.mean.sum()  # what was open stays readable
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpaceError, match=r"cannot save 'file': .* is a file; choose another path"):
        digits.save(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    digits.save(tmp_path / "empty")
    digits.save(tmp_path / "deep" / "er.space")


def test_a_work_folder_that_is_not_ours_is_left_alone(digits: BaseSpace, tmp_path: Path) -> None:
    foreign = tmp_path / "a.space.partial"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("x")
    with pytest.raises(SpaceError, match=r"a\.space\.partial is in the way and not deepspace's own; move it away"):
        digits.save(tmp_path / "a.space")
    assert (foreign / "thesis.tex").exists()


def test_two_at_once(digits: BaseSpace, tmp_path: Path) -> None:
    target = tmp_path / "a.space"
    with Work(target):
        assert in_child(lambda: digits.save(target)) == 1
        with pytest.raises(SpaceError, match="another process is writing it"):
            digits.save(target)
    digits.save(target)


def test_a_damaged_space_is_not_copied(digits: BaseSpace, tmp_path: Path) -> None:
    copy = digits.save(tmp_path / "a.space")
    data = bytearray((copy.folder / "samples.npy").read_bytes())
    data[-1] ^= 1
    (copy.folder / "samples.npy").write_bytes(data)
    with pytest.raises(SpaceError, match=r"samples\.npy is damaged"):
        copy.save(tmp_path / "b.space")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.space"]


def test_a_limit_on_file_length_while_saving(digits: BaseSpace, others: BaseSpace, tmp_path: Path) -> None:
    """A write that the system refuses midway, as a full disk does: one sentence, the old space whole, nothing else."""
    import resource

    target = tmp_path / "a.space"
    others.save(target)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        with pytest.raises(SpaceError, match=r"^cannot save 'a\.space': a file grew past the limit"):
            digits.save(target)

    assert in_child(limited) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.space"]
    verify(target)
    assert open_space(target).schema.modality == "vector"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB, where mounting one is allowed."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here; the limit on file length stands in for it")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk(
    make: Callable[..., BaseSpace], digits: BaseSpace, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_disk / "ballast").write_bytes(bytes(200_000))
    sentence = (
        r"^cannot save 'a\.space': it needs .* and the disk that holds .* has .* free; make room or choose another"
    )
    with pytest.raises(SpaceError, match=sentence):
        digits.save(small_disk / "a.space")
    # Where the room runs out only on the way, at whatever file:
    monkeypatch.setattr("deepspace.space.opening.check_room", lambda *_: None)
    monkeypatch.setattr("deepspace.space.building.check_room", lambda *_: None)
    sentence = r"^cannot save 'a\.space': the disk that holds .* is full \(.* free\); make room or choose another path$"
    with pytest.raises(SpaceError, match=sentence):
        digits.save(small_disk / "a.space")
    with pytest.raises(SpaceError, match=sentence):
        make(small_disk / "a.space", "image")
    assert [p.name for p in small_disk.iterdir()] == ["ballast"]


def test_a_folder_that_may_not_be_written(digits: BaseSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "locked"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        SpaceError, match=r"^cannot save 'a\.space': .*locked may not be written to; choose another path$"
    ):
        digits.save(tmp_path / "a.space")


def test_nothing_of_a_fit_is_dropped_when_a_save_fails(digits: BaseSpace, tmp_path: Path) -> None:
    """What a fit keeps in the work folder outlives a stage that failed."""
    target = tmp_path / "a.space"
    with Work(target) as work:
        work.keep = True
        (work.folder / "checkpoint.safetensors").write_bytes(b"weights")
        work.begin()
    assert sorted(p.name for p in work_folder(target).iterdir()) == ["checkpoint.safetensors", "work.json"]
    with pytest.raises(SpaceError, match="is an unfinished fit: run the same fit again to go on with it"):
        open_space(target)
    with pytest.raises(SpaceError, match="is an unfinished fit; run the same fit again to go on with it"):
        open_space(work_folder(target))
