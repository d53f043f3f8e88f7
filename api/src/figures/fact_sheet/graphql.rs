//! The fact sheet as front ends read it.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entities::{CategoryCode, Count, Language, Locale, Localized, Rule, Year};

use crate::{
    error::{Error, Result},
    figures::{
        Published,
        category::graphql::Category,
        country::graphql::Country,
        disclosure::Figure,
        fact_sheet::{self, Selection},
        graphql::PublishedFigure,
        metadata::{
            footnotes_at,
            graphql::{Break, FactSheetFootnote, Provenance, ReferencePeriod, number},
        },
        reconciliation,
    },
    graphql::{ContextExt, Faults, Input, Scalar},
    locale::Preference,
};

/// The visits of each category by year and country, with the published totals they are held against, and all that a
/// reader must know about them.
#[derive(SimpleObject)]
pub struct FactSheet {
    /// Every year in which any of the categories has a figure, in order.
    years: Vec<Scalar<Year>>,
    /// The time that each of the years is about, in the same order.
    #[graphql(complexity = "5 * child_complexity + 1")]
    periods: Vec<ReferencePeriod>,
    /// The categories, in the publisher's order.
    #[graphql(complexity = "2 * child_complexity + 1")]
    categories: Vec<CategoryFigures>,
    /// What was published against what it is made of: each category and year, each category across the years, each year
    /// across the categories, and all.
    #[graphql(complexity = "20 * child_complexity + 1")]
    reconciliation: Vec<Reconciliation>,
    /// Who makes the figures, how, of which period, and how to cite them.
    provenance: Provenance,
    /// Where figures cannot be compared, and what happened, of the years and categories shown. A chart does not join what
    /// a break parts.
    #[graphql(complexity = "5 * child_complexity + 1")]
    breaks: Vec<Break>,
    /// The footnotes, in the publisher's order.
    #[graphql(complexity = "10 * child_complexity + 1")]
    footnotes: Vec<FactSheetFootnote>,
    /// The moment that the fact sheet was asked for; null for now.
    as_of: Option<DateTime<Utc>>,
}

/// The part of a fact sheet about one category.
#[derive(SimpleObject)]
pub struct CategoryFigures {
    /// The category.
    category: Category,
    /// The numbers of the footnotes on the category.
    footnotes: Vec<i32>,
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
    /// The total as published: data, not a sum. Null when none is, or when it is withheld.
    published_total: Option<Scalar<Count>>,
    /// What kind of figure the published total is; null when none is published.
    published: Option<PublishedFigure>,
    /// The sum of the countries that have a value; null when none has, or when it would tell what is withheld.
    sum_of_countries: Option<i64>,
    /// What of the sum belongs to no country in particular; null when nothing does.
    unallocated: Option<PublishedFigure>,
    /// What was counted together because it was too small to be shown apart; null when nothing was.
    others: Option<PublishedFigure>,
    /// The sum of the countries less the published total, null without both; not 0 when the source disagrees with itself.
    difference: Option<i64>,
    /// What a reader must know about the total, such as why it differs from the sum.
    note: Option<String>,
    /// The locale that the note is in.
    note_locale: Option<Scalar<Locale>>,
    /// The numbers of the footnotes on the year.
    footnotes: Vec<i32>,
}

/// A published total held against the sum of its parts, as far as both may be told.
#[derive(SimpleObject)]
pub struct Reconciliation {
    /// The code of the category; null across all categories of the fact sheet.
    category: Option<Scalar<CategoryCode>>,
    /// The year; null across all years of the fact sheet.
    year: Option<Scalar<Year>>,
    /// The total as published; across a margin, the sum of the published totals when every one of them is known.
    published_total: Option<i64>,
    /// The sum of the countries; across a margin, when every part of it is known.
    sum_of_countries: Option<i64>,
    /// What of the sum belongs to no country in particular.
    unallocated: Option<i64>,
    /// The sum less the published total.
    difference: Option<i64>,
    /// How much of the published total is broken down by country: 1 for all of it, more when the source has more visits
    /// in its rows than in its total.
    coverage: Option<f64>,
    /// Why they differ, as told with the total; across a margin, see its parts.
    note: Option<String>,
}

