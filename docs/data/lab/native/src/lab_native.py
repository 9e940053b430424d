import platform

import markupsafe
from markupsafe import _speedups  # the native part: where it does not load, this fails


def main():
    python = "%s %s" % (platform.python_implementation(), platform.python_version())
    assert _speedups.__file__.endswith((".so", ".pyd"))
    print("%s, markupsafe %s" % (python, markupsafe.__version__))
