#!/bin/bash
# registry_test.sh ROS: `ros image push`, `pull` and `list` with Debian's docker-registry, plain, with a
# password, with tokens and with TLS; skopeo sees what was pushed.
# shellcheck source=tests/support/shell_frame.sh
. "$(dirname "$(realpath "$0")")/../support/shell_frame.sh"
# shellcheck source=tests/installer/support/small_root.sh
. "$here/support/small_root.sh"
# shellcheck source=tests/installer/support/registry.sh
. "$here/support/registry.sh"
trap 'end_registries; rm -rf "$scratch"' EXIT
export HOME=$scratch REGISTRY_AUTH_FILE=$scratch/auth.json
unset https_proxy http_proxy HTTPS_PROXY
echo '{}' >auth.json

# digest_in FILE: of the image, as skopeo has it.
digest_in() {
  skopeo inspect --raw "oci-archive:$1:$2" | sha256sum | cut -d' ' -f1
}

start_registry plain
plain=127.0.0.1:$number
os=$plain/team/os
make_small_root root
accepts image build --root root --name small --version 1 --init root/sbin/init --no-boot-loader --work . -o small.oci
accepts keys generate release
accepts keys generate stranger

# Unsigned, then signed: nothing of it is lost on the way there and back.
accepts image push --plain-http small.oci "$os:unsigned"
grep -qF 'it is not signed' err || fail "no warning: $(cat err)"
accepts image pull --plain-http "$os:unsigned" -o unsigned.oci
shows 'the registry has no signature of it'
# Signed as cosign 3 does: what refers to the image is listed under a tag, where a registry has no list of its own.
refuses 4 'is not signed; wanted' image verify --plain-http --key release.pub "$os:unsigned"
digest=$(digest_in small.oci 1)
index=application/vnd.oci.image.index.v1+json
bundle=application/vnd.dev.sigstore.bundle.v0.3+json
curl -sf -X PUT -H "content-type: $index" "http://$plain/v2/team/os/manifests/sha256-$digest" --data-binary @- >/dev/null <<END ||
{"schemaVersion": 2, "mediaType": "$index", "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
 "artifactType": "$bundle", "digest": "sha256:$digest", "size": $(skopeo inspect --raw oci-archive:small.oci:1 | wc -c)}]}
END
  fail "the list of referrers is not taken"
refuses 4 "is signed in cosign's newer form, a bundle" image verify --plain-http --key release.pub "$os:unsigned"
accepts image sign --key release.key small.oci
accepts image push --plain-http --json small.oci "$os:1"
digest=$(digest_in small.oci 1)
shows "\"digest\": \"sha256:$digest\""
shows '"signed": true'
[[ $(skopeo inspect --tls-verify=false --raw "docker://$os:1" | sha256sum | cut -d' ' -f1) == "$digest" ]] ||
  fail "skopeo sees another manifest"
accepts image pull --plain-http "$os:1" -o pulled.oci
shows 'not verified yet: ros image verify pulled.oci'
accepts image verify --key release.pub pulled.oci
shows 'signed    release'
refuses 4 'is not signed by a trusted key' image verify --key stranger.pub pulled.oci
[[ $(digest_in pulled.oci 1) == "$digest" ]] || fail "another digest came back"
accepts image verify --plain-http --key release.pub "$os:1"
shows "good: "
accepts image inspect --plain-http --json "$os:1"
shows "$digest"

