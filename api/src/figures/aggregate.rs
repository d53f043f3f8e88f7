//! Sums of visits by year, category, country and region: what front ends would otherwise add up themselves, and get wrong
//! where a figure is missing or withheld.
//!
//! **No sum tells more than the sheets do.** Everything here is computed from [`Figure`]s as
//! [`disclosure`](super::disclosure) lets them out, so whoever reads all sheets can compute all of it. What is withheld is
//! not in any sum, and yet a sum without it must not pass for the whole. So a group that takes in anything withheld has no
//! sum, and nothing that follows from one; and where the whole has none, no group has a share of it.
//!
//! With MERGE, a sheet has one figure for all that it merged, its [`others`](super::disclosure::Sheet::others). It stands
//! for them exactly where all of them are taken in: in groups that divide no sheet by country, and in what `top` leaves
//! over, since what stays beside it has nothing merged. There a sum is one of shown figures again. In a group of some of
//! them it would stand for too much, so such a group is withheld.

pub mod graphql;

use std::collections::{BTreeMap, BTreeSet};

use entities::{BreakKind, CategoryCode, Count, CountryCode, Flags, ObservationStatus, Rule, Year};

use crate::{
    error::{Error, Fault, Result},
    figures::{
        Published,
        disclosure::{Confidentiality, Figure},
        region::{self, Place},
    },
};

/// The most groups that `top` can ask for: as many as there are officially assigned country codes.
const MAX_TOP: i64 = 249;

/// What figures are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// The year.
    Year,
    /// The category.
    Category,
    /// The country.
    Country,
    /// The region that the country lies in.
    Region,
    /// The sub-region that the country lies in.
    SubRegion,
}

/// Which figures are taken in. Without bounds, everything that is published.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The categories; all when left out.
    pub categories: Option<Vec<CategoryCode>>,
    /// The countries; all when left out.
    pub countries: Option<Vec<CountryCode>>,
    /// The codes of the regions or sub-regions that the countries lie in; all, and nowhere, when left out.
    pub regions: Option<Vec<String>>,
    /// The first year.
    pub from: Option<Year>,
    /// The last year.
    pub to: Option<Year>,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which figures are taken in.
    pub filter: Filter,
    /// What they are grouped by; all of them are one group when there is nothing here.
    pub group_by: Vec<Dimension>,
    /// How many groups of a year and category to keep, the largest, with the others together in one.
    pub top: Option<i64>,
}

/// What the figures of a group have in common; none where they are not grouped by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The year.
    pub year: Option<Year>,
    /// The index of the category.
    pub category: Option<usize>,
    /// The code of the region; none also where the country lies in none.
    pub region: Option<&'static str>,
    /// The code of the sub-region; none also where the country lies in none.
    pub sub_region: Option<&'static str>,
    /// The index of the country.
    pub country: Option<usize>,
}

impl Key {
    /// The year and category alone. `top` chooses among the groups that have them in common.
    fn block(self) -> Self {
        Self { year: self.year, category: self.category, ..Self::default() }
    }

    /// The same a year earlier.
    fn year_before(self) -> Option<Self> {
        let year = Year::try_from(i64::from(self.year?) - 1).ok()?;
        Some(Self { year: Some(year), ..self })
    }

    /// Regions by code, those that are none last; then the tenant's order of countries.
    fn place_order(self) -> impl Ord {
        (self.region.is_none(), self.region, self.sub_region.is_none(), self.sub_region, self.country)
    }
}

/// Figures taken together.
#[derive(Clone, Debug, Default)]
struct Parts {
    sum: Option<i64>,
    figures: usize,
    missing: usize,
    is_withheld: bool,
    /// How many are merged into the others of their sheets.
    merged: usize,
    /// How many the others stand for that are taken in.
    stood_for: usize,
    statuses: BTreeSet<ObservationStatus>,
}

