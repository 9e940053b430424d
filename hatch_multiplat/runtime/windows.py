"""What only Windows needs: how one program stands in for another, and programs for scripts."""

import os
import signal
import struct
import subprocess
import sys

from . import enter

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, List, NoReturn

# distlib's launchers, as pip writes them, by the CPU: with a console ("t") or without ("w").
CPUS = {"x86_64": "64", "arm64": "64-arm", "i686": "32"}
STREAMS = (-10, -11, -12)  # stdin, stdout, stderr, as GetStdHandle calls them
LIMITS, KILL_ON_CLOSE, SILENT_BREAKAWAY = 9, 0x2000, 0x1000  # of a job


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
