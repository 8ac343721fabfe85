-- Turns that wait for a person. The record holds no connection, header or token.
CREATE TABLE run (
    id           TEXT PRIMARY KEY,
    owner        BLOB NOT NULL,
    conversation TEXT NOT NULL UNIQUE REFERENCES conversation (id) ON DELETE CASCADE,
    message      TEXT NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
    version      INTEGER NOT NULL,
    held_until   INTEGER,
    record       TEXT NOT NULL,
    answers      TEXT,
    deadline     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_owner ON run (owner);
CREATE INDEX run_deadline ON run (deadline);
