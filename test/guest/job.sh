# SPDX-License-Identifier: BSD-3-Clause
# In the guest: installs the package, gives it the cards, runs the service until the host says stop, and takes
# everything back. What it says is on the console.
# shellcheck shell=bash
set -eEuo pipefail
trap 'echo "failed at line $LINENO: $BASH_COMMAND"; journalctl -n 30 -u isthmusd --no-pager' ERR
trap 'echo $? >result' EXIT
say() { echo "[$(cut -d' ' -f1 /proc/uptime)] $*"; }
driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver")"; }

dpkg -i isthmus.deb
say "the package is installed"

mapfile -t cards < <(lspci -Dn | awk '$2 == "0200:" { print $1 }')
before=$(driver "${cards[0]}")
isthmus-nic list
isthmus-nic hugepages 900M
isthmus-nic bind "${cards[@]}"
isthmus-nic list
for card in "${cards[@]}"; do [ "$(driver "$card")" = vfio-pci ]; done
isthmus-nic check || true  # no core of this machine is isolated
say "the cards are vfio-pci's, and were $before's"

sed "s/INSIDE/${cards[0]}/; s/OUTSIDE/${cards[1]}/" isthmus.conf >/etc/isthmus/isthmus.conf
# A processor made of software is slow.
mkdir -p /etc/systemd/system/isthmusd.service.d
printf '[Service]\nTimeoutStartSec=600\nWatchdogSec=300\n' >/etc/systemd/system/isthmusd.service.d/slow.conf
systemctl daemon-reload
systemctl start isthmusd
systemctl is-active isthmusd
isthmusctl show ports
say "the service forwards"
touch forwards
until [ -e stop ]; do
  systemctl -q is-active isthmusd
  sleep 0.5
done

isthmusctl show ports
isthmusctl show steering
isthmusctl show workers
isthmusctl show drops
isthmusctl --json show steering >steering.json
isthmusctl --json show workers >workers.json
systemctl stop isthmusd
[ "$(systemctl show -P Result isthmusd)" = success ]
say "the service has stopped"
isthmus-nic undo
for card in "${cards[@]}"; do [ "$(driver "$card")" = "$before" ]; done
say "the kernel has its cards back"
