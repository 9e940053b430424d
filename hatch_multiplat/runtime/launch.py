"""A first start: find the target, make its environment, say what happens."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Tuple

from . import cache, enter, install, match, places, pythons, rules, run, venv, verify, windows

Json = Dict[str, Any]
NOTICE_AFTER = 1.0  # seconds
FITS = 90  # the exit code of `MULTIPLAT=probe`, which no program has that is no Python


class Launch:
    """One start of an executable that no finished environment answers.

    `about` is what the launcher knows; `read` gives the bytes of a file of `.multiplat`.
    """

    def __init__(
        self, about: Json, read: Callable[[str], bytes], app: str, base: str, found: str
    ) -> None:
        self.about, self.read = about, read
        self.table: Json = json.loads(read("table.json").decode("utf-8"))
        self.name: str = about["name"]
        self.id: str = about["id"][:16]
        self.app, self.base, self.found = app, base, found
        if found and not run.is_header_intact(app, about["header"]):
            self.fail(run.DAMAGED)
        self.machine = match.read_machine()
        self.target = match.find_target(self.table["targets"], self.machine)
        self.target = self.target or match.find_anywhere(self.table, self.machine)
        self.problem = ""  # of this Python, whatever target it fits
        self.contents: Any = None
        if "contents" in self.table:
            from . import contents

            self.contents = contents
            if self.target and not contents.HAS_LZMA:
                self.target, self.problem = None, contents.NO_LZMA
        # Which of the table's wheels this machine takes.
        self.numbers = match.wheels_of(self.target, self.machine) if self.target else []
        first, fallback = enter.find_place(about["runtime_root"]), places.find_fallback()
        self.places = [place for place in (first, fallback) if place]

    def fail(self, message: str, code: int = 1) -> "NoReturn":
        if sys.stderr is None:
            show_message(self.name, message)
        else:
            sys.stderr.write("%s: %s\n" % (self.name, message))
            sys.stderr.flush()
        sys.exit(code)

    def key(self, place: enter.Place) -> str:
        """What tells this machine's environment from others of the same file, in one place.

        It goes by what the interpreter is. Where another one that is the same still exists, by its
        path too: some are at a new path at each start, as in an AppImage.
        """
        same = [run.signature(), run.stamp(self.base), os.path.getsize(self.base)]
        keys = [digest(same), digest([*same, self.base])]
        others = run.read_base(os.path.join(place.root, self.id, keys[0]))
        taken = others not in ("", self.base) and os.path.exists(others)
        return keys[1] if taken else keys[0]

    @property
    def library(self) -> str:
        """Where an environment has its packages."""
        return os.path.normpath(venv.find_folders().purelib)

    # Where is it?

    def folder(self, place: enter.Place) -> str:
        return os.path.join(place.root, self.id, self.key(place))

    def usable_places(self) -> List[Tuple[enter.Place, bool]]:
        """The places to try, those that native libraries can be loaded from first."""
        usable = [
            (place, places.is_noexec(place)) for place in self.places if places.is_usable(place)
        ]
        return sorted(usable, key=lambda pair: pair[1])

    def find_or_make(self) -> Tuple[str, str, str]:
        """The record of an environment for this interpreter, which is made if there is none."""
        problems = {}
        for place, noexec in self.usable_places():
            try:
                with cache.writing(place):
                    folder = cache.prepare(place, self.id)
                    key = self.key(place)
                    how = self.make_in(place, folder, key, noexec)
                    library = os.path.join("venv", self.library)
                    if not enter.is_trusted(place, os.path.join(folder, key), (library, "app")):
                        raise PermissionError(errno.EACCES, places.OPEN_TO_OTHERS)
                    self.write_records(folder, key, how, library)
            except OSError as error:
                problems[place] = error.strerror or str(error)
                continue
            return os.path.join(folder, key), how, self.base
        told = [
            "%s (%s)" % (place.root, problems.get(place) or places.describe_problem(place))
            for place in self.places
        ]
        return self.fail(
            "cannot store its files in %s; set PEX_ROOT to a folder of yours that has room"
            % (" or ".join(told) or "any folder")
        )

    def make_in(self, place: enter.Place, folder: str, key: str, noexec: bool) -> str:
        """Make the environment if it is not there or not whole; returns how it is started."""
        final = os.path.join(folder, key)
        for path in (final, os.path.join(final, "venv")):
            if os.path.lexists(path):
                cache.check(place, path)
        if not run.has_all_files(final):
            self.say_what_is_not_used(place)
            with notice(self.name), cache.lock(final + ".lock") as held:
                if not run.has_all_files(final):
                    cache.remove_unfinished(folder, key, held)
                    with cache.temporary_folder(folder, key) as temporary:
                        self.make(temporary, final, place.kind)
                        self.put_in_place(temporary, final)
            cache.remove_unused(place.root)
        if run.read_base(final) != self.base:
            self.point_to_base(folder, final)
        python = enter.start_of(final, "", self.base)
        if not os.path.exists(python):
            return "base"
        plain = install.shebang(python).startswith(b"#!" + os.fsencode(python))
        return "direct" if os.name != "nt" and not noexec and plain else "python"

    def say_what_is_not_used(self, place: enter.Place) -> None:
        """Say once, when an environment is made elsewhere, what is wrong with the first place."""
        first = self.places[0]
        there = [path for path in (first.root, self.folder(first)) if os.path.lexists(path)]
        open_to_others = [path for path in there if not first.trusts(path)]
        if place is not first and open_to_others and sys.stderr is not None:
            words = (self.name, open_to_others[0], places.OPEN_TO_OTHERS)
            sys.stderr.write("%s: %s is not used: %s\n" % words)

    def put_in_place(self, temporary: str, final: str) -> None:
        try:
            cache.move(os.rename, temporary, final)
        except OSError:
            if not os.path.isdir(final):
                raise
            # Another process was faster, or it has lost files.
            cache.mend(temporary, final)

    def point_to_base(self, folder: str, final: str) -> None:
        """Make an environment one of the interpreter at its new path."""
        with cache.temporary_folder(folder, os.path.basename(final)) as temporary:
            inside = os.path.join(temporary, "venv")
            venv.write_python(inside, self.base, self.about["inherit_path"] != "false")
            install.write_file(os.path.join(temporary, "base"), [os.fsencode(self.base)])
            for path in [*(os.path.join("venv", p) for p in cache.list_tree(inside)), "base"]:
                cache.move(os.replace, os.path.join(temporary, path), os.path.join(final, path))

    def make(self, temporary: str, final: str, kind: str) -> None:
        """Build the whole environment in `temporary`, to be renamed to `final`.

        In a place of the cache, what starts in it lies beside it; else it has scripts of ours.
        """
        scripts = enter.VENV_PYTHON[0]
        parts = ["venv", "app", "code", "bin"]
        if not kind:
            parts = [os.curdir, scripts, venv.MULTIPLAT, os.path.join(venv.MULTIPLAT, "bin")]
        inside, app, code, on_path = (
            os.path.normpath(os.path.join(temporary, part)) for part in parts
        )
        there = os.path.normpath(os.path.join(final, parts[0]))
        python = os.path.join(there, *enter.VENV_PYTHON)
        groups = self.install(inside, self.add_launchers(python))
        # A program that may write does so when it first imports a module, if there is room.
        room = venv.prepare_bytecode(inside)
        private = kind in (enter.HOME, enter.SHARED) and not is_bytecode_unwanted()
        if not (private and run.has_room(inside, room)) and venv.compile_all(inside, there):
            room = 0
        inherit = self.about["inherit_path"]
        if inherit != "false":
            library = os.path.join(inside, self.library)
            venv.write_inherit(library, there, inherit, self.read("inherit.py"))
        plain = not venv.write_python(inside, self.base, inherit != "false")
        common = {
            "root": os.fsencode(final),
            "venv": parts[0] if kind else "",
            "code": parts[2],
            "kind": kind,
            "header": self.about["header"],
            "signature": run.signature(),
            "stamp": run.stamp(self.base),
            "library": self.library,
            "scripts": parts[3],
            "path": self.table["options"].get("path", "prepend"),
            "inherit": inherit,
            "plain": plain,
            "room": room,
        }
        commands = {**self.table["executables"], self.about["commands"][0]: self.table}
        runs = {
            name: venv.resolve_run(command.get("run", {}), groups, inside)
            for name, command in commands.items()
        }
        if not kind:
            venv.keep_replaced(runs, inside)
        launchers = self.add_launchers(self.base if plain else python)
        venv.write_scripts(app, launchers, commands, common, runs)
        venv.write_code(code, os.path.join(final, parts[2]), lambda name: self.read(name + ".py"))
        venv.link_scripts(os.path.join(inside, scripts), on_path)
        if kind:
            install.write_file(os.path.join(temporary, "base"), [os.fsencode(self.base)])
            names = b"\0".join(map(os.fsencode, cache.list_tree(temporary)))
            install.write_file(os.path.join(temporary, "files"), [names])
        path = os.name == "nt" and windows.find_too_long(final, cache.list_tree(temporary))
        if path:
            words = (path, len(path), windows.LIMIT)
            raise OSError(errno.ENAMETOOLONG, "%s has %d characters, and Windows allows %d" % words)

    def add_launchers(self, python: str) -> install.Interpreter:
        """The interpreter for scripts, and the file's launchers for this kind of machine."""
        kinds = (False, True) if os.name == "nt" else ()
        names = ["launchers/" + windows.launcher_name(self.machine.arch, gui) for gui in kinds]
        there = [name for name in names if venv.MULTIPLAT + "/" + name in self.about["members"]]
        return install.Interpreter(python, tuple(map(self.read, there)))

    def open_wheels(self, file: verify.OwnFile, folder: str) -> Iterator[install.Source]:
        """This machine's wheels one by one, by way of an empty folder if they are in blocks."""
        if self.contents:
            held = self.contents.Contents(file, self.table["contents"])
            for opener in held.unpack(self.numbers, folder):
                yield opener()
            return
        for number in self.numbers:
            with file.open_wheel(self.table["wheels"][number]) as stream:
                yield install.Archive(stream)

    def install(self, root: str, python: install.Interpreter) -> List[install.EntryPoints]:
        """Install this machine's wheels below `root`; returns the entry points of each.

        One after the other, and without compiling them: docs/explanation/start-up.md says why.
        """
        groups, folders = [], venv.find_folders()
        os.makedirs(os.path.join(root, self.library), exist_ok=True)
        folder = tempfile.mkdtemp(dir=root)
        file = verify.OwnFile(self.app)
        sources = self.open_wheels(file, folder)
        try:
            for number in self.numbers:
                try:
                    groups.append(install.install_wheel(next(sources), root, folders, python))
                except rules.BadWheel as error:
                    wheel = self.table["wheels"][number]
                    self.fail("%s cannot be used: %s" % (wheel["file"], error))
        finally:
            file.close()
            shutil.rmtree(folder, ignore_errors=True)
        return groups

    def write_records(self, folder: str, key: str, how: str, library: str) -> None:
        """Tell later starts where to go: by this interpreter, and by others that came here."""
        # Interpreters that fit no target, from which `search` came here.
        others = filter(None, os.environ.pop("_MULTIPLAT_FROM", "").split(os.pathsep))
        ways = {self.base: self.base, **{path: path for path in others}}
        if self.found and enter.is_same(self.found, self.base):
            ways[self.found] = self.base
        for path, real in ways.items():
            cache.write_record(folder, path, [key, how, self.base, real, library])

    # Other things to do

    def search(self) -> "NoReturn":
        """Run under another Python that the file has wheels for, or say what it needs."""
        if os.environ.pop("_MULTIPLAT_SEARCHED", None) is None:
            python = self.find_python()
            if python:
                os.environ["_MULTIPLAT_SEARCHED"] = "1"
                os.environ["_MULTIPLAT_FROM"] = os.pathsep.join(
                    p for p in (self.base, self.found) if p and os.path.realpath(p) == self.base
                )
                enter.become([*python, self.app, *sys.argv[1:]])
        if self.problem:
            self.fail(self.problem)
        targets = self.table["targets"]
        supported = match.describe_targets(targets) + match.describe_anywhere(self.table)
        lines = [match.describe_mismatch(targets, self.machine)]
        lines += ["  this is:     " + str(self.machine), "  it supports:"]
        self.fail("\n".join(lines + ["    " + line for line in supported]))

    def find_python(self) -> List[str]:
        """Another Python that fits a target, with options, tried by running this file under it."""
        options = [enter.read_options()]
        if enter.PARTICULAR.intersection(options[0]):
            options.append([word for word in options[0] if word not in enter.PARTICULAR])
        seen = {os.path.realpath(self.base), os.path.realpath(sys.executable)}
        environ = dict(os.environ, MULTIPLAT="probe", _MULTIPLAT_SEARCHED="1")
        for path in pythons.find_pythons(self.about["pythons"], os.environ.get("PATH", os.defpath)):
            real = os.path.realpath(path)
            if real in seen:
                continue
            seen.add(real)
            for words in options:
                try:
                    code = subprocess.call(
                        [path, *words, self.app],
                        env=environ,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        creationflags=pythons.NO_WINDOW,
                    )
                except OSError:
                    break
                if code == FITS:
                    return [path, *words]
        return []

    def info(self) -> int:
        """Print the file's targets and this machine's match."""
        lines = ["%s %s" % (self.table["name"], self.table["version"]), "", "targets:"]
        for target in self.table["targets"]:
            mark = "*" if target is self.target else " "
            count = len(target["sets"][-1][1])
            lines.append("%s %s (%d wheel%s)" % (mark, target["name"], count, "s" * (count != 1)))
        for line in match.describe_anywhere(self.table):
            here = self.target is not None and self.target not in self.table["targets"]
            lines.append("%s %s" % ("*" if here else " ", line))
        lines += ["", "its wheels need:", *match.describe_targets(self.table["targets"])]
        lines += ["", "this machine: " + str(self.machine)]
        if self.target is None:
            lines.append(self.problem or "fits no target")
        else:
            size = sum(self.table["wheels"][number]["size"] for number in self.numbers)
            lines.append("fits %s: %s of wheels" % (self.target["name"], show_size(size)))
            usable = [place for place, _ in self.usable_places()]
            unusable = [p for p in self.places[:1] if p not in usable and p.trusts("")]
            finished = [f for f in map(self.folder, unusable) if run.has_all_files(f)]
            for folder in [*finished, *map(self.folder, usable)][:1]:
                how = "set up at " if run.has_all_files(folder) else "will be set up at "
                lines.append(how + folder)
        say("\n".join(lines))
        return 0

    def verify(self) -> int:
        """Say of each part by what it is accounted for, as far as that can be seen from inside."""
        if self.problem:
            self.fail(self.problem)
        lines, problems = verify.examine(self.app, self.about, self.table, self.contents)
        say("\n".join(["%s %s" % (self.table["name"], self.table["version"]), *lines, *problems]))
        return 1 if problems else 0

    def show_cache(self) -> int:
        """`MULTIPLAT=cache FILE [clean]`: print what the file's environments take; remove them."""
        if sys.argv[1:] not in ([], ["clean"]):
            self.fail("MULTIPLAT=cache takes one argument at most: clean", 2)
        stays = total = 0
        for place in self.places:
            folder = os.path.join(place.root, self.id)
            for path in cache.list_environments(folder) if place.trusts(folder) else ():
                size = cache.measure(path)
                line = "%s  %s, of %s" % (path, show_size(size), run.read_base(path))
                if sys.argv[1:]:
                    cache.remove_if_idle(path)
                    stays += os.path.lexists(path)
                    line = ("in use: " if os.path.lexists(path) else "removed: ") + line
                total += size
                say(line)
            if sys.argv[1:] and place.trusts(folder) and not cache.list_environments(folder):
                cache.remove_bare(folder)
        say("%s %s" % (show_size(total), "in all" if total else "in no environment"))
        return 1 if stays else 0

    def write_venv(self) -> None:
        """`MULTIPLAT=venv FILE DIR`: leave the environment at DIR, a venv of its own."""
        if len(sys.argv) != 2:
            self.fail("MULTIPLAT=venv takes one argument, the folder to make", 2)
        final = os.path.abspath(sys.argv[1])
        place = enter.Place(final, enter.NAMED)
        if os.path.isdir(final):
            if os.listdir(final):
                self.fail("%s is not empty" % final, 2)
        elif os.path.lexists(final):
            self.fail("%s is no folder" % final, 2)
        parent, name = os.path.split(final)
        try:
            with cache.writing(place):
                os.makedirs(parent, exist_ok=True)
                with cache.temporary_folder(parent, name) as temporary:
                    os.unlink(os.path.join(temporary, "used"))
                    self.make(temporary, final, "")
                    if os.path.isdir(final):
                        os.rmdir(final)
                    cache.move(os.rename, temporary, final)
        except OSError as error:
            self.fail("cannot write %s: %s" % (final, error.strerror or error))


