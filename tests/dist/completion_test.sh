#!/bin/bash
# completion_test.sh COMPLETION MAN [ROS]: what bash offers for a number of command lines, and that
# every option is in its manual page; with the built command, also that every command and option
# offered is in its --help, and the reverse.
set -u
# shellcheck source=/dev/null
source "$1"
man=$(realpath "$2")
ros=${3:+$(realpath "$3")}
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# offer WORDS...: completes the last word; prints the offers in one line.
offer() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  _ros 2>/dev/null
  printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd" "
}

# check EXPECTED WORDS...
check() {
  local expected=$1 got
  shift
  got=$(offer "$@")
  expected=$(tr " " "\n" <<<"$expected" | sort | paste -sd" ")
  [[ $got == "$expected" ]] || fail "'$*' offers '$got', not '$expected'"
}

[[ $(complete -p ros) == 'complete -F _ros ros' ]] || fail "ros has no completion"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
touch "$scratch/web.oci" "$scratch/web.pub"
cd "$scratch" || exit 1

check 'install upgrade rollback reset status why os image channel keys health config' ros ''
check 'install image' ros i
check 'status' ros st
check '' ros zebra
check 'build sign verify inspect pull push list' ros image ''
check 'upgrade list version' ros os ''
check '--tries' ros upgrade --t
check '--tries' ros os upgrade --t
check 'web.oci web.pub' ros upgrade -i w
check 'web.pub' ros install -d /dev/sda --key web.p
check 'generic gptsyslinux grub syslinux' ros install -t ''
check 'ecdsa ecdsa-p384 ed25519 rsa' ros keys generate --type ''
check 'ok fail' ros health report web ''
check '' ros health report ''
check '--reason' ros health report web fail --r
check 'web.oci' ros image inspect web.o
check 'early late all' ros config apply --stage ''
check '/dev/null' ros install -d /dev/nul
check '--json' ros status --j
check 'ros.upgrade.channel ros.upgrade.window ros.upgrade.delay' ros config set ros
check 'hostname' ros config get ho
check '' ros config set hostname ''
check '--help --version' ros --

# The manual page of a command.
page_of() {
  case $1 in
    why | 'os list' | 'os version') echo ros-status.8 ;;
    'os upgrade') echo ros-upgrade.8 ;;
    image\ * | channel\ * | keys\ *) echo "ros-${1%% *}.1" ;;
    *) echo "ros-${1%% *}.8" ;;
  esac
}

check_manual() {
  local command=$1 option
  for option in $(_ros_options "$command"); do
    option=${option%%:*}
    grep -qF -- "${option//-/\\-}" "$man/$(page_of "$command")" ||
      fail "$(page_of "$command") does not have $option of ros $command"
  done
  for option in $(_ros_commands "$command"); do
    check_manual "${command:+$command }$option"
  done
}

for command in $(_ros_commands ''); do
  check_manual "$command"
done

# Every option that is offered is in --help, and the reverse; for the commands below it too.
compare_with_help() {
  local command=$1 option known
  # shellcheck disable=SC2086  # a command of several words
  if ! known=$("$ros" $command --help 2>&1); then
    fail "there is no ros $command"
    return
  fi
  known=$(grep -oE '(^|[ ,])--?[a-z][a-z-]*' <<<"$known" | tr -d ' ,' | sort -u)
  for option in $(_ros_options "$command"); do
    grep -qx -- "${option%%:*}" <<<"$known" || fail "ros $command knows no ${option%%:*}"
  done
  for option in $known; do
    case $option in -h | --help | --help-all) continue ;; esac
    grep -qE -- "(^|[[:space:]])$option(:|[[:space:]]|\$)" <<<"$(_ros_options "$command")" ||
      fail "ros $command $option is not completed"
  done
  for option in $(_ros_commands "$command"); do
    compare_with_help "${command:+$command }$option"
  done
}

# Every key that is offered is known: one that is not is refused by its name, whatever its value.
check_keys() {
  local key
  for key in $(offer ros config set ''); do
    "$ros" config set "$key" '{}' --state "$scratch" 2>&1 | grep -q 'unknown key' && fail "ros config knows no $key"
  done
  "$ros" config set nonsense '{}' --state "$scratch" 2>&1 | grep -q 'unknown key' || fail "ros config set takes any key"
}

if [[ -n $ros ]]; then
  compare_with_help ''
  check_keys
fi
exit $failed
