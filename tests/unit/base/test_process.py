from __future__ import annotations

import pytest

from hatch_multiplat.base.process import MAX_COMMAND, Finished, explain_failure


def finished(*, stdout: str = "", stderr: str = "") -> Finished:
    return Finished(returncode=2, stdout=stdout, stderr=stderr)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (finished(stdout="out", stderr="one\ntwo\n"), "  one\n  two"),
        (finished(stdout="out\n", stderr=" \n"), "  out"),
        (finished(), "  (it printed nothing)"),
    ],
)
def test_the_output_of_a_failure(said: Finished, shown: str) -> None:
    assert explain_failure("pex", ["pex", "a b"], said) == (
        f"pex failed with exit code 2\n  ran: pex 'a b'\n{shown}"
    )


def test_a_long_command_is_cut() -> None:
    command = ["pex", *(f"--complete-platform=platform-{number}.json" for number in range(60))]

    line = explain_failure("pex", command, finished()).splitlines()[1]

    assert line.endswith(" ...")
    assert len(line) == len("  ran: ") + MAX_COMMAND + len(" ...")
