"""Code that the tests, benchmarks and experiments share: real servers, the two libraries, faults on the wire.

Standard library only, so that it runs on Debian's bare python3. A script outside of this directory starts with

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))   # the top of the repository
    import rig

`Ensemble`                 the real Apache ZooKeeper of Debian's package, one or three members, as a context manager
`Proxy`                    a TCP proxy that cuts, holds, delays, refuses, counts and records
`library_env`, `loaded_library`, `assert_loaded`   run a dynamic program on stock or on ours, and check which one it
uses
`Tls`, `DigestMd5`, `Kerberos`, `Kdc`   settings of a secured ensemble; `certificates` for its clients
`connections`              a process's TCP connections, from the kernel
`Program`                  an interactive program on pipes: write a line, wait for an answer
`node_exporter`, `await_http`   Debian's collector on the files that clients publish
`free_port`, `spawn`, `terminate`   ports that nobody else gets; children that end with this process
"""

from rig.library import (
    LIBRARIES,
    OLDER,
    ROOT,
    LibraryMissing,
    assert_loaded,
    assert_would_load,
    library,
    library_env,
    link_directory,
    loaded_library,
    our_library,
    stock_library,
)
from rig.connections import connections
from rig.ensemble import Ensemble, Member, NotReady, ServerMissing
from rig.exporter import await_http, node_exporter
from rig.kdc import Kdc
from rig.ports import free_port, free_ports
from rig.process import spawn, terminate
from rig.program import NoAnswer, Program
from rig.proxy import Connection, Proxy
from rig.secure import DigestMd5, Kerberos, NoKdc, Tls, certificates

__all__ = [
    "LIBRARIES",
    "OLDER",
    "ROOT",
    "Connection",
    "DigestMd5",
    "Ensemble",
    "Kdc",
    "Kerberos",
    "LibraryMissing",
    "Member",
    "NoAnswer",
    "NoKdc",
    "NotReady",
    "Program",
    "Proxy",
    "ServerMissing",
    "Tls",
    "assert_loaded",
    "assert_would_load",
    "await_http",
    "certificates",
    "connections",
    "free_port",
    "free_ports",
    "library",
    "library_env",
    "link_directory",
    "loaded_library",
    "node_exporter",
    "our_library",
    "spawn",
    "stock_library",
    "terminate",
]
