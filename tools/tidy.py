"""clang-tidy over many files: tools/tidy.py BUILD-FOLDER JOBS FILE…

Prints what clang-tidy finds and fails when that is anything. A file that was clean is not read again until something that clang-tidy sees of it
changes: its text after the preprocessor, comments included (a NOLINT is one), its compile command, .clang-tidy or clang-tidy itself. What was
clean is remembered as empty files in ~/.cache/signet/tidy (or below XDG_CACHE_HOME); deleting them costs time, nothing else.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

TIDY = "clang-tidy-16"
CLANG = "clang++-16"


def known(cache, rules, entry):
    """The stamp of this file as it is now; None when it cannot be preprocessed, so that clang-tidy says why."""
    command = shlex.split(entry["command"])
    command[0] = CLANG
    at = command.index("-o")
    del command[at:at + 2]
    text = subprocess.run([*command, "-E", "-C", "-Wno-unknown-warning-option"], cwd=entry["directory"], capture_output=True)
    if text.returncode != 0:
        return None
    here = os.getcwd().encode()  # another clone of the same text has the same stamp
    seen = b"\0".join([" ".join(command).encode(), text.stdout]).replace(here, b"")
    return cache / hashlib.sha256(rules + seen).hexdigest()


def read(build, cache, rules, entry, file):
    stamp = known(cache, rules, entry)
    if stamp is not None and stamp.exists():
        return True, True, ""
    run = subprocess.run([TIDY, "-p", build, "--quiet", "--warnings-as-errors=*", "--extra-arg=-Wno-unknown-warning-option", file],
                         capture_output=True, text=True)
    if run.returncode == 0 and stamp is not None:
        stamp.touch()
    said = run.stdout + "".join(line + "\n" for line in run.stderr.splitlines() if not line.endswith("generated."))
    return run.returncode == 0, False, said


def main():
    build, jobs, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "signet" / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    rules = pathlib.Path(".clang-tidy").read_bytes() + subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    commands = {os.path.realpath(entry["file"]): entry for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text())}
    missing = [file for file in files if os.path.realpath(file) not in commands]
    for file in missing:
        print(f"{file}: no target of {build} compiles it")
    clean = not missing
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(read, build, cache, rules, commands[os.path.realpath(file)], file) for file in files if file not in missing]
        for run in concurrent.futures.as_completed(runs):
            passed, _, said = run.result()
            clean = clean and passed
            if not passed:
                print(said, end="", flush=True)
    print(f"{len(files)} files, {sum(run.result()[1] for run in runs)} of them known to be clean")
    return 0 if clean else 1


sys.exit(main())
