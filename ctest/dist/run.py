"""Installing and uninstalling Calmkeeper: for one program, on a whole system (a copy below a directory), by the
packages; and the messages.

    ctest/dist/run.py [test_run | test_status.Status | test_system.System.test_... ]    all without an argument
"""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

if __name__ == "__main__":
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    arguments = sys.argv[:1] + [word for word in sys.argv[1:] if word.startswith("-")]
    names = named or sorted(path.stem for path in HERE.glob("test_*.py"))
    unittest.main(module=None, argv=arguments + names, verbosity=2)
