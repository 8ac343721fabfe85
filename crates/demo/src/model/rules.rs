//! Which tools a sentence asks for.

use serde_json::{Map, Value, json};

use super::{
    OfferedTool,
    words::{after, arithmetic, has_word, numbers, time_zone},
};

/// Calls in one answer, at most.
const MAX_CALLS: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// The name as the host offered it.
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// A rule: the tools it can use, best first, an example, and how it reads a sentence.
struct Rule {
    tools: &'static [&'static str],
    example: &'static str,
    /// Takes in the rest of a sentence that no rule understands ("note: milk and eggs").
    open_ended: bool,
    read: fn(&str, &OfferedTool) -> Option<Value>,
}

const RULES: [Rule; 13] = [
    Rule {
        tools: &["create_note"],
        example: "\"note: buy milk\"",
        open_ended: true,
        read: create_note,
    },
    Rule {
        tools: &["delete_note"],
        example: "\"delete note 1\"",
        open_ended: false,
        read: |text, _| {
            let number = numbers(text).into_iter().next_back()?;
            let asked = has_word(text, "delete") && has_word(text, "note");
            asked.then(|| json!({"number": number.trunc() as u64}))
        },
    },
    Rule {
        tools: &["book_table"],
        example: "\"book a table\"",
        open_ended: false,
        read: |text, _| (has_word(text, "book") && has_word(text, "table")).then(|| json!({})),
    },
    Rule {
        tools: &["search_notes"],
        example: "\"find notes about milk\"",
        open_ended: true,
        read: search_notes,
    },
    Rule {
        tools: &["slow_count"],
        example: "\"count slowly to 5\"",
        open_ended: false,
        read: |text, _| {
            let to = numbers(text).into_iter().next_back()?;
            has_word(text, "count").then(|| json!({"to": to.trunc() as i64}))
        },
    },
    Rule {
        tools: &["convert_units"],
        example: "\"convert 5 km to miles\"",
        open_ended: false,
        read: convert,
    },
    Rule {
        tools: &["current_time", "get_current_time"],
        example: "\"what time is it in Tokyo\"",
        open_ended: false,
        read: |text, tool| {
            let asked = ["time", "date", "clock"]
                .iter()
                .any(|word| has_word(text, word));
            let zone = time_zone(text).unwrap_or_else(|| "UTC".to_owned());
            let name = parameter(tool, "string", 0).unwrap_or_else(|| "time_zone".to_owned());
            asked.then(|| json!({name: zone}))
        },
    },
    Rule {
        tools: &["add_numbers", "add", "sum", "get-sum", "get_sum"],
        example: "\"add 2 and 3\"",
        open_ended: false,
        read: add,
    },
    Rule {
        tools: &["calculate"],
        example: "\"what is 12 * 7\"",
        open_ended: false,
        read: |text, _| Some(json!({"expression": arithmetic(text).or_else(|| sum_of(text))?})),
    },
    Rule {
        tools: &["echo"],
        example: "\"echo hello\"",
        open_ended: true,
        read: |text, tool| {
            let said = after(text, &["echo ", "say "]).filter(|said| !said.is_empty())?;
            let name = parameter(tool, "string", 0).unwrap_or_else(|| "message".to_owned());
            Some(json!({name: said}))
        },
    },
    Rule {
        tools: &["fail"],
        example: "",
        open_ended: false,
        read: |text, _| has_word(text, "fail").then(|| json!({})),
    },
    Rule {
        tools: &["hang"],
        example: "",
        open_ended: false,
        read: |text, _| has_word(text, "hang").then(|| json!({})),
    },
    Rule {
        tools: &["big_result"],
        example: "",
        open_ended: false,
        read: |text, _| has_word(text, "big").then(|| json!({})),
    },
];

/// The calls a message asks for, in its order; several mean parallel calls.
pub(super) fn calls(message: &str, tools: &[OfferedTool]) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in message.lines().flat_map(|line| line.split(';')) {
        if let Some(call) = named(line, tools) {
            calls.push(call);
        } else {
            calls.extend(sentence(line, tools));
        }
    }
    calls.truncate(MAX_CALLS);
    calls
}

