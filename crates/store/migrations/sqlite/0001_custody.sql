-- Times are Unix milliseconds. Owners are SHA-256 hashes; what is sealed can only be opened with
-- the master key, and an owner's things only with their cookie as well.

CREATE TABLE connection (
    id           TEXT PRIMARY KEY,
    owner        BLOB NOT NULL,
    generation   INTEGER NOT NULL,
    sealed       TEXT,
    lease_holder TEXT,
    lease_until  INTEGER,
    expires_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX connection_expires ON connection (expires_at);

CREATE TABLE flow (
    id         TEXT PRIMARY KEY,
    owner      BLOB NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'consumed', 'finished')),
    outcome    TEXT,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX flow_owner ON flow (owner, expires_at);
CREATE INDEX flow_expires ON flow (expires_at);

CREATE TABLE registration (
    issuer       TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    version      TEXT NOT NULL,
    sealed       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (issuer, redirect_uri)
) WITHOUT ROWID;

CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    sealed     TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due_at);
