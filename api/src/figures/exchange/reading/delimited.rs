//! CSV: which encoding, which separator, and the cells.

use entities::{Flaw, Rule};

use super::{
    FileFault,
    grid::{Cell, Room, Sheet},
};

/// The text of a file and the encoding it was in. UTF-8 wins, since hardly any other text passes for it; `Shift_JIS`
/// comes next, if there is nothing in the file that it does not know.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>) -> Result<(String, &'static str), FileFault> {
    let strict = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        Some((text.into_owned(), encoding.name()))
    };
    let found = match bytes {
        [0xff, 0xfe, rest @ ..] => strict(encoding_rs::UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => strict(encoding_rs::UTF_16BE, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] => strict(encoding_rs::UTF_8, rest),
        _ => strict(encoding_rs::UTF_8, bytes).or_else(|| strict(encoding_rs::SHIFT_JIS, bytes)),
    };
    let fault = |value| FileFault::of_file(value, Rule::Encoding);
    let (text, name) = found.filter(|(text, _)| !text.contains('\0')).ok_or_else(|| fault(""))?;
    if let Some(declared) = declared {
        let label = match declared.trim().to_ascii_lowercase().as_str() {
            "cp932" | "ms932" | "932" => "shift_jis".to_owned(),
            // The byte order mark says which.
            "utf-16" | "utf16" if name.starts_with("UTF-16") => name.to_owned(),
            label => label.to_owned(),
        };
        let agrees = encoding_rs::Encoding::for_label(label.as_bytes())
            .is_some_and(|encoding| encoding.name() == name || (bytes.is_ascii() && encoding.is_ascii_compatible()));
        if !agrees {
            return Err(fault(name));
        }
    }
    Ok((text, name))
}

/// The cells of a text.
pub(super) fn sheet(text: &str) -> Result<Sheet, FileFault> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut sheet = Sheet::default();
    let mut room = Room::new();
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    let mut spans_lines = false;
    loop {
        // The reader passes over blank lines; people count them.
        row += blank_lines(text, usize::try_from(reader.position().byte()).unwrap_or(usize::MAX));
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return Err(FileFault::of_file("", Rule::Flawed(Flaw::Records))),
        }
        for (column, field) in record.iter().enumerate().filter(|(_, field)| !field.is_empty()) {
            room.put(&mut sheet, row, column, Cell::Text(field.into()))?;
        }
        spans_lines = record.iter().any(|field| field.contains('\n'));
        row += 1;
    }
    // Without its closing quotation mark, a field has swallowed the rest of the file.
    if spans_lines && text.matches('"').count() % 2 == 1 {
        return Err(FileFault::of_file("\"", Rule::Flawed(Flaw::OpenQuote)));
    }
    Ok(sheet)
}

fn blank_lines(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut rest = bytes.get(from..).unwrap_or_default();
    if from > 0 && bytes.get(from - 1) == Some(&b'\r') {
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    let mut lines = 0;
    while let Some(after) =
        rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r"))
    {
        lines += 1;
        rest = after;
    }
    lines
}

/// The separator that stands, outside of quotation marks, in most of the first lines. Of two that stand in equally many,
/// it is the one that is less at home in figures and texts.
fn separator(text: &str) -> u8 {
    const SEPARATORS: [char; 3] = ['\t', ';', ','];
    let mut lines = [0_usize; 3];
    for line in text.lines().take(100) {
        let mut quoted = false;
        let mut seen = [false; 3];
        for letter in line.chars().take(10_000) {
            quoted ^= letter == '"';
            if let Some(index) = SEPARATORS.iter().position(|&separator| separator == letter && !quoted) {
                seen[index] = true;
            }
        }
        for (lines, seen) in lines.iter_mut().zip(seen) {
            *lines += usize::from(seen);
        }
    }
    match lines {
        [tabs, semicolons, commas] if tabs > 0 && tabs >= semicolons.max(commas) => b'\t',
        [_, semicolons, commas] if semicolons > 0 && semicolons >= commas => b';',
        _ => b',',
    }
}
