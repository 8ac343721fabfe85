//! The rows of conversations and their messages.

use gatepass_chat::{
    search::{SearchWords, folded, said},
    store::{Conversation, ConversationStore, Found, Message, Role},
};
use gatepass_connections::{OwnerId, StoreError, store::StoreResult};
use mcp_oauth_client::Timestamp;
use sqlx::{query, query_as};

use crate::{
    error::{corrupt, store_error},
    pool::{Database, on},
};

type ConversationColumns = (String, String, i64, i64);
type FoundColumns = (String, String, i64, i64, Option<String>);
type MessageColumns = (String, String, String, Option<String>, i64);

fn conversation((id, title, created_at, updated_at): ConversationColumns) -> Conversation {
    Conversation {
        id,
        title,
        created_at: Timestamp::from_millis(created_at),
        updated_at: Timestamp::from_millis(updated_at),
    }
}

fn message((id, role, parts, model, created_at): MessageColumns) -> Result<Message, StoreError> {
    Ok(Message {
        id,
        role: match role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return Err(corrupt("a message of an unknown role")),
        },
        parts: serde_json::from_str(&parts).map_err(|error| corrupt(error.to_string()))?,
        model,
        created_at: Timestamp::from_millis(created_at),
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

// Comes first: it tells whose conversation it is, and holds its row until the end, so that two
// messages saved at once do not get the same place.
const TOUCH: &str = "UPDATE conversation SET updated_at = $3 WHERE owner = $1 AND id = $2";
// A message of another conversation keeps its own.
const SAVE: &str = "INSERT INTO message (id, conversation, role, parts, model, created_at, said, folded, place) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, COALESCE(MAX(place), 0) + 1 FROM message WHERE conversation = $2 \
    ON CONFLICT (id) DO UPDATE SET parts = excluded.parts, model = excluded.model, \
    said = excluded.said, folded = excluded.folded \
    WHERE message.conversation = excluded.conversation";

/// Writes one message within a transaction of either engine.
macro_rules! save {
    ($transaction:expr, $conversation:expr, $message:expr) => {
        let message: &Message = $message;
        let parts =
            serde_json::to_string(&message.parts).map_err(|error| corrupt(error.to_string()))?;
        let said = said(&message.parts);
        query(SAVE)
            .bind(&message.id)
            .bind($conversation)
            .bind(role(message.role))
            .bind(&parts)
            .bind(&message.model)
            .bind(message.created_at.as_millis())
            .bind(&said)
            .bind(folded(&said))
            .execute($transaction)
            .await
            .map_err(store_error)?;
    };
}

impl ConversationStore for Database {
    fn conversations<'a>(
        &'a self,
        owner: &'a OwnerId,
        most: u32,
    ) -> StoreResult<'a, Vec<Conversation>> {
        const SQL: &str = "SELECT id, title, created_at, updated_at FROM conversation \
            WHERE owner = $1 ORDER BY updated_at DESC, id LIMIT $2";
        Box::pin(async move {
            let rows = on!(self, pool => query_as::<_, ConversationColumns>(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(i64::from(most))
                .fetch_all(pool)
                .await);
            let rows = rows.map_err(store_error)?;
            Ok(rows.into_iter().map(conversation).collect())
        })
    }

    fn search_conversations<'a>(
        &'a self,
        owner: &'a OwnerId,
        words: &'a SearchWords,
        most: u32,
    ) -> StoreResult<'a, Vec<Found>> {
        // Of each conversation the newest message that has all the words.
        const SQL: &str = "SELECT conversation.id, title, conversation.created_at, updated_at, message.said \
            FROM conversation LEFT JOIN message ON message.conversation = conversation.id AND message.place = \
            (SELECT MAX(place) FROM message WHERE message.conversation = conversation.id \
            AND message.folded LIKE $2 ESCAPE '\\' AND message.folded LIKE $3 ESCAPE '\\' \
            AND message.folded LIKE $4 ESCAPE '\\' AND message.folded LIKE $5 ESCAPE '\\') \
            WHERE owner = $1 AND (message.id IS NOT NULL OR (conversation.folded LIKE $2 ESCAPE '\\' \
            AND conversation.folded LIKE $3 ESCAPE '\\' AND conversation.folded LIKE $4 ESCAPE '\\' \
            AND conversation.folded LIKE $5 ESCAPE '\\')) \
            ORDER BY updated_at DESC, conversation.id LIMIT $6";
        Box::pin(async move {
            let [one, two, three, four] = words.patterns();
            let rows = on!(self, pool => query_as::<_, FoundColumns>(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(one)
                .bind(two)
                .bind(three)
                .bind(four)
                .bind(i64::from(most))
                .fetch_all(pool)
                .await);
            let found = |(id, title, created_at, updated_at, said): FoundColumns| Found {
                conversation: conversation((id, title, created_at, updated_at)),
                excerpt: said.map(|said| words.excerpt(&said)),
            };
            Ok(rows.map_err(store_error)?.into_iter().map(found).collect())
        })
    }

    fn add_conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a Conversation,
        most: u32,
    ) -> StoreResult<'a, ()> {
        const ADD: &str = "INSERT INTO conversation (id, owner, title, created_at, updated_at, folded) \
            VALUES ($1, $2, $3, $4, $5, $6)";
        const TRIM: &str = "DELETE FROM conversation WHERE owner = $1 AND id NOT IN \
            (SELECT id FROM conversation WHERE owner = $1 ORDER BY updated_at DESC, id LIMIT $2)";
        Box::pin(async move {
            let owner = owner.as_bytes().as_slice();
            on!(self, pool => {
                query(ADD)
                    .bind(&conversation.id)
                    .bind(owner)
                    .bind(&conversation.title)
                    .bind(conversation.created_at.as_millis())
                    .bind(conversation.updated_at.as_millis())
                    .bind(folded(&conversation.title))
                    .execute(pool)
                    .await
                    .map_err(store_error)?;
                query(TRIM)
                    .bind(owner)
                    .bind(i64::from(most))
                    .execute(pool)
                    .await
                    .map_err(store_error)?;
            });
            Ok(())
        })
    }

    fn conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
    ) -> StoreResult<'a, Option<Conversation>> {
        const SQL: &str = "SELECT id, title, created_at, updated_at FROM conversation \
            WHERE owner = $1 AND id = $2";
        Box::pin(async move {
            let row = on!(self, pool => query_as::<_, ConversationColumns>(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(id)
                .fetch_optional(pool)
                .await);
            Ok(row.map_err(store_error)?.map(conversation))
        })
    }

    fn messages<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, Vec<Message>> {
        const SQL: &str = "SELECT message.id, role, parts, model, message.created_at \
            FROM message JOIN conversation ON conversation.id = message.conversation \
            WHERE conversation.owner = $1 AND conversation.id = $2 ORDER BY place";
        Box::pin(async move {
            let rows = on!(self, pool => query_as::<_, MessageColumns>(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(id)
                .fetch_all(pool)
                .await);
            rows.map_err(store_error)?
                .into_iter()
                .map(message)
                .collect()
        })
    }

    fn rename_conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        title: &'a str,
        now: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE conversation SET title = $3, updated_at = $4, folded = $5 \
            WHERE owner = $1 AND id = $2";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(id)
                .bind(title)
                .bind(now.as_millis())
                .bind(folded(title))
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }

    fn delete_conversation<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, bool> {
        const SQL: &str = "DELETE FROM conversation WHERE owner = $1 AND id = $2";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(owner.as_bytes().as_slice())
                .bind(id)
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }

    fn save_message<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
        message: &'a Message,
        now: Timestamp,
    ) -> StoreResult<'a, bool> {
        Box::pin(async move {
            on!(self, pool => {
                let mut transaction = pool.begin().await.map_err(store_error)?;
                let touched = query(TOUCH)
                    .bind(owner.as_bytes().as_slice())
                    .bind(conversation)
                    .bind(now.as_millis())
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
                if touched.rows_affected() == 0 {
                    return Ok(false);
                }
                save!(&mut *transaction, conversation, message);
                transaction.commit().await.map_err(store_error)?;
            });
            Ok(true)
        })
    }

    fn replace_messages<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
        from: &'a str,
        messages: &'a [Message],
        now: Timestamp,
    ) -> StoreResult<'a, bool> {
        const CUT: &str = "DELETE FROM message WHERE conversation = $1 AND place >= \
            (SELECT place FROM message WHERE conversation = $1 AND id = $2)";
        Box::pin(async move {
            on!(self, pool => {
                let mut transaction = pool.begin().await.map_err(store_error)?;
                let touched = query(TOUCH)
                    .bind(owner.as_bytes().as_slice())
                    .bind(conversation)
                    .bind(now.as_millis())
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
                let cut = query(CUT)
                    .bind(conversation)
                    .bind(from)
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
                // Either may be of somebody else; nothing is committed then.
                if touched.rows_affected() == 0 || cut.rows_affected() == 0 {
                    return Ok(false);
                }
                for message in messages {
                    save!(&mut *transaction, conversation, message);
                }
                transaction.commit().await.map_err(store_error)?;
            });
            Ok(true)
        })
    }
}
