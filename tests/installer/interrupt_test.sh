#!/bin/bash
# interrupt_test.sh ROS: a build that a signal ends leaves no file, no process and no message queue.
set -u
ros=$(realpath "$1")
# shellcheck source=tests/installer/support/small_root.sh
. "$(dirname "$(realpath "$0")")/support/small_root.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

make_small_root root
mkdir bin tmp work out
mkfifo started
# Tells that it has started, by its process and session, and then takes for ever.
# shellcheck disable=SC2016  # the tool expands it
printf '#!/bin/sh\necho "$$ $FAKEROOTKEY" >%s/started\nsleep 1000\n' "$scratch" >bin/mkfs.erofs
chmod 755 bin/mkfs.erofs

for signal in TERM HUP; do
  PATH=$scratch/bin:$PATH TMPDIR=$scratch/tmp "$ros" image build --root root --name small \
    --version 1 --init root/sbin/init --no-boot-loader --work work -o out/small.oci 2>err &
  build=$!
  read -r tool session <started
  kill -"$signal" $build
  wait $build
  code=$?
  [[ $code == $((128 + $(kill -l $signal))) ]] || fail "$signal: exit $code: $(cat err)"
  grep -q 'ros: interrupted; nothing was written' err || fail "$signal: said $(cat err)"
  left=$(find work tmp out -mindepth 1)
  [[ -z $left ]] || fail "$signal: left behind: $left"
  [[ ! -e /proc/$tool ]] || fail "$signal: mkfs.erofs is still running"
  # fakeroot's daemon was told to end and does so in its own time.
  for ((i = 0; i < 100; ++i)); do
    queues=$(awk -v key="$session" '$1 == key' /proc/sysvipc/msg)
    [[ -n $queues ]] || break
    read -rt 0.05 <> <(:)
  done
  [[ -z $queues ]] || fail "$signal: the message queue of fakeroot is left: $queues"
done
exit $failed
