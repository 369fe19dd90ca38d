"""The kernel's counters: the experiment is measured by them, not by a library's own figures."""

import ctypes
import os
import pathlib
import re
import socket
import struct
import time

# /proc/net/tcp's state column.
_STATES = {b"01": "established", b"03": "syn_recv", b"08": "close_wait", b"04": "fin_wait1", b"09": "last_ack"}
_TCP_FIELDS = ("ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "RetransSegs", "OutRsts")
_EXT_FIELDS = ("ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPReqQFullDoCookies", "SyncookiesSent")
_PROC_SELF_NET = pathlib.Path("/proc/thread-self/net")  # the calling thread's namespace, not the process's first one


def _table(file, prefix):
    names = None
    for line in (_PROC_SELF_NET / file).read_text().splitlines():
        if line.startswith(prefix):
            fields = line.split()[1:]
            if names is None:
                names = fields
            else:
                return dict(zip(names, map(int, fields)))
    return {}


def counters():
    """Cumulative TCP counters of this network namespace. ActiveOpens are connection attempts."""
    tcp, extended = _table("snmp", "Tcp:"), _table("netstat", "TcpExt:")
    return {name: tcp.get(name, 0) for name in _TCP_FIELDS} | {name: extended.get(name, 0) for name in _EXT_FIELDS}


def server_sockets(ports):
    """The number of sockets on the servers' side (local port in `ports`) in each state."""
    local = b"|".join(b"%04X" % port for port in ports)
    row = re.compile(rb"^ *\d+: [0-9A-F]+:(?:" + local + rb") [0-9A-F]+:[0-9A-F]+ ([0-9A-F]{2}) ", re.MULTILINE)
    counts = dict.fromkeys(_STATES.values(), 0)
    for file in ("tcp", "tcp6"):  # Java listens on v6 sockets
        try:
            table = (_PROC_SELF_NET / file).read_bytes()
        except OSError:
            continue
        for state in row.findall(table):
            name = _STATES.get(state)
            if name:
                counts[name] += 1
    return counts


def descriptors(pid):
    """Open file descriptors of a process, 0 if it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def cpu_seconds(pid):
    """CPU time used by a process so far, 0.0 if it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


# -- SYN packets on lo -------------------------------------------------------------------------------------------------

_ETH_P_IP, _SO_ATTACH_FILTER = 0x0800, 26
_SOL_PACKET, _PACKET_STATISTICS = 263, 6


def _program(address=None):
    """Classic BPF: accept IPv4 TCP packets with SYN and without ACK, to `address` if given."""
    steps = [  # (code, jump if true, jump if false, constant); jumps to "no" are filled in below
        (0x30, 0, 0, 23),  # protocol
        (0x15, 0, "no", 6),
        (0x28, 0, 0, 20),  # no fragments
        (0x45, "no", 0, 0x1FFF),
        *([(0x20, 0, 0, 30), (0x15, 0, "no", struct.unpack("!I", socket.inet_aton(address))[0])] if address else []),
        (0xB1, 0, 0, 14),  # X = length of the IP header
        (0x50, 0, 0, 27),  # flags
        (0x54, 0, 0, 0x12),
        (0x15, 0, "no", 0x02),
        (0x06, 0, 0, 0x40000),
        (0x06, 0, 0, 0),
    ]
    last = len(steps) - 1
    code = b""
    for at, (op, yes, no, constant) in enumerate(steps):
        jumps = [last - at - 1 if jump == "no" else jump for jump in (yes, no)]
        code += struct.pack("HBBI", op, *jumps, constant)
    return code, len(steps)


class Syns:
    """Counts (and, with `read`, lists) the SYN packets that arrive on lo; retransmissions count too.

    Needs CAP_NET_RAW in the namespace: raises PermissionError elsewhere.
    """

    def __init__(self, address=None):
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        code, steps = _program(address)
        buffer = ctypes.create_string_buffer(code)
        self._sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", steps, ctypes.addressof(buffer))
        )
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._sock.bind(("lo", _ETH_P_IP))  # ETH_P_IP, not ALL: only the arriving copy of each loopback packet
        self._total = 0

    def count(self):
        """The number of SYNs so far, read or not."""
        packets, _ = struct.unpack("II", self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._total += packets
        return self._total

    def read(self, seconds):
        """[(monotonic time, destination port, source port)] of the SYNs that arrive during `seconds`."""
        seen = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                frame = self._sock.recv(128)
            except TimeoutError:
                break
            at = 14 + (frame[14] & 15) * 4
            source, destination = struct.unpack_from("!HH", frame, at)
            seen.append((time.monotonic(), destination, source))
        return seen

    def close(self):
        """End the capture."""
        self._sock.close()
