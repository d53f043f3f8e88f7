//! The words and signs of charts, in English and Japanese.

use entities::{Language, ObservationStatus};

use super::{Chart, Kind, Mark};
use crate::figures::status;

/// The English or the Japanese words.
pub fn say<T>(language: Language, english: T, japanese: T) -> T {
    match language {
        Language::English => english,
        Language::Japanese => japanese,
    }
}

/// A number with separators.
pub fn number(value: i64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How much of the whole, rounded.
pub fn percent(value: i64, whole: i64) -> String {
    format!("{}%", (value * 100 + whole / 2).checked_div(whole).unwrap_or(0))
}

/// A figure with all there is to say about it.
pub fn figure(chart: &Chart, series: usize, year: usize) -> String {
    let point = chart.series[series].points[year];
    let special = (point.status != ObservationStatus::Final).then(|| status::label(point.status, chart.language));
    let share = (chart.kind == Kind::Share).then(|| chart.whole(year)).flatten().filter(|whole| *whole > 0);
    let value = point.value.map(|value| match share {
        Some(whole) => format!("{} ({})", number(value), percent(value, whole)),
        None => number(value),
    });
    let what = match (value, special) {
        (Some(value), Some(special)) => {
            say(chart.language, format!("{value}, {special}"), format!("{value}、{special}"))
        }
        (Some(value), None) => value,
        (None, special) => special.unwrap_or_default().to_owned(),
    };
    let (label, year) = (&chart.series[series].label, self::year(chart.language, chart.years[year].get()));
    say(chart.language, format!("{label}, {year}: {what}"), format!("{label}、{year}：{what}"))
}

/// A year as it stands below a chart.
pub fn year(language: Language, year: i32) -> String {
    say(language, year.to_string(), format!("{year}年"))
}

/// The line below the title: what the numbers are.
pub fn unit(chart: &Chart) -> String {
    let unit = &chart.unit;
    match chart.kind {
        Kind::Share => say(
            chart.language,
            format!("Share in %; above each bar the total ({unit})"),
            format!("構成比（%）。棒の上は合計（{unit}）"),
        ),
        _ => say(chart.language, format!("Unit: {unit}"), format!("単位：{unit}")),
    }
}

/// What a share is a share of, where values are missing.
pub const SHARES: [&str; 2] =
    ["Shares are of the figures that have a value.", "構成比は、値のある数字に対する割合です。"];

/// That there is nothing to draw.
pub fn nothing(language: Language) -> &'static str {
    say(language, "There are no figures to show.", "表示できる数字がありません。")
}

/// The data in one sentence: where each series begins and ends, its highest value, and how much has no value.
pub fn summary(chart: &Chart) -> String {
    let mut parts = Vec::new();
    for series in &chart.series {
        let at = |index: usize| Some((chart.years[index].get(), series.points[index].value?));
        let known: Vec<(i32, i64)> = (0..chart.years.len()).filter_map(at).collect();
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            parts.push(say(
                chart.language,
                format!("{} without any value", series.label),
                format!("{}は値がなく", series.label),
            ));
            continue;
        };
        let (year, most) = known.iter().rev().max_by_key(|(_, value)| value).unwrap_or(first);
        let most = number(*most);
        let ((from, start), (to, end)) = (*first, *last);
        let (label, start, end) = (&series.label, number(start), number(end));
        parts.push(say(
            chart.language,
            format!("{label} from {start} in {from} to {end} in {to}, at most {most} in {year}"),
            format!("{label}は{from}年の{start}から{to}年の{end}へ、最大は{year}年の{most}"),
        ));
    }
    if chart.is_empty() {
        return nothing(chart.language).to_owned();
    }
    let missing = chart.series.iter().flat_map(|series| &series.points).filter(|point| point.value.is_none()).count();
    if missing > 0 {
        parts.push(say(
            chart.language,
            format!("figures without value: {missing}"),
            format!("値のない数字は{missing}個"),
        ));
    }
    say(chart.language, format!("{}.", parts.join("; ")), format!("{}。", parts.join("、")))
}

/// Where the figures come from.
pub fn source(language: Language, source: &str) -> String {
    say(language, format!("Source: {source}"), format!("出典：{source}"))
}

/// A break or an event.
pub fn mark(language: Language, mark: &Mark) -> String {
    let (year, label) = (mark.year.get(), &mark.label);
    if mark.event {
        say(language, format!("{year}: {label}"), format!("{year}年：{label}"))
    } else {
        say(language, format!("Break before {year}: {label}"), format!("{year}年の前で断絶：{label}"))
    }
}
