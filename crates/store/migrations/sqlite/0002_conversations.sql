CREATE TABLE conversation (
    id         TEXT PRIMARY KEY,
    owner      BLOB NOT NULL,
    title      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversation_owner ON conversation (owner, updated_at);

CREATE TABLE message (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    parts        TEXT NOT NULL,
    model        TEXT,
    created_at   INTEGER NOT NULL,
    -- The order within the conversation.
    place        INTEGER NOT NULL
);
CREATE UNIQUE INDEX message_place ON message (conversation, place);
