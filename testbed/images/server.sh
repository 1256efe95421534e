#!/usr/bin/env bash
# A server as oCore meets them: Debian 12 with systemd, sshd and Docker Engine, and three kinds of users.
. "$(dirname "$0")/common.sh"

bootstrap bookworm ca-certificates,curl,dbus,docker.io,iproute2,iptables,openssh-server,sudo,systemd,systemd-sysv
slim

# root by key; `deploy` with sudo and `plain` without, by key or password, neither in the group docker.
for user in deploy plain; do
  chroot "$tree" useradd -m -s /bin/bash "$user"
  echo "$user:$user-password" | chroot "$tree" chpasswd
done
echo 'deploy ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/deploy"
chmod 440 "$tree/etc/sudoers.d/deploy"
echo 'PasswordAuthentication yes' >"$tree/etc/ssh/sshd_config.d/testbed.conf"

# Each server makes host keys and a machine id of its own (the file empty: without it systemd thinks of a first boot
# and enables everything it knows, down to waiting for networks that never come). cgroup v1 hierarchies come up read-only in a container without
# CAP_SYS_RESOURCE: make them writable before Docker starts.
rm -f "$tree"/etc/ssh/ssh_host_*
: >"$tree/etc/machine-id"
cat >"$tree/etc/systemd/system/testbed.service" <<'UNIT'
[Unit]
Before=docker.service containerd.service ssh.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for d in /sys/fs/cgroup/*/; do mount -o remount,rw,bind $d || true; done; ssh-keygen -A'
[Install]
WantedBy=multi-user.target
UNIT
chroot "$tree" systemctl enable -q testbed.service docker.service ssh.service

change STOPSIGNAL SIGRTMIN+3
change ENV container=docker
change 'CMD ["/sbin/init"]'
