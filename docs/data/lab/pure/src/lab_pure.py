import platform

import cowsay


def main():
    python = "%s %s" % (platform.python_implementation(), platform.python_version())
    print(cowsay.get_output_string("cow", python).splitlines()[1].strip())
