CREATE TABLE conversation (
    id         TEXT PRIMARY KEY,
    owner      BYTEA NOT NULL,
    title      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX conversation_owner ON conversation (owner, updated_at);

CREATE TABLE message (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    parts        TEXT NOT NULL,
    model        TEXT,
    created_at   BIGINT NOT NULL,
    -- The order within the conversation.
    place        BIGINT NOT NULL
);
CREATE UNIQUE INDEX message_place ON message (conversation, place);
