//! Importing figures from a file, for editors.

use std::collections::BTreeMap;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use base64::{Engine, engine::general_purpose::STANDARD};
use entities::{CategoryCode, Form, Line, Locale, Rule, Version, Year};

use super::{Imported, Wish, import, names, understand};
use crate::{
    access::permission::Action,
    compute_pool::Client,
    editorial::Release,
    error::{Fault, Result},
    figures::{
        exchange::reading::{self, FileFault, Overrides},
        graphql::ReleaseKind,
        vintage::SheetKey,
        year_sheet::graphql::{DifferenceCounts, ErrorPolicy, FigureDifference, YearSheet},
    },
    graphql::{ContextExt, Expected, Faults, Input, Mutated, Scalar, UserError, ValidationError, mutate},
};

/// A file of figures, and what is to become of it. What kind of file it is and how its columns are to be read is detected,
/// and told.
#[derive(InputObject)]
pub struct FiguresImportInput {
    /// The file in base64: CSV, XLSX or JSON-stat, at most 8 MiB and what a request may hold.
    content: String,
    /// The encoding of a text file, such as `shift_jis`; detected when left out.
    encoding: Option<String>,
    /// The category of all figures, where the file does not say it.
    category: Option<Input<CategoryCode>>,
    /// The year of all figures, where the file does not say it.
    year: Option<Input<Year>>,
    /// The sheet of a workbook to read; all when left out.
    sheet: Option<String>,
    /// The locale of notes that do not say theirs.
    note_locale: Option<Input<Locale>>,
    /// Whether only to say what would change. Nothing is written then. True unless you say otherwise.
    #[graphql(default = true)]
    dry_run: bool,
    /// The versions that you have seen, as the dry run told them in `bases`: one for each sheet that the file is about.
    #[graphql(default)]
    expected_versions: Vec<SheetVersionInput>,
    /// What becomes of figures with faults.
    #[graphql(default)]
    error_policy: ErrorPolicy,
    /// Whether to publish in the same step.
    #[graphql(default)]
    publish: bool,
    /// Why it is published: `REVISION` or `CORRECTION` where figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in your words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

/// The version of a year sheet.
#[derive(InputObject)]
pub struct SheetVersionInput {
    /// The category's code.
    category: Input<CategoryCode>,
    /// The year.
    year: Input<Year>,
    /// The version; 0 for a sheet that does not exist yet.
    version: Input<Version>,
}

/// The version of a year sheet.
#[derive(SimpleObject)]
pub struct SheetVersion {
    /// The category's code.
    category: Scalar<CategoryCode>,
    /// The year.
    year: Scalar<Year>,
    /// The version; 0 for a sheet that does not exist yet.
    version: Scalar<Version>,
}

/// What kind of file it is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "reading::Format")]
pub enum FileFormat {
    /// Text with separators.
    Csv,
    /// A workbook of Excel.
    Xlsx,
    /// JSON-stat 2.0.
    JsonStat,
}

/// How a table is laid out.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "reading::Layout")]
pub enum TableLayout {
    /// A country a row, the years as columns.
    WideYears,
    /// A figure a row.
    Long,
    /// There is no table.
    Nothing,
}

/// What a column holds.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum ColumnMeaning {
    /// Countries, by code or name.
    Country,
    /// Names of countries, beside their codes.
    CountryName,
    /// Categories, by code or name.
    Category,
    /// Names of categories, beside their codes.
    CategoryName,
    /// Figures of one year.
    Year,
    /// Years.
    Period,
    /// Figures.
    Value,
    /// Statuses.
    Status,
    /// What was done to figures before they were written.
    Confidentiality,
    /// Notes.
    Note,
    /// Locales of notes.
    NoteLocale,
    /// Sums over the years, which are not read.
    Total,
    /// Nothing that is read.
    Ignored,
}

/// A column of a table as it was understood.
#[derive(SimpleObject)]
pub struct FileColumn {
    /// The letters of the column, as spreadsheets name it.
    column: String,
    /// What stands in its header.
    header: String,
    /// What it holds.
    meaning: ColumnMeaning,
    /// The year, for a column of figures of one year.
    year: Option<Scalar<Year>>,
}

