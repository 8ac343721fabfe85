use huskarl::authorizer::parse_challenges;
use mcp_oauth_client::Challenges;
use proptest::{collection, prelude::*};

/// A scheme and its parameters, the same way from each parser.
type Read = Vec<(String, Vec<(String, String)>)>;

fn headers(lines: &[&str]) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for line in lines {
        headers.append("www-authenticate", line.parse().unwrap());
    }
    headers
}

fn by_http_auth(line: &str) -> Option<Read> {
    http_auth::parse_challenges(line)
        .ok()?
        .into_iter()
        .map(|challenge| {
            let params = challenge
                .params
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_unescaped()))
                .collect();
            Some((challenge.scheme.to_owned(), params))
        })
        .collect()
}

fn by_huskarl(line: &str) -> Read {
    parse_challenges(&headers(&[line]))
        .iter()
        .map(|challenge| {
            let params = challenge
                .params()
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect();
            (challenge.scheme.clone(), params)
        })
        .collect()
}

/// Whether ours reads the same schemes in the same order with the same parameters. A parameter
/// that is empty counts as absent with us.
fn agrees(line: &str, read: &Read) -> bool {
    let ours = Challenges::parse(line);
    ours.iter().count() == read.len()
        && ours.iter().zip(read).all(|(own, (scheme, params))| {
            own.scheme() == scheme
                && params.iter().all(|(name, value)| {
                    let first = params.iter().find(|(other, _)| other == name);
                    first.is_some_and(|(_, first)| first != value)
                        || own.param(name).unwrap_or_default() == value
                })
        })
}

#[test]
fn three_parsers_read_the_challenges_of_real_servers_alike() {
    for line in [
        r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp""#,
        r#"Bearer error="invalid_token", error_description="The access token expired""#,
        r#"Bearer realm="OAuth", resource_metadata="https://a.example/m?x=1,2", scope="read write""#,
        r#"bearer ERROR="insufficient_scope" , scope = "files:write""#,
        r#"Basic realm="a, \"b\" c", Bearer scope="x""#,
        r#"DPoP algs="ES256 RS256", error="use_dpop_nonce""#,
        r#"Digest qop="auth, auth-int", algorithm=MD5, nonce="7ypf", Basic realm="x""#,
        "Bearer, Basic",
        "Bearer",
        r#", ,Bearer realm="" ,, scope=x ,"#,
        r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#,
    ] {
        let strict = by_http_auth(line).unwrap_or_else(|| panic!("http-auth refuses {line}"));
        assert!(agrees(line, &strict), "{line}: {strict:?}");
        let lenient = by_huskarl(line);
        assert!(agrees(line, &lenient), "{line}: {lenient:?}");
    }
}

#[test]
fn two_parsers_read_token68_alike() {
    let line = "Negotiate YIIBzQYGKwYBBQUCoA==, Bearer scope=\"x\"";
    let theirs = parse_challenges(&headers(&[line]));
    let ours = Challenges::parse(line);
    let token68 = |n: usize| {
        ours.iter()
            .nth(n)
            .and_then(|own| own.token68().map(str::to_owned))
    };
    assert_eq!(token68(0).as_deref(), theirs[0].token68());
    assert_eq!(token68(1), None);
    assert!(by_http_auth(line).is_none(), "it does not read token68");
}

#[test]
fn header_lines_are_read_in_order_by_both() {
    let lines = [
        "Basic realm=\"x\"",
        "Bearer scope=\"a\", DPoP algs=\"ES256\"",
    ];
    let theirs = parse_challenges(&headers(&lines));
    let ours = Challenges::from_headers(&headers(&lines));
    let ours: Vec<_> = ours.iter().map(|own| own.scheme()).collect();
    let theirs: Vec<_> = theirs.iter().map(|own| own.scheme.as_str()).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn an_unquoted_url_is_read_whole_where_others_refuse_it_or_cut_it() {
    let line = "Bearer resource_metadata=https://mcp.example/m, scope=x";
    let ours = Challenges::parse(line);
    let ours = ours.bearer().unwrap();
    assert_eq!(ours.resource_metadata(), Some("https://mcp.example/m"));
    assert_eq!(ours.scopes().to_string(), "x");
    assert!(by_http_auth(line).is_none());
    let theirs = parse_challenges(&headers(&[line]));
    assert_ne!(
        theirs[0].param("resource_metadata"),
        Some("https://mcp.example/m")
    );
}

/// One challenge by the grammar, quoted or bare values, with unusual but legal spacing.
fn challenge() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}",
        "[ -~]{0,20}".prop_map(|text| {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }),
    ];
    let param = ("[a-zA-Z_]{1,10}", "( ?=|= ?)", value)
        .prop_map(|(name, equals, value)| format!("{name}{equals}{value}"));
    ("[A-Z][a-zA-Z]{0,8}", collection::vec(param, 0..5)).prop_map(|(scheme, params)| {
        let space = if params.is_empty() { "" } else { " " };
        format!("{scheme}{space}{}", params.join(", "))
    })
}

proptest! {
    #[test]
    fn three_parsers_read_lists_by_the_grammar_alike(
        challenges in collection::vec(challenge(), 1..4),
        comma in "(,|, | ,  |,,)",
    ) {
        let line = challenges.join(&comma);
        let lenient = by_huskarl(&line);
        prop_assert!(agrees(&line, &lenient), "{line}: {lenient:?}");
        let strict = by_http_auth(&line);
        prop_assert!(strict.is_some(), "http-auth refuses {line}");
        prop_assert!(agrees(&line, &strict.unwrap()), "{}", line);
    }
}
