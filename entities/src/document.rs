//! `documents`: everything editable, whatever its kind. A document is a stack of revisions.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Version;

/// What a document holds. The kind decides the form of the content and the live tables that it is projected into.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentKind {
    /// The site's name, locales and fallback chains; there is one.
    Site,
    /// The part of a page that all locales share.
    Page,
    /// A page in one locale.
    PageText,
    /// The part of a staff record that all locales share.
    StaffMember,
    /// A staff record in one locale.
    StaffText,
    /// A country with its names.
    Country,
    /// A category of visits with its names.
    Category,
    /// The figures of one category and year.
    YearSheet,
    /// What is said of the figures as a whole; there is one.
    FactSheetMetadata,
}

impl DocumentKind {
    /// The name as it is stored and sent (`PAGE_TEXT`).
    #[must_use]
    pub fn as_str(self) -> String {
        self.to_value()
    }
}

/// Where a document stands between its editors and the public.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentState {
    /// Never published: a draft from the beginning.
    NeverPublished,
    /// Published in its newest version.
    Published,
    /// Published with a newer draft.
    Modified,
    /// With a schedule that is still to come, published or not.
    Scheduled,
    /// Published once and withdrawn.
    Unpublished,
    /// Put away.
    Archived,
}

impl DocumentState {
    /// All states, in the order of a document's life.
    pub const ALL: [Self; 6] =
        [Self::NeverPublished, Self::Scheduled, Self::Published, Self::Modified, Self::Unpublished, Self::Archived];
}

/// A document. Its version is the number of its newest revision.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "documents")]
pub struct Model {
    /// UUID version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it holds.
    pub kind: DocumentKind,
    /// Its natural key within all kinds (`COUNTRY/JP`, `YEAR_SHEET/RESIDENT/2022`).
    #[sea_orm(unique, column_type = "Text")]
    pub key: String,
    /// The number of the newest revision.
    pub version: Version,
    /// The number of the revision that the public sees.
    pub published_number: Option<Version>,
    /// When its next pending schedule is due.
    pub due_at: Option<DateTimeUtc>,
    /// When the document was put away.
    pub archived_at: Option<DateTimeUtc>,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// The document that it belongs to: the page of a text of a page, the staff record of a text of one.
    pub owner_id: Option<Uuid>,
    /// When it was published for the first time.
    pub first_published_at: Option<DateTimeUtc>,
    /// Where it stands: computed by the database from the columns above, and never set.
    pub state: DocumentState,
    /// Its revisions.
    #[sea_orm(has_many)]
    pub revisions: HasMany<super::revision::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
