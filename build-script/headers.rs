//! Makes the C headers: cbindgen turns the types, symbols and functions of src/ffi and mt/src into C, and the templates
//! of include/templates add the order, the conditions, the documentation of the calls, and the parts that Rust cannot
//! express.
//!
//! In a template a line `@doc NAME` becomes the declaration of NAME with its doc comment from Rust, `@ NAME` the
//! declaration alone, and `@records` all records of zookeeper.jute.h with their functions.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

pub(crate) const HEADERS: [&str; 6] =
    ["zookeeper.h", "zookeeper.jute.h", "zookeeper_log.h", "zookeeper_version.h", "proto.h", "recordio.h"];

/// Exported, but not by `@` lines: functions that only Apache's own test programs use, and declarations that a template
/// writes out itself.
const NOT_IN_TEMPLATES: [&str; 8] = [
    "zookeeper_init_sasl",
    "zoo_sasl_make_basic_callbacks",
    "zoo_sasl_make_password_callbacks",
    "zoo_create2_op_init",
    "zoo_lock_auth",
    "zoo_unlock_auth",
    "log_message",
    "logLevel",
];

/// Longest line of the headers.
const LINE_LENGTH: usize = 120;

/// One C declaration.
#[derive(Clone)]
struct Item {
    text: String,
    declaration: String,
}

/// The finished headers, by name. `facts` is abi/layout-3.8.0.tsv, whose order of records is kept. A fault becomes an
/// `#error` in a header, so that tests/headers.rs fails but rustc can still report errors in the sources.
pub(crate) fn render(facts: &str) -> Vec<(&'static str, String)> {
    let records: Vec<_> = records(facts);
    let items = match cbindgen(&records) {
        Ok(c) => items(&c),
        Err(error) => return HEADERS.map(|name| (name, format!("#error cbindgen: {error}\n"))).into(),
    };
    let mut used = BTreeSet::new();
    let mut headers = HEADERS.map(|name| {
        let path = format!("include/templates/{name}");
        let template = fs::read_to_string(&path).expect("the template is readable");
        (name, fill(&path, &template, &items, &records, &mut used))
    });
    for (name, item) in &items {
        let exported = item.declaration.starts_with("ZOOAPI ") || item.declaration.starts_with("extern ");
        let hidden = NOT_IN_TEMPLATES.contains(&name.as_str()) || name.starts_with("calmkeeper_");
        if exported && !hidden && !used.contains(name) {
            headers[0].1 += &["#error ", name, " is exported, but no template declares it\n"].concat();
        }
    }
    headers.into()
}

/// The records of zookeeper.jute.h, in its order.
fn records(facts: &str) -> Vec<String> {
    let structs = facts.lines().filter_map(|row| row.strip_prefix("struct ")?.split_once("\t-\t"));
    let others = ["buffer", "iarchive", "oarchive"];
    structs.map(|(name, _)| name.to_owned()).filter(|name| !others.contains(&name.as_str())).collect()
}

/// The output of cbindgen for the sources.
fn cbindgen(records: &[String]) -> Result<String, cbindgen::Error> {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Tag,
        no_includes: true,
        line_length: LINE_LENGTH,
        tab_width: 4,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        ..cbindgen::Config::default()
    };
    config.function.prefix = Some("ZOOAPI".to_owned());
    config.export.include = records.to_vec();
    config.export.include.push("ZOO_ERRORS".to_owned());
    // The C library's own structs keep their tags.
    for tag in ["sockaddr", "timeval"] {
        config.export.rename.insert(tag.to_owned(), format!("struct {tag}"));
    }
    let sources = sources();
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), cbindgen::Builder::with_src);
    let mut c = Vec::new();
    builder.generate()?.write(&mut c);
    Ok(String::from_utf8(c).expect("cbindgen writes UTF-8"))
}

/// The Rust files with exported declarations, in a fixed order.
pub(crate) fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = ["src/ffi", "mt/src"].map(PathBuf::from).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Splits C into its declarations, by the name that each declares.
fn items(c: &str) -> BTreeMap<String, Item> {
    let mut items = BTreeMap::new();
    let (mut text, mut declaration, mut in_comment, mut depth) = (String::new(), String::new(), false, 0);
    for line in c.lines() {
        if declaration.is_empty() && (in_comment || line.starts_with("/*")) {
            in_comment = !line.ends_with("*/");
            text += line;
            text += "\n";
        } else if !line.is_empty() {
            declaration += line;
            declaration += "\n";
            depth += line.matches(['{', '(']).count();
            depth -= line.matches(['}', ')']).count();
            if depth == 0 && line.ends_with(';') {
                let declaration = tidy_declaration(&std::mem::take(&mut declaration));
                let text = tidy_text(&std::mem::take(&mut text));
                items.insert(declared_name(&declaration), Item { text, declaration });
            }
        }
    }
    assert!(declaration.is_empty(), "a declaration does not end: {declaration}");
    items
}

