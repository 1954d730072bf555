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
# shellcheck disable=SC2034  # as above
failed=0

fail() {
  echo "FAILED: $*"
  # shellcheck disable=SC2034  # as above
  failed=1
}

# accepts COMMAND...: `ros COMMAND...` succeeds; what it printed is in the file out, what it said in err.
accepts() {
  "$ros" "$@" >out 2>err || fail "ros $*: exit $?: $(cat err)"
}

# refuses CODE TEXT COMMAND...: `ros COMMAND...` ends with the code, and says so.
refuses() {
  local code=$1 text=$2 got=0
  shift 2
  "$ros" "$@" >out 2>err || got=$?
  [[ $got == "$code" ]] || fail "ros $*: exit $got and not $code: $(cat err)"
  grep -qF -- "$text" err || fail "ros $*: no '$text' in: $(cat err)"
}

# shows TEXT: the last command has printed it.
shows() {
  grep -qF -- "$1" out || fail "no '$1' in: $(cat out)"
}

# does COMMAND...: a program of others, or `ros`, succeeds.
does() {
  "$@" >out 2>err || fail "$*: exit $?: $(cat err)"
}

# declines TEXT COMMAND...: it fails, and says so.
declines() {
  local text=$1
  shift
  if "$@" >out 2>err; then
    fail "$* succeeds"
  fi
  grep -qF -- "$text" err || fail "$*: no '$text' in: $(cat err)"
}
