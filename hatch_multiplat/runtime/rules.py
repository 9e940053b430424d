"""What a wheel may hold: one table of rules for the build, for `verify`, and for a first start.

Names and facts come in, with the system that they are judged for; nothing is read or written, so
that a build on Linux judges for Windows. It goes by the binary distribution format:
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import re
import stat
import unicodedata
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

LINUX, MACOS, WINDOWS = "linux", "macos", "windows"
ALL = (LINUX, MACOS, WINDOWS)
REPLACED = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER")  # what an installer writes anew
KINDS = ("purelib", "platlib", "scripts", "data", "headers")
SCRIPT_GROUPS = ("console_scripts", "gui_scripts")

# A name that no rule below can refuse, as nearly all are.
PLAIN = re.compile(
    r"(?:(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:[./]|\Z))"
    r"[a-z0-9_-](?:[a-z0-9_.-]{0,98}[a-z0-9_-])?(?:/(?!\Z)|\Z)){1,7}",
    re.IGNORECASE | re.ASCII,
)
RESERVED = re.compile(  # The digits may be raised ones.
    r"(con|prn|aux|nul|(com|lpt)[\d\u00b9\u00b2\u00b3]|conin\$|conout\$) *(\..*)?", re.IGNORECASE
)
INTERPRETER = re.compile(r"(pythonw?|pypy|graalpy)[\d.]*t?(\.exe|\.dll|\.zip|\.cmd)?")
OURS = re.compile(  # How the last part begins of what `replaced_by` may refuse.
    r"pyvenv|python|pypy|graalpy|_multiplat|(bin|scripts|lib|site-packages)\Z", re.IGNORECASE
)
REFERENCE = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(\[[^]]*\])?")


class BadWheel(Exception):  # noqa: N818 - the name is the message
    """A wheel breaks the rules; nothing of it may be used."""


class Rule(NamedTuple):
    """One row of the table: the systems that it holds on, its reason, and what breaks it."""

    systems: Tuple[str, ...]
    reason: str
    breaks: Callable[[str], bool]


def any_part(test: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a test holds for some part of a path."""
    return lambda path: any(test(part) for part in path.split("/"))


def longer_than(limit: int) -> Callable[[str], bool]:
    """Whether a text has more bytes than that."""
    return lambda text: len(text.encode("utf-8", "replace")) > limit


# Each reason follows the member's name: "'a/../b' leads out of the folder that it belongs in".
NAMES = (
    Rule(ALL, "is an absolute path", lambda path: path.startswith("/")),
    Rule(ALL, "leads out of the folder that it belongs in", any_part(lambda part: part == "..")),
    Rule(ALL, "has a backslash in its name", lambda path: "\\" in path),
    Rule(ALL, "has a control character in its name", lambda path: min(path + " ") < " "),
    Rule(ALL, "names no file", lambda path: path.rpartition("/")[2] in ("", ".")),
    Rule(ALL, "has a name of more than 255 bytes", any_part(longer_than(255))),
    Rule((LINUX,), "has a path of more than 3840 bytes", longer_than(3840)),
    Rule((MACOS, WINDOWS), "has a path of more than 768 bytes", longer_than(768)),
    Rule((WINDOWS,), "has a name that Windows reserves", any_part(RESERVED.fullmatch)),
    Rule(
        (WINDOWS,),
        "has a character that Windows forbids in names",
        lambda path: any(character in path for character in '<>:"|?*'),
    ),
    Rule(
        (WINDOWS,),
        "has a name with a dot or a space at its end, which Windows drops",
        any_part(lambda part: part not in (".", "..") and part.endswith((".", " "))),
    ),
)
# These follow it too; `judge_wheel` finds them out by comparing members with each other.
OTHER_INFO = "lies in a second .dist-info folder"
OTHER_DATA = "lies in a .data folder that is not named like the .dist-info folder"
UNKNOWN_KIND = "is of an unknown kind of data"
NO_FILE = "is a device or a pipe"
LINK_ON_WINDOWS = "is a symbolic link, which Windows lets few users make"
LINK_OUTSIDE = "is a symbolic link that leads out of the folder that it belongs in"
INTERPRETER_REPLACED = "would replace the interpreter of the environment"
STARTUP_REPLACED = "would replace a part of start-up"
SAME_FILE = "would be the same file as %r, which has other contents"
FILE_AND_FOLDER = "is a file where %r has a folder"


