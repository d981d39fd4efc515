# SPDX-License-Identifier: BSD-3-Clause
"""What the check scripts share: the files of the tree, and one way to report."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A corpus and generated pages are data; editors and build directories are not ours.
SKIPPED_DIRECTORIES = re.compile(r'^(\.git|\.cache|\.vscode|build.*|corpus|subprojects|__pycache__)$')
SKIPPED = 77  # what meson takes for "skipped"


def files(*suffixes):
    """Paths of the tree relative to its root, sorted; all files when no suffix is given."""
    found = []
    for folder, directories, names in os.walk(ROOT):
        directories[:] = sorted(d for d in directories if not SKIPPED_DIRECTORIES.match(d))
        for name in sorted(names):
            if not suffixes or name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, name), ROOT))
    return found


def cpp_files():
    return files('.h', '.cc')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def strip_code(text):
    """C++ text with comments, literals and preprocessor lines blanked; line numbers stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
        re.DOTALL)

    def blank(match):
        kept = '""' if match.group(0).startswith(('"', 'R')) else ' '
        return kept + '\n' * match.group(0).count('\n')

    text = pattern.sub(blank, text)
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*',
                  lambda match: '\n' * match.group(0).count('\n'), text, flags=re.MULTILINE)


def finish(errors, checked, warnings=()):
    """Prints what was found and exits: 1 with errors, else 0."""
    for warning in warnings:
        print(f'warning: {warning}')
    for error in errors:
        print(error)
    print(f'{checked}: {len(errors)} error(s)' if errors else f'{checked}: fine')
    sys.exit(1 if errors else 0)