/// The figures of one country, one for each year of the fact sheet.
#[derive(SimpleObject)]
pub struct CountrySeries {
    /// The country.
    country: Country,
    /// The numbers of the footnotes on the country.
    footnotes: Vec<i32>,
    /// Its figures, in the order of the years.
    #[graphql(complexity = "5 * child_complexity + 1")]
    counts: Vec<VisitCount>,
}

/// A figure: a value exactly when its status has one.
#[derive(SimpleObject)]
pub struct VisitCount {
    /// The year.
    year: Scalar<Year>,
    #[graphql(flatten)]
    figure: PublishedFigure,
    /// What a reader must know about it.
    note: Option<String>,
    /// The locale that the note is in.
    note_locale: Option<Scalar<Locale>>,
    /// The numbers of the footnotes on it.
    footnotes: Vec<i32>,
}

/// Where the parts of a fact sheet take their texts from.
struct Source {
    published: Arc<Published>,
    preference: Preference,
}

impl Source {
    fn serve(&self, sheet: fact_sheet::FactSheet<'_>, as_of: Option<DateTime<Utc>>) -> FactSheet {
        let metadata = &self.published.metadata;
        let language = Language::of(self.preference.requested());
        let reconciliation = reconciliation::reconcile(&sheet);
        let shown = |found: &&crate::figures::metadata::Break| {
            let category = found.category.as_ref().map(|code| self.published.category(code));
            sheet.years.contains(&found.year)
                && category.is_none_or(|index| sheet.categories.iter().any(|figures| Some(figures.category) == index))
        };
        let footnotes = metadata.footnotes.iter().enumerate();
        FactSheet {
            years: sheet.years.iter().copied().map(Scalar).collect(),
            periods: sheet.years.iter().map(|year| ReferencePeriod::new(metadata.period, *year, language)).collect(),
            reconciliation: reconciliation.iter().map(|row| self.reconciliation(row)).collect(),
            provenance: Provenance::new(metadata, self.published.updated_at, &self.preference),
            breaks: metadata.breaks.iter().filter(shown).map(|found| Break::new(found, &self.preference)).collect(),
            footnotes: footnotes
                .map(|(index, footnote)| FactSheetFootnote::new(index, footnote, &self.preference))
                .collect(),
            as_of,
            categories: sheet.categories.into_iter().map(|figures| self.category(figures)).collect(),
        }
    }

    fn category(&self, figures: fact_sheet::CategoryFigures<'_>) -> CategoryFigures {
        let category = figures.category;
        CategoryFigures {
            category: Category::serve(&self.published, category, &self.preference),
            footnotes: self.footnotes(category, None, None),
            yearly_totals: figures.totals.into_iter().map(|total| self.total(category, total)).collect(),
            countries: figures.countries.into_iter().map(|series| self.series(category, &series)).collect(),
        }
    }

    fn total(&self, category: usize, total: fact_sheet::YearlyTotal<'_>) -> YearlyTotal {
        let published = total.published();
        let (note, note_locale) = self.note(published.map(Figure::note));
        YearlyTotal {
            year: Scalar(total.year),
            published_total: published.and_then(Figure::value).map(Scalar),
            published: published.map(|figure| PublishedFigure::new(Some(figure))),
            sum_of_countries: total.sum(),
            unallocated: total.unallocated().map(|figure| PublishedFigure::new(Some(figure))),
            others: total.others().map(|figure| PublishedFigure::new(Some(figure))),
            difference: total.difference(),
            note,
            note_locale,
            footnotes: self.footnotes(category, None, Some(total.year)),
        }
    }

