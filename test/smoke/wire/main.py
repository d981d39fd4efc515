#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs every case_* function of cases_*.py against a real isthmusd. Usage: main.py ISTHMUSD [WORKERS]
[PATTERN], PATTERN being part of "file.case". Exit 77 (skipped) when not root."""

import importlib
import os
import pathlib
import shutil
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent


def main():
    if os.geteuid() != 0:
        print("needs root for network namespaces: skipped")
        return 77
    if os.environ.get("ISTHMUS_WIRE_ISOLATED") != "1":
        os.environ["ISTHMUS_WIRE_ISOLATED"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "/usr/bin/python3", *sys.argv])
    os.system("mount -t sysfs sysfs /sys 2>/dev/null")  # so that /sys/class/net shows this namespace
    sys.path.insert(0, str(HERE))
    from harness import CONFIG, make_links

    daemon = os.path.abspath(sys.argv[1])
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    pattern = sys.argv[3] if len(sys.argv) > 3 else ""
    beds = {}
    for file in sorted(HERE.glob("cases_*.py")):
        module = importlib.import_module(file.stem)
        for name in vars(module):
            label = f"{file.stem[6:]}.{name[5:]}"
            if name.startswith("case_") and pattern in label:
                case = getattr(module, name)
                config = getattr(case, "config", getattr(module, "CONFIG", CONFIG))
                setup = getattr(case, "setup", getattr(module, "setup", None))
                beds.setdefault((config, setup), []).append((label, case))
    links = make_links()
    passed = failed = 0
    for (config, setup), cases in beds.items():
        good, bad = run_bed(daemon, workers, config, setup, links, cases)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def run_bed(daemon, workers, config, setup, links, cases):
    """Starts a daemon for `cases`; how many of them passed and failed."""
    from harness import Bed, Failure

    try:
        bed = Bed(daemon, workers, config, links)
    except (Failure, OSError) as error:
        print(f"FAIL start for {cases[0][0]}: {error}")
        return 0, len(cases)
    if setup:
        setup(bed)
    failed = 0
    for name, case in cases:
        try:
            bed.drain()
            case(bed)
            print(f"ok   {name}")
        except Exception as error:  # a broken case must not hide the others
            failed += 1
            print(f"FAIL {name}: {error!r}")
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
            if bed.process.poll() is not None:
                break
    passed = len(cases) - failed
    try:
        bed.stop()
    except Exception as error:
        failed += 1
        print(f"FAIL stop after {cases[-1][0]}: {error}")
    if failed == 0:
        shutil.rmtree(bed.directory)
    else:
        print(bed.read_log()[-3000:])
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
