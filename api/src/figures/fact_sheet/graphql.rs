//! The fact sheet as front ends read it.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entities::{CategoryCode, Count, Language, Locale, Moment, Rule, Year};

use crate::{
    access::confidential,
    error::Result,
    figures::{
        Published,
        category::graphql::Category,
        country::graphql::Country,
        disclosure::Figure,
        fact_sheet::{self, Extent, Selection},
        graphql::PublishedFigure,
        metadata::{
            self, FactSheetMetadata, footnotes_at,
            graphql::{Break, FactSheetFootnote, Provenance, ReferencePeriod, number},
        },
        reconciliation,
    },
    graphql::{Asking, At, ContextExt, Faults, Input, Output, Root, Scalar, ScalarRef, Unfit, object, record},
    locale::Preference,
    state::State,
};

/// The visits of each category by year and country.
pub struct FactSheet {
    published: Arc<Published>,
    preference: Preference,
    extent: Extent,
    as_of: Option<DateTime<Utc>>,
}

/// A text, if there is one, and the locale that it is in.
type Note<'a> = Option<(&'a Locale, &'a String)>;

impl FactSheet {
    fn metadata(&self) -> &FactSheetMetadata {
        &self.published.metadata
    }

    fn footnotes_at(&self, category: usize, country: Option<usize>, year: Option<Year>) -> Vec<i32> {
        let category = &self.published.categories[category].code;
        let country = country.map(|country| &self.published.countries[country].code);
        footnotes_at(self.metadata(), category, country, year).into_iter().map(number).collect()
    }

    fn note<'a>(&self, figure: Option<&'a Figure>) -> Note<'a> {
        figure.and_then(|figure| self.preference.pick(figure.note()))
    }

    fn shows(&self, found: &metadata::Break) -> bool {
        let category = found.category.as_ref().map(|code| self.published.category(code));
        self.extent.years.contains(&found.year)
            && category.is_none_or(|index| self.extent.categories.iter().any(|shown| Some(*shown) == index))
    }

    fn reconciled(&self, row: &reconciliation::Reconciliation) -> Reconciliation {
        let sheet = row.category.zip(row.year);
        let sheet = sheet.and_then(|(category, year)| self.published.figures[category].columns.get(&year));
        let note = self.note(sheet.and_then(|column| column.sheet().total()).map(AsRef::as_ref));
        Reconciliation {
            category: row.category.map(|category| Scalar(self.published.categories[category].code.clone())),
            year: row.year.map(Scalar),
            published_total: row.published,
            sum_of_countries: row.sum,
            unallocated: row.unallocated,
            difference: row.difference,
            coverage: row.coverage(),
            note: note.map(|(_, text)| text.clone()),
        }
    }
}

object! {
[
/// The visits of each category by year and country, with the published totals they are held against, and all that a
/// reader must know about them.
#[Object]
]
impl FactSheet {
    /// Every year in which any of the categories has a figure, in order.
    fn years(&self) -> Vec<Scalar<Year>> {
        self.extent.years.iter().copied().map(Scalar).collect()
    }

    /// The time that each of the years is about, in the same order.
    fn periods(&self) -> Vec<ReferencePeriod> {
        let language = Language::of(self.preference.requested());
        let period = |year: &Year| ReferencePeriod::new(self.metadata().period, *year, language);
        self.extent.years.iter().map(period).collect()
    }

    /// The categories, in the publisher's order.
    fn categories(&self) -> Vec<CategoryFigures<'_>> {
        let figures = self.extent.figures(&self.published);
        figures.map(|figures| CategoryFigures { sheet: self, figures }).collect()
    }

    /// What was published against what it is made of: each category and year, each category across the years, each year
    /// across the categories, and all.
    fn reconciliation(&self) -> Vec<Reconciliation> {
        let categories = self.extent.figures(&self.published).collect();
        let sheet = fact_sheet::FactSheet { years: self.extent.years.clone(), categories };
        reconciliation::reconcile(&sheet).iter().map(|row| self.reconciled(row)).collect()
    }

    /// Who makes the figures, how, of which period, and how to cite them.
    fn provenance(&self) -> Provenance {
        Provenance::new(self.metadata(), self.published.updated_at, &self.preference)
    }

    /// Where figures cannot be compared, and what happened, of the years and categories shown. A chart does not join what
    /// a break parts.
    fn breaks(&self) -> Vec<Break> {
        let shown = self.metadata().breaks.iter().filter(|found| self.shows(found));
        shown.map(|found| Break::new(found, &self.preference)).collect()
    }

    /// The footnotes, in the publisher's order.
    fn footnotes(&self) -> Vec<FactSheetFootnote> {
        let all = self.metadata().footnotes.iter().enumerate();
        all.map(|(index, footnote)| FactSheetFootnote::new(index, footnote, &self.preference)).collect()
    }

