# Btrfs in a loop file: a subvolume that a quota group limits to 10 MiB.
. "${0%/*}/prelude.sh"
mkdir /mnt/b
truncate -s 256M /srv/disk
mkfs.btrfs -q /srv/disk >/dev/null
mount -o loop /srv/disk /mnt/b
look without env HOME=/srv/home/student USER=student
btrfs quota enable /mnt/b
btrfs subvolume create /mnt/b/student >/dev/null && chown 4321 /mnt/b/student
btrfs qgroup limit 10M /mnt/b/student
fill /mnt/b/student/a 100 wrote
sync
look after
# The kernel shows quota groups to root only.
look as-root env HOME=/srv/home/student USER=student
fill /mnt/b/student/b 200 refused
