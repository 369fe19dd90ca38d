"""What a program may not be told that has more rights than its caller."""

import os
import sys

from support import HERE, LIMIT, Case, rig

# Behind what is here: there is a run.py in both folders.
sys.path.append(str(HERE.parent))

import privileged  # noqa: E402


class Privileged(Case):
    def test_a_setuid_program_ignores_the_environment(self):
        self.assertEqual(os.getuid(), 0, "only root can make a setuid program of root's")
        self.assertIsNone(privileged.fault(rig.our_library(), LIMIT))
