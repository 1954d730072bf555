#!/bin/bash
# token_test.sh ROS: keys on a PKCS#11 token, with SoftHSM as the token.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"

# No PIN is ever shown.
no_pin() {
  ! grep -qE 'pin-of-user|pin-of-owner' out err || fail "$*: shows the PIN: $(cat out err)"
}

accepts() {
  setsid --wait "$ros" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
  no_pin "$@"
}

# refuses TEXT COMMAND...: as a mistake of the user, and says so.
refuses() {
  local text=$1
  shift
  setsid --wait "$ros" "$@" >out 2>err </dev/null
  local code=$?
  [[ $code == 2 ]] || fail "$*: exit $code: $(cat err)"
  grep -qF -- "$text" err || fail "$*: no '$text' in: $(cat err)"
  no_pin "$@"
}

module=/usr/lib/softhsm/libsofthsm2.so
export SOFTHSM2_CONF=$scratch/softhsm2.conf
mkdir tokens
echo "directories.tokendir = $scratch/tokens" >softhsm2.conf
softhsm2-util --init-token --free --label ros --pin pin-of-user --so-pin pin-of-owner >/dev/null || fail "no token"
for key in release:EC:prime256v1 wide:EC:secp384r1 rsa:rsa:3072 short:rsa:2048; do
  pkcs11-tool --module $module --login --pin pin-of-user --keypairgen --key-type "${key#*:}" --label "${key%%:*}" \
    >/dev/null 2>err || fail "no key $key: $(cat err)"
done
printf 'pin-of-user\n' >pin
printf 'pin-of-owner\n' >wrong

# key NAME: how it is named.
key() {
  echo "pkcs11:token=ros;object=$1?module-path=$module"
}

make_small_root root
accepts image build --root root --name small --version 1 --init root/sbin/init --no-boot-loader --work . -o small.oci

for name in release wide rsa; do
  accepts keys show --pem "$(key $name)"
  cp out $name.pub
  # The token itself says the same (but for P-384, which OpenSC 0.23 cannot read).
  if [[ $name != wide ]]; then
    pkcs11-tool --module $module --read-object --type pubkey --label $name -o $name.der >/dev/null 2>&1
    openssl pkey -pubin -in $name.pub -outform der | cmp - $name.der || fail "$name: another public key"
  fi
  cp small.oci $name.oci
  accepts image sign --key "$(key $name)" --passphrase-file pin $name.oci
  accepts image verify --key $name.pub $name.oci
done
accepts image sign --key "$(key release)&pin-source=$scratch/pin" small.oci
accepts image verify --key release.pub small.oci
accepts keys show "$(key wide)"
grep -q '^type         ecdsa-p384$' out || fail "shows $(cat out)"

cp small.oci before.oci
refuses 'an RSA key of 2048 bits is not taken' image sign --key "$(key short)" --passphrase-file pin small.oci
refuses 'PIN incorrect' image sign --key "$(key release)" --passphrase-file wrong small.oci
refuses 'the token has no such key' image sign --key "$(key none)" --passphrase-file pin small.oci
refuses 'a passphrase is needed, and there is no terminal' image sign --key "$(key release)" small.oci
refuses 'is seen by everybody' image sign --key "$(key release)&pin-value=pin-of-user" small.oci
refuses 'Unable to load PKCS#11 module' image sign --key 'pkcs11:object=release?module-path=/none.so' \
  --passphrase-file pin small.oci
refuses 'the token has no such public key' keys show "$(key none)"
OPENSSL_ENGINES=/none refuses 'apt install libengine-pkcs11-openssl' keys show "$(key release)"
cmp small.oci before.oci || fail "the image was changed"

exit $failed
