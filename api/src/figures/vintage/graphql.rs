//! What was published when, as front ends read it.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Context, Object, SimpleObject};
use chrono::TimeDelta;
use entities::{CategoryCode, CountryCode, Moment, Rule, Year};
use uuid::Uuid;

use crate::{
    access::{account, permission::Capability},
    error::{Error, Result},
    figures::{
        disclosure::{Figure, Sheet},
        fact_sheet::graphql::moment,
        graphql::{PublishedFigure, ReleaseKind},
        vintage::{FigureState, Release, SheetKey},
    },
    graphql::{At, ContextExt, Faults, Input, Scalar},
};

/// The most changes of figures that one answer holds.
const MAX_CHANGES: usize = 10_000;

/// One publication of the figures of a category and year. What was public at its moment is `factSheet(asOf:)`.
#[derive(SimpleObject)]
pub struct Vintage {
    /// When.
    published_at: At,
    /// The category's code.
    category: Scalar<CategoryCode>,
    /// The year.
    year: Scalar<Year>,
    /// Whether the figures were withdrawn.
    withdrawn: bool,
    #[graphql(flatten)]
    cause: Cause,
}

/// Why figures changed, and who did it.
pub struct Cause {
    kind: Option<entities::ReleaseKind>,
    reason: Option<String>,
    editor: Option<Uuid>,
}

/// Why figures changed, and who did it.
#[Object]
impl Cause {
    /// Why, after the revision policies of official statistics; null when figures were withdrawn.
    async fn kind(&self) -> Option<ReleaseKind> {
        self.kind.map(Into::into)
    }

    /// Why, in the publisher's words.
    async fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The e-mail address of the account that published it; null at the command line, and for those who may not read
    /// drafts.
    async fn published_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let editor = self.editor?;
        ctx.caller().credential.as_ref()?;
        let told = async {
            let caller = ctx.editor().await?;
            if !caller.grants().include(Capability::ReadDrafts) {
                return Ok(None);
            }
            account::email(ctx.state(), editor).await.map(Some)
        };
        told.await.transpose()
    }
}

impl Cause {
    fn of(release: Release) -> Self {
        let Release { kind, reason, editor, .. } = release;
        Self { kind, reason, editor }
    }
}

/// One change of a published figure.
#[derive(SimpleObject)]
pub struct FigureChange {
    /// When.
    published_at: At,
    /// What was public before; null when nothing was.
    before: Option<PublishedFigure>,
    /// What is public since then; null when nothing is.
    after: Option<PublishedFigure>,
    #[graphql(flatten)]
    cause: Cause,
}

/// A figure that is another one than at an earlier moment.
#[derive(SimpleObject)]
pub struct FigureDelta {
    /// The category's code.
    category: Scalar<CategoryCode>,
    /// The country's code; null for the published total.
    country: Option<Scalar<CountryCode>>,
    /// The year.
    year: Scalar<Year>,
    /// What was public at that moment; null when nothing was.
    before: Option<PublishedFigure>,
    /// What is public now; null when nothing is.
    after: Option<PublishedFigure>,
}

/// What changed in published figures since a moment.
#[derive(SimpleObject)]
pub struct FigureDeltas {
    /// The moment up to which this tells, to be sent as `since` next time.
    until: At,
    /// The figures that are others than they were, by category, year and country.
    figures: Vec<FigureDelta>,
}

/// Queries about earlier figures.
#[derive(Default)]
pub struct VintageQuery;

