from __future__ import annotations

from hatch_multiplat.executable.pex_info import dump_info, with_hash


def test_the_hash_is_over_everything_but_itself() -> None:
    info = with_hash({"b": [1], "a": {"y": True, "x": None}})
    assert dump_info(info) == (
        '{"a":{"x":null,"y":true},"b":[1],"pex_hash":"daddd95fb1d5fcde8768fb82e1d2970904039f3f"}'
    )
    assert with_hash({**info, "pex_hash": "another"}) == info
    assert with_hash({**info, "b": [2]})["pex_hash"] != info["pex_hash"]
