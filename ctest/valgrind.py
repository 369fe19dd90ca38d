#!/usr/bin/env python3
"""The C programs under valgrind's memcheck, on the shipped library: invalid reads and writes, use of uninitialised
memory, bad frees, and memory that is definitely lost.

First it proves that such faults are found in the library: a program that lies about the length of its buffer, and one
that does not free its result. Then ctest/run.py runs each program under valgrind, whose reports go to files; any report
fails the run.

Usage: valgrind.py [--long] [--only PATTERN ...]
The default is a selection of programs that pass memory in both directions; --long runs every program."""
import shutil
import subprocess
import sys

from instrumented import ROOT, arguments, programs

sys.path.insert(0, str(ROOT))

import rig  # noqa: E402
from trial import LOSE_MEMORY  # noqa: E402

SELECTION = (
    "acl", "callbacks", "children", "create_async", "cuts_under_load", "deallocate", "get_set", "log_callback", "multi",
    "null_paths", "peer_replies", "pending_close", "pending_loss", "set_servers", "threads", "watch_async", "watch_remove",
    "truncated_replies", "multi_arguments", "unsolicited", "st_callbacks_call", "st_close_in_callback", "st_two_handles",
)
OPTIONS = (
    "valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
    "--error-exitcode=99", "--num-callers=30", "--fair-sched=yes", f"--suppressions={ROOT}/ctest/valgrind.supp",
)
# name, memcheck's message, the function of ours that must appear in it, the program
PROOFS = (
    ("read", "Invalid read", "zoo_aset", r"""
#include <stdlib.h>
#include <zookeeper.h>
int main(void) {
    zhandle_t *zh = zookeeper_init("127.0.0.1:1", 0, 10000, 0, 0, ZOO_NO_LOG_CLIENTENV);
    char *value = malloc(8);
    return zoo_aset(zh, "/a", value, 4096, -1, 0, 0); /* the length is a lie */
}
"""),
    ("leak", "definitely lost", "zoo_get_children", r"""
#include <stdlib.h>
#include <zookeeper.h>
int main(int argc, char **argv) {
    struct String_vector names;
    zhandle_t *zh = zookeeper_init(argc > 1 ? argv[1] : "", 0, 10000, 0, 0, ZOO_NO_LOG_CLIENTENV);
    int rc = zoo_get_children(zh, "/", 0, &names); /* never given back */
    names.data = 0;
    zookeeper_close(zh);
    return rc;
}
"""),
)


def prove(folder):
    """Memcheck sees faults that happen inside the library."""
    with rig.Ensemble() as ensemble:
        for name, wanted, function, text in PROOFS:
            source = folder / f"{name}.c"
            source.write_text(text)
            link = rig.link_directory("ours")
            subprocess.run(["gcc", "-g", "-DTHREADED", f"-I{ROOT}/include/zookeeper", "-o", folder / name, source,
                            f"-L{link}", "-lzookeeper_mt"], check=True)
            result = subprocess.run([*OPTIONS, folder / name, ensemble.hosts], env=rig.library_env("ours"),
                                    capture_output=True, text=True, timeout=600)
            if result.returncode != 99 or wanted not in result.stderr or function not in result.stderr:
                sys.exit(f"valgrind does not find a fault in the library ({name}): {result.returncode}\n{result.stderr}")
    print("valgrind is on: a read past a buffer inside zoo_aset and what zoo_get_children gave and nobody freed were found",
          flush=True)


def every():
    """The names of all programs except those that lose memory on purpose."""
    return [f"{kind}/{source.stem}" for kind in ("cases", "bugs") for source in sorted((ROOT / "ctest" / kind).glob("*.c"))
            if source.stem not in LOSE_MEMORY]


def main():
    chosen = arguments(__doc__)
    folder = ROOT / "target" / "valgrind"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "said").mkdir(parents=True)
    prove(folder)
    wrapper = [*OPTIONS, f"--log-file={folder}/said/%p"]
    patterns = chosen.only or (every() if chosen.long else [f"*/{name}*" for name in SELECTION])
    failed = programs(only=patterns, CTEST_WRAPPER=" ".join(wrapper))
    runs = 0
    faults = 0
    for file in sorted((folder / "said").iterdir()):
        runs += 1
        said = file.read_text(errors="replace")
        if said.strip():
            faults += 1
            print(f"\nFAIL valgrind said\n{said[:6000]}")
    print(f"valgrind: {runs} processes, {faults} with faults")
    sys.exit(1 if failed or faults or not runs else 0)


main()