#[Object]
impl VintageQuery {
    /// Every publication of figures, the oldest first: the moments at which a fact sheet changed.
    async fn vintages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of this category only.")] category: Option<Input<CategoryCode>>,
        #[graphql(desc = "Of this year only.")] year: Option<Input<Year>>,
    ) -> Result<Vec<Vintage>> {
        let mut faults = Faults::default();
        let category = category.and_then(|code| faults.take(&["category"], code));
        let year = year.and_then(|year| faults.take(&["year"], year));
        faults.into_result()?;
        let figures = ctx.figures();
        let wanted = |key: &SheetKey| {
            category.as_ref().is_none_or(|code| *code == key.0) && year.is_none_or(|year| year == key.1)
        };
        let listed = figures.vintages.list(ctx.state().database().reader(), wanted).await?;
        let vintage = |vintage: super::Vintage| Vintage {
            published_at: vintage.release.at.into(),
            category: Scalar(vintage.key.0),
            year: Scalar(vintage.key.1),
            withdrawn: vintage.is_withdrawn,
            cause: Cause::of(vintage.release),
        };
        Ok(listed.into_iter().map(vintage).collect())
    }

    /// What became of a published figure: what it was, what it is, why, when, the oldest first. Of a figure that the
    /// disclosure policy withholds, and of a change that rounds to the same, nothing is told.
    async fn figure_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The category's code.")] category: Input<CategoryCode>,
        #[graphql(desc = "The country's code; the published total when left out.")] country: Option<Input<CountryCode>>,
        #[graphql(desc = "The year.")] year: Input<Year>,
    ) -> Result<Vec<FigureChange>> {
        let mut faults = Faults::default();
        let category = faults.take(&["category"], category);
        let year = faults.take(&["year"], year);
        let country = country.map(|code| faults.take(&["country"], code));
        faults.into_result()?;
        let (Some(category), Some(year)) = (category, year) else { return Ok(Vec::new()) };
        let figures = ctx.figures();
        if figures.category(&category).is_none() {
            return Err(Error::invalid(["category"], Rule::Unknown));
        }
        let country = country.flatten();
        if country.as_ref().is_some_and(|code| figures.country(code).is_none()) {
            return Err(Error::invalid(["country"], Rule::Unknown));
        }
        let reader = ctx.state().database().reader();
        let mut changes = Vec::new();
        let mut before: Option<Arc<Figure>> = None;
        for FigureState { release, figure: after } in
            figures.vintages.figure(reader, (&category, year), country.as_ref()).await?
        {
            if after.as_deref().map(Figure::observation) != before.as_deref().map(Figure::observation) {
                changes.push(FigureChange {
                    published_at: release.at.into(),
                    before: state(before.as_deref()),
                    after: state(after.as_deref()),
                    cause: Cause::of(release),
                });
            }
            before = after;
        }
        Ok(changes)
    }

    /// The figures that are others now than they were at a moment: for whoever keeps a copy.
    async fn figure_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The moment.")] since: Input<Moment>,
    ) -> Result<FigureDeltas> {
        let mut faults = Faults::default();
        let since = moment(ctx.state(), &mut faults, "since", since);
        faults.into_result()?;
        let since = since.unwrap_or_default();
        let figures = ctx.figures();
        let then = figures.read_as_of(ctx.state().database().reader(), since).await?;
        // What comes next is published after the newest that is here, whatever the clock of this process says.
        let now = ctx.state().now();
        let until = figures.vintages.newest().filter(|newest| *newest < now);
        // In this very millisecond there may be more to come.
        let until = until.unwrap_or(now - TimeDelta::milliseconds(1)).max(since);
        let (old, new) = (then.sheets(), figures.sheets());
        let keys: BTreeSet<&SheetKey> = old.keys().chain(new.keys()).collect();
        let mut deltas = Vec::new();
        for key in keys {
            let (old, new) = (old.get(key), new.get(key));
            if old.zip(new).is_some_and(|(old, new)| old == new) {
                continue;
            }
            let countries: BTreeSet<&CountryCode> =
                old.into_iter().chain(new).flat_map(|sheet| sheet.counts().keys()).collect();
            for country in countries.into_iter().map(Some).chain([None]) {
                let of = |sheet: Option<&Arc<Sheet>>| sheet.and_then(|sheet| figure(sheet, country));
                let (before, after) = (of(old), of(new));
                if before.as_deref().map(Figure::observation) != after.as_deref().map(Figure::observation) {
                    deltas.push(FigureDelta {
                        category: Scalar(key.0.clone()),
                        country: country.cloned().map(Scalar),
                        year: Scalar(key.1),
                        before: state(before.as_deref()),
                        after: state(after.as_deref()),
                    });
                }
            }
        }
        if deltas.len() > MAX_CHANGES {
            return Err(Error::invalid(["since"], Rule::TooMany { max: MAX_CHANGES }));
        }
        Ok(FigureDeltas { until: until.into(), figures: deltas })
    }
}

/// The figure of a country, or the total where there is none.
fn figure(sheet: &Sheet, country: Option<&CountryCode>) -> Option<Arc<Figure>> {
    match country {
        Some(country) => sheet.counts().get(country),
        None => sheet.total(),
    }
    .cloned()
}

fn state(figure: Option<&Figure>) -> Option<PublishedFigure> {
    figure.map(|figure| PublishedFigure::new(Some(figure)))
}