@contextlib.contextmanager
def notice(name: str) -> Iterator[None]:
    """A line on a terminal's stderr if what happens meanwhile takes over a second."""

    def show() -> None:
        sys.stderr.write("%s: preparing its first run on this machine...\n" % name)
        sys.stderr.flush()

    timer: Optional[threading.Timer] = None
    if sys.stderr is not None and sys.stderr.isatty():
        timer = threading.Timer(NOTICE_AFTER, show)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # no threads here, as in a container of an old kind
            timer = None
    try:
        yield
    finally:
        if timer:
            timer.cancel()
            timer.join()


def digest(parts: List[Any]) -> str:
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()[:8]


def show_size(size: int) -> str:
    return "%.1f MB" % (size / 1e6) if size >= 1e5 else "%.1f kB" % (size / 1e3)


def is_bytecode_unwanted() -> bool:
    """Whether the program will not write what it compiles, so that it has to be done for it."""
    return bool(sys.flags.dont_write_bytecode or os.environ.get("PYTHONDONTWRITEBYTECODE"))


def say(text: str) -> None:
    """Print, whatever the encoding of the terminal is, and whether or not anybody still reads."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        os.write(1, (text + "\n").encode(encoding, "backslashreplace"))
    except OSError as error:
        if error.errno != errno.EPIPE:
            sys.exit("cannot print: %s" % error.strerror)


def show_message(title: str, text: str) -> None:
    """Say it in a window, where a Python of Windows without a console has no other place."""
    try:
        import ctypes

        library: Any = vars(ctypes)["windll"].user32
        library.MessageBoxW(None, text, title, 0x10)  # the icon of an error
    except (ImportError, KeyError, OSError, AttributeError):
        pass


def main(about: Json, read: Callable[[str], bytes], app: str, base: str, found: str) -> "NoReturn":
    """Do what this start needs, then go to the environment."""
    wish = os.environ.pop("MULTIPLAT", "")
    launch = Launch(about, read, app, base, found)
    if wish == "probe":
        os._exit(FITS if launch.target else 1)  # at once, under -i too
    answers = {"info": launch.info, "verify": launch.verify, "cache": launch.show_cache}
    if wish in answers:
        sys.exit(answers[wish]())
    if wish not in ("", "venv"):
        launch.fail("MULTIPLAT=%s is unknown; use info, verify, venv or cache" % wish, 2)
    if launch.target is None:
        if wish:
            os.environ["MULTIPLAT"] = wish
        launch.search()
    os.environ.pop("_MULTIPLAT_SEARCHED", None)
    try:
        if wish == "venv":
            launch.write_venv()
            sys.exit(0)
        record = launch.find_or_make()
    except verify.DamagedFile as error:
        launch.fail("%s (%s)" % (run.DAMAGED, error))
    except (rules.BadWheel, verify.UnreadableFile) as error:
        launch.fail(str(error))
    enter.enter(about, record, app)
