#!/bin/bash
# pipe_test.sh ROS: an image from a pipe: installed as from the file, verified, and refused. Its root is more than is held
# in memory, and so is its kernel.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"

make_small_root root
head -c 60M /dev/urandom >root/large
head -c 52M /dev/urandom >>root/boot/vmlinuz-6.1.0-9
accepts image build --root root --name small --version 1 --init root/sbin/init --work . -o large.oci
accepts keys generate release
accepts keys generate stranger
accepts image sign --key release.key large.oci
sizes=(--size 2G --slot-size 128M --kernel-size 64M --seed 11111111-2222-4333-8444-555555555555 -f)
accepts install -d file.img -i large.oci --key release.pub "${sizes[@]}"
accepts install -d piped.img -i - --key release.pub "${sizes[@]}" < <(cat large.oci)
cmp <(head -c 700M file.img) <(head -c 700M piped.img) || fail "a disk installed from a pipe differs"
accepts install -d other.img -i - --key release.pub "${sizes[@]}" --plan < <(cat large.oci)
accepts image verify --key release.pub - < <(cat large.oci)
grep -q '6\.1\.0-9' out || fail "verify does not tell the kernel of what came through a pipe: $(cat out)"
accepts image inspect - < <(cat large.oci)
grep -q '6\.1\.0-9' out || fail "inspect does not tell the kernel of what comes through a pipe: $(cat out)"

# A newer image has what makes it of the older one, behind all else: an installation does not wait for that.
printf 'new\n' >root/new
accepts image build --root root --name small --version 2 --init root/sbin/init --work . --delta-from large.oci -o next.oci
accepts image sign --key release.key next.oci
last=$(tar -tRf next.oci | grep ' blobs/sha256/' | tail -n 1) # "block 1234: blobs/sha256/..."
digest=${last##*/}
accepts image inspect --json next.oci
grep -A3 '"name": "delta",' out | grep -q "$digest" || fail "the last part of an image file is not its patches"
accepts image verify --key release.pub - < <(cat next.oci)
block=${last#block }
accepts install -d next.img -i - --key release.pub "${sizes[@]}" < <(head -c "$((${block%%:*} * 512))" next.oci)
refuses 4 stranger install -d other.img -i - --key stranger.pub "${sizes[@]}" < <(cat large.oci)
refuses 4 'standard input: ' install -d other.img -i - --key release.pub "${sizes[@]}" < <(head -c 50M large.oci)
refuses 4 'it is empty' image inspect - </dev/null
refuses 2 'cannot both come from standard input' install -d other.img -i - --channel - --key release.pub "${sizes[@]}" <large.oci
[[ ! -e other.img ]] || fail "a refused installation left a file"

exit $failed
