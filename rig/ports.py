"""Ports that no other process gets while this process lives."""

import fcntl
import os
import pathlib
import random
import socket
import tempfile
import threading

_LOWEST = 10240
_claims = []  # the open lock files: closing one gives its port back
_lock = threading.Lock()
# Not the global generator: a test that seeds it would make all runs compete for the same ports.
_random = random.SystemRandom()


def _first_ephemeral():
    try:
        return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32768


def _claim(port):
    """Lock the port's file against the other processes of this user; the lock ends with the process."""
    directory = pathlib.Path(tempfile.gettempdir()) / f"calmkeeper-ports.{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    claim = open(directory / str(port), "w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _is_free(port):
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # With this option, as in servers, connections in TIME_WAIT do not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError:
            if family == socket.AF_INET6 and not pathlib.Path("/proc/net/if_inet6").exists():
                continue
            return False
    return True


def free_port():
    """A TCP port that is free on every address, below the range that the kernel gives to outgoing connections.

    A killed server leaves its port for a while and needs it again later. A port that the kernel chose (bind to 0) could
    be taken by an outgoing connection by then, so such ports are only used if there is none below that range.
    """
    with _lock:
        highest = _first_ephemeral() - 1
        if highest - _LOWEST >= 1000:
            for _ in range(1000):
                port = _random.randint(_LOWEST, highest)
                if _is_free(port) and _claim(port):
                    return port
        for _ in range(1000):
            with socket.socket() as probe:
                probe.bind(("", 0))
                port = probe.getsockname()[1]
            if _claim(port):
                return port
        raise OSError("no free TCP port found")


def free_ports(count):
    """`count` different ports of `free_port`."""
    return [free_port() for _ in range(count)]
