"""Runs the tests of the headers: all, or those whose name contains one of the arguments."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]


def main():
    loader = unittest.TestLoader()
    wanted = [f"*{name}*" for name in sys.argv[1:] if not name.startswith("-")]
    loader.testNamePatterns = wanted or None
    suite = loader.discover(str(HERE), pattern="test_*.py")
    if suite.countTestCases() == 0:
        sys.exit(f"no test is named like {sys.argv[1:]}")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
