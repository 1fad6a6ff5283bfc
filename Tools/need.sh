#!/bin/sh
# Installs the Debian packages named, if any of them is missing. Says what it is going to install; does nothing otherwise.
set -eu

missing=""
for package in "$@"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Steward needs these Debian packages, or their like on this system:$missing" >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Install these as root first: apt-get install$missing" >&2; exit 1; }
  as_root=sudo
fi

echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
install() {
  # The list of packages is to be split into words.
  # shellcheck disable=SC2086
  $as_root apt-get install --yes --no-install-recommends -qq $missing >/dev/null
}
install 2>/dev/null || { $as_root apt-get update -qq && install; }
