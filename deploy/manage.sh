#!/bin/bash
# manage.py of the installed version, with the settings of the services, and as their user.
# Installed as appointments-manage.
set -euo pipefail
here=$(dirname "$(readlink --canonicalize "${BASH_SOURCE[0]}")")
# shellcheck source=deploy/lib.sh
. "$here/lib.sh"

usage() {
    cat <<'END'
usage: sudo appointments-manage [--owner] COMMAND ...

Runs `manage.py COMMAND ...` of the installed version with the settings of the services, as their
user: `appointments-manage load_practice /root/practice.yaml`, `appointments-manage help`.

  --owner   as the owner of the database, who may change its tables: migrate, restore
  --heads   with the keys of the sealer too: verify_audit --heads

A file that is read or written is read or written by the user `appointments`.
END
}

main() {
    local files=("$SETTINGS/environment")
    case ${1:-} in
        '' | -h | --help)
            usage
            exit 0
            ;;
        --owner)
            files+=("$SETTINGS/owner")
            shift
            ;;
        --heads)
            files+=("$SETTINGS/sealing")
            shift
            ;;
    esac
    need_root
    load_settings "${files[@]}"
    as_in_the_units
    # PostgreSQL's programs will not begin in a folder that their user cannot read, such as /root.
    runuser -u "$ACCOUNT" -- test -r . || cd "$CURRENT"
    exec runuser -u "$ACCOUNT" -- "$CURRENT/.venv/bin/python" "$CURRENT/manage.py" "$@"
}

main "$@"
