#!/bin/sh
# Process 1 of the guest: what an init system would have made before the command runs. Its output is the first serial line, its
# exit code the second, what else happens stands on the third, the console.
exec >/dev/console 2>&1 </dev/null
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sf /proc/self/fd /dev/fd
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --make-rshared /
for folder in /tmp /var/tmp /var/lib/tsukube; do mkdir -p "$folder" && mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
. /run/command # sets modules, folder, command
mkdir -p /lib/modules && mount --bind "$modules" /lib/modules
command -v modprobe >/dev/null || ln -s /bin/busybox /sbin/modprobe
for module in virtio_net af_packet br_netfilter nf_tables veth bridge overlay; do modprobe "$module"; done
hostname guest
printf '127.0.0.1 localhost guest\n' >/etc/hosts
ip link set lo up
ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
rm -f /etc/resolv.conf && printf 'nameserver 10.0.2.3\n' >/etc/resolv.conf
stty -F /dev/ttyS0 raw
mkfifo /run/output # not the line itself: programs would draw on a terminal
cat /run/output >/dev/ttyS0 &
printer=$!
TERM=dumb setsid sh -c "cd '$folder' && $command" >/run/output 2>&1 &
wait $!
echo $? >/dev/ttyS1
busybox timeout 1 tail --pid=$printer -f /dev/null
exec busybox poweroff -f
