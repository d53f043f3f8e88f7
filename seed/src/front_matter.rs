//! The text of a page in one locale: TOML front matter between two lines of `+++`, a blank line, Markdown.
//!
//! The body is kept to the letter. The file ends it with one line feed that is not part of it, so a body that itself
//! ends in line feeds keeps them; an empty body has no lines at all, not even the blank one.

use std::str::FromStr;

use entities::{Form, Line, Markdown, Prose, Rule};

use crate::{
    fault::{Report, Spot},
    page::PageText,
    text,
    toml_table::{Source, string},
};

const FENCE: &str = "+++\n";

/// Reads a page text.
pub(crate) fn read(path: &str, text: &str, report: &mut Report) -> Option<PageText> {
    let unfenced = Rule::Format { expected: Form::FrontMatter };
    let Some(inner) = text.strip_prefix(FENCE) else {
        report.add(Spot::start(path), unfenced);
        return None;
    };
    let Some(length) = closing_fence(inner) else {
        report.add(text::spot(path, text, text.len()), unfenced);
        return None;
    };
    let (toml, rest) = inner.split_at(length);
    let mut table = Source { path, text, start: FENCE.len() }.parse(toml, report);
    let title = table.required::<Line>("title", report);
    let summary = table.optional::<Prose>("summary", report);
    let description = table.optional::<Line>("description", report);
    let signature = table.optional::<Prose>("signature", report);
    table.finish(report);
    // A last fence without a line feed has been reported as such.
    let rest = rest.strip_prefix(FENCE).unwrap_or_default();
    let body = read_body(path, text, rest, report);
    Some(PageText { title: title?, summary, description, signature, body: body? })
}

/// Where the closing fence begins.
fn closing_fence(inner: &str) -> Option<usize> {
    let mut at = 0;
    for line in inner.split_inclusive('\n') {
        if line.trim_end_matches('\n') == FENCE.trim_end() {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn read_body(path: &str, text: &str, rest: &str, report: &mut Report) -> Option<Markdown> {
    let start = text.len() - rest.len();
    let body = match rest.strip_prefix('\n') {
        Some(body) => body,
        None if rest.is_empty() => "",
        None => {
            let rule = Rule::Format { expected: Form::BlankLine };
            report.add_field(text::spot(path, text, start), "body", rule, "");
            rest
        }
    };
    let start = text.len() - body.len();
    let body = body.strip_suffix('\n').unwrap_or(body);
    match Markdown::from_str(body) {
        Ok(body) => Some(body),
        Err(rule) => {
            let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            let offset = if rule == Rule::ControlCharacter { body.find(control).unwrap_or_default() } else { 0 };
            report.add_field(text::spot(path, text, start + offset), "body", rule, "");
            None
        }
    }
}

pub(crate) fn render(text: &PageText) -> String {
    let optional = [
        ("summary", text.summary.as_ref().map(Prose::as_str)),
        ("description", text.description.as_ref().map(Line::as_str)),
        ("signature", text.signature.as_ref().map(Prose::as_str)),
    ];
    let mut file = format!("{FENCE}title = {}\n", string(text.title.as_str()));
    for (key, value) in optional {
        if let Some(value) = value {
            file.push_str(&format!("{key} = {}\n", string(value)));
        }
    }
    file.push_str(FENCE);
    if !text.body.as_str().is_empty() {
        file.push_str(&format!("\n{}\n", text.body));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_keeps_every_line_feed_but_the_one_that_ends_the_file() {
        for (body, file) in [
            ("", "+++\ntitle = \"T\"\n+++\n"),
            ("\n", "+++\ntitle = \"T\"\n+++\n\n\n\n"),
            ("a", "+++\ntitle = \"T\"\n+++\n\na\n"),
            ("\na\n\n", "+++\ntitle = \"T\"\n+++\n\n\na\n\n\n"),
            ("+++\na", "+++\ntitle = \"T\"\n+++\n\n+++\na\n"),
        ] {
            let mut report = Report::default();
            let text = read("pages/a.en.md", file, &mut report);
            let text = report.conclude(text);
            assert_eq!(text.as_ref().map(|text| text.body.as_str()), Ok(body));
            assert_eq!(text.map(|text| render(&text)), Ok(file.to_owned()));
        }
    }
}
