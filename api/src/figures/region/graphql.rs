//! Regions of the world as front ends read them.

use async_graphql::SimpleObject;
use entities::Language;

use crate::{figures::region, graphql::record, locale::Preference};

record! {
[
/// A region or sub-region of the world after the United Nations (M49).
#[derive(SimpleObject)]
]
pub struct Region {
    /// Its code in M49: three digits, such as `142` for Asia.
    code: &'static str,
    /// Its name: in Japanese when that is the locale asked for, otherwise in English.
    name: &'static str,
}
}

impl Region {
    /// What to serve of a region.
    pub fn new(region: &region::Region, preference: &Preference) -> Self {
        Self { code: region.code, name: region.name(Language::of(preference.requested())) }
    }
}
