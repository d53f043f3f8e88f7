//! The year sheet as editors see and change it.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::{CategoryCode, Count, CountryCode, Flags, Line, Observation, Rule, Version, Year};

use uuid::Uuid;

use crate::{
    access::audit::sha256,
    document::graphql::record_reading,
    editorial::Release,
    error::{Error, Result},
    figures::{
        disclosure,
        graphql::{ObservationStatus, ReleaseKind},
        year_sheet::{
            self, Cell, Editable,
            update::{self, Batch, CellChanges, Changes, Difference, Outcome, Patch},
        },
    },
    graphql::{
        At, ContextExt, Expected, Faults, Input, LocalizedText, LocalizedTextInput, Mutated, Scalar, UserError,
        ValidationError, faults_in_input, global_id, mutate, variant_id,
    },
};

/// The most rows of one update: every country there is, twice.
pub const MAX_ROWS: usize = 500;

/// The most sheets of one update: two generations of years in two categories.
const MAX_SHEETS: usize = 100;

/// The figures of one category and year as editors see them.
pub struct YearSheet {
    sheet: Editable,
    /// Whether it is only what would come of a dry run.
    is_trial: bool,
}

impl YearSheet {
    /// This sheet.
    pub const fn new(sheet: Editable) -> Self {
        Self { sheet, is_trial: false }
    }

    /// What would come of a dry run.
    pub const fn trial(sheet: Editable) -> Self {
        Self { sheet, is_trial: true }
    }
}

/// The figures of one category and year as editors see them.
#[Object]
impl YearSheet {
    /// Its global id. A sheet that does not exist yet has one of its own, by which it is found until it does; what would come
    /// of a dry run has one by which nothing is found.
    pub async fn id(&self) -> ID {
        let key = year_sheet::key(&self.sheet.draft.category, self.sheet.draft.year);
        if self.is_trial {
            // Two dry runs that differ are two objects, and neither is the sheet that stands.
            let content = serde_json::to_vec(&self.sheet.draft).unwrap_or_default();
            return variant_id("YearSheet", Uuid::nil(), &format!("{key}#{}", sha256(&content)));
        }
        match &self.sheet.document {
            Some(document) => global_id("YearSheet", document.id),
            None => variant_id("YearSheet", Uuid::nil(), &key),
        }
    }

    /// The category's code.
    async fn category(&self) -> Scalar<CategoryCode> {
        Scalar(self.sheet.draft.category.clone())
    }

    /// The year.
    async fn year(&self) -> Scalar<Year> {
        Scalar(self.sheet.draft.year)
    }

    /// The version to send as `expectedVersion`; 0 for a sheet that does not exist yet.
    async fn version(&self) -> Scalar<Version> {
        Scalar(self.sheet.document.as_ref().map_or(Version::NONE, |document| document.version))
    }

    /// The version that the public sees; null when it sees none.
    async fn published_version(&self) -> Option<Scalar<Version>> {
        self.sheet.document.as_ref().and_then(|document| document.published_number).map(Scalar)
    }

    /// Whether the newest version has not been published.
    async fn has_unpublished_changes(&self) -> bool {
        self.sheet.document.as_ref().is_some_and(|document| document.published_number != Some(document.version))
    }

    /// The newest version; empty for a sheet that does not exist yet.
    async fn draft(&self) -> YearSheetContent {
        YearSheetContent::new(&self.sheet.draft)
    }

    /// What the public sees.
    async fn published(&self) -> Option<YearSheetContent> {
        self.sheet.published.as_ref().map(YearSheetContent::new)
    }

    /// The codes of the countries whose counts in the newest version are so small that they could point to a person, by
    /// the site's disclosure policy.
    async fn small_counts(&self, ctx: &Context<'_>) -> Vec<Scalar<CountryCode>> {
        disclosure::small_counts(ctx.figures().policy, &self.sheet.draft).into_iter().map(Scalar).collect()
    }

    /// When the newest version was saved.
    async fn changed_at(&self) -> Option<At> {
        self.sheet.saved.map(|saved| saved.at.into())
    }

