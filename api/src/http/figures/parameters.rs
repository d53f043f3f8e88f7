//! What the query string of a file or a picture says, and what it costs to make it.

use std::{collections::BTreeSet, str::FromStr};

use chrono::{DateTime, Utc};
use entities::{CountryCode, Form, Locale, Moment, Rule, Year};
use poem::Request;

use super::{super::meter, Format};
use crate::{
    error::{Error, Fault, Result},
    figures::{
        Published,
        chart::{Kind, Theme},
        fact_sheet::{Selection, extent},
    },
};

/// The size of a chart when nothing is said, in pixels.
const SIZE: (u32, u32) = (800, 450);
/// The largest scale of a PNG.
const MAX_SCALE: u16 = 4;
/// What a chart costs beside its figures and pixels, in points: its layout.
const LAYOUT: u64 = 2_000;
/// What a PNG costs beside that: its letters.
const LETTERS: u64 = 10_000;
/// How many pixels of a PNG cost a point.
const PIXELS_PER_POINT: u64 = 40;

/// What the query string says.
pub(super) struct Parameters {
    pub(super) selection: Selection,
    pub(super) as_of: Option<DateTime<Utc>>,
    pub(super) locale: Option<Locale>,
    pub(super) fallback: Option<Vec<Locale>>,
    pub(super) kind: Kind,
    pub(super) countries: Option<Vec<CountryCode>>,
    pub(super) top: Option<usize>,
    pub(super) theme: Theme,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) scale: u16,
}

impl Parameters {
    /// Reads the query string of a request.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong with it.
    pub(super) fn read(request: &Request, now: DateTime<Utc>) -> Result<Self> {
        let pairs: Vec<(String, String)> =
            request.params().map_err(|_| Error::invalid(["query"], Rule::Format { expected: Form::QueryString }))?;
        let mut faults = Vec::new();
        let mut read = Self {
            selection: Selection::default(),
            as_of: None,
            locale: None,
            fallback: None,
            kind: Kind::YearlyTotals,
            countries: None,
            top: None,
            theme: Theme::Auto,
            width: SIZE.0,
            height: SIZE.1,
            scale: 2,
        };
        let mut seen = BTreeSet::new();
        for (name, value) in &pairs {
            let is_list = ["category", "country", "fallback"].contains(&name.as_str());
            if !is_list && !seen.insert(name) {
                faults.push(Fault::new([name], Rule::Duplicate));
                continue;
            }
            if let Err(rule) = read.take(name, value, now) {
                faults.push(Fault::new([name], rule));
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(Error::Invalid(faults)) }
    }

    /// What it costs to make the file or picture, in points of the quota: known before it is made.
    pub(super) fn cost(&self, format: Format, published: &Published) -> u64 {
        let points = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let rows = points(published.countries.len()) + 1;
        // What the selection has wrong with it is found out before anything is made.
        let Ok(extent) = extent(published, self.selection.clone()) else { return meter::LEAST };
        let cells = points(extent.years.len() * extent.categories.len()) * rows;
        let earlier = self
            .as_of
            .map_or(0, |_| published.figures.iter().map(|figures| points(figures.columns.len())).sum::<u64>() * rows);
        let pixels = u64::from(self.width) * u64::from(self.height) * u64::from(self.scale).pow(2);
        earlier
            + match format {
                Format::Csv | Format::JsonStat | Format::JsonLd => 100 + 2 * cells,
                Format::Xlsx => 2_000 + 6 * cells,
                Format::Svg | Format::Html => LAYOUT + cells,
                Format::Png => LAYOUT + LETTERS + cells + pixels / PIXELS_PER_POINT,
            }
    }

    fn take(&mut self, name: &str, value: &str, now: DateTime<Utc>) -> Result<(), Rule> {
        match name {
            "category" => add(&mut self.selection.categories, value)?,
            "country" => add(&mut self.countries, value)?,
            "fallback" => add(&mut self.fallback, value)?,
            "from" => self.selection.from = Some(value.parse::<Year>()?),
            "to" => self.selection.to = Some(value.parse::<Year>()?),
            "locale" => self.locale = Some(value.parse()?),
            "asOf" => {
                let moment = value.parse::<Moment>()?.get();
                if moment > now {
                    return Err(Rule::InTheFuture);
                }
                self.as_of = Some(moment);
            }
            "kind" => {
                self.kind = match value {
                    "totals" => Kind::YearlyTotals,
                    "countries" => Kind::Countries,
                    "share" => Kind::Share,
                    _ => return Err(Rule::NotOneOf { allowed: "totals, countries, share".to_owned() }),
                };
            }
            "theme" => {
                self.theme = match value {
                    "auto" => Theme::Auto,
                    "light" => Theme::Light,
                    "dark" => Theme::Dark,
                    _ => return Err(Rule::NotOneOf { allowed: "auto, light, dark".to_owned() }),
                };
            }
            "top" => self.top = Some(within(value, 1, 11)?),
            "width" => self.width = within(value, 320, 2_400)?,
            "height" => self.height = within(value, 240, 1_600)?,
            "scale" => self.scale = within(value, 1, i64::from(MAX_SCALE))?,
            _ => return Err(Rule::UnknownField),
        }
        Ok(())
    }
}

/// Adds the values of a list that is separated by commas, or given again and again.
fn add<T: FromStr<Err = Rule>>(list: &mut Option<Vec<T>>, values: &str) -> Result<(), Rule> {
    let list = list.get_or_insert_default();
    for value in values.split(',').filter(|value| !value.is_empty()) {
        list.push(value.parse()?);
    }
    Ok(())
}

fn within<T: TryFrom<i64>>(value: &str, min: i64, max: i64) -> Result<T, Rule> {
    let number: i64 = value.parse().map_err(|_| Rule::NotAnInteger)?;
    let in_range = (min..=max).contains(&number).then_some(number);
    in_range.and_then(|number| T::try_from(number).ok()).ok_or(Rule::OutOfRange { min, max })
}
