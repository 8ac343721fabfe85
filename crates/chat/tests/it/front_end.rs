//! What a front end of the UI message stream protocol takes for granted.

use std::collections::HashMap;

use serde_json::Value;

/// Fails if a front end could not follow the stream: deltas without a start, texts left open,
/// calls that get a result before they run, steps within steps, anything after the end.
pub fn hold_to_protocol(parts: &[Value]) {
    let mut open: HashMap<String, &str> = HashMap::new();
    let mut calls: HashMap<&str, &str> = HashMap::new();
    let mut in_step = false;
    let mut over = false;
    let mut waits = false;
    for part in parts {
        let kind = part["type"].as_str().unwrap();
        let text = |name: &str| part[name].as_str().unwrap_or_else(|| panic!("{part}"));
        assert!(!over, "after the end: {part}");
        if let Some((thing, what)) = kind
            .strip_prefix("text-")
            .map(|what| ("text", what))
            .or_else(|| {
                kind.strip_prefix("reasoning-")
                    .map(|what| ("reasoning", what))
            })
        {
            let id = text("id");
            match what {
                "start" => {
                    assert_eq!(
                        open.insert(id.to_owned(), thing),
                        None,
                        "open twice: {part}"
                    );
                }
                "delta" => assert_eq!(open.get(id), Some(&thing), "not open: {part}"),
                _ => assert_eq!(open.remove(id), Some(thing), "not open: {part}"),
            }
            continue;
        }
        match kind {
            "start-step" => assert!(!std::mem::replace(&mut in_step, true), "a step in a step"),
            "finish-step" => {
                assert!(std::mem::replace(&mut in_step, false), "no step to finish");
                assert!(open.is_empty(), "left open: {open:?}");
            }
            "tool-input-start" => {
                let before = calls.insert(text("toolCallId"), "streaming");
                assert_eq!(before, None, "the same id twice: {part}");
            }
            "tool-input-delta" => {
                assert_eq!(calls.get(text("toolCallId")), Some(&"streaming"), "{part}");
            }
            "tool-input-available" => {
                let before = calls.insert(text("toolCallId"), "running");
                assert_eq!(before, Some("streaming"), "{part}");
                assert!(part["input"].is_object(), "{part}");
            }
            "tool-output-available" | "tool-output-error" => {
                let before = calls.insert(text("toolCallId"), "done");
                assert_eq!(before, Some("running"), "{part}");
            }
            "finish" => {
                over = true;
                let left: Vec<_> = calls
                    .iter()
                    .filter(|(_, state)| **state != "done")
                    .collect();
                assert!(left.is_empty(), "calls without a result: {left:?}");
            }
            "abort" | "error" => over = true,
            "data-waiting" => {
                over = true;
                waits = true;
            }
            "start" | "data-run" | "data-connection" | "data-notice" => {}
            "data-authorization" | "data-approval" | "data-elicitation" => {
                assert_eq!(part["id"], part["data"]["askId"], "{part}");
            }
            other => panic!("no part of the protocol: {other}"),
        }
    }
    assert!(over, "the stream does not say how it ends");
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(!in_step, "a step without an end");
    let running: Vec<_> = calls
        .iter()
        .filter(|(_, state)| **state == "running" && !waits)
        .collect();
    assert!(running.is_empty(), "calls that run for ever: {running:?}");
}
