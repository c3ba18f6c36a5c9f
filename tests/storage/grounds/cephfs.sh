# CephFS 16 through ceph-fuse: a monitor, an OSD in memory, a metadata server. No manager, so df tells no size.
. "${0%/*}/prelude.sh"
for folder in /var/lib/ceph /var/log/ceph /etc/ceph; do mkdir -p "$folder" && mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/ceph /mnt/c
id=11111111-2222-3333-4444-555555555555
at='[v2:127.0.0.1:3300,v1:127.0.0.1:6789]'
cat >/etc/ceph/ceph.conf <<END
[global]
fsid = $id
mon host = $at
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
mon data avail crit = 1
paxos propose interval = 0.05
run dir = /run/ceph
END
exec 3>&1 >"$share/log" 2>&1
monmaptool --create --addv a "$at" --fsid "$id" /srv/monmap
mkdir -p /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0 /var/lib/ceph/mds/ceph-a
ceph-mon --mkfs -i a --monmap /srv/monmap
ceph-mon -i a
osd=$(cat /proc/sys/kernel/random/uuid)
ceph osd new "$osd"
ceph-osd -i 0 --mkfs --osd-uuid "$osd"
ceph-osd -i 0
ceph osd pool create data 8
ceph osd pool create meta 8
ceph fs new fs meta data
ceph-mds -i a
# Until the metadata server is known there is nothing to mount.
until ceph-fuse /mnt/c; do sleep 0.2; done
exec >&3 2>&1
mkdir -p "/mnt/c/student/two words" && chown -R 4321 /mnt/c/student
look before
setfattr -n ceph.quota.max_bytes -v 10000000 /mnt/c/student
setfattr -n ceph.quota.max_files -v 500 /mnt/c/student
fill "/mnt/c/student/two words/a" 100 wrote
# Each folder's count reaches those above it within seconds.
until [ "$(getfattr --only-values -n ceph.dir.rbytes /mnt/c/student 2>/dev/null)" = 6553600 ]; do sleep 0.2; done
look after
# Where there is no getfattr, Python reads the same.
mount --bind /dev/null /usr/bin/getfattr
look by-python
umount /usr/bin/getfattr
[ ! -e "$share/filling" ] || student sh -s <"$share/filling" >"$share/filled"
fill /mnt/c/student/b 200 refused
