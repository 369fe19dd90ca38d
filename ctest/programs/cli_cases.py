"""cli_mt without faults: each command, batch mode, the client-id file, reconfiguration."""

import base64
import hashlib
import pathlib
import struct
import tempfile

import rig
from shell import LOG_LINE, Shell, batch, node_names

COMMANDS = """
help
create /a
create +e /e
create +s /s-
create +es /es-
create +c /c
create +t=600000 /t
create2 /b
create2 +s /bs-
create2 +e /be
create2 +t=xx /q
create +q /q
create
create x
create /a
create /n/n
create /e/child
set /a hello world
set /a
set /none x
get /a
get /none
get /a/
get a
ls /
ls2 /
ls /none
exists /a
exists /none
wexists /a
wexists /later
create /later
delete /later
set /a 2
ls /a
create /a/b
get /a/b
wexists /a/b
delete /a/b
delete /none
delete /a
create /a
create /a/x
delete /a
delete /a/x
sync /a
sync /none
config
aget /a
aget /none
als /
als2 /
acreate /aa
acreate2 /ab
adelete /aa
adelete /aa
aset /ab foo
async /ab
aexists /ab
awexists /ab
aset /ab bar
set /ab Grüße, 世界
get /ab
myid
addauth digest user:pw
addauth
reconfig -version 5
bogus
a
get

"""


def every_command(which):
    """All of cli_mt's commands with right and wrong arguments: not one line may differ."""
    with rig.Ensemble() as ensemble, Shell(which, ensemble.hosts) as shell:
        session = shell.connected()
        transcript = []
        for command in COMMANDS.strip("\n").split("\n"):
            transcript += [f">>> {command}", *shell.run(command)]
        children = node_names(shell.run("ls /"))
        assert {"a", "b", "c", "e", "t", "ab"} <= set(children), children
        status = shell.quit()
        assert f"session Id = {session}" in shell.lines, shell.lines
        return [*transcript, f"status {status}", *shell.news()]


def overdose(which):
    """`od` sends 200 requests at once out of a completion; each must come back."""
    with rig.Ensemble() as ensemble, Shell(which, ensemble.hosts) as shell:
        shell.connected()
        shell.send("od /a")
        for _ in range(100):
            shell.expect("^Data completion /od rc = -101$", stderr=True)
        shell.run("sync /")
        transcript = [f"status {shell.quit()}"]
        assert "Recvd 200 responses for 200 requests sent" in shell.errors, shell.tail()
        return transcript + sorted(line for line in shell.news() if "od" in line)


def verbose(which):
    """The command `verbose` switches the library's DEBUG lines on and off through the shared variable logLevel."""
    with rig.Ensemble() as ensemble, Shell(which, ensemble.hosts) as shell:
        shell.connected()
        shell.run("create /a")
        assert not shell.log(), shell.log()
        transcript = shell.run("verbose")
        transcript += shell.run("get /a")
        debug = [entry for entry in shell.log() if entry[0] == "DEBUG"]
        assert debug, "no DEBUG line while verbose"
        transcript += shell.run("verbose")
        quiet = len(shell.log())
        transcript += shell.run("get /a")
        assert len(shell.log()) == quiet, shell.log()[quiet:]
        # With -d it logs from the beginning, in the same line format.
        with Shell(which, ensemble.hosts, "-d") as talkative:
            talkative.expect("Got a new session id", stderr=True)
            talkative.run("get /a")
            stamped = [line for line in talkative.errors if ":ZOO_" in line]
            assert stamped and all(LOG_LINE.match(line) for line in stamped), stamped
            messages = " ".join(message for _, _, message in talkative.log())
            for words in ("Client environment:zookeeper.version=", "Initiating client connection, host=",
                          "session establishment complete on server " + ensemble.hosts):
                assert words in messages, f"{words!r} is not in {messages}"
        return transcript


