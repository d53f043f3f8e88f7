//! The table: what was measured, what was hoped for, and whether it is so. A number never fails a run.

use std::{fmt, time::Duration};

use crate::load::Window;

/// A line of the table.
#[derive(Debug, Default)]
pub struct Row {
    /// What was done.
    pub workload: String,
    /// In which way.
    pub variant: String,
    /// Bytes of the body of an answer.
    pub bytes: Option<usize>,
    /// What the windows came to, if there were any.
    pub measured: Option<Measured>,
    /// What the target is about: a ratio, a time, a size.
    pub figure: String,
    /// The targets, and whether each is met.
    pub targets: Vec<(String, bool)>,
}

/// The figures of several windows.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Processor time of the server for a request, in microseconds: the median of the windows.
    pub microseconds: f64,
    /// Requests in a second: the median of the windows.
    pub per_second: f64,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// Ninety-nine of a hundred answers took no longer.
    pub p99: Duration,
}

impl Measured {
    /// The figures of windows of one kind.
    pub fn of(windows: &[Window]) -> Self {
        let mut latencies: Vec<Duration> = windows.iter().flat_map(|window| window.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        Self {
            microseconds: median(windows.iter().map(Window::microseconds_per_request)),
            per_second: median(windows.iter().map(Window::requests_per_second)),
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
        }
    }
}

/// The latency that so many of a hundred do not go beyond. They are in order.
pub fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let place = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
    latencies.get(place).copied().unwrap_or_default()
}

/// The median: the upper one of an even number.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A target that is met when `value` is at least `least`, with the name of what is compared if there are others.
pub fn at_least(value: f64, least: f64, what: &str) -> (String, bool) {
    (format!("≥ {least}{what}"), value >= least)
}

/// A target that is met when `value` is at most `most`, with its unit.
pub fn at_most(value: f64, most: f64, unit: &str) -> (String, bool) {
    (format!("≤ {most}{unit}"), value <= most)
}

/// All lines.
#[derive(Debug, Default)]
pub struct Report(pub Vec<Row>);

impl Report {
    /// One line that says it all.
    pub fn summary(&self) -> String {
        let targets = || self.0.iter().flat_map(|row| row.targets.iter().map(move |target| (row, target)));
        let met = targets().filter(|(_, (_, met))| *met).count();
        let mut text = format!("{met} of {} targets met", targets().count());
        let under: Vec<String> = targets()
            .filter(|(_, (_, met))| !met)
            .map(|(row, (target, _))| format!("{} {} ({target}: {})", row.workload, row.variant, row.achieved()))
            .collect();
        if !under.is_empty() {
            text += &format!("; under: {}", under.join(", "));
        }
        text
    }
}

impl Row {
    /// What is held against the target.
    fn achieved(&self) -> String {
        match (&self.figure, self.measured) {
            (figure, Some(measured)) if figure.is_empty() => {
                format!("{:.0} µs, {:.0}/s", measured.microseconds, measured.per_second)
            }
            (figure, _) => figure.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| workload | variant | bytes | CPU µs/request | requests/s | p50 ms | p99 ms | ratio | target | met |"
        )?;
        writeln!(f, "|---|---|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for row in &self.0 {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.map_or_else(String::new, |bytes| bytes.to_string());
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let figures = self.measured.map_or_else(
            || " | | | ".to_owned(),
            |measured| {
                format!(
                    "{:.1} | {:.0} | {:.2} | {:.2}",
                    measured.microseconds,
                    measured.per_second,
                    milliseconds(measured.p50),
                    milliseconds(measured.p99)
                )
            },
        );
        let targets: Vec<&str> = self.targets.iter().map(|(target, _)| target.as_str()).collect();
        let met = match self.targets.as_slice() {
            [] => "",
            targets if targets.iter().all(|(_, met)| *met) => "ok",
            _ => "under",
        };
        let Self { workload, variant, figure, .. } = self;
        write!(f, "| {workload} | {variant} | {bytes} | {figures} | {figure} | {} | {met} |", targets.join(", "))
    }
}
