ALTER TABLE jobs DROP COLUMN agent, DROP COLUMN definition;
DROP TABLE definitions;
