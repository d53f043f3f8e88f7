//! From bytes to text: encoding, size, line endings, and the place of a byte in its text.

use std::borrow::Cow;

use entities::Rule;

use crate::{
    Files,
    fault::{Report, Spot},
};

/// The text of a file that must be there. Faults of encoding that leave the text readable are reported and mended, so
/// that the faults behind them are found as well; line numbers stay as they are in the file.
pub(crate) fn required<'a>(files: &'a Files, path: &str, report: &mut Report) -> Option<Cow<'a, str>> {
    match files.get(path) {
        Some(bytes) => decode(path, bytes, report),
        None => {
            report.add(Spot::start(path), Rule::Required);
            None
        }
    }
}

/// The text of a file, as [`required`] gives it.
pub(crate) fn decode<'a>(path: &str, bytes: &'a [u8], report: &mut Report) -> Option<Cow<'a, str>> {
    if bytes.len() > Files::MAX_FILE_BYTES {
        report.add(Spot::start(path), Rule::FileTooLarge { max_mib: Files::MAX_FILE_BYTES / (1 << 20) });
        return None;
    }
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let sound = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            report.add(spot(path, &sound, sound.len()), Rule::NotUtf8);
            return None;
        }
    };
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            report.add(Spot::start(path), Rule::ByteOrderMark);
            rest
        }
        None => text,
    };
    if !text.is_empty() && !text.ends_with('\n') {
        report.add(spot(path, text, text.len()), Rule::LineEnding);
    }
    // Said once a file: whoever wrote one line so wrote them all so.
    match text.find("\r\n") {
        Some(offset) => {
            report.add(spot(path, text, offset), Rule::LineEnding);
            Some(Cow::Owned(text.replace("\r\n", "\n")))
        }
        None => Some(Cow::Borrowed(text)),
    }
}

/// The line and the character in which the byte at `offset` stands.
pub(crate) fn spot<'a>(file: &'a str, text: &str, offset: usize) -> Spot<'a> {
    let mut before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    if let Some((_, last)) = before.rsplit_once('\n') {
        before = last;
    }
    Spot { file, line, column: before.chars().count() + 1 }
}
