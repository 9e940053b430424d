"""Count prime numbers, in C."""
