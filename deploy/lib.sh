# shellcheck shell=bash
# shellcheck disable=SC2034 # what is not used here is used by those that read this
# What install.sh, upgrade.sh, uninstall.sh and manage.sh have in common; they read this file.
# docs/guides/install.md tells an operator what is done here, and why.

# Where things are. The units in deploy/systemd name the same places.
readonly CODE=/opt/appointments
readonly CURRENT=$CODE/current
readonly SETTINGS=/etc/appointments
readonly TLS=$SETTINGS/tls
readonly STATE=/var/lib/appointments
readonly UNITS=/etc/systemd/system
readonly SITE=/etc/nginx/conf.d/appointments.conf
readonly DEBIAN_SITE=/etc/nginx/sites-enabled/default
readonly COMMAND=/usr/local/sbin/appointments-manage
readonly ACCOUNT=appointments
readonly DATABASE=appointments
readonly OWNER=appointments_owner

# Debian's packages that are needed.
readonly PACKAGES=(python3 python3-venv postgresql nginx openssl ca-certificates)

# The units that run for good, and the timers. All that deploy/systemd has are among them.
readonly SERVICES=(appointments-seal appointments-web appointments-watch)
readonly TIMERS=(
    appointments-generate
    appointments-overnight
    appointments-sheets
    appointments-backup
    appointments-archive
    appointments-check@verify_audit
    appointments-check@check_diary
)

# What of the source tree serves; the rest of it is for those who develop.
readonly PRODUCT=(
    config consumer demo deploy fhirapi practice templates
    manage.py gunicorn.conf.py requirements.txt CHANGELOG.md LICENSE
)

# The source tree that this file is in.
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly SOURCE

DRY_RUN=no

# ---------------------------------------------------------------- saying and doing

step() {
    printf '\n== %s\n' "$*"
}

say() {
    printf '   %s\n' "$*"
}

# What was done, so not in a dry run.
did() {
    if [ "$DRY_RUN" = no ]; then
        say "$@"
    fi
}

loudly() {
    printf '   !! %s\n' "$@" >&2
}

fail() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# In a dry run what would stop the script is only said.
refuse() {
    if [ "$DRY_RUN" = yes ]; then
        say "(it would stop here: $*)"
    else
        fail "$*"
    fi
}