class ScriptKind(NamedTuple):
    """What a script can be: its name, the bytes that it begins with, where it can run."""

    name: str
    magic: Tuple[bytes, ...]
    systems: Tuple[str, ...]


SCRIPT_START = 128  # bytes that tell the kind of a script
PYTHON = ScriptKind("a Python script", (), ALL)
SHELL = ScriptKind("a shell script", (), (LINUX, MACOS))
BATCH = ScriptKind("a batch file of Windows", (), (WINDOWS,))
UNKNOWN = ScriptKind("a program of an unknown kind", (), ())
MACH_O = tuple(bytes.fromhex(m) for m in ("cffaedfe", "cefaedfe", "cafebabe", "feedfacf"))
PROGRAMS = (
    ScriptKind("a program for Linux", (b"\x7fELF",), (LINUX,)),
    ScriptKind("a program for Windows", (b"MZ",), (WINDOWS,)),
    ScriptKind("a program for macOS", MACH_O, (MACOS,)),
)


class Folders(NamedTuple):
    """Where the kinds of a wheel's files go, from the root of the environment on."""

    purelib: str
    platlib: str
    scripts: str
    headers: str


class WheelMember(NamedTuple):
    """What a wheel's directory says of a file in it; `link` is where a symbolic one leads."""

    name: str
    mode: int
    size: int
    crc: int
    link: str = ""


class WheelFacts(NamedTuple):
    """What the rules look at: WHEEL's Root-Is-Purelib, and the scripts with what they call."""

    info_dir: str
    pure: bool
    scripts: Dict[str, str]
    members: Tuple[WheelMember, ...]


class Placed(NamedTuple):
    """A member with its kind ("" for the library), and its path in the environment."""

    member: WheelMember
    kind: str
    path: str


def judge_wheel(wheel: WheelFacts, folders: Folders, system: str) -> Tuple[List[Placed], List[str]]:
    """Where each file of a wheel goes on a system, and all that is wrong with the wheel there."""
    library = folders.purelib if wheel.pure else folders.platlib
    kinds = {
        "": library,
        "purelib": folders.purelib,
        "platlib": folders.platlib,
        "scripts": folders.scripts,
        "data": "",
        "headers": folders.headers + "/" + wheel.info_dir.partition("-")[0],
    }
    record = [wheel.info_dir + "/" + name for name in REPLACED]
    made = {script_file(name, system) for name in wheel.scripts}
    placed: List[Placed] = []
    problems: List[str] = []
    for member in wheel.members:
        kind, path, wrong = look_at_name(member.name, wheel.info_dir, system)
        if member.name in record or (kind == "scripts" and (path in made or path in wheel.scripts)):
            continue  # Whatever is in it, it is made anew.
        wrong += check_mode(member, path, system)
        is_compiled = "/__pycache__/" in ("/" + path).lower()  # Maybe not from the source there.
        if not wrong and not is_compiled:
            path = join(kinds[kind], path)
            placed.append(Placed(member, kind, path))
            wrong = replaced_by(path, folders, system)
        problems += ["%r %s" % (member.name, reason) for reason in wrong]
    others = [Placed(WheelMember(name, 0, -1, 0), "", join(library, name)) for name in record]
    for name, reference in wheel.scripts.items():
        file = script_file(name, system)
        path = join(folders.scripts, file)
        wrong = broken_rules(file, system) + replaced_by(path, folders, system)
        if name in ("", ".", "..") or "/" in name:
            wrong = ["is not called like a file"]
        problems += ["its script %r %s" % (name, reason) for reason in wrong[:1]]
        others.append(Placed(WheelMember(path, 0, -1, 0, reference), "scripts", path))
    return placed, problems + find_clashes(placed + others, system)


