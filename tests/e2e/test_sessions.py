"""The terminal sessions in the documentation are what their commands print today."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Checkout


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sessions are from Linux")
def test_the_commands_print_what_is_recorded(checkout: Checkout) -> None:
    printed = checkout.run_script("sessions.py", "--check")
    assert printed.splitlines()[-1].startswith("as recorded: build, check, ")