def batch_mode(which):
    """cli_mt -c runs one command and ends."""
    transcript = []
    with rig.Ensemble() as ensemble:
        for command in ("create /a", "set /a value", "get /a", "ls /", "get /none", "delete /a", "ls /"):
            status, lines = batch(which, ensemble.hosts, command)
            transcript += [f">>> {command}: status {status}", *lines]
        status, lines = batch(which, ensemble.hosts + "/chroot", "ls /")
        transcript += [f"chroot that does not exist: status {status}", *lines]
    return transcript


def chroot(which):
    """A chroot in the host list: results, watches and created names are relative to it."""
    with rig.Ensemble() as ensemble:
        batch("stock", ensemble.hosts, "create /app")
        with Shell(which, ensemble.hosts + "/app") as shell:
            shell.connected()
            transcript = []
            for command in ("ls /", "create /a", "create +s /s-", "create2 /b", "get /a", "wexists /later",
                            "create /later", "ls /", "delete /a", "sync /b", "get /zookeeper", "config"):
                transcript += [f">>> {command}", *shell.run(command)]
            transcript.append(f"status {shell.quit()}")
        assert node_names(batch("stock", ensemble.hosts, "ls /app")[1]) == ["b", "later", "s-0000000001"]
        return transcript


def client_id_file(which):
    """-m writes the clientid_t of the session: eight bytes of id and the server's password."""
    with rig.Ensemble() as ensemble, tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "id"
        with Shell(which, ensemble.hosts, "-m", str(file)) as shell:
            session = shell.connected()
            shell.run("ls /")
            status = shell.quit()
        content = file.read_bytes()
        assert len(content) == 24, content
        number, password = struct.unpack("<q16s", content)
        assert f"{number:x}" == session, (number, session)
        assert password != bytes(16), "no password"
        return [f"status {status}", *shell.news()]


def reconfiguration(which):
    """`config` and `reconfig` on an ensemble of three: a member leaves and comes back while cli_mt is connected."""
    digest = base64.b64encode(hashlib.sha1(b"super:secret").digest()).decode()
    with rig.Ensemble(3, reconfig=True, superuser=f"super:{digest}") as ensemble:
        names = {}
        for member in ensemble.members:
            for what in ("port", "quorum_port", "election_port"):
                names[str(getattr(member, what))] = f"<{what} {member.id}>"
        leaver = ensemble.followers()[0]
        stayers = [member for member in ensemble.members if member is not leaver]
        line = (f"{leaver.id}={leaver.host}:{leaver.quorum_port}:{leaver.election_port}:participant;"
                f"{leaver.host}:{leaver.port}")
        with Shell(which, ensemble.hosts_of(stayers)) as shell:
            shell.connected()
            transcript = shell.run("config")
            # First without authorisation, then with it.
            transcript += shell.run(f"reconfig -remove {leaver.id}")
            transcript += shell.run("addauth digest super:secret")
            transcript += shell.run(f"reconfig -remove {leaver.id}")
            transcript += shell.run("config")
            transcript += shell.run(f"reconfig -add {line}", timeout=40)
            transcript += shell.run("config")
            transcript += shell.run("reconfig -remove 77")
            transcript.append(f"status {shell.quit()}")
    for port, name in names.items():
        transcript = [text.replace(port, name) for text in transcript]
    # The election decides which member is a follower, and so leaves.
    order = {str(leaver.id): "A", str(stayers[0].id): "B", str(stayers[1].id): "C"}
    assert sum("participant" in text for text in transcript) >= 8, transcript
    return _with_roles(transcript, order)


def _with_roles(transcript, order):
    named = []
    for text in transcript:
        for number, role in order.items():
            text = text.replace(f"server.{number}=", f"server.{role}=").replace(f"port {number}>", f"port {role}>")
            text = text.replace(f"-remove {number}:", f"-remove {role}:").replace(f"-add {number}=", f"-add {role}=")
        named.append(text)
    return sorted(named)  # the server lists its members by number


CASES = {
    "cli: every command": every_command,
    "cli: overdose": overdose,
    "cli: verbose": verbose,
    "cli: batch mode": batch_mode,
    "cli: chroot": chroot,
    "cli: client id file": client_id_file,
    "cli: reconfiguration": reconfiguration,
}