impl Parts {
    fn add(&mut self, figure: &Figure, is_in_others: bool) {
        if is_in_others && figure.confidentiality() == Confidentiality::Merged {
            self.merged += 1;
            return;
        }
        let hidden = matches!(figure.confidentiality(), Confidentiality::Withheld | Confidentiality::Merged);
        self.is_withheld |= hidden || figure.observation().flags().contains(ObservationStatus::Suppressed);
        match figure.value() {
            Some(value) => self.count(value),
            None => self.missing += 1,
        }
        self.statuses.extend(figure.observation().flags().iter());
    }

    fn add_others(&mut self, others: &Figure, merged: usize) {
        self.stood_for += merged;
        match others.value() {
            Some(value) => self.count(value),
            None => self.is_withheld = true,
        }
        self.statuses.extend(others.observation().flags().iter());
    }

    fn count(&mut self, value: Count) {
        self.sum = Some(self.sum.unwrap_or_default() + value.get());
        self.figures += 1;
    }

    fn join(&mut self, other: &Self) {
        self.sum = [self.sum, other.sum].into_iter().flatten().reduce(|sum, more| sum + more);
        self.figures += other.figures;
        self.missing += other.missing;
        self.is_withheld |= other.is_withheld;
        self.merged += other.merged;
        self.stood_for += other.stood_for;
        self.statuses.extend(&other.statuses);
    }

    /// How many are merged without all that their others stand for. The others of a sheet are never taken in without
    /// all of its figures, except alone.
    fn unaccounted(&self) -> usize {
        if self.merged == self.stood_for { 0 } else { self.merged }
    }

    fn is_withheld(&self) -> bool {
        self.is_withheld || self.unaccounted() > 0
    }

    fn sum(&self) -> Option<i64> {
        self.sum.filter(|_| !self.is_withheld())
    }
}

/// A group of figures, and what comes of them.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub key: Key,
    /// Whether these are the others: what was merged, or what `top` left over.
    pub is_others: bool,
    /// How much of everything that the filter takes in they are.
    pub share: Option<f64>,
    /// How much more they are than in the year before.
    pub change: Option<i64>,
    /// The same, as a part of what they were then.
    pub change_rate: Option<f64>,
    /// The place by sum, largest first, among the groups of the year, or among all without years.
    pub rank: Option<usize>,
    parts: Parts,
}

impl Group {
    fn new(key: Key, is_others: bool, parts: Parts) -> Self {
        Self { key, is_others, share: None, change: None, change_rate: None, rank: None, parts }
    }

    /// The sum of the figures that have a value; none when there are none, or one is withheld.
    #[must_use]
    pub fn sum(&self) -> Option<i64> {
        self.parts.sum()
    }

    /// How many figures have a value. What was merged is one figure.
    #[must_use]
    pub const fn figures(&self) -> usize {
        self.parts.figures
    }

    /// How many figures have no value, whatever the reason. A country that a sheet says nothing of has no figure.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.parts.missing + self.parts.unaccounted()
    }

    /// Whether a figure is withheld, so that there is no sum.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.parts.is_withheld()
    }

    /// Every status of the figures that is not `FINAL`, what matters most first.
    #[must_use]
    pub fn flags(&self) -> Vec<ObservationStatus> {
        let suppressed =
            |status: ObservationStatus| status == ObservationStatus::Suppressed && self.parts.unaccounted() > 0;
        Flags::PRECEDENCE
            .into_iter()
            .filter(|status| *status != ObservationStatus::Final)
            .filter(|status| self.parts.statuses.contains(status) || suppressed(*status))
            .collect()
    }
}

/// What is asked for, with everything found.
struct Scope<'a> {
    published: &'a Published,
    categories: BTreeSet<usize>,
    /// Where each country lies.
    places: Vec<Option<Place>>,
    /// Whether each country is taken in.
    countries: Vec<bool>,
    /// Whether all of them are, so that sheets are taken in whole.
    is_whole: bool,
    query: &'a Query,
}

