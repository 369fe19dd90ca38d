#!/usr/bin/python3
"""Our library against real servers of other versions: 3.4, 3.6 and 3.9, besides Debian's 3.8 (opt-in, downloads).

PyPI's pyspark carries the jars of ZooKeeper's servers. Each is downloaded once, the jars are kept in .cache/servers.
smoke.c runs on Debian's library and on ours against each server, which is killed and restarted under it; the outputs
must be equal. additive.c runs on ours: it shows how these servers handle the operations that Apache's library does not
have, and what happens to a persistent watch when a server is replaced by an older one.

Usage: servers.py [--only VERSION] [--lib ours|both]
"""

import argparse
import difflib
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import rig  # noqa: E402

# Version of the server -> the release of pyspark that contains it.
RELEASES = {"3.4.6": "2.4.8", "3.6.2": "3.3.4", "3.9.3": "4.0.0"}
CACHE = rig.ROOT / ".cache" / "servers"
WANTED = re.compile(
    r"/jars/((zookeeper|zookeeper-jute|netty(-all|-buffer|-codec|-common|-handler|-resolver|-transport"
    r"|-transport-classes-epoll|-transport-native-unix-common)?|audience-annotations|metrics-core|snappy-java"
    r"|commons-cli|commons-io|commons-lang|jackson-annotations|jackson-core|jackson-databind)-\d[^/]*\.jar)$"
)
LOGGING = "/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-simple.jar"


def jars(version):
    """The directory with that server's jars, which are downloaded if they are missing."""
    directory = CACHE / version
    if (directory / f"zookeeper-{version}.jar").exists():
        return directory
    release = RELEASES[version]
    print(f"servers: downloading pyspark {release} for ZooKeeper {version}", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        download = ["/usr/bin/python3", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                    "--dest", temporary, f"pyspark=={release}"]
        subprocess.run(download, check=True)
        fresh = pathlib.Path(temporary) / "jars"
        fresh.mkdir()
        with tarfile.open(next(pathlib.Path(temporary).glob("pyspark-*.tar.gz"))) as archive:
            for entry in archive:
                match = WANTED.search(entry.name)
                if match and entry.isfile():
                    with archive.extractfile(entry) as source, open(fresh / match[1], "wb") as target:
                        shutil.copyfileobj(source, target)
        if not (fresh / f"zookeeper-{version}.jar").exists():
            raise rig.ServerMissing(f"pyspark {release} does not carry ZooKeeper {version}: "
                                    + str(sorted(path.name for path in fresh.glob("zookeeper*"))))
        shutil.rmtree(directory, ignore_errors=True)
        fresh.rename(directory)
    return directory


def build(name):
    """Compile a program of this folder, with our headers."""
    program = rig.ROOT / "target" / "rig" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    libraries = rig.link_directory("ours")
    subprocess.run(
        ["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-DTHREADED", f"-I{rig.ROOT}/include",
         HERE / f"{name}.c", "-o", program, f"-L{libraries}", "-lzookeeper_mt", "-lpthread"],
        check=True,
    )
    return program


def classpath(version):
    """The class path of that server's jars, which are downloaded if they are missing; None for Debian's."""
    return f"{jars(version)}/*:{LOGGING}" if version in RELEASES else None


def check_version(ensemble, version):
    found = re.search(r"version: (\d+\.\d+\.\d+)", ensemble.four_letter("srvr"))[1]
    assert found == version, f"the server says it is {found}, not {version}"


def smoke(program, version, which):
    """The output of smoke.c on that library against that server."""
    return said([program, "HOSTS", version.rsplit(".", 1)[0]], version, version, which)


def said(command, version, then, which):
    """The output of a program that runs with a server of `version`. When the program asks for it, the server is replaced by
    one of the version `then`."""
    options = {"classpath": classpath(version)} if version in RELEASES else {}
    java = ["-Dzookeeper.jmx.log4j.disable=true"]
    with rig.Ensemble(java_options=java, **options) as ensemble:
        check_version(ensemble, version)
        environment = rig.library_env(which)
        command = [ensemble.hosts if word == "HOSTS" else word for word in command]
        with rig.Program(command, env=environment, merge=False) as running:
            rig.assert_loaded(running.pid, which)
            running.expect("^restart now$", 60)
            if then != version:
                ensemble.classpath = classpath(then)
            ensemble.members[0].restart(wait=60)
            check_version(ensemble, then)
            running.send("go on")
            status = running.wait(90)
            assert status == 0, f"exit status {status}\n{running.tail()}"
            return running.lines


# The operations of additive.c, the first version that knows each, and how many new connections it causes on older ones.
SINCE = {"add persistent watch": (3, 6), "add recursive watch": (3, 6), "whoami": (3, 7), "get ephemerals": (3, 6),
         "get all children number": (3, 6), "multi read": (3, 6)}


def expected(version, then):
    """The expected output of additive.c."""
    number, later = (tuple(map(int, text.split(".")[:2])) for text in (version, then))
    lines = []
    for name, since in SINCE.items():
        code, closed = (0, 0) if number >= since else (-6, 1)
        lines.append(f"{name}: {code}, same session 1, new connections {closed}")
    has_persistent = number >= (3, 6)
    if has_persistent:
        code = 0 if number >= (3, 9) else -5
        lines += ["remove any: 0, same session 1, new connections 0",
                  f"remove persistent: {code}, same session 1, new connections 0"]
        # Before 3.9 the read's watch replaces the persistent watch: both are called once.
        lines.append(f"three changes, a persistent watch and a read with one: {4 if number >= (3, 9) else 2} calls")
    calls = 3 if has_persistent and later >= (3, 6) else 1
    return [*lines, f"armed: persistent {int(has_persistent)}, one-shot 1", "restart now",
            f"after the restart: same session 1, {calls} calls for two changes and one", "close: 0"]


def additive(version):
    """Runs additive.c on one server, and on one that is replaced by an older one. Raises if an output differs from the
    expected one."""
    program = build("additive")
    for then in [version, *(["3.4.6"] if version in ("3.6.2", "3.9.3") else []), *(["3.6.2"] if version == "3.9.3" else [])]:
        found, wanted = said([program, "HOSTS"], version, then, "ours"), expected(version, then)
        if found != wanted:
            print("\n".join(difflib.unified_diff(wanted, found, "expected", f"{version}, then {then}", lineterm="")))
            raise AssertionError(f"additive.c, {version} and then {then}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=[*RELEASES, "3.8.0"])
    parser.add_argument("--lib", choices=["stock", "ours", "both"], default="both")
    arguments = parser.parse_args()
    libraries = rig.LIBRARIES if arguments.lib == "both" else (arguments.lib,)
    program = build("smoke")
    failed = 0
    versions = [arguments.only] if arguments.only else sorted([*RELEASES, "3.8.0"])
    for version in versions:
        try:
            lines_of = {which: smoke(program, version, which) for which in libraries}
            if "ours" in libraries:
                additive(version)
        except (Exception, subprocess.CalledProcessError) as error:  # one server's failure is not the others'
            print(f"FAILED {version}: {type(error).__name__}: {error}", flush=True)
            failed += 1
            continue
        if len({tuple(lines) for lines in lines_of.values()}) != 1:
            print(f"FAILED {version}: the libraries differ")
            print("\n".join(difflib.unified_diff(lines_of["stock"], lines_of["ours"], "stock", "ours", lineterm="")))
            failed += 1
        else:
            print(f"ok     {version}: {len(lines_of[libraries[-1]])} answers on {' and '.join(libraries)}", flush=True)
    print(f"servers: {len(versions) - failed} of {len(versions)} versions passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
