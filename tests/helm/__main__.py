"""python3 tests/helm [TEST…]: runs the tests of this folder; the last line is "N passed, N failed"."""
import pathlib
import sys
import unittest


def main(names):
    sys.dont_write_bytecode = True
    folder = str(pathlib.Path(__file__).resolve().parent)
    sys.path.insert(0, folder)
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names) if names else loader.discover(folder, "*_test.py")
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    # A test with several faults is one that failed.
    failed = {case.id().split(" ")[0] for case, _ in result.failures + result.errors}
    print(f"{result.testsRun - len(failed)} passed, {len(failed)} failed")
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
