#!/bin/bash
# Installs the appointment book on a bare Debian 12. What it does, step by step, is at the end, in
# main; docs/guides/install.md is for whoever runs it. Run again, it changes only what is missing.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
usage: sudo deploy/install.sh --host NAME [options]

Installs the appointment book on this machine, a bare Debian 12: packages, user, PostgreSQL, the
application, its services, nginx. Run again, it changes nothing, or puts back what is missing.

names
  --host NAME               what staff type into their browsers, such as book.surgery.example
  --fhir-host NAME          what other organisations call (default: fhir.NAME of --host)
  --https-port PORT         (default: 443; another one is for trials)
  --http-port PORT          where unencrypted connections are dropped (default: 80)

certificates (none of these: made on the spot by a test authority, which is for trials only)
  --certificate FILE        of both names, with the chain, in PEM
  --key FILE                its key
  --fhir-certificate FILE   of the name of --fhir-host, if it has one of its own
  --fhir-key FILE           its key
  --client-authority FILE   whose certificates let other organisations in: of the Spine
  --revocation-lists FILE   of all authorities in --client-authority
  --proxy-name NAME         the name in the certificate of the Spine Secure Proxy

the rest
  --administrator NAME      make the first administrator; the password is asked for, or printed once
  --wheels FOLDER           take Python's packages from this folder, and none from an index
  --dry-run                 say what would be done, and touch nothing
  --help                    this

What was given once is remembered in /etc/appointments. pip is told where its index is by its own
configuration (/etc/pip.conf, PIP_INDEX_URL), and nothing is installed but what requirements.txt
pins with its hash.
END
}

# ---------------------------------------------------------------- what was asked for

