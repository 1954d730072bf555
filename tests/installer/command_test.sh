#!/bin/bash
# command_test.sh ROS: the `ros` command as a user meets it when something is wrong.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"

refuses 2 'unknown command "bogus"; see ros --help' bogus
refuses 2 'unknown command "instal" (did you mean "install"?); see ros --help' instal
refuses 2 'unknown command "buid" (did you mean "build"?); see ros image --help' image buid
refuses 2 'unknown option "--rot" (did you mean "--root"?); see ros image build --help' image build --rot x
refuses 2 'unknown option "--rot" (did you mean "--root"?)' image build --rot=x
refuses 2 'File does not exist: none.pem' image verify --ca none.pem -- small.oci
refuses 2 '"--two" is one word too many' image verify -- one --two
refuses 2 'unknown option "--kee" (did you mean "--key"?)' image verify --kee release.pub small.oci
refuses 2 '"two" is one word too many; see ros image verify --help' image verify one two
refuses 2 '"keys/" names no key, as keys/release would' keys generate keys/
refuses 2 'File does not exist: none.pem' image list --ca none.pem registry.example/os
refuses 2 'not in range 1 to 9' upgrade --tries 10 -i small.oci
refuses 2 'a command is missing: build, sign, verify, inspect, pull, push, list; see ros image --help' image
refuses 2 '--root is required; see ros image build --help' image build
refuses 2 '--epoch: Value -1 not in range' image build --epoch -1 --root a --name b --version 1 -o c
refuses 2 '"-x" is no name' image build --root a --name -x --version 1 -o c --init /dev/null --no-boot-loader
mkdir -p alone/bin && cp "$ros" alone/bin/ros
whole=$ros
ros=alone/bin/ros
refuses 2 'name one by --init' image build --root a --name x --version 1 -o c
ros=$whole

refuses 2 'ros makes all partitions itself' install -p /dev/sda1 -d disk -i image
refuses 2 'what lasts is on the state partition' install --statedir x -d disk -i image

refuses 2 "leave one out" upgrade --now -i image
refuses 2 "leave one out" upgrade --check -i image
refuses 2 "without -i the channel is that of" upgrade --channel file
refuses 2 "leave one out" upgrade --unattended -i image
for other in --now --check --plan --kexec; do
  refuses 2 "--unattended waits for the time window" upgrade --unattended $other
done
for other in --retry --allow-downgrade --insecure; do
  refuses 2 "are a person's" upgrade --unattended $other
done
refuses 2 "add --check" upgrade --prometheus file
refuses 2 "names no image" upgrade -i ''
for other in --plan --stage --bootloader '-a quiet'; do
  # shellcheck disable=SC2086  # an option and its value
  refuses 2 "--check tells whether there is something new" upgrade --check $other
done

# A result that did not arrive is no success.
for arguments in --version '--help' 'keys generate key --json'; do
  # shellcheck disable=SC2086
  "$ros" $arguments >/dev/full 2>err
  [[ $? == 1 ]] || fail "$arguments with a full stdout succeeds"
  grep -q 'standard output cannot be written' err || fail "said $(cat err)"
done

make_small_root root
accepts image build --root root --name small --version 1 --init root/sbin/init \
  --no-boot-loader --work . -o small.oci
accepts image inspect small.oci
shows 'signed    no'
shows 'kernel    6.1.0-9, '
accepts image sign --key key.key small.oci
fingerprint=$(openssl pkey -pubin -in key.pub -outform der | sha256sum | cut -c1-16)
for key in key.pub key.key; do
  accepts keys show $key
  shows "fingerprint  $fingerprint"
  accepts keys show --pem $key
  cmp -s out key.pub || fail "keys show --pem $key: $(cat out)"
done
accepts image inspect small.oci
shows "signed    not verified; 1 signature by the key $fingerprint"
accepts image inspect --json small.oci
shows '"kernel_version": "6.1.0-9"'
shows "\"key\": \"$fingerprint\""
accepts image verify --key key.pub small.oci
shows 'signed    key'
refuses 2 'it is an OS image already' image build --root small.oci --name a --version 1 \
  --init root/sbin/init --no-boot-loader --work . -o again.oci
accepts image build --root root --name arm --version 1 --init root/sbin/init --architecture arm64 \
  --no-boot-loader --work . -o arm.oci
