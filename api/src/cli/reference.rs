//! `almanac reference`: the tables in `docs/reference/`, written from what they describe.

use std::{fmt::Write as _, path::Path};

use anyhow::Context as _;
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use entities::{Count, Markdown};

use super::Cli;
use crate::{
    access::throttle::{PER_ACCOUNT, PER_NETWORK},
    compute_pool::WAITING,
    delivery::reading::MAX_CHILDREN,
    document::graphql::MAX_DOCUMENTS,
    error::Code,
    figures::{chart, year_sheet::graphql::MAX_ROWS},
    graphql::MAX_FIRST,
    http::server,
    locale::MAX_FALLBACK,
    schema::{MAX_COST, limits::Limits, node::MAX_NODES},
};

/// Writes every table into the folder, which must be there.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let files =
        [("settings.md", settings()), ("commands.md", commands()), ("errors.md", errors()), ("limits.md", limits())];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The program as clap knows it, with what it derives filled in.
fn program() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

fn is_setting(argument: &Arg) -> bool {
    argument.get_env().is_some()
}

/// The help of an argument in one line, as a cell of a table.
fn help(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = if argument.get_action().takes_values() {
        let shown = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        let described = |value: clap::builder::PossibleValue| {
            let help = value.get_help().map(|help| format!(" ({})", help.to_string().trim_end_matches('.')));
            format!("`{}`{}", value.get_name(), help.unwrap_or_default())
        };
        shown.map(described).collect()
    } else {
        Vec::new()
    };
    let choices = if choices.is_empty() { String::new() } else { format!(". One of {}", choices.join(", ")) };
    cell(&format!("{help}{choices}."))
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn settings() -> String {
    let mut text = "# Settings\n\n\
        Every setting is a flag or an environment variable; a flag wins. All of them apply to every command. The log goes to\n\
        standard error and contains no query strings, bodies, passwords or tokens.\n\n\
        | flag | environment | default | meaning |\n|---|---|---|---|\n"
        .to_owned();
    let program = program();
    for setting in program.get_arguments().filter(|argument| is_setting(argument)) {
        let flag = setting.get_long().unwrap_or_default();
        let variable = setting.get_env().unwrap_or_default().to_string_lossy();
        let default: Vec<_> = setting.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() || !setting.get_action().takes_values() {
            String::new()
        } else {
            format!("`{}`", default.join(","))
        };
        let _ = writeln!(text, "| `--{flag}` | `{variable}` | {default} | {} |", help(setting));
    }
    text
}

fn commands() -> String {
    let mut text = "# Commands\n\n\
        `almanac` is `target/release/almanac` after a release build; `cargo run --release -- <command>` does the same. Every\n\
        command takes the [settings](settings.md), and may run beside a server on the same database, which serves what the\n\
        command changes at once on PostgreSQL and within a quarter of a second on SQLite.\n"
        .to_owned();
    let program = program();
    describe(&program, "almanac", &mut text);
    text
}

fn describe(command: &Command, name: &str, text: &mut String) {
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !is_setting(argument) && !["help", "version"].contains(&argument.get_id().as_str()))
        .collect();
    let is_group = command.has_subcommands() && command.is_subcommand_required_set();
    if !is_group {
        let mut usage = name.to_owned();
        for argument in &own {
            let _ = write!(usage, " {}", shown(argument));
        }
        let about =
            command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
        let about = about.trim_end_matches('.');
        let _ = write!(text, "\n## `{usage}`\n\n{about}.\n");
        if !own.is_empty() {
            text.push_str("\n| | |\n|---|---|\n");
            for argument in &own {
                let _ = writeln!(text, "| `{}` | {} |", shown(argument).trim_matches(['[', ']', '.']), help(argument));
            }
        }
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        describe(inner, &format!("{name} {}", inner.get_name()), text);
    }
}

/// An argument as a usage line shows it.
fn shown(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let values = values.iter().map(|name| format!("<{}>", name.to_uppercase())).collect::<Vec<_>>().join(" ");
    let many = matches!(argument.get_action(), ArgAction::Append)
        || argument.get_num_args().is_some_and(|number| number.max_values() > 1);
    let shown = match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
        None => values,
    };
    let shown = if argument.is_required_set() { shown } else { format!("[{shown}]") };
    if many { format!("{shown}...") } else { shown }
}

fn errors() -> String {
    let mut text = "# Error codes\n\n\
        `extensions.code` of an error at the top level, `code` of an error in a payload. The status is that of\n\
        `application/graphql-response+json`; 200 means that the operation ran and the error is in its payload or has a `path`.\n\n\
        | code | HTTP status | when |\n|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let _ = writeln!(text, "| `{}` | {} | {} |", code.as_str(), code.statuses(), code.when());
    }
    text
}

