//! A chart as SVG.
//!
//! From the outside in: title and notes take what they need, within bounds; the figures get the rest. Names stand at the
//! ends of the lines where there is room for them, else in a legend.

use std::{collections::BTreeSet, io};

use entities::ObservationStatus as Status;
use plotters::coord::{
    ranged1d::{BoldPoints, Ranged},
    types::RangedCoordi32,
};

use super::{
    Chart, ChartError, Kind, Mark, palette,
    text::{self, escape},
    words::{self, say},
};
use crate::figures::status;

/// Writes the chart as SVG.
///
/// # Errors
/// What a [`ChartError`] says, but for those that only a PNG has.
pub fn svg(chart: &Chart, mut out: impl io::Write) -> Result<(), ChartError> {
    chart.check()?;
    let (width, height) = (f64::from(chart.width), f64::from(chart.height));
    let size = (width.min(height * 16.0 / 9.0) / 58.0).clamp(11.0, 22.0);
    let mut drawing = Drawing {
        chart,
        size,
        small: (size * 0.88).max(10.0),
        thrift: Thrift { title: 0, notes: 0.0, marks: 0, signs: 0 },
        area: Area { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 },
        body: String::new(),
        cut: Vec::new(),
    };
    // What stands around the figures is cut down until they have a third of the height.
    for thrift in THRIFT {
        drawing.thrift = thrift;
        drawing.area = Area { left: size, top: size, right: width - size, bottom: height - size };
        drawing.body.clear();
        drawing.cut.clear();
        out.flush()?;
        if drawing.draw() >= height * 0.34 {
            break;
        }
    }
    Ok(drawing.finish(out)?)
}

/// How much room is given to what stands around the figures: lines of the title, part of the height for notes, rows for
/// what is said about years and for signs.
#[derive(Clone, Copy)]
struct Thrift {
    title: usize,
    notes: f64,
    marks: usize,
    signs: usize,
}

const THRIFT: [Thrift; 4] = [
    Thrift { title: 2, notes: 0.2, marks: 3, signs: 3 },
    Thrift { title: 2, notes: 0.14, marks: 2, signs: 2 },
    Thrift { title: 1, notes: 0.1, marks: 1, signs: 1 },
    Thrift { title: 1, notes: 0.08, marks: 0, signs: 1 },
];

/// What is still free.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn width(self) -> f64 {
        self.right - self.left
    }

    fn height(self) -> f64 {
        self.bottom - self.top
    }

    fn meets(self, other: Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

struct Drawing<'a> {
    chart: &'a Chart,
    size: f64,
    small: f64,
    thrift: Thrift,
    area: Area,
    body: String,
    /// Notes that are not shown whole.
    cut: Vec<String>,
}

/// The signs below a year, in rows: the series of each, unless it speaks for all.
type SignRows = Vec<Vec<(Option<usize>, String)>>;

/// Where figures go.
struct Plot {
    area: Area,
    first: i32,
    step: f64,
    top: i32,
    values: RangedCoordi32,
}

/// Positions come from the scale as parts of this.
const FINE: i32 = 1_000_000;

impl Plot {
    fn x(&self, year: i32) -> f64 {
        self.area.left + (f64::from(year - self.first) + 0.5) * self.step
    }

    fn y(&self, value: i64) -> f64 {
        let part = self.values.map(&i32::try_from(value).unwrap_or(self.top), (0, FINE));
        self.area.bottom - f64::from(part) / f64::from(FINE) * self.area.height()
    }
}

/// A text that stands in a row with others: a mark before it, and what it says.
struct Item {
    glyph: Glyph,
    text: String,
    full: String,
}

#[derive(Clone, Copy)]
enum Glyph {
    Series(usize),
    Status(Status),
    Sign(Status),
}

