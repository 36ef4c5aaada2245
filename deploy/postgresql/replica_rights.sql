-- What the application may do on streaming replicas (DATABASE_REPLICA_URL): read what a search, the
-- directory and the utilisation page show. Nobody's name, no account, nothing of the audit trail.
-- Run on the primary, which sends it to the replicas, by a superuser:
--   CREATE ROLE appointments_reader LOGIN PASSWORD '...';
--   psql -f deploy/postgresql/replica_rights.sql

-- A replica keeps a lock for as long as it has not heard of its end. The primary answers sooner.
ALTER ROLE appointments_reader SET statement_timeout = '3s';

GRANT USAGE ON SCHEMA public TO appointments_reader;
GRANT SELECT ON
    practice_organisation, practice_location, practice_practitioner, practice_practitionerrole,
    practice_accessprofile, practice_schedule, practice_slot,
    practice_appointment, practice_appointmentslot
    TO appointments_reader;