grep -q 'warning: /sbin/init is a program for amd64, the image is for arm64' err ||
  fail "no warning of a foreign init: $(cat err)"

SOURCE_DATE_EPOCH=4102444800 refuses 2 'and it is ' image build --root root --name late --version 1 \
  --init root/sbin/init --no-boot-loader --work . -o late.oci

# A unified kernel, signed by a key that machines have in their db.
openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=owner -keyout sb.key -out sb.pem 2>/dev/null
uki=(image build --root root --name uki --version 1 --init root/sbin/init --no-boot-loader --work . -o uki.oci)
refuses 2 'it needs --sb-key and --sb-cert' "${uki[@]}" --uki --sb-key sb.key
refuses 2 '--sb-key and --sb-cert are for --uki' "${uki[@]}" --sb-key sb.key
refuses 2 'are two forms' "${uki[@]}" --uki --secure-boot --sb-key sb.key --sb-cert sb.pem
refuses 2 'the certificate that EFI programs are signed with' "${uki[@]}" --uki --sb-key sb.key --sb-cert none
accepts "${uki[@]}" --uki --sb-key sb.key --sb-cert sb.pem --append quiet
accepts image inspect uki.oci
shows ', unified: with initrd and arguments, signed for Secure Boot'
shows '  told      ros.loader=uki ros.verity='
shows ' quiet'
accepts image inspect --json uki.oci
shows '"unified_kernel": true'
shows '"kernel_version": "6.1.0-9"'

# A channel: what is released, and a policy that asks for it.
accepts keys generate channel
accepts image build --root root --name small --version 2 --init root/sbin/init --no-boot-loader --work . -o two.oci
accepts image sign --key key.key two.oci
for given in '' '--valid-for 1d --not-after 2099-01-01'; do
  # shellcheck disable=SC2086
  refuses 2 'say how long the document counts' channel build --name stable --serial 1 $given -o stable.channel.oci
done
refuses 2 '--serial 1 for the first one' channel build --name stable --valid-for 1d -o stable.channel.oci
accepts channel build --name stable --serial 1 --valid-for 30d --release small.oci -o stable.channel.oci
shows 'not signed yet: ros channel sign --key KEY stable.channel.oci'
accepts channel show stable.channel.oci
shows 'channel stable, serial 1'
shows '  signed    no'
shows '  1, 100 %: sha256:'
refuses 4 'is not signed' channel verify --key channel.pub stable.channel.oci
accepts channel sign --key channel.key stable.channel.oci
accepts channel verify --key channel.pub stable.channel.oci
shows 'good: channel stable, serial 1'
refuses 4 'is not signed by a trusted key' channel verify --key key.pub stable.channel.oci
cat >trust.yml <<END
version: 1
keys:
  - {name: release, file: key.pub}
  - {name: channel, file: channel.pub, role: channel}
channel: {name: stable, threshold: 1 of channel}
END
accepts channel verify --trust trust.yml --explain stable.channel.oci
shows 'met      1 of channel: signed by channel'
accepts channel verify --trust trust.yml --json stable.channel.oci
shows '"verified": true'
accepts image verify --trust trust.yml --explain small.oci
shows 'met      released in channel stable: channel stable (serial 1) has it as version 1'
refuses 4 '"released in channel stable"' image verify --trust trust.yml two.oci
accepts channel build --from stable.channel.oci --valid-for 30d --release two.oci=10 --share 1=0 -o next.oci
shows 'channel stable, serial 2'
accepts channel sign --key channel.key next.oci
accepts image verify --trust trust.yml --channel next.oci two.oci
refuses 4 'has withdrawn version 1' image verify --trust trust.yml --channel next.oci small.oci
accepts channel build --from next.oci --valid-for 30d --halt -o halted.oci
accepts channel sign --key channel.key halted.oci
refuses 4 'has halted all upgrades' image verify --trust trust.yml --channel halted.oci two.oci
mkdir alone/images && cp two.oci alone/images
refuses 4 'put it beside the image as stable.channel.oci' image verify --trust trust.yml alone/images/two.oci
# Neither command takes the other's file.
refuses 4 'there is no image in it' image sign --key key.key stable.channel.oci
refuses 4 'there is no channel document in it' channel sign --key channel.key small.oci
refuses 2 'a command is missing: build, sign, show, verify' channel
exit $failed
