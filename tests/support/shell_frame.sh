# shellcheck shell=bash
# For tests that are shell scripts: $ros is the program in $1, $here the script's folder, the working
# directory one of its own that goes away, and `exit "$failed"` tells whether `fail` was called.
set -u
# shellcheck disable=SC2034  # for the script that reads this
here=$(dirname "$(realpath "$0")")
ros=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}