impl Drawing<'_> {
    /// Draws, and says how high the figures are.
    fn draw(&mut self) -> f64 {
        let chart = self.chart;
        self.heading();
        let mut marks = chart.marks();
        if chart.is_empty() {
            self.notes(&[]);
            let (x, y) =
                (f64::midpoint(self.area.left, self.area.right), f64::midpoint(self.area.top, self.area.bottom));
            self.text(x, y, "middle", self.size, "muted", words::nothing(chart.language), None);
            return f64::MAX;
        }
        let (Some(first), Some(last)) = (chart.years.first(), chart.years.last()) else { return f64::MAX };
        marks.retain(|mark| (first..=last).contains(&&mark.year));
        let span = f64::from(last.get() - first.get() + 1);
        let values = self.scale();
        let top = values.range().end;
        let ticks = values.key_points(BoldPoints(self.ticks()));
        let label = |tick: &i32| match chart.kind {
            Kind::Share => format!("{tick}%"),
            _ => words::number((*tick).into()),
        };
        let labels: Vec<String> = ticks.iter().map(label).collect();
        let margin = labels.iter().map(|label| self.width(self.small, label)).fold(0.0, f64::max) + self.small * 0.6;
        let names = self.names();
        let widest = names.iter().map(|item| self.width(self.small, &item.text)).fold(0.0, f64::max);
        let ends = self.ends(&names, widest);
        let right = if ends { widest + self.small * 2.4 } else { 0.0 };
        let mut area = Area { left: self.area.left + margin, right: self.area.right - right, ..self.area };
        let step = area.width() / span;
        // What is said about years stands above the figures; what finds no room there, below.
        let rows = self.mark_rows(&marks, area, step, first.get());
        let unplaced = if rows.is_none() { marks.as_slice() } else { &[] };
        self.notes(&unplaced.iter().map(|mark| words::mark(chart.language, mark)).collect::<Vec<_>>());
        self.key();
        if !ends && (names.len() > 1 || chart.kind == Kind::Share) {
            self.legend(names);
        }
        let signs = self.sign_rows(step);
        let rows = rows.unwrap_or_default();
        area.top = self.area.top + self.small * 1.5 * (1.0 + real(rows.len()));
        area.bottom =
            self.area.bottom - self.small * (1.9 + 1.35 * real(signs.iter().map(Vec::len).max().unwrap_or(0)));
        area.bottom = area.bottom.max(area.top + self.size);
        let plot = Plot { area, first: first.get(), step, top, values };
        self.background(&plot, &rows);
        let mut free = f64::MAX;
        for (tick, label) in ticks.iter().zip(&labels) {
            let y = plot.y((*tick).into());
            let class = if *tick == 0 { "axis" } else { "grid" };
            self.line(class, (area.left, y), (area.right, y), "");
            if y <= free {
                self.text(area.left - self.small * 0.5, y + self.small * 0.35, "end", self.small, "muted", label, None);
                free = y - self.small * 1.2;
            }
        }
        self.years(&plot, last.get());
        self.signs(&plot, &signs);
        match chart.kind {
            Kind::Share => self.bars(&plot),
            _ => self.lines(&plot),
        }
        if ends {
            self.end_labels(&plot, self.names());
        }
        area.height()
    }

    /// The document around what was drawn.
    /// Writes the picture. Its parts have a bound of their own, since a chart has.
    fn finish(self, mut out: impl io::Write) -> io::Result<()> {
        let (chart, language) = (self.chart, self.chart.language);
        let fonts = say(
            language,
            "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', Arial, sans-serif",
            "'Hiragino Sans', 'Noto Sans JP', 'Noto Sans CJK JP', 'Yu Gothic', Meiryo, sans-serif",
        );
        let mut description = vec![chart.description.clone(), words::summary(chart)];
        description.extend(chart.marks().iter().map(|mark| words::mark(language, mark)));
        description.extend(self.cut);
        description.retain(|text| !text.trim().is_empty());
        let (width, height) = (chart.width, chart.height);
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
             {height}\" role=\"img\" aria-labelledby=\"title desc\" lang=\"{0}\" xml:lang=\"{0}\" font-family=\"{fonts}\">\
             <title id=\"title\">{1}</title><desc id=\"desc\">{2}</desc><style>{3}</style>{4}\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>{5}</svg>",
            say(language, "en", "ja"),
            escape(&chart.title),
            escape(&description.join(" ")),
            palette::css(chart.theme, chart.series.len()),
            patterns(chart),
            self.body
        )
    }

    /// Title and unit, from the top.
    fn heading(&mut self) {
        let chart = self.chart;
        let (size, room) = (self.size * 1.25, self.area.width());
        // Bold is a little wider.
        let (lines, whole) = text::wrap(chart.language, size * 1.08, &chart.title, room, self.thrift.title);
        for line in lines {
            let full = (!whole).then_some(chart.title.as_str());
            self.text(
                self.area.left,
                self.area.top + size * 0.85,
                "start",
                size,
                "ink\" font-weight=\"bold",
                &line,
                full,
            );
            self.area.top += size * 1.3;
        }
        let unit = words::unit(chart);
        let (lines, _) = text::wrap(chart.language, self.small, &unit, room, self.thrift.title);
        for line in lines {
            self.text(self.area.left, self.area.top + self.small, "start", self.small, "muted", &line, Some(&unit));
            self.area.top += self.small * 1.4;
        }
        self.area.top += self.small * 0.3;
    }

    /// Footnotes and source, from the bottom, as many lines as have room.
    fn notes(&mut self, more: &[String]) {
        let (chart, small, room) = (self.chart, self.small, self.area.width());
        let shares = [say(chart.language, words::SHARES[0], words::SHARES[1]).to_owned()];
        let missing = chart.series.iter().flat_map(|series| &series.points).any(|point| point.value.is_none());
        let shares = if chart.kind == Kind::Share && missing { &shares[..] } else { &[] };
        let mut free = f64::from(chart.height) * self.thrift.notes / (small * 1.4);
        let source = chart.source.as_ref().map(|source| words::source(chart.language, source));
        let mut lines: Vec<String> = Vec::new();
        free -= if source.is_some() { 1.0 } else { 0.0 };
        for note in more.iter().chain(shares).chain(&chart.footnotes) {
            let most = (1..=9).rev().find(|count| real(*count) <= free).unwrap_or(0);
            let (mut wrapped, whole) = text::wrap(chart.language, small, note, room, most.max(1));
            if !whole || most == 0 {
                self.cut.push(note.clone());
            }
            wrapped.truncate(most);
            free -= real(wrapped.len());
            lines.append(&mut wrapped);
        }
        if let Some(source) = source {
            lines.push(text::shorten(chart.language, small, &source, room));
            self.cut.extend(lines.last().is_some_and(|line| *line != source).then_some(source));
        }
        for line in lines.iter().rev() {
            self.text(self.area.left, self.area.bottom - small * 0.25, "start", small, "muted", line, None);
            self.area.bottom -= small * 1.4;
        }
        self.area.bottom -= if lines.is_empty() { 0.0 } else { small * 0.5 };
    }

    /// What hollow marks, hatches and signs mean, above the notes; and series without any value.
    fn key(&mut self) {
        let chart = self.chart;
        let all = || chart.series.iter().filter(|series| series.blank().is_none()).flat_map(|series| &series.points);
        let used = |status: &Status| all().any(|point| point.status == *status);
        let word = |status| status::label(status, chart.language).to_owned();
        let special = [Status::Imputed, Status::Estimated, Status::Provisional, Status::Break];
        let mut items: Vec<Item> = special
            .into_iter()
            .filter(|status| used(status) && (chart.kind != Kind::Share || *status != Status::Break))
            .map(|status| Item { glyph: Glyph::Status(status), text: word(status), full: word(status) })
            .collect();
        for status in Status::ALL.into_iter().filter(|status| !status.has_value()) {
            let blank = chart.series.iter().filter(|series| series.blank() == Some(status));
            let blank: Vec<&str> = blank.map(|series| series.label.as_str()).collect();
            let separator = say(chart.language, ", ", "、");
            let names = blank.join(separator);
            let text = match (used(&status), blank.is_empty()) {
                (false, true) => continue,
                (true, true) => word(status),
                (_, false) => say(
                    chart.language,
                    format!("{} ({}: all years)", word(status), names),
                    format!("{}（{}は全期間）", word(status), names),
                ),
            };
            items.push(Item { glyph: Glyph::Sign(status), full: text.clone(), text });
        }
        if items.is_empty() {
            return;
        }
        let rows = self.fit(&mut items, 3);
        self.area.bottom -= self.small * 1.5 * real(rows.len());
        self.items(&items, &rows, self.area.bottom);
        self.area.bottom -= self.small * 0.4;
    }

    /// The names of the series that are drawn.
    fn names(&self) -> Vec<Item> {
        let drawn = self.chart.series.iter().enumerate().filter(|(_, series)| series.blank().is_none());
        drawn
            .map(|(index, series)| Item {
                glyph: Glyph::Series(index),
                text: series.label.split_whitespace().collect::<Vec<_>>().join(" "),
                full: series.label.clone(),
            })
            .collect()
    }

    fn legend(&mut self, mut names: Vec<Item>) {
        let rows = self.fit(&mut names, if self.chart.height < 400 { 3 } else { 4 });
        self.items(&names, &rows, self.area.top);
        self.area.top += self.small * 1.5 * real(rows.len()) + self.small * 0.3;
    }

    /// Whether names fit at the ends of the lines: every line must reach the last year.
    fn ends(&self, names: &[Item], widest: f64) -> bool {
        let last = self.chart.years.len().saturating_sub(1);
        let present = |item: &Item| {
            let Glyph::Series(index) = item.glyph else { return false };
            let value = self.chart.series[index].points[last].value;
            value.is_some_and(|value| self.chart.kind != Kind::Share || value > 0)
        };
        let rows = self.small * 1.35 * real(names.len());
        widest <= self.area.width() * 0.3 && rows <= f64::from(self.chart.height) * 0.3 && names.iter().all(present)
    }

    /// Puts items in rows, and shortens them until there are at most so many rows.
    fn fit(&self, items: &mut [Item], most: usize) -> Vec<Vec<(usize, f64)>> {
        let room = self.area.width();
        let mut rows = Vec::new();
        for columns in 1..=12 {
            for item in &mut *items {
                let cap = (room / real(columns) - self.sample(item.glyph) - self.small).max(self.small * 2.0);
                item.text = text::shorten(self.chart.language, self.small, &item.full, cap);
            }
            rows = vec![Vec::new()];
            let mut x = 0.0;
            for (index, item) in items.iter().enumerate() {
                let width = self.sample(item.glyph) + self.width(self.small, &item.text);
                if x > 0.0 && x + width > room {
                    rows.push(Vec::new());
                    x = 0.0;
                }
                if let Some(row) = rows.last_mut() {
                    row.push((index, x));
                }
                x += width + self.small * 1.2;
            }
            if rows.len() <= most {
                break;
            }
        }
        rows
    }

    /// How wide what stands before an item is: of a line, a piece.
    fn sample(&self, glyph: Glyph) -> f64 {
        let line = matches!(glyph, Glyph::Series(_)) && self.chart.kind != Kind::Share;
        self.small * if line { 2.3 } else { 1.6 }
    }

    fn items(&mut self, items: &[Item], rows: &[Vec<(usize, f64)>], top: f64) {
        for (row, places) in rows.iter().enumerate() {
            let baseline = top + self.small * (1.5 * real(row) + 1.05);
            for (index, offset) in places {
                let item = &items[*index];
                let x = self.area.left + offset;
                self.glyph(item.glyph, x, baseline - self.small * 0.35);
                let full = (item.text != item.full).then_some(item.full.as_str());
                self.text(x + self.sample(item.glyph), baseline, "start", self.small, "ink", &item.text, full);
            }
        }
    }

    fn glyph(&mut self, glyph: Glyph, x: f64, y: f64) {
        let (centre, r) = (x + (self.sample(glyph) - self.small * 0.5) / 2.0, self.small * 0.4);
        let bars = self.chart.kind == Kind::Share;
        let square = |fill: &str| {
            let (left, top, side) = (num(centre - r * 1.4), num(y - r * 1.1), (num(r * 2.8), num(r * 2.2)));
            format!("<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" {fill}/>", side.0, side.1)
        };
        match glyph {
            Glyph::Series(index) if bars => {
                let square = square("fill=\"currentColor\"");
                let shape = marker(index, centre, y, r * 0.75);
                self.body.push_str(&format!("<g class=\"s{index}\">{square}<path class=\"paper\" d=\"{shape}\"/></g>"));
            }
            Glyph::Series(index) => {
                let dash = dash(index);
                let (from, to, y_text) = (num(x), num(x + self.small * 1.8), num(y));
                let shape = marker(index, centre, y, r);
                self.body.push_str(&format!(
                    "<g class=\"s{index}\"><path d=\"M{from} {y_text}H{to}\" fill=\"none\" stroke=\"currentColor\" \
                     stroke-width=\"2\"{dash}/><path d=\"{shape}\" fill=\"currentColor\"/></g>"
                ));
            }
            Glyph::Status(Status::Break) => self.cut_mark("cut", centre, y, r),
            Glyph::Status(status) if bars => {
                let square = square(&bar_style(status, "k"));
                self.body.push_str(&format!("<g color=\"{}\">{square}</g>", palette::KEY));
            }
            Glyph::Status(status) => {
                let shape = status_mark(&marker(0, centre, y, r), status, centre, y);
                self.body.push_str(&format!("<g color=\"{}\">{shape}</g>", palette::KEY));
            }
            Glyph::Sign(status) => {
                self.text(
                    centre,
                    y + self.small * 0.35,
                    "middle",
                    self.small,
                    "ink",
                    status::sign(status, self.chart.language),
                    None,
                );
            }
        }
    }

    /// Two short strokes: the figures before are others.
    fn cut_mark(&mut self, class: &str, x: f64, y: f64, r: f64) {
        for offset in [-0.45, 0.45] {
            let x = x + offset * r;
            self.line(class, (x - r * 0.3, y + r), (x + r * 0.3, y - r), " stroke-width=\"1.5\"");
        }
    }

    /// From 0, a little more than the highest value: the end is a tick.
    fn scale(&self) -> RangedCoordi32 {
        if self.chart.kind == Kind::Share {
            return (0..100).into();
        }
        let values = self.chart.series.iter().flat_map(|series| &series.points).filter_map(|point| point.value);
        let most = values.max().and_then(|value| i32::try_from(value).ok()).unwrap_or(0).max(1);
        let ticks = RangedCoordi32::from(0..most).key_points(BoldPoints(self.ticks()));
        let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(1).max(1);
        (0..most.checked_add((step - most % step) % step).unwrap_or(most)).into()
    }

    fn ticks(&self) -> usize {
        usize::try_from(self.chart.height / 70).unwrap_or(5).clamp(5, 8)
    }

    /// The years below, as many as have room.
    fn years(&mut self, plot: &Plot, last: i32) {
        let language = self.chart.language;
        let widest = self.width(self.small, &words::year(language, last));
        let shortest = self.width(self.small, &last.to_string());
        let wordy = widest + self.small * 0.5 <= plot.step;
        let need = if wordy { widest } else { shortest } + self.small * 0.5;
        let every =
            [1, 2, 5, 10, 20, 25, 50].into_iter().find(|years| f64::from(*years) * plot.step >= need).unwrap_or(100);
        let baseline = self.area.bottom - self.small * 0.5;
        let labelled: Vec<i32> = (plot.first..=last).filter(|year| year % every == 0).collect();
        // Of few years apart, the first and the last are told at least.
        let labelled = if labelled.is_empty() { vec![plot.first] } else { labelled };
        for year in labelled {
            let half = need / 2.0;
            let x = plot.x(year).clamp(half, f64::from(self.chart.width) - half);
            let label = if wordy { words::year(language, year) } else { year.to_string() };
            self.text(x, baseline, "middle", self.small, "ink", &label, None);
        }
    }

    /// Rows of what is said about years, each with its place; none if they do not fit.
    fn mark_rows(&self, marks: &[Mark], area: Area, step: f64, first: i32) -> Option<Vec<Vec<Said>>> {
        let (left, right) = (area.left, self.area.right);
        for parts in [1.0, 1.5, 2.0, 3.0] {
            let mut rows: Vec<Vec<Said>> = Vec::new();
            for mark in marks {
                let text = text::shorten(self.chart.language, self.small, &mark.label, (right - left) / parts);
                let width = self.width(self.small, &text);
                let place = if mark.event { 0.5 } else { 0.0 };
                let middle = left + (f64::from(mark.year.get() - first) + place) * step;
                let from = (middle - width / 2.0).min(right - width).max(left);
                let free = |row: &Vec<Said>| row.last().is_none_or(|said| said.to + self.small <= from);
                let said = Said { from, to: from + width, text, full: mark.label.clone() };
                match rows.iter_mut().find(|row| free(row)) {
                    Some(row) => row.push(said),
                    None => rows.push(vec![said]),
                }
            }
            if rows.len() <= self.thrift.marks {
                return Some(rows);
            }
        }
        None
    }

    /// Bands for events, lines for breaks, and what is said about both.
    fn background(&mut self, plot: &Plot, rows: &[Vec<Said>]) {
        let chart = self.chart;
        let (first, last) = (plot.first, chart.years.last().map_or(plot.first, |year| year.get()));
        let head = plot.area.top - self.small * 1.5;
        let years: BTreeSet<i32> = chart.events.iter().map(|event| event.year.get()).collect();
        for year in years.range(first..=last) {
            let (x, width) = (num(plot.x(*year) - plot.step / 2.0), num(plot.step));
            let (top, height) = (num(head), num(plot.area.bottom - head));
            self.body.push_str(&format!(
                "<rect class=\"band\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>"
            ));
        }
        let years: BTreeSet<i32> = chart.breaks.iter().map(|cut| cut.year.get()).collect();
        for year in years.range(first..=last) {
            let x = plot.x(*year) - plot.step / 2.0;
            self.line("cut", (x, head), (x, plot.area.bottom), " stroke-width=\"1.5\" stroke-dasharray=\"5 3\"");
        }
        for (row, all) in rows.iter().rev().enumerate() {
            let baseline = head - self.small * (0.4 + 1.5 * real(row));
            for said in all {
                let full = (said.text != said.full).then_some(said.full.as_str());
                self.text(said.from, baseline, "start", self.small, "muted", &said.text, full);
            }
        }
    }

    /// For each year, the signs of series without a value there, in rows as wide as the year.
    fn sign_rows(&self, step: f64) -> Vec<SignRows> {
        let sign = |status| status::sign(status, self.chart.language);
        let drawn = || self.chart.series.iter().enumerate().filter(|(_, series)| series.blank().is_none());
        let of_year = |year: usize| {
            let all = drawn().filter(|(_, series)| series.points[year].value.is_none());
            let all: Vec<(usize, Status)> = all.map(|(index, series)| (index, series.points[year].status)).collect();
            let Some((_, status)) = all.first() else { return Vec::new() };
            if all.len() == drawn().count() && all.iter().all(|(_, other)| other == status) {
                return vec![vec![(None, sign(*status).to_owned())]];
            }
            let per_row = (1..=12).rev().find(|count| real(*count) * self.sign_width() <= step).unwrap_or(1);
            if self.sign_width() <= step && all.len().div_ceil(per_row) <= self.thrift.signs {
                let one = |(index, status): &(usize, Status)| (Some(*index), sign(*status).to_owned());
                return all.chunks(per_row).map(|row| row.iter().map(one).collect()).collect();
            }
            // No room to tell which: how many, if that has room.
            let statuses: BTreeSet<Status> = all.iter().map(|(_, status)| *status).collect();
            let tell = |status: &Status| {
                let count = all.iter().filter(|(_, other)| other == status).count();
                let (sign, counted) = (sign(*status), format!("{}×{count}", sign(*status)));
                let fits = count > 1 && self.width(self.small, &counted) <= step;
                vec![(None, if fits { counted } else { sign.to_owned() })]
            };
            statuses.iter().take(self.thrift.signs).map(tell).collect()
        };
        (0..self.chart.years.len()).map(of_year).collect()
    }

    fn sign_width(&self) -> f64 {
        self.small * 2.3
    }

    fn signs(&mut self, plot: &Plot, years: &[SignRows]) {
        let mut busy = f64::MIN;
        for (year, rows) in self.chart.years.iter().zip(years) {
            let x = plot.x(year.get());
            for (row, signs) in rows.iter().enumerate() {
                let baseline = plot.area.bottom + self.small * (1.1 + 1.35 * real(row));
                let width = self.sign_width() * real(signs.len());
                for (place, (series, sign)) in signs.iter().enumerate() {
                    match series {
                        Some(index) => {
                            let left = x - width / 2.0 + self.sign_width() * real(place);
                            let shape =
                                marker(*index, left + self.small * 0.7, baseline - self.small * 0.35, self.small * 0.3);
                            self.body
                                .push_str(&format!("<path class=\"s{index}\" d=\"{shape}\" fill=\"currentColor\"/>"));
                            self.text(left + self.small * 1.1, baseline, "start", self.small, "ink", sign, None);
                        }
                        None => {
                            let half = self.width(self.small, sign) / 2.0;
                            // Among very many years, a sign stands for those beside it.
                            if x - half >= busy || row > 0 {
                                self.text(x, baseline, "middle", self.small, "muted", sign, None);
                                busy = x + half;
                            }
                        }
                    }
                }
            }
        }
    }

    fn lines(&mut self, plot: &Plot) {
        let chart = self.chart;
        let r = (self.size * 0.34).min((plot.step * 0.4).max(1.5));
        let mut taken: Vec<Area> = Vec::new();
        let mut segments: Vec<[(f64, f64); 2]> = Vec::new();
        for (index, series) in chart.series.iter().enumerate() {
            self.body.push_str(&format!("<g class=\"s{index}\"><title>{}</title>", escape(&series.label)));
            let at =
                |year: usize| series.points[year].value.map(|value| (plot.x(chart.years[year].get()), plot.y(value)));
            let mut run: Vec<(f64, f64)> = Vec::new();
            for year in 0..=chart.years.len() {
                if year == chart.years.len() || !chart.joins(series, year) {
                    self.polyline(index, &run);
                    segments.extend(run.windows(2).map(|pair| [pair[0], pair[1]]));
                    run.clear();
                }
                run.extend((year < chart.years.len()).then(|| at(year)).flatten());
            }
            for (year, point) in series.points.iter().enumerate() {
                let Some((x, y)) = at(year) else { continue };
                let shape = status_mark(&marker(index, x, y, r), point.status, x, y);
                let title = escape(&words::figure(chart, index, year));
                self.body.push_str(&format!("<g><title>{title}</title>{shape}</g>"));
                taken.push(Area { left: x - r, top: y - r, right: x + r, bottom: y + r });
                if point.status == Status::Break {
                    self.cut_mark("cut", x - r * 2.4, y, r);
                }
            }
            self.body.push_str("</g>");
        }
        if chart.kind == Kind::YearlyTotals && chart.series.len() <= 3 {
            self.values(plot, r, &mut taken, &segments);
        }
    }

    fn polyline(&mut self, series: usize, run: &[(f64, f64)]) {
        if run.len() < 2 {
            return;
        }
        let points: Vec<String> = run.iter().map(|(x, y)| format!("{},{}", num(*x), num(*y))).collect();
        self.body.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\"{}/>",
            points.join(" "),
            dash(series)
        ));
    }

    /// The values beside their marks, where they are in the way of nothing.
    fn values(&mut self, plot: &Plot, r: f64, taken: &mut Vec<Area>, segments: &[[(f64, f64); 2]]) {
        let chart = self.chart;
        for series in &chart.series {
            for (point, year) in series.points.iter().zip(&chart.years) {
                let Some(value) = point.value else { continue };
                let (x, y, label) = (plot.x(year.get()), plot.y(value), words::number(value));
                let half = self.width(self.small, &label) / 2.0;
                let gap = r + self.small * 0.35;
                let (level, aside) = (y + self.small * 0.35, gap + half);
                let above_below = [(x, y - gap), (x, y + gap + self.small * 0.75)];
                for (x, baseline) in above_below.into_iter().chain([(x + aside, level), (x - aside, level)]) {
                    let (top, bottom) = (baseline - self.small * 0.85, baseline + self.small * 0.15);
                    let place = Area { left: x - half, top, right: x + half, bottom };
                    let crossed = |[from, to]: &[(f64, f64); 2]| {
                        (0..=40).any(|part| {
                            let part = f64::from(part) / 40.0;
                            let (x, y) = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
                            place.meets(Area { left: x - 1.0, top: y - 1.0, right: x + 1.0, bottom: y + 1.0 })
                        })
                    };
                    let inside = bottom <= plot.area.bottom
                        && place.left >= plot.area.left
                        && place.right <= plot.area.right
                        && half * 2.0 <= plot.step;
                    if inside && !taken.iter().any(|other| place.meets(*other)) && !segments.iter().any(crossed) {
                        let class = "ink halo\" paint-order=\"stroke\" stroke-width=\"3";
                        self.text(x, baseline, "middle", self.small, class, &label, None);
                        taken.push(place);
                        break;
                    }
                }
            }
        }
    }

    fn bars(&mut self, plot: &Plot) {
        let chart = self.chart;
        let width = (plot.step * 0.66).min(self.size * 6.0);
        for (year, at) in chart.years.iter().enumerate() {
            let Some(whole) = chart.whole(year) else { continue };
            let (left, middle) = (plot.x(at.get()) - width / 2.0, plot.x(at.get()));
            let label = words::number(whole);
            if self.width(self.small, &label) <= plot.step {
                self.text(middle, plot.area.top - self.small * 0.4, "middle", self.small, "muted", &label, None);
            }
            for (index, (top, bottom)) in stack(chart, plot, year) {
                let status = chart.series[index].points[year].status;
                let style = bar_style(status, &index.to_string());
                let title = escape(&words::figure(chart, index, year));
                let height = bottom - top;
                self.body.push_str(&format!(
                    "<g class=\"s{index}\"><title>{title}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
                     {style}/></g>",
                    num(left),
                    num(top),
                    num(width),
                    num(height)
                ));
                if top > plot.area.top {
                    let lid = (num(left), num(top), num(width));
                    self.body.push_str(&format!(
                        "<path class=\"halo\" d=\"M{} {}h{}\" stroke-width=\"1.2\"/>",
                        lid.0, lid.1, lid.2
                    ));
                }
                let share = words::percent(chart.series[index].points[year].value.unwrap_or(0), whole);
                self.pill(index, middle, f64::midpoint(top, bottom), (width, height), &share);
            }
        }
    }

    /// The mark of the series and its share, on a ground of its own so that it can be read on every colour.
    fn pill(&mut self, series: usize, x: f64, y: f64, room: (f64, f64), share: &str) {
        let (text, mark) = (self.width(self.small, share), self.small * 1.1);
        let (width, height) = (text + mark + self.small * 0.6, self.small * 1.35);
        if width + 4.0 > room.0 || height + 2.0 > room.1 {
            return;
        }
        let left = x - width / 2.0;
        let outline = marker(series, left + self.small * 0.75, y, self.small * 0.32);
        self.body.push_str(&format!(
            "<rect class=\"paper\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>\
             <path class=\"s{series}\" d=\"{outline}\" fill=\"currentColor\"/>",
            num(left),
            num(y - height / 2.0),
            num(width),
            num(height)
        ));
        self.text(left + mark + self.small * 0.2, y + self.small * 0.35, "start", self.small, "ink", share, None);
    }

    /// Names at the ends of the lines, moved apart where they would overlap.
    fn end_labels(&mut self, plot: &Plot, names: Vec<Item>) {
        let chart = self.chart;
        let last = chart.years.len().saturating_sub(1);
        let places: Vec<(usize, (f64, f64))> =
            if chart.kind == Kind::Share { stack(chart, plot, last) } else { Vec::new() };
        let mut labels: Vec<(f64, f64, usize, Item)> = Vec::new();
        for item in names {
            let Glyph::Series(index) = item.glyph else { continue };
            let stacked = places.iter().find(|(series, _)| *series == index);
            let y = match (chart.kind, stacked) {
                (Kind::Share, Some((_, (top, bottom)))) => f64::midpoint(*top, *bottom),
                (Kind::Share, None) => continue,
                _ => plot.y(chart.series[index].points[last].value.unwrap_or(0)),
            };
            labels.push((y, y, index, item));
        }
        let line = self.small * 1.35;
        labels.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.2.cmp(&other.2)));
        let mut floor = plot.area.top;
        for label in &mut labels {
            label.1 = label.1.max(floor);
            floor = label.1 + line;
        }
        let mut ceiling = plot.area.bottom;
        for label in labels.iter_mut().rev() {
            label.1 = label.1.min(ceiling);
            ceiling = label.1 - line;
        }
        let x = plot.area.right + self.small * 0.4;
        let half = if chart.kind == Kind::Share { (plot.step * 0.33).min(self.size * 3.0) } else { self.size * 0.5 };
        let from = plot.x(chart.years.get(last).map_or(plot.first, |year| year.get())) + half + 1.0;
        for (point, y, index, item) in labels {
            let (start, bend, point, end) = (num(from), num(x - self.small * 0.6), num(point), num(y));
            self.body.push_str(&format!(
                "<path class=\"s{index}\" d=\"M{start} {point}L{bend} {end}H{}\" fill=\"none\" stroke=\"currentColor\" \
                 stroke-width=\"0.8\" stroke-opacity=\"0.7\"/>",
                num(x)
            ));
            let shape = marker(index, x + self.small * 0.5, y, self.small * 0.32);
            self.body.push_str(&format!("<path class=\"s{index}\" d=\"{shape}\" fill=\"currentColor\"/>"));
            let full = (item.text != item.full).then_some(item.full.as_str());
            self.text(x + self.small * 1.1, y + self.small * 0.35, "start", self.small, "ink", &item.text, full);
        }
    }

    fn width(&self, size: f64, text: &str) -> f64 {
        text::width(self.chart.language, size, text)
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, size: f64, class: &str, text: &str, full: Option<&str>) {
        let title = full.filter(|full| *full != text).map(|full| format!("<title>{}</title>", escape(full)));
        self.body.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" font-size=\"{}\" class=\"{class}\">{}{}</text>",
            num(x),
            num(y),
            num(size),
            title.unwrap_or_default(),
            escape(text)
        ));
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64), more: &str) {
        let (x1, y1, x2, y2) = (num(from.0), num(from.1), num(to.0), num(to.1));
        self.body.push_str(&format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{more}/>"));
    }
}

