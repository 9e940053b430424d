"""Shared objects for wheels of tests, as a linker makes them: small, and for x86_64.

`need.c` is `extern unsigned arc4random(void); unsigned answer(void) { return arc4random(); }`,
made by `gcc -shared -fPIC -Os -nostdlib -s` and `-Wl,-z,norelro,-z,noseparate-code,
--hash-style=gnu,--build-id=none`, once with a library whose soname is glibc's and whose symbol has
the version GLIBC_ABI_DT_RELR, once with one whose soname is musl's.
"""

from __future__ import annotations

import base64
import zlib
from typing import Final

_FOR_GLIBC: Final = (
    "eNq9Vc1u00AQnrVLa1FRIOGnlwofqAiq2CZRQYgDapP+UJEDrThUgGQ5sWkixXZlO6U98Qq8Aa/SI4/BBYmKC0KC"
    "GzX+mUnWi005IEbKfpkZfzszu+Px243OpsIYkKjwGCYawCri/JRoewhT8ToHl9JnL0C51JQ8wpUMEt606K/k8RnL"
    "I/GUc3h1lkcN6TufQmsa/l4wXBpPEfLNbPrYN9KWvv1pnyR+pcDOUrsGOtYxPkPTDd7YPph+b8U3XctzYDjo9njg"
    "8Qew1dlutY211rax/tzY3ejsZlmwdD8GVSHv1tzP1LeA+kE1wxmMTRLdf3E1XhdfxevlW6vxv0TvJ67Tj1EUnX6J"
    "F4GD28D3s8hLUGf5/N+hTmf1BPWLqC8jzlJfjfsuk73q5NxF/zWY5J/ITcTPuP9ZlOXzAfUIdcr7K+onDP6L1CrF"
    "9htY2Fa7/UivrdvdgenqjSZv8vq9xsqSZXcbzVHjLpoAeNAPQj80u8D33RHvm0EfuHXsBsdOhqGfeQ5tPxh4bk4x"
    "Yp9vD01+MAyBh/ZRvNp947VvOnbKNp1BL2Z4YfZEz3Mc2w3/Rf3J/f6Iz5zukfqE8Dbk71mT+NdxD0XqozEKfcME"
    "PvXLAvoUqS8JlwveR1EWsYeIT31zIvW3UoJN7EnSqS8J9ZL8SdbiXzJyW1KfE84L8WYL6t+UZpacoF4y7wifSnya"
    "U7/Nq5Lz20GbUvYdKJiTorzE2Kr0PhGf5rsq8Sl/C+PLc2VPLa5fk9BBfl167gj5d0rqF1EtqPM9Gg/POb9fk0qI"
    "Tg=="
)
_FOR_MUSL: Final = (
    "eNq9VEtP20AQHts0mIcEBCpyQfhQBOGxxVGIEIc24lUOSIgrF7RJDI4U28h2VDjxF/pT+hP6U7hwQNyQmmPNOp51"
    "1iu7cKg6kvfzzM7svHb2/uj0WFUU4KTBFxhxAE3En5oo24Uxtk7D1FD3AxSTrmYRZhOI7UrifjmLhpJFbqe+YZcG"
    "j6gje/4YdkrwfkJ3Q3+qEG8iM9K9vr7x8rdzYv/lHLkylJeSQ8QaUjf4bvlA/Xbdp27Hc6DXbbWJ0w96W7e7jctG"
    "nQQeMbm6MZ/guJC6SNHO+hxbVzbZOrPcZH8xb8dbTw9RFD09s0WwxePg95/IE+vP4/uBPK/FCfKTyFcRpxAr6b3C"
    "esyP6iruL8Aoj5gWEX8p8F9IL+fLB+j/28HBnrF2aLW61DXMGqmR7S2zvtGxWmatb1ZRBEACOwj9kLaAXLt9YtPA"
    "BtK5c4M7J8HQB+JbPUpueiGQ0Lplq2VfXvnUsYYa1Om2mbEXJhptz3EsN/xXecZ9GUSRx+svz9knyPZHl+w/4hmq"
    "1P8UhX4rgj3v8xLuqdJ94ljNmRORVtg3xr596X5wrAjxT+T4X5dm+UHJolHwDnD8LNmnichzXBD/DsrUovcx5/0Q"
    "6Sv61qR7m9or0rxJ8Z+gijyPupafvy7hOdpvS3praL9akL+IWk6eZyi8eKN+r2dCYWs="
)
_MACHINE: Final = slice(18, 20)
"""Where an ELF file says what machine it is for."""


def glibc_object(symbol: str = "GLIBC_2.36", *, machine: int = 62) -> bytes:
    """Return a shared object that asks for a symbol of this version; of no more letters."""
    data = bytearray(zlib.decompress(base64.b64decode(_FOR_GLIBC)))
    first = b"GLIBC_ABI_DT_RELR"
    data = data.replace(first, symbol.encode().ljust(len(first), b"\0"))
    data[_MACHINE] = machine.to_bytes(2, "little")
    return bytes(data)


def musl_object() -> bytes:
    return zlib.decompress(base64.b64decode(_FOR_MUSL))
