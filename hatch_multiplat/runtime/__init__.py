"""What runs on the machines of users: shipped as source inside executables, as `.multiplat/*.py`.

Python 3.6 or newer and the standard library only, relative imports only: inside an executable the
package has another name. The build runs those parts of it that judge machines and wheels.

enter    go to a finished environment: all that a later start needs
launch   a first start: what happens, in order
options  the options that this Python was started with
match    this machine and the targets of the file
places   the folder to fall back to, and whether a folder may be used at all
verify   the file that runs, and the wheels in it
contents what was in the wheels of a file without them
install, rules   a wheel's files, and which of them are refused
venv     the environment around them, and the scripts that start in it
cache    the folder that environments are kept in: locks, mending, cleaning
pythons  the other Pythons of this machine
older    the same for a Python that cannot run the rest
windows  how one program stands in for another there, and programs for scripts
run      what runs inside an environment before the program
inherit  the order of `sys.path` in it, where `inherit-path` is set
"""

__all__ = ["contents", "enter", "install", "match", "rules", "run", "verify", "windows"]
