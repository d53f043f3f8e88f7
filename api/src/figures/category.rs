//! Categories of visits with their names and what they cover.

pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, DocumentKind, Line, Locale, Localized, Position, Prose, Rule, category, category_name, visit_count,
    yearly_total,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    change::tag,
    editorial::Kind,
    error::{Error, Fault, Result},
    locale,
};

/// The content of a document of kind `CATEGORY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its code.
    pub code: CategoryCode,
    /// Its place in the tenant's order.
    pub position: Position,
    /// Its names.
    pub labels: Localized<Label>,
}

/// What a category is called in one locale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The name.
    pub name: Line,
    /// What it covers.
    pub description: Option<Prose>,
}

impl Kind for Category {
    const KIND: DocumentKind = DocumentKind::Category;
    const HANDLE: &'static str = "code";

    fn key(&self) -> String {
        self.code.to_string()
    }

    fn locales(&self) -> Vec<Locale> {
        self.labels.keys().cloned().collect()
    }

    fn position(&mut self) -> Option<&mut Position> {
        Some(&mut self.position)
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        vec![tag::FIGURES.to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults: Vec<Fault> = locale::unknown(&offered, &["labels"], self.labels.keys()).collect();
        if self.labels.is_empty() {
            faults.push(Fault::new(["labels"], Rule::Required));
        }
        Ok(faults)
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
        let row = category::ActiveModel {
            code: Set(self.code.clone()),
            document_id: Set(document),
            position: Set(self.position),
        };
        let replace = OnConflict::column(category::Column::Code).update_column(category::Column::Position).to_owned();
        category::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        category_name::Entity::delete_many()
            .filter(category_name::COLUMN.category.eq(self.code.clone()))
            .exec(transaction)
            .await?;
        let names = self.labels.iter().map(|(locale, label)| category_name::ActiveModel {
            category: Set(self.code.clone()),
            locale: Set(locale.clone()),
            name: Set(label.name.clone()),
            description: Set(label.description.clone()),
        });
        category_name::Entity::insert_many(names).exec(transaction).await?;
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<()> {
        let used = visit_count::Entity::find()
            .filter(visit_count::COLUMN.category.eq(self.code.clone()))
            .one(transaction)
            .await?;
        if used.is_some() {
            return Err(Error::invalid(["id"], Rule::InUse));
        }
        let used = yearly_total::Entity::find()
            .filter(yearly_total::COLUMN.category.eq(self.code.clone()))
            .one(transaction)
            .await?;
        if used.is_some() {
            return Err(Error::invalid(["id"], Rule::InUse));
        }
        category_name::Entity::delete_many()
            .filter(category_name::COLUMN.category.eq(self.code.clone()))
            .exec(transaction)
            .await?;
        category::Entity::delete_by_id(self.code.clone()).exec(transaction).await?;
        Ok(())
    }
}
