#!/bin/bash
# cosign_test.sh ROS: what cosign signs `ros` takes, and what `ros` signs cosign takes, in a registry, with keys that
# either of them has made. Debian 12 has no cosign, so it is Debian 13's (scripts/fetch-newer), or the one that
# ROS_TEST_COSIGN names; where that cannot be fetched, exit 77.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"
# shellcheck source=tests/installer/support/registry.sh
. "$here/support/registry.sh"
trap 'end_registries; rm -rf "$scratch"' EXIT
cosign=${ROS_TEST_COSIGN:-$("$here/../../scripts/fetch-newer" cosign 2>fetching)}
[[ -n $cosign ]] || { echo "SKIPPED: no cosign: $(tail -n 1 fetching)"; exit 77; }
# What cosign asks the environment for, and nothing of this machine's own.
export COSIGN_PASSWORD='a good pass phrase' HOME=$scratch
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
printf '%s' "$COSIGN_PASSWORD" >passphrase

start_registry registry
os=127.0.0.1:$number/os
make_small_root root

# push NAME: another image each time, in the registry under this tag; $digest is its digest.
push() {
  echo "$1" >root/etc-kind
  does "$ros" image build --root root --name small --version 1 --init root/sbin/init --no-boot-loader --work . -o "$1.oci"
  does "$ros" image push --plain-http "$1.oci" "$os:$1"
  digest=$(sed -n 's/.*\(sha256:[0-9a-f]\{64\}\).*/\1/p' out | head -n 1)
}

# Nothing goes to a log of the world's: this is a test, and has no network.
cosign_signs() {
  does "$cosign" sign --key "$1" --tlog-upload=false --allow-http-registry --yes "$os@$digest"
}

cosign_takes() {
  "$cosign" verify --key "$1" --insecure-ignore-tlog --allow-http-registry "$os:$2"
}

does "$ros" keys generate stranger
for type in ecdsa ecdsa-p384 ed25519 rsa; do
  does "$ros" keys generate --type "$type" --cosign --passphrase-file passphrase "$type"

  push "by-cosign-$type"
  declines 'is not signed' "$ros" image verify --plain-http --key "$type.pub" "$os:by-cosign-$type"
  cosign_signs "$type.key"
  does "$ros" image verify --plain-http --key "$type.pub" "$os:by-cosign-$type"
  grep -qF "signed    $type" out || fail "$type: $(cat out)"
  declines 'is not signed by a trusted key' "$ros" image verify --plain-http --key stranger.pub "$os:by-cosign-$type"

  push "by-ros-$type"
  declines 'no signatures found' cosign_takes "$type.pub" "by-ros-$type"
  does "$ros" image sign --key "$type.key" --passphrase-file passphrase --reference "$os:by-ros-$type" "by-ros-$type.oci"
  does "$ros" image push --plain-http "by-ros-$type.oci" "$os:by-ros-$type"
  does cosign_takes "$type.pub" "by-ros-$type"
  declines 'no matching signatures' cosign_takes stranger.pub "by-ros-$type"
done

# A key that cosign has made.
does "$cosign" generate-key-pair
push both
does "$ros" image sign --key cosign.key --passphrase-file passphrase both.oci
does "$ros" image push --plain-http both.oci "$os:both"
does cosign_takes cosign.pub both
# Its signature beside that of `ros`: each finds its own.
cosign_signs ecdsa.key
for key in cosign ecdsa; do
  does "$ros" image verify --plain-http --key $key.pub "$os:both"
  does cosign_takes $key.pub both
done

exit "$failed"
