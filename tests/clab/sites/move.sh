#!/bin/sh
# Moves vm to a leaf: sh /move.sh leaf11|leaf21. Another wire is used, and the machine announces
# itself there once, as a virtual machine's hypervisor does; its old port goes down.
case $1 in
leaf11) new=eth1 old=eth2 ;;
leaf21) new=eth2 old=eth1 ;;
*) echo "usage: $0 leaf11|leaf21" >&2; exit 2 ;;
esac
mac=$(cat /sys/class/net/nic/address)
# An address that is set, even to what it was, is announced (arp_notify, ndisc_notify).
ip -batch - <<BATCH
link set $new up
link set $old nomaster
link set $old down
link set $new master nic
link set nic address $mac
BATCH
