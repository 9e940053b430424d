from __future__ import annotations

import os
from pathlib import Path

import pytest

from hatch_multiplat.base.errors import ExecutableError, ToolError, WriteError
from hatch_multiplat.executable.pex import own_pex_root, pex_environment, run_pex
from tests.support.whole_pex import pex_home


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("OSError: [Errno 28] No space left on device: '/out/built.pex'\n  gone", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("OSError: [Errno 13] Permission denied", False),
    ],
)
def test_a_full_disk_is_told_from_other_failures_of_pex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, *, shown: bool
) -> None:
    def run_tool(*args: object, **options: object) -> None:
        raise ToolError(f"pex failed with exit code 1\n  ran: pex\n  {said}")

    monkeypatch.setattr("hatch_multiplat.executable.pex.run_tool", run_tool)

    with pytest.raises(ExecutableError if shown else ToolError) as caught:
        run_pex([], folder=tmp_path, home=pex_home(tmp_path))

    if shown:
        assert str(caught.value) == (
            f"pex cannot write its files: {said.splitlines()[0]}; "
            "free some space there, or name other folders in HATCH_MULTIPLAT_CACHE and TMPDIR"
        )
    else:
        assert said in str(caught.value)


def test_pex_runs_for_a_user_without_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pex_environment(pex_home(tmp_path))["XDG_CACHE_HOME"] == str(Path.home() / ".cache")
    # What it does for a user whom the system does not know, without HOME.
    monkeypatch.setattr(os.path, "expanduser", str)
    found = pex_environment(pex_home(tmp_path))
    assert found["XDG_CACHE_HOME"] is None
    assert found["PEX_ROOT"] == str(tmp_path)


def test_builds_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as first, own_pex_root(tmp_path) as second:
        assert first != second
    with own_pex_root(tmp_path) as again:
        assert again == first


def test_the_copies_of_wheels_go_and_the_rest_stays(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as root:
        (root / "downloads").mkdir()
        (root / "downloads" / "wheel").write_text("copy")
        (root / "pip").mkdir()
    assert [path.name for path in root.iterdir()] == ["pip"]


def test_a_failed_build_leaves_its_folder_to_the_next(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), own_pex_root(tmp_path) as root:
        raise RuntimeError
    with own_pex_root(tmp_path) as again:
        assert again == root


def test_a_cache_that_cannot_be_written_is_not_taken_for_the_output(tmp_path: Path) -> None:
    (tmp_path / "pex").write_text("in the way")
    with (
        pytest.raises(WriteError, match=r"cannot write .*pex: .*HATCH_MULTIPLAT_CACHE"),
        own_pex_root(tmp_path / "pex"),
    ):
        pytest.fail("there is no folder")
    with pytest.raises(PermissionError), own_pex_root(tmp_path):
        raise PermissionError  # of whoever uses it
