"""Check everything that is no test: lint, layout, types, layers and documentation."""

from __future__ import annotations

from venvs import make_environment, run


def main() -> None:
    python = make_environment("check", "--editable", ".", "--group", "dev")
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy")
    run(python.with_name("lint-imports"), "--no-cache")
    # Warnings are errors, and a link to a page or heading that is not there is a warning.
    run(python, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "docs", "site")


if __name__ == "__main__":
    main()
