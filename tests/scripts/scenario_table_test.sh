#!/bin/bash
# What scripts/run-tests prints of a ctest run that passed and of one that did not; ctest is a fake.
#
#   scenario_table_test.sh SCRIPTS
set -uo pipefail

scripts=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT WANTED FOUND
expect() {
  [ "$2" = "$3" ] && return
  printf '%s:\n--- wanted\n%s\n--- found\n%s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

# A ctest of six cells and two other tests: says $work/said, writes $work/results, ends with $work/exit.
mkdir -p "$work/bin" "$work/build/qemu/logs/bad.uefi-grub"
cat >"$work/bin/ctest" <<'FAKE'
#!/bin/bash
work=$(dirname "$0")/..
if [[ " $* " == *" -N "* ]]; then
  printf '  Test  #%d: %s\n' 1 base_test 2 qemu-images-tiny 3 qemu.good.bios-grub 4 qemu.good.uefi-grub \
    5 qemu.bad.bios-grub 6 qemu.bad.uefi-grub 7 qemu.late.uefi-grub 8 qemu.unseen.bios-grub
  exit 0
fi
while [ $# -gt 0 ]; do
  [ "$1" != --output-junit ] || cp "$work/results" "$2"
  shift
done
cat "$work/said"
exit "$(cat "$work/exit")"
FAKE
chmod +x "$work/bin/ctest"
touch "$work/build/qemu/logs/bad.uefi-grub/"{bad-1.log,bad-1.shell.log,bad-1.log.qemu,bad-2.log}

testcase() {
  printf '\t<testcase name="%s" classname="%s" time="%s" status="%s">\n' "$1" "$1" "$2" "$3"
  printf '\t\t<system-out>&lt;testcase name=&quot;qemu.fake.bios-grub&quot;\n100%% tests passed\n</system-out>\n\t</testcase>\n'
}

run() { PATH=$work/bin:$PATH "$scripts/run-tests" "$work/build" -L qemu 2>&1; }

{
  printf '<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="all"\n\ttests="6"\n\t>\n'
  testcase base_test 0.1 run
  testcase qemu-images-tiny 15.2 run
  testcase qemu.good.bios-grub 44.6 run
  testcase qemu.bad.bios-grub 0 notrun
  testcase qemu.bad.uefi-grub 1800.2 fail
  testcase qemu.late.uefi-grub 7.4 run
  printf '</testsuite>\n'
} >"$work/results"
printf 'Start 1: base_test\n\n83%% tests passed, 1 tests failed out of 6\n\nTotal Test time (real) = 9.81 sec\n' >"$work/said"
echo 8 >"$work/exit"

found=$(run)
expect "exit status" 8 $?
expect "a run that failed" "Start 1: base_test

scenario  bios-grub      uefi-grub
good      pass    45 s   .
bad       not run        FAIL  1800 s
late      -              pass     7 s
2 passed, 1 failed, 1 not run, 2 left out (.); 1852 s of machines
failed: qemu.bad.uefi-grub; serial logs:
  $work/build/qemu/logs/bad.uefi-grub/bad-1.log
  $work/build/qemu/logs/bad.uefi-grub/bad-2.log

83% tests passed, 1 tests failed out of 6

Total Test time (real) = 9.81 sec" "$found"

{
  printf '<testsuite name="all"\n\t>\n'
  testcase base_test 0.1 run
  printf '</testsuite>\n'
} >"$work/results"
printf 'Start 1: base_test\n\n100%% tests passed, 0 tests failed out of 1\n\nTotal Test time (real) = 0.10 sec\n' >"$work/said"
echo 0 >"$work/exit"
found=$(run)
expect "exit status of a run that passed" 0 $?
expect "a run without scenarios has no table" "Start 1: base_test

100% tests passed, 0 tests failed out of 1

Total Test time (real) = 0.10 sec" "$found"

[ "$failures" -eq 0 ] || exit 1
echo "the table is as it should be"