fn limits() -> String {
    let mut text = "# Limits\n\n\
        A request beyond one of these limits is refused, nearly always before it costs anything. Where a setting decides, its flag\n\
        is named.\n\n\
        | what | limit | refused with |\n|---|---|---|\n"
        .to_owned();
    for (what, limit, refused) in limit_rows() {
        let _ = writeln!(text, "| {what} | {limit} | {refused} |");
    }
    text
}

/// What is limited, to how much, and what a request beyond it meets.
fn limit_rows() -> Vec<(&'static str, String, String)> {
    let Limits {
        document_bytes,
        tokens,
        nesting,
        directives,
        list_items,
        aliases,
        depth,
        introspection_lists,
        selections,
        variable_nesting,
        json_values,
    } = Limits::default();
    let server::Settings { header_timeout, idle_timeout, .. } = server::Settings::default();
    let refused = |code: Code| format!("`{}`", code.as_str());
    let grouped = |number: usize| chart::number(i64::try_from(number).unwrap_or(i64::MAX));
    let numbers = |all: &[usize]| all.iter().map(|number| grouped(*number)).collect::<Vec<_>>().join("; ");
    let [limit, input, overloaded] = [Code::LimitExceeded, Code::BadUserInput, Code::Overloaded].map(refused);
    let (limit, input, overloaded) = (|| limit.clone(), || input.clone(), || overloaded.clone());
    vec![
        ("request target, and with it a query sent by GET", "65,534 bytes".into(), "414, empty body".into()),
        ("header fields; request line and header fields together", "100; 128 KiB".into(), "431, empty body".into()),
        (
            "connections; of one network",
            "`--max-connections`; `--max-connections-per-network`".into(),
            format!("the longest silent one is closed; 503 {} when none is silent", overloaded()),
        ),
        (
            "time for the request head; silence on a connection",
            format!("{} s; {} s", header_timeout.as_secs(), idle_timeout.as_secs()),
            "connection closed".into(),
        ),
        ("body", "`--max-body-bytes`".into(), format!("413 {}", refused(Code::PayloadTooLarge))),
        ("time for the body", "20 s".into(), format!("408 {}", refused(Code::RequestTimeout))),
        (
            "bodies in memory: all together; of one network",
            "32 MiB or four times `--max-body-bytes`; as much as is left for others".into(),
            format!("408 {} for the slowest, else 503 {}", refused(Code::RequestTimeout), overloaded()),
        ),
        (
            "jobs waiting for the compute pool, such as long operations, pictures, files, passwords: of one priority; of one client",
            numbers(&[WAITING.total, WAITING.client]),
            format!("503 {}", overloaded()),
        ),
        ("operation: bytes; tokens; directives", numbers(&[document_bytes, tokens, directives]), limit()),
        ("open brackets; depth of fields", numbers(&[nesting, depth]), limit()),
        ("aliases; selections, with fragments written out", numbers(&[aliases, selections]), limit()),
        (
            "lists of introspection inside each other, such as `fields` below `possibleTypes`",
            numbers(&[introspection_lists]),
            limit(),
        ),
        ("pages reached by `children`, all together, counted as they are read", numbers(&[MAX_CHILDREN]), limit()),
        (
            "items of one list; nesting of a variable; values in a body",
            numbers(&[list_items, variable_nesting, json_values]),
            limit(),
        ),
        (
            "cost, estimated before the operation runs and counted while its response is written",
            numbers(&[MAX_COST]),
            limit(),
        ),
        (
            "`first` of a connection; `ids` of `nodes`; `fallback`",
            format!("{MAX_FIRST}; {}", numbers(&[MAX_NODES, MAX_FALLBACK])),
            input(),
        ),
        (
            "`counts` of one update; documents of one `publishMany`, `reorder` or `publishCheck`",
            numbers(&[MAX_ROWS, MAX_DOCUMENTS]),
            input(),
        ),
        ("a response", "`--max-response-bytes`".into(), limit()),
        (
            "all responses being written and sent, beyond 64 KiB each",
            "twice the longest response, and `--response-cache-bytes`".into(),
            format!("503 {}", overloaded()),
        ),
        (
            "operations that clients register by their hash, in each process",
            "4 MiB; the least recently used are dropped".into(),
            refused(Code::PersistedQueryNotFound),
        ),
        ("a Markdown text", format!("{} characters", grouped(Markdown::MAX_CHARS)), input()),
        ("a count, a total, the sum of a year's countries", chart::number(Count::MAX), input()),
        (
            "attempts to sign in: per account and network, or per known device; per network",
            [PER_ACCOUNT, PER_NETWORK]
                .map(|(burst, pause)| format!("{burst}, then one every {} s", pause.as_secs()))
                .join("; "),
            refused(Code::RateLimited),
        ),
        ("points of cost in a minute", "`--rate-limit`".into(), format!("429 {}", refused(Code::RateLimited))),
    ]
}
