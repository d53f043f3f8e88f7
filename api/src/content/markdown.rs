//! Markdown to HTML that cannot do anything, and to plain text; and what a text links to and shows.
//!
//! Source is stored as it was written and sanitised each time it is rendered, so that a better sanitiser mends old
//! texts too. What is tried to get past it is in `attacks`.
//!
//! [`Markdown`] itself refuses every control character of Unicode (category Cc: U+0000 to U+001F, U+007F to U+009F)
//! but line feeds and tabs. Written as character references (`&#0;`, `&#x1;`) they do get here, and so do tabs in the
//! middle of a scheme. Nothing here relies on that refusal.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
};

use ammonia::Builder;
use entities::{Markdown, is_visible};
use html5ever::{
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tag as HtmlTag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts},
};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

#[cfg(test)]
mod attacks;

/// The schemes that a link or an image may have, beside relative addresses. An address that names a host but no scheme
/// (`//host/x`) is relative, too: it takes the scheme of the page, which is one of these, and an absolute address could
/// name the same host.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Stands before every id in a text, and before every reference to one.
const ID_PREFIX: &str = "text-";

/// How many elements of a text may be open at once. Browsers stop at 512; the time to read them grows with the square.
const MAX_DEPTH: usize = 100;

/// How many of those may be of the kind that browsers open again in each paragraph until it is closed.
const MAX_FORMATTING: usize = 16;

/// The elements of that kind.
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// Elements that cannot lie in each other without another element between them, so that they need not be counted: those
/// without content, and those that end where the next one begins.
const SHALLOW: [&str; 24] = [
    "area", "base", "br", "caption", "col", "colgroup", "embed", "hr", "image", "img", "input", "link", "meta", "p",
    "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];

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

/// Where a text leads to and what it shows, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The destination of each link that [`Rendered::html`] has, as it has it: percent-encoded where it came from
    /// Markdown syntax, without any of a scheme that is not allowed. Those that begin with `#` lead to a place in the text,
    /// such as a footnote.
    pub links: Vec<String>,
    /// Each image that [`Rendered::html`] has.
    pub images: Vec<Image>,
    /// The address of each link or image whose scheme is not allowed, so that [`Rendered::html`] has none for it.
    pub refused: Vec<String>,
}

/// An image in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its address, as [`Rendered::html`] has it; empty when it has none, or one of a scheme that is not allowed.
    pub source: String,
    /// Whether there is a text that can stand for it: an `alt` that is not blank.
    pub has_text: bool,
}

/// Renders a text. CommonMark with tables, footnotes and strikethrough; inline HTML such as `<ruby>` survives. The HTML of
/// a text with more than 100 elements one in the other, which nobody means, is its plain text.
#[must_use]
pub fn render(source: &Markdown) -> Rendered {
    let events = parse(source.as_str());
    Rendered { markdown: source.as_str().to_owned(), html: safe_html(&events), text: plain(&events) }
}

/// Where a text leads to and what it shows: all links and images that a reader of its HTML has, whether they were
/// written in Markdown or as inline HTML.
#[must_use]
pub fn outline(source: &Markdown) -> Outline {
    // What the sanitiser lets through has no element whose content is read by other rules (`<style>`, `<textarea>`), so
    // a browser sees exactly these tags.
    let events = parse(source.as_str());
    let mut outline = tokens(&safe_html(&events), Collector::default()).outline.into_inner();
    let mut written = String::new();
    html::push_html(&mut written, events.into_iter());
    let Outline { links, images, .. } = tokens(&written, Collector::default()).outline.into_inner();
    let written = links.into_iter().chain(images.into_iter().map(|image| image.source));
    outline.refused = written.filter(|address| !is_allowed(address)).collect();
    outline
}

/// Whether an address is relative, or of a scheme that is allowed.
fn is_allowed(address: &str) -> bool {
    let Some((scheme, _)) = address.trim_start().split_once(':') else { return true };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    !is_scheme || SCHEMES.iter().any(|allowed| allowed.eq_ignore_ascii_case(scheme))
}

