#!/bin/busybox sh
# The first program in the guest: makes its root from the host's, which is only read, and a layer in memory above it.
set -e
export PATH=/bin
busybox mkdir -p /proc /host /memory /root
busybox mount -t proc proc /proc
for module in $(busybox cat /modules/order); do busybox insmod "/modules/$module"; done
busybox mount -t virtiofs -o ro host /host
busybox mount -t tmpfs -o size=100% memory /memory
busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /root
busybox mkdir -p /root/run
busybox mount -t tmpfs tmpfs /root/run
busybox cp /guest.sh /command /root/run
busybox umount /proc
exec busybox switch_root /root /bin/sh /run/guest.sh
