//! How long lists are, how long values, and what has to be read for them: what estimates are made of.
//!
//! Every list of objects that the public can ask for has a rule here; a test walks the schema. Other lists count
//! [`UNKNOWN`] items.

use async_graphql_value::ConstValue;
use chrono::{DateTime, Utc};
use entities::{Moment, Year};

use super::{Given, WrittenType};
use crate::{
    delivery::{sizes::Sizes, snapshot::Snapshot},
    graphql::{DEFAULT_FIRST, MAX_FIRST, is_of_earlier},
};

/// The items of a list that nothing is known of.
const UNKNOWN: u64 = 10;
/// The regions of the world, and nowhere; the sub-regions, and nowhere (UN M49).
const REGIONS: u64 = 6;
const SUB_REGIONS: u64 = 18;
/// The most changes of one `figureChanges`.
const MAX_CHANGES: u64 = 10_000;
/// Figures that are read, or brought to an earlier moment, in the time that a field is written.
const FIGURES_PER_POINT: u64 = 4;
/// What it takes beside its fields to make a group.
const GROUP: u64 = 2;

/// What a field leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// One value or object.
    One,
    /// A list of this many.
    Fixed(u64),
    /// A list that nothing is known of.
    Unknown,
    /// A connection, or what has lists of `first` items.
    Connection,
    /// `first` items.
    First,
    /// The object with an `id`.
    Node,
    /// As many as `ids`.
    Ids,
    Locales,
    Staff,
    Children,
    Parent,
    Countries,
    Categories,
    FactSheet,
    SheetCategories,
    SheetYears,
    Reconciliation,
    Breaks,
    Footnotes,
    Groups,
    Vintages,
    /// Every change of one figure.
    History,
    /// What changed since a moment.
    Since,
    Deltas,
}

impl Rule {
    /// The rule for a field of a type.
    #[expect(clippy::match_same_arms, reason = "a table, in the order of the schema")]
    pub(super) fn of(type_name: &str, field: &str, of: WrittenType<'_>) -> Self {
        match (type_name, field) {
            _ if of.name.ends_with("Connection") || of.name == "History" => Self::Connection,
            ("Query", "node") => Self::Node,
            ("Query", "nodes") => Self::Ids,
            ("Query" | "Site", "locales") | ("Page", "availableLocales") => Self::Locales,
            ("Query", "staff") => Self::Staff,
            ("Query", "countries") | ("YearSheetContent" | "YearSheet", "counts") => Self::Countries,
            ("Query", "categories") => Self::Categories,
            ("Query", "factSheet") => Self::FactSheet,
            ("Query", "visitCounts") => Self::Groups,
            ("Query", "vintages") => Self::Vintages,
            ("Query", "figureHistory") => Self::History,
            ("Query", "figureChanges") => Self::Since,
            ("Query", "observationStatuses") => Self::Fixed(10),
            ("Query", "publishCheck") => Self::Ids,
            ("Query", "diff") => Self::Fixed(50),
            ("FieldDifference", "words") => Self::Fixed(100),
            ("FigureDeltas", "figures") => Self::Deltas,
            ("Page", "children") => Self::Children,
            ("Page", "parent") => Self::Parent,
            ("FactSheet", "years" | "periods") | ("CategoryFigures", "yearlyTotals") | ("CountrySeries", "counts") => {
                Self::SheetYears
            }
            ("FactSheet", "categories") => Self::SheetCategories,
            ("FactSheet", "reconciliation") => Self::Reconciliation,
            ("FactSheet", "breaks") => Self::Breaks,
            ("FactSheet", "footnotes") => Self::Footnotes,
            ("CategoryFigures", "countries") => Self::Countries,
            ("History", "revisions" | "publications") => Self::First,
            (connection, "nodes" | "edges") if connection.ends_with("Connection") => Self::First,
            _ if !of.is_list => Self::One,
            // Flags, numbers of footnotes, locales of a fallback.
            _ if of.is_leaf => Self::Fixed(3),
            _ => Self::Unknown,
        }
    }

    pub(super) const fn has_arguments(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Node
                | Self::Ids
                | Self::FactSheet
                | Self::Groups
                | Self::Vintages
                | Self::History
                | Self::Since
        )
    }
}