/// What is said about a year above the figures.
struct Said {
    from: f64,
    to: f64,
    text: String,
    full: String,
}

/// Where the parts of a bar are, from the bottom up: top and bottom of each. Nothing for nothing.
fn stack(chart: &Chart, plot: &Plot, year: usize) -> Vec<(usize, (f64, f64))> {
    let part = |value: i64| i32::try_from(value).map_or(0.0, f64::from);
    let values: Vec<(usize, f64)> = chart
        .series
        .iter()
        .enumerate()
        .filter_map(|(index, series)| Some((index, part(series.points[year].value?))))
        .collect();
    let whole: f64 = values.iter().map(|(_, value)| value).sum();
    let mut below = 0.0;
    let mut parts = Vec::new();
    for (index, value) in values {
        if value > 0.0 {
            let y = |sum: f64| plot.area.bottom - plot.area.height() * sum / whole;
            parts.push((index, (y(below + value), y(below))));
            below += value;
        }
    }
    parts
}

/// The hatches that are used: `i` imputed, `e` estimated; for each series and for the key.
fn patterns(chart: &Chart) -> String {
    if chart.kind != Kind::Share {
        return String::new();
    }
    let mut patterns = String::new();
    for (status, letter, angle) in [(Status::Imputed, 'i', 45), (Status::Estimated, 'e', -45)] {
        let uses = |(_, series): &(usize, &super::Series)| series.points.iter().any(|point| point.status == status);
        let names: Vec<String> =
            chart.series.iter().enumerate().filter(uses).map(|(index, _)| index.to_string()).collect();
        let key = (!names.is_empty()).then(|| "k".to_owned());
        for name in names.iter().chain(&key) {
            let class = if name == "k" { format!("color=\"{}\"", palette::KEY) } else { format!("class=\"s{name}\"") };
            patterns.push_str(&format!(
                "<pattern id=\"{letter}{name}\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
                 patternTransform=\"rotate({angle})\" {class}><rect class=\"paper\" width=\"5\" height=\"5\"/>\
                 <rect width=\"2\" height=\"5\" fill=\"currentColor\"/></pattern>"
            ));
        }
    }
    if patterns.is_empty() { patterns } else { format!("<defs>{patterns}</defs>") }
}

