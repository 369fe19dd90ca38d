"""A server that stays read-only; the other address in the list is a port without a listener."""

import rig


def run(trial):
    def script(link):
        link.accept_session(read_only=True)
        link.serve()

    trial.hosts = f"{trial.serve(script).hostport},127.0.0.1:{rig.free_port()}"
    return trial.run()
