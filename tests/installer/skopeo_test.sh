#!/bin/bash
# skopeo_test.sh ROS copy: signatures of `ros` survive a registry, where skopeo brings and fetches them.
# skopeo_test.sh ROS sign: what skopeo signs with a key of ours `ros` takes, and what `ros` signs skopeo takes
# under a policy. Debian 12's skopeo is built without that ("sigstore disabled"), so it is Debian 13's
# (scripts/fetch-newer), or the one that ROS_TEST_SKOPEO names; where that cannot be fetched, exit 77.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"
# shellcheck source=tests/installer/support/registry.sh
. "$here/support/registry.sh"
part=$2
trap 'end_registries; rm -rf "$scratch"' EXIT
skopeo=skopeo
if [[ $part == sign ]]; then
  skopeo=${ROS_TEST_SKOPEO:-$("$here/../../scripts/fetch-newer" skopeo 2>fetching)}
  [[ -n $skopeo ]] || { echo "SKIPPED: no skopeo that signs: $(tail -n 1 fetching)"; exit 77; }
fi

start_registry registry
os=127.0.0.1:$number/os

mkdir registries.d
printf 'docker:\n  127.0.0.1:%s: {use-sigstore-attachments: true}\n' "$number" >registries.d/here.yaml

# policy NAME: NAME.json takes what NAME.pub signed.
policy() {
  cat >"$1.json" <<END
{"default": [{"type": "reject"}], "transports": {"docker": {"127.0.0.1:$number": [
  {"type": "sigstoreSigned", "keyPath": "$scratch/$1.pub"}]}}}
END
}

# copy [OPTION...] FROM TO: what skopeo does without a policy.
copy() {
  "$skopeo" --registries.d registries.d --insecure-policy copy --quiet --src-tls-verify=false --dest-tls-verify=false "$@"
}

# pull NAME TAG: what skopeo does under the policy NAME.
pull() {
  rm -rf pulled
  "$skopeo" --registries.d registries.d --policy "$1.json" copy --quiet --remove-signatures --src-tls-verify=false "docker://$os:$2" dir:pulled
}

# The image and its signatures, from the registry into a layout. skopeo cannot write signatures to one, but the
# image that is the signature it can.
fetch() {
  rm -rf "$2"
  does copy --remove-signatures "docker://$os:$1" "oci:$2:1"
  digest=$("$skopeo" inspect --raw "oci:$2:1" | sha256sum | cut -d' ' -f1)
  does copy --remove-signatures "docker://$os:sha256-$digest.sig" "oci:$2:sha256-$digest.sig"
}

make_small_root root
does "$ros" image build --root root --name small --version 1 --init root/sbin/init --no-boot-loader --work . -o small.oci

if [[ $part == copy ]]; then
  does "$ros" keys generate release
  does "$ros" keys generate stranger
  does "$ros" image sign --key release.key --reference "$os:1" small.oci
  digest=$("$skopeo" inspect --raw oci-archive:small.oci:1 | sha256sum | cut -d' ' -f1)
  does copy oci-archive:small.oci:1 "docker://$os:1"
  does copy "oci-archive:small.oci:sha256-$digest.sig" "docker://$os:sha256-$digest.sig"
  fetch 1 fetched
  does "$ros" image verify --key release.pub fetched
  declines 'is not signed by a trusted key' "$ros" image verify --key stranger.pub fetched
  # The name that was asked for is what is signed.
  grep -rqF "\"docker-reference\":\"$os:1\"" fetched/blobs || fail "another reference"
  # A channel document goes the same way.
  does "$ros" channel build --name stable --serial 1 --valid-for 30d --release small.oci -o stable.channel.oci
  does "$ros" channel sign --key release.key --reference "$os:stable" stable.channel.oci
  digest=$("$skopeo" inspect --raw oci-archive:stable.channel.oci:stable | sha256sum | cut -d' ' -f1)
  does copy oci-archive:stable.channel.oci:stable "docker://$os:stable"
  does copy "oci-archive:stable.channel.oci:sha256-$digest.sig" "docker://$os:sha256-$digest.sig"
  fetch stable channel
  does "$ros" channel verify --key release.pub channel
  grep -qF 'good: channel stable, serial 1' out || fail "channel: $(cat out)"
  declines 'is not signed by a trusted key' "$ros" channel verify --key stranger.pub channel
  exit $failed
fi

printf 'a good pass phrase' >passphrase
printf 'another' >wrong
for type in ecdsa ecdsa-p384 ed25519 rsa; do
  does "$ros" keys generate --type "$type" --cosign --passphrase-file passphrase "$type"
  policy "$type"
done
does "$ros" keys generate stranger
policy stranger

# skopeo signs with a key file of ours, and `ros` verifies.
for type in ecdsa ecdsa-p384 ed25519 rsa; do
  does copy --sign-by-sigstore-private-key "$type.key" --sign-passphrase-file passphrase \
    oci-archive:small.oci:1 "docker://$os:by-skopeo-$type"
  fetch "by-skopeo-$type" fetched
  does "$ros" image verify --key "$type.pub" fetched
  grep -qF "signed    $type" out || fail "$type: $(cat out)"
done
declines 'is not signed by a trusted key' "$ros" image verify --key stranger.pub fetched
declines decrypt copy --sign-by-sigstore-private-key ecdsa.key --sign-passphrase-file wrong \
  oci-archive:small.oci:1 "docker://$os:wrong"
does pull rsa by-skopeo-rsa

# `ros` signs, each time another image, and skopeo pulls under a policy with that key alone.
for type in ecdsa ecdsa-p384 ed25519 rsa; do
  echo "$type" >root/etc-kind
  does "$ros" image build --root root --name small --version 1 --init root/sbin/init --no-boot-loader --work . -o "$type.oci"
  does "$ros" image sign --key "$type.key" --passphrase-file passphrase --reference "$os:$type" "$type.oci"
  digest=$("$skopeo" inspect --raw "oci-archive:$type.oci:1" | sha256sum | cut -d' ' -f1)
  does copy "oci-archive:$type.oci:1" "docker://$os:$type"
  does copy "oci-archive:$type.oci:sha256-$digest.sig" "docker://$os:sha256-$digest.sig"
  does pull "$type" "$type"
  declines 'Source image rejected' pull stranger "$type"
done
# The name that was signed is the name that is pulled.
does copy "oci-archive:rsa.oci:1" "docker://$os:renamed"
declines 'not accepted' pull rsa renamed
declines 'the passphrase is wrong' "$ros" image sign --key rsa.key --passphrase-file wrong small.oci

exit $failed
