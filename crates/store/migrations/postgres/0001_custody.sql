-- Times are Unix milliseconds. Owners are SHA-256 hashes; what is sealed can only be opened with
-- the master key, and an owner's things only with their cookie as well.

CREATE TABLE connection (
    id           TEXT PRIMARY KEY,
    owner        BYTEA NOT NULL,
    generation   BIGINT NOT NULL,
    sealed       TEXT,
    lease_holder TEXT,
    lease_until  BIGINT,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX connection_expires ON connection (expires_at);

CREATE TABLE flow (
    id         TEXT PRIMARY KEY,
    owner      BYTEA NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'consumed', 'finished')),
    outcome    TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX flow_owner ON flow (owner, expires_at);
CREATE INDEX flow_expires ON flow (expires_at);

CREATE TABLE registration (
    issuer       TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    version      TEXT NOT NULL,
    sealed       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (issuer, redirect_uri)
);

CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    sealed     TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at);
