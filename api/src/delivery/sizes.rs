//! How much there is in one state of what is published: what the cost of an operation is estimated from.

use entities::{DisclosureMethod, Year};

use super::snapshot::Snapshot;

/// How long lists are in one state of what is published.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    /// Locales that the site offers.
    pub locales: u64,
    /// Members of the staff.
    pub staff: u64,
    /// Pages.
    pub pages: u64,
    /// The most pages below one.
    pub children: u64,
    /// Countries.
    pub countries: u64,
    /// Categories.
    pub categories: u64,
    /// The years that have figures, in order.
    pub years: Vec<Year>,
    /// Pairs of a category and a year that have figures.
    pub sheets: u64,
    /// Breaks of series, and events.
    pub breaks: u64,
    /// Footnotes.
    pub footnotes: u64,
    /// Publications of sheets.
    pub vintages: u64,
    /// Whether sheets have a row of what was counted together.
    pub merges: bool,
}

impl Sizes {
    /// Counts.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let (content, figures) = (&snapshot.content, &snapshot.figures);
        let columns = || figures.figures.iter().flat_map(|figures| figures.columns.keys().copied());
        let mut years: Vec<Year> = columns().collect();
        let sheets = count(years.len());
        years.sort_unstable();
        years.dedup();
        let (pages, children) = content.page_counts();
        Self {
            locales: count(content.site.locales.all.len()),
            staff: count(content.staff().count()),
            pages: count(pages),
            children: count(children),
            countries: count(figures.countries.len()),
            categories: count(figures.categories.len()),
            years,
            sheets,
            breaks: count(figures.metadata.breaks.len()),
            footnotes: count(figures.metadata.footnotes.len()),
            vintages: figures.vintages.publications(None),
            merges: figures.policy.method == DisclosureMethod::Merge,
        }
    }

    /// One of each, for those who ask what an operation costs at least.
    #[must_use]
    pub fn least() -> &'static Self {
        static LEAST: Sizes = Sizes {
            locales: 1,
            staff: 1,
            pages: 1,
            children: 1,
            countries: 1,
            categories: 1,
            years: Vec::new(),
            sheets: 1,
            breaks: 1,
            footnotes: 1,
            vintages: 1,
            merges: false,
        };
        &LEAST
    }

    /// How many of the years lie in a range.
    #[must_use]
    pub fn years_within(&self, from: Option<i64>, to: Option<i64>) -> u64 {
        let within = |year: &&Year| {
            let year = i64::from(**year);
            from.is_none_or(|from| from <= year) && to.is_none_or(|to| year <= to)
        };
        u64::try_from(self.years.iter().filter(within).count()).unwrap_or(u64::MAX)
    }
}
