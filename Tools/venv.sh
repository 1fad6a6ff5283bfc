#!/bin/sh
# Makes .build/venv with what the tests need from PyPI. Nothing is installed into the system.
#
#   Tools/venv.sh              everything
#   Tools/venv.sh SUITE        what Tests/SUITE/requirements.txt names
set -eu
cd "$(dirname "$0")/.."
mkdir -p .build
test -x .build/venv/bin/pip || python3 -m venv .build/venv
for suite in "${1:-browser}" "${1:-e2e}"; do
  wanted=Tests/$suite/requirements.txt
  stamp=.build/venv/$suite-requirements.txt
  if cmp -s "$wanted" "$stamp"; then continue; fi
  .build/venv/bin/pip install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$stamp"
done
