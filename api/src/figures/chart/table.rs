//! A chart as a table in HTML, for those who cannot see it or want the numbers.

use std::io;

use entities::{Language, ObservationStatus};

use super::{
    Chart, Kind, Point,
    text::escape,
    words::{self, number, say},
};
use crate::figures::status;

/// Writes the figures of a chart as a `<table>`: a row for each year, a column for each series, and what is to be known
/// about them below.
pub fn table(chart: &Chart, out: &mut impl io::Write) -> io::Result<()> {
    let language = chart.language;
    write!(
        out,
        "<table lang=\"{}\"><caption>{} ({})</caption><thead><tr><th scope=\"col\">{}</th>",
        say(language, "en", "ja"),
        escape(&chart.title),
        escape(&chart.unit),
        say(language, "Year", "年")
    )?;
    for series in &chart.series {
        write!(out, "<th scope=\"col\">{}</th>", escape(&series.label))?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for (index, year) in chart.years.iter().enumerate() {
        write!(out, "<tr><th scope=\"row\">{}</th>", year.get())?;
        let whole = (chart.kind == Kind::Share).then(|| chart.whole(index)).flatten();
        for point in chart.series.iter().filter_map(|series| series.points.get(index)) {
            write!(out, "<td>{}</td>", cell(language, *point, whole))?;
        }
        write!(out, "</tr>")?;
    }
    write!(out, "</tbody>")?;
    let notes = notes(chart);
    if !notes.is_empty() {
        write!(out, "<tfoot>")?;
        for note in notes {
            write!(out, "<tr><td colspan=\"{}\">{}</td></tr>", chart.series.len() + 1, escape(&note))?;
        }
        write!(out, "</tfoot>")?;
    }
    write!(out, "</table>")
}

fn cell(language: Language, point: Point, whole: Option<i64>) -> String {
    let value = point.value.map(number).unwrap_or_default();
    let share = point.value.zip(whole.filter(|whole| *whole > 0));
    let share = share.map(|(value, whole)| format!(" ({})", words::percent(value, whole))).unwrap_or_default();
    if point.status == ObservationStatus::Final {
        return value + &share;
    }
    let (sign, name) = (status::sign(point.status, language), status::label(point.status, language));
    let space = if point.value.is_some() { " " } else { "" };
    format!("{value}{share}{space}<abbr title=\"{name}\">{sign}</abbr>")
}

/// What stands below: the signs, breaks and events, footnotes and the source.
fn notes(chart: &Chart) -> Vec<String> {
    let mut notes = Vec::new();
    if chart.is_empty() {
        notes.push(words::nothing(chart.language).to_owned());
    }
    let used = |status: &ObservationStatus| {
        *status != ObservationStatus::Final
            && chart.series.iter().any(|series| series.points.iter().any(|point| point.status == *status))
    };
    let signs: Vec<String> = ObservationStatus::ALL
        .into_iter()
        .filter(used)
        .map(|status| format!("{} = {}", status::sign(status, chart.language), status::label(status, chart.language)))
        .collect();
    if !signs.is_empty() {
        notes.push(signs.join(say(chart.language, "; ", "、")));
    }
    notes.extend(chart.marks().iter().map(|mark| words::mark(chart.language, mark)));
    notes.extend(chart.footnotes.iter().cloned());
    notes.extend(chart.source.iter().map(|source| words::source(chart.language, source)));
    notes
}