/// A call of this tool without arguments, if it is offered.
pub(super) fn always(tool: &str, tools: &[OfferedTool]) -> Option<Call> {
    let offered = offered(tools, tool)?;
    Some(Call {
        name: offered.function.name.clone(),
        arguments: json!({}),
    })
}

/// What one could ask with these tools.
pub(super) fn examples(tools: &[OfferedTool]) -> Vec<&'static str> {
    RULES
        .iter()
        .filter(|rule| !rule.example.is_empty() && pick(rule, tools).is_some())
        .map(|rule| rule.example)
        .collect()
}

/// Reads the parts between "and", each alone if a rule understands it, else together with the
/// next one: "add 2 and 3" is one request, "what is 2*3 and what time is it" is two.
fn sentence(line: &str, tools: &[OfferedTool]) -> Vec<Call> {
    let parts: Vec<&str> = line.split(" and ").collect();
    let mut calls = Vec::new();
    let mut open: Option<(&Rule, &OfferedTool, String)> = None;
    let mut start = 0;
    while start < parts.len() {
        let found = (start..parts.len()).find_map(|end| {
            // "and 3" only goes on with what stands before it.
            let goes_on = |next: &&str| !next.contains(char::is_alphabetic);
            if parts.get(end + 1).is_some_and(goes_on) {
                return None;
            }
            let text = parts[start..=end].join(" and ");
            let (rule, tool, arguments) = understood(&text, tools)?;
            Some((end, text, rule, tool, arguments))
        });
        let mut start_of_next = start + 1;
        // What only makes sense together with later parts may still belong to an open-ended one.
        let joined = found.as_ref().is_some_and(|(end, ..)| *end > start);
        match (found, &mut open) {
            (Some((end, text, rule, tool, arguments)), earlier) if !joined || earlier.is_none() => {
                calls.push(Call {
                    name: tool.function.name.clone(),
                    arguments,
                });
                open = rule.open_ended.then_some((rule, tool, text));
                start_of_next = end + 1;
            }
            (_, Some((rule, tool, text))) => {
                text.push_str(" and ");
                text.push_str(parts[start]);
                if let (Some(arguments), Some(last)) = ((rule.read)(text, tool), calls.last_mut()) {
                    last.arguments = arguments;
                }
            }
            _ => {}
        }
        start = start_of_next;
    }
    calls
}

fn understood<'a>(
    text: &str,
    tools: &'a [OfferedTool],
) -> Option<(&'static Rule, &'a OfferedTool, Value)> {
    RULES.iter().find_map(|rule| {
        let tool = pick(rule, tools)?;
        let arguments = (rule.read)(text, tool)?;
        Some((rule, tool, arguments))
    })
}

fn pick<'a>(rule: &Rule, tools: &'a [OfferedTool]) -> Option<&'a OfferedTool> {
    rule.tools.iter().find_map(|name| offered(tools, name))
}

/// An offered tool by its own name; hosts put a server's name in front.
fn offered<'a>(tools: &'a [OfferedTool], name: &str) -> Option<&'a OfferedTool> {
    let exact = tools.iter().find(|tool| tool.function.name == name);
    exact.or_else(|| {
        tools.iter().find(|tool| {
            tool.function
                .name
                .strip_suffix(name)
                .is_some_and(|prefix| prefix.ends_with(['_', '-', '.', '/', ':']))
        })
    })
}

/// `call TOOL {"json": "arguments"}` or `call TOOL name=value …`, for tools no rule knows.
fn named(line: &str, tools: &[OfferedTool]) -> Option<Call> {
    let rest = ["call ", "use "].iter().find_map(|verb| {
        line.trim()
            .get(..verb.len())
            .filter(|start| start.eq_ignore_ascii_case(verb))
            .and_then(|_| line.trim().get(verb.len()..))
    })?;
    let (name, arguments) = rest
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or((rest.trim(), ""));
    let tool = offered(tools, name)?;
    let arguments = arguments.trim();
    let arguments = if arguments.starts_with('{') {
        serde_json::from_str(arguments).ok()?
    } else {
        let pairs = arguments
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        Value::Object(
            pairs
                .map(|(name, value)| (name.to_owned(), typed(tool, name, value)))
                .collect(),
        )
    };
    Some(Call {
        name: tool.function.name.clone(),
        arguments,
    })
}

