-- Version 2. A doc's key is its number, in the order in which docs were met, and no longer its id: what one answer brings is then
-- written side by side, where ids lie scattered over the whole table.

DROP VIEW confluence_page_labels;
DROP VIEW confluence_page_versions;
DROP VIEW confluence_blogposts;
DROP VIEW confluence_pages;
DROP VIEW confluence_docs;

CREATE TABLE numbered_docs (
    connection INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id INTEGER NOT NULL,
    type TEXT NOT NULL,
    space INTEGER NOT NULL,
    status TEXT,
    missed INTEGER NOT NULL,
    author INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version_at INTEGER NOT NULL,
    version_number INTEGER NOT NULL,
    version_author INTEGER NOT NULL,
    versions_known_since INTEGER NOT NULL,
    versions_learnt_at INTEGER,
    versions_refused_at INTEGER,
    labels_learnt_at INTEGER,
    labels_refused_at INTEGER,
    state_learnt_at INTEGER,
    state_refused_at INTEGER,
    state INTEGER NOT NULL,
    views_learnt_at INTEGER,
    views_refused_at INTEGER,
    views INTEGER NOT NULL,
    title TEXT,
    path TEXT,
    last_owner TEXT,
    PRIMARY KEY (connection, number)
) STRICT, WITHOUT ROWID;

INSERT INTO numbered_docs
SELECT
    connection, row_number() OVER (PARTITION BY connection ORDER BY id) - 1,
    id, type, space, status, missed, author, owner, created_at, version_at, version_number, version_author,
    versions_known_since, versions_learnt_at, versions_refused_at, labels_learnt_at, labels_refused_at, state_learnt_at,
    state_refused_at, state, views_learnt_at, views_refused_at, views, title, path, last_owner
FROM docs;

CREATE TABLE numbered_edits (
    connection INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    PRIMARY KEY (connection, doc, number)
) STRICT, WITHOUT ROWID;

INSERT INTO numbered_edits
SELECT edits.connection, docs.number, edits.number, edits.at, edits.author
FROM edits
JOIN numbered_docs AS docs ON docs.connection = edits.connection AND docs.id = edits.doc;

CREATE TABLE numbered_doc_labels (
    connection INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    label INTEGER NOT NULL,
    PRIMARY KEY (connection, doc, label)
) STRICT, WITHOUT ROWID;

INSERT INTO numbered_doc_labels
SELECT doc_labels.connection, docs.number, doc_labels.label
FROM doc_labels
JOIN numbered_docs AS docs ON docs.connection = doc_labels.connection AND docs.id = doc_labels.doc;

DROP TABLE docs;
DROP TABLE edits;
DROP TABLE doc_labels;
ALTER TABLE numbered_docs RENAME TO docs;
ALTER TABLE numbered_edits RENAME TO edits;
ALTER TABLE numbered_doc_labels RENAME TO doc_labels;

CREATE VIEW confluence_docs AS
SELECT
    connections.name AS connection,
    docs.id,
    docs.type,
    docs.title,
    coalesce(docs.status, 'unseen') AS status,
    docs.space AS space_id,
    spaces.key AS space_key,
    spaces.type AS space_type,
    connections.site || docs.path AS url,
    author.id AS author_id,
    owner.id AS owner_id,
    docs.last_owner AS last_owner_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', docs.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', docs.version_at / 1000.0, 'unixepoch') AS updated_at,
    editor.id AS updated_by_id,
    docs.version_number,
    states.name AS content_state,
    CASE WHEN docs.views_learnt_at IS NOT NULL THEN docs.views END AS views_count
FROM docs
JOIN connections ON connections.id = docs.connection
LEFT JOIN spaces ON spaces.connection = docs.connection AND spaces.id = docs.space
LEFT JOIN accounts AS author ON author.connection = docs.connection AND author.number = docs.author
LEFT JOIN accounts AS owner ON owner.connection = docs.connection AND owner.number = docs.owner
LEFT JOIN accounts AS editor ON editor.connection = docs.connection AND editor.number = docs.version_author
LEFT JOIN states ON states.connection = docs.connection AND states.number = docs.state - 1;

CREATE VIEW confluence_pages AS
SELECT * FROM confluence_docs WHERE type = 'page';

CREATE VIEW confluence_blogposts AS
SELECT * FROM confluence_docs WHERE type = 'blogpost';

CREATE VIEW confluence_page_versions AS
WITH versions AS (
    SELECT connection, id AS doc, type, version_number AS number, version_at AS at, version_author AS author FROM docs
    UNION ALL
    SELECT edits.connection, docs.id, docs.type, edits.number, edits.at, edits.author
    FROM edits
    JOIN docs ON docs.connection = edits.connection AND docs.number = edits.doc AND edits.at >= docs.versions_known_since
    UNION ALL
    SELECT connection, id, type, 1, created_at, author FROM docs WHERE version_number > 1
)
SELECT
    connections.name AS connection,
    versions.doc AS page_id,
    versions.type,
    versions.number,
    strftime('%Y-%m-%dT%H:%M:%fZ', versions.at / 1000.0, 'unixepoch') AS created_at,
    accounts.id AS author_id
FROM versions
JOIN connections ON connections.id = versions.connection
LEFT JOIN accounts ON accounts.connection = versions.connection AND accounts.number = versions.author;

CREATE VIEW confluence_page_labels AS
SELECT
    connections.name AS connection,
    docs.id AS page_id,
    docs.type,
    CASE instr(labels.name, ':') WHEN 0 THEN 'global' ELSE substr(labels.name, 1, instr(labels.name, ':') - 1) END AS prefix,
    substr(labels.name, instr(labels.name, ':') + 1) AS name
FROM doc_labels
JOIN connections ON connections.id = doc_labels.connection
JOIN docs ON docs.connection = doc_labels.connection AND docs.number = doc_labels.doc
JOIN labels ON labels.connection = doc_labels.connection AND labels.number = doc_labels.label;
