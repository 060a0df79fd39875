"""Runs the suites of this folder: one line per case, and a TAP file for the count.

    SIDEKEY=target/debug/sidekey python tests/clients/python/run.py [--tap FILE] [NAME ...]

`test_spiffe` also wants WORKLOAD_API=target/debug/workload-api, and `test_azure_identity_rust` AZURE_IDENTITY_RUST, the program of
`tests/clients/rust`; `cargo xtask test --clients` builds and sets all of them.

A NAME is a suite (`test_msal`), a class in it or a case (`test_msal.Refusals.test_…`).
"""

import argparse
import pathlib
import sys
import traceback
import unittest


class Tap(unittest.TestResult):
    """Prints a line as each case ends and remembers the lines."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.passed = 0
        self.failed = 0

    def line(self, verdict, test, reason=""):
        self.passed += verdict == "ok"
        self.failed += verdict == "not ok"
        self.lines.append(f"{verdict} {len(self.lines) + 1} - {name(test)}")
        print(self.lines[-1], flush=True)
        if reason:
            print(reason, flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def addFailure(self, test, err):
        self.line("not ok", test, "".join(traceback.format_exception(*err)))

    # A case that cannot run is a failed case: here, too, something did not do what it should.
    addError = addFailure

    def addSkip(self, test, reason):
        self.line("not ok", test, f"skipped: {reason}")

    def addSubTest(self, test, subtest, err):
        if err:
            print(subtest, flush=True)
            self.line("not ok", test, "".join(traceback.format_exception(*err)))

    def tap(self):
        totals = [f"# pass {self.passed}", f"# fail {self.failed}"]
        return "\n".join(["TAP version 13", *self.lines, f"1..{len(self.lines)}", *totals, ""])


def name(test):
    words = str(test).split(" ")[0].removeprefix("test_").replace("_", " ")
    suite = type(test).__module__.removeprefix("test_").replace("_", " ")
    return f"{suite}: {words}" if hasattr(test, "_testMethodName") else str(test)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tap", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    folder = pathlib.Path(__file__).parent
    sys.path.insert(0, str(folder))
    loader = unittest.TestLoader()
    named = arguments.names
    suite = loader.loadTestsFromNames(named) if named else loader.discover(str(folder), top_level_dir=str(folder))
    result = Tap()
    suite.run(result)
    if arguments.tap:
        arguments.tap.write_text(result.tap())
    print(f"{result.passed} passed, {result.failed} failed", flush=True)
    sys.exit(0 if result.failed == 0 and result.passed > 0 else 1)


if __name__ == "__main__":
    main()