    /// The e-mail address of the account that saved the newest version; null when it was saved at the command line.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.sheet.saved?.by?;
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
    /// Everything that the total is, what matters most first; empty without a total.
    total_flags: Vec<ObservationStatus>,
    /// What a reader must know about the total, in every locale.
    total_note: Vec<LocalizedText>,
    /// The sum of the cells that have a value; null when none has.
    sum_of_countries: Option<i64>,
    /// What of the sum belongs to no country in particular (`ZZ`); null when nothing does.
    unallocated: Option<Scalar<Count>>,
    /// The sum of the cells less the total; null without both. Anything but 0 needs a note on the total to be published.
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
    /// What kind of figure it is, or why there is none: the first of `flags`.
    status: ObservationStatus,
    /// Everything that it is, what matters most first.
    flags: Vec<ObservationStatus>,
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
            flags: cell.observation.flags().iter().map(Into::into).collect(),
            note: LocalizedText::all(&cell.note),
        };
        Self {
            category: Scalar(sheet.category.clone()),
            year: Scalar(sheet.year),
            total: total.map(|total| Scalar(total.value())),
            total_flags: total
                .into_iter()
                .flat_map(|total| total.observation().flags().iter())
                .map(Into::into)
                .collect(),
            total_note: total.map(|total| LocalizedText::all(&total.note)).unwrap_or_default(),
            sum_of_countries: sheet.sum(),
            unallocated: sheet.unallocated().map(Scalar),
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
                Ok(sheet) => {
                    record_reading(ctx, &editor, sheet.document.as_ref()).await?;
                    Ok(Some(YearSheet::new(sheet)))
                }
                Err(Error::NotFound { .. }) => Err(Error::invalid(["category"], Rule::Unknown)),
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
    /// Whether the country is to leave the sheet; then the rest says nothing.
    #[graphql(default)]
    remove: bool,
    /// The number of visits; null for none, then `status` says why.
    value: MaybeUndefined<Input<Count>>,
    /// What kind of figure it is, or why there is none. When it and `flags` are left out: the status that stood there if it
    /// fits, else `FINAL`.
    status: Option<ObservationStatus>,
    /// The statuses of a figure that has several; with `status`, if both are given.
    flags: Option<Vec<ObservationStatus>>,
    /// What a reader must know about it, in every locale; null for nothing.
    note: MaybeUndefined<Vec<LocalizedTextInput>>,
}

/// The figures of a category and year.
#[derive(InputObject)]
pub struct SheetInput {
    /// The category's code; the one that is changed when left out.
    category: Option<Input<CategoryCode>>,
    /// The year.
    year: Input<Year>,
}

/// What is to change of the figures of one category and year. What is left out stays as it is.
#[derive(InputObject)]
pub struct YearSheetChangesInput {
    /// The category's code.
    category: Input<CategoryCode>,
    /// The year.
    year: Input<Year>,
    /// The version that the changes are based on, from `yearSheet`; 0 for a sheet that does not exist yet.
    expected_version: Input<Version>,
    /// Whether to begin with an empty sheet.
    #[graphql(default)]
    clear: bool,
    /// Takes over the countries of another sheet's newest version that are not in this one, each with a figure that is
    /// still to come (`NOT_YET`): next year's sheet from last year's.
    copy_from: Option<SheetInput>,
    /// The figures to change, at most one for each country.
    counts: Option<Vec<VisitCountInput>>,
    /// The total to publish; null for none.
    total: MaybeUndefined<Input<Count>>,
    /// What kind of figure the total is; those that it was when left out, else `FINAL`.
    total_flags: Option<Vec<ObservationStatus>>,
    /// What a reader must know about the total, in every locale; null for nothing.
    total_note: MaybeUndefined<Vec<LocalizedTextInput>>,
}