/// Removes the comma after the last member of an enum, which C89 does not allow, and puts short comments on one line.
fn tidy_declaration(declaration: &str) -> String {
    let mut tidy = String::new();
    let mut rest = declaration;
    while let Some((before, comment)) = rest.split_once("    /**\n") {
        let (comment, after) = comment.split_once("*/\n").expect("comments end");
        tidy += before;
        let is_short = comment.matches('\n').count() == 1;
        let comment = format!("/**\n{}*/\n", if is_short { comment.trim_start() } else { comment });
        tidy += "    ";
        tidy += &tidy_text(&comment);
        rest = after;
    }
    tidy += rest;
    let tidy = tidy.replace("ZOOAPI\n", "ZOOAPI ").replace(",\n};", "\n};");
    // In Rust, a parameter that the library ignores begins with an underscore, which the C prototype does not have.
    if tidy.starts_with("ZOOAPI ") { tidy.replace(" _", " ") } else { tidy }
}

/// A prototype in as few lines as the line length allows.
fn wrapped(prototype: &str) -> String {
    let words = prototype.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = String::new();
    let mut column = 0;
    for part in words.split_inclusive(", ") {
        if column > 0 && column + part.trim_end().len() > LINE_LENGTH {
            lines.truncate(lines.trim_end().len());
            lines += "\n        ";
            column = 8;
        }
        lines += part;
        column += part.len();
    }
    lines + "\n"
}

fn tidy_text(comment: &str) -> String {
    let lines: Vec<_> = comment.lines().collect();
    match lines[..] {
        ["/**", text, _] => format!("/** {} */\n", text.trim_start_matches([' ', '*'])),
        _ => comment.to_owned(),
    }
}

/// The name that a declaration of cbindgen declares.
fn declared_name(declaration: &str) -> String {
    let word = |text: &str| {
        text.trim_end_matches([';', '\n', ' '])
            .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .map(str::to_owned)
    };
    let head = match declaration.split_once("(*") {
        // `typedef void (*name)(...)`, or a function pointer among arguments
        Some((before, rest)) if !before.contains('(') => rest.split_once(')').map_or(rest, |(name, _)| name),
        _ => declaration.split(['(', '{']).next().unwrap_or_default(),
    };
    word(head).expect("split yields at least one part")
}

fn fill(
    path: &str,
    template: &str,
    items: &BTreeMap<String, Item>,
    records: &[String],
    used: &mut BTreeSet<String>,
) -> String {
    // ZOOAPI is defined in zookeeper.h, after it includes these two, so they cannot use it.
    let unmarked = path.ends_with("recordio.h") || path.ends_with("jute.h");
    let mut header = String::from("/* Generated: see include/templates. Calmkeeper, Apache License 2.0. */\n");
    let mut take = |name: &str| {
        used.insert(name.to_owned());
        let missing =
            || Item { text: String::new(), declaration: format!("#error {path}: the sources have no {name}\n") };
        items.get(name).cloned().unwrap_or_else(missing)
    };
    for line in template.lines() {
        if line == "@records" {
            header += &records.iter().map(|name| record(&take(name), name)).collect::<Vec<_>>().join("\n");
        } else if let Some(name) = line.strip_prefix("@doc ") {
            let item = take(name);
            header += &item.text;
            header += &exported(&item.declaration);
        } else if let Some(name) = line.strip_prefix("@ ") {
            header += &exported(&take(name).declaration);
        } else {
            header += line;
            header += "\n";
        }
    }
    if unmarked { header.replace("ZOOAPI ", "") } else { header }
}

/// Declarations of symbols by cbindgen lack ZOOAPI.
fn exported(declaration: &str) -> String {
    match declaration.strip_prefix("extern ") {
        Some(symbol) => ["extern ZOOAPI ", symbol].concat(),
        None if declaration.starts_with("ZOOAPI ") => wrapped(declaration),
        None => declaration.to_owned(),
    }
}

/// A record with the functions that each one has. src/ffi/memory.rs makes them by macro, so cbindgen does not see them.
fn record(item: &Item, name: &str) -> String {
    let is_list = name.ends_with("_vector");
    let result = if is_list { "int" } else { "void" };
    let allocate =
        if is_list { format!("ZOOAPI int allocate_{name}(struct {name} *v, int32_t len);\n") } else { String::new() };
    format!(
        "{}{}int serialize_{name}(struct oarchive *out, const char *tag, struct {name} *v);\n\
         int deserialize_{name}(struct iarchive *in, const char *tag, struct {name} *v);\n\
         {allocate}ZOOAPI {result} deallocate_{name}(struct {name} *v);\n",
        item.text, item.declaration
    )
}
