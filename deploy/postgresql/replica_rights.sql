-- What the application may do on streaming replicas (DATABASE_REPLICA_URL): read what a search, the
-- directory and the utilisation page show. Nobody's name, no account, nothing of the audit trail.
-- Run by the owner on the primary, which sends it to the replicas:
--   CREATE ROLE appointments_reader LOGIN PASSWORD '...';
--   psql -f deploy/postgresql/replica_rights.sql

GRANT USAGE ON SCHEMA public TO appointments_reader;
GRANT SELECT ON
    practice_organisation, practice_location, practice_practitioner, practice_practitionerrole,
    practice_accessprofile, practice_schedule, practice_slot,
    practice_appointment, practice_appointmentslot
    TO appointments_reader;
