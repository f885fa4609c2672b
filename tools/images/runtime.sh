#!/bin/sh
# What the packages of the runtime base lack because none of their scripts ran; $1 is its root.
set -eu

# A bill of materials reads here what there is: one file a package, as in the distroless images.
mkdir -p "$1/var/lib/dpkg/status.d" "$1/etc/ssl/certs"
for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" > "$1/var/lib/dpkg/status.d/$(dpkg-deb --field "$deb" Package)"
done

cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"
ln -s python3.13 "$1/usr/bin/python3"
mkdir "$1/home/nonroot"
chown 65532:65532 "$1/home/nonroot"
echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > "$1/etc/passwd"
echo 'nonroot:x:65532:' > "$1/etc/group"
