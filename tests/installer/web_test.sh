#!/bin/bash
# web_test.sh ROS: images from a static web server: verified, installed as from the file, and refused.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"
servers=()
trap '[[ ${#servers[@]} -eq 0 ]] || kill "${servers[@]}" 2>/dev/null; rm -rf "$scratch"' EXIT
export HOME=$scratch REGISTRY_AUTH_FILE=$scratch/auth.json
unset https_proxy http_proxy HTTPS_PROXY
echo '{}' >auth.json

# start_server [OPTION]: web_server.pl; $web is its address, web_server.said what it was asked.
start_server() {
  rm -f web_server.port
  mkfifo web_server.port
  "$here/support/web_server.pl" "$@" >web_server.port &
  servers+=($!)
  exec {web_fd}<web_server.port
  read -rt 60 web <&"$web_fd" || { echo "FAILED: no web server"; exit 1; }
  web=http://127.0.0.1:$web
  cat <&"$web_fd" >web_server.said &
}

make_small_root root
accepts image build --root root --name small --version 2 --init root/sbin/init --work . -o os.oci
accepts keys generate release
accepts keys generate stranger
cp os.oci unsigned.oci
accepts image sign --key release.key os.oci

start_server
accepts image verify --plain-http --key release.pub "$web/os.oci"
shows 'signed    release'
accepts image inspect --plain-http --json "$web/os.oci"
shows '"version": "2"'
asked=$(grep -c '^os.oci ' web_server.said)
[[ $asked -lt 40 ]] || fail "$asked requests for an image verified and inspected"

# Installed from there, in a stream, and from a file: the same disk.
seed=11111111-2222-4333-8444-555555555555
sizes=(--size 2G --slot-size 128M --seed "$seed" -f)
accepts install -d file.img -i os.oci --key release.pub "${sizes[@]}"
accepts install -d web.img -i "$web/os.oci" --plain-http --key release.pub "${sizes[@]}"
cmp <(head -c 700M file.img) <(head -c 700M web.img) || fail "a disk installed from a web server differs"
accepts install -d other.img -i "$web/os.oci" --plain-http --key release.pub "${sizes[@]}" --plan
refuses 4 'stranger' install -d other.img -i "$web/os.oci" --plain-http --key stranger.pub "${sizes[@]}"
refuses 4 'is not signed' install -d other.img -i "$web/unsigned.oci" --plain-http --key release.pub "${sizes[@]}"

# A channel document goes the same way, and is not looked for beside the image.
accepts channel build --name stable --serial 1 --valid-for 30d --release os.oci -o stable.channel.oci
accepts channel sign --key release.key stable.channel.oci
accepts install -d other.img -i "$web/os.oci" --channel "$web/stable.channel.oci" --plain-http --key release.pub "${sizes[@]}" --plan
grep -q '^stable.channel.oci ' web_server.said || fail "the channel document was not asked for"

# With a password.
mkdir closed && cp os.oci closed/os.oci
refuses 6 'this machine has no credentials for it' image inspect --plain-http "$web/closed/os.oci"
printf '{"auths": {"%s": {"auth": "%s"}}}' "${web#http://}" "$(printf 'me:geheim' | base64)" >auth.json
accepts image inspect --plain-http "$web/closed/os.oci"

# What is wrong.
refuses 2 'is not encrypted; --plain-http allows that' image inspect "$web/os.oci"
refuses 6 'the server has no such file' image inspect --plain-http "$web/none.oci"
refuses 2 'is no address of a file' image inspect "https://example.com"
head -c 300000 os.oci >cut.oci
refuses 4 'it was cut short' image inspect --plain-http "$web/cut.oci"
# A frame that is not what was signed ends it, and leaves no disk.
cp os.oci damaged.oci
printf XXXX | dd of=damaged.oci bs=1 seek=$(($(stat -c %s damaged.oci) - 20000)) conv=notrunc status=none
refuses 4 'digest' install -d other.img -i "$web/damaged.oci" --plain-http --key release.pub "${sizes[@]}"
[[ ! -e other.img ]] || fail "a failed installation left a file"
start_server --no-ranges
refuses 6 'the server knows no ranges' install -d other.img -i "$web/os.oci" --plain-http --key release.pub "${sizes[@]}"

exit $failed
