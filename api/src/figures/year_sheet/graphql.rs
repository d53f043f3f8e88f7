//! The year sheet as editors see and change it.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entities::{CategoryCode, Count, CountryCode, Line, Rule, Version, Year};

use crate::{
    editorial::Release,
    error::{Error, Result},
    figures::{
        graphql::{ObservationStatus, ReleaseKind},
        year_sheet::{self, Cell, CellChanges, Changes, Editable, Patch},
    },
    graphql::{
        ContextExt, Expected, Faults, Input, LocalizedText, LocalizedTextInput, Mutated, Scalar, UserError, global_id,
        mutate,
    },
};

/// The most rows of one update: every country there is, twice.
const MAX_ROWS: usize = 500;

/// The figures of one category and year as editors see them.
pub struct YearSheet(pub Editable);

/// The figures of one category and year as editors see them.
#[Object]
impl YearSheet {
    /// Its global id; null for a sheet that does not exist yet.
    async fn id(&self) -> Option<ID> {
        self.0.document.as_ref().map(|document| global_id("YearSheet", document.id))
    }

    /// The category's code.
    async fn category(&self) -> Scalar<CategoryCode> {
        Scalar(self.0.draft.category.clone())
    }

    /// The year.
    async fn year(&self) -> Scalar<Year> {
        Scalar(self.0.draft.year)
    }

    /// The version to send as `expectedVersion`; 0 for a sheet that does not exist yet.
    async fn version(&self) -> Scalar<Version> {
        Scalar(self.0.document.as_ref().map_or(Version::NONE, |document| document.version))
    }

    /// The version that the public sees; null when it sees none.
    async fn published_version(&self) -> Option<Scalar<Version>> {
        self.0.document.as_ref().and_then(|document| document.published_number).map(Scalar)
    }

    /// Whether the newest version has not been published.
    async fn has_unpublished_changes(&self) -> bool {
        self.0.document.as_ref().is_some_and(|document| document.published_number != Some(document.version))
    }

    /// The newest version; empty for a sheet that does not exist yet.
    async fn draft(&self) -> YearSheetContent {
        YearSheetContent::new(&self.0.draft)
    }

    /// What the public sees.
    async fn published(&self) -> Option<YearSheetContent> {
        self.0.published.as_ref().map(YearSheetContent::new)
    }

    /// When the newest version was saved.
    async fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.0.newest.as_ref().map(|revision| revision.created_at)
    }

    /// The e-mail address of the account that saved the newest version; null when it was saved at the command line.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.0.newest.as_ref()?.editor_id?;
        Some(crate::access::account::email(ctx.state(), id).await)
    }
}

/// One state of a year sheet.
#[derive(SimpleObject)]
pub struct YearSheetContent {
    /// The category's code.
    category: Scalar<CategoryCode>,
    /// The year.
    year: Scalar<Year>,
    /// The total to publish: data, not a sum.
    total: Option<Scalar<Count>>,
    /// What a reader must know about the total, in every locale.
    total_note: Vec<LocalizedText>,
    /// The sum of the cells that have a value; null when none has.
    sum_of_countries: Option<i64>,
    /// The sum of the cells less the total; null without both.
    difference: Option<i64>,
    /// A cell for each country that has a figure, in the order of the codes.
    counts: Vec<YearSheetCell>,
}

/// The figure of one country in a year sheet.
#[derive(SimpleObject)]
pub struct YearSheetCell {
    /// The country's code.
    country: Scalar<CountryCode>,
    /// The number of visits; null when the status says why there is none.
    value: Option<Scalar<Count>>,
    /// What kind of figure it is, or why there is none.
    status: ObservationStatus,
    /// What a reader must know about it, in every locale.
    note: Vec<LocalizedText>,
}

impl YearSheetContent {
    /// What a sheet holds.
    pub fn new(sheet: &year_sheet::YearSheet) -> Self {
        let total = sheet.total.as_ref();
        let cell = |(country, cell): (&CountryCode, &Cell)| YearSheetCell {
            country: Scalar(country.clone()),
            value: cell.observation.value().map(Scalar),
            status: cell.observation.status().into(),
            note: LocalizedText::all(&cell.note),
        };
        Self {
            category: Scalar(sheet.category.clone()),
            year: Scalar(sheet.year),
            total: total.map(|total| Scalar(total.value)),
            total_note: total.map(|total| LocalizedText::all(&total.note)).unwrap_or_default(),
            sum_of_countries: sheet.sum(),
            difference: sheet.difference(),
            counts: sheet.counts.iter().map(cell).collect(),
        }
    }
}

/// Queries about year sheets.
#[derive(Default)]
pub struct YearSheetQuery;

#[Object]
impl YearSheetQuery {
    /// The figures of one category and year, drafts included. For editors.
    async fn year_sheet(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The category's code.")] category: Input<CategoryCode>,
        #[graphql(desc = "The year.")] year: Input<Year>,
    ) -> Option<Result<YearSheet>> {
        let found = async {
            let editor = ctx.editor().await?;
            let mut faults = Faults::default();
            let (category, year) = (faults.take(&["category"], category), faults.take(&["year"], year));
            faults.into_result()?;
            let (Some(category), Some(year)) = (category, year) else { return Ok(None) };
            match year_sheet::find(ctx.state().database().reader(), &editor, &category, year).await {
                Ok(sheet) => Ok(Some(YearSheet(sheet))),
                Err(Error::NotFound(_)) => Err(Error::invalid(["category"], Rule::Unknown)),
                Err(error) => Err(error),
            }
        };
        found.await.transpose()
    }
}

