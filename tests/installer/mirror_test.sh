#!/bin/bash
# mirror_test.sh ROS: images are read from the mirrors that registries.yml names, with Debian's docker-registry as
# registry, as mirror and as pull-through cache.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"
# shellcheck source=tests/installer/support/registry.sh
. "$here/support/registry.sh"
trap 'end_registries; rm -rf "$scratch"' EXIT
export HOME=$scratch REGISTRY_AUTH_FILE=$scratch/auth.json ROS_REGISTRIES_FILE=$scratch/registries.yml
unset https_proxy http_proxy HTTPS_PROXY
echo '{}' >auth.json

# mirrors REGISTRY URL...: are its mirrors from now on.
mirrors() {
  local registry=$1
  shift
  printf 'mirrors:\n  %s:\n    endpoint:\n' "$registry" >registries.yml
  printf '      - "%s"\n' "$@" >>registries.yml
}

make_small_root root
# Its layer is longer than what is kept in memory until it has been compared.
head -c 6M /dev/urandom >root/large
accepts image build --root root --name small --version 1 --init root/sbin/init --work . -o small.oci
accepts keys generate release
accepts image sign --key release.key small.oci

start_registry mirror
mirror=127.0.0.1:$number
start_registry upstream
upstream=127.0.0.1:$number
os=$upstream/team/os
accepts image push --plain-http small.oci "$os:1"

# A cache fetches what it has not, and keeps it.
start_registry cache '' "proxy: {remoteurl: \"http://$upstream\"}"
cache=127.0.0.1:$number
mirrors "$upstream" http://127.0.0.1:1 "http://$cache"
accepts image pull --plain-http "$os:1" -o cached.oci
grep -q 'ros: warning: a mirror was passed over: .* 127.0.0.1:1: ' err || fail "no warning: $(cat err)"
accepts image verify --key release.pub cached.oci
[[ -d cache/docker/registry/v2/repositories/team/os ]] || fail "the cache was not asked"
# A push goes by it, and a list of tags is the registry's own.
accepts image push --plain-http --json small.oci "$os:pushed"
[[ -d upstream/docker/registry/v2/repositories/team/os/_manifests/tags/pushed ]] || fail "the push went elsewhere"
accepts image list --plain-http "$os"
grep -qx pushed out || fail "tags: $(cat out)"

# What lies in the mirror alone, below a path, is found by the name of a registry that is down: port 1.
accepts image push --plain-http small.oci "$mirror/proxy/team/os:2"
mirrors 127.0.0.1:1 "http://$mirror/v2/proxy"
accepts image pull --plain-http 127.0.0.1:1/team/os:2 -o mirrored.oci
accepts image verify --key release.pub mirrored.oci
accepts image verify --plain-http --key release.pub 127.0.0.1:1/team/os:2
seed=11111111-2222-4333-8444-555555555555
sizes=(--size 2G --slot-size 128M --seed "$seed" -f)
accepts install -d mirrored.img -i 127.0.0.1:1/team/os:2 --plain-http --key release.pub "${sizes[@]}"
refuses 6 "$mirror/proxy/team/os does not have it; 127.0.0.1:1: the manifest 9" \
  image pull --plain-http 127.0.0.1:1/team/os:9 -o none.oci

# A mirror whose copy is damaged costs nothing but time: its kernel, its root.
accepts image push --plain-http small.oci "$mirror/team/os:1"
mirrors "$upstream" "http://$mirror"
# file_of LAYER: where the mirror has it.
file_of() {
  local digest
  digest=$(skopeo inspect --tls-verify=false --raw "docker://$os:1" |
    sed 's/[{}]/\n/g' | sed -n "s/.*ros\.os\.$1\".*\"sha256:\([0-9a-f]*\)\".*/\1/p")
  echo "mirror/docker/registry/v2/blobs/sha256/${digest:0:2}/$digest/data"
}
damage() { printf 'XXXX' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc status=none; }
check_installs() {
  accepts install -d damaged.img -i "$os:1" --plain-http --key release.pub "${sizes[@]}"
  cmp <(head -c 700M mirrored.img) <(head -c 700M damaged.img) ||
    fail "a disk installed past a mirror with a damaged $1 differs"
  grep -q "a mirror was passed over: $mirror.*which came out damaged" err || fail "no warning: $(cat err)"
}
kernel=$(file_of kernel.v1)
cp "$kernel" kernel
damage "$kernel"
check_installs kernel
cp kernel "$kernel"
damage "$(file_of root.v1+zstd)"
check_installs root
accepts image pull --plain-http "$os:1" -o past.oci
grep -qF 'it is fetched anew' err || fail "no warning: $(cat err)"
accepts image verify --key release.pub past.oci

# A mirror whose tags lead to what is refused does not keep the registry's own from being taken.
accepts keys generate stranger
for signer in release stranger; do
  accepts image build --root root --name small --version "3-$signer" --init root/sbin/init --work . -o "$signer.oci"
  accepts image sign --key "$signer.key" "$signer.oci"
  accepts channel build --name stable --serial 1 --valid-for 30d --release "$signer.oci" -o "$signer.channel.oci"
  accepts channel sign --key "$signer.key" "$signer.channel.oci"
done
accepts image push --plain-http stranger.oci "$mirror/team/os:3"
accepts image push --plain-http stranger.channel.oci "$mirror/team/os:stable.channel"
rm registries.yml
accepts image push --plain-http release.oci "$os:3"
accepts image push --plain-http release.channel.oci "$os:stable.channel"
mirrors "$upstream" "http://$mirror"
accepts image verify --plain-http --key release.pub "$os:3"
shows 3-release
grep -qF "what a mirror has is refused, and the registry's own was taken: " err || fail "no warning: $(cat err)"

# The document of a channel is the registry's own, so that a halt reaches who has a mirror from before it; a mirror's
# where the registry is not reached, with a warning.
accepts channel build --from release.channel.oci --valid-for 30d --halt -o halt.channel.oci
accepts channel sign --key release.key halt.channel.oci
accepts image push --plain-http halt.channel.oci "$os:stable.channel"
mv registries.yml mirrored.yml
accepts image push --plain-http --force release.channel.oci "$mirror/team/os:stable.channel"
mv mirrored.yml registries.yml
refuses 4 'halted' channel verify --plain-http --key release.pub "$os:stable.channel"
grep -q warning err && fail "a warning: $(cat err)"
mirrors 127.0.0.1:1 "http://$mirror"
accepts channel verify --plain-http --key release.pub 127.0.0.1:1/team/os:stable.channel
grep -qF "stable.channel is what $mirror/team/os knows of it, since 127.0.0.1:1/team/os does not tell" err ||
  fail "no warning: $(cat err)"
mirrors 127.0.0.1:1 "http://$mirror"
refuses 4 'which is not trusted' image verify --plain-http --key release.pub 127.0.0.1:1/team/os:3

# A file that is wrong is told with its place, and only where a registry is read.
echo 'mirrors: {registry.example: {endpoint: [mirror.example]}}' >registries.yml
refuses 2 'registries.yml:1:41: "mirror.example" is no endpoint' image pull --plain-http "$os:1" -o none.oci
accepts image verify --key release.pub past.oci
accepts image push --plain-http small.oci "$os:1"

exit $failed
