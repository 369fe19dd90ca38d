"""Code that the tests of TLS and SASL share: client.c as a program that obeys commands, certificates, and scripts of
servers with TLS."""
import contextlib
import os
import pathlib
import re
import ssl
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

import rig  # noqa: E402

WAIT = 120
CLOSED = "closed 0"


def build():
    """Compile client.c; returns the program."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "ctest"
    target.mkdir(parents=True, exist_ok=True)
    program = target / "secure-client"
    # OpenSSL's headers are not needed: the types that our header uses are declared on the command line.
    include = target / "openssl-stand-in" / "openssl"
    include.mkdir(parents=True, exist_ok=True)
    (include / "ossl_typ.h").write_text("typedef struct ssl_st SSL;\ntypedef struct ssl_ctx_st SSL_CTX;\n")
    # Stock's library lacks the function, so the program is linked with ours.
    command = ["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I", include.parent, "-I", rig.ROOT / "include",
               "-I", rig.ROOT / "include" / "zookeeper", "-o", program, HERE / "client.c", "-L", rig.link_directory("ours"),
               "-l:libzookeeper_mt.so.2", "-lsasl2", "-lpthread"]
    subprocess.run(command, check=True)
    return program


def file(name):
    return rig.certificates() / name


@contextlib.contextmanager
def client(hosts, cert, timeout=10000, program=None, cwd=None, **environment):
    """The program, or a copy of it, with a handle; it is always ended afterwards."""
    command = [program or build.program, hosts, cert, str(timeout)]
    with rig.Program(command, env=rig.library_env("ours", **environment), cwd=cwd, merge=False) as program:
        yield program


def ask(program, command, *answers, timeout=WAIT):
    """Sends a command and waits for its answers, in order."""
    program.send(command)
    for answer in answers:
        program.expect(f"^{answer}$", timeout)


def opened(program):
    program.expect("^handle$", WAIT)
    ask(program, "await", "state 3")


def ended(program):
    """Closes the handle; the program must end with status 0."""
    ask(program, "close", CLOSED)
    expect("status", program.wait(WAIT), 0)


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def lines(program, pattern):
    """The lines of the log that match."""
    return [line for line in program.errors if re.search(pattern, line)]


def server_context(certificate, trust=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file(f"{certificate}.crt"), file(f"{certificate}.key"))
    if trust:
        context.load_verify_locations(file(f"{trust}.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def secured(context, then=lambda link: link.serve()):
    """A script: grants a session over TLS, then calls `then`."""
    def script(link):
        try:
            link.secure(context)
        except OSError:
            return  # the client has refused the certificate
        link.accept_session()
        then(link)
    return script
