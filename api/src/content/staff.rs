//! Staff records: a part that all locales share, and a text per locale.

pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Line, Locale, Position, Rule, Slug, staff, staff_text};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    editorial::Kind,
    error::{Fault, Result},
    locale,
};

/// The content of a document of kind `STAFF_MEMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffMember {
    /// Its name in addresses.
    pub slug: Slug,
    /// Its place in the list.
    pub position: Position,
}

/// The content of a document of kind `STAFF_TEXT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffText {
    /// The document of the staff record.
    pub staff: Uuid,
    /// The locale.
    pub locale: Locale,
    /// The person's name.
    pub name: Line,
    /// What the person is in the section.
    pub role: Line,
    /// Academic degree.
    pub degree: Option<Line>,
    /// Field of work.
    pub field: Option<Line>,
}

impl Kind for StaffMember {
    const KIND: DocumentKind = DocumentKind::StaffMember;

    fn key(&self) -> String {
        self.slug.to_string()
    }

    fn tags(&self) -> Vec<String> {
        vec![format!("staff:{}", self.slug)]
    }

    async fn check(&self, _: &DatabaseTransaction) -> Result<Vec<Fault>> {
        Ok(Vec::new())
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, _: DateTime<Utc>) -> Result<()> {
        let row = staff::ActiveModel {
            document_id: Set(document),
            slug: Set(self.slug.clone()),
            position: Set(self.position),
        };
        let replace = OnConflict::column(staff::Column::DocumentId)
            .update_columns([staff::Column::Slug, staff::Column::Position])
            .to_owned();
        staff::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }
}

impl Kind for StaffText {
    const KIND: DocumentKind = DocumentKind::StaffText;

    fn key(&self) -> String {
        format!("{}/{}", self.staff, self.locale)
    }

    fn tags(&self) -> Vec<String> {
        vec![format!("staff:{}:{}", self.staff, self.locale)]
    }

    async fn check(&self, transaction: &DatabaseTransaction) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults: Vec<Fault> = locale::unknown(&offered, &[], [&self.locale]).collect();
        if staff::Entity::find_by_id(self.staff).one(transaction).await?.is_none() {
            faults.push(Fault::new(["staff"], Rule::Unknown));
        }
        Ok(faults)
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, _: DateTime<Utc>) -> Result<()> {
        let row = staff_text::ActiveModel {
            document_id: Set(document),
            staff_id: Set(self.staff),
            locale: Set(self.locale.clone()),
            name: Set(self.name.clone()),
            role: Set(self.role.clone()),
            degree: Set(self.degree.clone()),
            field: Set(self.field.clone()),
        };
        let replace = OnConflict::column(staff_text::Column::DocumentId)
            .update_columns([
                staff_text::Column::Name,
                staff_text::Column::Role,
                staff_text::Column::Degree,
                staff_text::Column::Field,
            ])
            .to_owned();
        staff_text::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }
}
