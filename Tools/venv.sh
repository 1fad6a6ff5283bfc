#!/bin/sh
# Makes .build/venv with what the browser tests need from PyPI. Nothing is installed into the system.
set -eu
cd "$(dirname "$0")/.."
wanted=Tests/browser/requirements.txt
stamp=.build/venv/requirements.txt
if cmp -s "$wanted" "$stamp"; then exit 0; fi

mkdir -p .build
python3 -m venv .build/venv
.build/venv/bin/pip install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$stamp"
