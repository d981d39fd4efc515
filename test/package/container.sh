#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The image of scripts/packaging/Containerfile, made without a registry: its base is Debian's packages,
# by mmdebstrap. Run by hand: needs root, buildah, a package in build-package/, and the archive.
#
#   test/package/container.sh [RELEASE]
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh
need_root
release=${1:-bookworm}
for tool in buildah mmdebstrap; do command -v $tool >/dev/null || die "needs $tool"; done
ls build-package/isthmus_*.deb >/dev/null || die "no package: scripts/package makes one"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A store of its own, which goes again.
image() { buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
passed=0
ok() { passed=$((passed + 1)); say "ok: $*"; }
fail() { die "FAILED: $*"; }

mmdebstrap --quiet --variant=minbase "$release" "$work/base.tar"
container=$(image from scratch)
image add --quiet "$container" "$work/base.tar" / >/dev/null
image commit --quiet "$container" localhost/base >/dev/null
image rm "$container" >/dev/null
ok "a base image of Debian $release"
image build --isolation chroot --network host --build-arg BASE=localhost/base -f scripts/packaging/Containerfile \
  -t isthmus build-package >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; fail "the image was not built"; }
ok "the image is built"

container=$(image from isthmus)
inside() { image run --isolation chroot "$container" -- "$@"; }
inside isthmusd --version
inside isthmusctl --version
ok "both programs run in it"
sed 's/^\( *workers = \).*/\1[0];/' doc/examples/isthmus.conf >"$work/isthmus.conf"
image copy --quiet "$container" "$work/isthmus.conf" /etc/isthmus/isthmus.conf >/dev/null
inside isthmusd --check-config
ok "it takes the example"
image inspect --type image --format '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}' isthmus |
  grep -qF '[/usr/sbin/isthmusd] [-c /etc/isthmus/isthmus.conf]' || fail "it starts something else"
ok "it starts the daemon"
say "$passed passed, 0 failed"
