"""A first run: find the target, make its set-up, say what happens. The last module to be loaded."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

from hatch_multiplat import runtime
from hatch_multiplat.runtime import (
    becoming,
    cache,
    entry,
    executable,
    install,
    machine,
    places,
    pythons,
    rules,
    venv,
)

Json = Dict[str, Any]
NOTICE_AFTER = 1.0  # seconds
DAMAGED = "this file is damaged, download it again"


class Launch:
    """One start of an executable that no finished set-up answers."""

    def __init__(self, data: Json, app: str, base: str, found: str, caches: List[str]) -> None:
        self.table: Json = json.loads(data["table"])
        self.name: str = data["name"]
        self.id: str = data["id"]
        self.pythons: Sequence[str] = data["pythons"]
        self.main: str = data["names"][0]
        self.app, self.base, self.found, self.caches = app, base, found, caches
        self.entry_source: str = vars(runtime)["sources"]["entry"]
        self.starter_source: str = vars(runtime)["sources"]["starter"]
        self.instead: List[str] = []
        self.machine = machine.read_machine()
        self.target = machine.find_target(self.table["targets"], self.machine)

    def fail(self, message: str, code: int = 1) -> "NoReturn":
        if sys.stderr is None:
            show_message(self.name, message)
        else:
            sys.stderr.write("%s: %s\n" % (self.name, message))
            sys.stderr.flush()
        sys.exit(code)

    def wheels(self) -> List[Json]:
        """The wheels of this machine's target; none where there is no target."""
        if self.target is None:
            return []
        return [self.table["wheels"][i] for i in machine.wheels_of(self.target, self.machine)]

    def key(self) -> str:
        """What tells this machine's set-up from others of the same file.

        The sources of start-up count, as a newer one may make other set-ups of the same table.
        """
        parts = [entry.signature(), entry.stamp(self.base), self.base]
        parts += [text for _, text in sorted(vars(runtime)["sources"].items())]
        parts += [item["sha256"] for item in self.wheels()]
        return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()[:8]

    # Where is it?

    def usable_caches(self) -> List[Tuple[str, bool]]:
        """The cache folders to try, those that native libraries can be loaded from first."""
        usable = []
        for index, root in enumerate(self.caches):
            if cache.prepare_root(root, private=index > 0):
                usable.append((root, places.is_noexec(root)))
        return sorted(usable, key=lambda pair: pair[1])

    def likes_first(self) -> bool:
        """Whether the folder that set-ups belong in seems to be of use."""
        first = self.caches[0]
        chosen = bool(os.environ.get("PEX_ROOT"))
        return places.is_usable(first, chosen) and not places.is_noexec(first)

    def find_or_make(self) -> List[str]:
        """The record of a set-up for this interpreter, which is made if there is none yet."""
        key = self.key()
        problem = "no permission to write"
        for root, noexec in self.usable_caches():
            folder = os.path.join(root, self.id)
            try:
                os.makedirs(folder, 0o700, exist_ok=True)
                lines = self.make_in(root, folder, key, noexec)
            except OSError as error:
                problem = error.strerror or str(error)
                continue
            if root != self.caches[0] and self.likes_first():
                # That it is of no use only came out when it was tried.
                self.instead = [self.caches[0], "%d" % time.time()]
            self.write_records(folder, lines)
            return lines
        return self.fail(
            "cannot store its files in %s: %s; set PEX_ROOT to a folder that has room"
            % (" or ".join(self.caches), problem)
        )

    def make_in(self, root: str, folder: str, key: str, noexec: bool) -> List[str]:
        final = os.path.join(folder, key)
        if not entry.is_whole(final):
            with Notice(self), cache.Lock(final + ".lock") as lock:
                if not entry.is_whole(final):
                    cache.remove_leftovers(folder, key, lock.held)
                    aside = tempfile.mkdtemp(prefix=key + ".", suffix=".new", dir=folder)
                    try:
                        self.make(aside, final)
                        self.put_in_place(aside, final)
                    finally:
                        cache.remove_tree(aside)
            cache.remove_unused(root)
        python = venv.describe_venv(final).python
        direct = (
            os.name != "nt"
            and not noexec
            and os.path.exists(python)
            and install.shebang(python).startswith(b"#!" + os.fsencode(python))
        )
        return [final, python if os.path.exists(python) else self.base, "direct" if direct else ""]

    def put_in_place(self, aside: str, final: str) -> None:
        try:
            os.rename(aside, final)
        except OSError:
            if not os.path.isdir(final):
                raise
            # Another process was faster, or it has lost files.
            cache.mend(aside, final)

    def make(self, aside: str, final: str, in_cache: bool = True) -> None:
        """Build the whole set-up in `aside`, to be renamed to `final`."""
        there, here = venv.describe_venv(final), venv.describe_venv(aside)
        groups = self.install(here.paths, there.python)
        inherit = self.table["options"].get("inherit_path", "false")
        if inherit != "false":
            inherit_source = vars(runtime)["sources"]["inherit"]
            venv.write_inherit(here.paths.purelib, final, inherit, inherit_source)
        plain = not venv.write_python(aside, self.base, inherit != "false")
        python = self.base if plain else there.python
        common = {
            "signature": entry.signature(),
            "stamp": entry.stamp(self.base),
            "base": self.base,
            "library": there.paths.purelib,
            "scripts": there.paths.scripts,
            "used": os.path.join(final, "used"),
            "inherit": inherit,
            "plain": plain,
        }

        def runs(run: Dict[str, str]) -> Dict[str, str]:
            return venv.resolve_run(run, groups, there.paths.scripts, here.paths.scripts)

        source, folder = self.entry_source, here.paths.scripts
        if in_cache:
            common.update(venv.write_code(aside, final, source))
            source, folder = self.starter_source, os.path.join(aside, "app")
        commands = dict(self.table["executables"])
        commands[self.main] = self.table
        try:
            venv.write_entries(folder, source, python, commands, common, runs)
        except rules.BadWheel as error:
            self.fail(str(error))
        if in_cache:
            install.write_file(os.path.join(aside, "used"), [])
            install.write_file(os.path.join(aside, "files"), [venv.list_files(aside)])

    def install(self, paths: install.Paths, python: str) -> List[Dict[str, Dict[str, str]]]:
        """Install this machine's wheels; returns the entry points of each.

        What else could be done was measured by benchmarks/first_run.py, with git-inspect (25 MB)
        and numpy, pandas and pyarrow (284 MB), and left:
        - compiling all modules makes the first run two to three times as long (0.7 s to 1.7 s, 4 s
          to 9 s) to save a second run nothing that can be seen: it compiles what it imports;
        - two threads or processes take a third less for the smaller, if nothing else runs, and
          longer for the larger where something does; and of a file that two wheels have, chance
          would choose one;
        - hard links to another set-up's files are made in a tenth of the time, but what a program
          writes into its own package would then be in another program's too.
        """
        groups = []
        os.makedirs(paths.purelib, exist_ok=True)
        file = executable.Executable(self.app)
        try:
            for item in self.wheels():
                try:
                    with file.open_wheel(item) as stream:
                        groups.append(install.install_wheel(stream, paths, python))
                except rules.BadWheel as error:
                    self.fail("%s cannot be used: %s" % (item["file"], error))
        finally:
            file.close()
        return groups

    def write_records(self, folder: str, lines: List[str]) -> None:
        cache.write_record(folder, self.base, [*lines, self.base, *self.instead])
        try:
            if self.found and os.path.samefile(self.found, self.base):
                cache.write_record(folder, self.found, [*lines, self.base, *self.instead])
        except OSError:
            pass
        # Interpreters that fit no target, from which `search` came here.
        for path in os.environ.pop("_MULTIPLAT_FROM", "").split(os.pathsep):
            if path:
                cache.write_record(folder, path, [*lines, path, *self.instead])

    # Other things to do

    def search(self) -> "NoReturn":
        """Run under another Python that the file has wheels for, or say what it needs."""
        if os.environ.pop("_MULTIPLAT_SEARCHED", None) is None:
            path = self.find_python()
            if path:
                os.environ["_MULTIPLAT_SEARCHED"] = "1"
                os.environ["_MULTIPLAT_FROM"] = os.pathsep.join(
                    p for p in (self.base, self.found) if p and os.path.realpath(p) == self.base
                )
                becoming.multiplat_become([path, self.app, *sys.argv[1:]])
        lines = [machine.describe_misfit(self.table["targets"], self.machine)]
        lines.append("  this is:     " + str(self.machine))
        lines.append("  it supports:")
        lines += ["    " + line for line in machine.describe_targets(self.table["targets"])]
        self.fail("\n".join(lines))

    def find_python(self) -> Optional[str]:
        """Another Python that fits a target, tried by running this file under it."""
        seen = {os.path.realpath(self.base), os.path.realpath(sys.executable)}
        environ = dict(os.environ, MULTIPLAT="probe", _MULTIPLAT_SEARCHED="1")
        for path in pythons.find_pythons(self.pythons, os.environ.get("PATH", os.defpath)):
            real = os.path.realpath(path)
            if real in seen:
                continue
            seen.add(real)
            try:
                code = subprocess.call(
                    [path, self.app],
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    creationflags=pythons.NO_WINDOW,
                )
            except OSError:
                continue
            if code == 0:
                return path
        return None

    def info(self) -> None:
        """Print the file's targets and this machine's match."""
        lines = ["%s %s" % (self.table["name"], self.table["version"]), "", "targets:"]
        for target in self.table["targets"]:
            mark = "*" if target is self.target else " "
            count = len(target["sets"][-1][1])
            lines.append("%s %s (%d wheel%s)" % (mark, target["name"], count, "s" * (count != 1)))
        lines += ["", "this machine: " + str(self.machine)]
        if self.target is None:
            lines.append("fits no target")
        else:
            size = sum(item["size"] for item in self.wheels())
            shown = "%.1f MB" % (size / 1e6) if size >= 1e5 else "%.1f kB" % (size / 1e3)
            lines.append("fits %s: %s of wheels" % (self.target["name"], shown))
            final = [os.path.join(root, self.id, self.key()) for root in self.caches]
            path = final[0] if entry.is_whole(final[0]) or self.likes_first() else final[-1]
            lines.append(("set up at " if entry.is_whole(path) else "will be set up at ") + path)
        print("\n".join(lines))

    def write_venv(self) -> None:
        """`MULTIPLAT=venv FILE DIR`: leave the set-up at DIR, as a venv of its own."""
        if len(sys.argv) != 2:
            self.fail("MULTIPLAT=venv takes one argument, the folder to make", 2)
        final = os.path.abspath(sys.argv[1])
        if os.path.isdir(final):
            if os.listdir(final):
                self.fail("%s is not empty" % final, 2)
        elif os.path.lexists(final):
            self.fail("%s is no folder" % final, 2)
        try:
            parent = os.path.dirname(final)
            os.makedirs(parent, exist_ok=True)
            aside = tempfile.mkdtemp(
                prefix=os.path.basename(final) + ".", suffix=".new", dir=parent
            )
            try:
                self.make(aside, final, in_cache=False)
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(aside, 0o777 & ~mask)
                if os.path.isdir(final):
                    os.rmdir(final)
                os.rename(aside, final)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        except OSError as error:
            self.fail("cannot write %s: %s" % (final, error.strerror or error))


