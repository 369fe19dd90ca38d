"""Runs real servers for the tests and executes commands on stdin, one JSON object per line; answers in the same form.

A separate program, because `rig` needs Python 3.11, while the module under test is for 3.8 and later. It ends, with its
servers, when its stdin ends.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import rig


def main():
    options = json.loads(sys.argv[1])
    if "tls" in options:
        options["tls"] = rig.Tls(**options["tls"])
    if "users" in options:
        options["sasl"] = rig.DigestMd5(options.pop("users"))
    with rig.Ensemble(**options) as ensemble:
        secure = {"secure_hosts": ensemble.secure_hosts, "certificates": str(rig.certificates())} if "tls" in options else {}
        answer({"hosts": ensemble.hosts, "members": [member.hostport for member in ensemble.members], **secure})
        for line in sys.stdin:
            command = json.loads(line)
            try:
                answer({"result": obey(ensemble, **command)})
            except Exception as problem:
                answer({"error": f"{type(problem).__name__}: {problem}"})


def obey(ensemble, do, member=None, word=None):
    if do == "wait_ready":
        ensemble.wait_ready()
    elif do == "four_letter":
        return ensemble.members[member].four_letter(word)
    elif do in ("kill", "start", "stop", "cont"):
        for target in ensemble.members if member is None else [ensemble.members[member]]:
            getattr(target, do)()
    else:
        raise ValueError(f"no command {do}")
    return None


def answer(message):
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