def look_at_name(name: str, info_dir: str, system: str) -> Tuple[str, str, List[str]]:
    """The kind of a member ("" for the library), its path among those, and what is wrong."""
    kind, path, wrong = "", name, broken_rules(name, system)
    top, slash, rest = name.partition("/")
    if slash and top == info_dir[: -len(".dist-info")] + ".data":
        kind, _, path = rest.partition("/")
        if kind not in KINDS or not path.strip("/"):
            wrong.append(UNKNOWN_KIND)
    elif slash and top.endswith(".data"):
        wrong.append(OTHER_DATA)
    elif slash and top.endswith(".dist-info") and top != info_dir:
        wrong.append(OTHER_INFO)
    return kind, path, wrong


def check_mode(member: WheelMember, path: str, system: str) -> List[str]:
    """Say what is wrong with what is no ordinary file, at this path among those of its kind."""
    if not stat.S_ISLNK(member.mode):
        return [] if stat.S_IFMT(member.mode) in (0, stat.S_IFREG) else [NO_FILE]
    climbs = re.match(r"(\.\./)*", member.link).end() // 3  # type: ignore[union-attr]
    ahead = member.link[3 * climbs :]
    inside = climbs <= join("", path).count("/") and not broken_rules(ahead, LINUX)
    if not inside:
        return [LINK_OUTSIDE]
    return [LINK_ON_WINDOWS] if system == WINDOWS else []


def broken_rules(path: str, system: str) -> List[str]:
    """The reasons why a file may not have this name on a system."""
    if PLAIN.fullmatch(path):
        return []
    return [rule.reason for rule in NAMES if system in rule.systems and rule.breaks(path)]


def join(folder: str, path: str) -> str:
    """A path in the environment, in its shortest spelling."""
    return "/".join([part for part in (folder + "/" + path).split("/") if part not in ("", ".")])


def replaced_by(path: str, folders: Folders, system: str) -> List[str]:
    """What of ours a file at this path of the environment would replace."""
    if not OURS.match(path.rpartition("/")[2]) and "multiplat" not in path.lower():
        return []
    path, scripts = fold(path, system), fold(folders.scripts, system)
    libraries = [fold(folder, system) for folder in (folders.purelib, folders.platlib)]
    folder, _, name = path.rpartition("/")
    above = any((known + "/").startswith(path + "/") for known in [scripts, *libraries])
    if above or path == "pyvenv.cfg" or (folder == scripts and INTERPRETER.fullmatch(name)):
        return [INTERPRETER_REPLACED]
    inside = [path[len(known) + 1 :] for known in libraries if path.startswith(known + "/")]
    if path.startswith(".multiplat") or any(name.startswith("_multiplat") for name in inside):
        return [STARTUP_REPLACED]
    return []


def fold(path: str, system: str) -> str:
    """The name by which a system's usual filesystem knows a file: most are blind to case."""
    if system == MACOS:
        return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
    return path.lower() if system == WINDOWS else path


def find_clashes(placed: List[Placed], system: str) -> List[str]:
    """Say which files of a wheel are one file on a system, or a file and a folder."""
    files: Dict[str, Placed] = {}
    folders: Dict[str, str] = {}
    problems = []
    for item in placed:
        key = fold(item.path, system)
        other = files.setdefault(key, item).member
        if other[2:] != item.member[2:]:
            problems.append("%r %s" % (item.member.name, SAME_FILE % other.name))
        parent = key.rpartition("/")[0]
        while parent and parent not in folders:
            folders[parent] = item.member.name
            parent = parent.rpartition("/")[0]
    problems += [
        "%r %s" % (item.member.name, FILE_AND_FOLDER % folders[key])
        for key, item in files.items()
        if key in folders
    ]
    return problems