# Every change of the system goes through here, or through write_file.
run() {
    if [ "$DRY_RUN" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# write_file PATH MODE: what comes in becomes the file, of root; left alone where it is so already.
write_file() {
    local path=$1 mode=$2 wanted
    wanted=$(cat; printf .)
    wanted=${wanted%.}
    if [ "$DRY_RUN" = yes ]; then
        say "would write: $path ($mode)"
    elif [ -f "$path" ] && [ "$(cat "$path"; printf .)" = "$wanted." ]; then
        return
    else
        (umask 077 && printf '%s' "$wanted" >"$path.new")
        chmod "$mode" "$path.new"
        mv "$path.new" "$path"
        did "$path is written."
    fi
}

# make_folder PATH MODE [OWNER:GROUP]
make_folder() {
    local path=$1 mode=$2 owner=${3:-root:root}
    run install --directory --mode "$mode" --owner "${owner%:*}" --group "${owner#*:}" "$path"
}

need_root() {
    [ "$(id -u)" = 0 ] || refuse "only root may do this: sudo $0 ..."
}

need_debian_12() {
    local found
    found=$(. /etc/os-release 2>/dev/null && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
    [ "$found" = "debian 12" ] ||
        refuse "this is for Debian 12, on which it is tried; this system says that it is $found."
}

version_of() {
    sed -n 's/^VERSION *= *"\([^"]*\)".*/\1/p' "$1/config/__init__.py"
}

# In a dry run it is always spoken of.
has_systemd() {
    [ -d /run/systemd/system ] || [ "$DRY_RUN" = yes ]
}

# ---------------------------------------------------------------- settings

# KEY=VALUE lines into the environment, as systemd reads them. Missing files have none.
load_settings() {
    local file line
    for file in "$@"; do
        [ -r "$file" ] || continue
        while IFS= read -r line || [ -n "$line" ]; do
            [[ $line =~ ^[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
            local name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
            if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then
                value=${BASH_REMATCH[1]}
            fi
            export "$name=$value"
        done <"$file"
    done
}

# setting FILE KEY: its value there, or nothing.
setting() {
    if [ -r "$1" ]; then
        sed -n "s/^$2=//p" "$1" | tail -n 1
    fi
}

# add_setting FILE KEY VALUE: only where the key is missing; what is there is never changed.
add_setting() {
    local file=$1 key=$2 value=$3
    if [ "$DRY_RUN" = yes ]; then
        say "would add: $key to $file, if it is not there"
    elif ! grep -q "^$key=" "$file"; then
        printf '%s=%s\n' "$key" "$value" >>"$file"
        say "$key is added to $file."
    fi
}

secret() {
    if [ "$DRY_RUN" = yes ]; then
        echo made-then  # a bare system has no openssl yet
    else
        openssl rand -hex 32
    fi
}

# ---------------------------------------------------------------- manage.py

# In a place of its own (the parentheses), so that no setting stays behind.
# manage VERSION_FOLDER COMMAND ...: as the application.
manage() (
    load_settings "$SETTINGS/environment"
    as_in_the_units
    cd "$1" || exit
    exec runuser -u "$ACCOUNT" -- .venv/bin/python manage.py "${@:2}"
)

# The same as the owner of the database, who may change its tables.
manage_as_owner() (
    load_settings "$SETTINGS/environment" "$SETTINGS/owner"
    as_in_the_units
    cd "$1" || exit
    exec runuser -u "$ACCOUNT" -- .venv/bin/python manage.py "${@:2}"
)

# Where the units keep what the application writes.
as_in_the_units() {
    export AUDIT_SPOOL=$STATE/audit UPLOADS_FOLDER=$STATE/uploads RETURNS_FOLDER=$STATE/returns
}

# ---------------------------------------------------------------- PostgreSQL

database_version() {
    pg_lsclusters --no-header | awk '$2 == "main" {print $1}' | tail -n 1
}

database_port() {
    pg_lsclusters --no-header | awk '$2 == "main" {print $3}' | tail -n 1
}

as_postgres() {
    (cd / && runuser -u postgres -- "$@")
}

# ask_postgres SQL [DATABASE]: one value.
ask_postgres() {
    as_postgres psql --port "$(database_port)" --no-psqlrc --quiet --tuples-only --no-align \
        --set ON_ERROR_STOP=1 --command "$1" "${2:-postgres}"
}

start_database() {
    [ -n "$(database_version)" ] || run pg_createcluster "$(postgresql_installed)" main
    if pg_lsclusters --no-header | grep -q ' main .* online'; then
        say "PostgreSQL $(database_version) runs, on port $(database_port)."
    elif has_systemd; then
        run systemctl start postgresql
    else
        pg_ctlcluster "$(database_version)" main start
    fi
}

postgresql_installed() {
    basename "$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 | sort --version-sort | tail -n 1)"
}

migrate() {
    run manage_as_owner "$1" migrate --no-input --verbosity 1
    run manage_as_owner "$1" dbshell -- --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
        --single-transaction --file "$1/deploy/postgresql/rights.sql"
}

# ---------------------------------------------------------------- a version of the code

# What the files of the product are, in one line: to know a tree again.
fingerprint() {
    (cd "$1" && find "${PRODUCT[@]}" -type f ! -path '*/__pycache__/*' -print0 |
        LC_ALL=C sort --zero-terminated | xargs --null sha256sum | sha256sum | cut --delimiter ' ' --fields 1)
}

# Copies the tree to its place, with its Python packages and static files. A folder that is not
# whole has no file "installed", and is made anew.
install_code() {
    local version=$1 wheels=$2
    local folder=$CODE/$version pip=(--quiet --disable-pip-version-check --no-input)
    [ -z "$wheels" ] || pip+=(--no-index --find-links "$wheels")
    if [ -f "$folder/installed" ]; then
        [ "$(cat "$folder/installed")" = "$(fingerprint "$SOURCE")" ] || refuse \
            "$folder was made from other files than these, which call themselves $version too." \
            "What serves is never changed in place: give these files another version" \
            "(config/__init__.py), and use deploy/upgrade.sh."
        say "$folder is there already."
        return
    fi
    run rm -rf "$folder"
    make_folder "$CODE" 755
    make_folder "$folder" 755
    run copy_product "$folder"
    run python3 -m venv "$folder/.venv"
    run "$folder/.venv/bin/python" -m pip install "${pip[@]}" \
        --require-hashes --requirement "$folder/requirements.txt"
    # Of venv, and used by nothing here; nobody would keep it up to date.
    run "$folder/.venv/bin/python" -m pip uninstall --quiet --quiet --yes setuptools
    run collect_static_files "$folder"
    run "$folder/.venv/bin/python" -m compileall -q "$folder" -x '/\.venv/'
    run mark_as_whole "$folder"
    did "$folder is made."
}

copy_product() {
    tar --directory "$SOURCE" --exclude __pycache__ --create "${PRODUCT[@]}" |
        tar --directory "$1" --extract --no-same-owner --no-same-permissions
    chmod --recursive u=rwX,go=rX "$1"
}

collect_static_files() (
    load_settings "$SETTINGS/environment"
    cd "$1" || exit
    .venv/bin/python manage.py collectstatic --no-input --verbosity 0
)

mark_as_whole() {
    fingerprint "$SOURCE" >"$1/installed"
}

# The version that serves; nothing if there is none.
current_version() {
    if [ -L "$CURRENT" ]; then
        basename "$(readlink "$CURRENT")"
    fi
}

make_current() {
    run ln --symbolic --no-dereference --force "$1" "$CURRENT"
}

# ---------------------------------------------------------------- services

# install_units TREE: those that TREE has; one of ours that it does not have goes.
install_units() {
    local unit
    for unit in "$UNITS"/appointments-*; do
        if [ -e "$unit" ] && [ ! -e "$1/deploy/systemd/$(basename "$unit")" ]; then
            stop_and_disable "$(basename "$unit")"
            run rm "$unit"
        fi
    done
    for unit in "$1"/deploy/systemd/appointments-*; do
        # shellcheck disable=SC2094 # it reads one folder and writes into another
        write_file "$UNITS/$(basename "$unit")" 644 <"$unit"
    done
    did "The units of deploy/systemd are in $UNITS."
    run ln --symbolic --force "$CURRENT/deploy/manage.sh" "$COMMAND"
    if has_systemd; then
        run systemctl daemon-reload
    fi
}

# The units of the lists above; in an installation, those of them that its version has.
units() {
    local unit
    for unit in "${SERVICES[@]/%/.service}" "${TIMERS[@]/%/.timer}"; do
        if [ "$DRY_RUN" = yes ] || [ -e "$UNITS/${unit/@*./@.}" ]; then
            echo "$unit"
        fi
    done
}

start_services() {
    local unit all
    mapfile -t all < <(units)
    if has_systemd; then
        run systemctl enable --now --quiet "${all[@]}"
    else
        loudly "There is no systemd here: the services are started by this script, as its test does." \
            "Nothing starts them again, and no timer runs. Not for use."
        for unit in "${all[@]}"; do
            [ "$unit" = "${unit%.service}" ] || start_by_hand "${unit%.service}"
        done
    fi
}

# The sealer first, so that nothing waits for its seal; web lets go when it has answered.
restart_services() {
    if has_systemd; then
        start_services
        run systemctl restart "${SERVICES[@]/%/.service}"
    else
        stop_services
        start_services
    fi
}

stop_services() {
    local unit
    for unit in $(units); do
        stop_and_disable "$unit"
    done
    if has_systemd; then
        run systemctl stop 'appointments-*.service'  # a task that a timer has begun
    fi
}

stop_and_disable() {
    if has_systemd; then
        run systemctl disable --now --quiet "$1"
    elif [ "$1" != "${1%.service}" ]; then
        stop_by_hand "${1%.service}"
    fi
}

# ---- where there is no systemd: a bare root file system in a test, or a container

# What the unit says, without its walls.
start_by_hand() (
    local unit=$UNITS/$1.service pid=/run/$1.pid command
    if runs_by_hand "$1"; then
        return
    fi
    install --directory --mode 700 --owner "$ACCOUNT" --group "$ACCOUNT" "$STATE"
    install --directory --mode 750 --owner "$ACCOUNT" --group "$ACCOUNT" /run/appointments
    load_settings <(sed -n 's/^Environment=//p' "$unit")
    # shellcheck disable=SC2046 # paths without blanks, one a line
    load_settings $(sed -n 's/^EnvironmentFile=//p' "$unit")
    command=$(sed -n 's/^ExecStart=//p' "$unit")
    if [ "$1" = appointments-web ]; then
        export RUNTIME_DIRECTORY=/run/appointments
    fi
    export TMPDIR=/run/appointments  # systemd gives each its own /tmp
    cd "$CURRENT" || exit
    umask 027
    # shellcheck disable=SC2086 # a command and its arguments
    setsid runuser -u "$ACCOUNT" -- $command >>"/var/log/$1.log" 2>&1 </dev/null &
    echo $! >"$pid"
    say "$1 is started, with its log in /var/log/$1.log."
)

runs_by_hand() {
    [ -f "/run/$1.pid" ] && kill -0 "$(cat "/run/$1.pid")" 2>/dev/null
}

stop_by_hand() {
    if runs_by_hand "$1"; then
        kill "$(cat "/run/$1.pid")"
        local tries=0
        while runs_by_hand "$1"; do
            [ $((tries += 1)) -le 400 ] || fail "$1 does not stop."
            sleep 0.1
        done
    fi
    rm -f "/run/$1.pid"
}

# ---------------------------------------------------------------- nginx

# Renders the configuration of this installation, tries it, and takes it back if nginx refuses it.
install_site() {
    local folder=$1 before='' rendered said
    if [ "$DRY_RUN" = yes ]; then
        say "would write: $SITE (644), from $SETTINGS/nginx"
        say "would run: nginx -t, and a reload"
        return
    fi
    rendered=$(render_site "$folder")
    [ ! -f "$SITE" ] || before=$(cat "$SITE")
    write_file "$SITE" 644 <<<"$rendered"
    if [ -L "$DEBIAN_SITE" ]; then
        # It is the default server of port 80, as ours is, and shows a page of welcome.
        rm "$DEBIAN_SITE"
        touch "$SETTINGS/debian-site-was-enabled"
        say "$DEBIAN_SITE, nginx's page of welcome, is taken away."
    fi
    if ! said=$(nginx -t -q 2>&1); then
        printf '%s\n' "$said" >&2
        if [ -n "$before" ]; then
            printf '%s\n' "$before" >"$SITE"
        else
            rm "$SITE"
        fi
        fail "nginx refuses the configuration, for the reason above; it is taken back." \
            "If the machine serves other sites too, see docs/guides/install.md."
    fi
    reload_nginx
    say "nginx serves both names."
}

render_site() (
    load_settings "$SETTINGS/environment" "$SETTINGS/nginx"
    export DH_GROUP=$CURRENT/deploy/nginx/ffdhe3072.pem
    python3 "$1/deploy/nginx/render.py"
)

# A reload is enough for its user's new group: it reads the groups when it starts its workers.
reload_nginx() {
    if has_systemd; then
        systemctl enable --quiet nginx
        systemctl reload-or-restart nginx
    elif nginx_runs; then
        nginx -s reload 2>/dev/null
    else
        nginx 2>/dev/null
    fi
}

nginx_runs() {
    [ -s /run/nginx.pid ] && kill -0 "$(cat /run/nginx.pid)" 2>/dev/null
}

# ---------------------------------------------------------------- proof

# Of any practice that other organisations may call; of none in a new book.
self_test() {
    local practice=''
    if [ "$DRY_RUN" = no ]; then
        practice=$(ask_postgres "SELECT ods_code || ' ' || asid FROM practice_organisation
            WHERE asid <> '' AND gp_connect_enabled ORDER BY id LIMIT 1" "$DATABASE")
    fi
    # shellcheck disable=SC2086 # a code and a number
    run env PYTHONPATH="$1" "$1/.venv/bin/python" "$1/deploy/self_test.py" $practice
}

# What it finds is told, and stops nothing: it may well have been so before.
doctor() {
    run manage "$1" doctor || say "Go through what is found above, and ask again: sudo appointments-manage doctor"
}