/// Notes the links and images that go by.
#[derive(Default)]
struct Collector {
    outline: RefCell<Outline>,
}

impl TokenSink for Collector {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && tag.kind == TagKind::StartTag
        {
            let mut outline = self.outline.borrow_mut();
            match &*tag.name {
                "a" => outline.links.extend(attribute(&tag, "href")),
                "img" => outline.images.push(Image {
                    source: attribute(&tag, "src").unwrap_or_default(),
                    has_text: attribute(&tag, "alt").is_some_and(|text| is_visible(&text)),
                }),
                _ => {}
            }
        }
        TokenSinkResult::Continue
    }
}

fn attribute(tag: &HtmlTag, name: &str) -> Option<String> {
    tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| attribute.value.to_string())
}

/// Counts the elements that are open, as far as tags tell: an end tag that ends nothing may be taken for one that does,
/// but never without the element that stood in its way being counted.
#[derive(Default)]
struct Depth {
    open: RefCell<HashMap<String, usize>>,
    total: Cell<usize>,
    formatting: Cell<usize>,
    foreign: Cell<bool>,
    too_deep: Cell<bool>,
}

impl Depth {
    fn is_shallow(&self, name: &str) -> bool {
        let within_ruby = matches!(name, "rt" | "rp") && self.open.borrow().get("ruby").is_some_and(|open| *open > 0);
        // In SVG and MathML every name may lie in itself, and where they end is not for tags alone to say.
        !self.foreign.get() && (within_ruby || SHALLOW.contains(&name))
    }
}

impl TokenSink for Depth {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && !self.is_shallow(&tag.name)
        {
            self.foreign.set(self.foreign.get() || matches!(&*tag.name, "svg" | "math"));
            let formatting = usize::from(FORMATTING.contains(&&*tag.name));
            let mut open = self.open.borrow_mut();
            let of_its_name = open.entry(tag.name.to_string()).or_default();
            if tag.kind == TagKind::StartTag {
                *of_its_name += 1;
                self.total.set(self.total.get() + 1);
                self.formatting.set(self.formatting.get() + formatting);
            } else if *of_its_name > 0 {
                *of_its_name -= 1;
                self.total.set(self.total.get() - 1);
                self.formatting.set(self.formatting.get() - formatting);
            }
            if self.total.get() > MAX_DEPTH || self.formatting.get() > MAX_FORMATTING {
                self.too_deep.set(true);
            }
        }
        TokenSinkResult::Continue
    }
}

/// Reads HTML tag by tag, in a time that grows with its length.
fn tokens<Sink: TokenSink>(html: &str, sink: Sink) -> Sink {
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(html));
    let tokens = Tokenizer::new(sink, TokenizerOpts::default());
    // Without scripts, it never stops halfway.
    let _ = tokens.feed(&queue);
    tokens.end();
    tokens.sink
}

fn parse(source: &str) -> Vec<Event<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    Parser::new_ext(source, options).collect()
}

fn safe_html(events: &[Event<'_>]) -> String {
    let mut unsafe_html = String::new();
    html::push_html(&mut unsafe_html, events.iter().cloned());
    if tokens(&unsafe_html, Depth::default()).too_deep.get() {
        unsafe_html.clear();
        let text = plain(events);
        let paragraphs = text
            .lines()
            .flat_map(|line| [Event::Start(Tag::Paragraph), Event::Text(line.into()), Event::End(TagEnd::Paragraph)]);
        html::push_html(&mut unsafe_html, paragraphs);
    }
    let mut sanitiser = Builder::default();
    sanitiser
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(Some("noopener noreferrer"))
        .add_generic_attributes(["dir", "lang"])
        // The alignment of a table's columns, and nothing else that a style could say.
        .add_tag_attributes("td", ["style"])
        .add_tag_attributes("th", ["style"])
        // Footnotes link to their notes by id; the prefix keeps them from clashing with the page around them.
        .add_tag_attributes("div", ["id"])
        .id_prefix(Some(ID_PREFIX))
        .attribute_filter(|_, attribute, value| match attribute {
            "href" => Some(value.strip_prefix('#').map_or(value.into(), |id| format!("#{ID_PREFIX}{id}").into())),
            "style" => alignment(value).map(Into::into),
            // Where something is quoted from; the sanitiser does not look at its scheme.
            "cite" => ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme)).then(|| value.into()),
            _ => Some(value.into()),
        })
        .add_allowed_classes("sup", ["footnote-reference", "footnote-definition-label"])
        .add_allowed_classes("div", ["footnote-definition"]);
    sanitiser.clean(&unsafe_html).to_string()
}

