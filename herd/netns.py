"""A separate network namespace for the experiment, and the capacity of the machine.

In the namespace the kernel's counters (/proc/net/snmp, netstat, tcp) count this experiment and nothing else.
"""

import ctypes
import fcntl
import os
import pathlib
import resource
import socket
import struct

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
# Server ports come from below this range (rig.free_port), clients' ports from inside: 45,000 of them towards each
# server.
_CLIENT_PORTS = "20000 65535"


def enter():
    """Move this process into a fresh network namespace with `lo` up.

    Must be called before any thread or child exists, because they inherit the namespace. Returns (True, text) or, on
    plain loopback, (False, why).
    """
    if os.environ.get("HERD_NETNS") == "0":
        return False, "plain loopback (HERD_NETNS=0)"
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    how = "own network namespace"
    if libc.unshare(_CLONE_NEWNET):
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            return False, f"plain loopback: unshare says {os.strerror(ctypes.get_errno())}"
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {user} 1")
        _write("/proc/self/gid_map", f"0 {group} 1")
        how = "own network and user namespace"
    try:
        _loopback_up()
    except OSError as error:
        raise SystemExit(f"herd: lo does not come up in the new namespace: {error}") from error
    _write("/proc/sys/net/ipv4/ip_local_port_range", _CLIENT_PORTS)
    return True, how


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _write(path, text):
    try:
        pathlib.Path(path).write_text(text)
        return True
    except OSError:
        return False


# -- the capacity of the machine ------------------------------------------------------------------------------------

_THREADS_PER_HANDLE = 2
_DESCRIPTORS_PER_HANDLE = 4  # socket, wake-up pipe or eventfd, epoll
_KIB_PER_HANDLE = 160  # two touched stacks and buffers, and the server's share of it


def _number(path, default):
    try:
        text = pathlib.Path(path).read_text().split()[0]
        return default if text == "max" else int(text)
    except (OSError, ValueError, IndexError):
        return default


def _cgroup_limit(controller, v1_file, v2_file):
    """The tightest limit of this process's cgroup and those above it, v1 or v2."""
    tightest = None
    try:
        rows = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        rows = []
    for row in rows:
        _, names, where = row.split(":", 2)
        if names and controller not in names.split(","):
            continue
        root = pathlib.Path(f"/sys/fs/cgroup/{names}") if names else pathlib.Path("/sys/fs/cgroup")
        here = root / where.lstrip("/")
        while True:
            value = _number(here / (v1_file if names else v2_file), None)
            if value is not None and value < 1 << 60:
                tightest = value if tightest is None else min(tightest, value)
            if here == root or here == here.parent:
                break
            here = here.parent
    return tightest


def _tasks():
    total = 0
    for process in os.listdir("/proc"):
        if process.isdigit():
            try:
                total += len(os.listdir(f"/proc/{process}/task"))
            except OSError:
                pass
    return total


def capacity(processes):
    """{resource: how many handles it suffices for} for a fleet over `processes` client processes."""
    infinite = resource.RLIM_INFINITY
    tasks = _tasks()
    limits = {}
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != infinite:
        limits["descriptors a process (ulimit -Hn)"] = (hard - 64) // _DESCRIPTORS_PER_HANDLE * processes
    threads = {
        "kernel.threads-max": _number("/proc/sys/kernel/threads-max", 1 << 30),
        "kernel.pid_max": _number("/proc/sys/kernel/pid_max", 1 << 30),
        "cgroup pids.max": _cgroup_limit("pids", "pids.max", "pids.max") or 1 << 30,
    }
    nproc = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if nproc != infinite and os.geteuid() != 0:
        threads["processes (ulimit -Hu)"] = nproc
    for name, most in threads.items():
        # 1,000 threads stay free for the servers, the harness and other programs.
        limits[name] = max(0, most - tasks - 1000) // _THREADS_PER_HANDLE
    maps = _number("/proc/sys/vm/max_map_count", 65530)
    limits["vm.max_map_count"] = (maps - 1000) // (2 * _THREADS_PER_HANDLE) * processes
    free = 0
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1])
    memory = _cgroup_limit("memory", "memory.limit_in_bytes", "memory.max")
    if memory:
        free = min(free, memory // 1024)
    limits["memory"] = max(0, free - 1_500_000) // _KIB_PER_HANDLE
    limits["client ports"] = 3 * 45_000
    return limits


def bears(processes):
    """(number of handles, name of the limit)."""
    limits = capacity(processes)
    name = min(limits, key=limits.get)
    return limits[name], name


def raise_descriptor_limit():
    """Raises the soft limit to the hard one; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