/// What is to change of the figure of one country. What is left out stays as it is.
#[derive(InputObject)]
pub struct VisitCountInput {
    /// The country's code.
    country: Input<CountryCode>,
    /// The number of visits; null for none, then `status` says why.
    value: MaybeUndefined<Input<Count>>,
    /// What kind of figure it is, or why there is none. When left out: the status that stood there if it fits, else
    /// `FINAL`.
    status: Option<ObservationStatus>,
    /// What a reader must know about it, in every locale; null for nothing.
    note: MaybeUndefined<Vec<LocalizedTextInput>>,
}

/// What is to change of the figures of one category and year. What is left out stays as it is.
#[derive(InputObject)]
pub struct VisitCountsUpdateInput {
    /// The category's code.
    category: Input<CategoryCode>,
    /// The year.
    year: Input<Year>,
    /// The version that the changes are based on, from `yearSheet`; 0 for a sheet that does not exist yet.
    expected_version: Input<Version>,
    /// The figures to change, at most one for each country.
    counts: Option<Vec<VisitCountInput>>,
    /// The total to publish; null for none.
    total: MaybeUndefined<Input<Count>>,
    /// What a reader must know about the total, in every locale; null for nothing.
    total_note: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// Whether to publish in the same step.
    #[graphql(default)]
    publish: bool,
    /// Why it is published: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in the editor's words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

impl VisitCountsUpdateInput {
    /// The changes as far as they can be read, and the faults of the rest.
    fn parse(self) -> Result<(Changes, Faults)> {
        let mut faults = Faults::default();
        let category = faults.take(&["category"], self.category);
        let year = faults.take(&["year"], self.year);
        let expected = faults.take(&["expectedVersion"], self.expected_version);
        let total = patch(self.total, |total| faults.take(&["total"], total));
        let total_note = patch(self.total_note, |texts| Some(faults.take_localized(&["totalNote"], texts)));
        let reason = self.reason.and_then(|reason| faults.take(&["reason"], reason));
        let rows = self.counts.unwrap_or_default();
        if rows.len() > MAX_ROWS {
            faults.push(&["counts"], Rule::TooMany { max: MAX_ROWS });
        }
        let rows = rows.into_iter().take(MAX_ROWS).enumerate();
        let counts = rows.filter_map(|(index, row)| row.parse(&mut faults, index)).collect();
        let (Some(category), Some(year), Some(expected)) = (category, year, expected) else {
            // Without these there is no sheet to hold the rest against.
            return Err(faults.into_result().err().unwrap_or(Error::NotFound("the year sheet")));
        };
        let release = Release { kind: self.kind.map(Into::into), reason: reason.map(String::from) };
        let changes = Changes { category, year, expected, total, total_note, counts, publish: self.publish, release };
        Ok((changes, faults))
    }
}

impl VisitCountInput {
    /// The row, if it can be read; a row with a fault is reported and left out.
    fn parse(self, faults: &mut Faults, row: usize) -> Option<CellChanges> {
        let before = faults.count();
        let index = row.to_string();
        let at = |field| ["counts", index.as_str(), field];
        let country = faults.take(&at("country"), self.country);
        let value = patch(self.value, |value| faults.take(&at("value"), value));
        let note = patch(self.note, |texts| Some(faults.take_localized(&at("note"), texts)));
        let changes = CellChanges { row, country: country?, value, status: self.status.map(Into::into), note };
        (faults.count() == before).then_some(changes)
    }
}

/// Omitted keeps, null clears; an invalid value has left its fault behind.
fn patch<I, T>(input: MaybeUndefined<I>, parse: impl FnOnce(I) -> Option<T>) -> Patch<T> {
    match input {
        MaybeUndefined::Undefined => Patch::Keep,
        MaybeUndefined::Null => Patch::Clear,
        MaybeUndefined::Value(input) => parse(input).map_or(Patch::Keep, Patch::Set),
    }
}

/// The outcome of `visitCountsUpdate`.
#[derive(SimpleObject)]
pub struct VisitCountsUpdatePayload {
    /// The sheet after the update; null when nothing was written.
    year_sheet: Option<YearSheet>,
    /// Why nothing was written; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<Editable>> for VisitCountsUpdatePayload {
    fn from(outcome: Expected<Editable>) -> Self {
        match outcome {
            Ok(sheet) => Self { year_sheet: Some(YearSheet(sheet)), errors: Vec::new() },
            Err(errors) => Self { year_sheet: None, errors },
        }
    }
}

/// Mutations of year sheets.
#[derive(Default)]
pub struct YearSheetMutation;

#[Object]
impl YearSheetMutation {
    /// Changes some or all figures of one category and year, as one new version of the year sheet, and publishes it in the
    /// same step if asked. All or nothing: when any row has a fault, every fault is reported and nothing is written.
    async fn visit_counts_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: VisitCountsUpdateInput,
    ) -> Result<Mutated<VisitCountsUpdatePayload>> {
        mutate(ctx, "visitCountsUpdate", async move |transaction, editor| {
            let (changes, faults) = input.parse()?;
            year_sheet::update(transaction, editor, changes, faults.into()).await
        })
        .await
    }
}