class Notice:
    """A line on a terminal's stderr if what happens inside takes over a second."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.timer: Optional[threading.Timer] = None

    def __enter__(self) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            self.timer = threading.Timer(NOTICE_AFTER, self.show)
            self.timer.daemon = True
            self.timer.start()

    def __exit__(self, *_: object) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer.join()

    def show(self) -> None:
        sys.stderr.write("%s: preparing its first run on this machine...\n" % self.launch.name)
        sys.stderr.flush()


def show_message(title: str, text: str) -> None:
    """Say it in a window, where a Python of Windows without a console has no other place."""
    try:
        import ctypes

        library: Any = vars(ctypes)["windll"].user32
        library.MessageBoxW(None, text, title, 0x10)  # the icon of an error
    except (ImportError, KeyError, OSError, AttributeError):
        pass


def die_of_interrupt() -> "NoReturn":
    """End as Ctrl-C ends a program that knows nothing of it: by the signal, without a traceback."""
    if os.name != "nt":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(130)


def main(data: Json, app: str, base: str, found: str, caches: List[str]) -> List[str]:
    """Do what this start needs; returns the record of the set-up to hand over to."""
    wish = os.environ.pop("MULTIPLAT", "")
    launch = Launch(data, app, base, found, caches)
    if wish == "probe":
        sys.exit(launch.target is None)
    if wish == "info":
        launch.info()
        sys.exit(0)
    if wish not in ("", "venv"):
        launch.fail("MULTIPLAT=%s is unknown; use info or venv" % wish, 2)
    if launch.target is None:
        if wish:
            os.environ["MULTIPLAT"] = wish
        launch.search()
    os.environ.pop("_MULTIPLAT_SEARCHED", None)
    try:
        if wish == "venv":
            launch.write_venv()
            sys.exit(0)
        return launch.find_or_make()
    except executable.DamagedFile as error:
        return launch.fail("%s (%s)" % (DAMAGED, error))
    except executable.UnreadableFile as error:
        return launch.fail(str(error))
    except KeyboardInterrupt:
        return die_of_interrupt()