/// What is to change of the figures of one category and year, and whether to publish them. What is left out stays as it
/// is.
#[derive(InputObject)]
pub struct VisitCountsUpdateInput {
    #[graphql(flatten)]
    sheet: YearSheetChangesInput,
    /// Whether to publish in the same step.
    #[graphql(default)]
    publish: bool,
    /// Why it is published: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in the editor's words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

/// What becomes of rows with faults.
#[derive(Enum, Clone, Copy, Default, PartialEq, Eq)]
#[graphql(remote = "update::ErrorPolicy")]
pub enum ErrorPolicy {
    /// One fault, and nothing is written.
    #[default]
    AllOrNone,
    /// Rows without fault are written, the others reported in `rejected`. What is wrong with a sheet as a whole still
    /// stops all.
    GoodRows,
}

/// What is to change of several year sheets together.
#[derive(InputObject)]
pub struct VisitCountsBulkUpdateInput {
    /// The sheets, each at most once.
    sheets: Vec<YearSheetChangesInput>,
    /// What becomes of rows with faults.
    #[graphql(default)]
    error_policy: ErrorPolicy,
    /// Whether only to say what would change. Nothing is written then.
    #[graphql(default)]
    dry_run: bool,
    /// Whether to publish in the same step.
    #[graphql(default)]
    publish: bool,
    /// Why it is published: `REVISION` or `CORRECTION` where figures of the year are out; what comes out for the first time
    /// is a release.
    kind: Option<ReleaseKind>,
    /// Why, in the editor's words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

impl YearSheetChangesInput {
    /// The changes as far as they can be read, and the faults of the rest.
    fn parse(self) -> Result<(Changes, Faults)> {
        let mut faults = Faults::default();
        let category = faults.take(&["category"], self.category);
        let year = faults.take(&["year"], self.year);
        let expected = faults.take(&["expectedVersion"], self.expected_version);
        let total = patch(self.total, |total| faults.take(&["total"], total));
        let total_flags = self.total_flags.and_then(|flags| read_flags(&mut faults, &["totalFlags"], flags));
        let total_note = patch(self.total_note, |texts| Some(faults.take_localized(&["totalNote"], texts)));
        let rows = self.counts.unwrap_or_default();
        if rows.len() > MAX_ROWS {
            faults.push(&["counts"], Rule::TooMany { max: MAX_ROWS });
        }
        let rows = rows.into_iter().take(MAX_ROWS).enumerate();
        let counts = rows.filter_map(|(index, row)| row.parse(&mut faults, index)).collect();
        let copy_from = self.copy_from.map(|sheet| {
            let category = sheet.category.map(|code| faults.take(&["copyFrom", "category"], code));
            (category, faults.take(&["copyFrom", "year"], sheet.year))
        });
        let (Some(category), Some(year), Some(expected)) = (category, year, expected) else {
            // Without these there is no sheet to hold the rest against.
            return Err(faults.into_result().err().unwrap_or(Error::not_found("the year sheet")));
        };
        let copy_from = copy_from.and_then(|(from, year)| Some((from.unwrap_or(Some(category.clone()))?, year?)));
        let clear = self.clear;
        let changes =
            Changes { category, year, expected, clear, copy_from, total, total_flags, total_note, counts, base: None };
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
        let flags = match (self.status, self.flags) {
            (None, None) => None,
            (status, flags) => {
                let all = flags.into_iter().flatten().chain(status).collect();
                read_flags(faults, &at("flags"), all)
            }
        };
        let changes = CellChanges { row, country: country?, remove: self.remove, value, flags, note };
        (faults.count() == before).then_some(changes)
    }
}

fn read_flags(faults: &mut Faults, path: &[&str], statuses: Vec<ObservationStatus>) -> Option<Flags> {
    let flags = Flags::new(statuses.into_iter().map(Into::into));
    flags.map_err(|rule| faults.push(path, rule)).ok()
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
            Ok(sheet) => Self { year_sheet: Some(YearSheet::new(sheet)), errors: Vec::new() },
            Err(errors) => Self { year_sheet: None, errors },
        }
    }
}

/// What happened to a figure.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "update::DifferenceKind")]
pub enum DifferenceKind {
    /// It was not there before.
    Added,
    /// It, its statuses or its note are others than before.
    Changed,
    /// It is there no more.
    Removed,
    /// It is what it was.
    Unchanged,
}

/// A figure before or after a change.
#[derive(SimpleObject)]
pub struct FigureState {
    /// The number; null when the status says why there is none.
    value: Option<Scalar<Count>>,
    /// What kind of figure it is, or why there is none: the first of `flags`.
    status: ObservationStatus,
    /// Everything that it is, what matters most first.
    flags: Vec<ObservationStatus>,
}

impl From<Observation> for FigureState {
    fn from(observation: Observation) -> Self {
        Self {
            value: observation.value().map(Scalar),
            status: observation.status().into(),
            flags: observation.flags().iter().map(Into::into).collect(),
        }
    }
}

/// What became of one figure.
#[derive(SimpleObject)]
pub struct FigureDifference {
    /// What happened to it.
    change: DifferenceKind,
    /// The category's code.
    category: Scalar<CategoryCode>,
    /// The country's code; null for the published total.
    country: Option<Scalar<CountryCode>>,
    /// The year.
    year: Scalar<Year>,
    /// What was there.
    before: Option<FigureState>,
    /// What is there now.
    after: Option<FigureState>,
    /// Whether the note is another one.
    note_changed: bool,
}

impl From<Difference> for FigureDifference {
    fn from(difference: Difference) -> Self {
        Self {
            change: difference.kind().into(),
            category: Scalar(difference.category),
            country: difference.country.map(Scalar),
            year: Scalar(difference.year),
            before: difference.before.map(Into::into),
            after: difference.after.map(Into::into),
            note_changed: difference.note_changed,
        }
    }
}

