"""What only Windows needs.

How one program stands in for another, programs for scripts, and whose folders count.
"""

import os
import signal
import struct
import subprocess
import sys

from . import enter

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, List, NoReturn, Sequence, Tuple

# distlib's launchers, as pip writes them, by the CPU: with a console ("t") or without ("w").
CPUS = {"x86_64": "64", "arm64": "64-arm", "i686": "32"}
STREAMS = (-10, -11, -12)  # stdin, stdout, stderr, as GetStdHandle calls them
LIMIT = 259  # characters of a path, unless long ones are enabled
LIMITS, KILL_ON_CLOSE, SILENT_BREAKAWAY = 9, 0x2000, 0x1000  # of a job
REPARSE_POINT = 0x400  # what a link and a junction are
ALL, READ, WRITE = 0x1F01FF, 0x1200A9, 0x500D0156  # rights to a file; the last is any that changes


def become(arguments: "List[str]") -> "NoReturn":
    """Run a program in our place: with our handles, to its end, with its exit code, no longer.

    Ctrl-C and Ctrl-Break are the program's own affair.
    """
    api: Any = subprocess
    for name in ("SIGINT", "SIGBREAK"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    info = api.STARTUPINFO()
    info.dwFlags = api.STARTF_USESTDHANDLES
    info.hStdInput, info.hStdOutput, info.hStdError = map(find_stream, STREAMS)
    process = subprocess.Popen(arguments, close_fds=False, startupinfo=info)
    end_with_us(process)
    code = process.wait()
    sys.exit(code - (1 << 32) if code >= 1 << 31 else code)


def find_stream(number: int) -> "Any":
    """A handle of ours that a program of ours gets; None if there is none."""
    import _winapi

    api: Any = _winapi
    try:
        handle = api.GetStdHandle(number)
        if handle:
            vars(os)["set_handle_inheritable"](handle, True)
    except OSError:
        return None
    return handle


def end_with_us(process: "Any") -> None:
    """Put a process into a job, which Windows closes when we end, however we do.

    What the process starts is not in the job: a daemon lives on. Where there can be no such job,
    as inside one that forbids it, the process goes on without.
    """
    try:
        import ctypes

        kernel: Any = vars(ctypes)["windll"].kernel32
    except (ImportError, KeyError, OSError):
        return
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    size = 144 if struct.calcsize("P") == 8 else 112
    limits = ctypes.create_string_buffer(size)
    struct.pack_into("<L", limits, 16, KILL_ON_CLOSE | SILENT_BREAKAWAY)
    kernel.SetInformationJobObject(job, LIMITS, limits, size)
    handle = ctypes.c_void_p(int(process._handle))  # noqa: SLF001 - it is told nowhere else
    kernel.AssignProcessToJobObject(job, handle)


def launcher_name(arch: str, gui: bool) -> str:
    """The name of a launcher, among distlib's and in `.multiplat/launchers`."""
    return "%s%s.exe" % ("w" if gui else "t", CPUS[arch])


def make_program(launcher: bytes, python: str, body: bytes, gui: bool) -> bytes:
    """A program that runs `body` by `python`: a launcher, a line that names it, and a zip file."""
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), body)
    path = enter.find_twin(python, "python", "pythonw") if gui else python
    return launcher + b'#!"' + os.fsencode(path) + b'"\r\n' + stream.getvalue()


def verbatim(path: str) -> str:
    """A path that Windows takes however long it is, as those in a temporary folder of ours are."""
    path = os.path.abspath(path)
    return path if os.name != "nt" or path.startswith("\\\\") else "\\\\?\\" + path


def find_too_long(final: str, names: "List[str]") -> str:
    """The longest of these paths below `final`, if it is too long for programs; else ""."""
    longest = max((os.path.join(final, name) for name in names), key=len, default="")
    return longest if len(longest) > LIMIT and not has_long_paths() else ""


def has_long_paths() -> bool:
    """Whether programs can open any path: an administrator says so, and Python's manifest."""
    try:
        import ctypes

        return bool(vars(ctypes)["windll"].ntdll.RtlAreLongPathsEnabled() & 0xFF)
    except (ImportError, KeyError, OSError, AttributeError):
        return False


