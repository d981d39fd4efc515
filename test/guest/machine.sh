# SPDX-License-Identifier: BSD-3-Clause
# Makes the guest's disk, kernel and initrd in build-check/guest, once. Sourced by run.
# shellcheck shell=bash disable=SC2154  # where, here, package: of run

make_root() {
  rm -rf "$where/root"
  mmdebstrap --quiet --variant=apt --mode=root --aptopt='Acquire::Languages "none"' \
    --include=systemd-sysv,udev,dbus,linux-image-amd64,initramfs-tools,iproute2,procps,kmod,pciutils \
    --include=dpdk,driverctl,python3 \
    bookworm "$where/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
}

# What the package depends on, but not the package: the guest installs that itself, each time.
install_dependencies() {
  cp "$package" "$where/root/tmp/isthmus.deb"
  chroot "$where/root" env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get -q update && apt-get -q -y --no-install-recommends install /tmp/isthmus.deb &&
    dpkg --purge isthmus && apt-get clean && rm -rf /tmp/isthmus.deb /var/lib/apt/lists/*' >"$where/install.log" 2>&1 || {
    tail -n 20 "$where/install.log"
    die "the package does not install; its log is $where/install.log"
  }
}

install_job() {
  install -m 644 "$here/guest-job.service" "$where/root/etc/systemd/system/"
  ln -sf ../guest-job.service "$where/root/etc/systemd/system/multi-user.target.wants/"
  mkdir -p "$where/root/job"
  echo 'job /job 9p trans=virtio,version=9p2000.L,msize=262144 0 0' >"$where/root/etc/fstab"
  echo gateway >"$where/root/etc/hostname"
}

# No more than it takes to mount the disk.
make_initrd() {
  echo MODULES=list >"$where/root/etc/initramfs-tools/conf.d/guest"
  printf '%s\n' virtio_pci virtio_blk ext4 >>"$where/root/etc/initramfs-tools/modules"
  chroot "$where/root" update-initramfs -u >/dev/null
  cp "$where"/root/boot/initrd.img-* "$where/initrd"
}

# Unpacked here: the guest would take many times as long.
unpack_kernel() {
  python3 -c '
import lzma, pathlib, sys
packed = pathlib.Path(sys.argv[1]).read_bytes()
begin = packed.index(b"\xfd7zXZ\0")
pathlib.Path(sys.argv[2]).write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(packed[begin:]))
' "$where"/root/boot/vmlinuz-* "$where/vmlinux"
}

make_machine() {
  [ ! -e "$where/disk" ] || return 0
  say "Making the guest's disk in $where (some minutes, once)"
  mkdir -p "$where"
  make_root
  install_dependencies
  install_job
  make_initrd
  unpack_kernel
  mke2fs -q -t ext4 -O ^has_journal -d "$where/root" "$where/disk.new" 3G
  mv "$where/disk.new" "$where/disk"
  rm -rf "$where/root"
}
