//! The table of a chart as a page of its own, for who cannot see the picture.

use entities::Language;

use super::{Chart, table, text::escape};

/// The page. It loads nothing and runs nothing.
#[must_use]
pub fn page(chart: &Chart) -> String {
    let language = match chart.language {
        Language::English => "en",
        Language::Japanese => "ja",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n{}\n</body>\n</html>\n",
        escape(&chart.title),
        table(chart),
    )
}

const STYLE: &str = ":root{color-scheme:light dark;font-family:system-ui,sans-serif}body{margin:1rem;overflow-x:auto}\
    table{border-collapse:collapse}caption{text-align:start;font-weight:bold;padding-block:.5rem}\
    th,td{border:1px solid;padding:.25rem .5rem;text-align:end;vertical-align:top}th[scope=row]{text-align:start}";
