//! The fact sheet as front ends read it.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entities::{CategoryCode, Count, Locale, Localized, Year};

use crate::{
    delivery::snapshot::Snapshot,
    error::Result,
    figures::{
        category::graphql::Category,
        country::graphql::Country,
        fact_sheet::{self, Selection},
        graphql::ObservationStatus,
    },
    graphql::{ContextExt, Faults, Input, Scalar},
    locale::Preference,
};

/// The visits of each category by year and country, with the published totals they are held against.
#[derive(SimpleObject)]
pub struct FactSheet {
    /// Every year in which any of the categories has a figure, in order.
    years: Vec<Scalar<Year>>,
    /// The categories, in the publisher's order.
    #[graphql(complexity = "2 * child_complexity + 1")]
    categories: Vec<CategoryFigures>,
}

/// The part of a fact sheet about one category.
#[derive(SimpleObject)]
pub struct CategoryFigures {
    /// The category.
    category: Category,
    /// A total for each year of the fact sheet.
    #[graphql(complexity = "5 * child_complexity + 1")]
    yearly_totals: Vec<YearlyTotal>,
    /// A series for each country that has a figure, with or without a value, in the publisher's order.
    #[graphql(complexity = "40 * child_complexity + 1")]
    countries: Vec<CountrySeries>,
}

/// The total of one year: as published, as summed, and the difference between the two.
#[derive(SimpleObject)]
pub struct YearlyTotal {
    /// The year.
    year: Scalar<Year>,
    /// The total as published: data, not a sum. Null when none is.
    published_total: Option<Scalar<Count>>,
    /// The sum of the countries that have a value; null when none has.
    sum_of_countries: Option<i64>,
    /// The sum of the countries less the published total, null without both; not 0 when the source disagrees with itself.
    difference: Option<i64>,
    /// What a reader must know about the total.
    note: Option<String>,
    /// The locale that the note is in.
    note_locale: Option<Scalar<Locale>>,
}

/// The figures of one country, one for each year of the fact sheet.
#[derive(SimpleObject)]
pub struct CountrySeries {
    /// The country.
    country: Country,
    /// Its figures, in the order of the years.
    #[graphql(complexity = "5 * child_complexity + 1")]
    counts: Vec<VisitCount>,
}

/// A figure: a value exactly when its status has one.
#[derive(SimpleObject)]
pub struct VisitCount {
    /// The year.
    year: Scalar<Year>,
    /// The number of visits; null when the status says why there is none. Zero is a value.
    value: Option<Scalar<Count>>,
    /// What kind of figure it is, or why there is none.
    status: ObservationStatus,
    /// What a reader must know about it.
    note: Option<String>,
    /// The locale that the note is in.
    note_locale: Option<Scalar<Locale>>,
}

/// Where the parts of a fact sheet take their texts from.
struct Source {
    snapshot: Arc<Snapshot>,
    preference: Preference,
}

impl Source {
    fn category(&self, figures: fact_sheet::CategoryFigures<'_>) -> CategoryFigures {
        CategoryFigures {
            category: Category::serve(&self.snapshot, figures.category, &self.preference),
            yearly_totals: figures.totals.into_iter().map(|total| self.total(total)).collect(),
            countries: figures.countries.into_iter().map(|series| self.series(&series)).collect(),
        }
    }

    fn total(&self, total: fact_sheet::YearlyTotal<'_>) -> YearlyTotal {
        let (note, note_locale) = self.note(total.published.map(|published| &published.note));
        YearlyTotal {
            year: Scalar(total.year),
            published_total: total.published.map(|published| Scalar(published.value)),
            sum_of_countries: total.sum,
            difference: total.difference(),
            note,
            note_locale,
        }
    }

    fn series(&self, series: &fact_sheet::CountrySeries<'_>) -> CountrySeries {
        CountrySeries {
            country: Country::serve(&self.snapshot, series.country, &self.preference),
            counts: series.counts.iter().map(|count| self.count(count)).collect(),
        }
    }

    fn count(&self, count: &fact_sheet::VisitCount<'_>) -> VisitCount {
        let (note, note_locale) = self.note(count.note());
        VisitCount {
            year: Scalar(count.year),
            value: count.value().map(Scalar),
            status: count.status().into(),
            note,
            note_locale,
        }
    }

    fn note(&self, texts: Option<&Localized<String>>) -> (Option<String>, Option<Scalar<Locale>>) {
        texts
            .and_then(|texts| self.preference.pick(texts))
            .map(|(locale, text)| (text.clone(), Scalar(locale.clone())))
            .unzip()
    }
}

/// Queries about the fact sheet.
#[derive(Default)]
pub struct FactSheetQuery;

#[Object]
impl FactSheetQuery {
    /// The visits of each category by year and country, with the published totals they are held against.
    async fn fact_sheet(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The categories; all when left out.")] categories: Option<Vec<Input<CategoryCode>>>,
        #[graphql(desc = "The first year.")] from: Option<Input<Year>>,
        #[graphql(desc = "The last year.")] to: Option<Input<Year>>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<FactSheet> {
        let mut faults = Faults::default();
        let selection = Selection {
            categories: categories.map(|codes| faults.take_list(&["categories"], codes)),
            from: from.and_then(|year| faults.take(&["from"], year)),
            to: to.and_then(|year| faults.take(&["to"], year)),
        };
        faults.into_result()?;
        let source = Source { snapshot: ctx.snapshot(), preference: ctx.preference(locale, fallback)? };
        let sheet = fact_sheet::assemble(&source.snapshot.figures, selection)?;
        Ok(FactSheet {
            years: sheet.years.into_iter().map(Scalar).collect(),
            categories: sheet.categories.into_iter().map(|figures| source.category(figures)).collect(),
        })
    }
}
