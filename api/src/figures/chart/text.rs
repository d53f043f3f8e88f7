//! How wide a text is likely to be, where it may be broken, and how it is written down in XML.
//!
//! Which font a reader has is not known, so widths are those of a wide one: a text that fits by this measure fits.

use entities::Language;
use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// How wide a text is at most, at this size.
pub fn width(language: Language, size: f64, text: &str) -> f64 {
    text.chars().map(|letter| ems(language, letter)).sum::<f64>() * size
}

fn ems(language: Language, letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        'm' | 'M' | 'W' | '%' | '@' => 1.0,
        'w' => 0.83,
        'A'..='Z' | '+' | '=' | '<' | '>' | '&' | '#' | '~' => 0.78,
        ' '..='~' => 0.65,
        '\u{1f000}'.. => 1.4,
        // In a Japanese font, signs that are narrow elsewhere (`…`, `×`) are as wide as a character.
        _ => {
            let cells = if language == Language::Japanese { letter.width_cjk() } else { letter.width() };
            match cells {
                None | Some(0) => 0.0,
                Some(1) => 0.78,
                Some(_) => 1.02,
            }
        }
    }
}

/// The text, with an ellipsis for what does not fit.
pub fn shorten(language: Language, size: f64, text: &str, room: f64) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if width(language, size, &text) <= room {
        return text;
    }
    let mut short = String::new();
    for cluster in text.graphemes(true) {
        if width(language, size, &short) + width(language, size, cluster) + width(language, size, "…") > room {
            break;
        }
        short.push_str(cluster);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// The text in lines that fit, and whether all of it does.
pub fn wrap(language: Language, size: f64, text: &str, room: f64, most: usize) -> (Vec<String>, bool) {
    let mut lines: Vec<String> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (next, opportunity) in linebreaks(text) {
        if end > start && width(language, size, text[start..next].trim()) > room {
            lines.push(text[start..end].to_owned());
            start = end;
        }
        if opportunity == BreakOpportunity::Mandatory {
            lines.push(text[start..next].to_owned());
            start = next;
        }
        end = next;
    }
    lines.retain(|line| !line.trim().is_empty());
    let whole = lines.len() <= most && lines.iter().all(|line| width(language, size, line.trim()) <= room);
    if lines.len() > most {
        let rest = lines.split_off(most).concat();
        if let Some(last) = lines.last_mut() {
            last.push_str(&rest);
        }
    }
    (lines.iter().map(|line| shorten(language, size, line, room)).collect(), whole)
}

/// Text for XML and HTML, in elements and attributes, without what XML cannot have.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
