//! The colours of charts, as classes.
//!
//! After Okabe and Ito, darker on light and lighter on dark, each with a contrast of at least 3:1 to its background.

use super::Theme;

/// A colour on light and on dark.
pub type Pair = (&'static str, &'static str);

/// The background.
pub const PAPER: Pair = ("#ffffff", "#16181c");
/// Text and axes.
pub const INK: Pair = ("#1d2126", "#eceff2");
/// Text of the second order.
pub const MUTED: Pair = ("#565d66", "#a9b1ba");
/// The marks in the key, of no series, on both.
pub const KEY: &str = "#7b828c";
const GRID: Pair = ("#e3e6ea", "#31353b");
const BAND: Pair = ("#f1f2f4", "#24272d");

/// One for each series, neighbours unlike each other.
pub const SERIES: [Pair; super::MAX_SERIES] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#f28e4d"),
    ("#008765", "#2fc39b"),
    ("#b0558a", "#e29cc6"),
    ("#8a6d00", "#e6c229"),
    ("#4a4f9e", "#a3a8f0"),
    ("#6b7280", "#b6bcc6"),
    ("#2a8aa8", "#7fd6e8"),
    ("#a63603", "#ffb38a"),
    ("#5b7f1f", "#b5d56a"),
    ("#8e3b8e", "#cf8fe0"),
    ("#7a5230", "#d3a87c"),
];

/// The style sheet.
pub fn css(theme: Theme, series: usize) -> String {
    match theme {
        Theme::Light => rules(|pair| pair.0, series),
        Theme::Dark => rules(|pair| pair.1, series),
        Theme::Auto => {
            let (light, dark) = (rules(|pair| pair.0, series), rules(|pair| pair.1, series));
            format!("{light}@media (prefers-color-scheme:dark){{{dark}}}")
        }
    }
}

fn rules(colour: impl Fn(Pair) -> &'static str, series: usize) -> String {
    let mut rules = format!(
        ".paper{{fill:{}}}.halo{{stroke:{0}}}.ink{{fill:{}}}.axis{{stroke:{1}}}.muted{{fill:{}}}.cut{{stroke:{2}}}\
         .grid{{stroke:{}}}.band{{fill:{}}}",
        colour(PAPER),
        colour(INK),
        colour(MUTED),
        colour(GRID),
        colour(BAND)
    );
    for (index, pair) in SERIES.into_iter().take(series).enumerate() {
        rules.push_str(&format!(".s{index}{{color:{}}}", colour(pair)));
    }
    rules
}
