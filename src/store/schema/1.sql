-- Version 1. What each table and column means, as they are now, stands in docs/SCHEMA.md.
-- Moments are milliseconds since 1970, UTC. The names under which users may ask are the views'.

CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    site TEXT NOT NULL,
    cloud_id TEXT
) STRICT;

CREATE TABLE spaces (
    connection INTEGER NOT NULL,
    id INTEGER NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    unseen_since INTEGER,
    walked INTEGER NOT NULL,
    PRIMARY KEY (connection, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    connection INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    status TEXT,
    type TEXT,
    learnt_at INTEGER,
    refused_at INTEGER,
    PRIMARY KEY (connection, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE docs (
    connection INTEGER NOT NULL,
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
    PRIMARY KEY (connection, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE edits (
    connection INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    PRIMARY KEY (connection, doc, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
    connection INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (connection, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE doc_labels (
    connection INTEGER NOT NULL,
    doc INTEGER NOT NULL,
    label INTEGER NOT NULL,
    PRIMARY KEY (connection, doc, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE states (
    connection INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (connection, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE observed_views (
    connection INTEGER NOT NULL,
    space INTEGER NOT NULL,
    type TEXT NOT NULL,
    views INTEGER NOT NULL,
    PRIMARY KEY (connection, space, type)
) STRICT, WITHOUT ROWID;

CREATE TABLE progress (
    connection INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (connection, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    connection INTEGER PRIMARY KEY,
    health TEXT NOT NULL,
    numbers BLOB
) STRICT;

CREATE VIEW confluence_spaces AS
SELECT
    connections.name AS connection,
    spaces.id,
    spaces.key,
    spaces.name,
    spaces.type,
    CASE WHEN spaces.unseen_since IS NULL THEN spaces.status ELSE 'unseen' END AS status,
    strftime('%Y-%m-%dT%H:%M:%fZ', spaces.unseen_since / 1000.0, 'unixepoch') AS unseen_since
FROM spaces
JOIN connections ON connections.id = spaces.connection;

CREATE VIEW confluence_users AS
SELECT
    connections.name AS connection,
    accounts.id AS account_id,
    accounts.status AS account_status,
    accounts.type AS account_type,
    strftime('%Y-%m-%dT%H:%M:%fZ', accounts.learnt_at / 1000.0, 'unixepoch') AS learnt_at
FROM accounts
JOIN connections ON connections.id = accounts.connection;

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
    SELECT edits.connection, edits.doc, docs.type, edits.number, edits.at, edits.author
    FROM edits
    JOIN docs ON docs.connection = edits.connection AND docs.id = edits.doc AND edits.at >= docs.versions_known_since
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
    doc_labels.doc AS page_id,
    docs.type,
    CASE instr(labels.name, ':') WHEN 0 THEN 'global' ELSE substr(labels.name, 1, instr(labels.name, ':') - 1) END AS prefix,
    substr(labels.name, instr(labels.name, ':') + 1) AS name
FROM doc_labels
JOIN connections ON connections.id = doc_labels.connection
JOIN docs ON docs.connection = doc_labels.connection AND docs.id = doc_labels.doc
JOIN labels ON labels.connection = doc_labels.connection AND labels.number = doc_labels.label;
