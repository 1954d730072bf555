#!/bin/bash
# interrupt_test.sh ROS: a build and an installation that a signal ends leave no file, no process and no
# message queue.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"

make_small_root root
mkdir bin tmp work out
mkfifo started
# Tells that it has started, by its process and session, and then takes for ever.
# shellcheck disable=SC2016  # the tool expands it
printf '#!/bin/sh\necho "$$ $FAKEROOTKEY" >%s/started\nsleep 1000\n' "$scratch" >bin/mkfs.erofs
chmod 755 bin/mkfs.erofs

# Whoever runs this may ignore signals (nohup), and a shell cannot undo that: `env` can.
for signal in TERM HUP; do
  PATH=$scratch/bin:$PATH TMPDIR=$scratch/tmp env --default-signal "$ros" image build --root root --name small \
    --version 1 --init root/sbin/init --no-boot-loader --work work -o out/small.oci 2>err &
  build=$!
  read -rt 60 tool session <started
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

# An installation to a new file, at its last step but one.
rm bin/mkfs.erofs
"$ros" keys generate out/release >/dev/null
"$ros" image build --root root --name small --version 1 --init root/sbin/init --work work \
  -o out/small.oci >/dev/null 2>&1 && "$ros" image sign --key out/release.key out/small.oci >/dev/null ||
  fail "no image to install"
# shellcheck disable=SC2016  # the tool expands it
printf '#!/bin/sh\necho $$ >%s/started\nsleep 1000\n' "$scratch" >bin/mke2fs
chmod 755 bin/mke2fs
PATH=$scratch/bin:$PATH TMPDIR=$scratch/tmp env --default-signal "$ros" install -d "$scratch/new.img" --size 3G \
  -i out/small.oci --key out/release.pub --no-reboot 2>err &
install=$!
read -rt 60 tool <started
kill -TERM $install
wait $install
code=$?
[[ $code == 143 ]] || fail "install: exit $code: $(cat err)"
grep -q 'ros: interrupted; nothing boots from the target' err || fail "install: said $(cat err)"
left=$(find tmp new.img -mindepth 0 ! -path tmp 2>/dev/null)
[[ -z $left ]] || fail "install: left behind: $left"
[[ ! -e /proc/$tool ]] || fail "install: mke2fs is still running"

# Ctrl-C is an answer to the question whether data may be lost.
truncate -s 3G data.img
printf 'holds something' | dd of=data.img conv=notrunc status=none
sum=$(sha256sum <data.img)
mkfifo typed
env --default-signal script -qefc "'$ros' install -d data.img -i out/small.oci --key out/release.pub --no-reboot" \
  /dev/null <typed >said &
asked=$!
exec 3>typed
for ((i = 0; i < 1200; ++i)); do
  ! grep -q 'Type yes to go on' said || break
  read -rt 0.05 <> <(:)
done
printf '\003' >&3
exec 3>&-
wait $asked
code=$?
[[ $code == 130 ]] || fail "asked: exit $code: $(cat said)"
grep -q 'ros: interrupted; nothing was written' said || fail "asked: said $(cat said)"
[[ $(sha256sum <data.img) == "$sum" ]] || fail "asked: the data is gone"
exit $failed