def sid(*numbers: int) -> bytes:
    """The security identifier S-1-..., as access lists have it."""
    rest = struct.pack("<%dL" % (len(numbers) - 1), *numbers[1:])
    return struct.pack(">BBHL", 1, len(numbers) - 1, 0, numbers[0]) + rest


def sid_at(data: bytes, at: int) -> bytes:
    return data[at : at + 8 + 4 * data[at + 1]]


SYSTEM, ADMINISTRATORS, USERS = sid(5, 18), sid(5, 32, 544), sid(5, 32, 545)
INSTALLER = sid(5, 80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464)
MIGHTY = (SYSTEM, ADMINISTRATORS, INSTALLER, sid(5, 93, 2, 1))  # the last is a container's
OWNERS = (sid(3, 0), sid(3, 4))  # whoever makes or owns a file


def is_private(path: str) -> bool:
    """Whether a folder is real, and this user's or the system's, and nobody else may write to it.

    A disk without access lists lets everybody.
    """
    import ctypes

    api: Any = vars(ctypes)["windll"].advapi32
    data, size = ctypes.create_string_buffer(1 << 16), ctypes.c_ulong()
    attributes: int = vars(os)["lstat"](path).st_file_attributes
    if attributes & REPARSE_POINT:
        return False
    if not api.GetFileSecurityW(path, 1 | 4, data, len(data), ctypes.byref(size)):
        return False
    return is_private_to(data.raw, [read_user(), *MIGHTY])


def is_private_to(descriptor: bytes, users: "Sequence[bytes]") -> bool:
    """Whether a security descriptor names one of these users as owner, and lets no other write."""
    owner, _, _, acl = struct.unpack_from("<LLLL", descriptor, 4)
    if not acl or sid_at(descriptor, owner) not in users:
        return False
    at = acl + 8
    for _ in range(struct.unpack_from("<H", descriptor, acl + 4)[0]):
        kind, _, size, mask = struct.unpack_from("<BBHL", descriptor, at)
        denies = kind == 1
        if not denies and mask & WRITE and sid_at(descriptor, at + 8) not in (*users, *OWNERS):
            return False
        at += size
    return True


def make_private(path: str) -> None:
    """Make a folder that is private in this sense, and that all may read."""
    import ctypes

    rights = [(user, ALL) for user in (read_user(), SYSTEM, ADMINISTRATORS)] + [(USERS, READ)]
    descriptor = make_descriptor(rights)
    data = ctypes.create_string_buffer(descriptor, len(descriptor))
    attributes = struct.pack("@LPi0P", struct.calcsize("@LPi0P"), ctypes.addressof(data), 0)
    kernel: Any = vars(ctypes)["windll"].kernel32
    kernel.CreateDirectoryW(path, attributes)  # if it fails, the next to make it says so


def make_descriptor(rights: "Sequence[Tuple[bytes, int]]") -> bytes:
    """A security descriptor that gives users these rights, and inherits none."""
    entries = [struct.pack("<BBHL", 0, 3, 8 + len(user), mask) + user for user, mask in rights]
    acl = b"".join(entries)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(acl), len(entries), 0) + acl
    return struct.pack("<BBHLLLL", 1, 0, 0x9004, 0, 0, 0, 20) + acl


def read_user() -> bytes:
    """The security identifier of this process's user."""
    import ctypes

    api: Any = vars(ctypes)["windll"].advapi32
    token, size = ctypes.c_void_p(), ctypes.c_ulong()
    data = ctypes.create_string_buffer(256)
    query, user = 8, 1
    if not (
        api.OpenProcessToken(ctypes.c_void_p(-1), query, ctypes.byref(token))
        and api.GetTokenInformation(token, user, data, len(data), ctypes.byref(size))
    ):
        raise OSError("who runs this is unknown")
    vars(ctypes)["windll"].kernel32.CloseHandle(token)
    return sid_at(data.raw, struct.unpack_from("P", data)[0] - ctypes.addressof(data))
