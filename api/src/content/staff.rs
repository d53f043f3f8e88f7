//! Staff records: a part that all locales share, and a text per locale.

pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Email, Line, Locale, Position, Rule, Slug, staff, staff_text};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    change::tag,
    editorial::{Kind, revision},
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
    /// Where mail reaches the person.
    #[serde(default)]
    pub email: Option<Email>,
    /// Where a call reaches the person, as it is to be shown.
    #[serde(default)]
    pub telephone: Option<Line>,
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
    const HANDLE: &'static str = "id";

    fn key(&self) -> String {
        self.slug.to_string()
    }

    fn position(&mut self) -> Option<&mut Position> {
        Some(&mut self.position)
    }

    fn tags(&self, document: Uuid) -> Vec<String> {
        tag::of_staff_member(document)
    }

    async fn check(&self, transaction: &DatabaseTransaction, document: Option<Uuid>) -> Result<Vec<Fault>> {
        let holder = staff::Entity::find().filter(staff::COLUMN.slug.eq(self.slug.clone())).one(transaction).await?;
        let taken = holder.is_some_and(|member| Some(member.document_id) != document);
        Ok(taken.then(|| Fault::new(["slug"], Rule::Taken)).into_iter().collect())
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
        let row = staff::ActiveModel {
            document_id: Set(document),
            slug: Set(self.slug.clone()),
            position: Set(self.position),
            email: Set(self.email.clone()),
            telephone: Set(self.telephone.clone()),
        };
        let replace = OnConflict::column(staff::Column::DocumentId)
            .update_columns([
                staff::Column::Slug,
                staff::Column::Position,
                staff::Column::Email,
                staff::Column::Telephone,
            ])
            .to_owned();
        staff::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<()> {
        staff::Entity::delete_by_id(document).exec(transaction).await?;
        Ok(())
    }
}

impl Kind for StaffText {
    const KIND: DocumentKind = DocumentKind::StaffText;
    const HANDLE: &'static str = "staffId";

    fn key(&self) -> String {
        key(self.staff, &self.locale)
    }

    fn title(&self) -> String {
        self.name.to_string()
    }

    fn locale(&self) -> Option<&Locale> {
        Some(&self.locale)
    }

    fn owner(&self) -> Option<Uuid> {
        Some(self.staff)
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        tag::of_staff_member(self.staff)
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults = Vec::new();
        if !offered.contains(&self.locale) {
            faults.push(Fault::new(["locale"], Rule::Unknown));
        }
        faults.extend(revision::check_owner(transaction, self.staff, DocumentKind::StaffMember, "staffId").await?);
        Ok(faults)
    }

    async fn requirements(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let member = staff::Entity::find_by_id(self.staff).one(transaction).await?;
        Ok(member.is_none().then(|| Fault::new(["staffId"], Rule::NotPublished)).into_iter().collect())
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
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

    async fn blockers(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let texts = staff_text::Entity::find().filter(staff_text::COLUMN.staff_id.eq(self.staff)).select_only();
        let published: Vec<Locale> = texts.column(staff_text::Column::Locale).into_tuple().all(transaction).await?;
        locale::missing(transaction, &published).await
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<()> {
        staff_text::Entity::delete_by_id(document).exec(transaction).await?;
        Ok(())
    }
}

/// The natural key of a staff record's text.
#[must_use]
pub fn key(staff: Uuid, locale: &Locale) -> String {
    format!("{staff}/{locale}")
}
