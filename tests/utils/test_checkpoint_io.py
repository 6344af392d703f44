"""Checkpoints are whole or absent, and loading one runs nothing."""

import os
import resource
import stat
import tempfile

import pytest
import torch

from ml_core.errors import PolicyError, StorageError
from ml_core.utils.checkpoint_io import AtomicCheckpointIO, replace_by_link

CHECKPOINT = {"state_dict": {"weight": torch.arange(4.0)}, "epoch": 3}


@pytest.fixture
def io():
    return AtomicCheckpointIO()


@pytest.fixture
def old(io, tmp_path):
    """A checkpoint that is there already."""
    path = tmp_path / "last.ckpt"
    io.save_checkpoint(CHECKPOINT, path)
    return path


class Foreign:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- saving


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_what_is_saved_is_loaded(io, tmp_path, kind):
    path = kind(tmp_path / "new" / "folder" / "last.ckpt")

    io.save_checkpoint(CHECKPOINT, path)

    torch.testing.assert_close(io.load_checkpoint(path), CHECKPOINT)
    torch.testing.assert_close(torch.load(path, weights_only=True), CHECKPOINT)


def test_a_new_checkpoint_takes_the_place_of_the_old(io, old):
    io.save_checkpoint({"epoch": 4}, old)

    assert io.load_checkpoint(old) == {"epoch": 4}
    assert names(old.parent) == ["last.ckpt"]


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(1), SystemExit),
        (TypeError("cannot pickle"), TypeError),
        (OSError(28, "No space left on device"), StorageError),
        (RuntimeError("unexpected pos 64 vs 0"), StorageError),
        (RuntimeError(), StorageError),
    ],
    ids=repr,
)
def test_a_save_that_is_cut_off_leaves_the_old_checkpoint(io, old, monkeypatch, error, seen):
    def half_a_save(checkpoint, file):
        file.write(b"half")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half_a_save)
        with pytest.raises(seen):
            io.save_checkpoint({"epoch": 4}, old)

    torch.testing.assert_close(io.load_checkpoint(old), CHECKPOINT)
    assert names(old.parent) == ["last.ckpt"]


@pytest.fixture
def full_disk():
    """No file of this process may grow beyond 100,000 bytes; a write past it fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_the_old_checkpoint(io, old, full_disk):
    with pytest.raises(
        StorageError, match=r"last\.ckpt: cannot be written: File too large \(4,000,000 bytes needed, \d"
    ):
        io.save_checkpoint({"weight": torch.zeros(1_000_000)}, old)

    torch.testing.assert_close(io.load_checkpoint(old), CHECKPOINT)
    assert names(old.parent) == ["last.ckpt"]


def test_a_folder_that_is_a_file_is_told(io, old):
    with pytest.raises(StorageError) as error:
        io.save_checkpoint(CHECKPOINT, old / "last.ckpt")

    assert str(error.value).startswith(f"{old}/last.ckpt: cannot be written: File exists (16 bytes needed, ")
    assert str(error.value).endswith(" free). The checkpoints written before are untouched.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_write_protected_is_told(io, old):
    old.parent.chmod(0o500)
    try:
        with pytest.raises(StorageError, match=r"last\.ckpt: cannot be written: Permission denied"):
            io.save_checkpoint({"epoch": 4}, old)
    finally:
        old.parent.chmod(0o700)

    torch.testing.assert_close(io.load_checkpoint(old), CHECKPOINT)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(io, tmp_path, mask):
    before = os.umask(mask)
    try:
        io.save_checkpoint(CHECKPOINT, tmp_path / "last.ckpt")
        (tmp_path / "plain").write_text("")
    finally:
        os.umask(before)

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("last.ckpt", "plain")]
    assert modes == [0o666 & ~mask] * 2


# ---- links


def test_a_link_is_another_name_of_the_same_file(io, old):
    best = old.with_name("best.ckpt")
    io.save_checkpoint({"epoch": 9}, best)

    replace_by_link(str(best), str(old))

    assert old.samefile(best)
    assert io.load_checkpoint(old) == {"epoch": 9}
    assert names(old.parent) == ["best.ckpt", "last.ckpt"]


def test_linking_again_leaves_no_temporary_file(old):
    for _ in range(2):
        replace_by_link(str(old), str(old.with_name("best.ckpt")))

    assert names(old.parent) == ["best.ckpt", "last.ckpt"]


def test_saving_over_a_link_leaves_the_other_name_as_it_was(io, old):
    best = old.with_name("best.ckpt")
    replace_by_link(str(old), str(best))

    io.save_checkpoint({"epoch": 9}, old)

    torch.testing.assert_close(io.load_checkpoint(best), CHECKPOINT)


def test_where_links_do_not_work_the_file_is_copied(old, monkeypatch):
    def refuse(source, target):
        raise OSError("links do not work here")

    monkeypatch.setattr(os, "link", refuse)
    best = old.with_name("best.ckpt")

    replace_by_link(str(old), str(best))

    assert best.read_bytes() == old.read_bytes()
    assert not best.samefile(old)


def test_a_link_to_nothing_leaves_what_was_there(io, old):
    with pytest.raises(StorageError) as error:
        replace_by_link(str(old.with_name("none.ckpt")), str(old))

    assert str(error.value) == f"{old}: cannot be written: No such file or directory."
    torch.testing.assert_close(io.load_checkpoint(old), CHECKPOINT)
    assert names(old.parent) == ["last.ckpt"]


# ---- loading


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Foreign(tempfile.mkdtemp, "", "made"), "tempfile.mkdtemp"),
        (Foreign(os.system, "true"), "posix.system"),
    ],
    ids=["a function", "os.system"],
)
def test_a_checkpoint_that_would_run_code_is_refused(io, tmp_path, value, name, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    torch.save({"epoch": value}, tmp_path / "evil.ckpt")

    with pytest.raises(PolicyError) as error:
        io.load_checkpoint(tmp_path / "evil.ckpt")

    assert str(error.value) == f"{tmp_path}/evil.ckpt: holds {name}, which would run code when it is loaded."
    assert names(tmp_path) == ["evil.ckpt"]


def test_weights_only_cannot_be_switched_off(io, tmp_path):
    torch.save({"epoch": Foreign(tempfile.mkdtemp)}, tmp_path / "evil.ckpt")

    with pytest.raises(PolicyError):
        io.load_checkpoint(tmp_path / "evil.ckpt", weights_only=False)


@pytest.mark.parametrize("share", [0.99, 0.5, 0.01, 0])
def test_a_truncated_checkpoint_is_told(io, old, share):
    content = old.read_bytes()
    old.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(StorageError, match=r"last\.ckpt: is no readable checkpoint: "):
        io.load_checkpoint(old)


def test_a_missing_checkpoint_is_told(io, tmp_path):
    with pytest.raises(StorageError) as error:
        io.load_checkpoint(tmp_path / "none.ckpt")

    assert str(error.value) == f"{tmp_path}/none.ckpt: there is no such checkpoint."


def test_tensors_are_loaded_where_they_are_wanted(io, old):
    assert io.load_checkpoint(old)["state_dict"]["weight"].device.type == "cpu"
    moved = io.load_checkpoint(old, map_location=lambda storage, location: storage.cpu())
    torch.testing.assert_close(moved["state_dict"]["weight"], torch.arange(4.0))
