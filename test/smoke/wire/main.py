#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs every case_* function of cases_*.py against a real isthmusd. Usage: main.py ISTHMUSD [WORKERS]
[PATTERN]. Exit 77 (skipped) when not root."""

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
    from harness import Bed

    daemon = os.path.abspath(sys.argv[1])
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    pattern = sys.argv[3] if len(sys.argv) > 3 else ""
    cases = []
    for file in sorted(HERE.glob("cases_*.py")):
        module = importlib.import_module(file.stem)
        cases += [(f"{file.stem[6:]}.{name[5:]}", getattr(module, name)) for name in vars(module)
                  if name.startswith("case_") and pattern in name]
    bed = Bed(daemon, workers)
    failed = 0
    for name, case in cases:
        try:
            bed.drain()
            case(bed)
            print(f"ok   {name}")
        except Exception as error:  # a broken case must not hide the others
            failed += 1
            print(f"FAIL {name}: {error}")
            if not str(error):
                traceback.print_exc()
            if bed.process.poll() is not None:
                break
    try:
        bed.stop()
    except Exception as error:
        failed += 1
        print(f"FAIL stop: {error}")
    if failed == 0:
        shutil.rmtree(bed.directory)
    else:
        print(bed.read_log()[-3000:])
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
