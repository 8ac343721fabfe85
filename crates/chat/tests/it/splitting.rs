//! The same bytes mean the same, wherever the network cuts them.

use bytes::Bytes;
use futures::executor::block_on;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::{
    answers::{drain, listen},
    script::{Answer, Piece, call, chunk, end, sse},
};

fn an_event() -> impl Strategy<Value = Value> {
    let word = "[a-z é世🌍\"\\\\\n\r]{0,12}";
    prop_oneof![
        word.prop_map(|text| chunk(json!({"content": text}))),
        word.prop_map(|text| chunk(json!({"reasoning": text}))),
        (0..4_u64, "[a-z]{1,6}", word).prop_map(|(at, name, text)| call(at, "", &name, &text)),
        (0..4_u64, word).prop_map(|(at, text)| call(at, "", "", &text)),
        Just(json!({"choices": [], "usage": {"total_tokens": 3}})),
    ]
}

fn cut(bytes: &Bytes, at: &[Index]) -> Vec<Piece> {
    let mut at: Vec<usize> = at.iter().map(|at| at.index(bytes.len())).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let pieces = at.windows(2).map(|pair| bytes.slice(pair[0]..pair[1]));
    pieces.map(Piece::Bytes).collect()
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_answer(
        // Calls that get their name late are shown late; here every call is named at once.
        events in prop::collection::vec(an_event(), 0..20),
        ending in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        at in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let mut all: Vec<Value> = (0..4).map(|at| call(at, "", "first", "{")).collect();
        all.extend(events);
        all.push(end("stop"));
        let bytes = Bytes::from(sse(&all).replace('\n', ending));
        let whole = block_on(listen(Answer::stream([Piece::Bytes(bytes.clone())]))).unwrap();
        let pieces = block_on(listen(Answer::stream(cut(&bytes, &at)))).unwrap();
        prop_assert_eq!(&whole, &pieces);
        let single = bytes.chunks(1).map(|byte| Piece::Bytes(Bytes::copy_from_slice(byte)));
        prop_assert_eq!(&whole, &block_on(listen(Answer::stream(single))).unwrap());
    }

    #[test]
    fn no_bytes_at_all_break_the_client(
        fragments in prop::collection::vec(a_fragment(), 1..60),
        at in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        let bytes = Bytes::from(fragments.concat());
        // Whether it is an answer does not matter, only that the client comes to an end.
        let _ = block_on(drain(Answer::stream(cut(&bytes, &at))));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = block_on(drain(Answer::plain(200, "application/json", text)));
    }

    #[test]
    fn no_chunk_at_all_breaks_the_client(chunk in json_like(), name in ".{0,4}") {
        let call = json!({"index": 0, "function": {"name": name, "arguments": chunk}});
        for chunk in [
            chunk.clone(),
            json!({"choices": chunk}),
            json!({"choices": [{"delta": chunk}]}),
            json!({"choices": [{"delta": {"tool_calls": [chunk, call]}, "finish_reason": chunk}]}),
            json!({"error": chunk}),
        ] {
            let _ = block_on(drain(Answer::events(&[chunk])));
        }
    }
}

/// Bytes, most of them of the kind that a stream of events is made of.
fn a_fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "data:",
        "data: ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        ":",
        "event: x\n",
        "id: 1\n",
        "retry: 5\n",
        "[DONE]",
        "{\"choices\":[",
        "{\"delta\":{\"content\":\"a\"}}",
        "]}",
        "{}",
        "null",
        "\u{feff}",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop::sample::select(vec![
            "choices",
            "delta",
            "message",
            "content",
            "tool_calls",
            "index",
            "id",
            "function",
            "name",
            "arguments",
            "text",
            "error",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| members
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect()),
        ]
    })
}