# Installed from the registry, in a stream, and from a file: the same disk.
bootable=$plain/team/bootable:2
accepts image build --root root --name small --version 2 --init root/sbin/init --work . -o bootable.oci
accepts image sign --key release.key bootable.oci
accepts image push --plain-http bootable.oci "$bootable"
seed=11111111-2222-4333-8444-555555555555
sizes=(--size 2G --slot-size 128M --seed "$seed" -f)
accepts install -d file.img -i bootable.oci --key release.pub "${sizes[@]}"
accepts install -d registry.img -i "$bootable" --plain-http --key release.pub "${sizes[@]}" --json
tail -n 1 out | grep -q '"version":"2",.*"follows":"",.*"event":"installed"' || fail "the last event: $(tail -n 1 out)"
cmp <(head -c 700M file.img) <(head -c 700M registry.img) || fail "a disk installed from a registry differs"
refuses 4 'stranger' install -d other.img -i "$bootable" --plain-http --key stranger.pub "${sizes[@]}"
refuses 6 'there is no 9 in' install -d other.img -i "$plain/team/bootable:9" --plain-http --key release.pub "${sizes[@]}"
[[ ! -e other.img ]] || fail "a refused installation left a file"
# A file whose path could be a registry's is a file.
mkdir build-1.0 && cp bootable.oci build-1.0/os.oci
accepts image verify --key release.pub build-1.0/os.oci:2
# A frame that is not what was signed ends it, and leaves no disk.
layer=$(skopeo inspect --tls-verify=false --raw "docker://$bootable" |
  sed 's/[{}]/\n/g' | sed -n 's/.*ros\.os\.root\.v1+zstd.*"sha256:\([0-9a-f]*\)".*/\1/p')
blob=plain/docker/registry/v2/blobs/sha256/${layer:0:2}/$layer/data
[[ -s $blob ]] || fail "the root layer is not at $blob"
cp "$blob" whole
printf 'XXXX' | dd of="$blob" bs=1 seek=$(($(stat -c %s "$blob") / 2)) conv=notrunc status=none
refuses 4 'its frame does not have the digest of the index' \
  install -d other.img -i "$bootable" --plain-http --key release.pub "${sizes[@]}"
[[ ! -e other.img ]] || fail "a failed installation left a file"
refuses 4 'does not have this digest' image verify --plain-http --key release.pub "$bootable"
cp whole "$blob"
accepts image pull --plain-http "docker://$os@sha256:$digest" -o by-digest.oci
accepts image verify --key release.pub by-digest.oci
# What skopeo copies out is what `ros` pushed.
skopeo copy --quiet --insecure-policy --src-tls-verify=false --remove-signatures "docker://$os:1" oci:by-skopeo:1 ||
  fail "skopeo does not copy it"
accepts image inspect by-skopeo

# A delta goes with its image.
echo another >root/another
accepts image build --root root --name small --version 3 --init root/sbin/init --work . --delta-from bootable.oci \
  --delta-since bootable.oci --json -o delta.oci
shows '"from":"2"'
shows '"fragments":{"since":"2",'
refuses 2 'has the same root as bootable.oci' image build --root root --name small --version 3 --init root/sbin/init --work . \
  --delta-from bootable.oci --delta-from bootable.oci -o twice.oci
refuses 2 'is an older image that a delta is made from' image build --root root --name small --version 3 --init root/sbin/init \
  --work . --delta-from bootable.oci -o ./bootable.oci
refuses 2 'is an older image that a delta is made from' image build --root root --name small --version 3 --init root/sbin/init \
  --work . --delta-since bootable.oci -o ./bootable.oci
refuses 2 "image pull $bootable -o FILE" image build --root root --name small --version 3 --init root/sbin/init --work . \
  --delta-from "$bootable" -o none.oci
cp bootable.oci damaged.oci
printf XXXX | dd of=damaged.oci bs=1 seek=$(($(stat -c %s damaged.oci) - 20000)) conv=notrunc status=none
refuses 4 'the older image: ' image build --root root --name small --version 3 --init root/sbin/init --work . \
  --delta-from damaged.oci -o none.oci
accepts image build --root root --name other --version 3 --init root/sbin/init --work . --delta-from bootable.oci -o other-name.oci
grep -qF 'is it the right one?' err || fail "no warning: $(cat err)"
accepts image inspect delta.oci
shows '  delta     '
shows ', for machines without a delta'
accepts image sign --key release.key delta.oci
accepts image push --plain-http delta.oci "$plain/team/bootable:3"
accepts image pull --plain-http "$plain/team/bootable:3" -o delta-pulled.oci
accepts image verify --key release.pub delta-pulled.oci
accepts image inspect --json delta-pulled.oci
shows '"name": "delta-index"'
shows '"name": "fragments-index"'

accepts image list --plain-http "$os"
[[ $(LC_ALL=C sort out) == $'1\nsha256-'"$digest"$'\nsha256-'"$digest"$'.sig\nunsigned' ]] || fail "tags: $(cat out)"

