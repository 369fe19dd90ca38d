"""PyPI's zkpython 0.4.2, its source unmodified, for Python 2.7."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
import rig

ARCHIVE = "zkpython-0.4.2.tar.gz"
SHA256 = "74ab7e1559c2ff75665bc806cf30060af9c8d1759d36b55a22583cfa0c213de9"
CACHE = ROOT / ".cache"


class Failure(Exception):
    """The source is not available, or does not build."""


def fetch(python):
    """The published archive: from the cache, from ZKPYTHON_SDIST, or from PyPI by that Python's pip."""
    archive = pathlib.Path(os.environ.get("ZKPYTHON_SDIST") or CACHE / ARCHIVE)
    if not archive.exists():
        CACHE.mkdir(exist_ok=True)
        command = [python, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", "--dest", str(CACHE),
                   "zkpython==0.4.2"]
        if subprocess.run(command, stdout=sys.stderr).returncode != 0 or not archive.exists():
            raise Failure("cannot download zkpython 0.4.2; put the archive somewhere and name it in ZKPYTHON_SDIST")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise Failure(f"{archive} is not the published archive: its SHA-256 is {digest}")
    return archive


def build(facts, which):
    """Unpack and build it with its own setup.py against the library and our headers; returns the module's path."""
    python = facts["executable"]
    directory = ROOT / "target" / "python-compat" / which / "zkpython-0.4.2"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with tarfile.open(fetch(python)) as archive:
        for member in archive.getmembers():
            if not (directory / member.name).resolve().is_relative_to(directory.resolve()):
                raise Failure(f"{ARCHIVE} wants to write to {member.name}")
        archive.extractall(directory)
    source = directory / "zkpython-0.4.2"
    # Without THREADED the header hides the synchronous functions (old compilers accept the missing declarations).
    # Apache's 3.8 has removed the three version macros, which our headers define.
    headers = ROOT / "include" / "zookeeper"
    if not (headers / "zookeeper.h").exists():
        headers = pathlib.Path("/usr/include/zookeeper")
    flags = f"-I{headers} -DTHREADED"
    if not headers.is_relative_to(ROOT):
        flags += " -DZOO_MAJOR_VERSION=3 -DZOO_MINOR_VERSION=8 -DZOO_PATCH_VERSION=0"
    environment = dict(os.environ, CFLAGS=flags, LDFLAGS=f"-L{rig.link_directory(which)}")
    done = subprocess.run([python, "setup.py", "-q", "build_ext", "--inplace"], cwd=source, env=environment)
    module = source / "zookeeper.so"
    if done.returncode != 0 or not module.exists():
        raise Failure(f"zkpython 0.4.2 does not build with {python}")
    return module


def test(facts, which, module):
    """Run zkpython2_program.py, in Python 2.7, against a real server, and with our library also against a server that
    demands TLS, a certificate and SASL, without any change to the program. Returns whether it passes."""
    with rig.Ensemble() as ensemble:
        passed = run(facts, which, module, ensemble, ensemble.hosts)
    print(f"zkpython 0.4.2 as published, on {which}: {'passed' if passed else 'failed'}", flush=True)
    if which != "ours":
        return passed
    users, required = {"bob": "s3cr3t w0rd"}, "-Dzookeeper.sessionRequireClientSASLAuth=true"
    secure = {"tls": rig.Tls(client_auth="need"), "sasl": rig.DigestMd5(users), "java_options": [required]}
    with rig.Ensemble(**secure) as ensemble, tempfile.NamedTemporaryFile("w") as password:
        print(users["bob"], file=password, flush=True)
        files = {name: rig.certificates() / file for name, file in
                 (("ZOO_TLS_CA", "ca.crt"), ("ZOO_TLS_CERT", "client.crt"), ("ZOO_TLS_KEY", "client.key"))}
        sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": password.name}
        secured = run(facts, which, module, ensemble, ensemble.secure_hosts, **files, **sasl)
    print(f"zkpython 0.4.2 as published, on ours with TLS and SASL: {'passed' if secured else 'failed'}", flush=True)
    return passed and secured


def run(facts, which, module, ensemble, hosts, **environment):
    """Runs the program against one ensemble, which is restarted during the run; returns whether it passes."""
    environment = rig.library_env(which, PYTHONPATH=module.parent, PYTHONDONTWRITEBYTECODE=1, **environment)
    program = rig.Program([facts["executable"], "-u", str(HERE / "tests" / "zkpython2_program.py"), hosts], env=environment)
    with program:
        program.expect("^connected", 60)
        rig.assert_loaded(program.pid, which)
        program.send("go on")
        program.expect("^ready for the restart", 60)
        ensemble.kill()
        program.expect("^connection lost")
        ensemble.start()
        ensemble.wait_ready()
        program.expect("^all is well", 60)
        return program.finish() == 0
