"""Programs that the kernel starts with other rights than their caller's: the loader ignores LD_LIBRARY_PATH."""

import os
import struct

import rig
from support import Case, run, run_all


class Rights(Case):
    def test_a_program_that_the_kernel_gives_other_rights_is_said_before_it_runs(self):
        """For each way and user the check says what the program then prints itself."""
        self.assertEqual(os.getuid(), 0, "this test gives programs the rights of other users: run it as root")
        nobody, library = self.for_nobody()
        root = nobody[nobody.index(self.scratch / "dist/calmkeeper"):]
        # Version 2, effective; CAP_NET_BIND_SERVICE permitted.
        capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
        stock, ours = f"{rig.stock_library()}\n", f"{library}\n"
        for owner, mode, has_capability, words, of_root, of_nobody in (
            (0, 0o4755, False, "is setuid", ours, stock), (65534, 0o4755, False, "is setuid", stock, ours),
            (0, 0o2755, False, "is setgid", ours, stock), (0, 0o2745, False, "", ours, None),
            (0, 0o755, True, "has file capabilities", ours, stock), (0, 0o755, False, "", ours, ours),
        ):
            program = self.program()
            os.chown(program, owner, owner)
            program.chmod(mode)
            if has_capability:
                os.setxattr(program, "security.capability", capability)
            for command, expected in ((root, of_root), (nobody, of_nobody)):
                if expected is None:
                    continue
                with self.subTest(words=words, owner=owner, command=command):
                    out, err = run_all(*command, program)
                    self.assertEqual(out, expected)
                    said = "".join(run_all(*command, "--check", program, status=0 if expected == ours else 1))
                    if expected == stock:
                        self.assertIn(f"{words}, so the loader ignores LD_LIBRARY_PATH", err)
                        self.assertIn(f"{words}, so the loader ignores LD_LIBRARY_PATH", said)
                    else:
                        self.assertIn(f"because it {words}" if words else "runs on Calmkeeper", said)
        # None of these rights is given on a file system with nosuid.
        script = 'mount -t tmpfs -o nosuid none "$1" && cp -p "$2" "$1/p" && shift 2 && exec "$@"'
        place = self.scratch / "nosuid"
        place.mkdir()
        program = self.program()
        program.chmod(0o4755)
        for words, expected in (([], ours), (["--check"], f"{place}/p: runs on Calmkeeper ({library})\n")):
            self.assertEqual(run("unshare", "--mount", "sh", "-c", script, "sh", place, program, *nobody, *words, place / "p"), expected)

    def test_a_process_that_may_get_no_other_rights(self):
        nobody, library = self.for_nobody()
        program = self.program()
        program.chmod(0o4755)
        command = ["setpriv", "--no-new-privs", *nobody]
        self.assertEqual(run_all(*command, program), (f"{library}\n", ""))
        self.assertIn("runs on Calmkeeper", run(*command, "--check", program))

    def test_capabilities_without_getcap(self):
        """Every tool that can see them, and none."""
        nobody, library = self.for_nobody()
        program, tools = self.program(), self.scratch / "tools"
        os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
        tools.mkdir()
        for name in os.listdir("/usr/bin"):
            if name not in ("tar", "getfattr", "getcap"):
                (tools / name).symlink_to(f"/usr/bin/{name}")
        script = 'for tool in /usr/sbin/getcap /sbin/getcap; do [ ! -e $tool ] || mount --bind "$1" $tool; done; shift; exec "$@"'
        empty = self.scratch / "empty"
        empty.write_text("")
        hidden = ["unshare", "--mount", "sh", "-c", script, "sh", empty]
        environment = {"PATH": str(tools)}
        self.assertIn("it cannot be seen whether it has file capabilities",
                      run(*hidden, *nobody, "--check", program, environment=environment))
        (tools / "tar").symlink_to("/usr/bin/tar")
        self.assertIn("has file capabilities, so", run_all(*hidden, *nobody, "--check", program, environment=environment, status=1)[1])

    def test_a_setuid_program_that_loads_the_library_later(self):
        nobody, _ = self.for_nobody()
        program = self.compile("hold.c")
        program.chmod(0o4755)
        self.assertIn("is setuid, so a library that it loads later is the system's", run_all(*nobody, "--check", program, status=1)[1])

    def test_a_program_with_the_rights_of_another_user_is_noticed(self):
        """A setuid program whose maps the caller may not read, using a library that it opens later."""
        self.assertEqual(os.getuid(), 0, "this test makes a program setuid for another user: run it as root")
        nobody, _ = self.for_nobody()
        program = self.compile("hold.c")
        program.chmod(0o4755)
        process = self.start(*nobody, program, "dlopen", rig.stock_library())
        self.assertIn("which has other rights than you", self.line(process.stderr))
