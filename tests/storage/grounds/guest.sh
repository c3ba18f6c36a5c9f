#!/bin/sh
# The first process of a user-mode Linux: ext4 with quotas, served to itself over NFS with rquotad.
# It is a kernel of its own, as the one below may have neither (it is told where to answer by `share=` on its command
# line), and its root is the host's, read-only.
exec >/dev/console 2>&1
trap 'echo o >/proc/sysrq-trigger; sleep 60' EXIT
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/share && mount -t hostfs none /mnt/share -o "$share"
share=/mnt/share here=$here
mkdir /mnt/ground && cp "$here/prelude.sh" /mnt/ground
mount -t tmpfs tmpfs /tmp
# The prelude covers /mnt: what it needs is bound elsewhere first.
mkdir /tmp/share /tmp/ground
mount --bind /mnt/share /tmp/share
cp /mnt/ground/prelude.sh /tmp/ground
share=/tmp/share
. /tmp/ground/prelude.sh
mount -t tmpfs tmpfs /var/lib/nfs
mkdir -p /run/kernel/lib/modules /var/lib/nfs/sm /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs
ln -s "/usr/lib/uml/modules/$(uname -r)" "/run/kernel/lib/modules/$(uname -r)"
modprobe -d /run/kernel -a loop quota_v2 nfsd nfsv3
# Without IPv6 in this kernel rquotad and mountd would give up.
grep -v 6 /etc/netconfig >/srv/netconfig
mount --bind /srv/netconfig /etc/netconfig

mkdir /mnt/disk "/mnt/two words"
truncate -s 64M /srv/disk
mkfs.ext4 -q -O quota,project /srv/disk
mount -o loop,usrquota,grpquota,prjquota /srv/disk /mnt/disk
mkdir /mnt/disk/student
chown 4321:4321 /mnt/disk/student
setquota -u 4321 10000 20000 50 100 /mnt/disk
: >/var/lib/nfs/rmtab
: >/var/lib/nfs/etab
mount -t nfsd nfsd /proc/fs/nfsd
rpcbind -w
exportfs -o rw,no_root_squash,insecure,fsid=1 127.0.0.1:/mnt/disk
rpc.nfsd 2 --no-udp
rpc.mountd
mount -t nfs -o vers=3,nolock 127.0.0.1:/mnt/disk "/mnt/two words"
look deaf
rpc.rquotad
look before
fill "/mnt/two words/student/a" 240 wrote
look after
fill "/mnt/two words/student/b" 240 refused
rm -f "/mnt/two words/student/a" "/mnt/two words/student/b"
# A limit of a folder, whoever writes there: 5 MiB.
chattr -p 77 +P /mnt/disk/student
setquota -P 77 0 5120 0 0 /mnt/disk
setquota -u 4321 0 0 0 0 /mnt/disk
look folder
cat /proc/uptime >"$share/done"
