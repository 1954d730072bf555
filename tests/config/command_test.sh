#!/bin/bash
# command_test.sh ROS: `ros config` as a user meets it, on a state directory of its own.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
mkdir state

# check EXIT OUTPUT COMMAND...: exit code and stdout of `ros config COMMAND...`; the complaint is
# left in the file err.
check() {
  local exit_code=$1 output=$2 got
  shift 2
  got=$("$ros" config "$@" 2>err)
  local code=$?
  [[ $code == "$exit_code" ]] || fail "config $*: exit $code: $(cat err)"
  [[ $got == "$output" ]] || fail "config $*: printed '$got'"
}

# complained TEXT: the last command said so.
complained() {
  grep -qF -- "$1" err || fail "no '$1' in: $(cat err)"
}

check 1 '' get hostname --state state
complained 'ros: key "hostname" is not set'
check 0 '' set hostname web1 --state state
check 0 'web1' get hostname --state state
check 2 '' set hostname '[a' --state state
complained 'ros: value of hostname:1:1: not valid YAML'
check 0 'web1' get hostname --state state

check 2 '' set hostnme web2 --state state
complained 'unknown key "hostnme" (did you mean "hostname"?)'
check 0 'web1' get hostname --state state
# Without the right to look, a key is not "not set". Root is allowed to look at everything.
if [[ $(id -u) == 0 ]] && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$ros"; then
  chmod 755 .
  root_ros=$ros
  printf '#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups %q "$@"\n' "$ros" >nobody
  chmod 755 nobody
  ros=./nobody
  check 1 '' get hostname --state state
  complained 'Permission denied'
  ros=$root_ros
fi

printf '#cloud-config\nruncmds: []\nros: {upgrade: {channel: r.example/os:beta}}\n' >more.yml
check 0 '' validate more.yml
complained 'more.yml:2: unknown key "runcmds" (did you mean "runcmd"?), ignoring'
check 0 '' merge --state state <more.yml
complained 'standard input:2: unknown key'
check 0 'r.example/os:beta' get ros.upgrade.channel --state state
check 0 $'#cloud-config\nhostname: web1\nruncmds:\n  []\nros:\n  upgrade:\n    channel: r.example/os:beta' \
  export --state state
check 0 '' export --state state -o whole.yml
check 0 '' validate -i whole.yml

printf 'a: b: c\n' >broken.yml
check 2 '' validate broken.yml
complained 'ros: broken.yml:1:5: not valid YAML'
check 2 '' merge broken.yml --state state
check 1 '' validate missing.yml

check 0 'hostname (each boot): web1' apply --plan --state state
check 3 '' get hostname --state nowhere
complained 'there is no state directory nowhere'
exit $failed
