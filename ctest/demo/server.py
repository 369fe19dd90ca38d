"""Three addresses that can all refuse at once, while the servers behind them keep their sessions."""

import rig

MEMBERS = 3


class Simulated:
    """This repository's testserver: a simulated ensemble of three members on three ports."""

    description = "the simulated ensemble"

    def __init__(self):
        # The one that was built with the library.
        binary = rig.our_library().parent / "testserver"
        # Not ports chosen by the kernel: a client's own port could be one of these while the servers are away.
        ports = ",".join(map(str, rig.free_ports(MEMBERS)))
        self._server = rig.Program([binary, "--members", MEMBERS, "--port", ports, "--control"])

    def __enter__(self):
        try:
            self.hosts = ",".join(f"127.0.0.1:{port}" for port in self._server.expect(r"^\d+( \d+)*$")[0].split())
        except BaseException:
            self._server.close()
            raise
        return self

    def __exit__(self, *_):
        self._server.close()

    def _obey(self, command):
        self._server.send(command)
        answer = self._server.expect(r"^(ok|error)")
        if answer[1] != "ok":
            raise RuntimeError(f"testserver: {command}: {answer.string}")

    def leave(self):
        """Close all connections and refuse new ones, as hosts without a server do."""
        self._obey("down all")

    def come_back(self):
        """Serve again."""
        self._obey("up all")


class Real:
    """Debian's ZooKeeper (needs Java), behind three addresses that refuse while it is meant to be away."""

    description = "a real server at three addresses"

    def __enter__(self):
        self._ensemble = rig.Ensemble()
        self._ensemble.__enter__()
        self._proxies = [rig.Proxy(self._ensemble.members[0]) for _ in range(MEMBERS)]
        self.hosts = rig.Ensemble.hosts_of(self._proxies)
        return self

    def __exit__(self, *details):
        for proxy in self._proxies:
            proxy.close()
        self._ensemble.__exit__(*details)

    def leave(self):
        """Cut all connections and refuse new ones."""
        for proxy in self._proxies:
            proxy.refuse()

    def come_back(self):
        """Accept again."""
        for proxy in self._proxies:
            proxy.listen()
