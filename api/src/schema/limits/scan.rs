//! The source text of a document, token by token, before the parser sees it. Follows the lexical grammar of the GraphQL
//! specification, section 2.1.

use super::{LimitExceeded, Limits, at_most};

/// Checks the source text of a document in one pass, before the parser sees it.
///
/// It does not decide whether the text is valid. Where the text is malformed it counts too much rather than too little:
/// after a quotation mark that opens no complete string, the rest is read as code.
pub fn scan(source: &str, limits: &Limits) -> Result<(), LimitExceeded> {
    at_most(limits.document_bytes, source.len(), "document_bytes")?;

    let mut directives = 0;
    // One entry for every open bracket: `Some(items so far)` for a list, `None` for anything else.
    let mut open: Vec<Option<usize>> = Vec::new();
    for (index, (_, token)) in tokens(source).enumerate() {
        at_most(limits.tokens, index + 1, "tokens")?;
        let first = token[0];
        let starts_value = is_name(token) || first.is_ascii_digit() || matches!(first, b'"' | b'-' | b'[' | b'{');
        if starts_value && let Some(Some(items)) = open.last_mut() {
            *items += 1;
            at_most(limits.list_items, *items, "list_items")?;
        }
        match first {
            b'@' => {
                directives += 1;
                at_most(limits.directives, directives, "directives")?;
            }
            b'(' | b'[' | b'{' => {
                open.push((first == b'[').then_some(0));
                at_most(limits.nesting, open.len(), "nesting")?;
            }
            b')' | b']' | b'}' => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where each name and each colon of a text stands that is no comment and no string.
pub fn names_and_colons(source: &str) -> impl Iterator<Item = (usize, &[u8])> {
    tokens(source).filter(|(_, token)| is_name(token) || token[0] == b':')
}

/// The text with spaces for its commas, which say nothing: the parser refuses some of them.
pub fn without_commas(source: &str) -> String {
    let mut replaced = String::with_capacity(source.len());
    let mut end = 0;
    // What is between two tokens is white space, commas and comments.
    for (start, token) in tokens(source) {
        replaced.push_str(&source[end..start].replace(',', " "));
        end = start + token.len();
        replaced.push_str(&source[start..end]);
    }
    replaced.push_str(&source[end..].replace(',', " "));
    replaced
}

/// Whether a token is a name.
pub const fn is_name(token: &[u8]) -> bool {
    matches!(token, [first, ..] if is_name_start(*first))
}

/// The tokens of a text, none of them empty, each with the place of its first byte.
fn tokens(source: &str) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = source.as_bytes();
    let mut at = 0;
    // Looking for the end of a block string again and again would be quadratic, so one failure is remembered.
    let mut block_strings_end = true;
    std::iter::from_fn(move || {
        loop {
            let rest = &bytes[at..];
            let length = match *rest.first()? {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                    at += 1;
                    continue;
                }
                b'#' => {
                    at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                    continue;
                }
                _ if rest.starts_with("\u{feff}".as_bytes()) => {
                    at += "\u{feff}".len();
                    continue;
                }
                b'"' if block_strings_end && rest.starts_with(b"\"\"\"") => {
                    let Some(length) = block_string_length(rest) else {
                        block_strings_end = false;
                        continue;
                    };
                    length
                }
                b'"' => string_length(rest).unwrap_or(1),
                b'.' if rest.starts_with(b"...") => 3,
                byte if is_name_start(byte) => length_while(rest, |byte| is_name_start(byte) || byte.is_ascii_digit()),
                byte if byte.is_ascii_digit() || byte == b'-' => number_length(rest),
                // A character belongs together, also where it has no place.
                _ => source[at..].chars().next().map_or(1, char::len_utf8),
            };
            let place = at;
            at += length;
            return Some((place, &bytes[place..at]));
        }
    })
}

const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn length_while(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

/// Length of the number that `bytes` starts with. Exact, because numbers may follow each other without a space: the
/// parser reads `00` as two of them.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |at: usize| length_while(bytes.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let mut at = usize::from(bytes[0] == b'-');
    at += if bytes.get(at) == Some(&b'0') { 1 } else { digits(at) };
    if bytes.get(at) == Some(&b'.') && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    at.max(1)
}

/// Length of the string that `bytes` starts with, quotation marks included, if it ends on its line.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Length of the block string that `bytes` starts with, quotation marks included, if it ends.
fn block_string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 3;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"\"\"\"") {
            return Some(at + 3);
        }
        at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(source: &str) -> Result<(), &'static str> {
        scan(source, &Limits::default()).map_err(|exceeded| exceeded.limit)
    }

    #[test]
    fn hostile_source_fails_the_scan() {
        assert_eq!(scanned(&" ".repeat(10 * 1024 * 1024)), Err("document_bytes"));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(5_000), "]".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: {}1{}) }}", "{a:".repeat(5_000), "}".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("{}a{}", "{a".repeat(5_000), "}".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("query ($a: {}Int{}) {{ f }}", "[".repeat(99), "]".repeat(99))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(10_000))), Err("directives"));
        assert_eq!(scanned(&format!("{{ f(a: [{}]) }}", "1,".repeat(1_001))), Err("list_items"));
        let aliases: String = (0..10_000).map(|n| format!("a{n}:f ")).collect();
        let generous = Limits { document_bytes: usize::MAX, ..Limits::default() };
        assert_eq!(scan(&format!("{{ {aliases} }}"), &generous).map_err(|exceeded| exceeded.limit), Err("tokens"));
    }

    #[test]
    fn what_is_exactly_at_a_limit_passes() {
        assert_eq!(scanned(&format!("{{ f(a: [{}]) }}", "1,".repeat(1_000))), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(30), "]".repeat(30))), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(31), "]".repeat(31))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(50))), Ok(()));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(51))), Err("directives"));
    }

    #[test]
    fn only_the_values_directly_inside_a_list_are_its_items() {
        let limits = Limits { list_items: 2, ..Limits::default() };
        assert_eq!(scan("{ f(a: [[1 2] [-1.5e+3 $b]], b: {c: 1, d: 2, e: 3}) }", &limits), Ok(()));
        assert_eq!(scan("{ f(a: [{a: 1 b: 2 c: 3} \"x\"]) }", &limits), Ok(()));
        assert!(scan("{ f(a: [{} {} {}]) }", &limits).is_err());
        assert!(scan("{ f(a: [000]) }", &limits).is_err());
        assert!(scan("{ f(a: [1-1.5e3-2]) }", &limits).is_err());
        assert!(scan("{ f(a: [\"\" \"\"\"\"\"\" A]) }", &limits).is_err());
    }

    #[test]
    fn strings_and_comments_hide_what_is_in_them() {
        let brackets = "[".repeat(100);
        assert_eq!(scanned(&format!("\u{feff}{{ f(a: \"{brackets}\\\"{brackets}\") }}")), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: \"\"\"{brackets}\n\\\"\"\"{brackets}\"\"\") }}")), Ok(()));
        assert_eq!(scanned(&format!("# {brackets}\r# {brackets}\n{{ f }}")), Ok(()));
    }

    #[test]
    fn commas_between_tokens_are_spaces_and_those_in_strings_stay() {
        let source = ",{ f(a: [1,2], b: \"日, \\\",\",c: \"\"\",\n\"\"\")# x, y\n,},";
        assert_eq!(without_commas(source), " { f(a: [1 2]  b: \"日, \\\",\" c: \"\"\",\n\"\"\")# x  y\n } ");
    }

    #[test]
    fn characters_that_have_no_place_are_tokens() {
        assert_eq!(
            tokens("語{\u{1f600}é").map(|(_, token)| token).collect::<Vec<_>>(),
            ["語", "{", "\u{1f600}", "é"].map(str::as_bytes)
        );
        assert_eq!(without_commas("語,{\"語\n,"), "語 {\"語\n ");
    }

    #[test]
    fn a_malformed_string_hides_nothing() {
        let brackets = "[".repeat(100);
        // A parser may read an unfinished block string as an empty string and go on behind it.
        assert_eq!(scanned(&format!("{{ f(a: [\"\"\"a\" {brackets}")), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: \"\n{brackets}")), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: \"\\{brackets}")), Err("nesting"));
        assert_eq!(scanned(&"\"\"\"".repeat(1_001)), Ok(()));
    }
}
