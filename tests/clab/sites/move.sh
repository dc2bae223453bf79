#!/bin/sh
# Moves vm to a leaf: sh /move.sh leaf11|leaf21. Another wire is used, and the machine announces
# itself there once, as a virtual machine's hypervisor does; its old port goes down.
case $1 in
leaf11) new=eth1 old=eth2 ;;
leaf21) new=eth2 old=eth1 ;;
*) echo "usage: $0 leaf11|leaf21" >&2; exit 2 ;;
esac
ip link set $new up
ip -batch - <<BATCH
link set $old nomaster
link set $old down
link set $new master nic
BATCH
# -w 1: it sends one announcement and then waits a second for answers that nobody owes.
arping -q -U -c 1 -w 1 -I nic 172.16.50.50 >/dev/null &
ping -q -c 1 -W 1 -I nic ff02::1 >/dev/null 2>&1 &
wait
exit 0
