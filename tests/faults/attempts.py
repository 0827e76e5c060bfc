"""What a hostile release tries: run as a script, it prints what of it got through, as JSON.

Its argument is JSON of what there is to get at. Every function that returns something true, or
doesn't raise, has got through.
"""

import ctypes
import json
import os
import signal
import socket
import sys

THERE = json.loads(sys.argv[1])
SECRET = THERE["secret"]
HOME, DRIVER, BYSTANDER = THERE["home"], THERE["driver"], THERE["bystander"]
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    result = getattr(LIBC, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def read(path):
    with open(path, "rb") as file:
        return SECRET.encode() in file.read(1 << 22)


def append(path):
    with open(path, "ab") as file:
        file.write(b"# got you\n")
    return True


def opens(path):
    """It would harm the machine to write."""
    os.close(os.open(path, os.O_WRONLY))
    return True


def processes():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def any_of(attempt, values):
    found = False
    for value in values:
        try:
            found = attempt(value) or found
        except OSError:
            continue
    return found


def ancestors():
    pid = os.getppid()
    while pid > 0:
        yield pid
        with open(f"/proc/{pid}/status") as file:
            pid = int(file.read().partition("PPid:")[2].split()[0])


def peek(pid):
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    with open(f"/proc/{pid}/maps") as file:
        start = int(file.readline().partition("-")[0], 16)
    buffer = ctypes.create_string_buffer(8)
    here, there = Vector(ctypes.addressof(buffer), 8), Vector(start, 8)
    LIBC.process_vm_readv.restype = ctypes.c_ssize_t
    return call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) == 8


def seize(pid):
    LIBC.ptrace.restype = ctypes.c_long
    LIBC.ptrace.argtypes = [ctypes.c_long] * 4
    call("ptrace", 0x4206, pid, 0, 0)
    return True


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(address)
        return True