/// How many figures were, or would be, added, changed, removed and left as they are.
#[derive(SimpleObject, Default)]
pub struct DifferenceCounts {
    /// New figures.
    added: usize,
    /// Figures with another value, status or note.
    changed: usize,
    /// Figures that are there no more.
    removed: usize,
    /// Figures that are what they were.
    unchanged: usize,
}

impl DifferenceCounts {
    /// Counts them.
    pub fn of(differences: &[Difference]) -> Self {
        let mut counts = Self::default();
        for difference in differences {
            let count = match difference.kind() {
                update::DifferenceKind::Added => &mut counts.added,
                update::DifferenceKind::Changed => &mut counts.changed,
                update::DifferenceKind::Removed => &mut counts.removed,
                update::DifferenceKind::Unchanged => &mut counts.unchanged,
            };
            *count += 1;
        }
        counts
    }
}

/// The outcome of `visitCountsBulkUpdate`.
#[derive(SimpleObject, Default)]
pub struct VisitCountsBulkUpdatePayload {
    /// The sheets after the update, in the order of the input; as they would be for a dry run. Empty when nothing was
    /// written.
    year_sheets: Vec<YearSheet>,
    /// What became of each figure of these sheets.
    differences: Vec<FigureDifference>,
    /// How many of each there are.
    counts: DifferenceCounts,
    /// The rows that were left out, when good rows are written; empty otherwise.
    rejected: Vec<ValidationError>,
    /// Why nothing was written; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<(Outcome, bool)>> for VisitCountsBulkUpdatePayload {
    fn from(outcome: Expected<(Outcome, bool)>) -> Self {
        match outcome {
            Ok((Outcome { sheets, differences, rejected }, dry_run)) => Self {
                year_sheets: sheets.into_iter().map(if dry_run { YearSheet::trial } else { YearSheet::new }).collect(),
                counts: DifferenceCounts::of(&differences),
                differences: differences.into_iter().map(Into::into).collect(),
                rejected: rejected.into_iter().map(ValidationError).collect(),
                errors: Vec::new(),
            },
            Err(errors) => Self { errors, ..Self::default() },
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
            let (changes, mut faults) = input.sheet.parse()?;
            let reason = input.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
            let kind = input.kind.map(Into::into);
            let release = input.publish.then(|| Release { kind, reason: reason.clone() });
            update::update(transaction, editor, changes, faults.into(), release, reason).await
        })
        .await
    }

    /// Changes figures of several categories and years together, each sheet as one new version, and publishes them in the
    /// same step if asked. All or nothing, unless good rows are to be written without the others. A sheet that stays as it
    /// is gets no new version.
    async fn visit_counts_bulk_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: VisitCountsBulkUpdateInput,
    ) -> Result<Mutated<VisitCountsBulkUpdatePayload>> {
        mutate(ctx, "visitCountsBulkUpdate", async move |transaction, editor| {
            let (dry_run, batch) = input.parse()?;
            let mut outcome = update::update_all(transaction, editor, batch).await?;
            outcome.rejected = faults_in_input(ctx, outcome.rejected);
            if dry_run {
                transaction.roll_back().await?;
            }
            Ok((outcome, dry_run))
        })
        .await
    }
}

impl VisitCountsBulkUpdateInput {
    /// Whether it is a dry run, and what is to be done.
    fn parse(self) -> Result<(bool, Batch)> {
        let mut faults = Faults::default();
        if self.sheets.is_empty() {
            faults.push(&["sheets"], Rule::Required);
        }
        if self.sheets.len() > MAX_SHEETS {
            faults.push(&["sheets"], Rule::TooMany { max: MAX_SHEETS });
        }
        let mut sheets = Vec::with_capacity(self.sheets.len().min(MAX_SHEETS));
        for (index, sheet) in self.sheets.into_iter().take(MAX_SHEETS).enumerate() {
            match sheet.parse() {
                Ok((changes, found)) => sheets.push((changes, found.into())),
                Err(Error::Invalid(found)) => {
                    for fault in found {
                        faults.add(update::within_sheet(index, fault));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let reason = self.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
        faults.into_result()?;
        let kind = self.kind.map(Into::into);
        let batch = Batch {
            sheets,
            policy: self.error_policy.into(),
            action: entities::RevisionAction::Save,
            publish: self.publish,
            release: Release { kind, reason },
        };
        Ok((self.dry_run, batch))
    }
}
