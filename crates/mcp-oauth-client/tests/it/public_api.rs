//! The crate's surface, line by line, in `public-api.txt`: a change to it is seen in review.
//!
//! `UPDATE_PUBLIC_API=1 cargo nextest run -p mcp-oauth-client public_api` writes the file anew.

use std::{fs, path::Path};

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, TraitItem, Visibility};

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Source text of a piece of syntax, on one line and without the spaces between all tokens.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" :", ":"),
        ("' ", "'"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        (":: ", "::"),
        (" ?", "?"),
        (" ;", ";"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

struct Walk {
    lines: Vec<String>,
}

impl Walk {
    fn file(&mut self, file: &Path, module: &str) {
        let source = fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&source).unwrap();
        // Modules of `mod.rs` and `lib.rs` lie beside it, those of others in its folder.
        let folder = match file.file_stem().unwrap().to_str().unwrap() {
            "lib" | "mod" => file.parent().unwrap().to_owned(),
            _ => file.with_extension(""),
        };
        for item in &parsed.items {
            self.item(item, module, &folder);
        }
    }

    fn item(&mut self, item: &Item, module: &str, folder: &Path) {
        match item {
            Item::Mod(inner) if inner.content.is_none() => {
                let name = inner.ident.to_string();
                let beside = folder.join(format!("{name}.rs"));
                let inside = folder.join(&name).join("mod.rs");
                let file = if beside.exists() { beside } else { inside };
                self.file(&file, &format!("{module}::{name}"));
            }
            Item::Use(own) if is_public(&own.vis) => self.say(module, "use", &text(&own.tree)),
            Item::Const(own) if is_public(&own.vis) => {
                let line = format!("{}: {}", own.ident, text(&own.ty));
                self.say(module, "const", &line);
            }
            Item::Fn(own) if is_public(&own.vis) => self.say(module, "", &text(&own.sig)),
            Item::Type(own) if is_public(&own.vis) => {
                let line = format!("{}{} = {}", own.ident, text(&own.generics), text(&own.ty));
                self.say(module, "type", &line);
            }
            Item::Struct(own) if is_public(&own.vis) => {
                let name = format!("{}{}", own.ident, text(&own.generics));
                self.say(module, "struct", &name);
                self.fields(&own.fields, &format!("{module}::{}", own.ident));
            }
            Item::Enum(own) if is_public(&own.vis) => {
                let name = format!("{}{}", own.ident, text(&own.generics));
                self.say(module, "enum", &name);
                for variant in &own.variants {
                    let fields = text(&variant.fields);
                    let line = format!("{}::{}{}", own.ident, variant.ident, strip_docs(&fields));
                    self.say(module, "variant", &line);
                }
            }
            Item::Trait(own) if is_public(&own.vis) => {
                self.say(module, "trait", &format!("{}", own.ident));
                for member in &own.items {
                    if let TraitItem::Fn(method) = member {
                        self.say(&format!("{module}::{}", own.ident), "", &text(&method.sig));
                    }
                }
            }
            Item::Impl(own) if own.trait_.is_some() => {
                let (_, path, _) = own.trait_.as_ref().unwrap();
                let line = format!("{} for {}", text(path), text(&own.self_ty));
                self.say(module, "impl", &line);
            }
            Item::Impl(own) => {
                let within = format!("{module}::{}", text(&own.self_ty));
                for member in &own.items {
                    match member {
                        ImplItem::Fn(method) if is_public(&method.vis) => {
                            self.say(&within, "", &text(&method.sig));
                        }
                        ImplItem::Const(own) if is_public(&own.vis) => {
                            let line = format!("{}: {}", own.ident, text(&own.ty));
                            self.say(&within, "const", &line);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn fields(&mut self, fields: &Fields, within: &str) {
        for field in fields {
            if let (true, Some(name)) = (is_public(&field.vis), &field.ident) {
                self.say(within, "field", &format!("{name}: {}", text(&field.ty)));
            }
        }
    }

    fn say(&mut self, module: &str, kind: &str, line: &str) {
        let space = if kind.is_empty() { "" } else { " " };
        self.lines.push(format!("{module}: {kind}{space}{line}"));
    }
}

/// Fields of a variant without their doc attributes.
fn strip_docs(fields: &str) -> String {
    let mut kept = String::new();
    let mut rest = fields;
    while let Some(at) = rest.find("# [doc").or_else(|| rest.find("#[doc")) {
        kept.push_str(&rest[..at]);
        // A doc attribute is one string literal; its end is the bracket behind the closing quote.
        let after = &rest[at..];
        let end = after.find("\"]").map_or(after.len(), |end| end + 2);
        rest = after[end..].trim_start();
    }
    kept.push_str(rest);
    kept
}

#[test]
fn the_public_surface_is_the_one_that_was_reviewed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut walk = Walk { lines: Vec::new() };
    walk.file(&root.join("src/lib.rs"), "mcp_oauth_client");
    walk.lines.sort();
    walk.lines.dedup();
    let now = walk.lines.join("\n") + "\n";
    let file = root.join("public-api.txt");
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let reviewed = fs::read_to_string(&file).unwrap_or_default();
    let gone: Vec<_> = reviewed
        .lines()
        .filter(|line| !now.lines().any(|own| own == *line))
        .collect();
    let new: Vec<_> = now
        .lines()
        .filter(|line| !reviewed.lines().any(|own| own == *line))
        .collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the surface has changed; if that is meant, set UPDATE_PUBLIC_API=1 and run this test again\ngone: {gone:#?}\nnew: {new:#?}"
    );
}