    /// The moment that the fact sheet was asked for; null for now.
    fn as_of(&self) -> Option<At> {
        self.as_of.map(Into::into)
    }
}
}

/// The part of a fact sheet about one category.
pub struct CategoryFigures<'a> {
    sheet: &'a FactSheet,
    figures: fact_sheet::CategoryFigures<'a>,
}

object! {
[
/// The part of a fact sheet about one category.
#[Object]
]
impl CategoryFigures<'_> {
    /// The category.
    fn category(&self) -> Category {
        Category::serve(&self.sheet.published, self.figures.category, &self.sheet.preference)
    }

    /// The numbers of the footnotes on the category.
    fn footnotes(&self) -> Vec<i32> {
        self.sheet.footnotes_at(self.figures.category, None, None)
    }

    /// A total for each year of the fact sheet.
    fn yearly_totals(&self) -> Vec<YearlyTotal<'_>> {
        let (sheet, category) = (self.sheet, self.figures.category);
        self.figures.totals().map(|total| YearlyTotal { sheet, category, total }).collect()
    }

    /// A series for each country that has a figure, with or without a value, in the publisher's order.
    fn countries(&self) -> Vec<CountrySeries<'_>> {
        let (sheet, category) = (self.sheet, self.figures.category);
        self.figures.countries().map(|series| CountrySeries { sheet, category, series }).collect()
    }
}
}

/// The total of one year.
pub struct YearlyTotal<'a> {
    sheet: &'a FactSheet,
    category: usize,
    total: fact_sheet::YearlyTotal<'a>,
}

object! {
[
/// The total of one year: as published, as summed, and the difference between the two.
#[Object]
]
impl YearlyTotal<'_> {
    /// The year.
    fn year(&self) -> Scalar<Year> {
        Scalar(self.total.year)
    }

    /// The total as published: data, not a sum. Null when none is, or when it is withheld.
    fn published_total(&self) -> Option<Scalar<Count>> {
        self.total.published().and_then(Figure::value).map(Scalar)
    }

    /// What kind of figure the published total is; null when none is published.
    fn published(&self) -> Option<PublishedFigure> {
        self.total.published().map(|figure| PublishedFigure::new(Some(figure)))
    }

    /// The sum of the countries that have a value; null when none has, or when it would tell what is withheld.
    fn sum_of_countries(&self) -> Option<i64> {
        self.total.sum()
    }

    /// What of the sum belongs to no country in particular; null when nothing does.
    fn unallocated(&self) -> Option<PublishedFigure> {
        self.total.unallocated().map(|figure| PublishedFigure::new(Some(figure)))
    }

    /// What was counted together because it was too small to be shown apart; null when nothing was.
    fn others(&self) -> Option<PublishedFigure> {
        self.total.others().map(|figure| PublishedFigure::new(Some(figure)))
    }

    /// The sum of the countries less the published total, null without both; not 0 when the source disagrees with itself.
    fn difference(&self) -> Option<i64> {
        self.total.difference()
    }

    /// What a reader must know about the total, such as why it differs from the sum.
    fn note(&self) -> Option<&str> {
        self.sheet.note(self.total.published()).map(|(_, text)| text.as_str())
    }

    /// The locale that the note is in.
    fn note_locale(&self) -> Option<ScalarRef<'_, Locale>> {
        self.sheet.note(self.total.published()).map(|(locale, _)| ScalarRef(locale))
    }

    /// The numbers of the footnotes on the year.
    fn footnotes(&self) -> Vec<i32> {
        self.sheet.footnotes_at(self.category, None, Some(self.total.year))
    }
}
}

record! {
[
/// A published total held against the sum of its parts, as far as both may be told.
#[derive(SimpleObject)]
]
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
}

/// The figures of one country.
pub struct CountrySeries<'a> {
    sheet: &'a FactSheet,
    category: usize,
    series: fact_sheet::CountrySeries<'a>,
}

object! {
[
/// The figures of one country, one for each year of the fact sheet.
#[Object]
]
impl CountrySeries<'_> {
    /// The country.
    fn country(&self) -> Country {
        Country::serve(&self.sheet.published, self.series.country, &self.sheet.preference)
    }

    /// The numbers of the footnotes on the country.
    fn footnotes(&self) -> Vec<i32> {
        self.sheet.footnotes_at(self.category, Some(self.series.country), None)
    }

    /// Its figures, in the order of the years.
    fn counts(&self) -> Vec<VisitCount<'_>> {
        let (sheet, category, country) = (self.sheet, self.category, self.series.country);
        self.series.counts().map(|count| VisitCount { sheet, category, country, count }).collect()
    }
}
}

/// A figure.
pub struct VisitCount<'a> {
    sheet: &'a FactSheet,
    category: usize,
    country: usize,
    count: fact_sheet::VisitCount<'a>,
}

