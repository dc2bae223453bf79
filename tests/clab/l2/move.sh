#!/bin/sh
# Moves h3 to a leaf: sh /move.sh leaf1|leaf2. Another wire is used, and the host announces
# itself there once, as a virtual machine's hypervisor does. The old leaf sees no port go down:
# it has to learn of the move by EVPN.
case $1 in
leaf1) new=eth1 old=eth2 ;;
leaf2) new=eth2 old=eth1 ;;
*) echo "usage: $0 leaf1|leaf2" >&2; exit 2 ;;
esac
ip -batch - <<BATCH
link set $old nomaster
link set $new master nic
BATCH
# -w 1: it sends one announcement and then waits a second for answers that nobody owes.
arping -q -U -c 1 -w 1 -I nic 192.168.10.3 >/dev/null &
ping -q -c 1 -W 1 -I nic ff02::1 >/dev/null 2>&1 &
wait
exit 0
