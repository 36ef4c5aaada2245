#!/bin/bash
# Build the image from what is committed: build.sh [FOLDER]   (make image; docs/guides/containers.md)
#
# As root, with mmdebstrap, buildah and git, and a Python with pip in $PYTHON. FOLDER (var/image) gets
# an OCI archive, its checksum, and a list of what is in it. No registry of images is asked or told.
set -euo pipefail
umask 022

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(git -C "$HERE" rev-parse --show-toplevel)
OUT=$(mkdir -p "${1:-$ROOT/var/image}" && cd "${1:-$ROOT/var/image}" && pwd)
PYTHON=${PYTHON:-python3}
NAME=localhost/appointments
# Whose it is inside, and so what owns the volumes outside.
OWNER=10001
# Of Debian 12, so that nothing is compiled: what Python and pg_dump need, and no shell.
KEEP="base-files ca-certificates libbz2-1.0 libc6 libcom-err2 libcrypt1 libdb5.3 libexpat1 libffi8
    libgcc-s1 libgmp10 libgnutls30 libgssapi-krb5-2 libhogweed6 libidn2-0 libk5crypto3 libkeyutils1
    libkrb5-3 libkrb5support0 libldap-2.5-0 liblz4-1 liblzma5 libncursesw6 libnettle8 libnsl2
    libp11-kit0 libpq5 libpython3.11-minimal libpython3.11-stdlib libreadline8 libsasl2-2
    libsqlite3-0 libssl3 libtasn1-6 libtinfo6 libtirpc3 libunistring2 libuuid1 libzstd1 media-types
    netbase postgresql-client-15 python3.11 python3.11-minimal tzdata zlib1g"
# Of requirements.txt, what only tests import.
NOT_SERVED="iniconfig pluggy pygments pytest pytest-django"
# Of the repository, what serves.
SERVED="LICENSE config consumer deploy demo fhirapi gunicorn.conf.py manage.py practice pyproject.toml templates"

[ "$(id -u)" = 0 ] || { echo "build.sh: run it as root (or: buildah unshare $0)" >&2; exit 1; }
for tool in mmdebstrap buildah git; do
    command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing: apt-get install $tool" >&2; exit 1; }
done

"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "build.sh: \$PYTHON must be a Python 3.11, as in the image: what is to be installed depends on it" >&2
    exit 1
}

cd "$ROOT"
REVISION=$(git rev-parse HEAD)
git diff --quiet HEAD || echo "build.sh: what is not committed is not in the image" >&2
# Whoever builds this commit again gets the same times.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

