#!/usr/bin/env python3
"""How many branches of evidence, policy, enrollment and rpc the tests take:

  tools/coverage.py BUILD-FOLDER [SUITE ...]

BUILD-FOLDER was configured with SIGNET_COVERAGE=ON. The suites named (bin/SUITE_test) run first; without any, the profiles that an earlier run
left in BUILD-FOLDER/profiles are judged. Fails below 95 % in any of the folders, and names every branch that was never taken.

What counts, by clang's source-based coverage:
 - A branch is one condition going one way: `if (a || b)` has four. Every .cc and .h below a folder counts; no line can opt out, and a source
   that no suite links is a failure of its own.
 - The branch inside SIGNET_RETURN_IF_ERROR and SIGNET_ASSIGN_OR_RETURN counts, once for each line that uses the macro: it is the error path of
   that line, and to leave it out would call a function tested of which no failure was ever seen.
 - A template's or an inline function's branch is one branch, taken when any instantiation in any suite takes it.
 - Only a condition that is a literal true or false does not count (`while (true)`, `do … while (false)`): no input changes it.
"""
import json
import os
import pathlib
import subprocess
import sys

FOLDERS = ("services/evidence", "services/policy", "services/enrollment", "services/rpc")
LEAST = 95.0
EXPANSION = 1  # llvm::coverage::CounterMappingRegion::RegionKind


def run_suites(build, suites):
    profiles = build / "profiles"
    profiles.mkdir(exist_ok=True)
    for old in profiles.glob("*.profraw"):
        old.unlink()
    environment = dict(os.environ, LLVM_PROFILE_FILE=str(profiles / "%p.profraw"))
    failed = []
    for suite in suites:
        done = subprocess.run([build / "bin" / f"{suite}_test", "--gtest_brief=1"], env=environment, capture_output=True, text=True,
                              errors="replace", cwd=build)
        if done.returncode != 0:
            print((done.stdout + done.stderr)[-4000:])
            failed.append(suite)
    return failed


def export(build, root):
    """llvm-cov's functions, of every test program with counters in it and every profile."""
    counted = [str(program) for program in sorted((build / "bin").glob("*_test"))
               if "__llvm_covmap" in subprocess.run(["llvm-objdump-16", "-h", program], capture_output=True, text=True).stdout]
    if not counted:
        sys.exit(f"{build} holds no test program with counters: configure it with SIGNET_COVERAGE=ON and build the suites")
    # What a killed process left behind is empty.
    profiles = [profile for profile in sorted((build / "profiles").glob("*.profraw")) if profile.stat().st_size > 0]
    if not profiles:
        sys.exit(f"{build}/profiles is empty: name the suites to run")
    listed = build / "profiles" / "list"
    listed.write_text("".join(f"{profile}\n" for profile in profiles))
    merged = build / "profiles" / "merged.profdata"
    subprocess.run(["llvm-profdata-16", "merge", "-sparse", "-failure-mode=all", "-o", merged, f"-input-files={listed}"], check=True)
    command = ["llvm-cov-16", "export", f"-instr-profile={merged}", counted[0]]
    command += [f"-object={program}" for program in counted[1:]]
    command += [str(root / folder) for folder in FOLDERS]
    exported = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(exported.stdout)["data"][0]["functions"]


class Sources:
    def __init__(self):
        self.lines = {}

    def text(self, path, region):
        """The words of a region, on one line."""
        if path not in self.lines:
            self.lines[path] = pathlib.Path(path).read_text().splitlines()
        first, start, last, end = region[:4]
        if first == last:
            return self.lines[path][first - 1][start - 1:end - 1]
        inner = self.lines[path][first - 1:last]
        inner = [inner[0][start - 1:], *inner[1:-1], inner[-1][:end - 1]]
        return " ".join(line.strip().rstrip("\\").strip() for line in inner)


def branches(functions, root):
    """{path: {place: [words, times true, times false]}}; a place is (line, column) of the source, and of the macro when one is used there."""
    found = {}
    sources = Sources()
    for function in functions:
        files = function["filenames"]
        uses = {region[6]: region for region in function["regions"] if region[7] == EXPANSION}
        for branch in function["branches"]:
            path, words = files[branch[6]], sources.text(files[branch[6]], branch)
            if words in ("true", "false", "0", "1"):
                continue
            place, file = (branch[0], branch[1]), branch[6]
            while file in uses:  # from inside a macro to the line that uses it
                use = uses[file]
                file, path = use[5], files[use[5]]
                place = (use[0], use[1], *place)
                words = sources.text(path, use)
            try:
                path = str(pathlib.Path(path).resolve().relative_to(root))
            except ValueError:
                continue
            if not path.startswith(tuple(folder + "/" for folder in FOLDERS)):
                continue
            counts = found.setdefault(path, {}).setdefault(place, [words, 0, 0])
            counts[1] += branch[4]
            counts[2] += branch[5]
    return found


def main(build, suites):
    root = pathlib.Path(__file__).resolve().parent.parent
    build = build.resolve()
    failed = run_suites(build, suites) if suites else []
    functions = export(build, root)
    found = branches(functions, root)
    linked = {str(pathlib.Path(file).resolve()) for function in functions for file in function["filenames"][:1]}
    bad = len(failed)
    for suite in failed:
        print(f"the suite {suite} failed")
    table = []
    for folder in FOLDERS:
        total = missed = 0
        for source in sorted((root / folder).glob("**/*.cc")):
            if str(source) not in linked:
                print(f"{source.relative_to(root)}: no suite links it")
                bad += 1
        for path in sorted(path for path in found if path.startswith(folder + "/")):
            for place, (words, true, false) in sorted(found[path].items()):
                total += 2
                macro = len(place) > 2
                for count, way in ((true, "true"), (false, "false")):
                    if count == 0:
                        missed += 1
                        what = "the error path" if macro and words.startswith("SIGNET_") and way == "true" else f"never {way}"
                        print(f"{path}:{place[0]}:{place[1]}: {what}: {words[:90]}")
        share = 100.0 * (total - missed) / total if total else 0.0
        table.append((folder, total, missed, share))
        bad += share < LEAST
    print(f"\n{'folder':<24}{'branches':>10}{'missed':>8}{'taken':>9}")
    for folder, total, missed, share in table:
        print(f"{folder:<24}{total:>10}{missed:>8}{share:>8.2f}%{'' if share >= LEAST else f'  below {LEAST:.0f} %'}")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