/// How a part of a bar is filled.
fn bar_style(status: Status, name: &str) -> String {
    match status {
        Status::Imputed => format!("fill=\"url(#i{name})\" stroke=\"currentColor\""),
        Status::Estimated => format!("fill=\"url(#e{name})\" stroke=\"currentColor\""),
        Status::Provisional => "fill=\"currentColor\" fill-opacity=\"0.4\" stroke=\"currentColor\" \
                                stroke-dasharray=\"1.5 2\""
            .to_owned(),
        _ => "fill=\"currentColor\"".to_owned(),
    }
}

/// The mark of a figure: full when it was counted, hollow when not.
fn status_mark(shape: &str, status: Status, x: f64, y: f64) -> String {
    match status {
        Status::Imputed | Status::Estimated => {
            let dot = if status == Status::Estimated {
                format!("<circle cx=\"{}\" cy=\"{}\" r=\"1.2\" fill=\"currentColor\"/>", num(x), num(y))
            } else {
                String::new()
            };
            format!("<path class=\"paper\" d=\"{shape}\" stroke=\"currentColor\" stroke-width=\"1.6\"/>{dot}")
        }
        Status::Provisional => format!(
            "<path class=\"paper\" d=\"{shape}\"/><path d=\"{shape}\" fill=\"currentColor\" fill-opacity=\"0.35\" \
             stroke=\"currentColor\" stroke-width=\"1.4\" stroke-dasharray=\"1.5 1.5\"/>"
        ),
        _ => format!("<path d=\"{shape}\" fill=\"currentColor\" stroke=\"currentColor\" stroke-width=\"1.6\"/>"),
    }
}

