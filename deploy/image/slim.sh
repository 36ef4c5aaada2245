#!/bin/sh
# Run by mmdebstrap on a root file system into which packages were unpacked, and not yet installed:
# keeps the packages named in KEEP, and removes what the others brought that only maintainers'
# scripts need (a shell, Perl, dpkg). What was kept is listed where scanners look for it.
set -eu
root=$1

for deb in "$root"/var/cache/apt/archives/*.deb; do
    name=$(dpkg-deb --field "$deb" Package)
    case " $KEEP " in
    *" $name "*)
        mkdir -p "$root/var/lib/dpkg/status.d"
        dpkg-deb --field "$deb" >"$root/var/lib/dpkg/status.d/$name"
        ;;
    *)
        dpkg-deb --fsys-tarfile "$deb" | tar --list | grep -v '/$' | while read -r path; do
            rm -f "$root/$path"
        done
        ;;
    esac
done
for name in $KEEP; do
    test -e "$root/var/lib/dpkg/status.d/$name" || { echo "$name is not there" >&2; exit 1; }
done

# What their scripts would have done, as far as it is used.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\n' >"$root/etc/nsswitch.conf"

# For reading only; the licences (copyright) stay.
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root/usr/share/man" "$root/usr/share/info" "$root/usr/share/lintian" \
    "$root/usr/share/locale" "$root/usr/share/bash-completion" "$root/usr/share/postgresql" \
    "$root/usr/share/zoneinfo/right" "$root/usr/share/zoneinfo/posix" "$root/usr/share/applications" \
    "$root/usr/share/pixmaps" "$root/usr/share/perl5" "$root/usr/lib/python3.11/ensurepip" \
    "$root/usr/lib/python3.11/lib2to3"
rm -rf "$root"/usr/lib/*/gconv  # for iconv, which nobody calls
find "$root/usr/bin" ! -type d ! -name python3.11 -delete
find "$root/usr/lib/postgresql" -type f ! -name pg_dump ! -name pg_restore ! -name psql -delete
find "$root/usr" "$root/etc" "$root/var/lib" -xtype l -delete
find "$root/usr" "$root/etc" "$root/var/lib" -depth -type d -empty -delete
