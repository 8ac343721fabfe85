//! What a person decided about a server's tools, and what tells one definition of a tool from
//! another.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatepass_chat::host::Permission;
use gatepass_mcp::Tool;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// A decision about a tool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ToolRule {
    /// Whatever the tool's definition.
    Plain(ToolPolicy),
    /// For one definition of the tool.
    Defined {
        /// What was decided.
        policy: ToolPolicy,
        /// The definition that it was decided for, as a list of tools or an ask names it.
        definition: Option<String>,
    },
}

/// What may be done with a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolPolicy {
    /// It is called.
    Always,
    /// The person is asked before each call.
    Ask,
    /// A call is refused.
    Never,
    /// The model does not know it.
    Off,
}

/// Whether a tool may be called, and its definition where that matters; nothing if it is not to
/// be offered at all.
///
/// MCP takes a tool without hints as one that may destroy. Asking for each of those would teach
/// people to allow without reading, so it is asked where the server says so itself.
pub fn permission(rule: Option<&ToolRule>, tool: &Tool) -> Option<(Permission, String)> {
    let asked = |reason: &str| {
        let reason = reason.to_owned();
        (Permission::Asked { reason }, definition(tool))
    };
    let given = || (Permission::Given, String::new());
    let (policy, decided_for) = match rule {
        None if says_destructive(tool) => {
            return Some(asked(
                "Its server says that it may change or delete something.",
            ));
        }
        None => return Some(given()),
        Some(ToolRule::Plain(policy)) => (*policy, None),
        Some(ToolRule::Defined { policy, definition }) => (*policy, definition.as_deref()),
    };
    Some(match policy {
        ToolPolicy::Off => return None,
        ToolPolicy::Never => (Permission::Refused, String::new()),
        ToolPolicy::Ask => asked("You want to be asked before it is called."),
        ToolPolicy::Always if decided_for.is_some_and(|own| own != definition(tool)) => {
            asked("Its server describes it differently than when you allowed it.")
        }
        ToolPolicy::Always => given(),
    })
}

fn says_destructive(tool: &Tool) -> bool {
    let hint = |name: &str| tool.annotations.as_ref()?.get(name)?.as_bool();
    // MCP gives the hint a meaning only for tools that do more than read.
    hint("destructiveHint") == Some(true) && hint("readOnlyHint") != Some(true)
}

/// What tells this definition of a tool from another: a hash of everything its server says of it,
/// in whatever order.
pub fn definition(tool: &Tool) -> String {
    let all = sorted(serde_json::to_value(tool).unwrap_or_default()).to_string();
    URL_SAFE_NO_PAD.encode(&Sha256::digest(all)[..16])
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.into_iter().collect();
            let members = members.into_iter();
            Value::Object(members.map(|(name, own)| (name, sorted(own))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(annotations: Value) -> Tool {
        let tool = json!({"name": "wipe", "inputSchema": {}, "annotations": annotations});
        serde_json::from_value(tool).unwrap()
    }

    #[test]
    fn decisions_and_hints_say_what_may_be_called() {
        let plain = tool(Value::Null);
        let destructive = tool(json!({"destructiveHint": true, "readOnlyHint": false}));
        let reading = tool(json!({"destructiveHint": true, "readOnlyHint": true}));
        let now = definition(&plain);
        let always = |definition: &str| json!({"policy": "always", "definition": definition});
        let table = [
            (Value::Null, &plain, "given"),
            (Value::Null, &reading, "given"),
            (
                Value::Null,
                &destructive,
                "Its server says that it may change or delete something.",
            ),
            (json!("always"), &destructive, "given"),
            (
                json!("ask"),
                &plain,
                "You want to be asked before it is called.",
            ),
            (json!("never"), &plain, "refused"),
            (json!("off"), &plain, "not offered"),
            (
                json!({"policy": "never", "definition": "x"}),
                &plain,
                "refused",
            ),
            (always(&now), &plain, "given"),
            (
                always("x"),
                &plain,
                "Its server describes it differently than when you allowed it.",
            ),
        ];
        for (rule, tool, said) in table {
            let rule: Option<ToolRule> = serde_json::from_value(rule).unwrap();
            let found = match permission(rule.as_ref(), tool) {
                None => "not offered".to_owned(),
                Some((Permission::Given, _)) => "given".to_owned(),
                Some((Permission::Refused, _)) => "refused".to_owned(),
                Some((Permission::Asked { reason }, of)) => {
                    assert_eq!(of, definition(tool));
                    reason
                }
            };
            assert_eq!(found, said, "{rule:?}");
        }
        assert!(serde_json::from_value::<ToolRule>(json!("sometimes")).is_err());
    }

    #[test]
    fn whatever_changes_of_a_tool_changes_its_definition() {
        let base = json!({"name": "a", "title": "A", "description": "does a",
            "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}});
        let of = |tool: &Value| definition(&serde_json::from_value(tool.clone()).unwrap());
        for (member, other) in [
            ("name", json!("b")),
            ("title", json!("B")),
            ("description", json!("does b")),
            ("inputSchema", json!({"type": "object", "properties": {}})),
            ("annotations", json!({"readOnlyHint": false})),
        ] {
            let mut changed = base.clone();
            changed[member] = other;
            assert_ne!(of(&base), of(&changed), "{member}");
        }
        let turned = json!({"annotations": {"readOnlyHint": true}, "inputSchema": {"type": "object"},
            "description": "does a", "title": "A", "name": "a"});
        assert_eq!(of(&base), of(&turned));
    }
}
