"""The script that a set-up starts with: it runs entry.py as it was compiled for this Python.

Python compiles a script anew at every start, which for entry.py takes a tenth of the time that a
small program takes in all. `CONFIG` is filled in when the set-up is made.
"""

import sys

CONFIG = {}  # type: ignore[var-annotated]

if __name__ == "__main__":
    import marshal

    names = {"__name__": "multiplat", "__file__": __file__}
    try:
        with open("%s-%x" % (CONFIG["code"], sys.hexversion), "rb") as stream:
            code = marshal.loads(stream.read())  # noqa: S302 - as safe as a .pyc beside it
    except (OSError, ValueError, EOFError, TypeError):
        # No CPython, or it has become another one meanwhile, which entry.py will notice.
        with open(CONFIG["source"], encoding="utf-8") as text:
            code = compile(text.read(), CONFIG["source"], "exec")
    exec(code, names)
    names["CONFIG"].update(CONFIG)  # type: ignore[attr-defined]
    sys.exit(names["main"]()())  # type: ignore[operator]