def script_file(name: str, system: str) -> str:
    """The file of a script of Python's: on Windows a program, by the name that pip gives it."""
    return re.sub(r"\.pyw?$", "", name) + ".exe" if system == WINDOWS else name


def script_candidates(name: str, system: str) -> List[str]:
    """The files among scripts by which a script of this name may be there."""
    exe = [name + ".exe", script_file(name, system)] if system == WINDOWS else []
    return list(dict.fromkeys([name, *exe, name + ".py", name + "-script.py"]))


def script_kind(name: str, start: bytes) -> ScriptKind:
    """What a script is by its name and its first bytes: Python's, unless it shows otherwise."""
    if start.startswith(b"#!"):
        line = start.partition(b"\n")[0]
        by_shell = b"'''exec'" in start  # as install.py writes it
        return PYTHON if by_shell or b"python" in line or b"pypy" in line else SHELL
    found = [kind for kind in PROGRAMS if start.startswith(kind.magic)]
    if not found and name.lower().endswith((".bat", ".cmd")):
        return BATCH
    if not found and b"\0" in start and not (start.startswith(b"PK") or start[2:4] == b"\r\n"):
        return UNKNOWN  # Python also runs zip files, and what it has compiled.
    return found[0] if found else PYTHON


def find_info_dir(names: Iterable[str]) -> str:
    """The .dist-info folder of a wheel with these files."""
    found = [
        name[: -len("/WHEEL")] for name in names if re.fullmatch(r"[^/]+\.dist-info/WHEEL", name)
    ]
    if len(set(found)) != 1:
        raise BadWheel("it has %s .dist-info/WHEEL" % ("more than one" if found else "no"))
    return found[0]


def is_pure(text: str) -> bool:
    """Whether a WHEEL file says that its root goes to purelib, once its version is looked at."""
    lines = (line.partition(":") for line in text.splitlines())
    headers = {key.strip().lower(): value.strip() for key, _, value in lines if value}
    version = headers.get("wheel-version", "")
    if not re.fullmatch(r"\d+(\.\d+)*", version):
        raise BadWheel("its WHEEL has no Wheel-Version that can be read")
    if int(version.partition(".")[0]) > 1:
        raise BadWheel("its Wheel-Version %s is unknown" % version)
    return headers.get("root-is-purelib", "").lower() == "true"


def parse_entry_points(text: str) -> Dict[str, Dict[str, str]]:
    """entry_points.txt: group to name to what it refers to, as `module:object` for scripts.

    Lines are read as configparser does, with `=` alone. What pip or uv refuses for scripts is
    refused: nothing of an entry point gets into a script that is no name in Python.
    """
    groups: Dict[str, Dict[str, str]] = {}
    points: Optional[Dict[str, str]] = None
    group, name, depth = "", "", 0
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        indent = len(raw) - len(raw.lstrip())
        if points is not None and name and indent > depth:
            points[name] += "\n" + line
            continue
        depth, name = indent, ""
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1]
            points = groups.setdefault(group, {})
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if points is None or not equals or not name:
            raise BadWheel("its entry_points.txt has a line that cannot be read: %r" % line)
        if points.get(name, value) != value and group in SCRIPT_GROUPS:
            raise BadWheel("its entry_points.txt has two scripts %r" % name)
        points[name] = value
    for group in SCRIPT_GROUPS:
        for name, value in groups.get(group, {}).items():
            groups[group][name] = parse_reference(name, value)
    return groups


def parse_reference(name: str, value: str) -> str:
    """What a script calls, as `module:object`."""
    found = REFERENCE.fullmatch(value)
    if found and all(part.isidentifier() for part in ".".join(found.groups()[:2]).split(".")):
        return "%s:%s" % found.groups()[:2]
    raise BadWheel("its script %r does not name a function: %r" % (name, value))
