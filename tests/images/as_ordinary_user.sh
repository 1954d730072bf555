#!/bin/sh
# Runs a test program as an ordinary user in a fakeroot session, which is how such a user builds
# images. Root steps down to nobody first, where nobody may run the program.
export ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:$ASAN_OPTIONS"
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$1"; then
  exec setpriv --reuid 65534 --regid 65534 --clear-groups fakeroot -- "$@"
fi
exec fakeroot -- "$@"
