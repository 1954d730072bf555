#!/bin/sh
# Runs a test program as an ordinary user in a fakeroot session, which is how such a user builds
# images. Root steps down to nobody first, with a copy of the program: the build directory of root is
# often closed to others. Where nobody can run it anywhere, the test is skipped, as it would prove
# nothing as root: exit 77 (SKIP_RETURN_CODE), and a line that says why.
export ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:$ASAN_OPTIONS"
if [ "$(id -u)" != 0 ]; then
  exec fakeroot -- "$@"
fi

nobody=65534
program=$1
shift

as_nobody() {
  setpriv --reuid $nobody --regid $nobody --clear-groups "$@"
}

# Sets `directory`, which is nobody's own and in which he can run the program.
make_directory() {
  for base in "${TMPDIR:-/tmp}" /tmp /var/tmp /dev/shm; do
    directory=$(mktemp -d "$base/ros-nobody.XXXXXX" 2>/dev/null) || continue
    cp "$program" "$directory/test" && chown -R $nobody:$nobody "$directory" &&
      as_nobody test -x "$directory/test" && return
    rm -rf "$directory"
  done 2>/dev/null
  directory=
  return 1
}

trap 'rm -rf "$directory"' EXIT
if ! make_directory; then
  echo "skipped: this is root, and there is no place where user nobody may run $program"
  exit 77
fi
cd "$directory" || exit 1
# Any number of failed checks is 1: 77 of them are not a test that was skipped.
as_nobody env TMPDIR="$directory" fakeroot -- "$directory/test" "$@" || exit 1
