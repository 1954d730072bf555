# shellcheck shell=bash
# make_small_root DIRECTORY: a root that has all that `ros image build` asks for.
make_small_root() {
  local modules=$1/usr/lib/modules/6.1.0-9 name
  mkdir -p "$1"/{sbin,boot,usr/bin} "$modules/kernel"
  # A program and a kernel for amd64 as far as their headers say.
  { printf '\177ELF\2\1\1' && head -c 11 /dev/zero && printf '\76' && head -c 4077 /dev/zero; } >"$1/sbin/init"
  cp "$1/sbin/init" "$1/usr/bin/ros"
  chmod 755 "$1/sbin/init" "$1/usr/bin/ros"
  {
    head -c 510 /dev/zero
    printf '\125\252\0\0HdrS'
    head -c 8 /dev/zero
    printf '\20\0'
    printf '6.1.0-9 (us)'
    head -c 4096 /dev/zero
  } >"$1/boot/vmlinuz-6.1.0-9"
  for name in dm-mod dm-verity erofs ext4 overlay virtio_pci virtio_blk crc32c_generic softdog; do
    printf '\177ELF module' >"$modules/kernel/$name.ko"
    echo "kernel/$name.ko:" >>"$modules/modules.dep"
  done
  touch "$modules"/modules.{softdep,alias}
}