/// The style that aligns a column as this style does, if it does. The values are ours: some old browsers compute values.
fn alignment(style: &str) -> Option<&'static str> {
    style.split(';').filter_map(|declaration| declaration.split_once(':')).find_map(|(property, value)| {
        let value = value.trim().to_ascii_lowercase();
        match (property.trim().eq_ignore_ascii_case("text-align"), value.as_str()) {
            (true, "left") => Some("text-align:left"),
            (true, "center") => Some("text-align:center"),
            (true, "right") => Some("text-align:right"),
            (true, "start") => Some("text-align:start"),
            (true, "end") => Some("text-align:end"),
            _ => None,
        }
    })
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
    use std::time::{Duration, Instant};

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
    fn every_alignment_of_a_column_survives_and_no_other_style() {
        let html = render("| a | b | c | d |\n|:--|:-:|--:|---|\n| 1 | 2 | 3 | 4 |\n").html;
        for cell in [
            "<th style=\"text-align:left\">a</th>",
            "<td style=\"text-align:center\">2</td>",
            "<td style=\"text-align:right\">3</td>",
            "<td>4</td>",
        ] {
            assert!(html.contains(cell), "{cell} is missing in {html}");
        }
        for (style, kept) in [
            ("color:red; Text-Align : END ; top:0", "<td style=\"text-align:end\">"),
            ("text-align:url(x)", "<td>"),
            ("text-align:left!important", "<td>"),
            ("vertical-align:top", "<td>"),
        ] {
            let html = render(&format!("<table><tr><td style=\"{style}\">a</td></tr></table>")).html;
            assert!(html.contains(kept), "{style}: {html}");
        }
    }

    #[test]
    fn text_from_right_to_left_survives_wherever_it_stands() {
        for (source, parts) in [
            (
                "<table dir=\"rtl\"><tr><td><p dir=\"rtl\" lang=\"he\">שלום <bdi>Almanac</bdi></p></td></tr></table>",
                vec!["<table dir=\"rtl\">", "<p dir=\"rtl\" lang=\"he\">שלום <bdi>Almanac</bdi></p>"],
            ),
            ("| a |\n|---|\n| <span dir=\"rtl\">مرحبا</span> |\n", vec!["<td><span dir=\"rtl\">مرحبا</span></td>"]),
            ("<bdo dir=\"rtl\">abc</bdo>", vec!["<bdo dir=\"rtl\">abc</bdo>"]),
            (
                "<div dir=\"rtl\">\n\n- א\n  1. ב\n     - ג\n\n</div>",
                vec!["<div dir=\"rtl\">", "<li>א\n<ol>\n<li>ב\n<ul>\n<li>ג</li>"],
            ),
        ] {
            let html = render(source).html;
            for part in parts {
                assert!(html.contains(part), "{part} is missing in {html}");
            }
        }
    }

    #[test]
    fn a_footnote_and_its_reference_find_each_other() {
        let html = render("one[^a] two[^b] again[^a]\n\n[^a]: first\n[^b]: second [link](https://example.org/)\n").html;
        for id in ["a", "b"] {
            assert!(html.contains(&format!("href=\"#text-{id}\"")), "{html}");
            assert_eq!(html.matches(&format!(" id=\"text-{id}\"")).count(), 1, "{html}");
        }
        assert!(html.contains("<sup class=\"footnote-reference\">"), "{html}");
        assert!(html.contains("<sup class=\"footnote-definition-label\">"), "{html}");
        assert!(html.contains("href=\"https://example.org/\""), "{html}");
    }

    #[test]
    fn where_something_is_quoted_from_survives_when_it_is_an_address_of_the_web() {
        assert!(render("<q cite=\"https://example.org/\">a</q>").html.contains("cite=\"https://example.org/\""));
        assert!(!render("<q cite=\"JAVASCRIPT:alert(1)\">a</q>").html.contains("cite"));
    }

    #[test]
    fn the_outline_has_every_link_and_image_in_order_however_it_was_written() {
        let source = "[one](https://example.org/a?b=1&c=2 \"t\") ![two](two.png) <https://example.org/three>\n\n\
            <p><a href='/four'><img src=five.png></a> <IMG SRC=\"six.png\" ALT=\" &nbsp;\"> <a name=x>none</a></p>\n\n\
            [seven][ref] ![](eight.png) ![*n*](n.png) [ten](//example.org/十) x[^1] [no](javascript:alert(1)) ![no](data:x)\n\n\
            | [cell](cell) |\n|---|\n\n`[code](code)` <!-- [comment](comment) -->\n\n\
            [ref]: mailto:a@example.org\n[^1]: note\n";
        let outline = outline(&source.parse().unwrap_or_else(|rule| panic!("{rule}")));
        assert_eq!(
            outline.links,
            [
                "https://example.org/a?b=1&c=2",
                "https://example.org/three",
                "/four",
                "mailto:a@example.org",
                "//example.org/%E5%8D%81",
                "#text-1",
                "cell",
            ]
        );
        let images: Vec<_> = outline.images.iter().map(|image| (image.source.as_str(), image.has_text)).collect();
        assert_eq!(
            images,
            [
                ("two.png", true),
                ("five.png", false),
                ("six.png", false),
                ("eight.png", false),
                ("n.png", true),
                ("", true),
            ]
        );
    }

    #[test]
    fn a_text_that_nests_without_end_is_rendered_too() {
        let many = |part: &str| part.repeat(Markdown::MAX_CHARS / part.len());
        let reopened = (0..100).map(|n| format!("<b title={n}>")).collect::<String>() + &"<p>x".repeat(40_000);
        for source in [
            many("> "),
            many("- "),
            many("<div>"),
            many("<b>"),
            many("<ul><li>"),
            many("<table><tr><td>"),
            many("<p><div></p>"),
            many("<a href=x>"),
            many("<svg>"),
            many("<rt>"),
            many("<li><dd>"),
            many("<optgroup>"),
            many("<span><div></span>"),
            format!("<svg><desc><div></svg></div></desc>{}", "<td>".repeat(49_000)),
            format!("<svg>{}", "<input>".repeat(28_000)),
            many("["),
            many("![a]("),
            many("*a **b "),
            many("|"),
            many("[^1]:"),
            reopened,
        ] {
            let start = Instant::now();
            let rendered = render(&source);
            let time = start.elapsed();
            // An unoptimised build on a busy machine takes many times as long as what is served.
            assert!(time < Duration::from_secs(20), "{:?}: {time:?} for {}", &source[..10], rendered.html.len());
        }
        let ordinary =
            "- a\n  - b\n    - c\n\n      | d |\n      |---|\n      | <ruby>漢<rt>かん</ruby> |\n\n".repeat(200);
        assert!(render(&ordinary).html.contains("<ruby>"));
    }

    #[test]
    fn plain_text_keeps_the_words_and_a_line_for_each_block() {
        let text = render("# Title\n\nSome *text* and\na [link](https://example.org).\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n").text;
        assert_eq!(text, "Title\nSome text and a link.\none\ntwo\na b\n1 2");
    }
}
