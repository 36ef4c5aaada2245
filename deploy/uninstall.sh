#!/bin/bash
# Removes what deploy/install.sh made. The steps are at the end, in main.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "$(readlink --canonicalize "${BASH_SOURCE[0]}")")/lib.sh"

usage() {
    cat <<'END'
usage: sudo deploy/uninstall.sh [--yes] [--with-data] [--dry-run]

Removes the application, its services, its settings and its place in nginx. The book itself stays,
for deploy/install.sh to find again: PostgreSQL's database and its two roles, /var/lib/appointments
(backups, archived diary, weekly returns, what the audit trail has not taken in), and the keys of
the sealer, which prove the audit trail.

  --yes         do not ask
  --with-data   remove the book too. There is no way back.
  --dry-run     say what would be done, and touch nothing
  --help        this
END
}

SURE=no WITH_DATA=no

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --yes) SURE=yes ;;
            --with-data) WITH_DATA=yes ;;
            --dry-run) DRY_RUN=yes ;;
            *) fail "there is no option $1; --help lists them." ;;
        esac
        shift
    done
}

ask() {
    if [ "$SURE" = yes ] || [ "$DRY_RUN" = yes ]; then
        return
    fi
    [ -t 0 ] || fail "there is nobody to ask: --yes says that it is meant."
    local answer word=yes
    if [ "$WITH_DATA" = yes ]; then
        word=everything
        loudly "Every appointment, every patient and the audit trail will be gone."
    fi
    read -r -p "   Remove the appointment book from this machine? Type \"$word\": " answer
    [ "$answer" = "$word" ] || fail "nothing was removed."
}

# ---------------------------------------------------------------- the steps

remove_services() {
    stop_services
    run rm -f "$UNITS"/appointments-* "$COMMAND" /var/log/appointments-*.log
    run rm -rf /run/appointments
    if has_systemd; then
        run systemctl daemon-reload
        run systemctl reset-failed 'appointments-*' || true  # none has failed
    fi
}

remove_site() {
    run rm -f "$SITE" "$SITE.new"
    if [ -f "$SETTINGS/debian-site-was-enabled" ]; then
        run ln --symbolic --force /etc/nginx/sites-available/default "$DEBIAN_SITE"
    fi
    if nginx_runs; then
        run reload_nginx
    fi
}

remove_code_and_settings() {
    run rm -rf "$CODE"
    run rm -rf "$TLS"
    run rm -f "$SETTINGS/environment" "$SETTINGS/owner" "$SETTINGS/nginx" \
        "$SETTINGS/debian-site-was-enabled"
}

remove_user() {
    if id -nG www-data 2>/dev/null | grep -qw "$ACCOUNT"; then
        run gpasswd --delete www-data "$ACCOUNT"
    fi
    if getent passwd "$ACCOUNT" >/dev/null; then
        run userdel "$ACCOUNT"
    fi
    # Where it did not go with its user.
    if getent group "$ACCOUNT" >/dev/null; then
        run groupdel "$ACCOUNT"
    fi
}

remove_data() {
    if command -v pg_lsclusters >/dev/null && [ -n "$(database_version)" ]; then
        start_database
        run as_postgres dropdb --port "$(database_port)" --if-exists --force "$DATABASE"
        run as_postgres dropuser --port "$(database_port)" --if-exists "$ACCOUNT"
        run as_postgres dropuser --port "$(database_port)" --if-exists "$OWNER"
    fi
    run rm -rf "$STATE" "$SETTINGS"
    run rm -f /var/log/nginx/appointments-*
}

# Nobody's user may get the number that was ours, and with it these files.
keep_data() {
    if [ -d "$STATE" ]; then
        run chown --recursive root:root "$STATE"
    fi
    say "Kept: the database $DATABASE with its roles $OWNER and $ACCOUNT, $STATE, $SETTINGS/sealing," \
        "and nginx's logs of it in /var/log/nginx. deploy/install.sh finds them again;" \
        "deploy/uninstall.sh --with-data removes them."
}

# ---------------------------------------------------------------- in this order

main() {
    read_arguments "$@"
    need_root
    ask

    step "Services"
    remove_services

    step "nginx"
    remove_site

    step "Code and settings"
    remove_code_and_settings

    step "What the book holds"
    if [ "$WITH_DATA" = yes ]; then
        remove_data
    else
        keep_data
    fi

    step "The user of the services"
    remove_user

    say "Debian's packages stay, as others may need them: ${PACKAGES[*]}."
}

main "$@"
exit