# A channel document goes the same way.
accepts channel build --name stable --serial 1 --valid-for 30d --release small.oci -o stable.channel.oci
accepts channel sign --key release.key stable.channel.oci
accepts image push --plain-http stable.channel.oci "$os:stable"
accepts image pull --plain-http "$os:stable" -o pulled.channel.oci
shows 'not verified yet: ros channel verify pulled.channel.oci'
accepts channel verify --key release.pub pulled.channel.oci
accepts channel verify --plain-http --key release.pub "$os:stable"
refuses 4 'is not signed by a trusted key' channel verify --plain-http --key stranger.pub "$os:stable"

# Installed with it, a machine follows it.
accepts channel build --name stable --serial 1 --valid-for 30d --release bootable.oci -o follow.oci
accepts channel sign --key release.key follow.oci
accepts image push --plain-http follow.oci "$os:stable.channel"
accepts install -d other.img -i "$bootable" --channel "$os:stable.channel" --plain-http --key release.pub "${sizes[@]}" --plan
shows "  follows  $os:stable"

# What another repository has is not sent again. The registry tells what it was asked in their order.
accepts image push --plain-http --mount-from "$plain/team/bootable" bootable.oci "$plain/team/mounted:1"
accepts image push --plain-http bootable.oci "$plain/team/sent:1"
uploads_to() { grep -E 'method"?[=:]"?(PATCH|PUT)' plain.log | grep -c "team/$1/blobs/uploads" || true; }
timeout 60 tail -n +1 -f plain.log | grep -q -m 1 'PUT.*team/sent/manifests/1' || fail "the registry tells of no push"
[[ $(uploads_to sent) -gt 0 ]] || fail "no upload is seen in the registry's log"
[[ $(uploads_to mounted) == 0 ]] || fail "blobs were sent that could be mounted"
accepts image pull --plain-http "$plain/team/mounted:1" -o mounted.oci
accepts image verify --key release.pub mounted.oci
refuses 2 'is no repository of' image push --plain-http --mount-from other.example/os bootable.oci "$plain/team/mounted:2"
refuses 2 '--mount-from: "base" is no reference' image push --plain-http --mount-from base bootable.oci "$plain/team/mounted:2"

# Signatures of others are not lost by a push.
cp unsigned.oci other.oci
accepts image sign --key stranger.key other.oci
refuses 3 'other signatures of it' image push --plain-http other.oci "$os:1"
accepts image push --plain-http --force other.oci "$os:1"
accepts image pull --plain-http "$os:1" -o other-pulled.oci
accepts image verify --key stranger.pub other-pulled.oci
# Nothing is lost where they are among those that are pushed.
accepts image sign --key release.key other-pulled.oci
accepts image push --plain-http other-pulled.oci "$os:1"
refuses 3 'other signatures of it' image push --plain-http other.oci "$os:1"
accepts image pull --plain-http "$os:1" -o both.oci
accepts image verify --key stranger.pub both.oci
accepts image verify --key release.pub both.oci

# What is wrong, and no file is left of it.
refuses 6 'there is no 9 in' image pull --plain-http "$os:9" -o none.oci
refuses 6 "ros image list $os" image pull --plain-http "$os:9" -o none.oci
refuses 6 'NAME_UNKNOWN' image list --plain-http "$plain/none"
refuses 2 'it has no registry' image pull os:1 -o none.oci
refuses 2 'not under a digest' image push small.oci "$os@sha256:$digest"
refuses 4 'is a container and not an OS image' image pull --plain-http "$os:sha256-$digest.sig" -o none.oci
# Damage in the registry.
root=$(skopeo inspect --raw oci-archive:small.oci:1 | tr ',' '\n' | grep -A1 'root.v1+zstd' | grep -o '[0-9a-f]\{64\}')
blob=plain/docker/registry/v2/blobs/sha256/${root:0:2}/$root/data
cp "$blob" whole
printf 'X' | dd of="$blob" bs=1 seek=100 conv=notrunc status=none
refuses 4 'does not have this digest; it is damaged' image pull --plain-http "$os:1" -o none.oci
cp whole "$blob"
[[ ! -e none.oci ]] || fail "a file is left"
[[ -z $(find . -maxdepth 1 -name '*none.oci*') ]] || fail "something is left: $(ls -A)"

