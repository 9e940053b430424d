"""Temporary folders are gone at the end, after SIGTERM too, and after a kill with the next."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.base.temporary import (
    BESIDE,
    LOCK,
    Terminated,
    stopped_by_sigterm,
    sweep,
    temporary_folder,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_is_gone_at_the_end_however_it_comes(tmp_path: Path) -> None:
    with temporary_folder(tmp_path, prefix=BESIDE) as folder:
        (folder / "file").touch()
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
        assert folder.name.startswith(BESIDE)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path, prefix=BESIDE):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking")
def test_a_stop_that_something_took_for_its_own_failure_is_one() -> None:
    def make_class() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except BaseException as error:
            raise RuntimeError("Error calling __set_name__") from error

    with pytest.raises(Terminated), stopped_by_sigterm():
        make_class()
    with pytest.raises(RuntimeError, match="its own"), stopped_by_sigterm():
        raise RuntimeError("its own")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_where_no_temporary_file_can_be_written_it_is_told_with_the_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(WriteError) as caught, temporary_folder():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value).startswith("cannot make a temporary folder: No usable temporary")
    assert str(caught.value).endswith(
        "]; free some space or make one of them writable, or name another folder in TMPDIR"
    )


@pytest.mark.skipif(os.name == "nt", reason="there, age alone tells")
def test_what_a_killed_build_has_left_goes_with_the_next_and_what_is_in_use_stays(
    tmp_path: Path,
) -> None:
    killed = tmp_path / f"{BESIDE}killed"
    killed.mkdir()
    (killed / LOCK).touch()
    (killed / "half").touch()
    other = tmp_path / "other"
    other.mkdir()
    with temporary_folder(tmp_path, prefix=BESIDE) as first:
        assert not killed.exists()
        with temporary_folder(tmp_path, prefix=BESIDE):
            assert first.is_dir()
        sweep(tmp_path, prefix=BESIDE)
        assert first.is_dir()
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.skipif(os.name == "nt", reason="there, age alone tells")
def test_a_build_that_starts_while_another_locks_its_folder_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    lock = fcntl.flock

    def sweep_and_lock(*arguments: Any) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        sweep(tmp_path)
        lock(*arguments)

    monkeypatch.setattr(fcntl, "flock", sweep_and_lock)
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir()
        sweep(tmp_path)
        assert [path.name for path in folder.iterdir()] == [LOCK]


def test_a_folder_without_a_lock_goes_when_it_is_old(tmp_path: Path) -> None:
    """An older release made none, and a build may be about to make one."""
    folder = tmp_path / f"{BESIDE}x"
    folder.mkdir()
    sweep(tmp_path, prefix=BESIDE)
    assert folder.is_dir()
    old = time.time() - 2 * 24 * 60 * 60
    os.utime(folder, (old, old))
    sweep(tmp_path, prefix=BESIDE)
    assert not folder.exists()


def test_a_folder_that_is_not_there_is_swept_without_a_word(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking")
def test_sigterm_clears_away_as_ctrl_c_does(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), stopped_by_sigterm(), temporary_folder(tmp_path):
        signal.raise_signal(signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_comes_within_an_import_is_heeded_a_moment_later() -> None:
    """An exception there can be lost, and leave the import lock taken."""
    frame = SimpleNamespace(f_code=SimpleNamespace(co_filename="<frozen importlib._bootstrap>"))

    def import_something() -> None:
        stop: Any = signal.getsignal(signal.SIGTERM)
        stop(signal.SIGTERM, frame)
        for _ in range(1000):
            time.sleep(0.01)

    with pytest.raises(Terminated), stopped_by_sigterm():
        import_something()


def test_a_signal_is_heeded_at_once_in_a_folder_that_is_only_called_like_pythons_own() -> None:
    frame = SimpleNamespace(f_code=SimpleNamespace(co_filename="/home/ada/importlib/demo.py"))
    with stopped_by_sigterm():
        stop: Any = signal.getsignal(signal.SIGTERM)
        with pytest.raises(Terminated):
            stop(signal.SIGTERM, frame)
