-- Version 3. Views observed are counted by the value of `space` under which the docs stood, and no more by their space:
-- a counter that goes along with a space falls where it leaves, and jumps where it arrives.

ALTER TABLE observed_views RENAME TO observed_views_by_space;

CREATE TABLE observed_views (
    connection INTEGER NOT NULL,
    space TEXT NOT NULL,
    type TEXT NOT NULL,
    views INTEGER NOT NULL,
    PRIMARY KEY (connection, space, type)
) STRICT, WITHOUT ROWID;

-- What was on the page stays on it. A space that is out of sight was in no sum: what was observed in it waits under its key.
INSERT INTO observed_views
WITH readable AS (
    SELECT connection, name, CASE WHEN json_valid(value) THEN value ELSE '{}' END AS value FROM progress
),
named AS (
    SELECT
        before.connection,
        CASE
            WHEN spaces.unseen_since IS NOT NULL THEN spaces.key
            WHEN spaces.type = 'personal' AND EXISTS (
                SELECT 1 FROM readable, json_each(readable.value, '$.docs') AS shown
                WHERE readable.connection = before.connection AND readable.name = 'shown' AND shown.value = '(personal)'
            ) THEN '(personal)'
            WHEN EXISTS (
                SELECT 1 FROM readable, json_each(readable.value) AS folded
                WHERE readable.connection = before.connection AND readable.name = 'folded' AND folded.value = spaces.id
            ) THEN '(other)'
            ELSE spaces.key
        END AS space,
        before.type,
        before.views
    FROM observed_views_by_space AS before
    JOIN spaces ON spaces.connection = before.connection AND spaces.id = before.space
)
SELECT connection, space, type, sum(views) FROM named GROUP BY connection, space, type;

DROP TABLE observed_views_by_space;