HOST='' FHIR_HOST='' HTTPS_PORT='' HTTP_PORT=''
CERTIFICATE='' KEY='' FHIR_CERTIFICATE='' FHIR_KEY=''
CLIENT_AUTHORITY='' REVOCATION_LISTS='' PROXY_NAME=''
ADMINISTRATOR='' WHEELS=''

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --dry-run)
                DRY_RUN=yes
                shift
                continue
                ;;
            --host | --fhir-host | --https-port | --http-port | --certificate | --key | \
                --fhir-certificate | --fhir-key | --client-authority | --revocation-lists | \
                --proxy-name | --administrator | --wheels) ;;
            *) fail "there is no option $1; --help lists them." ;;
        esac
        [ $# -ge 2 ] || fail "$1 needs a value."
        local name=${1#--}
        name=${name//-/_}
        printf -v "${name^^}" '%s' "$2"
        shift 2
    done
}

# What an earlier run was told, unless this one is told otherwise.
remember() {
    local names=$SETTINGS/nginx
    HOST=${HOST:-$(setting "$names" STAFF_NAME)}
    FHIR_HOST=${FHIR_HOST:-$(setting "$names" FHIR_NAME)}
    HTTPS_PORT=${HTTPS_PORT:-$(setting "$names" TLS_LISTEN)}
    HTTP_PORT=${HTTP_PORT:-$(setting "$names" PLAIN_LISTEN)}
    CERTIFICATE=${CERTIFICATE:-$(setting "$names" STAFF_CERTIFICATE)}
    KEY=${KEY:-$(setting "$names" STAFF_KEY)}
    FHIR_CERTIFICATE=${FHIR_CERTIFICATE:-$(setting "$names" FHIR_CERTIFICATE)}
    FHIR_KEY=${FHIR_KEY:-$(setting "$names" FHIR_KEY)}
    CLIENT_AUTHORITY=${CLIENT_AUTHORITY:-$(setting "$names" CLIENT_CA)}
    REVOCATION_LISTS=${REVOCATION_LISTS:-$(setting "$names" CLIENT_CRL)}
    PROXY_NAME=${PROXY_NAME:-$(setting "$names" PROXY_FQDN)}
}

complete() {
    [ -n "$HOST" ] || fail "--host NAME is needed: what staff will type into their browsers."
    FHIR_HOST=${FHIR_HOST:-fhir.$HOST}
    HTTPS_PORT=${HTTPS_PORT:-443}
    HTTP_PORT=${HTTP_PORT:-80}
    CERTIFICATE=${CERTIFICATE:-$TLS/server.pem}
    KEY=${KEY:-$TLS/server.key}
    FHIR_CERTIFICATE=${FHIR_CERTIFICATE:-$CERTIFICATE}
    FHIR_KEY=${FHIR_KEY:-$KEY}
    CLIENT_AUTHORITY=${CLIENT_AUTHORITY:-$TLS/authority.pem}
    REVOCATION_LISTS=${REVOCATION_LISTS:-$TLS/revoked.pem}
    if [ "$CLIENT_AUTHORITY" = "$TLS/authority.pem" ]; then
        PROXY_NAME=${PROXY_NAME:-proxy.$HOST}
    fi
}

check_arguments() {
    local name
    for name in "$HOST" "$FHIR_HOST" "${PROXY_NAME:-none}"; do
        [[ $name =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] ||
            fail "$name is not the name of a machine, in small letters."
    done
    [ "$HOST" != "$FHIR_HOST" ] ||
        fail "--host and --fhir-host are told apart by their names: they must differ."
    for name in "$HTTPS_PORT" "$HTTP_PORT"; do
        [[ $name =~ ^[1-9][0-9]{0,4}$ && $name -le 65535 ]] || fail "$name is not a port."
    done
    if [ -n "$ADMINISTRATOR" ]; then
        [[ $ADMINISTRATOR =~ ^[A-Za-z0-9@.+_-]+$ ]] ||
            fail "--administrator: letters, digits and @.+-_ only, not '$ADMINISTRATOR'."
    fi
    [ -z "$WHEELS" ] || [ -d "$WHEELS" ] || fail "--wheels: there is no folder $WHEELS."
    check_certificates
    if [ "$CLIENT_AUTHORITY" != "$TLS/authority.pem" ]; then
        [ -r "$CLIENT_AUTHORITY" ] ||
            fail "--client-authority: $CLIENT_AUTHORITY cannot be read."
        [ -r "$REVOCATION_LISTS" ] ||
            fail "--client-authority needs --revocation-lists FILE: without them nobody is let in."
        [ -n "$PROXY_NAME" ] ||
            fail "--client-authority needs --proxy-name NAME: who of those it vouches for may call."
    fi
}

# Those that are given; openssl, which bare systems may lack, looks closer once it is there.
check_certificates() {
    check_certificate "$HOST" "$CERTIFICATE" "$KEY" --certificate --key
    check_certificate "$FHIR_HOST" "$FHIR_CERTIFICATE" "$FHIR_KEY" --fhir-certificate --fhir-key
}

# check_certificate NAME CERTIFICATE KEY OPTION OPTION
check_certificate() {
    local name=$1 certificate=$2 key=$3
    if [ "$certificate" = "$TLS/server.pem" ]; then
        [ "$key" = "$TLS/server.key" ] || fail "$5 needs $4."
        return
    fi
    [ -r "$certificate" ] || fail "$4: $certificate cannot be read."
    [[ -r $key && $key != "$TLS/server.key" ]] || fail "$5 FILE is needed with $4."
    if command -v openssl >/dev/null; then
        openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null ||
            fail "$4: $certificate is no certificate, or has run out."
        openssl x509 -in "$certificate" -noout -checkhost "$name" | grep -q 'does match' ||
            fail "$4: $certificate is not for $name."
        [ "$(openssl x509 -in "$certificate" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout)" ] ||
            fail "$5: $key does not belong to $certificate."
    fi
}

check_machine() {
    need_debian_12
    local port
    for port in "$HTTPS_PORT" "$HTTP_PORT"; do
        if ! nginx_runs && is_taken "$port"; then
            refuse "port $port is taken by another program: stop it, or name another port."
        fi
    done
    VERSION=$(version_of "$SOURCE")
    [ -n "$VERSION" ] || fail "$SOURCE is no tree of the appointment book."
    local current
    current=$(current_version)
    [ -z "$current" ] || [ "$current" = "$VERSION" ] ||
        refuse "version $current is installed: deploy/upgrade.sh makes $VERSION of it."
}

is_taken() {
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# ---------------------------------------------------------------- the steps

install_packages() {
    local missing=() package
    for package in "${PACKAGES[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then
        say "All are there: ${PACKAGES[*]}."
        return
    fi
    run apt-get update --quiet=2
    run install_quietly "${missing[@]}"
    did "Installed: ${missing[*]}."
}

is_installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Without systemd Debian's packages would start their services by scripts of their own.
install_quietly() {
    local policy=/usr/sbin/policy-rc.d ours=no
    if ! has_systemd && [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@" \
        </dev/null >/dev/null
    [ "$ours" = no ] || rm "$policy"
}

make_user() {
    if getent passwd "$ACCOUNT" >/dev/null; then
        say "The user $ACCOUNT is there."
    else
        run adduser --quiet --system --group --no-create-home --home "$STATE" "$ACCOUNT"
        did "The user $ACCOUNT is made: the services run as it."
    fi
    # Through sockets that only this group may open: who can open them may say who a client is.
    if id -nG www-data 2>/dev/null | grep -qw "$ACCOUNT"; then
        say "nginx's user, www-data, is in its group."
    else
        run usermod --append --groups "$ACCOUNT" www-data
        did "nginx's user, www-data, is put into its group."
    fi
    # Of an installation before this one, whose user is gone.
    if [ -d "$STATE" ] && [ "$(stat --format %U "$STATE")" != "$ACCOUNT" ]; then
        run chown --recursive "$ACCOUNT:$ACCOUNT" "$STATE"
    fi
    make_folder "$STATE" 700 "$ACCOUNT:$ACCOUNT"
    for folder in audit uploads returns backups; do
        make_folder "$STATE/$folder" 700 "$ACCOUNT:$ACCOUNT"
    done
}

# Root's alone: systemd reads them, and gives each service what it needs. nginx's user is in the
# group of the services, and is not to know their secrets.
make_settings() {
    make_folder "$SETTINGS" 755
    new_file "$SETTINGS/environment" \
        "# Settings of the services, one NAME=value a line; docs/reference/configuration.md" \
        "# lists all there are. Restart the services when they change:" \
        "#   systemctl restart 'appointments-*.service'"
    add_setting "$SETTINGS/environment" DJANGO_SECRET_KEY "$(secret)"
    add_setting "$SETTINGS/environment" DJANGO_ALLOWED_HOSTS "$HOST,$FHIR_HOST"
    add_setting "$SETTINGS/environment" GPCONNECT_HOST "$FHIR_HOST"
    if [ "$HTTPS_PORT" != 443 ]; then
        add_setting "$SETTINGS/environment" DJANGO_CSRF_TRUSTED_ORIGINS "https://$HOST:$HTTPS_PORT"
    fi
    add_setting "$SETTINGS/environment" METRICS_TOKEN "$(secret)"
    add_setting "$SETTINGS/environment" WEB_CONCURRENCY "$(processes)"
    # No password: PostgreSQL knows the user of the services by itself.
    add_setting "$SETTINGS/environment" DATABASE_URL \
        "postgresql://$ACCOUNT@%2Fvar%2Frun%2Fpostgresql:$PORT/$DATABASE"

    new_file "$SETTINGS/owner" \
        "# The owner of the database, who migrates it. Instead of DATABASE_URL of \"environment\"."
    add_setting "$SETTINGS/owner" DATABASE_URL \
        "postgresql://$OWNER:$(secret)@127.0.0.1:$PORT/$DATABASE"

    new_file "$SETTINGS/sealing" \
        "# What the sealer signs the ends of the audit trail with (docs/runbook.md, \"The witness\")." \
        "# Keep a copy elsewhere: with it the log proves the trail."
    add_setting "$SETTINGS/sealing" AUDIT_HEAD_KEYS "$(secret)"

    write_file "$SETTINGS/nginx" 644 <<END
# What nginx's configuration is rendered from; deploy/install.sh writes it.
STAFF_NAME=$HOST
STAFF_CERTIFICATE=$CERTIFICATE
STAFF_KEY=$KEY
FHIR_NAME=$FHIR_HOST
FHIR_CERTIFICATE=$FHIR_CERTIFICATE
FHIR_KEY=$FHIR_KEY
CLIENT_CA=$CLIENT_AUTHORITY
CLIENT_CRL=$REVOCATION_LISTS
PROXY_FQDN=$PROXY_NAME
TLS_LISTEN=$HTTPS_PORT
PLAIN_LISTEN=$HTTP_PORT
END
}

# new_file PATH LINE ...: for root only; what is there stays as it is.
new_file() {
    local path=$1
    if [ -f "$path" ]; then
        say "$path is there, and keeps what it says."
    else
        printf '%s\n' "${@:2}" | write_file "$path" 600
    fi
}

# One for each processor, two at least.
processes() {
    local cores
    cores=$(nproc)
    echo $((cores > 2 ? cores : 2))
}

prepare_database() {
    if [ "$DRY_RUN" = yes ]; then
        say "would run: createuser $OWNER (owns the database, and migrates it)"
        say "would run: createuser $ACCOUNT (serves; sees what deploy/postgresql/rights.sql grants)"
        say "would run: createdb --owner $OWNER $DATABASE"
        return
    fi
    local password
    password=$(setting "$SETTINGS/owner" DATABASE_URL | sed -n "s#^postgresql://$OWNER:\([^@]*\)@.*#\1#p")
    make_role "$ACCOUNT"
    make_role "$OWNER"
    if [ -n "$password" ] && ! owner_gets_in "$password"; then
        # Not on a command line, where others would see it.
        as_postgres psql --port "$PORT" --no-psqlrc --quiet --set ON_ERROR_STOP=1 postgres \
            <<<"ALTER ROLE $OWNER PASSWORD '$password';"
    fi
    if [ "$(ask_postgres "SELECT count(*) FROM pg_database WHERE datname = '$DATABASE'")" = 1 ]; then
        say "The database $DATABASE is there."
    else
        as_postgres createdb --port "$PORT" --owner "$OWNER" --template template0 \
            --encoding UTF8 --locale C.UTF-8 "$DATABASE"
        say "The database $DATABASE is made, of $OWNER."
    fi
}

make_role() {
    if [ "$(ask_postgres "SELECT count(*) FROM pg_roles WHERE rolname = '$1'")" = 1 ]; then
        say "The role $1 is there."
    else
        as_postgres createuser --port "$PORT" --no-createdb --no-createrole --no-superuser "$1"
        say "The role $1 is made."
    fi
}

owner_gets_in() {
    PGPASSWORD=$1 psql --host 127.0.0.1 --port "$PORT" --username "$OWNER" --no-password \
        --no-psqlrc --quiet --command 'SELECT' postgres >/dev/null 2>&1
}

# A test authority, a certificate of it for both names, and one for whoever tries the FHIR door.
make_test_certificates() {
    if [ "$CERTIFICATE" != "$TLS/server.pem" ] && [ "$CLIENT_AUTHORITY" != "$TLS/authority.pem" ]; then
        say "Those that were given are used where they are: $CERTIFICATE, $CLIENT_AUTHORITY."
        return
    fi
    loudly "TEST CERTIFICATES are in use, made on this machine. No browser knows their authority, no" \
        "other organisation holds one, and they end in a year: for trials only. For use give" \
        "--certificate, --key, --client-authority, --revocation-lists and --proxy-name."
    if [ -f "$TLS/authority.pem" ]; then
        say "They are in $TLS already."
        return
    fi
    make_folder "$TLS" 755
    if [ "$DRY_RUN" = yes ]; then
        say "would make: $TLS/{authority,server,client}.pem with their keys, and revoked.pem"
        return
    fi
    (
        cd "$TLS"
        umask 077
        openssl req -x509 -newkey rsa:2048 -noenc -days 365 -subj "/O=TEST ONLY/CN=Test authority" \
            -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign \
            -keyout authority.key -out authority.pem 2>/dev/null
        issue server "$HOST" serverAuth "DNS:$HOST,DNS:$FHIR_HOST"
        issue client "$PROXY_NAME" clientAuth "DNS:$PROXY_NAME"
        touch issued
        printf '[ca]\ndefault_ca=ca\n[ca]\ndatabase=issued\ndefault_md=sha256\n' >ca.conf
        openssl ca -gencrl -config ca.conf -keyfile authority.key -cert authority.pem -crldays 365 \
            -out revoked.pem 2>/dev/null
        rm -f ca.conf issued*
        chmod 644 ./*.pem
    )
    say "Made in $TLS; client.pem and client.key let a trial in through the FHIR door."
}

# issue FILE NAME PURPOSE ALTERNATIVE_NAMES
issue() {
    openssl req -new -newkey rsa:2048 -noenc -subj "/O=TEST ONLY/CN=$2" \
        -keyout "$1.key" -out "$1.request" 2>/dev/null
    openssl x509 -req -in "$1.request" -CA authority.pem -CAkey authority.key -days 365 \
        -set_serial "0x$(openssl rand -hex 16)" -out "$1.pem" \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$4" "$3") 2>/dev/null
    rm "$1.request"
}

make_administrator() {
    if [ -z "$ADMINISTRATOR" ]; then
        say "None was asked for. When there is to be one: sudo appointments-manage make_administrator NAME"
    elif [ -t 0 ]; then
        run manage "$FOLDER" make_administrator "$ADMINISTRATOR"
    else
        run manage "$FOLDER" make_administrator "$ADMINISTRATOR" --generate
    fi
}

say_what_now() {
    cat <<END

Version $VERSION is installed, and serves.

  staff                  https://$HOST$(port_in_address)/admin/
  other organisations    https://$FHIR_HOST$(port_in_address)/ODS/STU3/1/gpconnect
  settings and secrets   $SETTINGS
  what it keeps          PostgreSQL's database "$DATABASE"; $STATE, with a backup every night
  its commands           sudo appointments-manage help

Next: let both names lead to this machine, make the practice
(appointments-manage load_practice FILE), and send the backups elsewhere.
docs/guides/install.md goes on from here.
END
}

port_in_address() {
    [ "$HTTPS_PORT" = 443 ] || printf ':%s' "$HTTPS_PORT"
}

# ---------------------------------------------------------------- in this order

main() {
    umask 022
    read_arguments "$@"
    remember
    complete
    check_arguments
    need_root
    check_machine
    FOLDER=$CODE/$VERSION
    [ "$DRY_RUN" = no ] || say "A dry run: nothing is touched."

    step "Debian's packages"
    install_packages

    step "A user for the services, and what is theirs"
    make_user

    step "PostgreSQL"
    if [ "$DRY_RUN" = yes ]; then
        PORT=5432
        say "would start it, if it does not run"
    else
        start_database
        PORT=$(database_port)
    fi

    step "Settings, with secrets made on this machine"
    make_settings

    step "Two database roles: one owns and migrates, the other serves"
    prepare_database

    step "The code of version $VERSION, its Python packages and static files"
    install_code "$VERSION" "$WHEELS"

    step "The tables of the database, and what the serving role may do with them"
    migrate "$FOLDER"
    make_current "$VERSION"

    step "Certificates"
    check_certificates
    make_test_certificates

    step "Services"
    install_units "$SOURCE"
    start_services

    step "nginx"
    install_site "$FOLDER"

    step "The first administrator"
    make_administrator

    step "Self-test, through nginx"
    self_test "$FOLDER"
    doctor "$FOLDER"

    [ "$DRY_RUN" = yes ] || say_what_now
}

main "$@"
