-- Version 4. The name of a personal space is a person's, and no more kept.

-- An update alone would leave names in unused parts of the file's pages. What is deleted like this is overwritten.
PRAGMA secure_delete = ON;

CREATE TABLE spaces_without_persons AS
SELECT
    connection, id, key, CASE type WHEN 'personal' THEN '' ELSE name END AS name, type, status, unseen_since, walked
FROM spaces;

DELETE FROM spaces;
INSERT INTO spaces SELECT * FROM spaces_without_persons;
DROP TABLE spaces_without_persons;

PRAGMA secure_delete = OFF;