/// A table as it was understood.
#[derive(SimpleObject)]
pub struct FileTable {
    /// The name of the sheet, in a workbook.
    sheet: Option<String>,
    /// How it is laid out.
    layout: TableLayout,
    /// The row of its header, from 1.
    header_row: Option<usize>,
    /// Its columns.
    columns: Vec<FileColumn>,
    /// The code of the category of all its figures; null when a column says it.
    category: Option<Scalar<CategoryCode>>,
    /// The year of all its figures; null when columns say it.
    year: Option<Scalar<Year>>,
    /// The rows that were not read, from 1: titles, blank rows, remarks.
    unread_rows: Vec<usize>,
}

impl From<reading::Mapping> for FileTable {
    fn from(mapping: reading::Mapping) -> Self {
        Self {
            sheet: mapping.sheet,
            layout: mapping.layout.into(),
            header_row: mapping.header_row,
            columns: mapping.columns.into_iter().map(Into::into).collect(),
            category: mapping.category.map(Scalar),
            year: mapping.year.map(Scalar),
            unread_rows: mapping.unread.into_iter().map(|(row, _)| row).collect(),
        }
    }
}

impl From<reading::MappedColumn> for FileColumn {
    fn from(column: reading::MappedColumn) -> Self {
        let (meaning, year) = match column.column {
            reading::Column::Country => (ColumnMeaning::Country, None),
            reading::Column::CountryName => (ColumnMeaning::CountryName, None),
            reading::Column::Category => (ColumnMeaning::Category, None),
            reading::Column::CategoryName => (ColumnMeaning::CategoryName, None),
            reading::Column::Year(year) => (ColumnMeaning::Year, Some(Scalar(year))),
            reading::Column::Period => (ColumnMeaning::Period, None),
            reading::Column::Value => (ColumnMeaning::Value, None),
            reading::Column::Status => (ColumnMeaning::Status, None),
            reading::Column::Confidentiality => (ColumnMeaning::Confidentiality, None),
            reading::Column::Note => (ColumnMeaning::Note, None),
            reading::Column::NoteLocale => (ColumnMeaning::NoteLocale, None),
            reading::Column::Total => (ColumnMeaning::Total, None),
            reading::Column::Ignored => (ColumnMeaning::Ignored, None),
        };
        Self { column: column.letters, header: column.header, meaning, year }
    }
}

/// A rule that one place of a file breaks.
pub struct ImportFault(FileFault);

/// A rule that one place of a file breaks.
#[Object]
impl ImportFault {
    /// The name of the sheet, in a workbook.
    async fn sheet(&self) -> Option<&str> {
        self.0.place.sheet.as_deref()
    }

    /// The row, from 1; null for the sheet or file as a whole.
    async fn row(&self) -> Option<usize> {
        self.0.place.row
    }

    /// The letters of the column, as spreadsheets name it; null for the row as a whole.
    async fn column(&self) -> Option<&str> {
        self.0.place.column.as_deref()
    }

    /// The value that breaks the rule, cut short.
    async fn value(&self) -> &str {
        &self.0.value
    }

    /// The rule, for programs and translations, such as `NOT_AN_INTEGER`.
    async fn rule(&self) -> &'static str {
        self.0.rule.code()
    }

    /// The rule in words, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        self.0.rule.message(ctx.language(locale))
    }
}

/// The outcome of `figuresImport`.
#[derive(SimpleObject, Default)]
pub struct FiguresImportPayload {
    /// Whether the figures are written.
    is_written: bool,
    /// What kind of file it is; null when nothing was read.
    format: Option<FileFormat>,
    /// The encoding of its text; null for a workbook.
    encoding: Option<String>,
    /// How each table was understood.
    tables: Vec<FileTable>,
    /// The sheets that the file is about, with the version that each has: what to send as `expectedVersions`.
    bases: Vec<SheetVersion>,
    /// What became of each figure of these sheets, or would.
    differences: Vec<FigureDifference>,
    /// How many of each there are.
    counts: DifferenceCounts,
    /// The sheets afterwards, or as they would be.
    year_sheets: Vec<YearSheet>,
    /// What is wrong with the file, at most 1000.
    faults: Vec<ImportFault>,
    /// How many more faults there are.
    more_faults: usize,
    /// Why nothing was written; empty when it was, or in a dry run when it could be.
    errors: Vec<UserError>,
}

