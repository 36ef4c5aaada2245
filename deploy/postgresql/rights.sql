-- What the application may do. Two roles: one owns the database and migrates it, the other serves.
-- Run by the owner after each `manage.py migrate`:  psql -f deploy/postgresql/rights.sql
-- The serving role is `appointments`:  CREATE ROLE appointments LOGIN PASSWORD '...';

GRANT USAGE ON SCHEMA public TO appointments;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO appointments;
-- UPDATE: a practice that moves in brings ids along, which must not be given again.
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO appointments;

-- The audit trail is added to and read. The triggers refuse the rest to everybody; the serving role
-- has no right to it either, and cannot switch the triggers off, as it owns nothing.
REVOKE UPDATE, DELETE ON practice_auditevent, practice_auditseal FROM appointments;
-- Sealing moves the end of a trail: a trigger lets it move to what is sealed, and nowhere else.
REVOKE UPDATE, DELETE ON practice_audithead FROM appointments;
GRANT UPDATE (sequence, hash, sealed_at) ON practice_audithead TO appointments;
REVOKE UPDATE ON practice_auditwaiting FROM appointments;
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM appointments;

-- No tables of its own, in front of ours or beside them: PostgreSQL lets everybody make temporary
-- ones, and up to version 14 others too (there the second line needs a superuser).
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, appointments', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