/// The indices that codes name, and a fault for each that names none, or the same as another.
fn choose<T, K: Ord + Copy>(
    faults: &mut Vec<Fault>,
    field: &str,
    codes: Option<&Vec<T>>,
    find: impl Fn(&T) -> Option<K>,
) -> Option<BTreeSet<K>> {
    let mut chosen = BTreeSet::new();
    for (index, code) in codes?.iter().enumerate() {
        let rule = match find(code) {
            None => Rule::Unknown,
            Some(found) if !chosen.insert(found) => Rule::Duplicate,
            Some(_) => continue,
        };
        faults.push(Fault::new(["filter", field, &index.to_string()], rule));
    }
    Some(chosen)
}

impl<'a> Scope<'a> {
    fn read(published: &'a Published, query: &'a Query) -> Result<Self> {
        let (filter, mut faults) = (&query.filter, Vec::new());
        let categories = choose(&mut faults, "categories", filter.categories.as_ref(), |code| published.category(code));
        let countries = choose(&mut faults, "countries", filter.countries.as_ref(), |code| published.country(code));
        let regions = choose(&mut faults, "regions", filter.regions.as_ref(), |code| Some(region::find(code)?.code));
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && from > to
        {
            faults.push(Fault::new(["filter", "from"], Rule::EmptyRange));
        }
        for (index, dimension) in query.group_by.iter().enumerate() {
            if query.group_by[..index].contains(dimension) {
                faults.push(Fault::new(["groupBy", &index.to_string()], Rule::Duplicate));
            }
        }
        if let Some(top) = query.top {
            if !(1..=MAX_TOP).contains(&top) {
                faults.push(Fault::new(["top"], Rule::OutOfRange { min: 1, max: MAX_TOP }));
            }
            let places = [Dimension::Country, Dimension::Region, Dimension::SubRegion];
            if !query.group_by.iter().any(|dimension| places.contains(dimension)) {
                let allowed = "COUNTRY, REGION, SUB_REGION".to_owned();
                faults.push(Fault::new(["groupBy"], Rule::NotOneOf { allowed }));
            }
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let places: Vec<Option<Place>> = published.countries.iter().map(|country| Place::of(&country.code)).collect();
        let takes = |(index, place): (usize, &Option<Place>)| {
            let lies_there =
                |regions: &BTreeSet<&str>| place.is_some_and(|place| regions.iter().any(|code| place.is_in(code)));
            countries.as_ref().is_none_or(|countries| countries.contains(&index))
                && regions.as_ref().is_none_or(lies_there)
        };
        Ok(Self {
            published,
            categories: categories.unwrap_or_else(|| (0..published.categories.len()).collect()),
            countries: places.iter().enumerate().map(takes).collect(),
            places,
            is_whole: countries.is_none() && regions.is_none(),
            query,
        })
    }

    fn by(&self, dimension: Dimension) -> bool {
        self.query.group_by.contains(&dimension)
    }

    /// Whether groups divide sheets.
    fn by_place(&self) -> bool {
        self.by(Dimension::Country) || self.by(Dimension::Region) || self.by(Dimension::SubRegion)
    }

    /// The figures of each group, and of each year and category, as far as it is grouped by them, what was merged.
    fn collect(&self) -> (BTreeMap<Key, Parts>, BTreeMap<Key, Parts>) {
        let (mut groups, mut others) = (BTreeMap::<Key, Parts>::new(), BTreeMap::<Key, Parts>::new());
        let Filter { from, to, .. } = self.query.filter;
        let within = |year: &Year| from.is_none_or(|from| from <= *year) && to.is_none_or(|to| *year <= to);
        for category in &self.categories {
            let columns = self.published.figures[*category].columns.iter();
            for (year, column) in columns.filter(|(year, _)| within(year)) {
                let sheet = column.sheet();
                let block = Key {
                    year: self.by(Dimension::Year).then_some(*year),
                    category: self.by(Dimension::Category).then_some(*category),
                    ..Key::default()
                };
                let mut merged = 0;
                for (country, figure) in column.figures().filter(|(country, _)| self.countries[*country]) {
                    merged += usize::from(figure.confidentiality() == Confidentiality::Merged);
                    let place = self.places[country];
                    let key = Key {
                        region: place.filter(|_| self.by(Dimension::Region)).map(|place| place.region.code),
                        sub_region: place.filter(|_| self.by(Dimension::SubRegion)).map(|place| place.sub_region.code),
                        country: self.by(Dimension::Country).then_some(country),
                        ..block
                    };
                    groups.entry(key).or_default().add(figure, sheet.others().is_some());
                }
                if let Some(figure) = sheet.others().filter(|_| self.is_whole) {
                    others.entry(block).or_default().add_others(figure, merged);
                }
            }
        }
        (groups, others)
    }

    /// Whether the figures of this year cannot be compared with those before. Of several categories in one group, one
    /// that cannot is enough.
    fn is_broken(&self, key: Key) -> bool {
        self.published.metadata.breaks.iter().any(|found| {
            let concerns =
                |category: usize| key.category.map_or(self.categories.contains(&category), |of| of == category);
            let category = found.category.as_ref().map(|code| self.published.category(code));
            found.kind == BreakKind::SeriesBreak
                && Some(found.year) == key.year
                && category.is_none_or(|category| category.is_some_and(concerns))
        })
    }
}

/// Groups figures and sums them up.
///
/// # Errors
/// [`Error::Invalid`] for what does not exist or stands twice, for `from` after `to`, and for a `top` that is out of range
/// or has no places to choose from.
pub fn aggregate(published: &Published, query: &Query) -> Result<Vec<Group>> {
    let scope = Scope::read(published, query)?;
    let (mut parts, others) = scope.collect();
    let mut whole = Parts::default();
    for part in parts.values().chain(others.values()) {
        whole.join(part);
    }
    if query.group_by.is_empty() {
        parts.entry(Key::default()).or_default();
    }
    if !scope.by_place() {
        for (key, merged) in &others {
            parts.entry(*key).or_default().join(merged);
        }
    }
    let mut groups: Vec<Group> = parts.into_iter().map(|(key, parts)| Group::new(key, false, parts)).collect();
    compare(&scope, &mut groups);
    rank(&mut groups);
    // Among regions, a row of others would be taken for what lies elsewhere, and it lies in those that are withheld.
    if scope.by(Dimension::Country) || query.top.is_some() {
        groups.extend(others.into_iter().map(|(key, merged)| Group::new(key, true, merged)));
    }
    if let Some(top) = query.top {
        groups = largest(groups, usize::try_from(top).unwrap_or(usize::MAX));
    }
    let whole = whole.sum();
    for group in &mut groups {
        group.share = group.sum().zip(whole).and_then(|(sum, whole)| ratio(sum, whole));
    }
    groups.sort_by_key(|group| {
        let sum = group.sum().filter(|_| query.top.is_some());
        (group.key.block(), group.is_others, std::cmp::Reverse(sum), group.key.place_order())
    });
    Ok(groups)
}

/// A part of a whole; none of nothing.
fn ratio(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts and their sums lie well below 2^53")]
    (whole != 0).then(|| part as f64 / whole as f64)
}

/// Holds each group against the same a year earlier, unless they cannot be compared. The others of two years may be
/// different countries, so they are left alone.
fn compare(scope: &Scope<'_>, groups: &mut [Group]) {
    let sums: BTreeMap<Key, i64> = groups.iter().filter_map(|group| Some((group.key, group.sum()?))).collect();
    for group in groups {
        let before = group.key.year_before().and_then(|key| sums.get(&key)).copied();
        // The status says of single figures what a break in the metadata says of all.
        let is_broken = scope.is_broken(group.key) || group.parts.statuses.contains(&ObservationStatus::Break);
        if let (Some(sum), Some(before), false) = (group.sum(), before, is_broken) {
            group.change = Some(sum - before);
            group.change_rate = ratio(sum - before, before);
        }
    }
}

/// Equal sums share a rank, and the one after counts them all (1, 2, 2, 4).
fn rank(groups: &mut [Group]) {
    let mut sums: BTreeMap<Option<Year>, Vec<i64>> = BTreeMap::new();
    for group in groups.iter() {
        sums.entry(group.key.year).or_default().extend(group.sum());
    }
    for sums in sums.values_mut() {
        sums.sort_unstable();
    }
    for group in groups {
        let larger =
            |sum: i64| sums.get(&group.key.year).map(|sums| sums.len() - sums.partition_point(|other| *other <= sum));
        group.rank = group.sum().and_then(larger).map(|larger| larger + 1);
    }
}

/// Of each year and category, the groups with the largest sums, and all that is left over together as one. What has no sum
/// is not among the largest; so no group that stays takes in anything merged, and the others stand for all of it.
fn largest(mut groups: Vec<Group>, top: usize) -> Vec<Group> {
    groups.sort_by_key(|group| (group.is_others, std::cmp::Reverse(group.sum()), group.key.place_order()));
    let mut kept: BTreeMap<Key, usize> = BTreeMap::new();
    let mut rest: BTreeMap<Key, Parts> = BTreeMap::new();
    groups.retain(|group| {
        let block = group.key.block();
        let kept = kept.entry(block).or_default();
        let stays = !group.is_others && group.sum().is_some() && *kept < top;
        if stays {
            *kept += 1;
        } else {
            rest.entry(block).or_default().join(&group.parts);
        }
        stays
    });
    groups.extend(rest.into_iter().map(|(key, parts)| Group::new(key, true, parts)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(year: i64, country: usize, sum: Option<i64>) -> Group {
        let key = Key { year: Year::try_from(year).ok(), country: Some(country), ..Key::default() };
        Group::new(key, false, Parts { sum, figures: 1, is_withheld: sum.is_none(), ..Parts::default() })
    }

    #[test]
    fn equal_sums_share_a_rank_within_their_year() {
        let sums = [Some(5), Some(9), None, Some(5), Some(1)];
        let mut groups: Vec<Group> = sums.into_iter().enumerate().map(|(place, sum)| group(2020, place, sum)).collect();
        groups.push(group(2021, 0, Some(3)));
        rank(&mut groups);
        let ranks: Vec<_> = groups.iter().map(|group| group.rank).collect();
        assert_eq!(ranks, [Some(2), Some(1), None, Some(2), Some(4), Some(1)]);
    }

    #[test]
    fn of_equals_the_first_in_the_tenant_s_order_stays_and_what_has_no_sum_never_does() {
        let sums = [Some(5), None, Some(5), Some(9)];
        let groups: Vec<Group> = sums.into_iter().enumerate().map(|(place, sum)| group(2020, place, sum)).collect();
        let kept = |groups: Vec<Group>| -> Vec<_> {
            groups.iter().map(|group| (group.key.country, group.sum(), group.is_withheld())).collect()
        };
        let expected = [(Some(3), Some(9), false), (Some(0), Some(5), false), (None, None, true)];
        assert_eq!(kept(largest(groups.clone(), 2)), expected);
        let expected =
            [(Some(3), Some(9), false), (Some(0), Some(5), false), (Some(2), Some(5), false), (None, None, true)];
        assert_eq!(kept(largest(groups, 249)), expected);
        assert!(largest(vec![group(2020, 0, Some(1))], 1).iter().all(|group| !group.is_others), "nothing is left over");
    }

    #[test]
    fn others_stand_for_all_of_what_was_merged_or_for_nothing() {
        let others = Parts { sum: Some(17), figures: 1, stood_for: 3, ..Parts::default() };
        let mut parts = Parts { sum: Some(30), figures: 2, merged: 3, ..Parts::default() };
        assert_eq!((parts.sum(), parts.is_withheld(), others.sum()), (None, true, Some(17)));
        parts.join(&others);
        assert_eq!((parts.sum(), parts.is_withheld()), (Some(47), false));
        parts.join(&Parts { merged: 1, ..Parts::default() });
        assert_eq!((parts.sum(), parts.is_withheld()), (None, true));
    }
}
