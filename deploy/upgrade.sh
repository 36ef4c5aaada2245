#!/bin/bash
# Makes this version of an installation: run it in the tree of the new version. The steps are at the
# end, in main; docs/runbook.md ("Start, stop, upgrade") has them in words.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
usage: sudo deploy/upgrade.sh [--wheels FOLDER] [--dry-run]

Brings an installation of deploy/install.sh to the version of this tree. The version before stays
beside it, and serves again when a step fails. Read CHANGELOG.md first.

  --wheels FOLDER   take Python's packages from this folder, and none from an index
  --dry-run         say what would be done, and touch nothing
  --help            this
END
}

WHEELS=''

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --dry-run) DRY_RUN=yes ;;
            --wheels)
                [ $# -ge 2 ] || fail "--wheels needs a value."
                [ -d "$2" ] || fail "--wheels: there is no folder $2."
                WHEELS=$2
                shift
                ;;
            *) fail "there is no option $1; --help lists them." ;;
        esac
        shift
    done
}

check_versions() {
    OLD=$(current_version)
    NEW=$(version_of "$SOURCE")
    [ -n "$NEW" ] || fail "$SOURCE is no tree of the appointment book."
    [ -n "$OLD" ] || fail "nothing is installed here: deploy/install.sh installs it."
    [ "$OLD" != "$NEW" ] || fail "version $NEW is installed already."
}

# ---------------------------------------------------------------- the steps

make_backup() {
    BACKUP=$STATE/backups/$(date --utc +%Y-%m-%dT%H%M%SZ)-before-$NEW
    run manage "$CODE/$OLD" backup "$BACKUP"
}

# switch_to VERSION TREE
switch_to() {
    make_current "$1"
    install_units "$2"
    install_site "$2"
    restart_services
}

prove() {
    run manage "$CODE/$NEW" check_diary
    run manage "$CODE/$NEW" verify_audit
}

# What is left of the trap when something failed: the version before serves again.
go_back() {
    local status=$?
    trap - EXIT
    [ "$status" != 0 ] || return 0
    set +e
    loudly "The upgrade to $NEW failed, for the reason above."
    if [ "$SWITCHED" = yes ]; then
        loudly "Back to $OLD."
        local back
        (set -e; switch_to "$OLD" "$CODE/$OLD"; self_test "$CODE/$OLD")
        back=$?
        [ "$back" = 0 ] ||
            loudly "Version $OLD does not serve either: docs/guides/install.md, \"When a step fails\"."
    else
        loudly "Version $OLD serves as before."
    fi
    if [ "$MIGRATED" = yes ]; then
        loudly "The database has the tables of $NEW, on which $OLD runs. If it must have its own back," \
            "restore $BACKUP (docs/runbook.md, \"Backup and restore\"): what was booked since is lost."
    fi
    exit "$status"
}

# ---------------------------------------------------------------- in this order

main() {
    umask 022
    read_arguments "$@"
    need_root
    need_debian_12
    check_versions
    SWITCHED=no MIGRATED=no BACKUP=''
    [ "$DRY_RUN" = no ] || say "A dry run: nothing is touched."
    say "From version $OLD to $NEW."
    trap go_back EXIT

    step "A backup, made by version $OLD"
    make_backup

    step "The code of version $NEW, beside the old one"
    install_code "$NEW" "$WHEELS"

    step "The tables of the database, and what the serving role may do with them"
    MIGRATED=yes
    migrate "$CODE/$NEW"

    step "Version $NEW serves: sealer first, then web"
    SWITCHED=yes
    switch_to "$NEW" "$SOURCE"

    step "Self-test, through nginx"
    self_test "$CODE/$NEW"
    doctor "$CODE/$NEW"

    step "The diary and the audit trail are whole"
    prove

    trap - EXIT
    did "Version $NEW serves. Version $OLD stays in $CODE/$OLD until you remove it."
}

main "$@"