def datagram(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", address)
        return True


def shared_by_key():
    LIBC.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
    return call("shmget", THERE["shm_key"], 0, 0) >= 0


def mount_anything():
    call("mount", b"none", THERE["installed"].encode(), b"tmpfs", 0, None)
    return True


def write_from_a_namespace(path):
    pid = os.fork()
    if pid == 0:
        try:
            call("unshare", 0x10000000 | 0x00020000)
            call("mount", b"none", b"/", None, 1 << 5 | 1 << 12, None)  # MS_REMOUNT | MS_BIND
            append(path)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def take_descriptors(pid):
    pidfd_open, pidfd_getfd = 434, 438
    pidfd = call("syscall", pidfd_open, pid, 0)
    try:
        call("syscall", pidfd_getfd, pidfd, 1, 0)
    finally:
        os.close(pidfd)
    return True


def link_out(path):
    os.link(path, os.path.join(os.environ["HOME"], "linked"))
    return append(os.path.join(os.environ["HOME"], "linked"))


def rename_out(path):
    os.rename(path, os.path.join(os.environ["HOME"], "moved"))
    os.rename(os.path.join(os.environ["HOME"], "moved"), path)
    return True


def through_a_link(path):
    os.symlink(path, os.path.join(os.environ["HOME"], "symbolic"))
    return append(os.path.join(os.environ["HOME"], "symbolic"))


def inherited():
    return [d for d in os.listdir("/proc/self/fd") if int(d) > 2 and int(d) != 250][:-1]


def commands():
    return any_of(lambda pid: read(f"/proc/{pid}/cmdline"), processes())


def clears(path):
    with open(path, "r+b") as file:
        file.truncate(0)
    return True


ATTEMPTS = {
    "variables of its ancestors": lambda: any_of(
        lambda pid: read(f"/proc/{pid}/environ"), ancestors()
    ),
    "variables of any process": lambda: any_of(
        lambda pid: read(f"/proc/{pid}/environ"), processes()
    ),
    "the driver's variables": lambda: read(f"/proc/{DRIVER}/environ"),
    "the driver's memory": lambda: open(f"/proc/{DRIVER}/mem", "rb").close() or True,
    "the driver's memory, by process_vm_readv": lambda: peek(DRIVER),
    "memory of any process": lambda: any_of(
        lambda pid: open(f"/proc/{pid}/mem", "rb").close() or (int(pid) > 1 and peek(int(pid))),
        [pid for pid in processes() if pid != str(os.getppid())],
    ),
    "tracing the driver": lambda: seize(DRIVER),
    "tracing a bystander": lambda: seize(BYSTANDER),
    "descriptors of the driver": lambda: take_descriptors(DRIVER),
    "the driver's folder": lambda: os.listdir(f"/proc/{DRIVER}/cwd/"),
    "the root of the first process": lambda: read(f"/proc/1/root{HOME}/.netrc"),
    "command lines of others": commands,
    "descriptors that it inherits": inherited,
    "~/.netrc": lambda: read(f"{HOME}/.netrc"),
    "~/.ssh": lambda: read(f"{HOME}/.ssh/id_ed25519"),
    "~/.pypirc": lambda: read(f"{HOME}/.pypirc"),
    "~/.config/pip/pip.conf": lambda: read(f"{HOME}/.config/pip/pip.conf"),
    "~/.config/uv/uv.toml": lambda: read(f"{HOME}/.config/uv/uv.toml"),
    "~/.aws/credentials": lambda: read(f"{HOME}/.aws/credentials"),
    "~/.git-credentials": lambda: read(f"{HOME}/.git-credentials"),
    "the shell's history": lambda: read(f"{HOME}/.bash_history"),
    "what is in the home folder": lambda: [n for n in os.listdir(HOME) if n.startswith(".b")],
    "/etc/shadow": lambda: open("/etc/shadow", "rb").read(1),
    "the SSH agent": lambda: connect(socket.AF_UNIX, THERE["agent"]),
    "an abstract socket": lambda: connect(socket.AF_UNIX, "\0" + THERE["abstract"]),
    "a server of the machine's": lambda: connect(socket.AF_INET, ("127.0.0.1", THERE["port"])),
    "a server at the machine's address": lambda: connect(
        socket.AF_INET, (THERE["address"], THERE["port"])
    ),
    "datagrams to the outside": lambda: datagram((THERE["address"], THERE["port"])),
    "shared memory of others": shared_by_key,
    "files in /dev/shm": lambda: read(THERE["shm_file"]),
    "writing ~/.bashrc": lambda: append(f"{HOME}/.bashrc"),
    "writing a new file at home": lambda: append(f"{HOME}/.profile-of-mine"),
    "writing to uv's cache": lambda: append(THERE["cached"]),
    "writing to what is installed": lambda: append(THERE["installed"]),
    "changing modes of what is installed": lambda: os.chmod(THERE["installed"], 0o777) or True,
    "clearing what is installed": lambda: clears(THERE["installed"]),
    "removing what is installed": lambda: os.unlink(THERE["installed"]) or True,
    "writing beside what is installed": lambda: append(THERE["installed"] + ".pth"),
    "linking what is installed": lambda: link_out(THERE["installed"]),
    "moving what is installed": lambda: rename_out(THERE["installed"]),
    "writing through a link": lambda: through_a_link(THERE["installed"]),
    "writing to the results": lambda: append(THERE["results"] + "/forged.json"),
    "writing to the driver's code": lambda: append(THERE["code"]),
    "writing to /tmp": lambda: append(THERE["elsewhere"]),
    "reading /tmp": lambda: read(THERE["elsewhere"]),
    "writing to the system": lambda: opens("/usr/lib/os-release"),
    "writing to the kernel's settings": lambda: opens("/proc/sys/kernel/core_pattern"),
    "pressing the kernel's keys": lambda: opens("/proc/sysrq-trigger"),
    "mounting": mount_anything,
    "mounting from a namespace": lambda: write_from_a_namespace(THERE["installed"]),
    "signals to the driver": lambda: os.kill(DRIVER, 0) or True,
    "stopping a bystander": lambda: os.kill(BYSTANDER, signal.SIGSTOP) or True,
    "capabilities": lambda: int(
        open("/proc/self/status").read().partition("CapEff:")[2].split()[0], 16
    ),
    "gaining privileges": lambda: (
        open("/proc/self/status").read().partition("NoNewPrivs:")[2].split()[0] != "1"
    ),
}


def main():
    through = []
    for name, attempt in ATTEMPTS.items():
        try:
            if attempt():
                through.append(name)
        except (OSError, ValueError, IndexError, KeyError):
            continue
    print(json.dumps({"tried": len(ATTEMPTS), "through": through}))


main()