/// A shape for each series; after six they begin anew, with other dashes.
fn marker(series: usize, x: f64, y: f64, r: f64) -> String {
    let corners: &[(f64, f64)] = match series % 6 {
        0 => {
            let (left, r2) = (num(x - r), num(r));
            return format!("M{left} {}a{r2} {r2} 0 1 0 {1} 0a{r2} {r2} 0 1 0 -{1} 0Z", num(y), num(r * 2.0));
        }
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
        3 => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        4 => &[(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)],
        _ => &[(-0.55, -1.0), (0.55, -1.0), (1.1, 0.0), (0.55, 1.0), (-0.55, 1.0), (-1.1, 0.0)],
    };
    let corners: Vec<String> =
        corners.iter().map(|(dx, dy)| format!("{} {}", num(x + dx * r), num(y + dy * r))).collect();
    format!("M{}Z", corners.join("L"))
}

/// A pattern of dashes for each series, so that neighbours and those of the same shape differ.
fn dash(series: usize) -> &'static str {
    match (series + series / 6) % 4 {
        0 => "",
        1 => " stroke-dasharray=\"7 3\"",
        2 => " stroke-dasharray=\"2 3\"",
        _ => " stroke-dasharray=\"9 3 2 3\"",
    }
}

/// A coordinate, to a tenth of a pixel.
fn num(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(0.0, f64::from)
}