# A registry with a password.
hash=$(perl -e 'print crypt("geheim", q($2y$05$abcdefghijklmnopqrstuu))')
echo "me:$hash" >htpasswd
start_registry closed '' "auth: {htpasswd: {realm: here, path: $scratch/htpasswd}}"
closed=127.0.0.1:$number/os
refuses 6 'this machine has no credentials for it' image push --plain-http pulled.oci "$closed:1"
printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$number" "$(printf 'me:wrong' | base64)" >auth.json
refuses 6 'the credentials of this machine for it do not suffice' image push --plain-http pulled.oci "$closed:1"
printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$number" "$(printf 'me:geheim' | base64)" >auth.json
accepts image push --plain-http pulled.oci "$closed:1"
accepts image pull --plain-http "$closed:1" -o closed.oci
accepts image verify --key release.pub closed.oci

# One that wants tokens, from a server of its own.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout tokens.key -out tokens.pem 2>/dev/null
start_token_server tokens.key tokens.pem
start_registry tokens '' "auth: {token: {realm: \"http://127.0.0.1:$token_port/token\", service: the registry, issuer: ros test,
  rootcertbundle: $scratch/tokens.pem}}"
tokens=127.0.0.1:$number/team/os
echo '{}' >auth.json
refuses 6 "signing in at http://127.0.0.1:$token_port/token" image push --plain-http pulled.oci "$tokens:1"
printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$number" "$(printf 'me:geheim' | base64)" >auth.json
accepts image push --plain-http pulled.oci "$tokens:1"
# By the identity token that `docker login` may leave.
printf '{"auths": {"127.0.0.1:%s": {"identitytoken": "identity"}}}' "$number" >auth.json
accepts image pull --plain-http "$tokens:1" -o tokens.oci
accepts image verify --key release.pub tokens.oci
for given in '^token repository:team/os:.*push.* 200' '^access_token repository:team/os:pull 200'; do
  grep -q "$given" token_server.said || fail "no '$given' in: $(cat token_server.said)"
done

# And one with a certificate that nobody knows.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 \
  -keyout tls.key -out tls.pem 2>/dev/null
start_registry safe "tls: {certificate: $scratch/tls.pem, key: $scratch/tls.key}"
safe=127.0.0.1:$number/os
refuses 6 'certificate' image push pulled.oci "$safe:1"
accepts image push --ca tls.pem pulled.oci "$safe:1"
accepts image pull --ca tls.pem "$safe:1" -o safe.oci
accepts image verify --key release.pub safe.oci
# By HTTP/2, which it can there.
timeout 60 tail -n +1 -f safe.log | grep -q -m 1 'GET /v2/os/blobs/.* HTTP/2.0" 20' || fail "no HTTP/2: $(cat safe.log)"
# Over a line that breaks again and again, in the middle of HTTP/2's frames and of TLS's records.
head -c 2000000 /dev/urandom >root/usr/noise
accepts image build --root root --name small --version 2 --init root/sbin/init --no-boot-loader --work . -o large.oci
accepts image sign --key release.key large.oci
accepts image push --ca tls.pem large.oci "$safe:2"
start_cutting_proxy "$number" 300007
accepts image pull --ca tls.pem "127.0.0.1:$cutting_port/os:2" -o mended.oci
accepts image verify --key release.pub mended.oci
[[ $(digest_in mended.oci 2) == $(digest_in large.oci 2) ]] || fail "another digest came over the line"
[[ $(grep -c cut cutting_proxy.said) -ge 3 ]] || fail "the line was not cut: $(cat cutting_proxy.said)"
timeout 60 tail -n +1 -f safe.log | grep -q -m 1 'GET /v2/os/blobs/.* HTTP/2.0" 206' || fail "not taken up: $(cat safe.log)"
# Without encryption where that was asked for alone.
refuses 6 "$plain" image pull "$os:1" -o none.oci
refuses 6 'there is --plain-http' image pull "$os:1" -o none.oci

exit $failed
