-- What is searched: titles and the text of messages, in lower case, since the engines fold no
-- letters but those of ASCII. `said` is the same text as it was written, to show where it was found.
ALTER TABLE conversation ADD COLUMN folded TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN said TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN folded TEXT NOT NULL DEFAULT '';