    fn reconciliation(&self, row: &reconciliation::Reconciliation) -> Reconciliation {
        let sheet = row.category.zip(row.year);
        let sheet = sheet.and_then(|(category, year)| self.published.figures[category].sheets.get(&year));
        let (note, _) = self.note(sheet.and_then(|sheet| sheet.total()).map(|total| total.note()));
        Reconciliation {
            category: row.category.map(|category| Scalar(self.published.categories[category].code.clone())),
            year: row.year.map(Scalar),
            published_total: row.published,
            sum_of_countries: row.sum,
            unallocated: row.unallocated,
            difference: row.difference,
            coverage: row.coverage(),
            note,
        }
    }

    fn series(&self, category: usize, series: &fact_sheet::CountrySeries<'_>) -> CountrySeries {
        CountrySeries {
            country: Country::serve(&self.published, series.country, &self.preference),
            footnotes: self.footnotes(category, Some(series.country), None),
            counts: series.counts.iter().map(|count| self.count(category, series.country, count)).collect(),
        }
    }

    fn count(&self, category: usize, country: usize, count: &fact_sheet::VisitCount<'_>) -> VisitCount {
        let (note, note_locale) = self.note(count.figure.map(Figure::note));
        VisitCount {
            year: Scalar(count.year),
            figure: PublishedFigure::new(count.figure),
            note,
            note_locale,
            footnotes: self.footnotes(category, Some(country), Some(count.year)),
        }
    }

    fn footnotes(&self, category: usize, country: Option<usize>, year: Option<Year>) -> Vec<i32> {
        let category = &self.published.categories[category].code;
        let country = country.map(|country| &self.published.countries[country].code);
        footnotes_at(&self.published.metadata, category, country, year).into_iter().map(number).collect()
    }

    fn note(&self, texts: Option<&Localized<String>>) -> (Option<String>, Option<Scalar<Locale>>) {
        texts
            .and_then(|texts| self.preference.pick(texts))
            .map(|(locale, text)| (text.clone(), Scalar(locale.clone())))
            .unzip()
    }
}

/// The moment that figures are asked for, which must have come.
///
/// # Errors
/// [`Error::Invalid`] for a moment in the future.
pub fn moment(ctx: &Context<'_>, moment: DateTime<Utc>, field: &str) -> Result<DateTime<Utc>> {
    if moment > ctx.state().now() { Err(Error::invalid([field], Rule::InTheFuture)) } else { Ok(moment) }
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
        #[graphql(desc = "Shows what was public at this moment, to the letter; now when left out.")] as_of: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
        #[graphql(
            default,
            desc = "Shows what was counted, whatever the disclosure policy keeps from the public. For statisticians; the \
                    reading is recorded in the audit log."
        )]
        confidential: bool,
    ) -> Result<FactSheet> {
        let mut faults = Faults::default();
        let selection = Selection {
            categories: categories.map(|codes| faults.take_list(&["categories"], codes)),
            from: from.and_then(|year| faults.take(&["from"], year)),
            to: to.and_then(|year| faults.take(&["to"], year)),
        };
        faults.into_result()?;
        let as_of = as_of.map(|at| moment(ctx, at, "asOf")).transpose()?;
        let preference = ctx.preference(locale, fallback)?;
        let mut published = if confidential { Arc::new(true_values(ctx).await?) } else { ctx.figures() };
        if let Some(moment) = as_of {
            published = Arc::new(published.as_of(moment));
        }
        let source = Source { published: Arc::clone(&published), preference };
        Ok(source.serve(fact_sheet::assemble(&published, selection)?, as_of))
    }
}

/// What was counted, for somebody who may see it. Recorded before it is told.
async fn true_values(ctx: &Context<'_>) -> Result<Published> {
    let editor = ctx.editor().await?;
    let capability = editor.true_values()?;
    crate::access::audit::confidential_reading(ctx.state(), &editor, &ctx.caller().origin, &[]).await?;
    let database = ctx.state().database();
    let transaction = database.begin_read().await?;
    let published = Published::true_values(&transaction, &capability, ctx.state().now()).await?;
    transaction.commit().await?;
    Ok(published)
}
