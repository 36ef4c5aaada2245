#!/bin/bash
# Makes the two roles and the database (docs/runbook.md, "Two database roles"), in a new server of
# PostgreSQL: the image of Docker's library runs it once. Passwords are in files, as secrets are.
set -euo pipefail

password() { tr -d '\n' <"${SECRETS:-/run/secrets}/$1"; }

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --quiet <<SQL
CREATE ROLE appointments_owner LOGIN PASSWORD '$(password database_owner_password)';
CREATE ROLE appointments LOGIN PASSWORD '$(password database_password)';
CREATE DATABASE appointments OWNER appointments_owner TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE appointments FROM PUBLIC;
GRANT CONNECT ON DATABASE appointments TO appointments;
SQL
