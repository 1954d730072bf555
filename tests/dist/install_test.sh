#!/bin/bash
# install_test.sh CMAKE BUILD SOURCE: installs into an empty directory, as a packager does, and
# looks whether everything is in its place. Programs that are not built yet are left out.
set -u
cmake=$1 build=$2 source=$3
failed=0
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

fail() {
  echo "FAILED: $*"
  failed=1
}

# Only what is built: a test must not start a build.
if ! out=$(DESTDIR=$stage "$cmake" --install "$build" --prefix /usr 2>&1); then
  echo "$out"
  exit 1
fi

expect() {
  [[ -e $stage/usr/$1 || -L $stage/usr/$1 ]] || fail "/usr/$1 is not installed"
}

expect_executable() {
  [[ -x $stage/usr/$1 ]] || fail "/usr/$1 is not installed as a program"
}

if [[ -e $build/installer/ros ]]; then
  expect_executable bin/ros
fi
if [[ -e $build/init/ros-init ]]; then
  expect_executable libexec/ros/ros-init
  expect_executable libexec/ros/ros-init-verify
fi
expect_executable lib/ros/health.d/required.d/default-target
expect share/bash-completion/completions/ros
for page in "$source"/man/*.[1-8]; do
  name=${page##*/}
  expect "share/man/man${name##*.}/$name"
done
for document in LICENSE README.md CHANGELOG.md docs/user-guide.md; do
  expect "share/doc/ros/$document"
done
expect_executable share/doc/ros/examples/busybox/ros
expect_executable share/doc/ros/examples/kubernetes/node-upgrade
expect share/doc/ros/examples/kubernetes/plan.yaml

units=lib/systemd/system
for wanted in sysinit.target/ros-config sysinit.target/ros-health-gate \
  multi-user.target/ros-config-late; do
  unit=${wanted#*/}.service
  expect "$units/$unit"
  link=$stage/usr/$units/${wanted%/*}.wants/$unit
  [[ -L $link && -e $link ]] || fail "$unit is not wanted by ${wanted%/*}"
  grep -q '^ExecStart=ros ' "$stage/usr/$units/$unit" || fail "$unit starts no ros"
done
timer=$stage/usr/$units/timers.target.wants/ros-upgrade.timer
[[ -L $timer && -e $timer ]] || fail "ros-upgrade.timer is not wanted by timers.target"
grep -q '^ExecStart=ros upgrade --unattended$' "$stage/usr/$units/ros-upgrade.service" ||
  fail "ros-upgrade.service does not upgrade"
# Units that systemd does not understand do nothing, silently.
if command -v systemd-analyze >/dev/null; then
  mkdir "$stage/path" && ln -s "$(command -v true)" "$stage/path/ros"
  for unit in ros-upgrade.timer ros-upgrade.service; do
    said=$(PATH=$stage/path:$PATH systemd-analyze verify --man=no "$stage/usr/$units/$unit" 2>&1 |
      grep -F "$unit" | grep -vE 'ros is not executable|ros. not found|Command ros')
    [[ -z $said ]] || fail "systemd says: $said"
  done
fi
exit $failed
