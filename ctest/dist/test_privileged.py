"""Settings that a program with more rights than its caller must ignore."""

import os
import sys

from support import HERE, LIMIT, Case, rig

# At the end of the path, because there is a run.py in both folders.
sys.path.append(str(HERE.parent))

import privileged  # noqa: E402


class Privileged(Case):
    def test_a_setuid_program_ignores_the_environment(self):
        self.assertEqual(os.getuid(), 0, "only root can make a setuid program of root's")
        self.assertIsNone(privileged.fault(rig.our_library(), LIMIT))
