//! Markdown to HTML that cannot do anything, and to plain text.
//!
//! Source is stored as it was written and sanitised each time it is rendered, so that a better sanitiser mends old
//! texts too.

use std::collections::HashSet;

use ammonia::Builder;
use entities::Markdown;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// The schemes that a link or an image may have, beside relative addresses.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Stands before every id in a text, and before every reference to one.
const ID_PREFIX: &str = "text-";

/// A text in the three forms that front ends ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// As it was written.
    pub markdown: String,
    /// Sanitised HTML: no script, no style, no form, no frame, only links of allowed schemes.
    pub html: String,
    /// Without any markup, a line for each block.
    pub text: String,
}

/// Renders a text. CommonMark with tables, footnotes and strikethrough; inline HTML such as `<ruby>` survives.
#[must_use]
pub fn render(source: &Markdown) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let events: Vec<Event<'_>> = Parser::new_ext(source.as_str(), options).collect();
    let mut unsafe_html = String::new();
    html::push_html(&mut unsafe_html, events.iter().cloned());
    let mut sanitiser = Builder::default();
    sanitiser
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(Some("noopener noreferrer"))
        .add_generic_attributes(["dir", "lang"])
        // The alignment of a table's columns, and nothing else that a style could say.
        .add_tag_attributes("td", ["style"])
        .add_tag_attributes("th", ["style"])
        .filter_style_properties(HashSet::from(["text-align"]))
        // Footnotes link to their notes by id; the prefix keeps them from clashing with the page around them.
        .add_tag_attributes("div", ["id"])
        .id_prefix(Some(ID_PREFIX))
        .attribute_filter(|_, attribute, value| match (attribute, value.strip_prefix('#')) {
            ("href", Some(id)) => Some(format!("#{ID_PREFIX}{id}").into()),
            _ => Some(value.into()),
        })
        .add_allowed_classes("sup", ["footnote-reference", "footnote-definition-label"])
        .add_allowed_classes("div", ["footnote-definition"]);
    Rendered {
        markdown: source.as_str().to_owned(),
        html: sanitiser.clean(&unsafe_html).to_string(),
        text: plain(&events),
    }
}

fn plain(events: &[Event<'_>]) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(part),
            Event::SoftBreak | Event::End(TagEnd::TableCell) => text.push(' '),
            Event::HardBreak => text.push('\n'),
            Event::Start(
                Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::TableRow | Tag::TableHead | Tag::CodeBlock(_),
            ) if !text.is_empty() && !text.ends_with('\n') => text.push('\n'),
            _ => {}
        }
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Rendered {
        super::render(&source.parse().unwrap_or_else(|rule| panic!("{rule}")))
    }

    #[test]
    fn active_content_does_not_survive() {
        for attack in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[a](javascript:alert(1))",
            "<a href=\"jav&#x09;ascript:alert(1)\">a</a>",
            "![a](data:text/html;base64,PHNjcmlwdD4=)",
            "<iframe src=//evil></iframe>",
            "<svg onload=alert(1)>",
            "<p style=\"background:url(javascript:1)\">a</p>",
            "<table><tr><td style=\"background:url(javascript:1);position:fixed\">a</td></tr></table>",
            "<form action=/x><input></form>",
        ] {
            let html = render(attack).html.to_lowercase();
            for active in
                ["<script", "onerror", "onload", "javascript:", "data:", "<iframe", "<svg", "url(", "position", "<form"]
            {
                assert!(!html.contains(active), "{attack} left {html}");
            }
        }
    }

    #[test]
    fn tables_footnotes_ruby_and_direction_survive() {
        let html = render("| a | b |\n|---|--:|\n| 1 | 2 |\n\n<ruby>漢<rt>かん</rt></ruby> x[^1]\n\n<p dir=\"rtl\">עברית</p>\n\n[^1]: note").html;
        for part in [
            "<td>1</td>",
            "<td style=\"text-align:right\">2</td>",
            "<ruby>漢<rt>かん</rt></ruby>",
            "footnote-reference",
            "href=\"#text-1\"",
            "id=\"text-1\"",
            "dir=\"rtl\"",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
    }

    #[test]
    fn plain_text_keeps_the_words_and_a_line_for_each_block() {
        let text = render("# Title\n\nSome *text* and\na [link](https://example.org).\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n").text;
        assert_eq!(text, "Title\nSome text and a link.\none\ntwo\na b\n1 2");
    }
}
