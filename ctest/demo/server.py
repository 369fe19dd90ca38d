"""One server behind three addresses that can all be gone at once, while the server itself keeps its sessions."""

import subprocess

import rig

MEMBERS = 3


class _Behind:
    """Three proxies in front of one server: leaving is refusing, as a host without a server does."""

    description = ""

    def __init__(self, port):
        self._proxies = [rig.Proxy(f"127.0.0.1:{port}") for _ in range(MEMBERS)]

    @property
    def hosts(self):
        """The host list."""
        return ",".join(proxy.hostport for proxy in self._proxies)

    def leave(self):
        """Cut all connections and refuse new ones."""
        for proxy in self._proxies:
            proxy.refuse()

    def come_back(self):
        """Accept again."""
        for proxy in self._proxies:
            proxy.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for proxy in self._proxies:
            proxy.close()


class Simulated(_Behind):
    """This repository's testserver."""

    description = "three addresses of the simulated server"

    def __init__(self):
        port = rig.free_port()
        binary = rig.our_library().parent / "testserver"
        self._child = rig.spawn([binary, "--port", port], stdout=subprocess.DEVNULL)
        super().__init__(port)

    def __exit__(self, *details):
        super().__exit__(*details)
        rig.terminate(self._child)


class Real(_Behind):
    """Debian's ZooKeeper (needs Java)."""

    description = "three addresses of a real server"

    def __init__(self):
        self._ensemble = rig.Ensemble()
        self._ensemble.__enter__()
        super().__init__(self._ensemble.members[0].port)

    def __exit__(self, *details):
        super().__exit__(*details)
        self._ensemble.__exit__(*details)
