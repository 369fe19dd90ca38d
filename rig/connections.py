"""The kernel's information about a process's TCP connections."""

import os
import pathlib
import re

_STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 8: "CLOSE_WAIT"}


def connections(pid):
    """[(remote port, state)] of the process's TCP sockets, state as in netstat ("ESTABLISHED", "SYN_SENT", ...)."""
    inodes = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
        except OSError:
            continue  # closed meanwhile
        if match:
            inodes.add(match[1])
    found = []
    for table in ("tcp", "tcp6"):
        try:
            rows = pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[9] in inodes:
                state = int(fields[3], 16)
                found.append((int(fields[2].rsplit(":", 1)[1], 16), _STATES.get(state, str(state))))
    return found
