-- What the application may do. Two roles: one owns the database and migrates it, the other serves.
-- Run by the owner after each `manage.py migrate`:  psql -f deploy/postgresql/rights.sql
-- The serving role is `appointments`:  CREATE ROLE appointments LOGIN PASSWORD '...';

GRANT USAGE ON SCHEMA public TO appointments;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO appointments;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO appointments;

-- The audit trail is added to and read. The triggers refuse the rest to everybody; the serving role
-- has no right to it either, and cannot switch the triggers off, as it owns nothing.
REVOKE UPDATE, DELETE ON practice_auditevent, practice_auditseal FROM appointments;
REVOKE DELETE ON practice_audithead FROM appointments;
REVOKE UPDATE ON practice_auditwaiting FROM appointments;
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM appointments;
