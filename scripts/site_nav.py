# SPDX-License-Identifier: BSD-3-Clause
"""Hooks of mkdocs: in the navigation, "FOLDER/*" stands for all pages of a folder, each called by its heading;
one without pages is left out. What the build or man(1) reads is no part of the site."""
import pathlib
import re


def title_of(page):
    match = re.search(r'^# (.+)$', page.read_text(encoding='utf-8'), re.MULTILINE)
    return match.group(1) if match else page.stem


def spread(entries, docs):
    out = []
    for entry in entries:
        title, value = next(iter(entry.items()))
        if isinstance(value, list):
            value = spread(value, docs)
        elif value.endswith('/*'):
            folder = docs / value[:-2]
            value = [{title_of(page): str(page.relative_to(docs))} for page in sorted(folder.glob('*.md'))]
        if value:
            out.append({title: value})
    return out


def on_config(config):
    config['nav'] = spread(config['nav'], pathlib.Path(config['docs_dir']))
    return config


def on_files(files, config):
    for file in list(files):
        if re.search(r'(^|/)meson\.build$|\.cc$|^man/', file.src_uri):
            files.remove(file)
    return files
