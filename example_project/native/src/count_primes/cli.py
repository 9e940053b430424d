"""The command: `count-primes 100`."""

from __future__ import annotations

import sys

from count_primes import _sieve


def main() -> None:
    """Print how many primes there are below a number, and what counted them."""
    match sys.argv[1:]:
        case [number] if number.isdecimal():
            print(f"{_sieve.count(int(number))} primes, counted by {_sieve.__file__}")
        case _:
            sys.exit("usage: count-primes NUMBER")
