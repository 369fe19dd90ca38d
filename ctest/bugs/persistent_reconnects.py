"""A separate server, which is killed and restarted, behind a proxy for each of the program's two handles."""

import os
import random

import rig


def run(trial):
    """CTEST_RECONNECTS: number of reconnects (100). CTEST_SEED: seeds the moments of the cuts, which are otherwise
    different each time."""
    trial.ensemble = trial.hold(rig.Ensemble(1))
    trial.proxies = [trial.proxy(trial.ensemble.members[0]) for _ in range(2)]
    trial.hosts = rig.Ensemble.hosts_of(trial.proxies)
    seed = int(os.environ.get("CTEST_SEED", random.randrange(2**31)))
    # Connections that are cut young cause long pauses, which are not the subject here.
    quick = dict.fromkeys(("ZOO_RECONNECT_BASE_MS", "ZOO_RECONNECT_CAP_MS", "ZOO_RECONNECT_CONGESTION_CAP_MS"), 20)
    return trial.run(os.environ.get("CTEST_RECONNECTS", 100), seed, ZOO_RECONNECT_FIRST_JITTER_MS=5, **quick)
