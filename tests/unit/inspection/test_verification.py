"""Which targets `verify` runs, and where: as start-up itself decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.executable.executable import Executable
from hatch_multiplat.executable.table import Table
from hatch_multiplat.executable.table_maker import make_targets
from hatch_multiplat.inspection.interpreters import Interpreter
from hatch_multiplat.inspection.verification import Runner, plan_trials
from hatch_multiplat.runtime.match import Machine
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

GLIBC = Machine(
    implementation="cpython",
    python=(3, 12),
    patch=4,
    abi="",
    system="linux",
    arch="x86_64",
    libc=("glibc", 2, 36),
    macos=None,
)
HERE = Interpreter(path=Path("/usr/bin/python3.12"), machine=GLIBC)
PURE = "demo-1.0-py3-none-any.whl"
MUSL = "cp312-musllinux_1_2_x86_64"
OLD, NEW = "cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_36_x86_64"


def selection(target: str, filename: str = PURE) -> Selection:
    wheels = (parse_wheel(filename, "", {}),)
    return Selection(target=Target.parse(target), sets=(WheelSet(from_patch=0, wheels=wheels),))


def executable(*selections: Selection, ours: bool = True) -> Executable:
    targets = make_targets(selections)
    table = Table(name="demo", version="1.0", run={}, wheels=(), targets=targets)
    return Executable(
        path=Path("/demo.pex"),
        layout="zipapp",
        size=1,
        info={},
        wheels={},
        table=table if ours else None,
    )


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "a PEX without a table"])
@pytest.mark.parametrize(
    ("filename", "runs"),
    [(PURE, [MUSL]), ("demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl", [])],
    ids=["pure", "native"],
)
def test_a_target_is_run_where_all_that_its_wheels_need_is(
    filename: str, runs: list[str], *, ours: bool
) -> None:
    musl = selection(MUSL, filename)
    trials = plan_trials(executable(musl, ours=ours), [musl], [HERE], [])
    assert [trial.target for trial in trials] == runs


def test_what_start_up_takes_for_another_target_is_no_run_of_this_one() -> None:
    both = executable(selection(OLD), selection(NEW))
    (trial,) = plan_trials(both, [selection(NEW)], [HERE], [])
    assert (trial.target, trial.words) == (NEW, ("/usr/bin/python3.12", "/demo.pex"))
    assert plan_trials(both, [selection(OLD)], [HERE], []) == ()
    older = Interpreter(path=HERE.path, machine=GLIBC._replace(libc=("glibc", 2, 28)))
    assert len(plan_trials(both, [selection(OLD)], [older], [])) == 1


def test_a_runner_runs_what_it_is_named_for() -> None:
    whole = executable(selection(MUSL), selection(OLD))
    runner = Runner(pattern="*musl*", command="lab run {target}")
    (trial,) = plan_trials(whole, [selection(MUSL), selection(OLD)], [], [runner])
    assert trial.words == ("lab", "run", MUSL, "/demo.pex")
