//! Lines and columns of a source text.

use async_graphql::Pos;

/// Bytes between two places whose number of characters is remembered.
const STEP: usize = 256;

/// Finds the line and column of any byte, in a step that does not depend on the length of a line: a document may be one
/// line of 64 KiB, and every name in it has a place.
pub(super) struct Source<'a> {
    text: &'a str,
    /// The first byte of each line.
    lines: Vec<usize>,
    /// How many characters begin before each multiple of [`STEP`]; empty when each is one byte.
    characters: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Reads a text once.
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            // A carriage return and a line feed end one line.
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        let lines = std::iter::once(0).chain(bytes.iter().enumerate().filter_map(ends_line)).collect();
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for chunk in bytes.chunks(STEP) {
                characters.push(before);
                before += count(chunk);
            }
        }
        Self { text, lines, characters }
    }

    /// The text.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// The place of a byte.
    pub(super) fn position(&self, offset: usize) -> Pos {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        Pos { line: line.max(1), column: self.characters_before(offset) - self.characters_before(start) + 1 }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let Some(before) = self.characters.get(offset / STEP) else {
            // Either all characters are bytes, or this is the very end.
            return if self.characters.is_empty() { offset } else { count(self.text.as_bytes()) };
        };
        before + count(self.text.as_bytes().get(offset / STEP * STEP..offset).unwrap_or_default())
    }
}

/// Characters that begin in these bytes.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !(0x80..0xC0).contains(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_line_and_column() {
        for text in ["", "a", "a\nb\r\nc\rd\n", "日本\n語のa\r\n\u{1f600}b", &"日a".repeat(300), &"x".repeat(1_000)]
        {
            let source = Source::new(text);
            let (mut line, mut column) = (1, 1);
            for (at, character) in text.char_indices() {
                assert_eq!(source.position(at), Pos { line, column }, "{text:?} at {at}");
                if character == '\n' || character == '\r' && !text[at + 1..].starts_with('\n') {
                    (line, column) = (line + 1, 1);
                } else {
                    column += 1;
                }
            }
            assert_eq!(source.position(text.len()), Pos { line, column }, "{text:?} at its end");
        }
    }
}