object! {
[
/// A figure: a value exactly when its status has one.
#[Object]
]
impl VisitCount<'_> {
    /// The year.
    fn year(&self) -> Scalar<Year> {
        Scalar(self.count.year)
    }

    /// What a reader must know about it.
    fn note(&self) -> Option<&str> {
        self.sheet.note(self.count.figure).map(|(_, text)| text.as_str())
    }

    /// The locale that the note is in.
    fn note_locale(&self) -> Option<ScalarRef<'_, Locale>> {
        self.sheet.note(self.count.figure).map(|(locale, _)| ScalarRef(locale))
    }

    /// The numbers of the footnotes on it.
    fn footnotes(&self) -> Vec<i32> {
        self.sheet.footnotes_at(self.category, Some(self.country), Some(self.count.year))
    }
}
flatten fn figure(&self) -> PublishedFigure {
    PublishedFigure::new(self.count.figure)
}
}

/// The moment that figures are asked for, which must have come, or a fault at `field`.
pub fn moment(state: &State, faults: &mut Faults, field: &str, at: Input<Moment>) -> Option<DateTime<Utc>> {
    let at = faults.take(&[field], at)?.get();
    if at > state.now() {
        faults.push(&[field], Rule::InTheFuture);
        return None;
    }
    Some(at)
}

/// `factSheet`, without the engine. What was counted is not read like this.
pub const FACT_SHEET: Root = Root {
    name: "factSheet",
    shape: FactSheet::SHAPE,
    write: |asking, arguments, plan, out| {
        if arguments.get::<Option<bool>>("confidential")? == Some(true) {
            return Err(Unfit);
        }
        let arguments = Arguments {
            categories: arguments.get("categories")?,
            from: arguments.get("from")?,
            to: arguments.get("to")?,
            as_of: arguments.get("asOf")?,
            locale: arguments.get("locale")?,
            fallback: arguments.get("fallback")?,
        };
        serve(asking, None, arguments)?.write(plan, out);
        Ok(())
    },
};

/// The arguments of `factSheet` that say what it shows.
struct Arguments {
    categories: Option<Vec<Input<CategoryCode>>>,
    from: Option<Input<Year>>,
    to: Option<Input<Year>>,
    as_of: Option<Input<Moment>>,
    locale: Option<Input<Locale>>,
    fallback: Option<Vec<Input<Locale>>>,
}

/// `counted` is what was counted, for who may see it, at the moment that is asked for.
fn serve(asking: &Asking, counted: Option<Arc<Published>>, arguments: Arguments) -> Result<FactSheet> {
    let Arguments { categories, from, to, as_of, locale, fallback } = arguments;
    let mut faults = Faults::default();
    let selection = Selection {
        categories: categories.map(|codes| faults.take_list(&["categories"], codes)),
        from: from.and_then(|year| faults.take(&["from"], year)),
        to: to.and_then(|year| faults.take(&["to"], year)),
    };
    let as_of = as_of.and_then(|at| moment(&asking.state, &mut faults, "asOf", at));
    faults.into_result()?;
    let mut preference = asking.preference(locale, fallback)?;
    if let Some(moment) = as_of {
        preference = preference.as_of(moment);
    }
    let published = match (counted, as_of) {
        (Some(counted), _) => counted,
        (None, Some(moment)) => asking.reading.figures_as_of(moment),
        (None, None) => asking.figures(),
    };
    let extent = fact_sheet::extent(&published, selection)?;
    Ok(FactSheet { published, preference, extent, as_of })
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
            Input<Moment>,
        >,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
        // Without a default: for a variable that was left out the engine does not take it.
        #[graphql(
            desc = "Shows what was counted, whatever the disclosure policy keeps from the public; not when left out. For \
                    statisticians; the reading is recorded in the audit log."
        )]
        confidential: Option<bool>,
    ) -> Result<FactSheet> {
        let mut counted = None;
        if confidential == Some(true) {
            let now = Arc::new(true_values(ctx).await?);
            // A bad moment is refused with everything else.
            let moment = as_of.as_ref().and_then(|at| at.0.as_ref().ok()).map(|at| at.get());
            counted = Some(match moment {
                Some(moment) => now.read_as_of(ctx.state().database().reader(), moment).await?,
                None => now,
            });
        }
        serve(ctx.asking(), counted, Arguments { categories, from, to, as_of, locale, fallback })
    }
}

/// What was counted, for somebody who may see it. Recorded before it is told.
async fn true_values(ctx: &Context<'_>) -> Result<Published> {
    let editor = ctx.editor().await?;
    let capability = confidential::read_published(ctx.state(), &editor, &ctx.caller().origin).await?;
    let database = ctx.state().database();
    let transaction = database.begin_read().await?;
    let published = Published::true_values(&transaction, &capability, ctx.state().now()).await?;
    transaction.commit().await?;
    Ok(published)
}
