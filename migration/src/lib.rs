//! How the database's schema got here: an ordered list of steps.
//!
//! A step is frozen once it is released: a later need is a later step. Nothing of ours is imported, so that a step
//! means next year what it means today; `tests/system/drift.rs` holds the outcome against the entities.

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

mod append_only;
mod constraint;
mod m20261122_000001_create_documents;
mod m20261122_000002_create_access;
mod m20261122_000003_create_content;
mod m20261122_000004_create_figures;
mod m20261122_000005_create_editing;
mod m20261122_000006_create_people;
mod m20261122_000007_create_statistics;
mod m20261123_000008_create_delivery;
mod m20261123_000009_create_rate_limits;
mod m20261123_000010_index_publications;
mod m20261127_000010_create_write_lock;
mod m20261127_000012_store_what_changed;
mod m20261127_000013_correct_clocks;
mod m20261127_000014_keep_checkpoints;
mod m20261127_000015_record_delegations;
mod m20261127_000016_refresh_generations;
mod m20261127_000018_name_targets_of_audit_entries;
mod m20261127_000050_index_revisions;
mod m20261127_000051_say_whether_links_break;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_documents::Migration),
            Box::new(m20261122_000002_create_access::Migration),
            Box::new(m20261122_000003_create_content::Migration),
            Box::new(m20261122_000004_create_figures::Migration),
            Box::new(m20261122_000005_create_editing::Migration),
            Box::new(m20261122_000006_create_people::Migration),
            Box::new(m20261122_000007_create_statistics::Migration),
            Box::new(m20261123_000008_create_delivery::Migration),
            Box::new(m20261123_000009_create_rate_limits::Migration),
            Box::new(m20261123_000010_index_publications::Migration),
            Box::new(m20261127_000010_create_write_lock::Migration),
            Box::new(m20261127_000012_store_what_changed::Migration),
            Box::new(m20261127_000013_correct_clocks::Migration),
            Box::new(m20261127_000014_keep_checkpoints::Migration),
            Box::new(m20261127_000015_record_delegations::Migration),
            Box::new(m20261127_000016_refresh_generations::Migration),
            Box::new(m20261127_000018_name_targets_of_audit_entries::Migration),
            Box::new(m20261127_000050_index_revisions::Migration),
            Box::new(m20261127_000051_say_whether_links_break::Migration),
        ]
    }
}
