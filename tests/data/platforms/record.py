"""Print what `packaging` says of the interpreter that runs this: its wheel tags and its markers.

The JSON files beside this one are what it printed on real machines. To record one more, or all
of them again, make one file of it and run that on each machine, naming what it prints:

    pip install --target app/new packaging==26.2
    pip install --target app/3.7 packaging==24.0
    pip install --target app/3.6 packaging==21.3 pyparsing==3.0.9
    cp record.py app/__main__.py
    python -m zipapp app -o record.pyz
    python3 record.pyz > cp313-manylinux_2_41_x86_64.json        # on the machine

packaging 26.2 and not the newest, because 26.3 moved the plain linux_ARCH tags to the front.
"""

import json
import os
import sys

VERSION = "{}.{}".format(*sys.version_info)
sys.path.insert(0, os.path.join(sys.path[0], VERSION if sys.version_info < (3, 8) else "new"))

from packaging.markers import default_environment
from packaging.tags import sys_tags


def main():
    tags = list(sys_tags())
    platforms = [tag.platform for tag in tags if (tag.interpreter, tag.abi) == first(tags)]
    ranked = []
    while tags:
        # A tag for every platform, in the order of the platforms, is written once, with a *.
        run = tags[: len(platforms)]
        word = "{0.interpreter}-{0.abi}-".format(tags[0])
        if [str(tag) for tag in run] == [word + platform for platform in platforms]:
            ranked.append(word + "*")
            del tags[: len(platforms)]
        else:
            ranked.append(str(tags.pop(0)))
    environment = dict(default_environment(), platform_release="", platform_version="")
    lines = [
        '"platforms": ' + json.dumps(" ".join(platforms)),
        '"ranked": ' + json.dumps(" ".join(ranked)),
        '"marker_environment": ' + json.dumps(environment, sort_keys=True, indent=1),
    ]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


def first(tags):
    return tags[0].interpreter, tags[0].abi


main()