WORK=$(mktemp -d --tmpdir appointments-image.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
say() { echo "== $(($(date +%s) - BEGUN)) s: $*"; }
BEGUN=$(date +%s)
build() { buildah --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs "$@"; }
CONTAINER=$(build from scratch)
# Filled where it lies, which keeps owners (`buildah add` gives all to root) and saves a copy.
BASE=$(build mount "$CONTAINER")

say "Debian 12: the packages that Python and pg_dump need"
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org}
KEEP=$(echo $KEEP) mmdebstrap --quiet --mode=root --variant=extract --format=directory \
    --include=base-files,ca-certificates,netbase,postgresql-client-15,python3.11,tzdata \
    --aptopt='APT::Install-Recommends "false"' \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --extract-hook="\"$HERE/slim.sh\" \"\$1\"" \
    bookworm "$BASE" - <<SOURCES
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR/debian bookworm-updates main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR/debian-security bookworm-security main
SOURCES
rm -rf "$BASE/dev" "$BASE/boot" "$BASE/home" "$BASE/etc/apt" "$BASE/var/cache" "$BASE/var/log" \
    "$BASE/var/lib/apt" "$BASE/etc/hostname" "$BASE/etc/resolv.conf" "$BASE/var/local" "$BASE/var/mail" \
    "$BASE/var/opt" "$BASE/var/spool" "$BASE/var/backups" "$BASE/var/lock" "$BASE/srv" "$BASE/media" "$BASE/mnt" \
    "$BASE"/usr/sbin/*
mkdir -p "$BASE/dev" "$BASE/var/cache" "$BASE/var/log"
printf 'root:x:0:0::/root:/usr/sbin/nologin\nappointments:x:%s:%s::/tmp:/usr/sbin/nologin\n' \
    $OWNER $OWNER >"$BASE/etc/passwd"
printf 'root:x:0:\nappointments:x:%s:\n' $OWNER >"$BASE/etc/group"

say "packages of Python, by their hashes"
PACKAGES=$BASE/usr/local/lib/python3.11/dist-packages
awk -v left_out=" $NOT_SERVED " -F '[=;]' '/^[a-z]/ { skip = index(left_out, " " $1 " ") } !skip' \
    requirements.txt >"$WORK/requirements.txt"
PLATFORMS=$(for glibc in 36 35 34 31 28 27 26 24 17; do echo "--platform manylinux_2_${glibc}_$(uname -m)"; done)
# Where pip finds packages, its own configuration says, and none of that gets into a layer.
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --no-deps \
    --no-compile --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3 \
    --abi none $PLATFORMS --platform "manylinux2014_$(uname -m)" --platform any \
    --target "$PACKAGES" --requirement "$WORK/requirements.txt"
rm -rf "$PACKAGES/bin"
find "$PACKAGES" -name '*.po' -delete  # what their .mo were made of

say "our own code, static files, byte code"
APPLICATION=$BASE/opt/appointments
mkdir -p "$APPLICATION"
git archive --format=tar "$REVISION" $SERVED | tar --extract --directory "$APPLICATION" --no-same-owner
# Where static files go and what is asked of settings needs no secret, but one must be there.
SECRET=$(head -c 48 /dev/urandom | base64 --wrap=0)
CHROOT=$(command -v chroot)
inside() {
    env -i PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
        DJANGO_SECRET_KEY="$SECRET" DATABASE_URL=postgresql://nobody@127.0.0.1/nothing TMPDIR=/tmp \
        "$CHROOT" "$BASE" /usr/bin/python3.11 "$@"
}
inside /opt/appointments/manage.py collectstatic --noinput --verbosity 0
inside -m compileall -q --invalidation-mode unchecked-hash \
    /usr/lib/python3.11 /usr/local/lib/python3.11 /opt/appointments
VERSION=$(inside -c 'import sys; sys.path.insert(0, "/opt/appointments"); from config import VERSION; print(VERSION)')
rm -rf "${BASE:?}/tmp" "$BASE/var/tmp" "$BASE/run"
install -d -m 1777 "$BASE/tmp" "$BASE/var/tmp"
install -d -m 755 "$BASE/run"
# Where volumes go. A named volume takes owner and mode from here when it is made.
install -d -m 750 -o $OWNER -g $OWNER "$BASE/run/appointments"
for folder in "" /audit /uploads /returns /archive /backups /schedule; do
    install -d -m 700 -o $OWNER -g $OWNER "$BASE/var/lib/appointments$folder"
done
chmod 711 "$BASE/var/lib/appointments"
install -d -m 750 -o $OWNER -g $OWNER "$BASE/var/lib/appointments/nginx"
chmod -R go-w,a+rX "$APPLICATION" "$PACKAGES"

say "the image"
RUN='["/usr/bin/python3.11", "/opt/appointments/deploy/image/entry.py"]'
build config --user "$OWNER:$OWNER" --workingdir /opt/appointments --entrypoint "$RUN" --cmd web \
    --stop-signal SIGTERM \
    --env PATH=/usr/lib/postgresql/15/bin:/usr/bin --env LANG=C.UTF-8 --env PYTHONUTF8=1 \
    --env PYTHONUNBUFFERED=1 --env PYTHONDONTWRITEBYTECODE=1 --env HOME=/tmp \
    --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --env RUNTIME_DIRECTORY=/run/appointments --env DJANGO_LOG_FORMAT=json \
    --env AUDIT_SPOOL=/var/lib/appointments/audit \
    --env UPLOADS_FOLDER=/var/lib/appointments/uploads \
    --env RETURNS_FOLDER=/var/lib/appointments/returns \
    --label org.opencontainers.image.title="Appointment book" \
    --label org.opencontainers.image.version="$VERSION" \
    --label org.opencontainers.image.revision="$REVISION" \
    --label org.opencontainers.image.licenses=Apache-2.0 \
    --label org.opencontainers.image.base.name=debian:bookworm \
    "$CONTAINER"
UNPACKED=$(du -sm --apparent-size "$BASE" | cut -f1)
ARCHIVE=$OUT/appointments-$VERSION.tar
rm -f "$ARCHIVE"
build commit --quiet --format oci --disable-compression=false --timestamp "$SOURCE_DATE_EPOCH" "$CONTAINER" \
    "oci-archive:$ARCHIVE:$NAME:$VERSION" >/dev/null
(
    cd "$OUT"
    sha256sum "$(basename "$ARCHIVE")" >"$(basename "$ARCHIVE").sha256"
    {
        for file in "$BASE"/var/lib/dpkg/status.d/*; do
            awk '/^Package: / { name = $2 } /^Version: / { print "debian", name, $2 }' "$file"
        done
        (cd "$PACKAGES" && ls -d ./*.dist-info) | sed -E 's#^\./(.*)-([^-]+)\.dist-info$#python \1 \2#'
    } >"appointments-$VERSION.packages"
)
say "$ARCHIVE: $(($(stat --format %s "$ARCHIVE") / 1000000)) MB packed, $UNPACKED MB unpacked"