/// What is known of the objects at one place of an operation.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    snapshot: Option<&'a Snapshot>,
    sizes: &'a Sizes,
    /// `first` of the connection around.
    first: u64,
    /// Years and categories of the fact sheet around.
    years: u64,
    categories: u64,
    /// Sheets that were published since the moment that was asked for.
    since: u64,
    /// Whether no two of the objects are the same.
    is_distinct: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn new(snapshot: Option<&'a Snapshot>) -> Self {
        let sizes = match snapshot {
            Some(snapshot) => snapshot.sizes(),
            None => Sizes::least(),
        };
        Self { snapshot, sizes, first: 1, years: 1, categories: 1, since: 1, is_distinct: true }
    }

    /// How many items a field of so many objects leads to, all together; the points for what is read; and what is known of
    /// the items, if it is not what is known of the objects.
    pub(super) fn apply(&self, rule: Rule, objects: u64, given: &Given<'_>) -> (u64, u64, Option<Self>) {
        let sizes = self.sizes;
        let each = |items: u64| objects.saturating_mul(items);
        match rule {
            Rule::One => (objects, 0, None),
            Rule::Fixed(items) => (each(items), 0, None),
            Rule::Unknown => (each(UNKNOWN), 0, None),
            Rule::Connection => {
                let first = given.number("first").unwrap_or(i64::from(DEFAULT_FIRST));
                let first = u64::try_from(first.clamp(1, i64::from(MAX_FIRST))).unwrap_or(1);
                let among = given.length(&["filter", "slugs"]).unwrap_or(0);
                (objects, each(among), Some(Self { first, is_distinct: true, ..self.clone() }))
            }
            Rule::First => (each(self.first), 0, None),
            Rule::Node => (objects, each(self.found_by_id(given.get(&["id"]))), None),
            Rule::Ids => {
                let ids = given.length(&["ids"]).unwrap_or(1);
                let work = self.found_by_id(given.get(&["ids"]));
                (each(ids), each(work), Some(Self { is_distinct: false, ..self.clone() }))
            }
            Rule::Locales => (each(sizes.locales), 0, None),
            Rule::Staff => (each(sizes.staff), 0, None),
            Rule::Children => {
                // Pages of which no two are the same have no two children that are.
                let all = if self.is_distinct { sizes.pages } else { u64::MAX };
                (each(sizes.children).min(all), 0, None)
            }
            Rule::Parent => (objects, 0, Some(Self { is_distinct: false, ..self.clone() })),
            Rule::Countries => (each(sizes.countries), 0, None),
            Rule::Categories => (each(sizes.categories), 0, None),
            Rule::FactSheet => {
                let (years, categories) = self.extent(given, "");
                let work = if given.is_given("asOf") { self.earlier() } else { 0 };
                (objects, each(work), Some(Self { years, categories, ..self.clone() }))
            }
            Rule::SheetCategories => (each(self.categories), 0, None),
            Rule::SheetYears => (each(self.years), 0, None),
            Rule::Reconciliation => (each((self.categories + 1).saturating_mul(self.years + 1)), 0, None),
            Rule::Breaks => (each(sizes.breaks), 0, None),
            Rule::Footnotes => (each(sizes.footnotes), 0, None),
            Rule::Groups => {
                let (groups, work) = self.groups(given);
                (each(groups), each(work), None)
            }
            Rule::Vintages | Rule::History => {
                let published = self.published_of(given).unwrap_or(sizes.vintages);
                (each(published), each(sizes.vintages / FIGURES_PER_POINT), None)
            }
            Rule::Since => {
                let since = self.published_since(given);
                (objects, each(self.earlier()), Some(Self { since, ..self.clone() }))
            }
            Rule::Deltas => {
                let figures = self.since.saturating_mul(sizes.countries + 1);
                (each(figures.min(MAX_CHANGES)), 0, None)
            }
        }
    }

    /// What it takes to put together what was public at an earlier moment, or to hold it against what is public now.
    fn earlier(&self) -> u64 {
        self.sizes.sheets.saturating_mul(self.sizes.countries) / FIGURES_PER_POINT
    }

    /// What it takes to find objects by their ids: those of an earlier moment are put together.
    fn found_by_id(&self, ids: Option<ConstValue>) -> u64 {
        let ids = match ids {
            Some(ConstValue::List(ids)) => ids,
            id => id.into_iter().collect(),
        };
        let is_earlier = |id: &&ConstValue| matches!(id, ConstValue::String(id) if is_of_earlier(id));
        self.earlier().saturating_mul(u64::try_from(ids.iter().filter(is_earlier).count()).unwrap_or(u64::MAX))
    }

    /// How many years and categories are taken in.
    fn extent(&self, given: &Given<'_>, inside: &str) -> (u64, u64) {
        let path = |name| if inside.is_empty() { vec![name] } else { vec![inside, name] };
        let year = |name| match given.get(&path(name)) {
            Some(ConstValue::Number(year)) => year.as_i64(),
            _ => None,
        };
        let years = match self.snapshot {
            Some(_) => self.sizes.years_within(year("from"), year("to")),
            None => 1,
        };
        let categories = given.length(&path("categories")).unwrap_or(u64::MAX).min(self.sizes.categories);
        (years, categories)
    }

    /// How many groups visits come to, and what it takes to find them.
    fn groups(&self, given: &Given<'_>) -> (u64, u64) {
        let sizes = self.sizes;
        let (years, categories) = self.extent(given, "filter");
        let countries = given.length(&["filter", "countries"]).unwrap_or(u64::MAX).min(sizes.countries);
        let named = match given.get(&["groupBy"]) {
            Some(ConstValue::List(items)) => items,
            Some(ConstValue::Null) | None => Vec::new(),
            Some(one) => vec![one],
        };
        let by = |dimension: &str| {
            named.iter().any(|value| match value {
                ConstValue::Enum(name) => name == dimension,
                ConstValue::String(name) => name == dimension,
                _ => false,
            })
        };
        let blocks = [("YEAR", years), ("CATEGORY", categories)].into_iter().filter(|(dimension, _)| by(dimension));
        let blocks = blocks.fold(1, |blocks: u64, (_, items)| blocks.saturating_mul(items));
        let places = if by("COUNTRY") {
            countries
        } else if by("SUB_REGION") {
            countries.min(SUB_REGIONS)
        } else if by("REGION") {
            countries.min(REGIONS)
        } else {
            1
        };
        let kept = given.number("top").and_then(|top| u64::try_from(top).ok()).unwrap_or(u64::MAX);
        let others = u64::from(kept < places || (sizes.merges && by("COUNTRY")));
        let read = years.saturating_mul(categories).saturating_mul(sizes.countries) / FIGURES_PER_POINT;
        let made = blocks.saturating_mul(places);
        let earlier = if given.is_given("asOf") { self.earlier() } else { 0 };
        let groups = blocks.saturating_mul(places.min(kept) + others);
        (groups, read.saturating_add(made.saturating_mul(GROUP)).saturating_add(earlier))
    }

    /// How often one sheet was published or withdrawn, if the arguments say which.
    fn published_of(&self, given: &Given<'_>) -> Option<u64> {
        let category = match given.get(&["category"])? {
            ConstValue::String(code) => code.parse().ok()?,
            _ => return None,
        };
        let year = match given.get(&["year"])? {
            ConstValue::Number(year) => Year::try_from(year.as_i64()?).ok()?,
            _ => return None,
        };
        Some(self.snapshot?.figures.vintages.publications(Some(&(category, year))))
    }

    /// How many sheets were published or withdrawn since a moment.
    fn published_since(&self, given: &Given<'_>) -> u64 {
        let Some(snapshot) = self.snapshot else { return 1 };
        let moment = match given.get(&["since"]) {
            Some(ConstValue::String(moment)) => moment.parse::<Moment>().ok().map(Moment::get),
            _ => None,
        };
        let moment: DateTime<Utc> = moment.unwrap_or(DateTime::<Utc>::MIN_UTC);
        u64::try_from(snapshot.figures.vintages.sheets_since(moment)).unwrap_or(u64::MAX)
    }
}

/// About how many bytes a value has, without its key.
#[expect(clippy::match_same_arms, reason = "a table, by type")]
pub(super) fn leaf_bytes(type_name: &str, field: &str, of: &str) -> u64 {
    match (type_name, field, of) {
        // Authenticated, and of the length of what the list is sorted by.
        (_, "cursor" | "startCursor" | "endCursor", _) => 200,
        ("RichText", _, _) => 2_500,
        (_, "summary" | "description" | "signature" | "note" | "text" | "message" | "method" | "reason", "String") => {
            150
        }
        (_, _, "Boolean" | "Int" | "Year" | "Version") => 6,
        (_, _, "Float") => 20,
        (_, _, "Locale" | "CountryCode" | "CategoryCode") => 10,
        (_, _, "ID") => 80,
        (_, _, "Markdown" | "Html" | "JSON") => 2_500,
        (_, _, "String") => 40,
        _ => 20,
    }
}
