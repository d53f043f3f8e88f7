//! The table of a chart as a page of its own, for who cannot see the picture.

use std::io;

use entities::Language;

use super::{Chart, table::table, text::escape};

/// Writes the page. It loads nothing and runs nothing.
///
/// # Errors
/// When `out` takes no more.
pub fn page(chart: &Chart, mut out: impl io::Write) -> io::Result<()> {
    let language = match chart.language {
        Language::English => "en",
        Language::Japanese => "ja",
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n",
        escape(&chart.title),
    )?;
    table(chart, &mut out)?;
    out.write_all(b"\n</body>\n</html>\n")
}

const STYLE: &str = ":root{color-scheme:light dark;font-family:system-ui,sans-serif}body{margin:1rem;overflow-x:auto}\
    table{border-collapse:collapse}caption{text-align:start;font-weight:bold;padding-block:.5rem}\
    th,td{border:1px solid;padding:.25rem .5rem;text-align:end;vertical-align:top}th[scope=row]{text-align:start}";
