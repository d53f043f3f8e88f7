//! Countries and areas with the names that the tenant gives them.

pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{
    CountryCode, DocumentKind, Line, Locale, Localized, Position, Rule, country, country_name, visit_count,
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

/// The content of a document of kind `COUNTRY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Country {
    /// Its code.
    pub code: CountryCode,
    /// Its place in the tenant's order.
    pub position: Position,
    /// Its names.
    pub names: Localized<Line>,
}

impl Kind for Country {
    const KIND: DocumentKind = DocumentKind::Country;
    const HANDLE: &'static str = "code";

    fn key(&self) -> String {
        self.code.to_string()
    }

    fn locales(&self) -> Vec<Locale> {
        self.names.keys().cloned().collect()
    }

    fn position(&mut self) -> Option<&mut Position> {
        Some(&mut self.position)
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        vec![tag::FIGURES.to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults: Vec<Fault> = locale::unknown(&offered, &["names"], self.names.keys()).collect();
        if self.names.is_empty() {
            faults.push(Fault::new(["names"], Rule::Required));
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
        let row = country::ActiveModel {
            code: Set(self.code.clone()),
            document_id: Set(document),
            position: Set(self.position),
        };
        let replace = OnConflict::column(country::Column::Code).update_column(country::Column::Position).to_owned();
        country::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        country_name::Entity::delete_many()
            .filter(country_name::COLUMN.country.eq(self.code.clone()))
            .exec(transaction)
            .await?;
        let names = self.names.iter().map(|(locale, name)| country_name::ActiveModel {
            country: Set(self.code.clone()),
            locale: Set(locale.clone()),
            name: Set(name.clone()),
        });
        country_name::Entity::insert_many(names).exec(transaction).await?;
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<()> {
        let used = visit_count::Entity::find()
            .filter(visit_count::COLUMN.country.eq(self.code.clone()))
            .one(transaction)
            .await?;
        if used.is_some() {
            return Err(Error::invalid(["id"], Rule::InUse));
        }
        country_name::Entity::delete_many()
            .filter(country_name::COLUMN.country.eq(self.code.clone()))
            .exec(transaction)
            .await?;
        country::Entity::delete_by_id(self.code.clone()).exec(transaction).await?;
        Ok(())
    }
}
