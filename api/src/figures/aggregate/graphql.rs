//! Sums of visits as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use entities::{CategoryCode, CountryCode, Locale, Moment, Year};

use crate::{
    error::Result,
    figures::{
        Published,
        aggregate::{self, Filter, Group, Query},
        category::graphql::Category,
        country::graphql::Country,
        fact_sheet::graphql::moment,
        graphql::ObservationStatus,
        region::{self, graphql::Region},
    },
    graphql::{Asking, ContextExt, Faults, Input, Output, Root, Scalar, record},
    locale::Preference,
};

/// What visits can be grouped by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "aggregate::Dimension")]
pub enum VisitCountDimension {
    /// The year.
    Year,
    /// The category.
    Category,
    /// The country.
    Country,
    /// The region of the world that the country lies in (UN M49).
    Region,
    /// The sub-region that the country lies in (UN M49).
    SubRegion,
}

/// Which visits are taken in: those that everything given here holds for.
#[derive(InputObject, Default)]
pub struct VisitCountsFilter {
    /// In one of these categories; in all of them when left out.
    categories: Option<Vec<Input<CategoryCode>>>,
    /// From one of these countries; from all of them when left out.
    countries: Option<Vec<Input<CountryCode>>>,
    /// From a country in one of these regions or sub-regions: M49 codes, such as `142` for Asia.
    regions: Option<Vec<String>>,
    /// The first year.
    from: Option<Input<Year>>,
    /// The last year.
    to: Option<Input<Year>>,
}

impl VisitCountsFilter {
    fn read(self, faults: &mut Faults) -> Filter {
        Filter {
            categories: self.categories.map(|codes| faults.take_list(&["filter", "categories"], codes)),
            countries: self.countries.map(|codes| faults.take_list(&["filter", "countries"], codes)),
            regions: self.regions,
            from: self.from.and_then(|year| faults.take(&["filter", "from"], year)),
            to: self.to.and_then(|year| faults.take(&["filter", "to"], year)),
        }
    }
}

record! {
[
/// Visits that have something in common, summed up. What they are not grouped by is null.
#[derive(SimpleObject)]
]
pub struct VisitCountGroup {
    /// The year.
    year: Option<Scalar<Year>>,
    /// The category.
    category: Option<Category>,
    /// The country; null also for the others.
    country: Option<Country>,
    /// The region; null also for the others, and for visits from a country that lies in none.
    region: Option<Region>,
    /// The sub-region; null also where there is no region.
    sub_region: Option<Region>,
    /// The sum of the figures that have a value; null when none has, or when one of them is withheld.
    sum: Option<i64>,
    /// How many figures have a value. What was counted together because it was small is one figure.
    figures: usize,
    /// How many figures have no value, whatever the reason. A country that a year says nothing of has no figure.
    missing: usize,
    /// Whether no figure is missing.
    is_complete: bool,
    /// Whether a figure is withheld, so that there is no sum.
    is_withheld: bool,
    /// What the figures are, other than final: `IMPUTED` when one of them is. What matters most first.
    flags: Vec<ObservationStatus>,
    /// The part of all visits that the filter takes in, from 0 to 1; null when it is unknown, as for all groups when any
    /// of those visits are withheld.
    share: Option<f64>,
    /// How many more visits than in the year before, where the years are groups. Null when that year has no sum or is not
    /// taken in, when the two cannot be compared because a series breaks between them, and for the others.
    change: Option<i64>,
    /// The change as a part of the sum of the year before: 0.5 for half as many again; null also when that sum is 0.
    change_rate: Option<f64>,
    /// The place by sum, largest first, among all groups of the same year, or among all when the years are no groups.
    /// Equal sums share a place. Null for the others and without a sum.
    rank: Option<usize>,
    /// Whether these are the others: what `top` leaves over, or what was counted together because it was small.
    is_others: bool,
}
}

impl VisitCountGroup {
    fn new(published: &Arc<Published>, group: &Group, preference: &Preference) -> Self {
        let key = group.key;
        let region = |code| region::find(code).map(|region| Region::new(region, preference));
        Self {
            year: key.year.map(Scalar),
            category: key.category.map(|index| Category::serve(published, index, preference)),
            country: key.country.map(|index| Country::serve(published, index, preference)),
            region: key.region.and_then(region),
            sub_region: key.sub_region.and_then(region),
            sum: group.sum(),
            figures: group.figures(),
            missing: group.missing(),
            is_complete: group.missing() == 0,
            is_withheld: group.is_withheld(),
            flags: group.flags().into_iter().map(Into::into).collect(),
            share: group.share,
            change: group.change,
            change_rate: group.change_rate,
            rank: group.rank,
            is_others: group.is_others,
        }
    }
}

/// `visitCounts`, without the engine.
pub const VISIT_COUNTS: Root = Root {
    name: "visitCounts",
    shape: VisitCountGroup::SHAPE,
    write: |asking, arguments, plan, out| {
        let arguments = VisitCounts {
            filter: arguments.get("filter")?,
            group_by: arguments.get("groupBy")?,
            top: arguments.get("top")?,
            as_of: arguments.get("asOf")?,
            locale: arguments.get("locale")?,
            fallback: arguments.get("fallback")?,
        };
        groups(asking, arguments)?.write(plan, out);
        Ok(())
    },
};

/// The arguments of `visitCounts`.
struct VisitCounts {
    filter: Option<VisitCountsFilter>,
    group_by: Option<Vec<VisitCountDimension>>,
    top: Option<i32>,
    as_of: Option<Input<Moment>>,
    locale: Option<Input<Locale>>,
    fallback: Option<Vec<Input<Locale>>>,
}

fn groups(asking: &Asking, arguments: VisitCounts) -> Result<Vec<VisitCountGroup>> {
    let VisitCounts { filter, group_by, top, as_of, locale, fallback } = arguments;
    let mut faults = Faults::default();
    let query = Query {
        filter: filter.unwrap_or_default().read(&mut faults),
        group_by: group_by.unwrap_or_default().into_iter().map(Into::into).collect(),
        top: top.map(Into::into),
    };
    let as_of = as_of.and_then(|at| moment(&asking.state, &mut faults, "asOf", at));
    faults.into_result()?;
    let mut preference = asking.preference(locale, fallback)?;
    let published = match as_of {
        Some(moment) => {
            preference = preference.as_of(moment);
            asking.reading.figures_as_of(moment)
        }
        None => asking.figures(),
    };
    let groups = aggregate::aggregate(&published, &query)?;
    Ok(groups.iter().map(|group| VisitCountGroup::new(&published, group, &preference)).collect())
}

/// Queries about sums of visits.
#[derive(Default)]
pub struct AggregateQuery;

#[Object]
impl AggregateQuery {
    /// Visits by country, summed up: by year, then by category, in the publisher's order, then by region in the order of
    /// codes and by country in the publisher's order, or by sum with `top`; the others last. Published totals have no part
    /// in it.
    async fn visit_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which visits; all when left out.")] filter: Option<VisitCountsFilter>,
        #[graphql(desc = "What to group them by; when left out, all of them are one group.")] group_by: Option<
            Vec<VisitCountDimension>,
        >,
        #[graphql(
            desc = "How many countries or regions to keep of each year and category that there is a group for, from 1 to \
                    249: those with the largest sums. The others become one group."
        )]
        top: Option<i32>,
        #[graphql(desc = "Sums up what was public at this moment, to the letter; now when left out.")] as_of: Option<
            Input<Moment>,
        >,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<VisitCountGroup>> {
        groups(ctx.asking(), VisitCounts { filter, group_by, top, as_of, locale, fallback })
    }
}