impl From<Expected<Imported>> for FiguresImportPayload {
    fn from(outcome: Expected<Imported>) -> Self {
        let Imported { reading, bases, outcome, is_written } = match outcome {
            Ok(imported) => imported,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let errors = if outcome.is_none() {
            vec![UserError::Validation(ValidationError(Fault::new(["content"], Rule::FaultsInFile)))]
        } else {
            Vec::new()
        };
        let outcome = outcome.unwrap_or_default();
        let base = |((category, year), version): (SheetKey, Version)| SheetVersion {
            category: Scalar(category),
            year: Scalar(year),
            version: Scalar(version),
        };
        Self {
            is_written,
            format: Some(reading.format.into()),
            encoding: reading.encoding.map(str::to_owned),
            tables: reading.mappings.into_iter().map(Into::into).collect(),
            bases: bases.into_iter().map(base).collect(),
            counts: DifferenceCounts::of(&outcome.differences),
            differences: outcome.differences.into_iter().map(Into::into).collect(),
            year_sheets: outcome
                .sheets
                .into_iter()
                .map(if is_written { YearSheet::new } else { YearSheet::trial })
                .collect(),
            faults: reading.faults.into_iter().map(ImportFault).collect(),
            more_faults: reading.more_faults,
            errors,
        }
    }
}

/// Mutations that bring in files.
#[derive(Default)]
pub struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Brings the figures of a file into their year sheets: CSV as Excel saves it, XLSX, or JSON-stat; countries by code or
    /// name; years as columns or a figure a row. A dry run tells how the file was understood and exactly what would change;
    /// sent again with the versions that it told, it is written, and published if asked.
    async fn figures_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and what is to become of it.")] input: FiguresImportInput,
    ) -> Result<Mutated<FiguresImportPayload>> {
        let mut faults = Faults::default();
        let overrides = Overrides {
            category: input.category.and_then(|code| faults.take(&["category"], code)),
            year: input.year.and_then(|year| faults.take(&["year"], year)),
            sheet: input.sheet,
            note_locale: input.note_locale.and_then(|locale| faults.take(&["noteLocale"], locale)),
            encoding: input.encoding,
        };
        let mut seen = BTreeMap::new();
        for (index, version) in input.expected_versions.into_iter().enumerate() {
            let index = index.to_string();
            let at = |field| ["expectedVersions", index.as_str(), field];
            let category = faults.take(&at("category"), version.category);
            let year = faults.take(&at("year"), version.year);
            let version = faults.take(&at("version"), version.version);
            if let (Some(category), Some(year), Some(version)) = (category, year, version)
                && seen.insert((category, year), version).is_some()
            {
                faults.push(&at("year"), Rule::Duplicate);
            }
        }
        let reason = input.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
        let bytes = STANDARD.decode(input.content.trim()).ok();
        if bytes.is_none() {
            faults.push(&["content"], Rule::Format { expected: Form::Base64 });
        }
        let wish = Wish {
            seen: (!input.dry_run).then_some(seen),
            policy: input.error_policy.into(),
            publish: input.publish,
            release: Release { kind: input.kind.map(Into::into), reason },
        };
        // Read before anybody else has to wait for it, and only for somebody who may write figures.
        let may_write = match ctx.editor().await {
            Ok(editor) => editor.permit(Action::Save, entities::DocumentKind::YearSheet, None).is_ok(),
            Err(_) => false,
        };
        let reading = match bytes {
            Some(bytes) if may_write && faults.count() == 0 => {
                let (pool, client) = (ctx.state().compute_pool(), Client::of(ctx.caller()));
                Some(understand(pool, &client, bytes, names(&ctx.figures()), overrides).await?)
            }
            _ => None,
        };
        mutate(ctx, "figuresImport", async move |transaction, editor| {
            editor.permit(Action::Save, entities::DocumentKind::YearSheet, None)?;
            faults.into_result()?;
            let reading = reading.ok_or(crate::error::Error::Forbidden)?;
            import(transaction, editor, reading, wish).await
        })
        .await
    }
}