/// A value as the tool's schema wants it: text stays text.
fn typed(tool: &OfferedTool, name: &str, value: &str) -> Value {
    let text = json!(value);
    if properties(tool).is_some_and(|all| all.get(name).is_some_and(|one| one["type"] == "string"))
    {
        return text;
    }
    serde_json::from_str(value).unwrap_or(text)
}

fn properties(tool: &OfferedTool) -> Option<&Map<String, Value>> {
    tool.function
        .parameters
        .as_ref()?
        .get("properties")?
        .as_object()
}

/// The name of the tool's `nth` parameter of a type.
fn parameter(tool: &OfferedTool, kind: &str, nth: usize) -> Option<String> {
    let fits = |schema: &Value| match &schema["type"] {
        Value::String(one) => one == kind || (kind == "number" && one == "integer"),
        Value::Array(several) => several.iter().any(|one| one == kind),
        _ => false,
    };
    properties(tool)?
        .iter()
        .filter(|(_, schema)| fits(schema))
        .nth(nth)
        .map(|(name, _)| name.clone())
}

fn create_note(text: &str, _: &OfferedTool) -> Option<Value> {
    let starts = [
        "note: ",
        "note that ",
        "note:",
        "remember that ",
        "remember to ",
        "remember: ",
        "write down ",
        "a note saying ",
        "a note: ",
        "a note to ",
        "a note that ",
    ];
    let note = after(text, &starts).filter(|note| !note.is_empty())?;
    Some(json!({"text": note}))
}

fn search_notes(text: &str, _: &OfferedTool) -> Option<Value> {
    let notes = has_word(text, "notes") || has_word(text, "note");
    let verbs = [
        "find", "search", "show", "list", "look", "read", "which", "what",
    ];
    if !notes || !verbs.iter().any(|verb| has_word(text, verb)) {
        return None;
    }
    let query = after(
        text,
        &[" about ", " for ", " with ", " containing ", " mentioning "],
    );
    Some(json!({"query": query.unwrap_or_default()}))
}

fn convert(text: &str, _: &OfferedTool) -> Option<Value> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = words.iter().position(|word| word.parse::<f64>().is_ok())?;
    let value: f64 = words[number].parse().ok()?;
    let from = words.get(number + 1)?;
    let link = words.get(number + 2)?;
    let to = words
        .get(number + 3)?
        .trim_end_matches(['?', '.', '!', ',']);
    let letters = |word: &str| word.chars().all(|c| c.is_alphabetic() || c == '°');
    (matches!(*link, "to" | "in" | "into") && letters(from) && letters(to))
        .then(|| json!({"value": value, "from": from, "to": to}))
}

fn add(text: &str, tool: &OfferedTool) -> Option<Value> {
    let asked = ["add", "sum"].iter().any(|word| has_word(text, word));
    let found = numbers(text);
    let (Some(a), Some(b), true) = (found.first(), found.get(1), asked && found.len() == 2) else {
        return None;
    };
    let first = parameter(tool, "number", 0).unwrap_or_else(|| "a".to_owned());
    let second = parameter(tool, "number", 1).unwrap_or_else(|| "b".to_owned());
    Some(json!({first: plain(*a), second: plain(*b)}))
}

/// A whole number without a fraction, for schemas that want integers.
fn plain(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

/// "add 2, 3 and 4" as an expression, for a calculator without an adding tool beside it.
fn sum_of(text: &str) -> Option<String> {
    let found = numbers(text);
    let asked = ["add", "sum"].iter().any(|word| has_word(text, word));
    (asked && found.len() >= 2).then(|| {
        let terms: Vec<String> = found.iter().map(f64::to_string).collect();
        terms.join(" + ")
    })
}
