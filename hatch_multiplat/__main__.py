from __future__ import annotations

from hatch_multiplat.cli import main

main(prog_name="hatch-multiplat")
