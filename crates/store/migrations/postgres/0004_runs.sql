-- Turns that wait for a person. The record holds no connection, header or token.
CREATE TABLE run (
    id           TEXT PRIMARY KEY,
    owner        BYTEA NOT NULL,
    conversation TEXT NOT NULL UNIQUE REFERENCES conversation (id) ON DELETE CASCADE,
    message      TEXT NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
    version      BIGINT NOT NULL,
    held_until   BIGINT,
    record       TEXT NOT NULL,
    answers      TEXT,
    deadline     BIGINT NOT NULL
);
CREATE INDEX run_owner ON run (owner);
CREATE INDEX run_deadline ON run (deadline);
